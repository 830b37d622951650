// SPDX-License-Identifier: Apache-2.0
// All anchors of one image size, their corners, and the regular grid that each level lies on, for
// algorithms that look only at the anchors near a box.
#pragma once

#include <retinue/anchors/grid.hpp>   // make_anchors
#include <retinue/backend/table.hpp>  // columns
#include <retinue/compiler.hpp>       // RETINUE_HD
#include <retinue/geometry.hpp>       // centre_box, to_corners

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// One level: anchor k of a cell is first + (row * columns + column) * per_cell + k, and its centre
/// is left + column * step_x, top + row * step_y, give or take the bends.
struct level_grid {
  std::size_t first = 0, rows = 0, columns = 0, per_cell = 0;
  float left = 0, top = 0, step_x = 0, step_y = 0;
  float per_x = 0, per_y = 0;    ///< 1 / step, 0 where there is one cell
  float bend_x = 0, bend_y = 0;  ///< the furthest from there that a centre lies: clipping

  /// One cell, in which every anchor has a centre of its own.
  [[nodiscard]] RETINUE_HD bool unordered() const { return rows == 1 && columns == 1; }
};
/// The grid of a level, and the anchors of its first cell.
struct level_layout : level_grid {
  std::vector<centre_box<float>> cell;  ///< the anchors of the first cell
};

/// Fractions of the image's sides.
class anchor_layout {
 public:
  anchor_layout() = default;

  /// From map sizes that the network really has, or from the image's size if there are none. Throws
  /// as `make_anchors` does.
  template <anchor_source A>
  anchor_layout(const A& source, extent2 image, std::span<const extent2> maps = {})
  {
    const auto own = maps.empty() ? map_sizes(source, image) : std::vector<extent2>();
    if (maps.empty()) maps = own;
    make_anchors(source, image, maps, anchors_);
    std::size_t first = 0;
    for (std::size_t l = 0; l < maps.size(); ++l) {
      level_layout level;
      level.first = first;
      level.rows = static_cast<std::size_t>(maps[l].height);
      level.columns = static_cast<std::size_t>(maps[l].width);
      level.per_cell = source.per_cell(l);
      add_level(std::move(level));
      first += levels_.back().rows * levels_.back().columns * levels_.back().per_cell;
    }
    take_corners();
  }

  /// Anchors in no order.
  explicit anchor_layout(std::vector<centre_box<float>> anchors) : anchors_(std::move(anchors))
  {
    level_layout all;
    all.rows = all.columns = 1;
    all.per_cell = anchors_.size();
    add_level(std::move(all));
    take_corners();
  }

  [[nodiscard]] std::size_t size() const { return anchors_.size(); }
  [[nodiscard]] std::span<const centre_box<float>> anchors() const { return anchors_; }
  /// (x1, y1, x2, y2) of all anchors; up to the next multiple of 16, boxes without area follow.
  [[nodiscard]] const columns<box<float>>& corners() const { return corners_; }
  [[nodiscard]] std::span<const level_layout> levels() const { return levels_; }

 private:
  void add_level(level_layout level)
  {
    const std::size_t row = level.columns * level.per_cell;
    if (level.rows > 0 && row > 0) {
      const centre_box<float>* const at = &anchors_[level.first];
      level.cell.assign(at, at + level.per_cell);
      level.left = at->cx, level.top = at->cy;
      if (level.columns > 1)
        level.step_x = (at[row - 1].cx - at->cx) / static_cast<float>(level.columns - 1);
      if (level.rows > 1)
        level.step_y =
            (at[(level.rows - 1) * row].cy - at->cy) / static_cast<float>(level.rows - 1);
      level.per_x = level.step_x > 0 ? 1 / level.step_x : 0;
      level.per_y = level.step_y > 0 ? 1 / level.step_y : 0;
      for (std::size_t c = 0; c < level.columns; ++c)
        level.bend_x = std::max(level.bend_x, std::abs(at[c * level.per_cell].cx - at->cx -
                                                       static_cast<float>(c) * level.step_x));
      for (std::size_t r = 0; r < level.rows; ++r)
        level.bend_y = std::max(
            level.bend_y, std::abs(at[r * row].cy - at->cy - static_cast<float>(r) * level.step_y));
    }
    levels_.push_back(std::move(level));
  }

  void take_corners()
  {
    corners_.resize((anchors_.size() + 15) / 16 * 16);
    for (std::size_t i = 0; i < corners_.size(); ++i)
      corners_.set(i, i < anchors_.size() ? to_corners(anchors_[i]) : box<float>{});
  }

  std::vector<centre_box<float>> anchors_;
  columns<box<float>> corners_;
  std::vector<level_layout> levels_;
};

}  // namespace retinue
