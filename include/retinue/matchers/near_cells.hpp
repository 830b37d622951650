// SPDX-License-Identifier: Apache-2.0
// The cells of a level's grid among which the nearest to a place are: a square around the nearest
// one, which grows until so many of its cells are nearer than any outside of it.
#pragma once

#include <retinue/anchors/layout.hpp>  // level_grid
#include <retinue/compiler.hpp>        // RETINUE_HD

#include <cstddef>
#include <cstdint>

namespace retinue::detail {

/// Columns [left, right) and rows [top, bottom) of a level.
struct cell_window {
  std::uint32_t left, right, top, bottom;

  [[nodiscard]] RETINUE_HD std::uint32_t cells() const { return (right - left) * (bottom - top); }
};

/// Cells along one axis, and how far everything else along it is at least.
struct cell_span {
  std::uint32_t begin, end;
  float safe;

  RETINUE_HD cell_span(float at, std::uint32_t reach, std::uint32_t count)
  {
    const auto last = static_cast<float>(count - 1);
    const auto cell = static_cast<std::uint32_t>((at > 0 ? at < last ? at : last : 0.0f) + 0.5f);
    constexpr float far = 3e38f;
    begin = cell > reach ? cell - reach : 0;
    end = count < cell + reach + 1 ? count : cell + reach + 1;
    const float before = begin > 0 ? at - (static_cast<float>(begin) - 1) : far;
    const float after = end < count ? static_cast<float>(end) - at : far;
    safe = before < after ? before : after;
  }
};

/// A window with the `wanted` cells that are nearest to (cx, cy), in steps of the grid; the whole
/// level where it says so, or where its grid is none that a place can be looked up in.
[[nodiscard]] RETINUE_HD inline cell_window window_of_nearest(const level_grid& level, float cx,
                                                              float cy, std::size_t wanted,
                                                              bool whole)
{
  const auto columns = static_cast<std::uint32_t>(level.columns),
             rows = static_cast<std::uint32_t>(level.rows);
  const cell_window all{0, columns, 0, rows};
  // Clipping bends grids.
  if (whole || all.cells() <= wanted || level.unordered() || level.bend_x * level.per_x > 1e-3f ||
      level.bend_y * level.per_y > 1e-3f)
    return all;
  const float x = (cx - level.left) * level.per_x, y = (cy - level.top) * level.per_y;
  for (std::uint32_t reach = 1;; reach *= 2) {
    const cell_span across(x, reach, columns), down(y, reach, rows);
    const cell_window now{across.begin, across.end, down.begin, down.end};
    if (now.cells() == all.cells()) return all;
    const float safe = (across.safe < down.safe ? across.safe : down.safe) * 0.999f;
    std::uint32_t nearer = 0;
    for (std::uint32_t r = now.top; r < now.bottom; ++r)
      for (std::uint32_t k = now.left; k < now.right; ++k) {
        const float dx = static_cast<float>(k) - x, dy = static_cast<float>(r) - y;
        nearer += safe >= 0 && dx * dx + dy * dy <= safe * safe ? 1 : 0;
      }
    if (nearer >= wanted) return now;
  }
}

}  // namespace retinue::detail
