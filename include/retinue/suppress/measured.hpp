// SPDX-License-Identifier: Apache-2.0
// Greedy suppression by any measure of how alike two boxes are, and of any kind of boxes: take the
// best, drop what is like it by more than a threshold, go on with the best of the rest.
//
//   kept = { b : no kept a with a better score has measure(b, a) > threshold }
//
// Pairs are compared one by one, O(kept x boxes), in packets where the measure takes those.
// greedy_suppressor finds the same for iou by looking near each box alone.
#pragma once

#include <retinue/backend/packet.hpp>       // packet
#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/backend/table.hpp>        // columns
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou_of
#include <retinue/geometry.hpp>             // record
#include <retinue/suppress/suppressor.hpp>  // kept_rows
#include <retinue/suppress/tables.hpp>      // suppress_tables

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

/// A measure of your own: of the box that is judged and of a better one; more is more alike.
template <class M, class R>
concept suppression_measure = record<R> && requires(const M& measure, const R& b) {
  { measure(b, b) } -> std::convertible_to<typename R::value_type>;
};

namespace detail {

/// Boxes best first, component by component, compared with one of them many at a time.
template <record R, class Measure>
class ranked_boxes {
  using numbers = packet<float>;
  static constexpr bool in_packets = suppression_measure<Measure, rebind_t<R, numbers>> &&
                                     std::same_as<typename R::value_type, float>;

 public:
  void clear() { boxes_.clear(); }
  void add(const R& b) { boxes_.push_back(b); }
  [[nodiscard]] std::size_t size() const { return boxes_.size(); }
  [[nodiscard]] const R& operator[](std::size_t i) const { return boxes_[i]; }

  /// To be called when all are there.
  void settle()
  {
    if constexpr (in_packets) {
      const std::size_t padded =
          (boxes_.size() + numbers::lanes - 1) / numbers::lanes * numbers::lanes;
      for (std::size_t c = 0; c < R::width; ++c) {
        auto& side = sides_[c];
        side.assign(padded, 0.0f);
        for (std::size_t i = 0; i < boxes_.size(); ++i) side[i] = boxes_[i][c];
      }
    }
  }

  /// Calls each(i, measure(box i, of)) for all i from `first` on.
  template <class Each>
  void compare(const Measure& measure, const R& of, std::size_t first, const Each& each) const
  {
    if constexpr (in_packets) {
      rebind_t<R, numbers> all;
      for (std::size_t c = 0; c < R::width; ++c) all[c] = numbers::all(of[c]);
      for (std::size_t at = first / numbers::lanes * numbers::lanes; at < boxes_.size();
           at += numbers::lanes) {
        rebind_t<R, numbers> some;
        for (std::size_t c = 0; c < R::width; ++c) some[c] = numbers::load(&sides_[c][at]);
        const numbers alike = measure(some, all);
        const std::size_t end = std::min(numbers::lanes, boxes_.size() - at);
        for (std::size_t k = first > at ? first - at : 0; k < end; ++k) each(at + k, alike[k]);
      }
    } else {
      for (std::size_t i = first; i < boxes_.size(); ++i)
        each(i, static_cast<float>(measure(boxes_[i], of)));
    }
  }

 private:
  std::vector<R> boxes_;
  std::array<std::vector<float>, R::width> sides_;
};

/// The box behind one of a range: itself, or by its corners.
template <class R, class B>
[[nodiscard]] R as_record(const B& b)
{
  if constexpr (std::same_as<B, R>) {
    return b;
  } else {
    const auto given = to_corners(b);
    return {static_cast<float>(given.x1), static_cast<float>(given.y1),
            static_cast<float>(given.x2), static_cast<float>(given.y2)};
  }
}

inline void check_counts(std::size_t boxes, std::size_t scores)
{
  if (boxes != scores) fail("suppression was given ", boxes, " boxes but ", scores, " scores");
}
inline void check_counts(std::size_t boxes, std::size_t scores, std::size_t labels)
{
  if (boxes != scores || boxes != labels)
    fail("suppression by class was given ", boxes, " boxes, ", scores, " scores and ", labels,
         " labels");
}

}  // namespace detail

/// Of boxes R, which may be rotated_box or a record of yours.
template <class Measure = iou_of<>, record R = box<float>>
  requires suppression_measure<Measure, R>
class measured_suppressor {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// What is alike by more than `threshold` is one object; at most `keep` are kept. Throws where
  /// `threshold` is NaN.
  explicit measured_suppressor(float threshold = 0.4f, std::size_t keep = unlimited,
                               Measure measure = {})
      : threshold_(threshold), keep_(keep), measure_(measure)
  {
    if (threshold != threshold) fail("the threshold for suppression is ", threshold);
  }

  /// Boxes of which the measure is no number are kept. Throws where there are not as many scores as
  /// boxes.
  template <class Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    return run(boxes, scores, {});
  }
  /// Those of other labels leave each other alone. Throws where there are not as many scores and
  /// labels as boxes.
  template <class Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores,
                       std::span<const std::int32_t> labels)
  {
    detail::check_counts(std::size(boxes), scores.size(), labels.size());
    return run(boxes, scores, labels);
  }

  template <tensor_backend B>
    requires std::same_as<R, box<float>>
  void in_tables(B& b, const typename B::template table<box<float>>& boxes,
                 const typename B::template table<candidate<float>>& found,
                 typename B::list& kept) const
  {
    suppress_tables(b, boxes, found, measure_, threshold_, kept);
  }

 private:
  template <class Boxes>
  kept_rows run(const Boxes& boxes, std::span<const float> scores,
                std::span<const std::int32_t> labels)
  {
    detail::check_counts(std::size(boxes), scores.size());
    const auto order = order_(scores);
    ranked_.clear();
    for (const row_index row : order) ranked_.add(detail::as_record<R>(boxes[row]));
    ranked_.settle();
    dropped_.assign(order.size(), 0);
    rows_.clear(), scores_.clear();
    for (std::size_t i = 0; i < order.size() && rows_.size() < keep_; ++i) {
      if (dropped_[i]) continue;
      rows_.push_back(order[i]);
      scores_.push_back(scores[order[i]]);
      ranked_.compare(measure_, ranked_[i], i + 1, [&](std::size_t j, float alike) {
        if (alike > threshold_ && (labels.empty() || labels[order[j]] == labels[order[i]]))
          dropped_[j] = 1;
      });
    }
    return {rows_, scores_};
  }

  float threshold_;
  std::size_t keep_;
  Measure measure_;
  score_order order_;
  detail::ranked_boxes<R, Measure> ranked_;
  std::vector<std::uint8_t> dropped_;
  std::vector<row_index> rows_;
  std::vector<float> scores_;
};

}  // namespace retinue
