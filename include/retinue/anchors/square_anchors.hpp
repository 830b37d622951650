// SPDX-License-Identifier: Apache-2.0
// RetinaFace's anchors: on each level, squares of given sides around the middle of every cell.
//
//   cx = (column + 1/2) stride / image.width      w = size / image.width       (seed 000, PriorBox)
//
// Where cells are even, they share the image's sides: cx = (column + 1/2) / columns. That differs
// where a side is no multiple of the stride, and is how the Ultra-Light detectors were trained.
// Points are squares of one size, the unit of a coder, around an offset of 0 (YuNet) or 1/2 (FCOS).
#pragma once

#include <retinue/anchors/grid.hpp>  // anchor_source

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace retinue {

/// One level: a cell every `stride` pixels, and the sides of its anchors in pixels.
struct square_level {
  int stride = 8;
  std::vector<double> sizes;
};

/// Squares of given sides in every cell of every level: RetinaFace's anchors.
struct square_anchors {
  static constexpr std::string_view kind = "squares";  ///< in a configuration

  std::vector<square_level> level;
  bool clip = false;
  double offset = 0.5;  ///< of the centre in its cell
  bool even = false;    ///< whether the cells of a level share the image evenly

  [[nodiscard]] constexpr std::size_t levels() const { return level.size(); }
  [[nodiscard]] constexpr int cells(std::size_t l, int pixels) const
  {
    return detail::ceil_cells(pixels, level[l].stride);
  }
  [[nodiscard]] constexpr std::size_t per_cell(std::size_t l) const
  {
    return level[l].sizes.size();
  }
  [[nodiscard]] constexpr double centre(std::size_t l, int cell, int extent) const
  {
    return even ? (cell + offset) / cells(l, extent) : (cell + offset) * level[l].stride / extent;
  }
  [[nodiscard]] constexpr anchor_sides sides(std::size_t l, std::size_t anchor, extent2 image) const
  {
    const double size = level[l].sizes[anchor];
    return {size / image.width, size / image.height};
  }
  [[nodiscard]] constexpr bool clipped() const { return clip; }

  /// The paper's code and seeds 000, 001, 003: 16 to 512 pixels on strides 8, 16, 32.
  [[nodiscard]] static constexpr square_anchors retinaface()
  {
    return {.level = {{8, {16, 32}}, {16, {64, 128}}, {32, {256, 512}}}};
  }
  /// The public MobileNet checkpoint that was trained for small faces: 10 to 256 pixels.
  [[nodiscard]] static constexpr square_anchors retinaface_small_faces()
  {
    return {.level = {{8, {10, 20}}, {16, {32, 64}}, {32, {128, 256}}}};
  }
  /// The detectors with the Ultra-Light bodies: 10 to 256 pixels on four levels.
  [[nodiscard]] static square_anchors ultra_light()
  {
    return {.level = {{8, {10, 16, 24}}, {16, {32, 48}}, {32, {64, 96}}, {64, {128, 192, 256}}}};
  }
  /// Three squares an octave, the smallest of 16, 64 and 256 pixels: the public checkpoint of 68
  /// landmarks.
  [[nodiscard]] static square_anchors retinaface68()
  {
    const auto octave = [](double size) {
      return std::vector{size, size * std::exp2(1.0 / 3), size * std::exp2(2.0 / 3)};
    };
    return {.level = {{8, octave(16)}, {16, octave(64)}, {32, octave(256)}}};
  }
  /// A point in each cell, with the stride as the unit of lengths.
  [[nodiscard]] static square_anchors points(std::initializer_list<int> strides, double offset)
  {
    square_anchors made;
    made.offset = offset;
    for (const int s : strides) made.level.push_back({s, {static_cast<double>(s)}});
    return made;
  }
};
static_assert(anchor_source<square_anchors>);

}  // namespace retinue
