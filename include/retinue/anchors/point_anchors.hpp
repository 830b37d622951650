// SPDX-License-Identifier: Apache-2.0
// Points with the stride for a side: FCOS, GFL, YOLOX, SCRFD, YuNet.
//
//   cx = (column + offset) stride     w = h = stride
//
// So whatever codes by an anchor's sides codes by the stride.
#pragma once

#include <retinue/anchors/grid.hpp>  // anchor_source

#include <cstddef>
#include <string_view>
#include <vector>

namespace retinue {

/// Anchors that are points, `in_cell` of them in every cell of each level.
struct point_anchors {
  static constexpr std::string_view kind = "points";  ///< in a configuration

  std::vector<int> strides;  ///< pixels, one a level
  double offset = 0.5;       ///< of a point in its cell, in strides: 0 a corner, 0.5 the middle
  std::size_t in_cell = 1;   ///< how many share a point

  [[nodiscard]] constexpr std::size_t levels() const { return strides.size(); }
  [[nodiscard]] constexpr int cells(std::size_t l, int pixels) const
  {
    return detail::ceil_cells(pixels, strides[l]);
  }
  [[nodiscard]] constexpr std::size_t per_cell(std::size_t) const { return in_cell; }
  [[nodiscard]] constexpr double centre(std::size_t l, int cell, int extent) const
  {
    return (cell + offset) * strides[l] / extent;
  }
  [[nodiscard]] constexpr anchor_sides sides(std::size_t l, std::size_t, extent2 image) const
  {
    return {static_cast<double>(strides[l]) / image.width,
            static_cast<double>(strides[l]) / image.height};
  }
  [[nodiscard]] static constexpr bool clipped() { return false; }

  /// FCOS and GFL over five levels (Tian 2019, section 3.2).
  [[nodiscard]] static constexpr point_anchors fcos() { return {{8, 16, 32, 64, 128}}; }
  /// YOLOv8 and later: the middle of a cell.
  [[nodiscard]] static constexpr point_anchors yolov8() { return {{8, 16, 32}}; }
  /// YOLOX and YuNet: the corner of a cell.
  [[nodiscard]] static constexpr point_anchors yolox() { return {{8, 16, 32}, 0}; }
  /// SCRFD: two to each corner.
  [[nodiscard]] static constexpr point_anchors scrfd() { return {{8, 16, 32}, 0, 2}; }
};
static_assert(anchor_source<point_anchors>);

}  // namespace retinue
