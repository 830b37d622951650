// SPDX-License-Identifier: Apache-2.0
// Processes of one machine or of several, over LibTorch's c10d: gloo for tensors of the processor,
// NCCL for those of CUDA devices.
//
//   gloo_group all(meeting_of_environment());   // as torchrun, Slurm's scripts and others set it
//   trainer run(network, aim, sgd(*network), "runs/1", {.group = &all});
//
// Needs gloo's headers (Debian: libgloo-dev) beside a LibTorch that was built with it. NCCL is
// taken where LibTorch has it and the device is a CUDA device; nobody has run that yet.
#pragma once

#include <retinue/error.hpp>                 // fail
#include <retinue/models/process_group.hpp>  // process_group
#include <retinue/train/meeting.hpp>         // meeting

#include <netdb.h>       // getaddrinfo
#include <sys/socket.h>  // getsockname
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/torch.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {
/// Newer LibTorch asks for libuv, which Debian's is built without.
template <class Options>
void use_plain_sockets(Options& options)
{
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

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

/// Processes that have met: by Gloo, or by NCCL where tensors lie on CUDA devices.
class gloo_group final : public process_group {
 public:
  /// Waits until all have come. `device` is where the tensors will lie.
  explicit gloo_group(meeting at, at::Device device = at::kCPU) : at_(std::move(at))
  {
    if (at_.size < 1 || at_.rank < 0 || at_.rank >= at_.size)
      fail("process ", at_.rank, " of ", at_.size, ": expected a number from 0 to ", at_.size - 1);
    try {
      c10d::TCPStoreOptions wanted;
      detail::use_plain_sockets(wanted);
      wanted.port = at_.port;
      wanted.isServer = at_.rank == 0;
      wanted.numWorkers = static_cast<std::size_t>(at_.size);
      wanted.timeout = at_.patience;
      const auto store = c10::make_intrusive<c10d::TCPStore>(at_.host, wanted);
      if (device.is_cuda()) {
#ifdef USE_C10D_NCCL
        const auto options = c10d::ProcessGroupNCCL::Options::create();
        options->timeout = at_.patience;
        over_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, at_.rank, at_.size, options);
        return;
#else
        fail("this LibTorch was built without NCCL, over which CUDA devices train together");
#endif
      }
      const auto options = c10d::ProcessGroupGloo::Options::create(at_.patience);
      options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(
          detail::own_address_towards(at_.host, at_.port)));
      over_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, at_.rank, at_.size, options);
    } catch (const error&) {
      throw;
    } catch (const std::exception& e) {
      fail("process ", at_.rank, " of ", at_.size, " did not meet the others at ", at_.host, ":",
           at_.port, ": ", first_line(e));
    }
  }

  [[nodiscard]] int rank() const override { return at_.rank; }
  [[nodiscard]] int size() const override { return at_.size; }

  [[nodiscard]] std::function<void()> begin_sum(const at::Tensor& of) override
  {
    std::vector<at::Tensor> tensors{of};
    const auto work = heard([&] { return over_->allreduce(tensors); });
    return [this, work] { heard([&] { return work->wait(); }); };
  }
  void take_first(const at::Tensor& into) override
  {
    std::vector<at::Tensor> tensors{into};
    heard([&] { return over_->broadcast(tensors)->wait(); });
  }

 private:
  static std::string first_line(const std::exception& e)
  {
    const std::string all = e.what();
    return all.substr(0, all.find('\n'));
  }

  /// What the others' silence looks like from here: one sentence.
  template <class Call>
  std::invoke_result_t<const Call&> heard(const Call& call)
  {
    try {
      return call();
    } catch (const std::exception& e) {
      fail("process ", at_.rank, " of ", at_.size,
           " cannot go on, for another one has ended, or is out of reach: ", first_line(e));
    }
  }

#if TORCH_VERSION_MAJOR >= 2
  c10::intrusive_ptr<c10d::Backend> over_;
#else
  c10::intrusive_ptr<c10d::ProcessGroup> over_;
#endif
  meeting at_;
};

}  // namespace retinue
