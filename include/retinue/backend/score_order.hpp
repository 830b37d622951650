// SPDX-License-Identifier: Apache-2.0
// The one order of scores that every family uses: best first, equal scores by their row, NaN last.
#pragma once

#include <retinue/backend/table.hpp>  // row_index

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Sorts rows by falling score in time O(n), without allocating once its buffers have grown.
class score_order {
 public:
  /// A number that rises in the one order; its lower half is the row.
  [[nodiscard]] static std::uint64_t key(float score, row_index row)
  {
    return std::uint64_t{falling(score)} << 32 | row;
  }

  /// Rows 0 to n - 1, or the best of them; valid until the next call.
  std::span<const row_index> operator()(std::span<const float> scores,
                                        std::size_t most = ~std::size_t{0})
  {
    keys_.resize(scores.size());
    bool sorted = true;  // as the rows of a selection are
    for (std::size_t i = 0; i < scores.size(); ++i) {
      keys_[i] = key(scores[i], static_cast<row_index>(i));
      sorted = sorted && (i == 0 || keys_[i - 1] < keys_[i]);
    }
    if (most < keys_.size() && sorted) keys_.resize(most);
    if (most < few && most < keys_.size() / 8)
      keep_few(most);
    else if (most < keys_.size())
      keep_least(most);
    if (!sorted && keys_.size() < few)
      std::sort(keys_.begin(), keys_.end());
    else if (!sorted)
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

  static constexpr std::size_t few = 64;  // to be sorted by comparing

  /// Leaves so few of many keys, in no order: those that are less than the bound so far are put
  /// aside, and thinned out to the least of them, which give a new bound, as often as need be.
  void keep_few(std::size_t most)
  {
    if (most == 0) return keys_.clear();
    const auto thin = [&] {
      const auto last = sorted_.begin() + static_cast<std::ptrdiff_t>(most) - 1;
      std::nth_element(sorted_.begin(), last, sorted_.end());
      sorted_.resize(most);
      return sorted_.back();
    };
    std::uint64_t bound = ~std::uint64_t{0};  // more than any key
    sorted_.clear();
    for (const std::uint64_t key : keys_) {
      if (key >= bound) continue;
      sorted_.push_back(key);
      if (sorted_.size() == 4 * most) bound = thin();
    }
    thin();
    keys_.swap(sorted_);
  }

  /// Leaves so many keys, in the order in which they stand.
  void keep_least(std::size_t most)
  {
    sorted_ = keys_;
    const auto bound = sorted_.begin() + static_cast<std::ptrdiff_t>(most);
    std::nth_element(sorted_.begin(), bound, sorted_.end());
    std::erase_if(keys_, [least = *bound](std::uint64_t key) { return key >= least; });
  }

  /// Four stable passes of a byte over the upper half; the rows below it begin in order.
  void radix_sort()
  {
    constexpr std::size_t digits = 4, width = 8, values = 256;
    sorted_.resize(keys_.size());
    // Spelt out: of a constant, nvcc 13 gives g++ this type, and any like it, in what is no C++.
    std::array<std::array<std::uint32_t, 256>, digits> count{};
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
