// SPDX-License-Identifier: Apache-2.0
// Colours of 8-bit pixels changed: the formulas of one pixel, and loops over a row or less. The
// loops are of one kind of number each, with no branches: so that compilers make them work on many
// pixels at once.
//
// With V the greatest of a pixel's channels, C = V - the least, and the hue h in sixths of a turn,
// a channel is (n = 5, 3, 1 for red, green, blue; k modulo 6)
//
//   V - C max(0, min(k, 4 - k, 1))      k = n + h
//
// A turn of the hue is added to k. The saturation is C / V: times s, it is C min(s, V / C).
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD, RETINUE_LOOKS_UP_BYTES, RETINUE_REGISTER_BYTES

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

/// a b. A device rounds products before anything is added, as a host does that fuses none; hosts
/// multiply within one expression, from which compilers make what they can.
#if defined(__CUDA_ARCH__)
#define RETINUE_COLOUR_PRODUCT(a, b) __fmul_rn(a, b)
#else
#define RETINUE_COLOUR_PRODUCT(a, b) ((a) * (b))
#endif

namespace retinue::detail {

/// So that an int holds what is scaled by it, or added.
[[nodiscard]] inline float colour_factor(double of)
{
  return static_cast<float>(std::clamp(of, -1e6, 1e6));
}

/// min(255, max(0, value * times + plus)), cut to a whole number.
[[nodiscard]] RETINUE_HD inline std::uint8_t scaled_value(std::uint8_t value, float times,
                                                          float plus)
{
  return static_cast<std::uint8_t>(std::clamp(
      static_cast<int>(RETINUE_COLOUR_PRODUCT(static_cast<float>(value), times) + plus), 0, 255));
}

/// The same of many. `to` may be `from`.
inline void scale_values(const std::uint8_t* from, std::uint8_t* to, int count, double times,
                         double plus)
{
  const float factor = colour_factor(times), added = colour_factor(plus);
  for (int i = 0; i < count; ++i) to[i] = scaled_value(from[i], factor, added);
}

/// What a pixel's channels follow from.
struct pixel_hue {
  int value, chroma, turned;  ///< V, C, C h
  float share;                ///< by what C is to be multiplied

  RETINUE_HD pixel_hue(int b, int g, int r, float saturation)
      : value(std::max(std::max(b, g), r)),
        chroma(value - std::min(std::min(b, g), r)),
        turned(value == r   ? g - b
               : value == g ? b - r + 2 * chroma
                            : r - g + 4 * chroma),
        share(std::min(saturation,
                       static_cast<float>(value) / static_cast<float>(std::max(chroma, 1))))
  {
  }
};

/// What is added to h for channel 0, 1 or 2, blue to red, of a hue that is turned by so many steps.
[[nodiscard]] RETINUE_HD inline float place_of_channel(int channel, int hue)
{
  const int steps = 30 * (2 * channel + 1) + hue % 180;  // 30 are a sixth
  return static_cast<float>((steps + 180) % 180) / 30;
}

/// A channel by what place_of_channel says of it.
[[nodiscard]] RETINUE_HD inline int turned_value(int value, int chroma, int turned, float share,
                                                 float place)
{
  const auto v = static_cast<float>(value), c = static_cast<float>(chroma);
  const float from_0 = static_cast<float>(turned) + RETINUE_COLOUR_PRODUCT(place, c),
              from_6 = from_0 - 6 * c;
  const float k = from_6 < 0 ? from_0 : from_6;  // C k; below 0 it counts as 0, and so it may
  const float less = std::min(std::max(std::min(k, 4 * c - k), 0.f), c);
  return static_cast<int>(v - RETINUE_COLOUR_PRODUCT(share, less) + 0.5f);
}

/// Brightness and contrast of values: `plus` added to each, then that times `times`.
class value_change {
 public:
  value_change(double plus, double times) : plus_(plus), times_(times)
  {
    if constexpr (!by_table) return;
    for (std::size_t i = 0; i < table_.size(); ++i) table_[i] = static_cast<std::uint8_t>(i);
    scale(table_.data(), table_.data(), static_cast<int>(table_.size()));
  }

  [[nodiscard]] bool changes() const { return plus_ != 0 || times_ != 1; }
  /// `to` may be `from`.
  void operator()(const std::uint8_t* from, std::uint8_t* to, int count) const
  {
    if constexpr (by_table)
      look_up(from, to, count);
    else
      scale(from, to, count);
  }

 private:
  /// A table serves both steps at once; but without look-ups by the machine, one of long registers
  /// computes as fast.
  static constexpr bool by_table = RETINUE_LOOKS_UP_BYTES || RETINUE_REGISTER_BYTES == 16;

  void scale(const std::uint8_t* from, std::uint8_t* to, int count) const
  {
    if (plus_ != 0) scale_values(from, to, count, 1, plus_);
    if (times_ != 1) scale_values(plus_ != 0 ? to : from, to, count, times_, 0);
  }
  void look_up(const std::uint8_t* from, std::uint8_t* to, int count) const
  {
    int done = 0;
#if RETINUE_LOOKS_UP_BYTES
    using bytes [[gnu::vector_size(64)]] = std::uint8_t;
    std::array<bytes, 4> part;
    std::memcpy(part.data(), table_.data(), sizeof part);
    for (; done + 64 <= count; done += 64) {
      bytes at;
      std::memcpy(&at, from + done, sizeof at);
      const bytes low = __builtin_shuffle(part[0], part[1], at),
                  high = __builtin_shuffle(part[2], part[3], at), found = at > 127 ? high : low;
      std::memcpy(to + done, &found, sizeof found);
    }
#endif
    for (; done < count; ++done) to[done] = table_[from[done]];
  }

  double plus_, times_;
  std::array<std::uint8_t, 256> table_{};
};

inline constexpr int recoloured_at_once = 1024;
using colour_plane = std::array<std::uint8_t, recoloured_at_once>;

/// The first `count` pixels, in place and to the nearest whole number: saturation times
/// `saturation`, up to full, and hue plus `hue` steps of 2 degrees.
inline void turn_colours(std::array<colour_plane, 3>& bgr, int count, double saturation, int hue)
{
  std::array<int, recoloured_at_once> value, chroma, turned;
  std::array<float, recoloured_at_once> share;
  const auto wanted = static_cast<float>(std::max(saturation, 0.));
  const auto size = static_cast<std::size_t>(std::min(count, recoloured_at_once));
  for (std::size_t i = 0; i < size; ++i) {
    const pixel_hue of(bgr[0][i], bgr[1][i], bgr[2][i], wanted);
    turned[i] = of.turned;
    value[i] = of.value;
    chroma[i] = of.chroma;
    share[i] = of.share;
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const float place = place_of_channel(static_cast<int>(channel), hue);
    std::uint8_t* const to = bgr[channel].data();
    for (std::size_t i = 0; i < size; ++i)
      to[i] =
          static_cast<std::uint8_t>(turned_value(value[i], chroma[i], turned[i], share[i], place));
  }
}

}  // namespace retinue::detail

#undef RETINUE_COLOUR_PRODUCT
