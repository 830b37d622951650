// SPDX-License-Identifier: Apache-2.0
// What sending a picture around does to it: written as JPEG of a low quality, and read again. Boxes
// and landmarks stay. How the pixels come out is the JPEG library's: the same on one machine.
#pragma once

#include <retinue/augment/transform.hpp>  // transform

#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// Writes a picture as JPEG of that quality, and reads it again.
struct jpeg {
  int quality = 0;  ///< 1 to 100; 0: nothing is done

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }
  template <class Schema>
  void map(std::vector<instance<Schema>>&, extent2) const
  {
  }
};
static_assert(transform<jpeg>);

/// Does so with that probability, at a quality from `least` to `most`.
struct random_jpeg {
  double probability = 0.3;
  int least = 30, most = 95;  ///< of quality, 1 to 100

  template <random_source Random, class Schema>
  [[nodiscard]] jpeg draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "JPEG's traces");
    detail::check_range(least, most, 1, 100, "the qualities of JPEG");
    if (!random.chance(probability)) return {};
    return {least + static_cast<int>(random.below(static_cast<std::uint32_t>(most - least) + 1))};
  }
};

}  // namespace retinue
