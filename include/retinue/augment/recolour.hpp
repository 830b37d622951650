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

#include <retinue/compiler.hpp>  // RETINUE_LOOKS_UP_BYTES, RETINUE_REGISTER_BYTES

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

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
