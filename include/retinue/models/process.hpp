// SPDX-License-Identifier: Apache-2.0
// What a program that runs networks sets once, for its whole process, and where it runs them.
#pragma once

#include <retinue/error.hpp>  // fail

#include <ATen/Parallel.h>  // set_num_threads
#include <c10/core/Device.h>
#include <torch/cuda.h>  // device_count

#if defined(__GLIBC__)
#include <malloc.h>  // mallopt
#endif

#include <charconv>
#include <climits>
#include <string>
#include <system_error>
#include <thread>

namespace retinue {

/// Gives LibTorch that many threads, or all cores for 0; returns how many. Call it before anything
/// runs: some builds of LibTorch start with a single thread.
inline int use_threads(int count = 0)
{
  if (count <= 0) count = static_cast<int>(std::thread::hardware_concurrency());
  if (count < 1) count = 1;
  at::set_num_threads(count);
  return count;
}

/// Lets the process keep what it frees, up to its peak, instead of fetching it anew from the system
/// page by page. For large images and bodies: small ones run so without it (see runner.hpp). Does
/// nothing but under glibc.
inline void keep_freed_memory()
{
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, INT_MAX);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

/// What cpu, cuda or cuda:N names, once it is sure that it is there.
[[nodiscard]] inline at::Device find_device(const std::string& name)
{
  if (name == "cpu") return at::kCPU;
  const std::string number = name.starts_with("cuda:") ? name.substr(5) : name == "cuda" ? "0" : "";
  const auto last = number.data() + number.size();
  int index = -1;
  if (const auto read = std::from_chars(number.data(), last, index);
      read.ec != std::errc() || read.ptr != last || index < 0)
    fail("the device ", name, " is unknown, expected cpu, cuda or cuda:N");
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (index >= count)
    fail("the device ", name, " is not there: LibTorch finds ",
         count == 0 ? "no CUDA device" : "none after cuda:" + std::to_string(count - 1),
         "; cpu is everywhere");
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

}  // namespace retinue
