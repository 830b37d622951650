// SPDX-License-Identifier: Apache-2.0
// Softmax labels of which some count for more than others: rare classes, or the background.
//
//   cost    sum_c w_c t_c (ln sum_k exp(x_k) - x_c)     t_c = s / columns, and 1 - s more for the
//                                                       label; s is the smoothing
//
// As PyTorch's cross_entropy has weights and smoothing together. The divisor of a loss is the
// number of positives all the same, whatever these weigh.
#pragma once

#include <retinue/error.hpp>                   // fail
#include <retinue/formulas/cross_entropy.hpp>  // softmax_cross_entropy
#include <retinue/labels/softmax.hpp>          // softmax_labels

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Read as softmax_labels are, and learnt by a weight for each column. Copies share the weights.
class weighted_softmax_labels : public softmax_labels {
 public:
  weighted_softmax_labels() = default;
  /// A weight for each column, the background first; none: all count as 1. Throws where one is
  /// below 0.
  explicit weighted_softmax_labels(std::vector<double> weights, double smoothing_of = 0)
      : softmax_labels{smoothing_of}
  {
    for (const double w : weights)
      if (!(w >= 0)) fail("the weight of a class is ", w, ", expected 0 or more");
    if (!weights.empty())
      weights_ = std::make_shared<const std::vector<double>>(std::move(weights));
  }

  /// Whether classes have weights.
  [[nodiscard]] bool weighted() const { return weights_ != nullptr; }
  /// Throws where a loss of so many classes of objects needs other weights.
  void check(std::size_t classes) const
  {
    if (weights_ && weights_->size() != columns(classes))
      fail("there are ", weights_->size(), " weights of classes, expected ", columns(classes),
           ": one for the background and one for each of ", classes);
  }

  template <class Row, class T>
  [[nodiscard]] T cost(const Row& x, const T& label, const T& quality) const
  {
    if (!weights_) return softmax_labels::cost(x, label, quality);
    using S = scalar_of_t<T>;
    const auto& w = *weights_;
    T called = x[0], weight = fill_like(label, S(w[0]));
    for (std::size_t c = 1; c < x.size(); ++c) {
      const T column = fill_like(label, S(static_cast<double>(c)));
      called = detail::pick_equal(label, column, T(x[c]), called);
      weight = detail::pick_equal(label, column, fill_like(label, S(w[c])), weight);
    }
    const T all = log_sum_exp(x);
    T sum = (all - called) * weight * S(1 - smoothing);
    const double share = smoothing / static_cast<double>(x.size());
    if (share > 0)
      for (std::size_t c = 0; c < x.size(); ++c) sum = sum + (all - x[c]) * S(share * w[c]);
    return sum;
  }
  template <class Row>
  [[nodiscard]] float with_slope(const Row& x, std::span<float> slopes, float label,
                                 float quality) const
  {
    if (!weights_) return softmax_labels::with_slope(x, slopes, label, quality);
    const auto& w = *weights_;
    const auto called = static_cast<std::size_t>(label);
    const double own = (1 - smoothing) * w[called],
                 share = smoothing / static_cast<double>(x.size());
    double all = own;
    for (std::size_t c = 0; c < x.size(); ++c) all += share * w[c];
    static_cast<void>(softmax_cross_entropy(x, called, slopes));
    slopes[called] += 1;  // what softmax says
    for (std::size_t c = 0; c < x.size(); ++c)
      slopes[c] = static_cast<float>(all * static_cast<double>(slopes[c]) - share * w[c] -
                                     (c == called ? own : 0));
    return cost(x, label, quality);
  }

 private:
  std::shared_ptr<const std::vector<double>> weights_;
};

}  // namespace retinue
