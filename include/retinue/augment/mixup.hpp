// SPDX-License-Identifier: Apache-2.0
// Two pictures seen through each other (Zhang et al. 2019): share a of the first, 1 - a of the
// second, which is scaled to cover the first, and cut to its size.
//
//   pixels    a first + (1 - a) second
//   truths    those of both; the first's count a times, the second's 1 - a times
//
// a is drawn from Beta(3/2, 3/2), as there: the density that points spread evenly over a disc have
// along its diameter.
#pragma once

#include <retinue/augment/mixing.hpp>  // mixing_stage
#include <retinue/augment/resize.hpp>  // resize
#include <retinue/augment/window.hpp>  // window
#include <retinue/error.hpp>           // fail

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Two pictures seen through each other, in these shares.
struct mixup {
  resize scaled;       ///< of the second
  window seen;         ///< of what that gives: as large as the first
  int share = 256;     ///< of the first, in 256ths
  bool weighs = true;  ///< whether truths count by their share

  [[nodiscard]] extent2 size_after(std::span<const extent2> sizes) const { return sizes[0]; }

  /// The truths of the first, then those of the second; without one that has no share at all.
  template <class Schema>
  [[nodiscard]] std::vector<instance<Schema>> map(
      std::span<const std::vector<instance<Schema>>> truths, std::span<const extent2> sizes) const
  {
    std::vector<instance<Schema>> all;
    const auto take = [&](std::vector<instance<Schema>> of, int part) {
      if (part == 0) return;
      for (auto& truth : of)
        if (weighs) truth.weight *= static_cast<float>(part) / 256;
      detail::append(all, of);
    };
    take(truths[0], share);
    auto second = truths[1];
    scaled.map(second, sizes[1]);
    seen.map(second, scaled.to);
    take(std::move(second), 256 - share);
    return all;
  }
};
static_assert(mixing<mixup>);

/// Draws the shares of two pictures, and which part of the second is seen.
struct random_mixup {
  static constexpr std::size_t others = 1;

  double spread = 1;   ///< 0: half of each, always; 1: any share
  bool weighs = true;  ///< false: all truths count in full (Ge et al. 2021, with spread 0)

  template <random_source Random, class Schema>
  [[nodiscard]] mixup draw(Random& random, std::span<const extent2> sizes,
                           std::span<const std::vector<instance<Schema>>>) const
  {
    if (!(spread >= 0 && spread <= 1))
      fail("the shares of mixed pictures spread by ", spread, ", expected 0 to 1");
    for (const extent2 size : sizes.first(2)) detail::check_picture(size, "a mixed picture");
    const double far = std::sqrt(random.uniform(0, 1));
    const double across = far * std::cos(random.uniform(0, 2 * std::numbers::pi));
    const extent2 to = detail::covering(sizes[1], sizes[0]);
    const auto offset = [&](int room) {
      return static_cast<int>(random.below(static_cast<std::uint32_t>(room) + 1));
    };
    const int left = offset(to.width - sizes[0].width);
    return {.scaled = {to},
            .seen = {.left = left, .top = offset(to.height - sizes[0].height), .size = sizes[0]},
            .share = static_cast<int>(std::lround(128 * (1 + spread * across))),
            .weighs = weighs};
  }
};
static_assert(mixing_stage<random_mixup>);

}  // namespace retinue
