// SPDX-License-Identifier: Apache-2.0
// What one row of a network's outputs costs, and how that changes with its numbers: the formulas of
// the terms of losses/multibox.hpp, for whoever sums them.
#pragma once

#include <retinue/compiler.hpp>                      // RETINUE_HD
#include <retinue/formulas/coders.hpp>               // coder
#include <retinue/formulas/coordinate.hpp>           // fill_like
#include <retinue/formulas/distribution_focal.hpp>   // coded_box_loss
#include <retinue/formulas/dual.hpp>                 // dual
#include <retinue/formulas/focal.hpp>                // binary_cross_entropy
#include <retinue/formulas/keypoint_similarity.hpp>  // points_loss
#include <retinue/formulas/overlap_losses.hpp>       // overlap_loss
#include <retinue/formulas/residual.hpp>             // residual_loss
#include <retinue/labels/policy.hpp>                 // learns_packets
#include <retinue/losses/truths.hpp>                 // truth_bounds, truth_points

#include <cstddef>
#include <span>

namespace retinue {

/// What a box may cost: by its code, number by number, by how it lies on its truth, or by both.
/// Decoded boxes are fractions of the image's sides: diou_loss and ciou_loss take it for a square.
template <class L, class Coder>
concept box_loss = residual_loss<L> || overlap_loss<L> || coded_box_loss<L, Coder>;

/// And landmarks: by their code, number by number, or all of an object together where they lie.
template <class L, class Schema>
concept landmark_loss = residual_loss<L> || points_loss<L, Schema>;

namespace detail {
/// Who takes a loss of boxes ends a mistake in this sentence,
template <class L, class Coder>
[[nodiscard]] consteval bool expect_box_loss()
{
  static_assert(
      residual_loss<L> || coded_box_loss<L, Coder> ||
          overlap_loss<L, dual<float, box_code_t<Coder>::width>>,
      "a loss of boxes must be a template over the coordinate T, for its slopes are found "
      "by dual numbers: write T operator()(const box<T>& predicted, const box<T>& truth) const");
  return true;
}
/// and of landmarks in this one.
template <class L, class Schema>
[[nodiscard]] consteval bool expect_landmark_loss()
{
  static_assert(landmark_loss<L, Schema>,
                "a loss of landmarks must have value(d) and slope(d) of a residual d, or be "
                "callable with (said, truth, visible, area), templates over T: see "
                "retinue/formulas/residual.hpp and retinue/formulas/keypoint_similarity.hpp");
  return true;
}
}  // namespace detail

/// What a row should say: its label, 0 for background; with which score; and how much it counts.
template <class T>
struct wanted {
  using value_type = T;
  template <class U>
  using rebind = wanted<U>;
  static constexpr std::size_t width = 3;

  T label, quality, weight;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? label : i == 1 ? quality : weight;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? label : i == 1 ? quality : weight;
  }
};
static_assert(record<wanted<float>>);

namespace detail {

/// By its code, by how it lies on its truth, or by both.
template <class Coder, class Loss>
struct box_cost {
  Coder coder;
  Loss loss;

  template <class Code, class T>
  RETINUE_HD T operator()(const Code& said, const truth_bounds<T>& truth,
                          const centre_box<T>& anchor, const wanted<T>& want) const
  {
    if constexpr (residual_loss<Loss>) {
      const auto target = coder.encode(truth.bounds, anchor);
      T sum = fill_like(want.weight, 0);
      for (std::size_t c = 0; c < Code::width; ++c) sum = sum + loss.value(T(said[c] - target[c]));
      return T(sum * want.weight);
    } else if constexpr (requires { loss.of_code(coder, said, truth.bounds, anchor); }) {
      return T(loss.of_code(coder, said, truth.bounds, anchor) * want.weight);
    } else {
      return T(loss(coder.decode(said, anchor), truth.bounds) * want.weight);
    }
  }

  template <class Code>
    requires residual_loss<Loss>
  RETINUE_HD double with_slope(const Code& said, std::span<float> slope,
                               const truth_bounds<float>& truth, const centre_box<float>& anchor,
                               const wanted<float>& want) const
  {
    const auto target = coder.encode(truth.bounds, anchor);
    double sum = 0;
    for (std::size_t c = 0; c < Code::width; ++c) {
      const float d = said[c] - target[c];
      sum += static_cast<double>(loss.value(d) * want.weight);
      slope[c] = loss.slope(d) * want.weight;
    }
    return sum;
  }
};

template <class Coder, class Loss>
struct landmark_cost {
  Coder coder;
  Loss loss;

