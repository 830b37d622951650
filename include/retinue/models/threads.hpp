// SPDX-License-Identifier: Apache-2.0
// What a program that runs networks sets once, for its whole process: its threads, how they wait
// for each other, and its memory.
//
//   int main(...)
//   {
//     wait_briefly();    // first: it may restart the program
//     use_threads();
//     bind_threads();
//     keep_freed_memory();
//
// LibTorch's threads meet a few hundred times in a step. GNU's OpenMP lets them wait in loops of
// some milliseconds, which is quick on a quiet machine. Beside another process it is not: who waits
// keeps the one he waits for from the core, and a step takes 10 to 80 times as long. Benchmark:
// benchmarks/busy_machine.sh.
#pragma once

#include <retinue/detail/cores.hpp>  // allowed_cores, stay_on

#include <ATen/Parallel.h>  // set_num_threads

#if defined(__GLIBC__)
#include <malloc.h>  // mallopt
#endif
#if defined(__linux__)
#include <dlfcn.h>     // dlsym
#include <sys/auxv.h>  // getauxval
#include <unistd.h>    // execv
#endif

#include <climits>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

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

/// Lets threads that wait for each other give their core away after some microseconds. OpenMP reads
/// that from the environment before main begins, so the program is started anew, once, as the same
/// process and with the same arguments: call it before anything is done. It takes the time that
/// LibTorch takes to load, 0.2 to 0.3 s, and is for work that lasts. Does nothing where the
/// environment has GOMP_SPINCOUNT or OMP_WAIT_POLICY, but under Linux, or where it is refused.
inline void wait_briefly()
{
#if defined(__linux__)
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY") || ::getauxval(AT_SECURE))
    return;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty() || text.back() != '\0') return;
  std::vector<char*> arguments;
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1)
    arguments.push_back(text.data() + at);
  arguments.push_back(nullptr);
  std::string program(PATH_MAX, '\0');
  const auto length = ::readlink("/proc/self/exe", program.data(), program.size());
  if (length <= 0 || length == PATH_MAX) return;
  program.resize(static_cast<std::size_t>(length));
  // As many turns of its loop, of 10 to 50 ns. From 2000 on a quiet machine loses nothing.
  ::setenv("GOMP_SPINCOUNT", "5000", 0);
  ::execv(program.c_str(), arguments.data());
#endif
}

/// Where the caller and one more thread have two cores, gives each its own. The kernel may else put
/// both on one beside a busy neighbour, where they run by turns. For the thread that runs networks,
/// after use_threads; those that it makes later share its core, but for an ordered_queue's. Returns
/// whether it was done: not with other numbers, nor where the environment sets OMP_PROC_BIND,
/// OMP_PLACES or GOMP_CPU_AFFINITY, nor with another OpenMP than GNU's.
inline bool bind_threads()
{
#if defined(__linux__)
  // More threads are no help: the slowest sets the pace, and it could not leave a busy core.
  const std::vector<int>& cores = detail::allowed_cores();
  if (cores.size() != 2 || at::get_num_threads() != 2) return false;
  for (const char* set : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"})
    if (std::getenv(set)) return false;
  using parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
  using number = int (*)();
  const auto run = reinterpret_cast<parallel>(::dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  auto which = reinterpret_cast<number>(::dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  if (!run || !which) return false;
  run(
      [](void* data) {
        const int core = (*static_cast<number*>(data))() == 0 ? 0 : 1;
        detail::stay_on({detail::allowed_cores()[static_cast<std::size_t>(core)]});
      },
      &which, 2, 0);
  return true;
#else
  return false;
#endif
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

}  // namespace retinue
