// SPDX-License-Identifier: Apache-2.0
// Programs on real threads, as many for a block: slow, and there for ThreadSanitizer, which sees
// what items of one operation do to each other without an atomic operation.
#pragma once

#include <retinue/backend/team.hpp>  // team

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <thread>
#include <type_traits>
#include <vector>

namespace retinue {

/// What the threads of a block have in common.
struct thread_room {
  explicit thread_room(std::size_t count)
      : threads(count), together(static_cast<std::ptrdiff_t>(count))
  {
  }

  std::size_t threads;
  std::barrier<> together;
  std::vector<double> numbers;
  std::vector<std::uint64_t> words;
};

/// One thread of a block.
class thread_team {
 public:
  thread_team(thread_room& room, std::size_t thread, std::uint32_t block)
      : room_(&room), thread_(thread), block_(block)
  {
  }

  [[nodiscard]] std::uint32_t block() const { return block_; }

  template <class Each>
  void each(std::size_t n, const Each& f)
  {
    own_items(n, f);
    meet();
  }

  /// In place of the few threads that share an item: this one alone.
  struct one_lane {
    template <class Each>
    void each(std::size_t n, const Each& f) const
    {
      for (std::size_t i = 0; i < n; ++i) f(i);
    }
    template <class Once>
    void once(const Once& f) const
    {
      f();
    }
  };
  template <class Each>
  void each_by_warp(std::size_t n, const Each& f)
  {
    each(n, [&](std::size_t i) { f(i, one_lane{}); });
  }

  template <class Once>
  void once(const Once& f)
  {
    if (thread_ == 0) f();
    meet();
  }

  template <class R, class Value>
  [[nodiscard]] R sum(std::size_t n, const Value& f)
  {
    auto& values = [&]() -> auto& {
      if constexpr (std::is_floating_point_v<R>)
        return room_->numbers;
      else
        return room_->words;
    }();
    once([&] { values.resize(n); });
    each(n, [&](std::size_t i) { values[i] = f(i); });
    R all{};
    for (std::size_t i = 0; i < n; ++i) all += static_cast<R>(values[i]);
    meet();
    return all;
  }

  template <class Value, class Store>
  std::uint32_t sum_before(std::size_t n, const Value& f, const Store& g)
  {
    once([&] { room_->words.resize(n + 1); });
    each(n, [&](std::size_t i) { room_->words[i] = f(i); });
    once([&] {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i <= n; ++i) {
        const std::uint64_t own = i < n ? room_->words[i] : 0;
        room_->words[i] = sum;
        sum += own;
      }
    });
    const auto all = static_cast<std::uint32_t>(room_->words[n]);
    each(n, [&](std::size_t i) { g(i, static_cast<std::uint32_t>(room_->words[i])); });
    return all;
  }

  template <class U>
  static void raise(U& x, std::type_identity_t<U> v)
  {
    std::atomic_ref<U> at(x);
    U now = at.load(std::memory_order_relaxed);
    while (now < v && !at.compare_exchange_weak(now, v, std::memory_order_relaxed)) {
    }
  }
  template <class U>
  static U add(U& x, std::type_identity_t<U> v)
  {
    return std::atomic_ref<U>(x).fetch_add(v, std::memory_order_relaxed);
  }
  template <class U>
  static void publish(U& x, std::type_identity_t<U> v)
  {
    std::atomic_ref<U>(x).store(v, std::memory_order_release);
  }
  template <class U>
  static U peek(const U& x)
  {
    return std::atomic_ref<U>(const_cast<U&>(x)).load(std::memory_order_acquire);
  }

 private:
  template <class Each>
  void own_items(std::size_t n, const Each& f) const
  {
    for (std::size_t i = thread_; i < n; i += room_->threads) f(i);
  }
  void meet() { room_->together.arrive_and_wait(); }

  thread_room* room_;
  std::size_t thread_;
  std::uint32_t block_;
};
static_assert(team<thread_team>);

/// Where programs run: so many blocks at the same time, of so many threads each.
class thread_blocks {
 public:
  explicit thread_blocks(std::size_t threads = 4, std::size_t at_once = 2)
      : threads_(threads), at_once_(at_once)
  {
  }

  template <program_over<thread_team> Program>
  void run(std::size_t blocks, const Program& program)
  {
    for (std::size_t first = 0; first < blocks; first += at_once_) {
      std::vector<std::jthread> running;
      for (std::size_t b = first; b < std::min(blocks, first + at_once_); ++b)
        running.emplace_back([this, &program, b] { run_one(program, b); });
    }
  }

 private:
  template <class Program>
  void run_one(const Program& program, std::size_t b) const
  {
    thread_room room(threads_);
    typename Program::shared own{};
    std::vector<std::jthread> running;
    for (std::size_t k = 0; k < threads_; ++k)
      running.emplace_back([&, k] {
        thread_team one(room, k, static_cast<std::uint32_t>(b));
        program(one, own);
      });
  }

  std::size_t threads_, at_once_;
};

}  // namespace retinue
