// SPDX-License-Identifier: Apache-2.0
// The sigmoid focal loss of Lin 2017, eq. 5: cross-entropy that hardly counts what is easy, so that
// all anchors can be learned from and no negative need be chosen.
//
//   p = sigmoid(x)
//   object       -alpha (1 - p)^gamma ln p
//   background   -(1 - alpha) p^gamma ln(1 - p)
//
// x is one logit of one class; T is a number, a packet or a column.
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>     // scalar_of_t
#include <retinue/formulas/cross_entropy.hpp>  // softplus, sigmoid

namespace retinue {

struct sigmoid_focal {
  double alpha = 0.25;  ///< the weight of objects; 0 to 1
  double gamma = 2;     ///< how fast the easy ones fade; >= 0, and 0 is cross-entropy

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& x, bool object) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    // z is the logit of the right answer q = sigmoid(z): -ln q = softplus(-z), and
    // (1 - q)^gamma = exp(-gamma softplus(z)).
    const T z = x * S(object ? 1 : -1), minus = z * S(-1);
    const T faded = softplus(z) * S(-gamma);
    return T(exp(faded) * softplus(minus) * S(object ? alpha : 1 - alpha));
  }

  template <class T>
  [[nodiscard]] RETINUE_HD T slope(const T& x, bool object) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    const S sign = S(object ? 1 : -1);
    const T z = x * sign, minus = z * S(-1);
    const T faded = softplus(z) * S(-gamma);
    const T missed = sigmoid(z) * softplus(minus) * S(gamma) + sigmoid(minus);
    return T(exp(faded) * missed * S(-sign * S(object ? alpha : 1 - alpha)));
  }
};

}  // namespace retinue
