// SPDX-License-Identifier: Apache-2.0
// Greedy suppression by one convention of a side's length or the other, as a configuration says.
#pragma once

#include <retinue/suppress/greedy.hpp>  // greedy_suppressor

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

namespace retinue {

/// How long a side is: from pixel to pixel, or counting both.
enum class side_length : std::uint8_t { between, both_pixels };

/// Greedy suppression by one of them.
class any_greedy_suppressor {
 public:
  explicit any_greedy_suppressor(float overlap = 0.4f,
                                 std::size_t keep = greedy_suppressor<>::unlimited,
                                 side_length sides = side_length::between)
  {
    if (sides == side_length::both_pixels)
      chosen_.emplace<1>(overlap, keep);
    else
      chosen_.emplace<0>(overlap, keep);
  }

  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    return std::visit([&](auto& suppress) { return suppress(boxes, scores); }, chosen_);
  }
  template <tensor_backend B>
  void in_tables(B& b, const typename B::template table<box<float>>& boxes,
                 const typename B::template table<candidate<float>>& found,
                 typename B::list& kept) const
  {
    std::visit([&](const auto& suppress) { suppress.in_tables(b, boxes, found, kept); }, chosen_);
  }

 private:
  std::variant<greedy_suppressor<>, greedy_suppressor<inclusive_pixels>> chosen_;
};

}  // namespace retinue
