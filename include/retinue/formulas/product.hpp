// SPDX-License-Identifier: Apache-2.0
// A product that is rounded before anything is added to it, of numbers and of whatever holds many.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD, RETINUE_ROUND, RETINUE_REGISTER_BYTES

#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace retinue::detail {

/// One of Eigen's arrays of fixed size, itself and no expression of it: its numbers lie side by
/// side at data().
template <class T>
concept eigen_packet = requires(const T& a) {
  requires std::same_as<typename T::PlainObject, T>;
  requires sizeof(T) == T::SizeAtCompileTime * sizeof(typename T::Scalar);
  a.data();
};

template <class T, std::size_t N>
struct side_by_side {
  using type [[gnu::vector_size(N * sizeof(T))]] = T;
};
template <class T>
struct side_by_side<T, 1> {
  using type = T;
};
/// N numbers as a vector of the compiler's; one as itself.
template <class T, std::size_t N>
using vector_of = typename side_by_side<T, N>::type;

/// how(x, y...), which changes x, for vectors of the compiler's of all the numbers of packets.
template <eigen_packet T, class How, std::same_as<T>... Others>
[[nodiscard]] T by_vectors(const T& of, const How& how, const Others&... others)
{
  using number = typename T::Scalar;
  constexpr std::size_t whole = sizeof(T) & (~sizeof(T) + 1);  // the power of two that divides it
  constexpr std::size_t bytes = whole < 16                       ? sizeof(number)
                                : whole < RETINUE_REGISTER_BYTES ? whole
                                                                 : RETINUE_REGISTER_BYTES;
  using vector = vector_of<number, bytes / sizeof(number)>;
  const auto read = [](const number* from) {
    vector x;
    std::memcpy(&x, from, bytes);
    return x;
  };
  T changed;
  for (std::size_t i = 0; i < T::SizeAtCompileTime; i += bytes / sizeof(number)) {
    vector x = read(of.data() + i);
    how(x, read(others.data() + i)...);
    std::memcpy(changed.data() + i, &x, bytes);
  }
  return changed;
}

/// a b, never fused with an addition that follows: for formulas whose values are compared with each
/// other, which must depend neither on the machine nor on where a value was computed. A T of yours
/// may bring rounded_product(a, b) beside it. Loops over many run best on packets: where products
/// could be fused, g++ makes no vectors of such a loop by itself.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T product(const T& a, const T& b)
{
  if constexpr (std::floating_point<T>) {
#if defined(__CUDA_ARCH__)
    if (!std::is_constant_evaluated()) {
      if constexpr (std::same_as<T, float>) return __fmul_rn(a, b);
      if constexpr (std::same_as<T, double>) return __dmul_rn(a, b);
    }
#endif
    T rounded = a * b;
    if constexpr (sizeof(T) <= sizeof(double))  // of longer ones no machine does both at once
      if (!std::is_constant_evaluated()) RETINUE_ROUND(rounded);
    return rounded;
  } else if constexpr (requires { rounded_product(a, b); }) {
    return rounded_product(a, b);
  } else if constexpr (eigen_packet<T>) {
    // As vectors, for g++ would fuse what Eigen multiplies.
    return by_vectors(
        a,
        [](auto& x, const auto& y) {
          x *= y;
          RETINUE_ROUND(x);
        },
        b);
  } else {
    return T(a * b);
  }
}

}  // namespace retinue::detail
