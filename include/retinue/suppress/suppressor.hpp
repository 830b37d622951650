// SPDX-License-Identifier: Apache-2.0
// The concept of suppression, and the one order of scores that every member uses: best first, equal
// scores by their row, NaN last.
#pragma once

#include <retinue/geometry.hpp>  // box_like

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <vector>

namespace retinue {

/// The row of a table.
using row_index = std::uint32_t;

/// What is left: rows of the input, best first, and their scores, which soft suppression lowers.
/// Both lie in the suppressor and are overwritten by its next call.
struct kept_rows {
  std::span<const row_index> rows;
  std::span<const float> scores;
};

/// A sequence of boxes in any form that has `to_corners`.
template <class R>
concept box_range = std::ranges::random_access_range<R> && std::ranges::sized_range<R> &&
                    box_like<std::remove_cvref_t<std::ranges::range_reference_t<R>>>;

/// A suppressor of your own: be callable with boxes in pixels and their scores. It may keep its
/// buffers between calls, and is therefore called as a variable, by one thread at a time.
template <class S>
concept suppressor =
    requires(S& s, std::span<const box<float>> boxes, std::span<const float> scores) {
      { s(boxes, scores) } -> std::same_as<kept_rows>;
    };

/// Sorts rows by falling score in time O(n), without allocating once its buffers have grown.
class score_order {
 public:
  /// Rows 0 to n - 1; valid until the next call.
  std::span<const row_index> operator()(std::span<const float> scores)
  {
    keys_.resize(scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i)
      keys_[i] = std::uint64_t{falling(scores[i])} << 32 | static_cast<row_index>(i);
    if (keys_.size() < 512)
      std::sort(keys_.begin(), keys_.end());
    else
      radix_sort();
    rows_.resize(keys_.size());
    for (std::size_t i = 0; i < keys_.size(); ++i) rows_[i] = static_cast<row_index>(keys_[i]);
    return rows_;
  }

 private:
  /// Bits that rise as the score falls.
  static std::uint32_t falling(float score)
  {
    if (score != score) return ~std::uint32_t{0};
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 and 0 are one score
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
  }

  /// Three stable passes of 11 bits over the upper half; the rows below it begin in order.
  void radix_sort()
  {
    constexpr std::size_t digits = 3, width = 11, values = std::size_t{1} << width;
    sorted_.resize(keys_.size());
    std::array<std::array<std::uint32_t, values>, digits> count{};
    for (const std::uint64_t key : keys_)
      for (std::size_t d = 0; d < digits; ++d) ++count[d][key >> (32 + d * width) & (values - 1)];
    for (std::size_t d = 0; d < digits; ++d) {
      std::uint32_t before = 0;
      for (std::uint32_t& c : count[d]) before += std::exchange(c, before);
      for (const std::uint64_t key : keys_)
        sorted_[count[d][key >> (32 + d * width) & (values - 1)]++] = key;
      keys_.swap(sorted_);
    }
  }

  std::vector<std::uint64_t> keys_, sorted_;
  std::vector<row_index> rows_;
};

}  // namespace retinue
