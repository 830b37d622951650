// SPDX-License-Identifier: Apache-2.0
// Batches on their way to a device, beside what it computes: from pinned memory, on a stream of
// their own, for which the stream that learns waits where it needs them. A host that is ahead, for
// it waits for no number within an update, so has the next batch sent while the last one is learnt
// from.
#pragma once

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/torch.h>

#include <concepts>
#include <optional>
#include <utility>

namespace retinue {

/// The streams of a device, as copies need them.
///
///   aside()      whether there is a stream beside the current one, and memory is to be pinned
///   beside(f)    calls f with that stream as the current one; returns an event: f's work is done
///   wait(event)  has the current stream wait for it, not the host
///   uses(t)      memory of t, which is of the stream beside, is not given to others before what
///                the current stream does with it is done
template <class S>
concept copy_streams = requires(S& s, void (&f)(), const at::Tensor& t) {
  { s.aside() } -> std::same_as<bool>;
  s.wait(s.beside(f));
  s.uses(t);
};

/// Those that LibTorch has: of CUDA devices; others have none beside.
class device_streams {
 public:
  /// Of the device's current streams, whichever they are when they are needed.
  explicit device_streams(at::Device device) : device_(device) {}

  /// Whether the device has streams.
  [[nodiscard]] bool aside() const { return device_.is_cuda(); }

  /// Has work put on a stream of their pool, always the same.
  template <class Work>
  [[nodiscard]] c10::Event beside(const Work& work)
  {
    if (!beside_) beside_ = implementation().getStreamFromGlobalPool(device_);
    const c10::StreamGuard now(*beside_);
    work();
    c10::Event done(device_.type());
    done.record(*beside_);
    return done;
  }
  /// Has the current stream wait.
  void wait(const c10::Event& done) const { done.block(current()); }
  /// Lends the tensor's memory to the current stream.
  void uses(const at::Tensor& tensor) const { tensor.record_stream(current()); }

 private:
  [[nodiscard]] c10::impl::VirtualGuardImpl implementation() const
  {
    return c10::impl::VirtualGuardImpl(device_.type());
  }
  [[nodiscard]] c10::Stream current() const { return implementation().getStream(device_); }

  at::Device device_;
  std::optional<c10::Stream> beside_;
};
static_assert(copy_streams<device_streams>);

/// Sends tensors of the host to a device.
template <copy_streams Streams = device_streams>
class side_copies {
 public:
  /// To that device, by its own streams.
  explicit side_copies(at::Device device) : side_copies(device, Streams(device)) {}
  /// The same by given streams.
  side_copies(at::Device device, Streams streams) : device_(device), streams_(std::move(streams)) {}

  /// Whether what is sent had better lie in pinned memory.
  [[nodiscard]] bool pins() const { return streams_.aside(); }

  /// `from` on the device, for the stream that is current there. Returns at once where `from` is
  /// pinned; it may be let go then, but not be written to.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& from)
  {
    if (!streams_.aside()) return from.to(device_);
    at::Tensor there;
    streams_.wait(streams_.beside([&] { there = from.to(device_, /*non_blocking=*/true); }));
    streams_.uses(there);
    return there;
  }

 private:
  at::Device device_;
  Streams streams_;
};

}  // namespace retinue
