// SPDX-License-Identifier: Apache-2.0
// The picture seen through a window: a crop where the window lies inside, a border where it does
// not. Cropping, padding to a square and expanding are one transform, drawn by three stages.
#pragma once

#include <retinue/augment/transform.hpp>  // transform, keep_inside

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// A part of the picture, which may reach beyond it: a crop, or a wider canvas.
struct window {
  int left = 0, top = 0;  ///< pixels of the picture; negative: a border
  extent2 size{};         ///< both sides > 0
  edge_landmarks landmarks = edge_landmarks::hide;
  fill_colour fill = mean_colour;  ///< of what lies beyond the picture

  [[nodiscard]] extent2 size_after(extent2) const { return size; }

  [[nodiscard]] bool holds_all_of(extent2 picture) const
  {
    return left <= 0 && top <= 0 && left + size.width >= picture.width &&
           top + size.height >= picture.height;
  }

  /// Where nothing of the picture is cut away, nothing is cut from the instances.
  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 picture) const
  {
    const auto x = static_cast<float>(left), y = static_cast<float>(top);
    for (auto& i : instances) {
      i.bounds = {i.bounds.x1 - x, i.bounds.y1 - y, i.bounds.x2 - x, i.bounds.y2 - y};
      detail::map_points(i, [&](std::size_t, auto& p) {
        p[0] -= x;
        p[1] -= y;
      });
    }
    if (!holds_all_of(picture)) detail::keep_inside(instances, size, landmarks);
  }
};
static_assert(transform<window>);

/// A border at the right and the bottom makes the picture square.
struct pad_to_square {
  fill_colour fill = mean_colour;

  template <random_source Random, class Schema>
  [[nodiscard]] window draw(Random&, extent2 size, std::span<const instance<Schema>>) const
  {
    const int side = std::max(size.height, size.width);
    return {.size = {side, side}, .fill = fill};
  }
};

/// The picture somewhere on a larger canvas: objects become small.
struct random_expand {
  double probability = 0.5;
  double most = 4;  ///< times the sides; 1 to 100
  fill_colour fill = mean_colour;

  template <random_source Random, class Schema>
  [[nodiscard]] window draw(Random& random, extent2 size, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a larger canvas");
    detail::check_range(1, most, 1, 100, "the scales of a larger canvas");
    if (!random.chance(probability)) return {.size = size, .fill = fill};
    const double scale = random.uniform(1, most);
    const extent2 canvas{static_cast<int>(scale * size.height),
                         static_cast<int>(scale * size.width)};
    const auto offset = [&](int room) {
      return -static_cast<int>(random.below(static_cast<std::uint32_t>(room) + 1));
    };
    const int left = offset(canvas.width - size.width);
    return {.left = left, .top = offset(canvas.height - size.height), .size = canvas, .fill = fill};
  }
};

}  // namespace retinue
