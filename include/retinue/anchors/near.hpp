// SPDX-License-Identifier: Apache-2.0
// The anchors near a box, found on the regular grid of each level without a look at the others.
#pragma once

#include <retinue/anchors/layout.hpp>  // anchor_layout
#include <retinue/geometry.hpp>        // box, to_centre

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace retinue {

namespace detail {
struct cell_range {
  std::size_t begin, end;
};
/// Those whose centre, first + cell * step, lies within reach of a centre.
inline cell_range cells_within(float centre, float reach, float first, float step,
                               std::size_t count)
{
  if (count <= 1 || step <= 0) return {0, count};
  const float slack = 1e-3f;  // of a cell, for rounding
  const float middle = (centre - first) / step, cells = reach / step;
  // Whole numbers by truncation, which costs less than std::ceil and std::floor.
  const auto whole = [count](float cell) {
    return static_cast<std::size_t>(
        static_cast<std::int32_t>(std::clamp(cell, 0.0f, static_cast<float>(count))));
  };
  return {whole(middle - cells + 1 - 2 * slack), whole(middle + cells + 1 + slack)};
}
}  // namespace detail

/// Calls run(begin, end) with every range of anchors in which one may overlap the truth by
/// `least` or more (by more than 0, for least = 0), in rising order within a level.
///
/// iou >= t implies that the boxes share at least t (|a| + |b|) / (1 + t). How much of their
/// height they share in a row of cells therefore says how much of their width they must.
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
    float reach_y = -1;
    for (const centre_box<float>& a : level.cell) {
      const float needed = share * (a.w * a.h + t.w * t.h), w = std::min(a.w, t.w);
      if (needed <= w * std::min(a.h, t.h))
        reach_y = std::max(reach_y, (a.h + t.h) / 2 - needed / w);
    }
    if (reach_y < 0) continue;
    const auto [top, bottom] =
        detail::cells_within(t.cy, reach_y + level.bend_y, level.top, level.step_y, level.rows);
    for (std::size_t row = top; row < bottom; ++row) {
      const float centre = level.top + static_cast<float>(row) * level.step_y;
      const float apart = std::abs(centre - t.cy) - level.bend_y - 1e-6f;  // or less, by rounding
      float reach_x = -1;
      for (const centre_box<float>& a : level.cell) {
        const float needed = share * (a.w * a.h + t.w * t.h);
        const float h = std::min(std::min(a.h, t.h), (a.h + t.h) / 2 - apart);
        if (h > 0 && needed <= h * std::min(a.w, t.w))
          reach_x = std::max(reach_x, (a.w + t.w) / 2 - needed / h);
      }
      if (reach_x < 0) continue;
      const auto [left, right] = detail::cells_within(t.cx, reach_x + level.bend_x, level.left,
                                                      level.step_x, level.columns);
      const std::size_t at = level.first + row * level.columns * level.per_cell;
      if (left < right) run(at + left * level.per_cell, at + right * level.per_cell);
    }
  }
}

}  // namespace retinue
