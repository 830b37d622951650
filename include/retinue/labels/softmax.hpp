// SPDX-License-Identifier: Apache-2.0
// Logits with a background in column 0, of which the softmax is taken: SSD, RetinaFace, Faster
// R-CNN.
//
//   score(k)   exp(x_k+1) / sum_c exp(x_c)
//   logit(k)   x_k+1 - x_0; a score above p implies a logit above ln(p / (1 - p))
//   wrong      ln sum_{c >= 1} exp(x_c) - x_0: its softplus is the loss of background, but it does
//              not round to 0 where the network is sure, and of two classes it needs no exp at all
//   cost       softmax cross-entropy; where `smoothing` s is not 0, of a target that is 1 - s for
//              the label and s shared among all columns:  + s (x_label - mean of x)
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/formulas/cross_entropy.hpp>  // softmax_cross_entropy
#include <retinue/labels/policy.hpp>           // learnable_labels

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

namespace retinue {

namespace detail {

template <class Row>
using number_in = std::remove_cvref_t<decltype(std::declval<const Row&>()[0])>;

/// `then` where a == b, row by row.
template <class T>
[[nodiscard]] RETINUE_HD T pick_equal(const T& a, const T& b, const T& then, const T& otherwise)
{
  return pick_less(a, b, otherwise, pick_less(b, a, otherwise, then));
}

/// A logit so small that no smaller one has a sigmoid of more than `probability`, however it is
/// rounded.
[[nodiscard]] inline float logit_below(float probability)
{
  if (!(probability > 0)) return -std::numeric_limits<float>::infinity();
  if (!(probability < 1)) return std::numeric_limits<float>::infinity();
  const auto p = static_cast<double>(probability);
  const double rounding = 1e-6 / (p * (1 - p));
  return static_cast<float>(std::log(p / (1 - p)) - rounding - 1e-4);
}

}  // namespace detail

/// A logit for each class and for the background, in column 0; probabilities by softmax.
struct softmax_labels {
  static constexpr std::string_view kind = "softmax";  ///< in a configuration

  double smoothing = 0;  ///< 0 to 1, and 0.1 in Szegedy 2016: how far the network may stay unsure

  [[nodiscard]] static constexpr std::string_view what()
  {
    return "softmax, the background in column 0";
  }
  [[nodiscard]] RETINUE_HD static constexpr std::size_t columns(std::size_t classes)
  {
    return classes + 1;
  }

  template <class Row>
  [[nodiscard]] RETINUE_HD auto score(const Row& x, std::size_t k) const
  {
    using detail::exp;
    using T = detail::number_in<Row>;
    if (x.size() == 2) return sigmoid(T(x[1] - x[0]));
    return T(exp(T(x[k + 1] - log_sum_exp(x))));
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD auto logit(const Row& x, std::size_t k) const
  {
    return detail::number_in<Row>(x[k + 1] - x[0]);
  }
  [[nodiscard]] float least_logit(float floor) const { return detail::logit_below(floor); }

  template <class Row>
  [[nodiscard]] RETINUE_HD auto wrong(const Row& x) const
  {
    using T = detail::number_in<Row>;
    return x.size() == 2 ? T(x[1] - x[0]) : T(log_sum_exp(x, 1) - x[0]);
  }
  template <class Row, class T>
  [[nodiscard]] RETINUE_HD T cost(const Row& x, const T& label, const T&) const
  {
    using S = scalar_of_t<T>;
    if (x.size() == 2) {  // the other's logit less that of the label
      const T turn = fill_like(label, 1) - label * S(2);
      const T over = (x[1] - x[0]) * turn;
      return smoothing > 0 ? T(softplus(over) - over * S(smoothing / 2)) : softplus(over);
    }
    T called = x[0];
    for (std::size_t c = 1; c < x.size(); ++c)
      called = detail::pick_equal(label, fill_like(label, static_cast<S>(c)), T(x[c]), called);
    const T cost = log_sum_exp(x) - called;
    return smoothing > 0 ? T(cost + (called - mean_of(x)) * S(smoothing)) : cost;
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD float with_slope(const Row& x, std::span<float> slopes, float label,
                                            float) const
  {
    const auto called = static_cast<std::size_t>(label);
    const float cost = softmax_cross_entropy(x, called, slopes);
    if (!(smoothing > 0)) return cost;
    const auto s = static_cast<float>(smoothing);
    for (float& slope : slopes) slope -= s / static_cast<float>(slopes.size());
    slopes[called] += s;
    return cost + s * (x[called] - mean_of(x));
  }

 private:
  template <class Row>
  [[nodiscard]] RETINUE_HD static auto mean_of(const Row& x)
  {
    using T = detail::number_in<Row>;
    T sum = x[0];
    for (std::size_t c = 1; c < x.size(); ++c) sum = sum + x[c];
    return T(sum / scalar_of_t<T>(static_cast<double>(x.size())));
  }
};

}  // namespace retinue
