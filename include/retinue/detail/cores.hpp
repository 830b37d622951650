// SPDX-License-Identifier: Apache-2.0
// Which cores threads may run on. A thread begins with those of the thread that made it.
#pragma once

#if defined(__linux__)
#include <sched.h>  // sched_setaffinity
#endif

#include <cstddef>
#include <vector>

namespace retinue::detail {

#if defined(__linux__)

/// The cores that the process was allowed when this was first called, from 0. Empty where there are
/// more than 1024.
[[nodiscard]] inline const std::vector<int>& allowed_cores()
{
  static const std::vector<int> cores = [] {
    std::vector<int> found;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0)
      for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(static_cast<unsigned>(core), &set)) found.push_back(core);
    return found;
  }();
  return cores;
}

/// From now on this thread runs on these cores only.
inline void stay_on(const std::vector<int>& cores)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<unsigned>(core), &set);
  if (!cores.empty()) ::sched_setaffinity(0, sizeof set, &set);  // what is refused does no harm
}

#else

[[nodiscard]] inline const std::vector<int>& allowed_cores()
{
  static const std::vector<int> none;
  return none;
}
inline void stay_on(const std::vector<int>&) {}

#endif

}  // namespace retinue::detail
