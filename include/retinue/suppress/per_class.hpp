// SPDX-License-Identifier: Apache-2.0
// Class-aware suppression: the boxes of each class on their own, then all that is left, best first.
// Classes are kept apart by sorting, not by moving boxes: no coordinate loses precision.
#pragma once

#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/error.hpp>                // fail
#include <retinue/suppress/suppressor.hpp>  // suppressor

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Runs a copy of `inner` on each group of rows with one label; at most `keep` are kept in all.
/// A label may stand for anything that must not mix: a class, an image of a batch, or both.
template <suppressor Inner>
class per_class_suppressor {
 public:
  explicit per_class_suppressor(Inner inner = Inner(),
                                std::size_t keep = std::numeric_limits<std::size_t>::max())
      : inner_(std::move(inner)), keep_(keep)
  {
  }

  [[nodiscard]] const Inner& inner() const { return inner_; }

  /// Of boxes, their scores and their labels. Throws where there are not as many of each.
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores,
                       std::span<const std::int32_t> labels)
  {
    if (std::size(boxes) != scores.size() || labels.size() != scores.size())
      fail("suppression by class was given ", std::size(boxes), " boxes, ", scores.size(),
           " scores and ", labels.size(), " labels");
    if constexpr (std::invocable<Inner&, const Boxes&, std::span<const float>>)
      if (std::equal(labels.begin() + (labels.empty() ? 0 : 1), labels.end(), labels.begin())) {
        const kept_rows kept = inner_(boxes, scores);  // one class: nothing to keep apart
        const std::size_t n = std::min(kept.rows.size(), keep_);
        return {kept.rows.first(n), kept.scores.first(n),
                kept.boxes.empty() ? kept.boxes : kept.boxes.first(n)};
      }
    grouped_.resize(labels.size());
    for (std::size_t i = 0; i < labels.size(); ++i)
      grouped_[i] = {labels[i], static_cast<row_index>(i)};
    std::sort(grouped_.begin(), grouped_.end());

    left_rows_.clear();
    left_scores_.clear();
    left_boxes_.clear();
    for (auto begin = grouped_.begin(); begin != grouped_.end();) {
      const auto end = std::find_if(begin, grouped_.end(),
                                    [&](const auto& g) { return g.first != begin->first; });
      class_boxes_.clear();
      class_scores_.clear();
      for (auto g = begin; g != end; ++g) {
        const auto b = to_corners(boxes[g->second]);
        class_boxes_.push_back({static_cast<float>(b.x1), static_cast<float>(b.y1),
                                static_cast<float>(b.x2), static_cast<float>(b.y2)});
        class_scores_.push_back(scores[g->second]);
      }
      const kept_rows kept =
          inner_(std::span<const box<float>>(class_boxes_), std::span<const float>(class_scores_));
      for (std::size_t k = 0; k < kept.rows.size(); ++k) {
        left_rows_.push_back(begin[static_cast<std::ptrdiff_t>(kept.rows[k])].second);
        left_scores_.push_back(kept.scores[k]);
      }
      left_boxes_.insert(left_boxes_.end(), kept.boxes.begin(), kept.boxes.end());
      begin = end;
    }

    // Best first over all classes, in the order of scores that every family uses.
    merged_.clear();
    for (std::size_t k = 0; k < left_rows_.size(); ++k)
      merged_.push_back({score_order::key(left_scores_[k], left_rows_[k]), k});
    std::sort(merged_.begin(), merged_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    merged_.resize(std::min(merged_.size(), keep_));
    rows_.clear();
    scores_.clear();
    boxes_.clear();
    for (const auto& [key, k] : merged_) {
      rows_.push_back(left_rows_[k]);
      scores_.push_back(left_scores_[k]);
      if (!left_boxes_.empty()) boxes_.push_back(left_boxes_[k]);
    }
    return {rows_, scores_, boxes_};
  }

 private:
  Inner inner_;
  std::size_t keep_;
  std::vector<std::pair<std::int32_t, row_index>> grouped_;
  std::vector<box<float>> class_boxes_;
  std::vector<float> class_scores_;
  std::vector<row_index> left_rows_, rows_;  // class by class; and best first
  std::vector<float> left_scores_, scores_;
  std::vector<box<float>> left_boxes_, boxes_;
  std::vector<std::pair<std::uint64_t, std::size_t>> merged_;  // key and place among those left
};

}  // namespace retinue
