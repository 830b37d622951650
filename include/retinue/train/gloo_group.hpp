// SPDX-License-Identifier: Apache-2.0
// Processes that train on processors, of one machine or of several: by gloo.
//
//   gloo_group all(meeting_of_environment());   // as torchrun, Slurm's scripts and others set it
//   trainer run(network, aim, sgd(*network), "runs/1", {.group = &all});
//
// Needs gloo's headers (Debian: libgloo-dev) beside a LibTorch that was built with it.
#pragma once

#include <retinue/error.hpp>             // fail
#include <retinue/train/c10d_group.hpp>  // c10d_group
#include <retinue/train/meeting.hpp>     // meeting

#include <netdb.h>       // getaddrinfo
#include <sys/socket.h>  // getsockname
#include <torch/torch.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace retinue {

namespace detail {
/// The address of this machine by which it reaches `host`.
[[nodiscard]] inline std::string own_address_towards(const std::string& host, std::uint16_t port)
{
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;
  if (const int trouble = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found))
    fail("the host ", host, " is unknown: ", gai_strerror(trouble));
  std::string own;
  for (const addrinfo* a = found; a && own.empty(); a = a->ai_next) {
    const int socket = ::socket(a->ai_family, SOCK_DGRAM, 0);
    if (socket < 0) continue;
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, NI_MAXHOST> name{};
    // To connect a datagram socket sends nothing: the system only says which way it would take.
    if (::connect(socket, a->ai_addr, a->ai_addrlen) == 0 &&
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
        ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, name.data(), name.size(),
                      nullptr, 0, NI_NUMERICHOST) == 0)
      own = name.data();
    ::close(socket);
  }
  freeaddrinfo(found);
  if (own.empty()) fail("there is no way from this machine to the host ", host);
  return own;
}

}  // namespace detail

/// Processes that have met, for tensors of the processor.
class gloo_group final : public c10d_group {
 public:
  /// Waits until all have come. Throws where they do not come in time, and where the rank is not
  /// below the size.
  explicit gloo_group(meeting where)
      : c10d_group(std::move(where), [](const auto& store, const meeting& at) {
          const auto options = c10d::ProcessGroupGloo::Options::create(at.patience);
          options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(
              detail::own_address_towards(at.host, at.port)));
          return c10::make_intrusive<c10d::ProcessGroupGloo>(store, at.rank, at.size, options);
        })
  {
  }
};

}  // namespace retinue
