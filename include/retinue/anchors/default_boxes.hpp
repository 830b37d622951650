// SPDX-License-Identifier: Apache-2.0
// SSD's default boxes (Liu 2016, section 2.2, and its code): on each level a square of side s, one
// of side sqrt(s s'), where s' is the next level's s, and for each ratio r a pair
//   (s sqrt(r), s / sqrt(r)) and (s / sqrt(r), s sqrt(r)).
// Sizes and strides are those of the square image side that the network was designed for; on
// another image the boxes scale with it.
#pragma once

#include <retinue/anchors/grid.hpp>  // anchor_source

#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

namespace retinue {

/// One level: pixels of the design image.
struct default_box_level {
  int stride = 8;
  double size = 0, next_size = 0;
  std::vector<double> ratios;  ///< width / height, each also used upside down
};

/// SSD's default boxes (Liu 2016, section 2.2), laid out for a design image.
struct default_boxes {
  static constexpr std::string_view kind = "default_boxes";  ///< in a configuration

  int design_side = 300;
  std::vector<default_box_level> level;
  bool clip = true;

  [[nodiscard]] std::size_t levels() const { return level.size(); }
  [[nodiscard]] int cells(std::size_t l, int pixels) const
  {
    return detail::ceil_cells(pixels, level[l].stride);
  }
  [[nodiscard]] std::size_t per_cell(std::size_t l) const { return 2 + 2 * level[l].ratios.size(); }
  [[nodiscard]] double centre(std::size_t l, int cell, int extent) const
  {
    return (cell + 0.5) / (static_cast<double>(extent) / level[l].stride);
  }
  [[nodiscard]] anchor_sides sides(std::size_t l, std::size_t anchor, extent2) const
  {
    const double s = level[l].size / design_side, next = level[l].next_size / design_side;
    if (anchor == 0) return {s, s};
    if (anchor == 1) return {std::sqrt(s * next), std::sqrt(s * next)};
    const double root = std::sqrt(level[l].ratios[(anchor - 2) / 2]);
    return anchor % 2 == 0 ? anchor_sides{s * root, s / root} : anchor_sides{s / root, s * root};
  }
  [[nodiscard]] bool clipped() const { return clip; }

  /// SSD300 as trained on PASCAL VOC: 8,732 boxes.
  [[nodiscard]] static default_boxes ssd300()
  {
    return {.design_side = 300,
            .level = {{8, 30, 60, {2}},
                      {16, 60, 111, {2, 3}},
                      {32, 111, 162, {2, 3}},
                      {64, 162, 213, {2, 3}},
                      {100, 213, 264, {2}},
                      {300, 264, 315, {2}}}};
  }
  /// SSD512 as trained on PASCAL VOC: 24,564 boxes.
  [[nodiscard]] static default_boxes ssd512()
  {
    return {.design_side = 512,
            .level = {{8, 35.84, 76.8, {2}},
                      {16, 76.8, 153.6, {2, 3}},
                      {32, 153.6, 230.4, {2, 3}},
                      {64, 230.4, 307.2, {2, 3}},
                      {128, 307.2, 384.0, {2, 3}},
                      {256, 384.0, 460.8, {2}},
                      {512, 460.8, 537.6, {2}}}};
  }
};
static_assert(anchor_source<default_boxes>);

}  // namespace retinue
