// SPDX-License-Identifier: Apache-2.0
// N numbers of host memory side by side: iou of two box<packet<float>> is N overlaps at once. It is
// a coordinate, so every formula takes it; and it needs no library.
//
// They lie in an array and are computed as vectors of the compiler's (g++, clang, nvcc): such a
// vector itself is passed by value in another way on each machine, which compilers warn of.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HIDE, RETINUE_ROUND, RETINUE_VECTOR_BYTES
#include <retinue/formulas/coordinate.hpp>  // scalar_of, coordinate
#include <retinue/formulas/elementary.hpp>  // raise, take_log

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace retinue {

/// N rows of one column, computed at once in registers.
template <class T, std::size_t N = 8>
struct packet {
  static_assert(sizeof(T) == 4 && N % 4 == 0);
  static constexpr std::size_t lanes = N;
  /// What the machine computes at once.
  static constexpr std::size_t step = std::min<std::size_t>(RETINUE_VECTOR_BYTES / sizeof(T), N);
  static_assert(N % step == 0, "a packet has as many lanes as some of the machine's vectors");
  using vector [[gnu::vector_size(step * sizeof(T))]] = T;

  std::array<T, lanes> lane;

  [[nodiscard]] static packet all(T value)
  {
    packet p;
    p.lane.fill(value);
    return p;
  }
  /// first, first + 1, ...
  [[nodiscard]] static packet from(T first)
  {
    packet p;
    for (std::size_t k = 0; k < lanes; ++k) p.lane[k] = first + static_cast<T>(k);
    return p;
  }
  [[nodiscard]] static packet load(const T* from)
  {
    packet p;
    move(from, p.lane.data());
    return p;
  }
  void store(T* to) const { move(lane.data(), to); }
  /// What fits into a byte.
  void store_bytes(std::uint8_t* to) const
  {
    for (std::size_t k = 0; k < lanes; ++k) to[k] = static_cast<std::uint8_t>(lane[k]);
  }
  [[nodiscard]] T* data() { return lane.data(); }
  [[nodiscard]] T& operator[](std::size_t k) { return lane[k]; }
  [[nodiscard]] const T& operator[](std::size_t k) const { return lane[k]; }

  friend packet operator+(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) { x += y; });
  }
  friend packet operator-(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) { x -= y; });
  }
  friend packet operator*(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) { x *= y; });
  }
  friend packet rounded_product(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) {
      x *= y;
      RETINUE_ROUND(x);
    });
  }
  friend packet operator/(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) { x /= y; });
  }
  friend packet operator+(const packet& a, T b) { return a + all(b); }
  friend packet operator*(const packet& a, T b) { return a * all(b); }
  friend packet operator/(const packet& a, T b) { return a / all(b); }
  friend packet full_like(const packet&, T value) { return all(value); }
  friend packet minimum(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) {
      auto other = y;
      RETINUE_HIDE(other);
      x = other < x ? other : x;
    });
  }
  friend packet maximum(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) {
      auto other = y;
      RETINUE_HIDE(other);
      x = x < other ? other : x;
    });
  }

  friend packet abs(const packet& a)
    requires std::same_as<T, float>
  {
    return a.each([](auto& x) { x = x < 0 ? -x : x; });
  }
  friend packet exp(const packet& a)
    requires std::same_as<T, float>
  {
    return a.each([](vector& x) { detail::raise(x); });
  }
  friend packet log(const packet& a)
    requires std::same_as<T, float>
  {
    return a.each([](vector& x) { detail::take_log(x); });
  }
  friend packet sqrt(const packet& a)
    requires std::same_as<T, float>
  {
    packet p;
    for (std::size_t k = 0; k < lanes; ++k) p.lane[k] = std::sqrt(a.lane[k]);
    return p;
  }
  friend packet atan(const packet& a)
    requires std::same_as<T, float>
  {
    packet p;
    for (std::size_t k = 0; k < lanes; ++k) p.lane[k] = std::atan(a.lane[k]);
    return p;
  }

  [[nodiscard]] T smallest() const
  {
    return fold([](auto& x, const auto& y) { x = y < x ? y : x; });
  }
  [[nodiscard]] T largest() const
  {
    return fold([](auto& x, const auto& y) { x = x < y ? y : x; });
  }

 private:
  using quad [[gnu::vector_size(4 * sizeof(T))]] = T;

  /// As vectors, for the bytes alone would go half by half, and be waited for as a whole.
  static void move(const T* from, T* to)
  {
    for (std::size_t k = 0; k < lanes; k += step) {
      vector v;
      std::memcpy(&v, from + k, sizeof v);
      std::memcpy(to + k, &v, sizeof v);
    }
  }

  template <class Change>
  [[nodiscard]] packet change(const packet& by, const Change& how) const
  {
    packet p;
    for (std::size_t k = 0; k < lanes; k += step) {
      vector x, y;
      std::memcpy(&x, &lane[k], sizeof x);
      std::memcpy(&y, &by.lane[k], sizeof y);
      how(x, y);
      std::memcpy(&p.lane[k], &x, sizeof x);
    }
    return p;
  }

  template <class Change>
  [[nodiscard]] packet each(const Change& how) const
  {
    packet p;
    for (std::size_t k = 0; k < lanes; k += step) {
      vector x;
      std::memcpy(&x, &lane[k], sizeof x);
      how(x);
      std::memcpy(&p.lane[k], &x, sizeof x);
    }
    return p;
  }

  /// By fours, for one after another would wait on itself.
  template <class Both>
  [[nodiscard]] T fold(const Both& both) const
  {
    quad x, y;
    std::memcpy(&x, lane.data(), sizeof x);
    for (std::size_t k = 4; k < lanes; k += 4) {
      std::memcpy(&y, &lane[k], sizeof y);
      both(x, y);
    }
    y = __builtin_shufflevector(x, x, 2, 3, 0, 1);
    both(x, y);
    y = __builtin_shufflevector(x, x, 1, 0, 3, 2);
    both(x, y);
    return x[0];
  }
};

/// `then` where a < b, `otherwise` where not.
template <class Of, class T, std::size_t N>
[[nodiscard]] packet<T, N> where_less(const packet<Of, N>& a, const packet<Of, N>& b,
                                      const packet<T, N>& then, const packet<T, N>& otherwise)
{
  packet<T, N> p;
  for (std::size_t k = 0; k < N; k += packet<T, N>::step) {
    typename packet<Of, N>::vector x, y;
    typename packet<T, N>::vector yes, no;
    std::memcpy(&x, &a.lane[k], sizeof x);
    std::memcpy(&y, &b.lane[k], sizeof y);
    std::memcpy(&yes, &then.lane[k], sizeof yes);
    std::memcpy(&no, &otherwise.lane[k], sizeof no);
    yes = x < y ? yes : no;
    std::memcpy(&p.lane[k], &yes, sizeof yes);
  }
  return p;
}

/// One number of the packet.
template <class T, std::size_t N>
struct scalar_of<packet<T, N>> {
  using type = T;
};

}  // namespace retinue
