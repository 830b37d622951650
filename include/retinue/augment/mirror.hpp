// SPDX-License-Identifier: Apache-2.0
// Left and right exchanged: x becomes width - x, and each landmark the one that its schema names.
#pragma once

#include <retinue/augment/transform.hpp>  // transform

#include <cstddef>
#include <span>
#include <vector>

namespace retinue {

/// Flips a picture left to right; landmarks change places as their schema says.
struct mirror {
  bool on = true;

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }

  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 size) const
  {
    if (!on) return;
    const auto w = static_cast<float>(size.width);
    for (auto& i : instances) {
      i.bounds = {w - i.bounds.x2, i.bounds.y1, w - i.bounds.x1, i.bounds.y2};
      detail::map_points(i, [&](std::size_t, auto& p) { p[0] = w - p[0]; });
      const auto from = i;
      for (std::size_t k = 0; k < Schema::count; ++k) {
        i.points.points[Schema::mirror[k]] = from.points.points[k];
        i.visible[Schema::mirror[k]] = from.visible[k];
      }
    }
  }
};
static_assert(transform<mirror>);

/// Draws whether a picture is flipped.
struct random_mirror {
  double probability = 0.5;

  template <random_source Random, class Schema>
  [[nodiscard]] mirror draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a mirrored picture");
    return {random.chance(probability)};
  }
};

}  // namespace retinue
