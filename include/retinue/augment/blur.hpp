// SPDX-License-Identifier: Apache-2.0
// What a lens out of focus does: each pixel the mean of its neighbours, weighted by a bell of
// standard deviation sigma. Boxes and landmarks stay.
#pragma once

#include <retinue/augment/transform.hpp>  // transform

#include <span>
#include <vector>

namespace retinue {

/// Blurs a picture by a bell of standard deviation `sigma`.
struct blur {
  double sigma = 0;  ///< pixels; 0: nothing is done

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }
  template <class Schema>
  void map(std::vector<instance<Schema>>&, extent2) const
  {
  }
};
static_assert(transform<blur>);

/// Blurs with that probability, by a deviation between `least` and `most`.
struct random_blur {
  double probability = 0.3;
  double least = 0.4, most = 2;  ///< of sigma, 0 to 50

  template <random_source Random, class Schema>
  [[nodiscard]] blur draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a blurred picture");
    detail::check_range(least, most, 0, 50, "the deviations of a blur");
    if (!random.chance(probability)) return {};
    return {random.uniform(least, most)};
  }
};

}  // namespace retinue
