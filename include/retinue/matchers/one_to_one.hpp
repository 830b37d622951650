// SPDX-License-Identifier: Apache-2.0
// Matching of one row with each truth, so that all together cost least.
//
//   cost   class_weight * (focal cost of calling the row m's class - that of calling it background)
//          + box_weight * (|cx - cx'| + |cy - cy'| + |w - w'| + |h - h'|)
//          + overlap_weight * -giou
//
// DETR's (Carion 2020, eq. 1 and 2) with Deformable DETR's class cost (Zhu 2021): alpha 1/4, gamma
// 2. Boxes are fractions of the picture's sides. Costs are computed where tables lie; the pairs are
// chosen on the host, so that (truths, rows) numbers leave a device. Memory is as much.
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // giou
#include <retinue/labels/policy.hpp>        // label_policy
#include <retinue/matchers/assignment.hpp>  // assigned, said_of_image
#include <retinue/matchers/least_cost.hpp>  // least_cost_pairs
#include <retinue/matchers/parts.hpp>       // called_score, minus_log, unassigned

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

namespace detail {

template <class Labels>
struct pair_cost {
  Labels labels;
  float class_weight, box_weight, overlap_weight;

  /// The most there is where the truth takes no part.
  template <class Row, class T>
  number<T> operator()(const Row& x, const box<T>& said, const rival<T>& truth) const
  {
    using detail::abs;
    using S = scalar_of_t<T>;
    const T p = called_score(labels, x, truth.label), q = fill_like(p, 1) - p;
    const T of_class = minus_log(p) * q * q * S(0.25) - minus_log(q) * p * p * S(0.75);
    const centre_box<T> a = to_centre(said), m = to_centre(truth.bounds);
    const T apart = T(abs(T(a.cx - m.cx))) + T(abs(T(a.cy - m.cy))) + T(abs(T(a.w - m.w))) +
                    T(abs(T(a.h - m.h)));
    const T cost = of_class * S(class_weight) + apart * S(box_weight) -
                   giou(said, truth.bounds) * S(overlap_weight);
    return {pick_less(truth.ignored, fill_like(p, 0.5), cost,
                      fill_like(p, std::numeric_limits<float>::max()))};
  }
};

}  // namespace detail

/// Matches one row with each truth, so that all pairs together cost least.
class one_to_one_matcher {
 public:
  struct settings {
    float class_weight = 2, box_weight = 5, overlap_weight = 2;  ///< none below 0
  };

  /// Throws where a weight is below 0.
  explicit one_to_one_matcher(settings s) : settings_(s)
  {
    if (!(s.class_weight >= 0) || !(s.box_weight >= 0) || !(s.overlap_weight >= 0))
      fail("a one-to-one matcher has the weights ", s.class_weight, ", ", s.box_weight, " and ",
           s.overlap_weight, ", expected none below 0");
  }
  one_to_one_matcher() : one_to_one_matcher(settings{}) {}

  [[nodiscard]] static one_to_one_matcher detr() { return one_to_one_matcher(settings{}); }

  /// Throws where a cost is not finite: a network that says NaN is not matched in silence.
  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 const said_of_image<B, Labels>& said,
                 typename B::template table<assigned<float>>& out) const
  {
    b.map(detail::unassigned{}, out, anchors);
    const std::size_t count = truths.shape().rows, rows = anchors.shape().rows;
    if (count == 0 || rows == 0) return;
    typename B::template table<number<float>> costs;  // (truths, rows)
    std::vector<number<float>> fetched;
    const auto& [class_weight, box_weight, overlap_weight] = settings_;
    b.map(detail::pair_cost<Labels>{said.labels, class_weight, box_weight, overlap_weight}, costs,
          said.scores, said.boxes, b.across(truths));
    b.fetch(costs, fetched);

    std::vector<float> of_pairs;
    std::vector<std::size_t> counted;
    for (std::size_t t = 0; t < count; ++t) {
      if (fetched[t * rows].value == std::numeric_limits<float>::max()) continue;
      counted.push_back(t);
      for (std::size_t r = 0; r < rows; ++r) of_pairs.push_back(fetched[t * rows + r].value);
    }
    if (counted.empty()) return;
    least_cost_pairs solve;
    const auto column_of = solve(of_pairs, counted.size(), rows);
    std::vector<row_index> chosen;
    std::vector<assigned<float>> given;
    for (std::size_t i = 0; i < counted.size(); ++i)
      if (column_of[i] != least_cost_pairs::none) {
        chosen.push_back(static_cast<row_index>(column_of[i]));
        given.push_back({1, static_cast<float>(counted[i]), 1, 1});
      }
    typename B::template table<assigned<float>> settled;
    typename B::list to;
    b.put(std::span<const row_index>(chosen), to);
    b.put(std::span<const assigned<float>>(given), 1, settled);
    b.scatter(settled, to, out);
  }

 private:
  settings settings_;
};

}  // namespace retinue
