// SPDX-License-Identifier: Apache-2.0
// Anchors by a list of widths and heights in pixels, around the middle of every cell: YOLO.
#pragma once

#include <retinue/anchors/grid.hpp>  // anchor_source
#include <retinue/error.hpp>         // fail

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

/// One level: a cell every `stride` pixels, and the sides of its anchors in pixels.
struct listed_level {
  int stride = 8;
  std::vector<anchor_sides> sides;
};

/// Levels of anchors whose sides are listed, the finest first.
struct listed_anchors {
  static constexpr std::string_view kind = "listed";  ///< in a configuration

  std::vector<listed_level> level;
  double offset = 0.5;  ///< of a centre in its cell, in strides
  bool clip = false;

  [[nodiscard]] constexpr std::size_t levels() const { return level.size(); }
  [[nodiscard]] constexpr int cells(std::size_t l, int pixels) const
  {
    return detail::ceil_cells(pixels, level[l].stride);
  }
  [[nodiscard]] constexpr std::size_t per_cell(std::size_t l) const
  {
    return level[l].sides.size();
  }
  [[nodiscard]] constexpr double centre(std::size_t l, int cell, int extent) const
  {
    return (cell + offset) * level[l].stride / extent;
  }
  [[nodiscard]] constexpr anchor_sides sides(std::size_t l, std::size_t anchor, extent2 image) const
  {
    const anchor_sides& of = level[l].sides[anchor];
    return {of.width / image.width, of.height / image.height};
  }
  [[nodiscard]] constexpr bool clipped() const { return clip; }

  /// Sides in rising order of area, such as `cluster_sides` gives, shared out evenly: the smallest
  /// to the first stride. Throws where they cannot be.
  [[nodiscard]] static listed_anchors from(std::span<const anchor_sides> sides,
                                           std::span<const int> strides)
  {
    if (strides.empty() || sides.empty() || sides.size() % strides.size() != 0)
      fail(sides.size(), " pairs of sides cannot be shared out evenly to ", strides.size(),
           " levels");
    const std::size_t each = sides.size() / strides.size();
    listed_anchors all;
    for (std::size_t l = 0; l < strides.size(); ++l) {
      const auto own = sides.subspan(l * each, each);
      all.level.push_back({strides[l], {own.begin(), own.end()}});
    }
    return all;
  }
  /// YOLOv3 and YOLOv5 at 416 and 640 pixels (Redmon 2018, section 2.3).
  [[nodiscard]] static constexpr listed_anchors yolov3()
  {
    return {{{8, {{10, 13}, {16, 30}, {33, 23}}},
             {16, {{30, 61}, {62, 45}, {59, 119}}},
             {32, {{116, 90}, {156, 198}, {373, 326}}}}};
  }
  /// YOLOv3-tiny's, at 416 pixels.
  [[nodiscard]] static constexpr listed_anchors yolov3_tiny()
  {
    return {{{16, {{10, 14}, {23, 27}, {37, 58}}}, {32, {{81, 82}, {135, 169}, {344, 319}}}}};
  }
};
static_assert(anchor_source<listed_anchors>);

}  // namespace retinue
