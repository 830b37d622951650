// SPDX-License-Identifier: Apache-2.0
// The concept of suppression.
#pragma once

#include <retinue/backend.hpp>        // tensor_backend
#include <retinue/backend/table.hpp>  // row_index
#include <retinue/candidate.hpp>      // candidate
#include <retinue/geometry.hpp>       // box_like

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>

namespace retinue {

/// What is left: rows of the input, best first, their scores, which soft suppression lowers, and
/// boxes in place of theirs where these are of the suppressor's own making, by vote or by fusion:
/// none, or one each. All lie in the suppressor and are overwritten by its next call.
struct kept_rows {
  std::span<const row_index> rows;
  std::span<const float> scores;
  std::span<const box<float>> boxes{};
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

namespace detail {
/// Who takes a suppressor ends a mistake in this sentence.
template <class S>
[[nodiscard]] consteval bool expect_suppressor()
{
  static_assert(suppressor<S>,
                "a suppressor must be callable with (std::span<const box<float>>, "
                "std::span<const float>), boxes and their scores, and return kept_rows: see "
                "retinue/suppress/suppressor.hpp");
  return true;
}
}  // namespace detail

/// One that treats classes itself, and is told them: labels from 1. Others are run on each class on
/// its own, by per_class_suppressor.
template <class S>
concept class_suppressor =
    requires(S& s, std::span<const box<float>> boxes, std::span<const float> scores,
             std::span<const std::int32_t> labels) {
      { s(boxes, scores, labels) } -> std::same_as<kept_rows>;
    };

/// One that makes groups of what several sources found, and knows of each box of its last call its
/// group, the place among what was kept or `nowhere`, and with which weight it took part.
template <class S>
concept source_suppressor =
    requires(S& s, std::span<const box<float>> boxes, std::span<const float> scores,
             std::span<const std::int32_t> labels, std::span<const std::size_t> sources) {
      { s.fuse(boxes, scores, labels, sources) } -> std::same_as<kept_rows>;
      { s.groups() } -> std::same_as<std::span<const row_index>>;
      { s.weights() } -> std::same_as<std::span<const float>>;
      { S::nowhere } -> std::convertible_to<row_index>;
    };

/// One that runs where the tables of a backend lie: boxes and what they are in, best first, and out
/// the places of those kept, rising.
template <class S, class B>
concept table_suppressor =
    tensor_backend<B> &&
    requires(const S& s, B& b, const typename B::template table<box<float>>& boxes,
             const typename B::template table<candidate<float>>& found,
             typename B::list& kept) { s.in_tables(b, boxes, found, kept); };

}  // namespace retinue
