// SPDX-License-Identifier: Apache-2.0
// Matrix suppression (Wang 2020, SOLOv2, eq. 5): all scores are lowered at once, by the better
// boxes that overlap each, and less by those that are overlapped themselves.
//
//   s_j <- s_j min_i decay(m_ij) / decay(m_i)     i before j, m_i = the most that i is overlapped
//                                                 by any better one
//
// Nothing waits for another box to be decided on: O(boxes^2), but in one pass.
#pragma once

#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/formulas/overlap.hpp>     // iou_of
#include <retinue/suppress/measured.hpp>    // ranked_boxes
#include <retinue/suppress/soft.hpp>        // gaussian_decay, linear_decay
#include <retinue/suppress/suppressor.hpp>  // box_range, kept_rows

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

/// The decay of the paper's linear form is linear_decay{0}.
template <class Decay = gaussian_decay, class Measure = iou_of<>>
class matrix_suppressor {
 public:
  /// Boxes whose lowered score is below `floor` are dropped; at most `keep` are kept.
  explicit matrix_suppressor(Decay decay = Decay(), float floor = 0.001f,
                             std::size_t keep = std::numeric_limits<std::size_t>::max(),
                             Measure measure = {})
      : decay_(decay), floor_(floor), keep_(keep), measure_(measure)
  {
  }

  /// Of boxes of one class. Throws where there are not as many scores as boxes.
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    detail::check_counts(std::size(boxes), scores.size());
    const auto order = order_(scores);
    ranked_.clear();
    for (const row_index row : order) ranked_.add(detail::as_record<box<float>>(boxes[row]));
    ranked_.settle();
    most_.assign(order.size(), 0.0f);
    lowered_.assign(order.size(), 1.0f);
    for (std::size_t i = 0; i < order.size(); ++i) {
      // All before i have been compared with it, so that most_[i] is what it will be.
      const float own = decay_(most_[i]);
      ranked_.compare(measure_, ranked_[i], i + 1, [&](std::size_t j, float alike) {
        if (!(alike > 0)) return;
        most_[j] = std::max(most_[j], alike);
        if (own > 0) lowered_[j] = std::min(lowered_[j], decay_(alike) / own);
      });
    }
    for (std::size_t i = 0; i < order.size(); ++i) lowered_[i] *= scores[order[i]];
    rows_.clear(), scores_.clear();
    for (const row_index i : by_lowered_(lowered_)) {
      if (rows_.size() == keep_ || !(lowered_[i] >= floor_)) break;
      rows_.push_back(order[i]);
      scores_.push_back(lowered_[i]);
    }
    return {rows_, scores_};
  }

 private:
  Decay decay_;
  float floor_;
  std::size_t keep_;
  Measure measure_;
  score_order order_, by_lowered_;
  detail::ranked_boxes<box<float>, Measure> ranked_;
  std::vector<float> most_, lowered_;  // by rank
  std::vector<row_index> rows_;
  std::vector<float> scores_;
};

}  // namespace retinue
