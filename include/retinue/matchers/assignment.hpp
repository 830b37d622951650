// SPDX-License-Identifier: Apache-2.0
// What a matcher is, and what it says: a verdict on every anchor, and the truth of each positive.
#pragma once

#include <retinue/anchors/layout.hpp>  // anchor_layout
#include <retinue/backend/table.hpp>   // row_index
#include <retinue/geometry.hpp>        // box

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace retinue {

enum class verdict : std::uint8_t { negative, positive, ignored };

/// The verdict on every anchor, and apart from it the truth that a positive one answers for.
struct assignment {
  std::vector<verdict> verdicts;  ///< (anchors)
  std::vector<row_index> truths;  ///< (anchors): meaningful where the verdict is positive

  std::vector<std::uint32_t> positives;  ///< (truths): how many anchors answer for each
  std::size_t positive_count = 0;
  std::size_t unmatched = 0;  ///< truths, not to be ignored, for which no anchor answers
};

namespace detail {
/// Calls each(i) where bytes[i] is odd, in rising order; quick where few are.
template <class Each>
void each_odd(const std::uint8_t* bytes, std::size_t count, const Each& each)
{
  const auto word = [bytes](std::size_t at) {
    std::uint64_t w;
    std::memcpy(&w, bytes + at, sizeof w);
    return w;
  };
  std::size_t i = 0;
  if constexpr (std::endian::native == std::endian::little)
    for (; i + 64 <= count; i += 64) {
      std::uint64_t any = 0;
      for (std::size_t k = 0; k < 64; k += 8) any |= word(i + k);
      if (any == 0) continue;
      for (std::size_t k = i; k < i + 64; k += 8)
        for (std::uint64_t odd = word(k) & 0x0101010101010101u; odd != 0; odd &= odd - 1)
          each(k + static_cast<std::size_t>(std::countr_zero(odd)) / 8);
    }
  for (; i < count; ++i)
    if (bytes[i] % 2 == 1) each(i);
}
}  // namespace detail

/// Calls each(anchor) for every positive, in rising order.
template <class Each>
void each_positive(std::span<const verdict> verdicts, const Each& each)
{
  static_assert(static_cast<int>(verdict::positive) == 1);  // the only odd one
  detail::each_odd(reinterpret_cast<const std::uint8_t*>(verdicts.data()), verdicts.size(), each);
}

/// The anchors of all positives, in rising order, and the truth of each: lists to gather rows by.
inline void list_positives(const assignment& of, std::vector<row_index>& anchors,
                           std::vector<row_index>& truths)
{
  anchors.clear();
  truths.clear();
  each_positive(of.verdicts, [&](std::size_t a) {
    anchors.push_back(static_cast<row_index>(a));
    truths.push_back(of.truths[a]);
  });
}

/// A matcher of your own: be callable with the anchors, the truths of one image as fractions of its
/// sides, which of them are to be ignored (empty: none), and the assignment to fill.
template <class M>
concept matcher = requires(M& m, const anchor_layout& anchors, std::span<const box<float>> truths,
                           std::span<const std::uint8_t> ignore,
                           assignment& out) { m(anchors, truths, ignore, out); };

}  // namespace retinue
