// SPDX-License-Identifier: Apache-2.0
// What matchers that look at a network's predictions have in common.
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/backend/lane.hpp>         // lane
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/geometry.hpp>             // box
#include <retinue/labels/softmax.hpp>       // pick_equal
#include <retinue/matchers/assignment.hpp>  // assigned

#include <concepts>
#include <cstddef>
#include <span>

namespace retinue::detail {

/// 1 where x1 + margin < x < x2 - margin, and y likewise, else 0.
template <class T>
[[nodiscard]] RETINUE_HD T strictly_inside(const T& x, const T& y, const box<T>& b,
                                           float margin = 0)
{
  const T near =
      minimum_of(minimum_of(T(x - b.x1), T(y - b.y1)), minimum_of(T(b.x2 - x), T(b.y2 - y)));
  return pick_less(fill_like(x, margin), near, fill_like(x, 1), fill_like(x, 0));
}

/// -ln p, as binary cross-entropy over probabilities is computed: bounded, at the smallest float.
template <class T>
[[nodiscard]] RETINUE_HD T minus_log(const T& p)
{
  using detail::log;
  using S = scalar_of_t<T>;
  return T(log(maximum_of(p, fill_like(p, S(3.8e-38)))) * S(-1));
}

/// The label that all rows of a packet have, or -1.
template <class T>
  requires requires(const T& of) {
    { of[0] } -> std::same_as<const float&>;
  }
[[nodiscard]] float common_label(const T& of)
{
  for (std::size_t k = 1; k < sizeof(T) / sizeof(float); ++k)
    if (of[k] != of[0]) return -1;
  return of[0];
}

/// The score of a row for a label that differs from row to row; 0 where it has no column.
template <class Labels, class Row, class T>
[[nodiscard]] RETINUE_HD T called_score(const Labels& labels, const Row& x, const T& label)
{
  const std::size_t classes = x.size() - labels.columns(0);
  const auto of_class = [&](float called) {
    const auto k = static_cast<std::size_t>(called >= 1 ? called : 0);
    return k > 0 && k <= classes ? T(labels.score(x, k - 1)) : fill_like(label, 0);
  };
  if constexpr (std::same_as<T, lane>) {  // one row, so one class
    return of_class(label.value);
  } else {
    // Rows that meet one truth are called the same, and only that column is read.
    if constexpr (requires { common_label(label); })
      if (const float called = common_label(label); called >= 0) return of_class(called);
  }
  T called = fill_like(label, 0);
  for (std::size_t k = 0; k < classes; ++k)
    called = pick_equal(label, fill_like(label, static_cast<scalar_of_t<T>>(k + 1)),
                        T(labels.score(x, k)), T(called));
  return called;
}

struct unassigned {
  template <class T>
  assigned<T> operator()(const centre_box<T>& anchor) const
  {
    const T zero = fill_like(anchor.cx, 0), one = fill_like(zero, 1);
    return {zero, zero, one, one};
  }
};

/// The list of this row alone.
template <tensor_backend B>
void put_one(B& b, std::size_t row, typename B::list& out)
{
  const auto at = static_cast<row_index>(row);
  b.put(std::span<const row_index>(&at, 1), out);
}

}  // namespace retinue::detail
