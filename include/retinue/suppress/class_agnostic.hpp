// SPDX-License-Identifier: Apache-2.0
// Suppression that does not care what the classes are: a plate and a car in one place are one
// object, by the better of both.
#pragma once

#include <retinue/candidate.hpp>            // candidate
#include <retinue/suppress/suppressor.hpp>  // suppressor, class_suppressor

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace retinue {

namespace detail {
struct of_one_class {
  template <class T>
  candidate<T> operator()(const candidate<T>& c) const
  {
    return {c.score, fill_like(c.label, 1)};
  }
};
}  // namespace detail

/// A suppressor that is told of classes and tells nobody.
template <suppressor Inner>
class class_agnostic {
 public:
  explicit class_agnostic(Inner inner = Inner()) : inner_(std::move(inner)) {}
  /// As a detector makes one of its options.
  class_agnostic(float overlap, std::size_t keep)
    requires std::constructible_from<Inner, float, std::size_t>
      : inner_(overlap, keep)
  {
  }

  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    return inner_(boxes, scores);
  }
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores,
                       std::span<const std::int32_t>)
  {
    return inner_(boxes, scores);
  }

  template <tensor_backend B>
    requires table_suppressor<Inner, B>
  void in_tables(B& b, const typename B::template table<box<float>>& boxes,
                 const typename B::template table<candidate<float>>& found,
                 typename B::list& kept) const
  {
    typename B::template table<candidate<float>> alike;
    b.map(detail::of_one_class{}, alike, found);
    inner_.in_tables(b, boxes, alike, kept);
  }

 private:
  Inner inner_;
};

}  // namespace retinue
