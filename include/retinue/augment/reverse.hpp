// SPDX-License-Identifier: Apache-2.0
// Pixels of three bytes, last to first: five at a time, where the machine moves bytes about within
// a register.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HAS_SHUFFLES

#include <cstdint>
#include <cstring>

namespace retinue::detail {

/// A row of `width` pixels; `to` is not `from`.
inline void reverse_pixels(const std::uint8_t* from, std::uint8_t* to, int width)
{
  int done = 0;
#if RETINUE_HAS_SHUFFLES
  using bytes [[gnu::vector_size(16)]] = std::uint8_t;
  // One byte more than five pixels: that before them, which is written behind them, and again as
  // what belongs there. So a pixel must be left.
  for (; done + 6 <= width; done += 5) {
    bytes five;
    std::memcpy(&five, from + 3 * (width - 5 - done) - 1, sizeof five);
    five =
        __builtin_shufflevector(five, five, 13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
    std::memcpy(to + 3 * done, &five, sizeof five);
  }
#endif
  for (; done < width; ++done) std::memcpy(to + 3 * done, from + 3 * (width - 1 - done), 3);
}

}  // namespace retinue::detail
