// SPDX-License-Identifier: Apache-2.0
// Programs over a team: an algorithm of blocks of threads as one text, for a CUDA block, for a host
// thread that takes the items in any order, and for real threads.
//
// A *program* is plain data, views and settings, with a number of `threads`, a type `shared`, and
// one body:
//
//   template <class Team> RETINUE_HD void operator()(Team& team, shared& own) const;
//
// The body is run by every thread of a block, and uses what its team offers. Every operation ends
// in a barrier, and what it returns is the same for all threads. No thread keeps anything of its
// own from one operation to the next: what an item leaves behind it leaves in memory, and within
// one operation no item reads what another writes, but by the atomic operations. So the items of
// an operation may be taken in any order, which a twin on the host does, and at the same time,
// which threads do under a sanitizer.
//
//   host_blocks     backend/host_blocks.hpp     one thread; items rising, falling or shuffled
//   thread_blocks   backend/thread_blocks.hpp   real threads
//   cuda_blocks     backend/cuda_blocks.hpp     a CUDA stream
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace retinue {

/// What a team offers; f takes the number of an item, of which there are fewer than 2^32 - 1024.
///
///   block()                     which block this is, from 0
///   each(n, f)                  f(i) for every i below n
///   each_by_warp(n, f)          f(i, lanes), by a few threads each: lanes.each(m, g) calls g(j)
///                               for every j below m, and lanes.once(g) calls g() by one of them
///   once(f)                     f() by one thread
///   sum<R>(n, f)                the sum of f(i), an R, in an order that depends on n and threads
///                               alone
///   sum_before(n, f, g)         g(i, sum of f of all before i) for integers; returns the whole sum
///   raise(x, v), add(x, v)      atomically: x = max(x, v); x += v, returning the former. Of
///                               uint32_t or uint64_t
///   publish(x, v), peek(x)      what is published is seen by who peeks it, with all that was
///                               written before
template <class T>
concept team = requires(T& t, std::uint32_t& word, std::uint64_t& wide) {
  { t.block() } -> std::same_as<std::uint32_t>;
  t.each(std::size_t{}, [](std::size_t) {});
  t.each_by_warp(std::size_t{}, [](std::size_t, const auto& lanes) {
    lanes.each(std::size_t{}, [](std::size_t) {});
    lanes.once([] {});
  });
  t.once([] {});
  {
    t.template sum<double>(std::size_t{}, [](std::size_t) { return 1.0; })
  } -> std::same_as<double>;
  {
    t.sum_before(std::size_t{}, [](std::size_t) { return 1u; }, [](std::size_t, std::uint32_t) {})
  } -> std::same_as<std::uint32_t>;
  T::raise(word, 1u);
  T::raise(wide, std::uint64_t{1});
  { T::add(word, 1u) } -> std::same_as<std::uint32_t>;
  T::publish(word, 1u);
  { T::peek(word) } -> std::same_as<std::uint32_t>;
};

/// A program for the teams of some blocks.
template <class P, class Team>
concept program_over =
    std::is_trivially_copyable_v<P> && std::default_initializable<typename P::shared> &&
    requires(const P& program, Team& t, typename P::shared& own) {
      { P::threads } -> std::convertible_to<std::size_t>;
      program(t, own);
    };

/// For programs that share nothing but what their views show.
struct nothing_shared {};

}  // namespace retinue
