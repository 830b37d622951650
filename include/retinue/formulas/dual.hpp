// SPDX-License-Identifier: Apache-2.0
// A number that carries its derivatives by N inputs, and hands them on through each operation:
//
//   f(a, b)  has the slopes  df/da a' + df/db b'
//
// T is a number, or a packet of them. A dual is a coordinate, so every formula of this library
// takes it, and then says how it changes with its inputs, on the host and without a table of
// operations:
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
#include <concepts>
#include <cstddef>

namespace retinue {

/// A number, or a packet of them, with its slopes by N inputs.
template <class T, std::size_t N>
struct dual {
  T value{};
  std::array<T, N> slope{};

  /// A number beside a packet of them.
  using scalar = scalar_of_t<T>;

  /// The i-th of the N inputs: its slope by itself is 1.
  [[nodiscard]] RETINUE_HD static constexpr dual input(const T& value, std::size_t i)
  {
    dual x = constant(value);
    x.slope[i] = fill_like(value, 1);
    return x;
  }
  /// What does not change with any of them.
  [[nodiscard]] RETINUE_HD static constexpr dual constant(const T& value)
  {
    dual x{value, {}};
    for (T& s : x.slope) s = fill_like(value, 0);
    return x;
  }

  /// The value alone.
  [[nodiscard]] RETINUE_HD constexpr dual detach() const { return constant(value); }

  RETINUE_HD friend constexpr dual operator+(const dual& a, const dual& b)
  {
    return both(a.value + b.value, a, b, [](const T& x, const T& y) { return T(x + y); });
  }
  RETINUE_HD friend constexpr dual operator-(const dual& a, const dual& b)
  {
    return both(a.value - b.value, a, b, [](const T& x, const T& y) { return T(x - y); });
  }
  RETINUE_HD friend constexpr dual operator*(const dual& a, const dual& b)
  {
    return both(a.value * b.value, a, b,
                [&](const T& x, const T& y) { return T(b.value * x + a.value * y); });
  }
  RETINUE_HD friend constexpr dual rounded_product(const dual& a, const dual& b)
  {
    return both(detail::product(a.value, b.value), a, b,
                [&](const T& x, const T& y) { return T(b.value * x + a.value * y); });
  }
  RETINUE_HD friend constexpr dual operator/(const dual& a, const dual& b)
  {
    const T one = fill_like(a.value, 1), ratio = a.value / b.value;
    const T by_a = one / b.value, by_b = fill_like(a.value, 0) - ratio / b.value;
    return both(ratio, a, b, [&](const T& x, const T& y) { return T(by_a * x + by_b * y); });
  }
  RETINUE_HD friend constexpr dual operator+(const dual& a, scalar s)
  {
    return {T(a.value + s), a.slope};
  }
  RETINUE_HD friend constexpr dual operator*(const dual& a, scalar s)
  {
    return through(a.value * s, fill_like(a.value, s), a);
  }
  RETINUE_HD friend constexpr dual operator/(const dual& a, scalar s)
  {
    return through(a.value / s, fill_like(a.value, 1 / s), a);
  }

  RETINUE_HD friend constexpr dual minimum(const dual& a, const dual& b)
  {
    return where_less(a, b, a, where_less(b, a, b, corner(a, b)));
  }
  RETINUE_HD friend constexpr dual maximum(const dual& a, const dual& b)
  {
    return where_less(a, b, b, where_less(b, a, a, corner(a, b)));
  }
  RETINUE_HD friend constexpr dual where_less(const dual& a, const dual& b, const dual& then,
                                              const dual& otherwise)
  {
    return both(pick_less(a.value, b.value, then.value, otherwise.value), then, otherwise,
                [&](const T& x, const T& y) { return pick_less(a.value, b.value, x, y); });
  }

  RETINUE_HD friend dual abs(const dual& a)
  {
    using detail::abs;
    const T zero = fill_like(a.value, 0), one = fill_like(a.value, 1);
    const T sign = pick_less(zero, a.value, one, pick_less(a.value, zero, T(zero - one), zero));
    return through(abs(a.value), sign, a);
  }
  RETINUE_HD friend dual exp(const dual& a)
  {
    using detail::exp;
    const T grown = exp(a.value);
    return through(grown, grown, a);
  }
  RETINUE_HD friend dual log(const dual& a)
  {
    using detail::log;
    return through(log(a.value), fill_like(a.value, 1) / a.value, a);
  }
  RETINUE_HD friend dual sqrt(const dual& a)
  {
    using detail::sqrt;
    const T root = sqrt(a.value);
    return through(root, fill_like(root, 1) / (root * scalar(2)), a);
  }
  RETINUE_HD friend dual atan(const dual& a)
  {
    using detail::atan;
    return through(atan(a.value), fill_like(a.value, 1) / (a.value * a.value + scalar(1)), a);
  }

  /// A constant: what fill_like asks for.
  RETINUE_HD friend constexpr dual full_like(const dual& a, scalar number)
  {
    return constant(fill_like(a.value, number));
  }

 private:
  RETINUE_HD static constexpr dual through(const T& value, const T& by_a, const dual& a)
  {
    dual x{value, {}};
    for (std::size_t i = 0; i < N; ++i) x.slope[i] = by_a * a.slope[i];
    return x;
  }
  template <class Slope>
  RETINUE_HD static constexpr dual both(const T& value, const dual& a, const dual& b,
                                        const Slope& slope)
  {
    dual x{value, {}};
    for (std::size_t i = 0; i < N; ++i) x.slope[i] = slope(a.slope[i], b.slope[i]);
    return x;
  }
  RETINUE_HD static constexpr dual corner(const dual& a, const dual& b)
  {
    return both(a.value, a, b,
                [](const T& x, const T& y) { return T(x * scalar(0.5) + y * scalar(0.5)); });
  }
};

/// That of the value.
template <class T, std::size_t N>
struct scalar_of<dual<T, N>> {
  using type = scalar_of_t<T>;
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
  for (std::size_t i = 0; i < R::width; ++i) constants[i] = number::constant(given[i]);
  return constants;
}

}  // namespace retinue
