// SPDX-License-Identifier: Apache-2.0
// How every program that runs a network sets its process up.
#pragma once

#include <retinue/models/threads.hpp>

#include <opencv2/core.hpp>

/// The first thing that a program does after it has read its arguments. Where the work `lasts`, for
/// more than some seconds, the program may be restarted. 0 threads: as many as there are cores.
inline void prepare_process(int threads, bool lasts = true)
{
  if (lasts) retinue::wait_briefly();
  retinue::use_threads(threads);
  cv::setNumThreads(1);  // they would be bound to this thread's core
  retinue::bind_threads();
  retinue::keep_freed_memory();
}
