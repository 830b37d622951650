// SPDX-License-Identifier: Apache-2.0
// The concept of suppression.
#pragma once

#include <retinue/backend/table.hpp>  // row_index
#include <retinue/geometry.hpp>       // box_like

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>
#include <type_traits>

namespace retinue {

/// What is left: rows of the input, best first, and their scores, which soft suppression lowers.
/// Both lie in the suppressor and are overwritten by its next call.
struct kept_rows {
  std::span<const row_index> rows;
  std::span<const float> scores;
};

/// A sequence of boxes, in any form that has `to_corners`: read as boxes[i] and std::size(boxes).
template <class R>
concept box_range = requires(const R& boxes, std::size_t i) {
  { std::size(boxes) } -> std::convertible_to<std::size_t>;
  requires box_like<std::remove_cvref_t<decltype(boxes[i])>>;
};

/// A suppressor of your own: be callable with boxes in pixels and their scores. It may keep its
/// buffers between calls, and is therefore called as a variable, by one thread at a time.
template <class S>
concept suppressor =
    requires(S& s, std::span<const box<float>> boxes, std::span<const float> scores) {
      { s(boxes, scores) } -> std::same_as<kept_rows>;
    };

}  // namespace retinue
