// SPDX-License-Identifier: Apache-2.0
// A rectangle of one colour over a part of the picture, as if something stood in front (Zhong et
// al. 2020). Boxes stay: what is half hidden is still to be found. Landmarks beneath stay labelled,
// for they can be told from the rest, unless `hides_landmarks`.
#pragma once

#include <retinue/augment/transform.hpp>  // transform
#include <retinue/error.hpp>              // fail

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// Fills a rectangle of the picture.
struct erase {
  int left = 0, top = 0;
  extent2 size{};  ///< without pixels: nothing is erased
  fill_colour fill = mean_colour;
  bool hides_landmarks = false;

  [[nodiscard]] extent2 size_after(extent2 picture) const { return picture; }

  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2) const
  {
    if (!hides_landmarks) return;
    for (auto& i : instances)
      detail::map_points(i, [&](std::size_t k, auto& p) {
        if (p[0] < float(left) || p[0] >= float(left + size.width) || p[1] < float(top) ||
            p[1] >= float(top + size.height))
          return;
        i.visible[k] = false;
        p = {};
      });
  }
};
static_assert(transform<erase>);

/// Draws which rectangle is filled (Zhong 2020, "Random erasing").
struct random_erase {
  double probability = 0.5;
  double least_area = 0.02, most_area = 0.1;  ///< shares of the picture, 0 to 1
  double most_aspect = 3;                     ///< height by width, or width by height; 1 to 1000
  bool hides_landmarks = false;

  template <random_source Random, class Schema>
  [[nodiscard]] erase draw(Random& random, extent2 picture, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a part erased");
    detail::check_range(least_area, most_area, 0, 1, "the areas of what is erased");
    if (!(most_aspect >= 1 && most_aspect <= 1000))
      fail("what is erased has sides of at most ", most_aspect, " to 1, expected 1 to 1000");
    erase drawn{.hides_landmarks = hides_landmarks};
    if (!random.chance(probability)) return drawn;
    const double area =
        random.uniform(least_area, most_area) * picture.width * double(picture.height);
    const double aspect = std::exp(random.uniform(-std::log(most_aspect), std::log(most_aspect)));
    const auto side = [](double length, int limit) {
      return std::max(1, std::min(static_cast<int>(std::lround(length)), limit));
    };
    drawn.size = {side(std::sqrt(area / aspect), picture.height),
                  side(std::sqrt(area * aspect), picture.width)};
    const auto offset = [&](int room) {
      return static_cast<int>(random.below(static_cast<std::uint32_t>(room) + 1));
    };
    drawn.left = offset(picture.width - drawn.size.width);
    drawn.top = offset(picture.height - drawn.size.height);
    for (auto& channel : drawn.fill) channel = static_cast<std::uint8_t>(random.below(256));
    return drawn;
  }
};

}  // namespace retinue
