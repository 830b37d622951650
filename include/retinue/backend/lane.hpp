// SPDX-License-Identifier: Apache-2.0
// One lane of a packet alone: a number that finds what packet<float> finds in each of its lanes, to
// the bit where that fuses no products. For programs that run row by row and must rank rows as a
// host that runs packets does.
#pragma once

#include <retinue/backend/table.hpp>        // number_row
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // coordinate
#include <retinue/formulas/elementary.hpp>  // raise, take_log

#include <cmath>
#include <cstddef>

namespace retinue {

/// A number that behaves as one lane of packet<float> does.
struct lane {
  float value;

  RETINUE_HD friend lane operator+(lane a, lane b) { return {a.value + b.value}; }
  RETINUE_HD friend lane operator-(lane a, lane b) { return {a.value - b.value}; }
  RETINUE_HD friend lane operator*(lane a, lane b) { return {detail::product(a.value, b.value)}; }
  RETINUE_HD friend lane operator/(lane a, lane b) { return {a.value / b.value}; }
  RETINUE_HD friend lane operator+(lane a, float b) { return {a.value + b}; }
  RETINUE_HD friend lane operator*(lane a, float b) { return {detail::product(a.value, b)}; }
  RETINUE_HD friend lane operator/(lane a, float b) { return {a.value / b}; }
  RETINUE_HD friend lane full_like(lane, float of) { return {of}; }
  RETINUE_HD friend lane minimum(lane a, lane b) { return b.value < a.value ? b : a; }
  RETINUE_HD friend lane maximum(lane a, lane b) { return a.value < b.value ? b : a; }
  RETINUE_HD friend lane where_less(lane a, lane b, lane then, lane otherwise)
  {
    return a.value < b.value ? then : otherwise;
  }
  RETINUE_HD friend lane abs(lane a) { return {a.value < 0 ? -a.value : a.value}; }
  RETINUE_HD friend lane exp(lane a)
  {
    detail::raise(a.value);
    return a;
  }
  RETINUE_HD friend lane log(lane a)
  {
    detail::take_log(a.value);
    return a;
  }
  RETINUE_HD friend lane sqrt(lane a) { return {std::sqrt(a.value)}; }
  RETINUE_HD friend lane atan(lane a) { return {std::atan(a.value)}; }
};
static_assert(coordinate<lane>);

/// A row of numbers, read as lanes. Row is number_row, or any that is read like it.
template <class Row>
struct lanes_of {
  Row row;

  [[nodiscard]] RETINUE_HD std::size_t size() const { return row.size(); }
  [[nodiscard]] RETINUE_HD lane operator[](std::size_t c) const { return {row[c]}; }
};

}  // namespace retinue
