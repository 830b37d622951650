// SPDX-License-Identifier: Apache-2.0
// What an evaluation is given of one image, checked, widened to double, and split by class.
//
// Detections and truths are any types that have the members below: detection<Schema> and
// instance<Schema>, or your own. Boxes are in pixels of the original picture.
#pragma once

#include <retinue/error.hpp>     // fail
#include <retinue/geometry.hpp>  // box, box_like, to_corners

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <vector>

namespace retinue {

/// Has `bounds`, a `score` and a `label`, the class from 1.
template <class D>
concept scored_box = requires(const D& d) {
  requires box_like<std::remove_cvref_t<decltype(d.bounds)>>;
  { d.score } -> std::convertible_to<double>;
  { d.label } -> std::convertible_to<std::int32_t>;
};

/// Has `bounds`, a `label`, and `ignore`: neither to be found nor to be missed.
template <class I>
concept labelled_box = requires(const I& i) {
  requires box_like<std::remove_cvref_t<decltype(i.bounds)>>;
  { i.label } -> std::convertible_to<std::int32_t>;
  { i.ignore } -> std::convertible_to<bool>;
};

/// The detections of an image.
template <class R>
concept scored_boxes =
    std::ranges::random_access_range<R> && scored_box<std::ranges::range_value_t<R>>;
/// The truths of an image.
template <class R>
concept labelled_boxes =
    std::ranges::random_access_range<R> && labelled_box<std::ranges::range_value_t<R>>;

namespace detail {
/// Refuses what is not finite: an order of NaN would depend on the machine.
template <box_like B>
[[nodiscard]] box<double> checked(const B& given, const char* what, std::size_t row,
                                  std::size_t image)
{
  const auto b = to_corners(given);
  const box<double> wide{static_cast<double>(b.x1), static_cast<double>(b.y1),
                         static_cast<double>(b.x2), static_cast<double>(b.y2)};
  for (std::size_t i = 0; i < 4; ++i)
    if (!std::isfinite(wide[i]))
      fail("image ", image, ", ", what, " ", row, ": a box with the coordinate ", wide[i],
           ", expected finite numbers");
  return wide;
}

/// The detections' rows, best first, equals in their order.
template <scored_boxes Detections>
[[nodiscard]] std::vector<std::size_t> best_first(const Detections& detections, std::size_t image)
{
  std::vector<std::size_t> rows(std::ranges::size(detections));
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  for (const std::size_t row : rows)
    if (!std::isfinite(static_cast<double>(detections[row].score)))
      fail("image ", image, ", detection ", row, ": the score is ", detections[row].score,
           ", expected a finite number");
  std::ranges::stable_sort(rows, [&](std::size_t a, std::size_t b) {
    return detections[a].score > detections[b].score;
  });
  return rows;
}
}  // namespace detail

/// One class of one image. `row` is the place among what was given, so that what else a detection
/// or a truth has can be looked up.
struct class_of_image {
  /// A detection of the class.
  struct found {
    double score = 0;
    std::size_t row = 0;
  };
  /// A truth of the class.
  struct labelled {
    bool ignore = false;
    std::size_t row = 0;
  };
  std::int32_t label = 0;
  std::vector<box<double>> detection_boxes, truth_boxes;
  std::vector<found> detections;  ///< best first
  std::vector<labelled> truths;
};

/// Calls visit(class_of_image) for each class that the image has, ascending. `image` is its number,
/// for messages. Throws where a box or a score is not finite.
template <scored_boxes Detections, labelled_boxes Truths, class Visit>
void for_each_class(const Detections& detections, const Truths& truths, std::size_t image,
                    Visit visit)
{
  const auto rows = detail::best_first(detections, image);
  std::vector<std::int32_t> labels;
  for (const auto& d : detections) labels.push_back(d.label);
  for (const auto& t : truths) labels.push_back(t.label);
  std::ranges::sort(labels);
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  std::vector<class_of_image> classes(labels.size());
  const auto of = [&](std::int32_t label) -> class_of_image& {
    return classes[static_cast<std::size_t>(std::ranges::lower_bound(labels, label) -
                                            labels.begin())];
  };
  for (const std::size_t row : rows) {
    class_of_image& c = of(detections[row].label);
    c.detection_boxes.push_back(detail::checked(detections[row].bounds, "detection", row, image));
    c.detections.push_back({static_cast<double>(detections[row].score), row});
  }
  for (std::size_t row = 0; row < std::ranges::size(truths); ++row) {
    class_of_image& c = of(truths[row].label);
    c.truth_boxes.push_back(detail::checked(truths[row].bounds, "truth", row, image));
    c.truths.push_back({static_cast<bool>(truths[row].ignore), row});
  }
  for (std::size_t k = 0; k < classes.size(); ++k) {
    classes[k].label = labels[k];
    visit(classes[k]);
  }
}

}  // namespace retinue
