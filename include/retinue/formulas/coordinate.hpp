// SPDX-License-Identifier: Apache-2.0
// What a coordinate must be able to do, for one formula to serve a number and a column of numbers.
//
//   T = float, double                      one value
//   T = packet<float>                      a packet of 8 rows; Eigen::Array<float, 16, 1>: of 16
//   T = at::Tensor of shape (N)            a column of N rows, differentiable, on any device
//
// Formulas call the functions of this header by their plain names. Numbers get the standard
// library's; any other T brings its own beside it (found by ADL), or as members min and max. exp
// and log of Eigen's packets are those of elementary.hpp, as of packet<float>: the same bits.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/elementary.hpp>  // raise, take_log
#include <retinue/formulas/product.hpp>     // eigen_packet, product

#include <cmath>
#include <concepts>

namespace retinue {

namespace detail {
using std::abs, std::atan, std::exp, std::log, std::sqrt;  // of numbers; of any other T, by ADL

template <eigen_packet T>
  requires std::same_as<typename T::Scalar, float>
[[nodiscard]] T exp(const T& a)
{
  return by_vectors(a, [](auto& x) { raise(x); });
}
template <eigen_packet T>
  requires std::same_as<typename T::Scalar, float>
[[nodiscard]] T log(const T& a)
{
  return by_vectors(a, [](auto& x) { take_log(x); });
}

template <class T>
struct fits {  // brace initialization, so a narrowing conversion does not fit
  T value;
};

template <class T>
concept has_minimum = requires(const T& a) {
  fits<T>{minimum(a, a)};
  fits<T>{maximum(a, a)};
};

template <class T>
concept has_member_min = requires(const T& a) {
  fits<T>{a.min(a)};
  fits<T>{a.max(a)};
};

template <class T>
concept elementary = requires(const T& a) {
  fits<T>{exp(a)};
  fits<T>{log(a)};
  fits<T>{sqrt(a)};
  fits<T>{abs(a)};
  fits<T>{atan(a)};
};

template <std::floating_point T>
RETINUE_HD constexpr T minimum_of(T a, T b)
{
  return b < a ? b : a;  // a NaN in a stays, as with std::min
}
template <std::floating_point T>
RETINUE_HD constexpr T maximum_of(T a, T b)
{
  return a < b ? b : a;
}
template <class T>
  requires(!std::floating_point<T> && has_minimum<T>)
RETINUE_HD T minimum_of(const T& a, const T& b)
{
  return minimum(a, b);
}
template <class T>
  requires(!std::floating_point<T> && has_minimum<T>)
RETINUE_HD T maximum_of(const T& a, const T& b)
{
  return maximum(a, b);
}
template <class T>
  requires(!std::floating_point<T> && !has_minimum<T> && has_member_min<T>)
RETINUE_HD T minimum_of(const T& a, const T& b)
{
  return a.min(b);
}
template <class T>
  requires(!std::floating_point<T> && !has_minimum<T> && has_member_min<T>)
RETINUE_HD T maximum_of(const T& a, const T& b)
{
  return a.max(b);
}

template <std::floating_point T>
RETINUE_HD constexpr T chosen(T a, T b, T then, T otherwise)
{
  return a < b ? then : otherwise;
}
template <class T>
  requires requires(const T& a) { fits<T>{where_less(a, a, a, a)}; }
RETINUE_HD T chosen(const T& a, const T& b, const T& then, const T& otherwise)
{
  return where_less(a, b, then, otherwise);
}
template <class T>
  requires requires(const T& a) { fits<T>{(a < a).select(a, a)}; }
RETINUE_HD T chosen(const T& a, const T& b, const T& then, const T& otherwise)
{
  return (a < b).select(then, otherwise);
}
template <class T>
  requires requires(const T& a) { fits<T>{where(a < a, a, a)}; }
RETINUE_HD T chosen(const T& a, const T& b, const T& then, const T& otherwise)
{
  return where(a < b, then, otherwise);
}

template <class T>
concept selective = requires(const T& a) { fits<T>{chosen(a, a, a, a)}; };

template <class T>
concept ordered = requires(const T& a) {
  fits<T>{minimum_of(a, a)};
  fits<T>{maximum_of(a, a)};
};
}  // namespace detail

/// Elementwise + - * /, the same with a number S on the right, smaller and larger of two, and the
/// elementary functions. A result may be lazy (Eigen) as long as it converts to T without
/// narrowing: `int` is no coordinate, nor is `float` scaled by `double`.
template <class T, class S = float>
concept coordinate = std::copyable<T> && detail::elementary<T> && detail::ordered<T> &&
                     requires(const T& a, const T& b, const S& s) {
                       detail::fits<T>{a + b};
                       detail::fits<T>{a - b};
                       detail::fits<T>{a * b};
                       detail::fits<T>{a / b};
                       detail::fits<T>{a * s};
                       detail::fits<T>{a / s};
                       detail::fits<T>{a + s};
                     };

/// A number that holds one value of what T holds many of: float for a packet or column of floats.
/// Specialize it for a T of yours whose elements are not float.
template <class T>
struct scalar_of {
  using type = float;
};
/// Of a number: itself.
template <std::floating_point T>
struct scalar_of<T> {
  using type = T;
};
/// Of an array of Eigen's: what it is made of.
template <class T>
  requires requires { typename T::Scalar; }
struct scalar_of<T> {
  using type = typename T::Scalar;
};
/// The number that holds one value of what T holds many of.
template <class T>
using scalar_of_t = typename scalar_of<T>::type;

/// `value` in every row, shaped like x: a number, a packet's Constant, or full_like beside T.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T fill_like([[maybe_unused]] const T& x, scalar_of_t<T> value)
{
  if constexpr (std::floating_point<T>)
    return value;
  else if constexpr (requires { T(T::Constant(value)); })
    return T::Constant(value);
  else
    return full_like(x, value);
}

/// x as a constant: what a formula weighs by, but is not to be learnt from. Anything that carries
/// slopes or a graph drops them by its detach(), a dual or a column; all else is as it was.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T held(const T& x)
{
  if constexpr (requires { T(x.detach()); })
    return x.detach();
  else
    return x;
}

/// The smaller of two values, row by row.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T minimum_of(const T& a, const T& b)
{
  return detail::minimum_of(a, b);
}
/// The larger of two values, row by row.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T maximum_of(const T& a, const T& b)
{
  return detail::maximum_of(a, b);
}
/// `then` where a < b, `otherwise` where not (so where one is NaN), row by row: how a formula
/// decides. Numbers and Eigen's packets have it; any other T brings where_less(a, b, then,
/// otherwise) beside it.
template <detail::selective T>
[[nodiscard]] RETINUE_HD constexpr T pick_less(const T& a, const T& b, const T& then,
                                               const T& otherwise)
{
  return detail::chosen(a, b, then, otherwise);
}

namespace detail {
/// x to the power of e, for x >= 0. Of 0 it is 1e-12 to that power, for a logarithm would have no
/// slope there.
template <class T>
[[nodiscard]] RETINUE_HD T power_by(const T& x, const T& e)
{
  using S = scalar_of_t<T>;
  const T grown = log(T(x + S(1e-12))) * e;
  return T(exp(grown));
}
template <class T>
[[nodiscard]] RETINUE_HD T power(const T& x, double e)
{
  return e == 2 ? T(x * x) : power_by(x, fill_like(x, static_cast<scalar_of_t<T>>(e)));
}
}  // namespace detail

}  // namespace retinue
