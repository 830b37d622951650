// SPDX-License-Identifier: Apache-2.0
// Rotation, scale, shear and shift about the centre of the picture, whose size stays.
//
//   x' = m[0] x + m[1] y + m[2]        y' = m[3] x + m[4] y + m[5]
//
// A box becomes the box around its four turned corners, which is looser than the object: keep
// angles small where boxes matter.
#pragma once

#include <retinue/augment/transform.hpp>  // transform, keep_inside
#include <retinue/error.hpp>              // fail

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

namespace retinue {

/// A turn, a scaling and a shift of a picture, as one matrix.
struct affine {
  std::array<double, 6> m{1, 0, 0, 0, 1, 0};
  edge_landmarks landmarks = edge_landmarks::hide;
  fill_colour fill = mean_colour;

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }

  [[nodiscard]] std::array<double, 2> operator()(double x, double y) const
  {
    return {m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]};
  }

  /// Where nothing moves, nothing is cut from the instances.
  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 size) const
  {
    if (m == affine{}.m) return;
    const auto scale = static_cast<float>(std::hypot(m[0], m[3]));  // of lengths along x
    for (auto& i : instances) {
      const box<float> b = i.bounds;
      const std::array corners{(*this)(b.x1, b.y1), (*this)(b.x2, b.y1), (*this)(b.x1, b.y2),
                               (*this)(b.x2, b.y2)};
      const auto reach = [&](std::size_t axis) {
        const auto [lo, hi] = std::ranges::minmax(
            corners, {}, [axis](const std::array<double, 2>& corner) { return corner[axis]; });
        return std::array{static_cast<float>(lo[axis]), static_cast<float>(hi[axis])};
      };
      const auto x = reach(0), y = reach(1);
      i.bounds = {x[0], y[0], x[1], y[1]};
      detail::map_points(i, [&](std::size_t, auto& p) {
        const auto to = (*this)(p[0], p[1]);
        p[0] = static_cast<float>(to[0]);
        p[1] = static_cast<float>(to[1]);
        if constexpr (Schema::dimension == 3) p[2] *= scale;
      });
    }
    detail::keep_inside(instances, size, landmarks);
  }
};
static_assert(transform<affine>);

/// Draws turn, scale and shift within limits.
struct random_affine {
  double probability = 0.5;
  double degrees = 10;  ///< at most, either way; 0 to 360
  double least_scale = 0.8, most_scale = 1.25;
  double shift = 0.1;  ///< at most, as a share of the sides; 0 or more
  double shear = 0;    ///< at most: x moves by this times y; 0 or more
  edge_landmarks landmarks = edge_landmarks::hide;
  fill_colour fill = mean_colour;

  template <random_source Random, class Schema>
  [[nodiscard]] affine draw(Random& random, extent2 size, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a turned picture");
    detail::check_range(least_scale, most_scale, 0.01, 100, "the scales of a turned picture");
    for (const double reach : {degrees, shift, shear})
      if (!(reach >= 0 && reach <= 360))
        fail("a picture is turned by at most ", degrees, " degrees, shifted by ", shift,
             " of its sides and sheared by ", shear, ", expected 0 to 360 each");
    affine drawn{.landmarks = landmarks, .fill = fill};
    if (!random.chance(probability)) return drawn;
    const double turn = random.uniform(-degrees, degrees) * std::numbers::pi / 180;
    const double scale = random.uniform(least_scale, most_scale);
    const double lean = random.uniform(-shear, shear);
    const double dx = random.uniform(-shift, shift) * size.width;
    const double dy = random.uniform(-shift, shift) * size.height;
    const double c = scale * std::cos(turn), s = scale * std::sin(turn);
    const double cx = size.width / 2., cy = size.height / 2.;
    drawn.m = {c, c * lean - s, 0, s, s * lean + c, 0};
    const auto centre = drawn(cx, cy);
    drawn.m[2] = cx + dx - centre[0];
    drawn.m[5] = cy + dy - centre[1];
    return drawn;
  }
};

}  // namespace retinue
