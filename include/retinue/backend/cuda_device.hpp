// SPDX-License-Identifier: Apache-2.0
// A CUDA stream and memory of its device, for programs without LibTorch: beside what a runtime such
// as TensorRT leaves on the device. Needs the runtime's header alone.
#pragma once

#include <retinue/backend/cuda_blocks.hpp>  // cuda_blocks
#include <retinue/backend/team_device.hpp>  // team_device
#include <retinue/error.hpp>                // fail

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

namespace retinue {

/// The device of a stream, which outlives it and all memory of it.
class cuda_device : public cuda_blocks {
 public:
  using cuda_blocks::cuda_blocks;

  /// Bytes that are taken and given back in the order of the stream.
  class owned {
   public:
    owned(std::size_t n, cudaStream_t stream) : stream_(stream)
    {
      // A block without bytes has a place, too.
      check(cudaMallocAsync(&data_, n > 0 ? n : 1, stream), "give memory");
    }
    owned(owned&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), stream_(other.stream_)
    {
    }
    /// Changes places with it.
    owned& operator=(owned&& other) noexcept
    {
      std::swap(data_, other.data_);
      std::swap(stream_, other.stream_);
      return *this;
    }
    ~owned()
    {
      if (data_) cudaFreeAsync(data_, stream_);
    }

    [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(data_); }

   private:
    void* data_ = nullptr;
    cudaStream_t stream_;
  };

  [[nodiscard]] owned memory(std::size_t n) const { return {n, on()}; }
  void put(const std::byte* from, std::byte* to, std::size_t n) const
  {
    // What is no pinned memory has been copied aside when the call returns.
    check(cudaMemcpyAsync(to, from, n, cudaMemcpyHostToDevice, on()), "take what it is sent");
  }
  void fetch(const std::byte* from, std::byte* to, std::size_t n) const
  {
    check(cudaMemcpyAsync(to, from, n, cudaMemcpyDeviceToHost, on()), "send what it has");
    check(cudaStreamSynchronize(on()), "finish");
  }
  void clear(std::byte* at, std::size_t n) const
  {
    check(cudaMemsetAsync(at, 0, n, on()), "clear its memory");
  }

 private:
  [[nodiscard]] cudaStream_t on() const { return static_cast<cudaStream_t>(stream()); }
  static void check(cudaError_t said, const char* what)
  {
    if (said != cudaSuccess) fail("CUDA does not ", what, ": ", cudaGetErrorString(said));
  }
};
static_assert(team_device<cuda_device>);

}  // namespace retinue
