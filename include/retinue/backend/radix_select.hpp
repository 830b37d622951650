// SPDX-License-Identifier: Apache-2.0
// The best so many of a block's numbers. Numbers become words that rise as they fall, and the least
// so many words are found by radix: of 64 bits, digit by digit, until all of a digit are wanted.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// The one order of scores as words that rise: best first, equals by their place, NaN last.
[[nodiscard]] RETINUE_HD inline std::uint64_t falling_word(float value, std::uint32_t place)
{
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0f);  // -0 and 0 are one
  const std::uint32_t falling = value != value ? ~std::uint32_t{0}
                                : bits >> 31   ? bits
                                               : ~bits & 0x7fffffffu;
  return std::uint64_t{falling} << 32 | place;
}
/// The number of such a word, which is not NaN.
[[nodiscard]] RETINUE_HD inline float value_of_word(std::uint64_t word)
{
  const auto falling = static_cast<std::uint32_t>(word >> 32);
  return std::bit_cast<float>(falling >> 31 ? falling : ~falling & 0x7fffffffu);
}

/// What a block shares while it selects.
struct radix_bins {
  std::array<std::uint32_t, 256> bins;
  std::uint32_t bin, before, size;
};

/// The word that is in no selection.
inline constexpr std::uint64_t no_word = ~std::uint64_t{0};

namespace detail {
/// Of the words that begin as `prefix` does, above the digit at `shift`, finds the digit in which
/// the last of those that are left lies, and adds it to the prefix. Returns the last word of all
/// that are wanted once all of a digit are, else 0.
template <class Team, class Word>
[[nodiscard]] RETINUE_HD std::uint64_t next_digit(Team& team, radix_bins& own, std::size_t n,
                                                  const Word& word_of, std::uint32_t shift,
                                                  std::uint64_t& prefix, std::uint32_t& left)
{
  team.each(own.bins.size(), [&](std::size_t b) { own.bins[b] = 0; });
  const std::uint64_t above = prefix;
  team.each(n, [&](std::size_t i) {
    const std::uint64_t word = word_of(i);
    const bool counts = shift == 56 || word >> (shift + 8) == above >> (shift + 8);
    if (word != no_word && counts) Team::add(own.bins[word >> shift & 255], 1);
  });
  const std::uint32_t wanted = left;
  team.sum_before(
      own.bins.size(), [&](std::size_t b) { return own.bins[b]; },
      [&](std::size_t b, std::uint32_t before) {
        if (before >= wanted || wanted > before + own.bins[b]) return;
        own.bin = static_cast<std::uint32_t>(b);
        own.before = before;
        own.size = own.bins[b];
      });
  left -= own.before;
  prefix |= std::uint64_t{own.bin} << shift;
  const bool whole = own.size == left;  // the bins may be another's already
  return whole ? prefix | ((std::uint64_t{1} << shift) - 1) : 0;
}
}  // namespace detail

/// A bound that the least `count` of the n words do not pass, and all others do. The words differ,
/// all but those that are no_word, and there are more than `count` >= 1 of them.
template <class Team, class Word>
[[nodiscard]] RETINUE_HD std::uint64_t bound_of_least(Team& team, radix_bins& own, std::size_t n,
                                                      const Word& word_of, std::uint32_t count)
{
  std::uint64_t prefix = 0, last = 0;
  for (std::uint32_t shift = 64, left = count; last == 0 && shift > 0;) {
    shift -= 8;
    last = detail::next_digit(team, own, n, word_of, shift, prefix, left);
  }
  return last;
}

}  // namespace retinue
