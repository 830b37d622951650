// SPDX-License-Identifier: Apache-2.0
// Probabilities as they stand, of a network that ends with its own softmax or sigmoid: most
// runtimes give these. Nothing is learnt from them.
#pragma once

#include <retinue/compiler.hpp>        // RETINUE_HD
#include <retinue/labels/policy.hpp>   // label_policy
#include <retinue/labels/softmax.hpp>  // number_in

#include <cstddef>
#include <string_view>

namespace retinue {

/// Probabilities as the network gives them.
struct given_labels {
  static constexpr std::string_view kind = "given";  ///< in a configuration

  bool background = true;  ///< whether column 0 is the background's

  [[nodiscard]] std::string_view what() const
  {
    return background ? "probabilities, the background in column 0"
                      : "a probability for each class, no background";
  }
  [[nodiscard]] RETINUE_HD std::size_t columns(std::size_t classes) const
  {
    return classes + background;
  }

  template <class Row>
  [[nodiscard]] RETINUE_HD auto score(const Row& x, std::size_t k) const
  {
    return detail::number_in<Row>(x[k + background]);
  }
  template <class Row>
  [[nodiscard]] RETINUE_HD auto logit(const Row& x, std::size_t k) const
  {
    return score(x, k);
  }
  [[nodiscard]] RETINUE_HD static float least_logit(float floor) { return floor; }
};
static_assert(label_policy<given_labels>);

}  // namespace retinue
