// SPDX-License-Identifier: Apache-2.0
// Anchors of several scales and ratios around every cell: RPN, RetinaNet, ATSS.
//
//   width = base scale / sqrt(ratio)     height = base scale sqrt(ratio)     ratio = height / width
//   cx = (column + offset) stride        in a cell: ratio after ratio, of each all scales
//
// Ren 2015 (RPN, section 3.1.1) and Lin 2017 (RetinaNet, section 4). Where centres lie, and whether
// sides are whole numbers, differs between codes: see the named ones.
#pragma once

#include <retinue/anchors/grid.hpp>  // anchor_source

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// One level: a cell every `stride` pixels, and squares of base * scale pixels before any ratio.
struct ratio_level {
  int stride = 8;
  double base = 8;
  std::vector<double> scales;
};

/// Anchors of every scale and every ratio in each cell of each level.
struct ratio_anchors {
  static constexpr std::string_view kind = "ratios";  ///< in a configuration

  std::vector<ratio_level> level;
  std::vector<double> ratios{0.5, 1, 2};  ///< height / width
  double offset = 0;   ///< of a centre in its cell, in strides: 0 a corner, 0.5 the middle
  bool whole = false;  ///< half a side is rounded to a whole number of pixels, as in torchvision
  bool clip = false;

  [[nodiscard]] std::size_t levels() const { return level.size(); }
  [[nodiscard]] int cells(std::size_t l, int pixels) const
  {
    return detail::ceil_cells(pixels, level[l].stride);
  }
  [[nodiscard]] std::size_t per_cell(std::size_t l) const
  {
    return level[l].scales.size() * ratios.size();
  }
  [[nodiscard]] double centre(std::size_t l, int cell, int extent) const
  {
    return (cell + offset) * level[l].stride / extent;
  }
  [[nodiscard]] anchor_sides sides(std::size_t l, std::size_t anchor, extent2 image) const
  {
    const ratio_level& of = level[l];
    const double root = std::sqrt(ratios[anchor / of.scales.size()]);
    const double side = of.base * of.scales[anchor % of.scales.size()];
    double w = side / root, h = side * root;
    if (whole) w = 2 * std::nearbyint(w / 2), h = 2 * std::nearbyint(h / 2);
    return {w / image.width, h / image.height};
  }
  [[nodiscard]] bool clipped() const { return clip; }

  /// The same scales, of the stride, on all levels.
  [[nodiscard]] static ratio_anchors by_stride(std::initializer_list<int> strides,
                                               std::vector<double> scales,
                                               std::vector<double> ratios = {0.5, 1, 2})
  {
    ratio_anchors all{.level = {}, .ratios = std::move(ratios)};
    for (const int stride : strides)
      all.level.push_back({stride, static_cast<double>(stride), scales});
    return all;
  }
  /// MMDetection's RPN over a pyramid; detectron2 has the same but for the order of numbers.
  [[nodiscard]] static ratio_anchors rpn() { return by_stride({4, 8, 16, 32, 64}, {8}); }
  /// RetinaNet, section 4: three scales an octave, from four strides on. As MMDetection has it.
  [[nodiscard]] static ratio_anchors retinanet()
  {
    return by_stride({8, 16, 32, 64, 128}, {4, 4 * std::exp2(1.0 / 3), 4 * std::exp2(2.0 / 3)});
  }
  /// One square a cell, of eight strides (Zhang 2020).
  [[nodiscard]] static ratio_anchors atss() { return by_stride({8, 16, 32, 64, 128}, {8}, {1}); }
  /// torchvision's Faster R-CNN over a pyramid: 32 to 512 pixels, whole numbers.
  [[nodiscard]] static ratio_anchors torchvision_rpn()
  {
    ratio_anchors all = by_stride({4, 8, 16, 32, 64}, {8});
    all.whole = true;
    return all;
  }
  /// torchvision's RetinaNet: sizes are cut to whole numbers, and half their sides rounded.
  [[nodiscard]] static ratio_anchors torchvision_retinanet()
  {
    ratio_anchors all{.level = {}, .whole = true};
    int stride = 8;
    for (const double size : {32, 64, 128, 256, 512}) {
      all.level.push_back(
          {stride,
           1,
           {size, std::floor(size * std::exp2(1.0 / 3)), std::floor(size * std::exp2(2.0 / 3))}});
      stride *= 2;
    }
    return all;
  }
};
static_assert(anchor_source<ratio_anchors>);

}  // namespace retinue
