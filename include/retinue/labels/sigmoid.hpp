// SPDX-License-Identifier: Apache-2.0
// A logit for each class of objects and none for the background: RetinaNet, FCOS, GFL, YOLO.
//
//   score(k)   sigmoid(x_k)
//   cost       sum_k Cost(x_k, t_k)     t_k = quality for the label, 0 for all others
//
// Cost is binary_cross_entropy, sigmoid_focal, quality_focal, or one of yours. Its slope is its
// own, or carried along by `dual`, in host memory for a packet of rows at a time.
#pragma once

#include <retinue/backend/lane.hpp>    // lane
#include <retinue/backend/packet.hpp>  // packet
#include <retinue/compiler.hpp>        // RETINUE_HD
#include <retinue/formulas/dual.hpp>   // dual
#include <retinue/formulas/focal.hpp>  // binary_cost, cost_with_slope
#include <retinue/labels/softmax.hpp>  // number_in, logit_below

#include <cstddef>
#include <span>
#include <string_view>

namespace retinue {

/// A logit for each class on its own, without a background.
template <class Cost = sigmoid_focal>
struct sigmoid_labels {
  static_assert(detail::expect_binary_cost<Cost, dual<packet<float>, 1>>());

  static constexpr std::string_view kind = "sigmoid";  ///< in a configuration

  Cost each{};

  [[nodiscard]] static constexpr std::string_view what()
  {
    return "a sigmoid for each class, no background";
  }
  [[nodiscard]] RETINUE_HD static constexpr std::size_t columns(std::size_t classes)
  {
    return classes;
  }

  template <class Row>
  [[nodiscard]] RETINUE_HD auto score(const Row& x, std::size_t k) const
  {
    return sigmoid(detail::number_in<Row>(x[k]));
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD auto logit(const Row& x, std::size_t k) const
  {
    return detail::number_in<Row>(x[k]);
  }
  [[nodiscard]] float least_logit(float floor) const { return detail::logit_below(floor); }

  /// Of one class its logit; of more, the sum of their binary cross-entropies.
  template <class Row>
  [[nodiscard]] RETINUE_HD auto wrong(const Row& x) const
  {
    using T = detail::number_in<Row>;
    if (x.size() == 1) return T(x[0]);
    T sum = softplus(T(x[0]));
    for (std::size_t c = 1; c < x.size(); ++c) sum = sum + softplus(T(x[c]));
    return sum;
  }
  template <class Row, class T>
  [[nodiscard]] RETINUE_HD T cost(const Row& x, const T& label, const T& quality) const
  {
    const T none = fill_like(label, 0);
    T sum = none;
    for (std::size_t c = 0; c < x.size(); ++c) {
      const T called = fill_like(label, static_cast<scalar_of_t<T>>(c + 1));
      sum = sum + each(T(x[c]), detail::pick_equal(label, called, quality, none));
    }
    return sum;
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD float with_slope(const Row& x, std::span<float> slopes, float label,
                                            float quality) const
  {
    const auto called = static_cast<std::size_t>(label);
    float sum = 0;
    for (std::size_t c = 0; c < x.size(); ++c) {
      lane slope{};
      sum +=
          detail::cost_with_slope(each, lane{x[c]}, lane{called == c + 1 ? quality : 0.0f}, slope)
              .value;
      slopes[c] = slope.value;
    }
    return sum;
  }
  /// The same of a packet of rows.
  template <class Row, class T>
  [[nodiscard]] T with_slopes(const Row& x, std::span<T> slopes, const T& label,
                              const T& quality) const
  {
    const T none = fill_like(label, 0);
    T sum = none;
    for (std::size_t c = 0; c < x.size(); ++c) {
      const T called = fill_like(label, static_cast<scalar_of_t<T>>(c + 1));
      const T want = detail::pick_equal(label, called, quality, none);
      sum = sum + detail::cost_with_slope(each, T(x[c]), want, slopes[c]);
    }
    return sum;
  }
};

}  // namespace retinue
