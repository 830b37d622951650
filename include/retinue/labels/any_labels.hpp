// SPDX-License-Identifier: Apache-2.0
// Class scores of which it is known only at run time how they are read. `selector` asks once for
// all rows which policy it is.
#pragma once

#include <retinue/compiler.hpp>         // RETINUE_HD
#include <retinue/formulas/choice.hpp>  // ask
#include <retinue/labels/given.hpp>     // given_labels
#include <retinue/labels/policy.hpp>    // label_policy
#include <retinue/labels/quality.hpp>   // times_quality
#include <retinue/labels/sigmoid.hpp>   // sigmoid_labels
#include <retinue/labels/softmax.hpp>   // softmax_labels, number_in

#include <cstddef>
#include <string_view>
#include <variant>

namespace retinue {

/// One of these label policies; its members ask the one that it holds.
template <class... Policies>
struct one_of_labels {
  std::variant<Policies...> policy;

  [[nodiscard]] std::string_view what() const
  {
    return detail::ask(policy, [](const auto& p) { return p.what(); });
  }
  [[nodiscard]] RETINUE_HD std::size_t columns(std::size_t classes) const
  {
    return detail::ask(policy, [&](const auto& p) { return p.columns(classes); });
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD auto score(const Row& x, std::size_t k) const
  {
    return detail::ask(policy,
                       [&](const auto& p) { return detail::number_in<Row>(p.score(x, k)); });
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD auto logit(const Row& x, std::size_t k) const
  {
    return detail::ask(policy,
                       [&](const auto& p) { return detail::number_in<Row>(p.logit(x, k)); });
  }
  [[nodiscard]] float least_logit(float floor) const
  {
    return detail::ask(policy, [&](const auto& p) { return p.least_logit(floor); });
  }
  /// Calls f with the policy that it holds.
  template <class F>
  void visit(const F& f) const
  {
    detail::ask(policy, f);
  }
};

/// One of those that scores are read by.
struct any_labels : one_of_labels<softmax_labels, sigmoid_labels<>, given_labels, times_quality<>> {
  [[nodiscard]] bool reads_quality() const
  {
    return detail::ask(policy, [](const auto& p) { return detail::reads_quality(p); });
  }
};

}  // namespace retinue
