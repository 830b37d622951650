// SPDX-License-Identifier: Apache-2.0
// In host memory: the rows of largest metric for a truth, found without a look at most scores.
//
//   metric = score^score_power * overlap^overlap_power <= overlap^overlap_power
//
// for no score is above 1. So the least of the metrics that were found bounds the overlap of a box
// that takes its place, and an overlap is compared with a bound without a division, many at once.
// Rows are looked at from the last, for coarse levels stand there: a few of their boxes lie near
// any truth, and make the bound a good one before the many of the finest level.
#pragma once

#include <retinue/backend/lane.hpp>         // lane, lanes_of
#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/backend/table.hpp>        // columns, number_rows
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/matchers/assignment.hpp>  // rival, each_odd

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue::detail {

/// A record of numbers as lanes.
template <template <class> class R>
[[nodiscard]] R<lane> as_lanes(const R<float>& of)
{
  R<lane> r;
  for (std::size_t c = 0; c < r.width; ++c) r[c] = {of[c]};
  return r;
}

/// The rows of one image and how they suit its truths. A view: what it is made of must outlive it.
/// Align says what a row is to a truth: see aligned_matcher.
template <class Align>
class aligned_rows {
 public:
  struct found {
    std::uint64_t place;  ///< less is better, as in any order of scores
    row_index row;
    float metric, overlap;

    friend bool operator<(const found& a, const found& b) { return a.place < b.place; }
  };

  aligned_rows(const Align& align, const columns<centre_box<float>>& anchors,
               const columns<box<float>>& boxes, const number_rows& scores)
      : align_(align), anchors_(&anchors), boxes_(&boxes), scores_(&scores)
  {
  }

  /// The best `most` of those whose metric is above 0, in no order; valid until the next call.
  std::span<const found> best(const rival<float>& truth, const rival<float>& around,
                              std::size_t most)
  {
    best_.clear();
    if (!(truth.ignored < 0.5f)) return best_;
    const rival<lane> in_lanes = as_lanes(truth), around_in_lanes = as_lanes(around);
    float least = 0, of_metric = 0;
    for (std::size_t end = boxes_->size(); end > 0;) {
      const std::size_t first = end > block ? end - block : 0;
      if (best_.size() == most && best_.front().metric > of_metric) {
        of_metric = best_.front().metric;
        least = least_overlap(of_metric);
      }
      mark(first, end, truth.bounds, least);
      if (align_.only_inside) mark_inside(first, end, around.bounds);
      each_odd(marks_.data(), end - first, [&](std::size_t i) {
        const std::size_t row = first + i;
        const lane shared = align_.overlap(as_lanes((*boxes_)[row]), in_lanes);
        const lane bound = align_.most(shared);
        if (best_.size() == most && bound.value < best_.front().metric) return;
        const auto a = align_.of(lanes_of<number_row<float>>{(*scores_)[row]}, shared, bound,
                                 as_lanes((*anchors_)[row]), in_lanes, around_in_lanes);
        const auto at = static_cast<row_index>(row);
        if (a.metric.value > 0)
          enter({score_order::key(a.metric.value, at), at, a.metric.value, a.overlap.value}, most);
      });
      end = first;
    }
    return best_;
  }

 private:
  static constexpr std::size_t block = 256;

  /// No box that overlaps less has the metric; both are made a little less, for rounding.
  [[nodiscard]] float least_overlap(float metric) const
  {
    return 0.999f * std::pow(0.9999f * metric, 1 / align_.overlap_power);
  }

  /// 1 where a box overlaps the truth by so much, which may be 1 where it does by a little less.
  void mark(std::size_t first, std::size_t end, const box<float>& truth, float least)
  {
    // iou >= u where the boxes share u / (1 + u) of both areas. Less, for rounding.
    const float share = 0.9999f * least / (1 + least), own = area(truth);
    const float* const x1 = boxes_->column(0) + first;
    const float* const y1 = boxes_->column(1) + first;
    const float* const x2 = boxes_->column(2) + first;
    const float* const y2 = boxes_->column(3) + first;
    std::uint8_t* const marks = marks_.data();
    for (std::size_t i = 0; i < end - first; ++i) {
      const float w = std::min(x2[i], truth.x2) - std::max(x1[i], truth.x1);
      const float h = std::min(y2[i], truth.y2) - std::max(y1[i], truth.y1);
      const float both = (x2[i] - x1[i]) * (y2[i] - y1[i]) + own;
      marks[i] = std::max(w, 0.0f) * h > share * both;
    }
  }
  /// And where the anchor's centre lies in the truth as it is asked for that.
  void mark_inside(std::size_t first, std::size_t end, const box<float>& around)
  {
    const float* const cx = anchors_->column(0) + first;
    const float* const cy = anchors_->column(1) + first;
    std::uint8_t* const marks = marks_.data();
    for (std::size_t i = 0; i < end - first; ++i)
      marks[i] &=
          (cx[i] > around.x1) & (cx[i] < around.x2) & (cy[i] > around.y1) & (cy[i] < around.y2);
  }

  /// Among the best, a heap whose worst stands in front.
  void enter(const found& one, std::size_t most)
  {
    if (best_.size() < most) {
      best_.push_back(one);
      std::push_heap(best_.begin(), best_.end());
      return;
    }
    if (!(one < best_.front())) return;
    std::size_t hole = 0;
    for (std::size_t next = 1; next < most; next = 2 * hole + 1) {
      next += next + 1 < most && best_[next] < best_[next + 1];
      if (!(one < best_[next])) break;
      best_[hole] = best_[next];
      hole = next;
    }
    best_[hole] = one;
  }

  Align align_;
  const columns<centre_box<float>>* anchors_;
  const columns<box<float>>* boxes_;
  const number_rows* scores_;
  std::vector<found> best_;
  std::array<std::uint8_t, block> marks_;
};

}  // namespace retinue::detail
