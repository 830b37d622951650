// SPDX-License-Identifier: Apache-2.0
// What formulas are tested with: a value type T that holds N rows, made from N numbers and read
// back.
#pragma once

#include <concepts>
#include <cstddef>
#include <random>
#include <vector>

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#endif

namespace retinue::test {

template <class T>
struct value;  // rows, from(numbers), at(value, row), tolerance

template <std::floating_point T>
struct value<T> {
  static constexpr std::size_t rows = 1;
  static T from(const std::vector<double>& numbers) { return static_cast<T>(numbers[0]); }
  static double at(const T& v, std::size_t) { return static_cast<double>(v); }
  static constexpr double tolerance = std::same_as<T, float> ? 2e-6 : 1e-13;
};

#if __has_include(<Eigen/Core>)
using packet = Eigen::Array<float, 16, 1>;

template <>
struct value<packet> {
  static constexpr std::size_t rows = 16;
  static packet from(const std::vector<double>& numbers)
  {
    packet p;
    for (std::size_t i = 0; i < rows; ++i) p[static_cast<int>(i)] = static_cast<float>(numbers[i]);
    return p;
  }
  static double at(const packet& v, std::size_t row)
  {
    return static_cast<double>(v[static_cast<int>(row)]);
  }
  static constexpr double tolerance = 2e-6;
};
#endif

/// A record of T whose components are drawn by `draw(component)` for every row.
template <class R, class Draw>
R record_from(const Draw& draw)
{
  using T = typename R::value_type;
  R r{};
  std::vector<std::vector<double>> numbers(R::width, std::vector<double>(value<T>::rows));
  for (std::size_t row = 0; row < value<T>::rows; ++row)
    for (std::size_t c = 0; c < R::width; ++c) numbers[c][row] = draw(c);
  for (std::size_t c = 0; c < R::width; ++c) r[c] = value<T>::from(numbers[c]);
  return r;
}

/// One row of a record, as numbers.
template <class R>
auto row_of(const R& r, std::size_t row)
{
  typename R::template rebind<double> one{};
  for (std::size_t c = 0; c < R::width; ++c) one[c] = value<typename R::value_type>::at(r[c], row);
  return one;
}

}  // namespace retinue::test
