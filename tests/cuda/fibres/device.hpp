// SPDX-License-Identifier: Apache-2.0
// A CUDA device for tests where there is none: what backend/cuda_blocks.cuh and cuda_device.hpp use
// of CUDA, by the processor. Each thread of a block is a fibre, which runs up to the next barrier;
// blocks run one after another. It is stricter than a device:
//
//   - what a stream is asked for is done when the host waits for it, and no earlier
//   - memory of the device is out of the host's reach but for the calls that copy
//   - a program's views and settings hold no address of the host (as far as the compiler can tell
//     them from padding)
//   - all threads meet at the same barrier; who writes beside a block of memory is found when that
//     is given back
//   - a sum is the first thread's alone
//
// What is wrong comes back as an error of CUDA's, with a sentence. Fibres take turns rising,
// falling or shuffled, as RETINUE_FIBRES says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <type_traits>
#include <typeinfo>

namespace fibres {

/// The number of a thread or a block.
struct place {
  unsigned x = 0;
};

/// Where the fibres of a block wait for each other.
enum class meeting { of_block, of_warp };
/// Where a barrier stands in the source.
struct barrier {
  const char* file;
  int line;
  const char* function;
};
void meet(meeting, const barrier& at);
/// Lets others go on.
void pause();

/// What a program consists of.
using bytes = std::span<const std::byte>;

}  // namespace fibres

inline fibres::place threadIdx, blockIdx;

#define __host__
#define __device__
#define __global__
#define __launch_bounds__(threads, blocks)
#define __shared__ static

#define __syncthreads() \
  fibres::meet(fibres::meeting::of_block, {__FILE__, __LINE__, __PRETTY_FUNCTION__})
#define __syncwarp() \
  fibres::meet(fibres::meeting::of_warp, {__FILE__, __LINE__, __PRETTY_FUNCTION__})
template <class T>
T atomicMax(T* x, T v)
{
  const T former = *x;
  if (former < v) *x = v;
  return former;
}
template <class T>
T atomicAdd(T* x, T v)
{
  const T former = *x;
  *x += v;
  return former;
}

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorLaunchFailure = 719
};
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetLastError();

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaDeviceSynchronize();

using cudaStream_t = struct CUstream_st*;
cudaError_t cudaStreamSynchronize(cudaStream_t);

using cudaMemPool_t = struct CUmemPoolHandle_st*;
enum cudaMemAllocationType { cudaMemAllocationTypePinned = 1 };
enum cudaMemLocationType { cudaMemLocationTypeDevice = 1 };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
struct cudaMemPoolProps {
  cudaMemAllocationType allocType;
  struct {
    cudaMemLocationType type;
    int id;
  } location;
};
cudaError_t cudaMemPoolCreate(cudaMemPool_t*, const cudaMemPoolProps*);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*);
cudaError_t cudaMemPoolDestroy(cudaMemPool_t);
cudaError_t cudaMallocFromPoolAsync(void** at, std::size_t, cudaMemPool_t, cudaStream_t);
cudaError_t cudaFreeAsync(void*, cudaStream_t);
cudaError_t cudaMalloc(void** at, std::size_t);
cudaError_t cudaFree(void*);

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t, cudaMemcpyKind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemsetAsync(void*, int value, std::size_t, cudaStream_t);

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3() = default;
  dim3(unsigned along) : x(along) {}
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
};

namespace fibres {
/// Puts blocks of a kernel behind what the device has to do. `values` is what it is called with, of
/// that type.
cudaError_t launch(const cudaLaunchConfig_t&, std::function<void()> thread, bytes values,
                   const std::type_info& type);
}  // namespace fibres

template <class P, class A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* as, void (*kernel)(P), const A& value)
{
  P sent = value;
  // Between the values there may be what was in memory before: without the builtin, as in clang 14,
  // only a program that has nothing between them is looked at; and never one of choices, which has
  // bytes of what was not chosen.
#if __has_builtin(__builtin_clear_padding)
  __builtin_clear_padding(&sent);
  constexpr bool clean = true;
#else
  constexpr bool clean = std::has_unique_object_representations_v<P>;
#endif
  fibres::bytes values;
  const bool chooses = std::strstr(typeid(P).name(), "any_") != nullptr;
  if (clean && !chooses) values = std::as_bytes(std::span(&sent, 1));
  return fibres::launch(*as, [kernel, sent] { kernel(sent); }, values, typeid(P));
}
