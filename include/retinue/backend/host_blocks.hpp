// SPDX-License-Identifier: Apache-2.0
// Programs on one host thread: the definition of what they compute, and, by taking items in another
// order, a test that they do not depend on it.
#pragma once

#include <retinue/backend/team.hpp>  // team

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

namespace retinue {

/// In which order blocks and items are taken. Any value but the first two is a shuffle of its own.
enum class item_order : std::uint32_t { rising, falling, shuffled };

/// One thread that is a whole block.
class host_team {
 public:
  explicit host_team(item_order order = item_order::rising, std::uint32_t block = 0)
      : block_(block),
        order_(order),
        state_(static_cast<std::uint32_t>(order) * 2654435761u + block)
  {
  }

  [[nodiscard]] std::uint32_t block() const { return block_; }

  template <class Each>
  void each(std::size_t n, const Each& f)
  {
    if (order_ == item_order::rising) {
      for (std::size_t i = 0; i < n; ++i) f(i);
    } else if (order_ == item_order::falling) {
      for (std::size_t i = n; i-- > 0;) f(i);
    } else if (n > 0) {
      // Steps that share no divisor with n pass by every item once.
      const std::size_t start = draw() % n;
      std::size_t step = 1 + draw() % n;
      while (std::gcd(step, n) != 1) ++step;
      for (std::size_t k = 0, i = start; k < n; ++k, i = (i + step) % n) f(i);
    }
  }

  /// In place of the few threads that share an item: the one that there is.
  struct all_lanes {
    host_team* of;

    template <class Each>
    void each(std::size_t n, const Each& f) const
    {
      of->each(n, f);
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
    each(n, [&](std::size_t i) { f(i, all_lanes{this}); });
  }

  template <class Once>
  void once(const Once& f)
  {
    f();
  }

  template <class R, class Value>
  [[nodiscard]] R sum(std::size_t n, const Value& f)
  {
    std::vector<R> values(n);
    each(n, [&](std::size_t i) { values[i] = f(i); });
    return std::accumulate(values.begin(), values.end(), R{});
  }

  template <class Value, class Store>
  std::uint32_t sum_before(std::size_t n, const Value& f, const Store& g)
  {
    std::vector<std::uint32_t> before(n);
    each(n, [&](std::size_t i) { before[i] = f(i); });
    std::uint32_t sum = 0;
    for (std::uint32_t& b : before) {
      const std::uint32_t own = b;
      b = sum;
      sum += own;
    }
    each(n, [&](std::size_t i) { g(i, before[i]); });
    return sum;
  }

  template <class U>
  static void raise(U& x, std::type_identity_t<U> v)
  {
    x = std::max(x, v);
  }
  template <class U>
  static U add(U& x, std::type_identity_t<U> v)
  {
    const U former = x;
    x += v;
    return former;
  }
  template <class U>
  static void publish(U& x, std::type_identity_t<U> v)
  {
    x = v;
  }
  template <class U>
  static U peek(const U& x)
  {
    return x;
  }

 private:
  std::uint32_t draw()
  {
    state_ = state_ * 747796405u + 2891336453u;
    return (state_ >> 8) ^ (state_ >> 22);
  }

  std::uint32_t block_;
  item_order order_;
  std::uint32_t state_;
};
static_assert(team<host_team>);

/// Where programs run: block after block, each on its own.
class host_blocks {
 public:
  explicit host_blocks(item_order order = item_order::rising) : order_(order) {}

  template <program_over<host_team> Program>
  void run(std::size_t blocks, const Program& program)
  {
    host_team order(order_, 0x9e3779b9u);
    order.each(blocks, [&](std::size_t b) {
      typename Program::shared own{};
      host_team one(order_, static_cast<std::uint32_t>(b));
      program(one, own);
    });
  }

 private:
  item_order order_;
};

}  // namespace retinue
