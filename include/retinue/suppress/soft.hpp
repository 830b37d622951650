// SPDX-License-Identifier: Apache-2.0
// Soft suppression (Bodla 2017, "Soft-NMS"): the best box stays, the scores of all that overlap it
// are lowered, and the best of the rest is taken next.
//
//   linear     s <- s (1 - iou)             where iou > overlap          (eq. 2)
//   gaussian   s <- s exp(-iou^2 / sigma)   everywhere                   (eq. 3)
//
// iou stands for any measure of how alike two boxes are.
//
// Scores only fall. So a box need not be compared with those that were kept until it is the best of
// the rest by the score that it had last; if it still is then, it stays. Where boxes that lie apart
// lower no score, sixteen kept boxes at once are seen to lie apart: O(kept x boxes) comparisons of
// edges, and overlaps of those alone that meet.
#pragma once

#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou_of
#include <retinue/suppress/suppressor.hpp>  // box_range, kept_rows

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

/// How much of its score a box keeps, given its overlap with a better one. Yours may be any class
/// with this operator, which gives 0 to 1.
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

  /// Boxes that are not finite overlap nothing, so that they lower no score. Throws where there are
  /// not as many scores as boxes.
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
    std::ranges::make_heap(left_, worse);
    rows_.clear();
    scores_.clear();
    for (auto& edge : kept_) edge.clear();
    while (!left_.empty() && rows_.size() < keep_) {
      std::ranges::pop_heap(left_, worse);
      candidate& best = left_.back();
      meet_kept(best);
      if (!(best.score >= floor_)) {
        left_.pop_back();
        continue;
      }
      const candidate now = best;
      if (left_.size() > 1 && worse(now, left_.front())) {
        std::ranges::push_heap(left_, worse);
        continue;
      }
      left_.pop_back();
      rows_.push_back(now.row);
      scores_.push_back(now.score);
      keep(now.corners);
    }
    return {rows_, scores_};
  }

 private:
  static constexpr std::size_t at_once = 16;
  static constexpr bool may_skip = std::same_as<Measure, iou_of<>>;

  struct candidate {
    box<float> corners{};
    float score = 0;
    row_index row = 0;
    std::uint32_t met = 0;  // how many of those kept it has been compared with
  };
  /// Of equal scores the lower row is the better.
  static bool worse(const candidate& a, const candidate& b)
  {
    return a.score < b.score || (a.score == b.score && a.row > b.row);
  }

  void keep(const box<float>& b)
  {
    const std::size_t place = rows_.size() - 1;
    if (place % at_once == 0)  // what fills a block up meets nothing
      for (std::size_t e = 0; e < 4; ++e)
        kept_[e].resize(place + at_once, e < 2 ? std::numeric_limits<float>::infinity()
                                               : -std::numeric_limits<float>::infinity());
    for (std::size_t e = 0; e < 4; ++e) kept_[e][place] = b[e];
  }

  /// Lowers a score by all kept boxes that it has not met, in their order, until it is below the
  /// floor.
  void meet_kept(candidate& c) const
  {
    const bool skip = may_skip && decay_(0.0f) == 1;
    const auto count = static_cast<std::uint32_t>(rows_.size());
    while (c.met < count && c.score >= floor_) {
      const std::size_t block = c.met - c.met % at_once;
      const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(count, block + at_once));
      if (skip && !meets_any(c.corners, block)) {
        c.met = end;
        continue;
      }
      for (; c.met < end && c.score >= floor_; ++c.met) {
        const std::size_t k = c.met;
        const float shared =
            measure_(c.corners, box<float>{kept_[0][k], kept_[1][k], kept_[2][k], kept_[3][k]});
        c.score *= decay_(shared > 0 ? shared : 0);
      }
    }
  }
  /// Whether the box has some area in common with any of a block.
  [[nodiscard]] bool meets_any(const box<float>& b, std::size_t block) const
  {
    const float *x1 = &kept_[0][block], *y1 = &kept_[1][block], *x2 = &kept_[2][block],
                *y2 = &kept_[3][block];
    int any = 0;
    for (std::size_t k = 0; k < at_once; ++k)
      any |= int(x1[k] < b.x2) & int(b.x1 < x2[k]) & int(y1[k] < b.y2) & int(b.y1 < y2[k]);
    return any != 0;
  }

  Decay decay_;
  float floor_;
  std::size_t keep_;
  Measure measure_;
  std::vector<candidate> left_;               // a heap, the best first
  std::array<std::vector<float>, 4> kept_{};  // x1, y1, x2, y2 of those kept, in whole blocks
  std::vector<row_index> rows_;
  std::vector<float> scores_;
};

}  // namespace retinue
