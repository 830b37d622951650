// SPDX-License-Identifier: Apache-2.0
// The anchors near a box, found on the regular grid of each level without a look at the others.
#pragma once

#include <retinue/anchors/layout.hpp>       // anchor_layout
#include <retinue/formulas/coordinate.hpp>  // minimum_of, maximum_of
#include <retinue/geometry.hpp>             // box, to_centre

#include <cstddef>
#include <cstdint>

namespace retinue {

namespace detail {
struct cell_range {
  std::size_t begin, end;
};
/// Those whose centre, first + cell / per_step, lies within reach of a centre; all, where numbers
/// are so large that this cannot be said.
inline cell_range cells_within(float centre, float reach, float first, float per_step,
                               std::size_t count)
{
  if (count <= 1 || per_step <= 0) return {0, count};
  const float middle = (centre - first) * per_step, cells = reach * per_step;
  // Of a cell, for rounding: of what is added here, and of large numbers before.
  const float slack = 1e-3f + 1e-6f * (maximum_of(middle, -middle) + cells);
  // Whole numbers by truncation, which costs less than std::ceil and std::floor. The order of the
  // arguments decides what infinity - infinity becomes: 0 for the first, count for the last.
  const auto whole = [](float cell) {
    return static_cast<std::size_t>(static_cast<std::int32_t>(cell));
  };
  const auto most = static_cast<float>(count);
  return {whole(minimum_of(maximum_of(0.0f, middle - cells + 1 - 2 * slack), most)),
          whole(maximum_of(minimum_of(most, middle + cells + 1 + slack), 0.0f))};
}
}  // namespace detail

/// Calls run(begin, end) with every range of anchors in which one may overlap the truth by
/// `least` or more (by more than 0, for least = 0), in rising order within a level.
///
/// iou >= t implies that the boxes share at least t (|a| + |b|) / (1 + t), and therefore, of two
/// boxes of known sides, how far apart their centres are at most: in x if they share all the height
/// that they can, in y if they share all the width.
template <class Run>
void near_anchors(const anchor_layout& anchors, const box<float>& truth, float least,
                  const Run& run)
{
  const centre_box<float> t = to_centre(truth);
  if (!(t.w > 0 && t.h > 0)) return;
  const float share = 0.9999f * least / (1 + least);  // less, for rounding
  for (const level_layout& level : anchors.levels()) {
    if (level.unordered()) {
      run(level.first, level.first + level.per_cell);
      continue;
    }
    float reach_x = -1, reach_y = -1;
    for (const centre_box<float>& a : level.cell) {
      const float needed = share * (a.w * a.h + t.w * t.h);
      const float w = detail::minimum_of(a.w, t.w), h = detail::minimum_of(a.h, t.h);
      // Without a branch, for no processor foresees which sizes suit a truth.
      const float of_both = needed / (w * h);
      const bool suits = of_both <= 1;
      const float x = (a.w + t.w) / 2 - of_both * w, y = (a.h + t.h) / 2 - of_both * h;
      reach_x = suits ? detail::maximum_of(reach_x, x) : reach_x;
      reach_y = suits ? detail::maximum_of(reach_y, y) : reach_y;
    }
    if (reach_x < 0) continue;
    const auto [top, bottom] =
        detail::cells_within(t.cy, reach_y + level.bend_y, level.top, level.per_y, level.rows);
    const auto [left, right] =
        detail::cells_within(t.cx, reach_x + level.bend_x, level.left, level.per_x, level.columns);
    if (left >= right) continue;
    std::size_t at = level.first + top * level.columns * level.per_cell;
    for (std::size_t row = top; row < bottom; ++row, at += level.columns * level.per_cell)
      run(at + left * level.per_cell, at + right * level.per_cell);
  }
}

}  // namespace retinue
