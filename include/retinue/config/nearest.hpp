// SPDX-License-Identifier: Apache-2.0
// The word that somebody probably meant.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue::detail {

/// Letters to insert, remove, replace or swap with the next, to make `b` of `a` (Damerau 1964).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b)
{
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    std::swap(last, row);
  }
  return last.back();
}

/// The nearest of the known words, or an empty one where more than half of the letters differ.
template <std::ranges::input_range Words>
[[nodiscard]] std::string_view nearest(std::string_view word, const Words& known)
{
  std::string_view best;
  std::size_t least = word.size() > 100 ? 0 : word.size() / 2 + 1;
  for (const std::string_view candidate : known)
    if (const auto distance = edit_distance(word, candidate); distance < least) {
      least = distance;
      best = candidate;
    }
  return best;
}

/// "a, b, c"
template <std::ranges::input_range Words>
[[nodiscard]] std::string listed(const Words& words)
{
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace retinue::detail
