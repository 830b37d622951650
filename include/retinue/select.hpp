// SPDX-License-Identifier: Apache-2.0
// From the scores of all anchors to the few that are worth decoding.
//
//   { (row, label) : score(row, label) > floor }, the best `most` of them, best first; equals in
//   the order of row, then label
//
// The text over any backend computes all scores. In host memory the logits are compared first, with
// what a score above the floor implies: few rows are then looked at again.
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/backend/host_memory.hpp>  // in_host_memory
#include <retinue/backend/packet.hpp>       // packet
#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/candidate.hpp>            // candidate
#include <retinue/error.hpp>                // fail
#include <retinue/labels/any_labels.hpp>    // any_labels
#include <retinue/labels/given.hpp>         // given_labels
#include <retinue/labels/policy.hpp>        // label_policy

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <variant>
#include <vector>

namespace retinue {

/// The chosen rows of one image, best first, and what they are.
template <tensor_backend B>
struct selection {
  typename B::list rows;
  typename B::template table<candidate<float>> found;
};

namespace detail {

/// How many classes of objects the columns hold. Throws where they hold none.
template <label_policy Labels>
[[nodiscard]] std::size_t classes_in(const Labels& labels, std::size_t columns)
{
  if (columns < labels.columns(1))
    fail("the scores have ", columns, columns == 1 ? " column" : " columns", " a row, expected ",
         labels.columns(1), " or more: ", labels.what());
  return columns - labels.columns(0);
}

/// Scores that cannot be probabilities were not meant as such.
inline void check_given(float score)
{
  if (score > 1.001f)
    fail("a score is ", score,
         ", where a probability was expected: of logits, the detector is to be told how they are "
         "read, by softmax_labels or sigmoid_labels");
}

}  // namespace detail

/// Over any backend.
template <tensor_backend B, label_policy Labels>
class table_selector {
 public:
  /// `scores` and `quality` are of one image. Throws where the scores have no column of a class,
  /// and where labels are given and the best score is no probability.
  void operator()(B& b, const Labels& labels, const typename B::output& scores,
                  const typename B::output& quality, float floor, std::size_t most,
                  selection<B>& chosen)
  {
    const std::size_t classes = detail::classes_in(labels, scores.numbers());
    if constexpr (requires { Labels::takes_quality; })
      b.map_classes(scored{labels}, classes, all_, scores,
                    b.template as<number<float>>(quality, "quality"));
    else
      b.map_classes(scored{labels}, classes, all_, scores);
    const auto elements = b.elements(all_);
    b.best(elements, most, best_);
    b.map(above{floor}, marks_, b.gather(elements, best_));
    b.compact(marks_, enough_);
    b.gather(best_, enough_, best_);
    b.divide(best_, classes, chosen.rows, labels_);
    b.number_of(labels_, label_numbers_);
    b.map(paired{}, chosen.found, b.gather(elements, best_), label_numbers_);
    if constexpr (std::same_as<Labels, given_labels>) {
      b.most(value{}, best_row_, chosen.found);
      b.fetch(best_row_, best_score_);
      detail::check_given(best_score_[0].value);
    }
  }

 private:
  struct scored {
    Labels labels;
    template <class Row, class Out, class... Quality>
    void operator()(const Row& x, const Out& p, const Quality&... quality) const
    {
      const std::size_t classes = x.size() - labels.columns(0);
      for (std::size_t k = 0; k < classes; ++k) p.set(k, labels.score(x, k, quality.value...));
    }
  };
  struct above {
    float floor;
    template <class T>
    number<T> operator()(const number<T>& score) const
    {
      const T least = fill_like(score.value, floor);
      return {pick_less(least, score.value, fill_like(least, 1), fill_like(least, 0))};
    }
  };
  struct paired {
    template <class T>
    candidate<T> operator()(const number<T>& score, const number<T>& k) const
    {
      return {score.value, T(k.value + scalar_of_t<T>(1))};
    }
  };
  struct value {
    template <class T>
    T operator()(const candidate<T>& c) const
    {
      return c.score;
    }
  };

