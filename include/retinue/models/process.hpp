// SPDX-License-Identifier: Apache-2.0
// What a program that runs networks sets once, for its whole process.
#pragma once

#include <ATen/Parallel.h>  // set_num_threads

#if defined(__GLIBC__)
#include <malloc.h>  // mallopt
#endif

#include <climits>
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
/// page by page. For large images and bodies: small ones run so without it (see folded.hpp). Does
/// nothing but under glibc.
inline void keep_freed_memory()
{
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, INT_MAX);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

}  // namespace retinue
