// SPDX-License-Identifier: Apache-2.0
// A team that is a CUDA block, and the definition of what cuda_blocks declares. For .cu files.
#pragma once

#include <retinue/backend/cuda_blocks.hpp>  // cuda_blocks
#include <retinue/backend/team.hpp>         // team
#include <retinue/error.hpp>                // fail

#include <cuda_runtime.h>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cuda/atomic>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace retinue {

/// One thread of a block of so many. Items are counted in 32 bits, which are half the registers.
template <int Threads>
class cuda_team {
  static_assert(Threads % 32 == 0);

 public:
  __device__ std::uint32_t block() const { return blockIdx.x; }

  template <class Each>
  __device__ void each(std::size_t n, const Each& f)
  {
    for (std::uint32_t i = threadIdx.x; i < static_cast<std::uint32_t>(n); i += Threads) f(i);
    __syncthreads();
  }

  /// The lanes of a warp.
  struct warp_lanes {
    template <class Each>
    __device__ void each(std::size_t n, const Each& f) const
    {
      for (std::uint32_t i = threadIdx.x % 32; i < static_cast<std::uint32_t>(n); i += 32) f(i);
      __syncwarp();
    }
    template <class Once>
    __device__ void once(const Once& f) const
    {
      if (threadIdx.x % 32 == 0) f();
      __syncwarp();
    }
  };
  template <class Each>
  __device__ void each_by_warp(std::size_t n, const Each& f)
  {
    for (std::uint32_t i = threadIdx.x / 32; i < static_cast<std::uint32_t>(n); i += Threads / 32)
      f(i, warp_lanes{});
    __syncthreads();
  }

  template <class Once>
  __device__ void once(const Once& f)
  {
    if (threadIdx.x == 0) f();
    __syncthreads();
  }

  template <class R, class Value>
  [[nodiscard]] __device__ R sum(std::size_t n, const Value& f)
  {
    using reduce = cub::BlockReduce<R, Threads>;
    __shared__ typename reduce::TempStorage room;
    __shared__ R all;
    R own{};
    for (std::uint32_t i = threadIdx.x; i < static_cast<std::uint32_t>(n); i += Threads)
      own += f(i);
    const R sum = reduce(room).Sum(own);
    if (threadIdx.x == 0) all = sum;
    __syncthreads();
    const R said = all;
    __syncthreads();  // before the next sum writes it
    return said;
  }

  template <class Value, class Store>
  __device__ std::uint32_t sum_before(std::size_t n, const Value& f, const Store& g)
  {
    using scan = cub::BlockScan<std::uint32_t, Threads>;
    __shared__ typename scan::TempStorage room;
    std::uint32_t all = 0;
    for (std::uint32_t first = 0; first < static_cast<std::uint32_t>(n); first += Threads) {
      const std::uint32_t i = first + threadIdx.x;
      const std::uint32_t own = i < n ? f(i) : 0;
      std::uint32_t before = 0, sum = 0;
      scan(room).ExclusiveSum(own, before, sum);
      if (i < n) g(i, all + before);
      all += sum;
      __syncthreads();
    }
    return all;
  }

  __device__ static void raise(std::uint32_t& x, std::uint32_t v) { atomicMax(&x, v); }
  __device__ static void raise(std::uint64_t& x, std::uint64_t v)
  {
    atomicMax(reinterpret_cast<unsigned long long*>(&x), static_cast<unsigned long long>(v));
  }
  __device__ static std::uint32_t add(std::uint32_t& x, std::uint32_t v)
  {
    return atomicAdd(&x, v);
  }
  template <class U>
  __device__ static void publish(U& x, std::type_identity_t<U> v)
  {
    cuda::atomic_ref<U, cuda::thread_scope_device>(x).store(v, cuda::memory_order_release);
  }
  template <class U>
  __device__ static U peek(const U& x)
  {
    return cuda::atomic_ref<U, cuda::thread_scope_device>(const_cast<U&>(x))
        .load(cuda::memory_order_acquire);
  }
};

namespace detail {
/// Of how many threads blocks may be, and how many blocks must find registers on one
/// multiprocessor; 0: any. A multiprocessor of sm_75 has room for 1024 threads, and so 64 registers
/// for each, of which ptxas would take more; elsewhere what it takes by itself is better.
struct launch_bounds {
  int threads, blocks;

  __host__ __device__ explicit constexpr launch_bounds(std::size_t of)
      : threads(static_cast<int>(of)), blocks(0)
  {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 750
    blocks = 1024 / threads;
    threads = 1024 / blocks;
#endif
  }
};

template <class Program>
__global__ void __launch_bounds__(launch_bounds(Program::threads).threads,
                                  launch_bounds(Program::threads).blocks)
    run_program(Program program)
{
  __shared__ typename Program::shared own;
  cuda_team<static_cast<int>(Program::threads)> team;
  program(team, own);
}
}  // namespace detail

template <class Program>
void cuda_blocks::run(std::size_t blocks, const Program& program)
{
  static_assert(std::is_trivially_copyable_v<Program>);
  if (blocks == 0) return;
  cudaLaunchConfig_t as{};
  as.gridDim = static_cast<unsigned>(std::min<std::size_t>(blocks, UINT_MAX));
  as.blockDim = static_cast<unsigned>(Program::threads);
  as.stream = static_cast<cudaStream_t>(stream_);
  const cudaError_t said = cudaLaunchKernelEx(&as, detail::run_program<Program>, program);
  if (said == cudaSuccess) return;
  cudaGetLastError();  // where CUDA keeps it, to say it again of what comes next
  fail("CUDA refused a program of ", blocks, " blocks of ", Program::threads,
       " threads: ", cudaGetErrorString(said));
}

}  // namespace retinue