  template <class Code, class T, class Schema>
  RETINUE_HD T operator()(const Code& said, const truth_points<T, Schema>& truth,
                          const truth_bounds<T>& bounds, const centre_box<T>& anchor,
                          const wanted<T>& want) const
  {
    if constexpr (!residual_loss<Loss>) {
      const T cost =
          loss(coder.decode(said, anchor), truth.points, truth.visible, area(bounds.bounds));
      return T(cost * want.weight);
    } else {
      const auto target = coder.encode(truth.points, anchor);
      T sum = fill_like(want.weight, 0);
      for (std::size_t c = 0; c < Code::width; ++c)
        sum = sum + pick_less(fill_like(sum, 0), truth.visible[c / Schema::dimension],
                              loss.value(T(said[c] - target[c])), fill_like(sum, 0));
      return T(sum * want.weight);
    }
  }
  template <class Code, class Schema>
    requires residual_loss<Loss>
  RETINUE_HD double with_slope(const Code& said, std::span<float> slope,
                               const truth_points<float, Schema>& truth, const truth_bounds<float>&,
                               const centre_box<float>& anchor, const wanted<float>& want) const
  {
    const auto target = coder.encode(truth.points, anchor);
    double sum = 0;
    for (std::size_t c = 0; c < Code::width; ++c) {
      if (!(truth.visible[c / Schema::dimension] > 0)) continue;
      const float d = said[c] - target[c];
      sum += static_cast<double>(loss.value(d) * want.weight);
      slope[c] = loss.slope(d) * want.weight;
    }
    return sum;
  }
};

template <class Labels>
struct label_cost {
  Labels labels;

  template <class Row, class T>
  RETINUE_HD T operator()(const Row& x, const wanted<T>& want) const
  {
    return T(labels.cost(x, want.label, want.quality) * want.weight);
  }
  template <class Row>
  RETINUE_HD double with_slope(const Row& x, std::span<float> slope,
                               const wanted<float>& want) const
  {
    const float cost = labels.with_slope(x, slope, want.label, want.quality);
    for (float& s : slope) s *= want.weight;
    return static_cast<double>(cost * want.weight);
  }
  template <class Row, class T>
    requires learns_packets<Labels, Row, T>
  T with_slopes(const Row& x, std::span<T> slopes, const wanted<T>& want) const
  {
    const T cost = labels.with_slopes(x, slopes, want.label, want.quality);
    for (T& s : slopes) s = s * want.weight;
    return T(cost * want.weight);
  }
};

/// What a positive should say, with the quality that a policy gives it.
template <class Coder, class Quality, bool OfPart>
struct rated_of {
  Coder coder;
  Quality quality;

  template <class Code, class T>
  RETINUE_HD wanted<T> operator()(const Code& code, const truth_bounds<T>& truth,
                                  const centre_box<T>& anchor, wanted<T> want) const
  {
    const box<T> said = coder.decode(code, anchor);
    want.quality = OfPart ? quality.of_part(said, truth.bounds, anchor, want.quality)
                          : quality.of_score(said, truth.bounds, anchor, want.quality);
    return want;
  }
};

/// What a positive should say, with the weight that its box has: its quality, or its best score.
template <class Labels>
struct weigh_box {
  Labels labels;
  bool by_score;

  template <class Row, class T>
  RETINUE_HD wanted<T> operator()(const Row& x, wanted<T> want) const
  {
    T by = want.quality;
    if (by_score) {
      by = labels.score(x, 0);
      for (std::size_t k = 1; k < x.size() - labels.columns(0); ++k)
        by = maximum_of(by, T(labels.score(x, k)));
    }
    want.weight = want.weight * held(by);
    return want;
  }
};
struct weight_of {
  template <class T>
  RETINUE_HD T operator()(const wanted<T>& want) const
  {
    return want.weight;
  }
};

/// Of the part beside the scores: it should be the quality of a positive, and 0 of others.
struct quality_cost {
  template <class Row, class T>
  RETINUE_HD T operator()(const Row& x, const wanted<T>& want) const
  {
    return T(binary_cross_entropy{}(T(x[0]), want.quality) * want.weight);
  }
  template <class Row>
  RETINUE_HD double with_slope(const Row& x, std::span<float> slope,
                               const wanted<float>& want) const
  {
    slope[0] = (sigmoid(x[0]) - want.quality) * want.weight;
    return static_cast<double>((*this)(x, want));
  }
  template <class Row, class T>
  T with_slopes(const Row& x, std::span<T> slopes, const wanted<T>& want) const
  {
    slopes[0] = (sigmoid(T(x[0])) - want.quality) * want.weight;
    return (*this)(x, want);
  }
};

struct any_visible {
  template <class T, class Schema>
  RETINUE_HD number<T> operator()(const truth_points<T, Schema>& truth) const
  {
    T any = truth.visible[0];
    for (std::size_t k = 1; k < Schema::count; ++k) any = maximum_of(any, truth.visible[k]);
    return {any};
  }
};

}  // namespace detail

}  // namespace retinue
