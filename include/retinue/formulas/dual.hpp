// SPDX-License-Identifier: Apache-2.0
// A number that carries its derivatives by N inputs, and hands them on through each operation:
//
//   f(a, b)  has the slopes  df/da a' + df/db b'
//
// It is a coordinate, so every formula of this library takes it, and then says how it changes with
// its inputs, on the host and without a table of operations:
//
//   const auto x = dual<float, 2>::input(3, 0), y = dual<float, 2>::input(4, 1);
//   sqrt(x * x + y * y)  // value 5, slope {0.6, 0.8}
//
// Where a formula has a corner (two equal values in minimum, abs at 0) the slope is the mean of
// both sides, as ATen's is.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // coordinate, scalar_of
#include <retinue/geometry.hpp>             // record

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>

namespace retinue {

template <std::floating_point T, std::size_t N>
struct dual {
  T value{};
  std::array<T, N> slope{};

  /// The i-th of the N inputs: its slope by itself is 1.
  [[nodiscard]] RETINUE_HD static constexpr dual input(T value, std::size_t i)
  {
    dual x{value, {}};
    x.slope[i] = 1;
    return x;
  }

  RETINUE_HD friend constexpr dual operator+(const dual& a, const dual& b)
  {
    return through(a.value + b.value, 1, a, 1, b);
  }
  RETINUE_HD friend constexpr dual operator-(const dual& a, const dual& b)
  {
    return through(a.value - b.value, 1, a, -1, b);
  }
  RETINUE_HD friend constexpr dual operator*(const dual& a, const dual& b)
  {
    return through(a.value * b.value, b.value, a, a.value, b);
  }
  RETINUE_HD friend constexpr dual rounded_product(const dual& a, const dual& b)
  {
    return through(detail::product(a.value, b.value), b.value, a, a.value, b);
  }
  RETINUE_HD friend constexpr dual operator/(const dual& a, const dual& b)
  {
    const T ratio = a.value / b.value;
    return through(ratio, 1 / b.value, a, -ratio / b.value, b);
  }
  RETINUE_HD friend constexpr dual operator+(const dual& a, T s) { return {a.value + s, a.slope}; }
  RETINUE_HD friend constexpr dual operator*(const dual& a, T s)
  {
    return through(a.value * s, s, a);
  }
  RETINUE_HD friend constexpr dual operator/(const dual& a, T s)
  {
    return through(a.value / s, 1 / s, a);
  }

  RETINUE_HD friend constexpr dual minimum(const dual& a, const dual& b)
  {
    return a.value < b.value ? a : b.value < a.value ? b : corner(a, b);
  }
  RETINUE_HD friend constexpr dual maximum(const dual& a, const dual& b)
  {
    return a.value < b.value ? b : b.value < a.value ? a : corner(a, b);
  }

  RETINUE_HD friend dual abs(const dual& a)
  {
    return through(std::abs(a.value), T(a.value > 0) - T(a.value < 0), a);
  }
  RETINUE_HD friend dual exp(const dual& a)
  {
    const T grown = std::exp(a.value);
    return through(grown, grown, a);
  }
  RETINUE_HD friend dual log(const dual& a) { return through(std::log(a.value), 1 / a.value, a); }
  RETINUE_HD friend dual sqrt(const dual& a)
  {
    const T root = std::sqrt(a.value);
    return through(root, 1 / (2 * root), a);
  }
  RETINUE_HD friend dual atan(const dual& a)
  {
    return through(std::atan(a.value), 1 / (1 + a.value * a.value), a);
  }

  /// A constant: what fill_like asks for.
  RETINUE_HD friend constexpr dual full_like(const dual&, T number) { return {number, {}}; }

 private:
  RETINUE_HD static constexpr dual through(T value, T by_a, const dual& a)
  {
    dual x{value, {}};
    for (std::size_t i = 0; i < N; ++i) x.slope[i] = by_a * a.slope[i];
    return x;
  }
  RETINUE_HD static constexpr dual through(T value, T by_a, const dual& a, T by_b, const dual& b)
  {
    dual x{value, {}};
    for (std::size_t i = 0; i < N; ++i) x.slope[i] = by_a * a.slope[i] + by_b * b.slope[i];
    return x;
  }
  RETINUE_HD static constexpr dual corner(const dual& a, const dual& b)
  {
    return through(a.value, T(0.5), a, T(0.5), b);
  }
};

template <std::floating_point T, std::size_t N>
struct scalar_of<dual<T, N>> {
  using type = T;
};

/// A record whose components are the inputs, in their order.
template <record R>
[[nodiscard]] RETINUE_HD constexpr auto as_inputs(const R& given)
{
  using number = dual<typename R::value_type, R::width>;
  typename R::template rebind<number> inputs;
  for (std::size_t i = 0; i < R::width; ++i) inputs[i] = number::input(given[i], i);
  return inputs;
}

/// A record that does not change with any of N inputs.
template <std::size_t N, record R>
[[nodiscard]] RETINUE_HD constexpr auto as_constants(const R& given)
{
  using number = dual<typename R::value_type, N>;
  typename R::template rebind<number> constants;
  for (std::size_t i = 0; i < R::width; ++i) constants[i] = number{given[i], {}};
  return constants;
}

static_assert(coordinate<dual<float, 4>> && coordinate<dual<double, 1>, double>);

}  // namespace retinue
