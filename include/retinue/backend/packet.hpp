// SPDX-License-Identifier: Apache-2.0
// Eight numbers of host memory side by side, for families of the standard library's room to run
// formulas on: iou of two box<packet<float>> is eight overlaps. backend/eigen.hpp has wider ones,
// and elementary functions.
//
// They lie in an array and are computed as a vector of the compiler's (g++, clang, nvcc), for to
// pass such a vector by value is another convention on each machine, and a warning.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_ROUND, RETINUE_VECTOR_BYTES

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace retinue {

template <class T>
struct packet {
  static_assert(sizeof(T) == 4);
  static constexpr std::size_t lanes = 8;

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
  friend packet full_like(const packet&, T value) { return all(value); }
  friend packet minimum(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) { x = y < x ? y : x; });
  }
  friend packet maximum(const packet& a, const packet& b)
  {
    return a.change(b, [](auto& x, const auto& y) { x = x < y ? y : x; });
  }

  /// `then` where a < b, `otherwise` where not.
  template <class Of>
  [[nodiscard]] static packet where_less(const packet<Of>& a, const packet<Of>& b,
                                         const packet& then, const packet& otherwise)
  {
    packet p;
    for (std::size_t k = 0; k < lanes; k += step) {
      typename packet<Of>::vector x, y;
      vector yes, no;
      std::memcpy(&x, &a.lane[k], sizeof x);
      std::memcpy(&y, &b.lane[k], sizeof y);
      std::memcpy(&yes, &then.lane[k], sizeof yes);
      std::memcpy(&no, &otherwise.lane[k], sizeof no);
      yes = x < y ? yes : no;
      std::memcpy(&p.lane[k], &yes, sizeof yes);
    }
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
  template <class>
  friend struct packet;
  static constexpr std::size_t step = RETINUE_VECTOR_BYTES / sizeof(T);
  using vector [[gnu::vector_size(step * sizeof(T))]] = T;
  using half [[gnu::vector_size(lanes / 2 * sizeof(T))]] = T;

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

  /// By halves, for one after another would wait on itself.
  template <class Both>
  [[nodiscard]] T fold(const Both& both) const
  {
    half x, y;
    std::memcpy(&x, lane.data(), sizeof x);
    std::memcpy(&y, lane.data() + lanes / 2, sizeof y);
    both(x, y);
    y = __builtin_shufflevector(x, x, 2, 3, 0, 1);
    both(x, y);
    y = __builtin_shufflevector(x, x, 1, 0, 3, 2);
    both(x, y);
    return x[0];
  }
};

}  // namespace retinue
