// SPDX-License-Identifier: Apache-2.0
// Class scores of which it is known only at run time how they are learnt. Which policy it is is
// asked once a row, a packet of rows, or a whole batch.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/any_losses.hpp>  // any_binary_cost
#include <retinue/formulas/choice.hpp>      // ask
#include <retinue/labels/any_labels.hpp>    // one_of_labels
#include <retinue/labels/policy.hpp>        // learnable_labels
#include <retinue/labels/sigmoid.hpp>       // sigmoid_labels
#include <retinue/labels/softmax.hpp>       // softmax_labels, number_in
#include <retinue/labels/weighted.hpp>      // weighted_softmax_labels

#include <cstddef>
#include <span>
#include <variant>

namespace retinue {

/// One of these label policies, from which is learnt.
template <class... Policies>
struct one_of_learnable_labels : one_of_labels<Policies...> {
  template <class Row>
  [[nodiscard]] RETINUE_HD auto wrong(const Row& x) const
  {
    return detail::ask(this->policy,
                       [&](const auto& p) { return detail::number_in<Row>(p.wrong(x)); });
  }
  template <class Row, class T>
  [[nodiscard]] RETINUE_HD T cost(const Row& x, const T& label, const T& quality) const
  {
    return detail::ask(this->policy, [&](const auto& p) { return T(p.cost(x, label, quality)); });
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD float with_slope(const Row& x, std::span<float> slopes, float label,
                                            float quality) const
  {
    return detail::ask(this->policy,
                       [&](const auto& p) { return p.with_slope(x, slopes, label, quality); });
  }
};

/// Those of them that are plain data, as a program over a team takes: no class has a weight.
using any_plain_labels = one_of_learnable_labels<softmax_labels, sigmoid_labels<any_binary_cost>>;

/// Softmax with a background, classes weighted or not; or a sigmoid for each class, by any cost.
struct any_learnable_labels
    : one_of_learnable_labels<weighted_softmax_labels, sigmoid_labels<any_binary_cost>> {
  /// Throws where a loss of so many classes of objects needs others.
  void check(std::size_t classes) const
  {
    if (const auto* const softmax = std::get_if<weighted_softmax_labels>(&policy))
      softmax->check(classes);
  }
  /// Whether any class counts for more than others.
  [[nodiscard]] bool weighted() const
  {
    const auto* const softmax = std::get_if<weighted_softmax_labels>(&policy);
    return softmax && softmax->weighted();
  }
  /// The same as plain data, for programs. Throws where classes are weighted.
  [[nodiscard]] any_plain_labels plain() const
  {
    if (weighted()) fail("labels of weighted classes are asked for as plain data");
    if (const auto* const sigmoids = std::get_if<sigmoid_labels<any_binary_cost>>(&policy))
      return {{*sigmoids}};
    return {{std::get<weighted_softmax_labels>(policy)}};
  }
};
static_assert(learnable_labels<any_learnable_labels>);

}  // namespace retinue
