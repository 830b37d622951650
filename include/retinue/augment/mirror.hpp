// SPDX-License-Identifier: Apache-2.0
// Left and right exchanged: x becomes width - x, each landmark the one that its schema names, and
// each class the one that its partner is, where classes have a left and a right.
#pragma once

#include <retinue/augment/transform.hpp>  // transform
#include <retinue/error.hpp>              // fail

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Flips a picture left to right; landmarks change places as their schema says.
struct mirror {
  bool on = true;
  /// What label 0, 1, 2, ... becomes; a label beyond its end stays what it is.
  std::vector<std::int32_t> labels{};

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }

  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 size) const
  {
    if (!on) return;
    const auto w = static_cast<float>(size.width);
    for (auto& i : instances) {
      i.bounds = {w - i.bounds.x2, i.bounds.y1, w - i.bounds.x1, i.bounds.y2};
      if (i.label >= 0 && static_cast<std::size_t>(i.label) < labels.size())
        i.label = labels[static_cast<std::size_t>(i.label)];
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
  /// Classes that change places, as a left shoe and a right one: {{1, 2}, {5, 6}}.
  std::vector<std::pair<std::int32_t, std::int32_t>> pairs{};

  template <random_source Random, class Schema>
  [[nodiscard]] mirror draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a mirrored picture");
    mirror drawn{random.chance(probability)};
    const auto swap = [&](std::int32_t from, std::int32_t to) {
      if (from < 1 || from > 1000000)
        fail("a mirror exchanges label ", from, " with another, expected 1 to 1000000");
      for (auto next = static_cast<std::int32_t>(drawn.labels.size()); next <= from; ++next)
        drawn.labels.push_back(next);
      std::int32_t& now = drawn.labels[static_cast<std::size_t>(from)];
      if (now != from || to == from) fail("a mirror exchanges label ", from, " more than once");
      now = to;
    };
    for (const auto& [left, right] : pairs) swap(left, right), swap(right, left);
    return drawn;
  }
};

}  // namespace retinue