  typename B::score_table all_;
  typename B::list best_, enough_, labels_;
  typename B::template table<number<float>> marks_, label_numbers_;
  typename B::template table<best_row<float>> best_row_;
  std::vector<best_row<float>> best_score_;
};

/// In host memory; its buffers are reused.
template <label_policy Labels>
class host_selector {
 public:
  /// Scores (1, anchors, columns) and quality (1, anchors, 1) are of one image. Throws as that over
  /// any backend.
  template <in_host_memory B>
  void operator()(B&, const Labels& labels, const number_rows& scores, const number_rows& quality,
                  float floor, std::size_t most, selection<B>& chosen)
  {
    const std::size_t classes = detail::classes_in(labels, scores.numbers());
    const float bound = labels.least_logit(floor);
    rows_.clear(), labels_.clear(), scores_.clear();
    const auto look_at = [&](std::size_t row) {
      const number_row<float> x = scores(0, row);
      for (std::size_t k = 0; k < classes; ++k) {
        if (!(labels.logit(x, k) > bound)) continue;
        float score = 0;
        if constexpr (requires { Labels::takes_quality; })
          score = labels.score(x, k, quality(0, row)[0]);
        else
          score = labels.score(x, k);
        if (!(score > floor)) continue;
        rows_.push_back(static_cast<row_index>(row));
        labels_.push_back(static_cast<float>(k + 1));
        scores_.push_back(score);
      }
    };
    for (std::size_t row = 0; row < scores.shape().rows;) {
      const auto block = scores.find(0, row);
      scan(labels, block, scores.numbers(), classes, bound,
           [&](std::size_t ahead) { look_at(row + ahead); });
      row += block.shape.rows;
    }
    const auto order = order_(scores_, most);
    chosen.rows.resize(order.size());
    chosen.found.resize(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      chosen.rows[i] = rows_[order[i]];
      chosen.found.set(i, {scores_[order[i]], labels_[order[i]]});
    }
    if constexpr (std::same_as<Labels, given_labels>)
      if (!order.empty()) detail::check_given(scores_[order[0]]);
  }

 private:
  /// Calls look_at(row) for those rows of a block of which a logit is more than the bound.
  template <class LookAt>
  static void scan(const Labels& labels, const table_block<float>& block, std::size_t columns,
                   std::size_t classes, float bound, const LookAt& look_at)
  {
    using lanes = packet<float, 16>;
    constexpr std::size_t few = 8;
    if (columns > few && block.strides.number == 1) {  // along the columns
      for (std::size_t row = 0; row < block.shape.rows; ++row) {
        const number_row<float> x{block.at(0, row), columns, 1};
        lanes most = lanes::all(-std::numeric_limits<float>::infinity());
        std::size_t k = 0;
        for (; k + lanes::lanes <= classes; k += lanes::lanes) {
          lanes next;
          for (std::size_t i = 0; i < lanes::lanes; ++i) next[i] = labels.logit(x, k + i);
          most = maximum(most, next);
        }
        bool any = most.largest() > bound;
        for (; k < classes; ++k) any |= labels.logit(x, k) > bound;
        if (any) look_at(row);
      }
      return;
    }
    // Many rows at once.
    std::size_t row = 0;
    for (; row + lanes::lanes <= block.shape.rows; row += lanes::lanes) {
      const detail::packet_row<lanes> x{block.at(0, row), columns, block.strides, lanes::lanes};
      lanes hit = lanes::all(0);
      for (std::size_t k = 0; k < classes; ++k)
        hit = where_less(lanes::all(bound), lanes(labels.logit(x, k)), lanes::all(1), hit);
      if (hit.largest() == 0) continue;
      for (std::size_t k = 0; k < lanes::lanes; ++k)
        if (hit[k] > 0) look_at(row + k);
    }
    for (; row < block.shape.rows; ++row) look_at(row);
  }

  std::vector<row_index> rows_;
  std::vector<float> labels_, scores_;
  score_order order_;
};

/// The one for a backend.
template <tensor_backend B, label_policy Labels>
struct selector : table_selector<B, Labels> {};
template <in_host_memory B, label_policy Labels>
struct selector<B, Labels> : host_selector<Labels> {};

/// Each policy has a selector of its own, so that no row is asked which one it is.
template <tensor_backend B>
struct selector<B, any_labels> {
  void operator()(B& b, const any_labels& labels, const typename B::output& scores,
                  const typename B::output& quality, float floor, std::size_t most,
                  selection<B>& chosen)
  {
    std::visit(
        [&]<class Labels>(const Labels& policy) {
          std::get<selector<B, Labels>>(each_)(b, policy, scores, quality, floor, most, chosen);
        },
        labels.policy);
  }

 private:
  template <class Variant>
  struct for_each_of;
  template <class... Labels>
  struct for_each_of<std::variant<Labels...>> {
    using type = std::tuple<selector<B, Labels>...>;
  };
  typename for_each_of<decltype(any_labels::policy)>::type each_;
};

}  // namespace retinue
