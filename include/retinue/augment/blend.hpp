// SPDX-License-Identifier: Apache-2.0
// 8-bit values of two pictures, mixed: in whole numbers of 16 bits, so that compilers work on many
// at once, and every machine comes to the same.
//
//   (a share + b (256 - share) + 128) / 256         rounded down; at 256 it is a, at 0 it is b
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace retinue::detail {

[[nodiscard]] inline std::uint8_t mixed(std::uint8_t a, std::uint8_t b, std::uint16_t share)
{
  return static_cast<std::uint8_t>((a * share + b * (256 - share) + 128) >> 8);
}

/// `share`, 0 to 256, is of `a`. `to` may be either.
inline void mix_values(const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* to, int count,
                       int share)
{
  const auto of_a = static_cast<std::uint16_t>(share),
             of_b = static_cast<std::uint16_t>(256 - share);
  for (int i = 0; i < count; ++i)
    to[i] = static_cast<std::uint8_t>(
        static_cast<std::uint16_t>(static_cast<std::uint16_t>(a[i] * of_a) +
                                   static_cast<std::uint16_t>(b[i] * of_b) + 128) >>
        8);
}

/// The same with a share of its own for each value, times one for the row.
inline void blend_row(const std::uint8_t* a, std::uint8_t* to,
                      const std::vector<std::uint16_t>& shares, int of_row)
{
  const auto row = static_cast<std::uint32_t>(of_row);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto share = static_cast<std::uint16_t>(shares[i] * row >> 8);
    to[i] = mixed(a[i], to[i], share);
  }
}

/// How much of each of `length` places counts, in 256ths: all, but for what fades at both ends.
[[nodiscard]] inline std::vector<std::uint16_t> faded(int length, int begin, int end)
{
  std::vector<std::uint16_t> shares(static_cast<std::size_t>(length), 256);
  const auto less = [&](int at, int step, int of) {
    auto& share = shares[static_cast<std::size_t>(at)];
    share = static_cast<std::uint16_t>(std::min<int>(share, 256 * (2 * step + 1) / (2 * of)));
  };
  for (int i = 0; i < std::min(begin, length); ++i) less(i, i, begin);
  for (int i = 0; i < std::min(end, length); ++i) less(length - 1 - i, i, end);
  return shares;
}

}  // namespace retinue::detail
