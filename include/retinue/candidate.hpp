// SPDX-License-Identifier: Apache-2.0
// What is said of a row that is worth decoding.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD
#include <retinue/geometry.hpp>  // record

#include <cstddef>

namespace retinue {

/// What is said of a row that was chosen.
template <class T>
struct candidate {
  using value_type = T;
  template <class U>
  using rebind = candidate<U>;
  static constexpr std::size_t width = 2;

  T score, label;  ///< the class from 1

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i == 0 ? score : label; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const { return i == 0 ? score : label; }
  friend bool operator==(const candidate&, const candidate&) = default;
};
static_assert(record<candidate<float>>);

}  // namespace retinue
