// SPDX-License-Identifier: Apache-2.0
// Processes of one machine or of several, over LibTorch's c10d: what is common to gloo_group, for
// tensors of the processor, and nccl_group, for those of CUDA devices.
#pragma once

#include <retinue/error.hpp>                 // fail
#include <retinue/models/process_group.hpp>  // process_group
#include <retinue/train/meeting.hpp>         // meeting

#include <netdb.h>  // getaddrinfo
#include <torch/torch.h>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#else
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#endif
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {
/// Throws where the name of a host stays unknown for a minute, or for as long as one is patient: a
/// machine that starts beside this one may have none yet.
inline void await_name(const std::string& host, std::chrono::milliseconds patience)
{
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::min<clock::duration>(patience, std::chrono::minutes(1));
  for (;;) {
    addrinfo* found = nullptr;
    const int trouble = getaddrinfo(host.c_str(), nullptr, nullptr, &found);
    if (trouble == 0) return freeaddrinfo(found);
    if (clock::now() >= until) fail("the host is unknown: ", gai_strerror(trouble));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

/// Waits until all have said of how many they were told. Throws where that is not the same number.
inline void await_all(c10d::Store& store, const meeting& at)
{
  const auto key = [](int rank) { return "retinue/size/" + std::to_string(rank); };
  const std::string own = std::to_string(at.size);
  store.set(key(at.rank), std::vector<std::uint8_t>(own.begin(), own.end()));
  for (int rank = 0; rank < at.size; ++rank) {
    const std::vector<std::uint8_t> said = store.get(key(rank));
    if (const std::string theirs(said.begin(), said.end()); theirs != own)
      fail("process ", rank, " is one of ", theirs);
  }
}

/// Newer LibTorch asks for libuv, which Debian's is built without.
template <class Options>
void use_plain_sockets(Options& options)
{
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

}  // namespace detail

/// Processes that have met. Which way tensors travel is a matter of the class that is derived.
class c10d_group : public process_group {
 public:
  [[nodiscard]] int rank() const final { return at_.rank; }
  [[nodiscard]] int size() const final { return at_.size; }

  [[nodiscard]] std::function<void()> begin_sum(const at::Tensor& of) final
  {
    std::vector<at::Tensor> tensors{of};
    const auto work = heard([&] { return over_->allreduce(tensors); });
    return [this, work] { heard([&] { return work->wait(); }); };
  }
  void take_first(const at::Tensor& into) final
  {
    std::vector<at::Tensor> tensors{into};
    heard([&] { return over_->broadcast(tensors)->wait(); });
  }

 protected:
  /// Waits until all have come; `travel(store, at)` is then how they talk.
  template <class Travel>
  c10d_group(meeting at, const Travel& travel) : at_(std::move(at))
  {
    if (at_.size < 1 || at_.rank < 0 || at_.rank >= at_.size)
      fail("process ", at_.rank, " of ", at_.size, ": expected a number from 0 to ", at_.size - 1);
    try {
      const auto arrival = std::min(at_.arrival, at_.patience);
      detail::await_name(at_.host, arrival);
      c10d::TCPStoreOptions wanted;
      detail::use_plain_sockets(wanted);
      wanted.port = at_.port;
      wanted.isServer = at_.rank == 0;
      wanted.numWorkers = static_cast<std::size_t>(at_.size);
      wanted.waitWorkers = false;
      wanted.timeout = arrival;
      const auto store = c10::make_intrusive<c10d::TCPStore>(at_.host, wanted);
      detail::await_all(*store, at_);
      store->setTimeout(at_.patience);
      over_ = travel(store, at_);
    } catch (const std::exception& e) {
      fail("process ", at_.rank, " of ", at_.size, " did not meet the others at ", at_.host, ":",
           at_.port, ": ", first_line(e));
    }
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
