// SPDX-License-Identifier: Apache-2.0
// Colours of 8-bit pixels changed, a row or less at a time. Loops of one kind of number each, with
// no branches: so that compilers make them work on many pixels at once.
//
// With V the greatest of a pixel's channels, C = V - the least, and the hue h in sixths of a turn,
// a channel is (n = 5, 3, 1 for red, green, blue; k modulo 6)
//
//   V - C max(0, min(k, 4 - k, 1))      k = n + h
//
// A turn of the hue is added to k. The saturation is C / V: times s, it is C min(s, V / C).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace retinue::detail {

/// min(255, max(0, value * times + plus)), cut to a whole number. `to` may be `from`.
inline void scale_values(const std::uint8_t* from, std::uint8_t* to, int count, double times,
                         double plus)
{
  // Within limits, so that an int holds the sum.
  const auto factor = static_cast<float>(std::clamp(times, -1e6, 1e6));
  const auto added = static_cast<float>(std::clamp(plus, -1e6, 1e6));
  for (int i = 0; i < count; ++i)
    to[i] = static_cast<std::uint8_t>(
        std::clamp(static_cast<int>(static_cast<float>(from[i]) * factor + added), 0, 255));
}

inline constexpr int recoloured_at_once = 1024;
using colour_plane = std::array<std::uint8_t, recoloured_at_once>;

/// The first `count` pixels, in place and to the nearest whole number: saturation times
/// `saturation`, up to full, and hue plus `hue` steps of 2 degrees.
inline void turn_colours(std::array<colour_plane, 3>& bgr, int count, double saturation, int hue)
{
  std::array<int, recoloured_at_once> value, chroma, turned;  // V, C, C h
  std::array<float, recoloured_at_once> share;                // what C is to be multiplied by
  const auto wanted = static_cast<float>(std::max(saturation, 0.));
  const auto size = static_cast<std::size_t>(std::min(count, recoloured_at_once));
  for (std::size_t i = 0; i < size; ++i) {
    const int b = bgr[0][i], g = bgr[1][i], r = bgr[2][i];
    const int v = std::max(std::max(b, g), r), c = v - std::min(std::min(b, g), r);
    turned[i] = v == r ? g - b : v == g ? b - r + 2 * c : r - g + 4 * c;
    value[i] = v;
    chroma[i] = c;
    share[i] = std::min(wanted, static_cast<float>(v) / static_cast<float>(std::max(c, 1)));
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const int steps = 30 * (2 * static_cast<int>(channel) + 1) + hue % 180;  // 30 are a sixth
    const auto place = static_cast<float>((steps + 180) % 180) / 30;
    std::uint8_t* const to = bgr[channel].data();
    for (std::size_t i = 0; i < size; ++i) {
      const auto v = static_cast<float>(value[i]), c = static_cast<float>(chroma[i]);
      const float from_0 = static_cast<float>(turned[i]) + place * c, from_6 = from_0 - 6 * c;
      const float k = from_6 < 0 ? from_0 : from_6;  // C k; below 0 it counts as 0, and so it may
      const float less = std::min(std::max(std::min(k, 4 * c - k), 0.f), c);
      to[i] = static_cast<std::uint8_t>(static_cast<int>(v - share[i] * less + 0.5f));
    }
  }
}

}  // namespace retinue::detail
