// SPDX-License-Identifier: Apache-2.0
// Anchors of a kind that is chosen at run time. Which one is asked once a row and once a column of
// cells: to make the 8,732 of SSD300, once for a size of pictures, takes 3.8 us in place of 3.7.
//
// A source of yours: give it a `kind`, make it an alternative, and write its keys in
// config/json.hpp.
#pragma once

#include <retinue/anchors/default_boxes.hpp>   // default_boxes
#include <retinue/anchors/grid.hpp>            // anchor_source
#include <retinue/anchors/listed_anchors.hpp>  // listed_anchors
#include <retinue/anchors/point_anchors.hpp>   // point_anchors
#include <retinue/anchors/ratio_anchors.hpp>   // ratio_anchors
#include <retinue/anchors/square_anchors.hpp>  // square_anchors

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>

namespace retinue {

/// One of the shipped sources of anchors; its members ask the one that it holds.
struct any_anchors {
  using one_of =
      std::variant<square_anchors, default_boxes, ratio_anchors, point_anchors, listed_anchors>;
  one_of source;

  template <anchor_source A>
    requires std::constructible_from<one_of, A>
  any_anchors(A chosen) : source(std::move(chosen))
  {
  }

  [[nodiscard]] std::size_t levels() const
  {
    return std::visit([](const auto& a) { return a.levels(); }, source);
  }
  [[nodiscard]] int cells(std::size_t l, int pixels) const
  {
    return std::visit([&](const auto& a) { return a.cells(l, pixels); }, source);
  }
  [[nodiscard]] std::size_t per_cell(std::size_t l) const
  {
    return std::visit([&](const auto& a) { return a.per_cell(l); }, source);
  }
  [[nodiscard]] double centre(std::size_t l, int cell, int extent) const
  {
    return std::visit([&](const auto& a) { return a.centre(l, cell, extent); }, source);
  }
  [[nodiscard]] anchor_sides sides(std::size_t l, std::size_t anchor, extent2 image) const
  {
    return std::visit([&](const auto& a) { return a.sides(l, anchor, image); }, source);
  }
  [[nodiscard]] bool clipped() const
  {
    return std::visit([](const auto& a) { return a.clipped(); }, source);
  }

  /// Pixels from one cell of a level to the next.
  [[nodiscard]] int stride(std::size_t l) const
  {
    return std::visit(
        [&](const auto& a) {
          if constexpr (requires { a.strides; })
            return a.strides[l];
          else
            return a.level[l].stride;
        },
        source);
  }
  /// Where a configuration says what a level is.
  [[nodiscard]] std::string level_key(std::size_t l) const
  {
    const bool points = std::holds_alternative<point_anchors>(source);
    return (points ? "anchors.strides[" : "anchors.levels[") + std::to_string(l) + "]";
  }
  /// The stride of a level, likewise.
  [[nodiscard]] std::string stride_key(std::size_t l) const
  {
    return level_key(l) + (std::holds_alternative<point_anchors>(source) ? "" : ".stride");
  }
};
static_assert(anchor_source<any_anchors>);

}  // namespace retinue
