// SPDX-License-Identifier: Apache-2.0
// The anchors near a box, found on the regular grid of each level without a look at the others.
#pragma once

#include <retinue/anchors/layout.hpp>       // anchor_layout
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // minimum_of, maximum_of
#include <retinue/geometry.hpp>             // box, to_centre

#include <cstddef>
#include <cstdint>

namespace retinue {

/// Rows of anchors of one level: `length` of them from `begin`, from `begin` + `step`, and so on.
struct anchor_window {
  std::uint32_t begin = 0, rows = 0, step = 0, length = 0;

  [[nodiscard]] RETINUE_HD std::uint32_t size() const { return rows * length; }
  [[nodiscard]] RETINUE_HD std::uint32_t operator[](std::uint32_t i) const
  {
    return begin + i / length * step + i % length;
  }
};

namespace detail {
struct cell_range {
  std::size_t begin, end;
};
/// Those whose centre, first + cell / per_step, lies within reach of a centre; all, where numbers
/// are so large that this cannot be said.
RETINUE_HD inline cell_range cells_within(float centre, float reach, float first, float per_step,
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

/// What share of both boxes' areas boxes have in common that overlap by `least`: less, for
/// rounding. Below 1e-24 that may be all of it: the areas have few digits or none.
RETINUE_HD inline float share_of(float least)
{
  return least < 1e-24f ? 0.0f : 0.9999f * least / (1 + least);
}
}  // namespace detail

/// The anchors of a level of which one may overlap the truth t by so much that it has `share` of
/// both areas; `cell` are those of its first cell.
///
/// iou >= t implies that the boxes share at least t (|a| + |b|) / (1 + t), and therefore, of two
/// boxes of known sides, how far apart their centres are at most: in x if they share all the height
/// that they can, in y if they share all the width.
[[nodiscard]] RETINUE_HD RETINUE_INLINE anchor_window window_of(const level_grid& level,
                                                                const centre_box<float>* cell,
                                                                const centre_box<float>& t,
                                                                float share)
{
  if (level.rows == 0 || level.columns == 0) return {};  // and no first cell
  const auto narrow = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  if (level.unordered()) return {narrow(level.first), 1, 0, narrow(level.per_cell)};
  float reach_x = -1, reach_y = -1;
  for (std::size_t k = 0; k < level.per_cell; ++k) {
    const centre_box<float>& a = cell[k];
    const float needed = share * (a.w * a.h + t.w * t.h);
    const float w = detail::minimum_of(a.w, t.w), h = detail::minimum_of(a.h, t.h);
    // Without a branch, for no processor foresees which sizes suit a truth.
    const float of_both = needed / (w * h);
    const bool suits = of_both <= 1;
    const float x = (a.w + t.w) / 2 - of_both * w, y = (a.h + t.h) / 2 - of_both * h;
    reach_x = suits ? detail::maximum_of(reach_x, x) : reach_x;
    reach_y = suits ? detail::maximum_of(reach_y, y) : reach_y;
  }
  if (reach_x < 0) return {};
  const auto [top, bottom] =
      detail::cells_within(t.cy, reach_y + level.bend_y, level.top, level.per_y, level.rows);
  const auto [left, right] =
      detail::cells_within(t.cx, reach_x + level.bend_x, level.left, level.per_x, level.columns);
  if (left >= right || top >= bottom) return {};
  const std::size_t step = level.columns * level.per_cell;
  return {narrow(level.first + top * step + left * level.per_cell), narrow(bottom - top),
          narrow(step), narrow((right - left) * level.per_cell)};
}

/// Calls run(begin, end) with every range of anchors in which one may overlap the truth by
/// `least` or more (by more than 0, for least = 0), in rising order within a level.
template <class Run>
void near_anchors(const anchor_layout& anchors, const box<float>& truth, float least,
                  const Run& run)
{
  const centre_box<float> t = to_centre(truth);
  if (!(t.w > 0 && t.h > 0)) return;
  const float share = detail::share_of(least);
  for (const level_layout& level : anchors.levels()) {
    const anchor_window window = window_of(level, level.cell.data(), t, share);
    std::size_t at = window.begin;
    for (std::uint32_t row = 0; row < window.rows; ++row, at += window.step)
      run(at, at + window.length);
  }
}

}  // namespace retinue
