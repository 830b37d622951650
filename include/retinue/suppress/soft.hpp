// SPDX-License-Identifier: Apache-2.0
// Soft suppression (Bodla 2017, "Soft-NMS"): the best box stays, the scores of all that overlap it
// are lowered, and the best of the rest is taken next.
//
//   linear     s <- s (1 - iou)             where iou > overlap          (eq. 2)
//   gaussian   s <- s exp(-iou^2 / sigma)   everywhere                   (eq. 3)
//
// iou stands for any measure of how alike two boxes are. Every kept box is compared with all that
// are left: O(kept x boxes).
#pragma once

#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou_of
#include <retinue/suppress/suppressor.hpp>  // box_range, kept_rows

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

/// How much of its score a box keeps, given its overlap with a better one. Yours may be any class
/// with this operator.
struct linear_decay {
  float overlap = 0.3f;  ///< 0 to 1: boxes that overlap no more keep their score
  [[nodiscard]] float operator()(float shared) const { return shared > overlap ? 1 - shared : 1; }
};
/// exp(-iou^2 / sigma), eq. 3.
struct gaussian_decay {
  float sigma = 0.5f;  ///< > 0
  [[nodiscard]] float operator()(float shared) const { return std::exp(-shared * shared / sigma); }
};

/// Lowers scores in place of dropping boxes.
template <class Decay = gaussian_decay, class Measure = iou_of<>>
class soft_suppressor {
 public:
  /// Boxes whose lowered score is below `floor` are dropped; at most `keep` are kept.
  explicit soft_suppressor(Decay decay = Decay(), float floor = 0.001f,
                           std::size_t keep = std::numeric_limits<std::size_t>::max(),
                           Measure measure = {})
      : decay_(decay), floor_(floor), keep_(keep), measure_(measure)
  {
  }

  /// Boxes that are not finite overlap nothing, so that they lower no score.
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    const std::size_t n = std::size(boxes);
    if (n != scores.size())
      fail("suppression was given ", n, " boxes but ", scores.size(), " scores");
    left_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      const auto b = to_corners(boxes[i]);
      if (scores[i] >= floor_)
        left_.push_back({{static_cast<float>(b.x1), static_cast<float>(b.y1),
                          static_cast<float>(b.x2), static_cast<float>(b.y2)},
                         scores[i],
                         static_cast<row_index>(i)});
    }
    rows_.clear();
    scores_.clear();
    while (!left_.empty() && rows_.size() < keep_) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < left_.size(); ++i)
        if (left_[i].score > left_[best].score) best = i;
      const candidate taken = left_[best];
      rows_.push_back(taken.row);
      scores_.push_back(taken.score);
      std::size_t stay = 0;  // those left move up in their order, so that ties go to the lower row
      for (std::size_t i = 0; i < left_.size(); ++i) {
        if (i == best) continue;
        candidate c = left_[i];
        const float shared = measure_(c.corners, taken.corners);
        c.score *= decay_(shared > 0 ? shared : 0);
        if (c.score >= floor_) left_[stay++] = c;
      }
      left_.resize(stay);
    }
    return {rows_, scores_};
  }

 private:
  struct candidate {
    box<float> corners{};
    float score = 0;
    row_index row = 0;
  };

  Decay decay_;
  float floor_;
  std::size_t keep_;
  Measure measure_;
  std::vector<candidate> left_;
  std::vector<row_index> rows_;
  std::vector<float> scores_;
};

}  // namespace retinue
