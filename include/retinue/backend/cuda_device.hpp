// SPDX-License-Identifier: Apache-2.0
// A CUDA stream and memory of its device, for programs without LibTorch: beside what a runtime such
// as TensorRT leaves on the device. Needs the runtime's header alone.
#pragma once

#include <retinue/backend/cuda_blocks.hpp>  // cuda_blocks
#include <retinue/backend/team_device.hpp>  // team_device
#include <retinue/error.hpp>                // fail

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

namespace retinue {

/// The device of a stream, which outlives it and all memory of it. What is given back stays with
/// the device and its copies for what is asked for next, so that a steady state takes nothing from
/// the system.
class cuda_device : public cuda_blocks {
 public:
  using cuda_blocks::cuda_blocks;

  /// Bytes that are taken and given back in the order of the stream.
  class owned {
   public:
    owned(std::size_t n, cudaMemPool_t pool, cudaStream_t stream) : stream_(stream)
    {
      // A block without bytes has a place, too.
      check(cudaMallocFromPoolAsync(&data_, n > 0 ? n : 1, pool, stream), "give memory");
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

  /// Bytes of the device that is current at the first call.
  [[nodiscard]] owned memory(std::size_t n) const { return {n, pool_->handle(), on()}; }
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
  /// Memory that is kept until all of it has been given back and nobody asks any more.
  class pool {
   public:
    pool() = default;
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool()
    {
      if (handle_) cudaMemPoolDestroy(handle_);
    }

    [[nodiscard]] cudaMemPool_t handle()
    {
      if (handle_) return handle_;
      cudaMemPoolProps of{};
      of.allocType = cudaMemAllocationTypePinned;  // the only one that there is
      of.location.type = cudaMemLocationTypeDevice;
      check(cudaGetDevice(&of.location.id), "name its device");
      check(cudaMemPoolCreate(&handle_, &of), "make a pool of memory");
      std::uint64_t kept = std::numeric_limits<std::uint64_t>::max();
      check(cudaMemPoolSetAttribute(handle_, cudaMemPoolAttrReleaseThreshold, &kept),
            "keep its memory");
      return handle_;
    }

   private:
    cudaMemPool_t handle_ = nullptr;
  };

  [[nodiscard]] cudaStream_t on() const { return static_cast<cudaStream_t>(stream()); }
  static void check(cudaError_t said, const char* what)
  {
    if (said != cudaSuccess) fail("CUDA does not ", what, ": ", cudaGetErrorString(said));
  }

  std::shared_ptr<pool> pool_ = std::make_shared<pool>();
};
static_assert(team_device<cuda_device>);

}  // namespace retinue
