// SPDX-License-Identifier: Apache-2.0
// Brightness, contrast, saturation and hue, each with probability 1/2, in one of two orders
// (seed 003, _distort):
//
//   contrast first    brightness, contrast, saturation, hue
//   contrast last     brightness, saturation, hue, contrast
#pragma once

#include <retinue/augment/transform.hpp>  // transform
#include <retinue/error.hpp>              // fail

#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// How saturation and hue are changed: from the channels themselves, to the nearest whole number;
/// or by the reference's way, through hue and saturation of 8 bits even where neither changes,
/// which loses up to a few steps of a channel.
enum class colour_arithmetic { exact, reference };

/// As it stands, nothing. Values are cut to 0 to 255 and to whole numbers after each step.
struct colour_change {
  bool contrast_first = true;
  double brightness = 0;  ///< added to each channel
  double contrast = 1;    ///< times each channel
  double saturation = 1;  ///< times the saturation
  int hue = 0;            ///< added to the hue, in steps of 2 degrees
  colour_arithmetic arithmetic = colour_arithmetic::exact;

  [[nodiscard]] extent2 size_after(extent2 size) const { return size; }
  template <class Schema>
  void map(std::vector<instance<Schema>>&, extent2) const
  {
  }
};
static_assert(transform<colour_change>);

/// Draws a change of brightness, contrast, saturation and hue.
struct random_colours {
  double probability = 0.5;        ///< of each of the four
  double brightness = 32;          ///< at most, up or down; steps of a channel, 0 to 255
  double least = 0.5, most = 1.5;  ///< factors of contrast and of saturation, 0 to 1000
  int hue = 18;                    ///< at most, either way, in steps of 2 degrees; 0 to 180
  colour_arithmetic arithmetic = colour_arithmetic::exact;

  template <random_source Random, class Schema>
  [[nodiscard]] colour_change draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    detail::check_probability(probability, "a change of colours");
    detail::check_range(least, most, 0, 1000, "contrast and saturation");
    if (!(brightness >= 0 && brightness <= 255) || hue < 0 || hue > 180)
      fail("colours change by ", brightness, " in brightness and ", hue,
           " in hue at most, expected 0 to 255 and 0 to 180");
    colour_change c{.contrast_first = random.chance(0.5), .arithmetic = arithmetic};
    if (random.chance(probability)) c.brightness = random.uniform(-brightness, brightness);
    const auto draw_contrast = [&] {
      if (random.chance(probability)) c.contrast = random.uniform(least, most);
    };
    if (c.contrast_first) draw_contrast();
    if (random.chance(probability)) c.saturation = random.uniform(least, most);
    if (random.chance(probability))
      c.hue = static_cast<int>(random.below(static_cast<std::uint32_t>(2 * hue + 1))) - hue;
    if (!c.contrast_first) draw_contrast();
    return c;
  }
};

}  // namespace retinue
