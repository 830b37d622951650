// SPDX-License-Identifier: Apache-2.0
// Logits with a background in column 0, of which the softmax is taken: SSD, RetinaFace, Faster
// R-CNN.
//
//   score(k)   exp(x_k+1) / sum_c exp(x_c)
//   logit(k)   x_k+1 - x_0; a score above p implies a logit above ln(p / (1 - p))
//   wrong      ln sum_{c >= 1} exp(x_c) - x_0: its softplus is the loss of background, but it does
//              not round to 0 where the network is sure, and of two classes it needs no exp at all
//   cost       softmax cross-entropy
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

struct softmax_labels {
  static constexpr std::string_view kind = "softmax";  ///< in a configuration

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
    if (x.size() == 2) {  // the other's logit less that of the label
      const T turn = fill_like(label, 1) - label * scalar_of_t<T>(2);
      return softplus(T((x[1] - x[0]) * turn));
    }
    T called = x[0];
    for (std::size_t c = 1; c < x.size(); ++c)
      called = detail::pick_equal(label, fill_like(label, static_cast<scalar_of_t<T>>(c)), T(x[c]),
                                  called);
    return T(log_sum_exp(x) - called);
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD float with_slope(const Row& x, std::span<float> slopes, float label,
                                            float) const
  {
    return softmax_cross_entropy(x, static_cast<std::size_t>(label), slopes);
  }
};

}  // namespace retinue
