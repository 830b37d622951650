// SPDX-License-Identifier: Apache-2.0
// What a sensor in the dark does: to each channel of each pixel a number of its own is added, drawn
// from a bell of standard deviation sigma. Boxes and landmarks stay.
//
// The numbers are looked up by (key, row, place in it): whoever applies the transform, and however
// often, adds the same. They are the middles of 4,096 equal parts of the bell, to the nearest whole
// number: none is further out than 3.67 sigma.
#pragma once

#include <retinue/augment/transform.hpp>  // transform
#include <retinue/random.hpp>             // keyed_random

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace retinue {

/// Adds to each channel of each pixel a number of its own.
struct noise {
  double sigma = 0;       ///< steps of a channel; 0: nothing is done
  std::uint64_t key = 0;  ///< another key, other numbers

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }
  template <class Schema>
  void map(std::vector<instance<Schema>>&, extent2) const
  {
  }
};
static_assert(transform<noise>);

/// Adds noise with that probability, of a deviation between `least` and `most`.
struct random_noise {
  double probability = 0.3;
  double least = 1, most = 12;  ///< of sigma, 0 to 255

  template <random_source Random, class Schema>
  [[nodiscard]] noise draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a picture with noise");
    detail::check_range(least, most, 0, 255, "the deviations of noise");
    if (!random.chance(probability)) return {};
    const double sigma = random.uniform(least, most);
    const std::uint64_t high = random.below(0xffffffff);
    return {sigma, high << 32 | random.below(0xffffffff)};
  }
};

namespace detail {

inline constexpr std::size_t noise_parts = 4096;

/// The middles of equal parts of the bell of deviation 1, rising.
[[nodiscard]] inline const std::array<double, noise_parts>& bell_middles()
{
  static const auto middles = [] {
    std::array<double, noise_parts> found{};
    double z = -4;
    for (std::size_t i = 0; i < noise_parts; ++i) {
      const double wanted = (double(i) + 0.5) / noise_parts;
      for (int step = 0; step < 60; ++step) {  // Newton's, from the one before: it never overshoots
        const double below = std::erfc(-z / std::numbers::sqrt2) / 2;
        const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
        const double move = std::clamp((wanted - below) / density, -0.5, 0.5);
        z += move;
        if (std::abs(move) < 1e-13) break;
      }
      found[i] = z;
    }
    return found;
  }();
  return middles;
}

/// What may be added, each as often as the others.
using noise_table = std::array<std::int16_t, noise_parts>;
[[nodiscard]] inline noise_table noise_of(double sigma)
{
  noise_table table;
  for (std::size_t i = 0; i < noise_parts; ++i)
    table[i] = static_cast<std::int16_t>(std::lround(bell_middles()[i] * sigma));
  return table;
}

/// One row of `count` channels; `to` may be `from`.
inline void add_noise(const std::uint8_t* from, std::uint8_t* to, int count,
                      const noise_table& table, std::uint64_t key, int row)
{
  constexpr int at_once = 5 * 256;  // five numbers of 12 bits in each draw
  std::array<std::int16_t, at_once> added;
  keyed_random random(key, static_cast<std::uint64_t>(row), 0);
  for (int begin = 0; begin < count; begin += at_once) {
    for (std::size_t i = 0; i < at_once; i += 5) {
      std::uint64_t bits = random.next();
      for (std::size_t k = 0; k < 5; ++k, bits >>= 12) added[i + k] = table[bits % noise_parts];
    }
    const int here = std::min(at_once, count - begin);
    for (int i = 0; i < here; ++i)
      to[begin + i] = static_cast<std::uint8_t>(
          std::clamp(from[begin + i] + added[static_cast<std::size_t>(i)], 0, 255));
  }
}

}  // namespace detail
}  // namespace retinue
