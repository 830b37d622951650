// SPDX-License-Identifier: Apache-2.0
// Four pictures that meet at a point, as one (Bochkovskiy et al. 2020): more, smaller objects.
//
//   0 | 1      each is scaled to cover its part, with the corner that touches the others in place;
//   --+--      what hangs over the outer edge is cut away
//   2 | 3
#pragma once

#include <retinue/augment/mixing.hpp>     // mixing_stage
#include <retinue/augment/resize.hpp>     // resize
#include <retinue/augment/transform.hpp>  // random_source
#include <retinue/augment/window.hpp>     // window
#include <retinue/error.hpp>              // fail

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
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
    detail::shift(instances, float(left), float(top));
  }
};

/// Where all four go: upper left, upper right, lower left, lower right.
struct mosaic_plan : std::array<mosaic_part, 4> {
  [[nodiscard]] extent2 size_after(std::span<const extent2>) const
  {
    const mosaic_part& last = back();
    return {last.top + last.seen.size.height, last.left + last.seen.size.width};
  }

  /// The truths of all four, one picture after the other.
  template <class Schema>
  [[nodiscard]] std::vector<instance<Schema>> map(
      std::span<const std::vector<instance<Schema>>> truths, std::span<const extent2> sizes) const
  {
    std::vector<instance<Schema>> all;
    for (std::size_t i = 0; i < size(); ++i) {
      auto moved = truths[i];
      (*this)[i].map(moved, sizes[i]);
      detail::append(all, moved);
    }
    return all;
  }
};
static_assert(mixing<mosaic_plan>);

/// Draws how four pictures share one (Bochkovskiy 2020, YOLOv4).
struct random_mosaic {
  static constexpr std::size_t others = 3;

  extent2 size{};                    ///< of the result: at least two pixels along each side
  double least = 0.25, most = 0.75;  ///< where the pictures meet, as shares of the sides: 0 to 1

  template <random_source Random>
  [[nodiscard]] mosaic_plan draw(Random& random, const std::array<extent2, 4>& pictures) const
  {
    if (size.width < 2 || size.height < 2)
      fail("a mosaic is to have ", size.width, " x ", size.height,
           " pixels, expected at least two along each side");
    detail::check_range(least, most, 0, 1, "the places where the pictures of a mosaic meet");
    for (const extent2& picture : pictures) detail::check_picture(picture, "a mosaic");
    const auto meet = [&](int side) {
      return std::clamp(static_cast<int>(random.uniform(least, most) * side), 1, side - 1);
    };
    const int x = meet(size.width), y = meet(size.height);
    mosaic_plan plan;
    for (std::size_t i = 0; i < 4; ++i) {
      const bool right = i % 2 == 1, below = i / 2 == 1;
      const extent2 part{below ? size.height - y : y, right ? size.width - x : x};
      const extent2 to = detail::covering(pictures[i], part);
      plan[i] = {.scaled = {to},
                 .seen = {.left = right ? 0 : to.width - part.width,
                          .top = below ? 0 : to.height - part.height,
                          .size = part},
                 .left = right ? x : 0,
                 .top = below ? y : 0};
    }
    return plan;
  }

  template <random_source Random, class Schema>
  [[nodiscard]] mosaic_plan draw(Random& random, std::span<const extent2> pictures,
                                 std::span<const std::vector<instance<Schema>>>) const
  {
    return draw(random, {pictures[0], pictures[1], pictures[2], pictures[3]});
  }
};
static_assert(mixing_stage<random_mosaic>);

}  // namespace retinue
