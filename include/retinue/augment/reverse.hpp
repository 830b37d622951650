// SPDX-License-Identifier: Apache-2.0
// Pixels of three bytes, last to first: five at a time or more, where the machine moves bytes about
// within a register.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HAS_SHUFFLES

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace retinue::detail {

#if RETINUE_HAS_SHUFFLES
/// As many pixels as fit into Bytes - 1, from `done` on; returns the first that is left.
///
/// One byte more than those pixels is moved: that before them, which is written behind them, and
/// again as what belongs there. So a pixel must be left.
template <std::size_t Bytes>
[[nodiscard]] int reverse_blocks(const std::uint8_t* from, std::uint8_t* to, int width, int done)
{
  using bytes [[gnu::vector_size(Bytes)]] = std::uint8_t;
  constexpr int pixels = (Bytes - 1) / 3;
  static_assert(3 * pixels + 1 == Bytes);
  for (; done + pixels < width; done += pixels) {
    bytes some;
    std::memcpy(&some, from + 3 * (width - pixels - done) - 1, sizeof some);
    some = [&]<int... I>(std::integer_sequence<int, I...>) {
      return __builtin_shufflevector(
          some, some, (I / 3 < pixels ? 1 + 3 * (pixels - 1 - I / 3) + I % 3 : 0)...);
    }(std::make_integer_sequence<int, Bytes>());
    std::memcpy(to + 3 * done, &some, sizeof some);
  }
  return done;
}
#endif

/// A row of `width` pixels; `to` is not `from`.
inline void reverse_pixels(const std::uint8_t* from, std::uint8_t* to, int width)
{
  int done = 0;
#if RETINUE_HAS_SHUFFLES
#if defined(__AVX512VBMI__)  // which moves the bytes of its longest registers in one step
  done = reverse_blocks<64>(from, to, width, done);
#endif
  done = reverse_blocks<16>(from, to, width, done);
#endif
  for (; done < width; ++done) std::memcpy(to + 3 * done, from + 3 * (width - 1 - done), 3);
}

}  // namespace retinue::detail
