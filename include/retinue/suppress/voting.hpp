// SPDX-License-Identifier: Apache-2.0
// Box voting (Gidaris 2015, section 5): what another suppressor keeps becomes the mean of all boxes
// that are like it, weighted by their scores.
//
//   b <- sum_j s_j b_j / sum_j s_j      over all j, kept or not, with measure(b_j, b) >= threshold
//
// Scores and rows stay. A box votes for itself, and those whose score is not above 0 do not vote.
#pragma once

#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou_of
#include <retinue/suppress/greedy.hpp>      // greedy_suppressor
#include <retinue/suppress/measured.hpp>    // ranked_boxes
#include <retinue/suppress/suppressor.hpp>  // suppressor, kept_rows

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Moves what another suppressor keeps to the mean of the boxes that are like it.
template <suppressor Inner = greedy_suppressor<>, class Measure = iou_of<>>
class voting_suppressor {
 public:
  /// Boxes vote that are alike by `threshold` or more. Throws where it is not above 0.
  explicit voting_suppressor(Inner inner = Inner(), float threshold = 0.5f, Measure measure = {})
      : inner_(std::move(inner)), threshold_(threshold), measure_(measure)
  {
    if (!(threshold > 0)) fail("the threshold for votes is ", threshold, ", expected above 0");
  }
  /// As a detector makes one of its options.
  voting_suppressor(float overlap, std::size_t keep)
    requires std::constructible_from<Inner, float, std::size_t>
      : voting_suppressor(Inner(overlap, keep))
  {
  }

  /// Of boxes of one class. Throws where the other suppressor does.
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    const kept_rows kept = inner_(boxes, scores);
    ranked_.clear();
    for (std::size_t i = 0; i < std::size(boxes); ++i)
      ranked_.add(detail::as_record<box<float>>(boxes[i]));
    ranked_.settle();
    boxes_.clear();
    for (const row_index row : kept.rows) {
      const box<float> own = ranked_[row];
      std::array<double, 4> sums{};
      double votes = 0;
      ranked_.compare(measure_, own, 0, [&](std::size_t j, float alike) {
        if (!((alike >= threshold_ || j == row) && scores[j] > 0)) return;
        const auto s = static_cast<double>(scores[j]);
        votes += s;
        for (std::size_t c = 0; c < 4; ++c) sums[c] += s * static_cast<double>(ranked_[j][c]);
      });
      box<float> mean = own;
      if (votes > 0)
        for (std::size_t c = 0; c < 4; ++c) mean[c] = static_cast<float>(sums[c] / votes);
      boxes_.push_back(mean);
    }
    return {kept.rows, kept.scores, boxes_};
  }

 private:
  Inner inner_;
  float threshold_;
  Measure measure_;
  detail::ranked_boxes<box<float>, Measure> ranked_;
  std::vector<box<float>> boxes_;
};

}  // namespace retinue
