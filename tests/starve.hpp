// SPDX-License-Identifier: Apache-2.0
// Link starve.cpp to watch what a program asks malloc for, and to refuse it a request. Everything
// that allocates goes that way: operator new, the C++ library, zlib, pugixml.
#pragma once

#include <cstddef>

namespace retinue::test {

/// Whether requests are seen here at all: with glibc, and without a sanitizer, which has a malloc
/// of its own.
[[nodiscard]] bool sees_memory();

struct memory_use {
  std::size_t requests = 0;  ///< how many there were
  std::size_t blocks = 0;    ///< not yet given back, of all that were ever asked for
  std::size_t live = 0;      ///< their bytes
  std::size_t peak = 0;      ///< the most bytes at once
};

/// Counts requests, and the peak, from here on.
void watch_memory();
[[nodiscard]] memory_use memory_so_far();

/// Which requests are refused after one was.
enum class hunger { once, lasting };

/// Refuses the request after the next `n`, and later ones where it is lasting.
void starve_after(std::size_t n, hunger how = hunger::once);
/// Serves all again. Returns whether one was refused.
bool feed();

/// Which requests are refused is put aside, and taken up again.
struct appetite {
  std::size_t served = 0;
  bool lasting = false;
};
[[nodiscard]] appetite pause_hunger();
void resume_hunger(const appetite& before);

/// Calls work() with all requests served, and goes on refusing as before.
template <class Work>
void feed_for_a_while(const Work& work)
{
  const auto before = pause_hunger();
  work();
  resume_hunger(before);
}

/// Calls work(n) for n = 0, 1, ... with the request after the next n refused, until one goes
/// through without a refusal. Returns how many were refused. `work` must not throw.
template <class Work>
std::size_t starve_at_every_request(hunger how, const Work& work)
{
  for (std::size_t n = 0;; ++n) {
    starve_after(n, how);
    work(n);
    if (!feed()) return n;
  }
}

}  // namespace retinue::test
