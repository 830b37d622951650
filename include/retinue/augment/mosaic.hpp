// SPDX-License-Identifier: Apache-2.0
// Four pictures that meet at a point, as one (Bochkovskiy et al. 2020): more, smaller objects.
//
//   0 | 1      each is scaled to cover its part, with the corner that touches the others in place;
//   --+--      what hangs over the outer edge is cut away
//   2 | 3
#pragma once

#include <retinue/augment/resize.hpp>     // resize
#include <retinue/augment/transform.hpp>  // random_source
#include <retinue/augment/window.hpp>     // window
#include <retinue/error.hpp>              // fail

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace retinue {

/// Where one of the four goes: resized, seen through a window, put at (left, top).
struct mosaic_part {
  resize scaled;
  window seen;
  int left = 0, top = 0;

  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 picture) const
  {
    scaled.map(instances, picture);
    seen.map(instances, scaled.to);
    for (auto& i : instances) {
      i.bounds = {i.bounds.x1 + float(left), i.bounds.y1 + float(top), i.bounds.x2 + float(left),
                  i.bounds.y2 + float(top)};
      detail::map_points(i, [&](std::size_t, auto& p) {
        p[0] += float(left);
        p[1] += float(top);
      });
    }
  }
};

/// Where all four go: upper left, upper right, lower left, lower right.
using mosaic_plan = std::array<mosaic_part, 4>;

/// Draws how four pictures share one (Bochkovskiy 2020, YOLOv4).
struct random_mosaic {
  extent2 size{};                    ///< of the result: at least two pixels along each side
  double least = 0.25, most = 0.75;  ///< where the pictures meet, as shares of the sides: 0 to 1

  template <random_source Random>
  [[nodiscard]] mosaic_plan draw(Random& random, const std::array<extent2, 4>& pictures) const
  {
    if (size.width < 2 || size.height < 2)
      fail("a mosaic is to have ", size.width, " x ", size.height,
           " pixels, expected at least two along each side");
    detail::check_range(least, most, 0, 1, "the places where the pictures of a mosaic meet");
    for (const extent2& picture : pictures)
      if (picture.width < 1 || picture.height < 1)
        fail("a mosaic was given a picture of ", picture.width, " x ", picture.height, " pixels");
    const auto meet = [&](int side) {
      return std::clamp(static_cast<int>(random.uniform(least, most) * side), 1, side - 1);
    };
    const int x = meet(size.width), y = meet(size.height);
    mosaic_plan plan;
    for (std::size_t i = 0; i < 4; ++i) {
      const bool right = i % 2 == 1, below = i / 2 == 1;
      const extent2 part{below ? size.height - y : y, right ? size.width - x : x};
      const double scale = std::max(double(part.width) / pictures[i].width,
                                    double(part.height) / pictures[i].height);
      const auto scaled = [&](int side, int least_side) {
        return std::max(least_side, static_cast<int>(std::lround(scale * side)));
      };
      const extent2 to{scaled(pictures[i].height, part.height),
                       scaled(pictures[i].width, part.width)};
      plan[i] = {.scaled = {to},
                 .seen = {.left = right ? 0 : to.width - part.width,
                          .top = below ? 0 : to.height - part.height,
                          .size = part},
                 .left = right ? x : 0,
                 .top = below ? y : 0};
    }
    return plan;
  }
};

}  // namespace retinue
