// SPDX-License-Identifier: Apache-2.0
// Class scores of which it is known only at run time how they are learnt. Which policy it is is
// asked once a row, a packet of rows, or a whole batch.
#pragma once

#include <retinue/formulas/any_losses.hpp>  // any_binary_cost
#include <retinue/labels/any_labels.hpp>    // one_of_labels
#include <retinue/labels/policy.hpp>        // learnable_labels
#include <retinue/labels/sigmoid.hpp>       // sigmoid_labels
#include <retinue/labels/softmax.hpp>       // number_in
#include <retinue/labels/weighted.hpp>      // weighted_softmax_labels

#include <cstddef>
#include <span>
#include <variant>

namespace retinue {

/// Softmax with a background, classes weighted or not; or a sigmoid for each class, by any cost.
struct any_learnable_labels
    : one_of_labels<weighted_softmax_labels, sigmoid_labels<any_binary_cost>> {
  /// Throws where a loss of so many classes of objects needs others.
  void check(std::size_t classes) const
  {
    if (const auto* const softmax = std::get_if<weighted_softmax_labels>(&policy))
      softmax->check(classes);
  }
  template <class Row>
  [[nodiscard]] auto wrong(const Row& x) const
  {
    return std::visit([&](const auto& p) { return detail::number_in<Row>(p.wrong(x)); }, policy);
  }
  template <class Row, class T>
  [[nodiscard]] T cost(const Row& x, const T& label, const T& quality) const
  {
    return std::visit([&](const auto& p) { return T(p.cost(x, label, quality)); }, policy);
  }
  template <class Row>
  [[nodiscard]] float with_slope(const Row& x, std::span<float> slopes, float label,
                                 float quality) const
  {
    return std::visit([&](const auto& p) { return p.with_slope(x, slopes, label, quality); },
                      policy);
  }
};
static_assert(learnable_labels<any_learnable_labels>);

}  // namespace retinue
