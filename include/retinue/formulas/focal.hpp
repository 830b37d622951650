// SPDX-License-Identifier: Apache-2.0
// The sigmoid focal loss of Lin 2017, eq. 5: cross-entropy that hardly counts what is easy, so that
// all anchors can be learned from and no negative need be chosen.
//
//   p = sigmoid(x)
//   object       -alpha (1 - p)^gamma ln p
//   background   -(1 - alpha) p^gamma ln(1 - p)
//
// The quality focal loss of Li 2020 (GFL, eq. 5), where the answer is not yes or no, but how well
// the box fits, t from 0 to 1; binary cross-entropy is its beta = 0:
//
//   |t - p|^beta (-t ln p - (1 - t) ln(1 - p))
//
// x is one logit of one class; T is a number, a packet or a column.
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>     // scalar_of_t
#include <retinue/formulas/cross_entropy.hpp>  // softplus, sigmoid

#include <concepts>

namespace retinue {

/// A cost of one logit x, given what its sigmoid should be: write one template of any coordinate.
template <class C, class T = float>
concept binary_cost = requires(const C& cost, const T& x) {
  { cost(x, x) } -> std::same_as<T>;
};

/// -t ln p - (1 - t) ln(1 - p)
struct binary_cross_entropy {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    return T(softplus(x) - x * t);
  }
};

/// |t - p|^beta times the binary cross-entropy (Li 2020, GFL), where t is a quality from 0 to 1.
struct quality_focal {
  double beta = 2;  ///< >= 0; 2 is the paper's

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    using detail::abs, detail::exp, detail::log;
    using S = scalar_of_t<T>;
    const T wrong = abs(T(t - sigmoid(x))), entropy = binary_cross_entropy{}(x, t);
    if (beta == 2) return T(wrong * wrong * entropy);
    const T faded = log(T(wrong + S(1e-12))) * S(beta);
    return T(exp(faded) * entropy);
  }
};

/// -alpha (1 - q)^gamma ln q, where q is the probability of the right answer (Lin 2017, eq. 5).
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

  /// t is 1 for an object, and 0 for background; what lies between is mixed of both.
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    const T other = fill_like(t, 1) - t;
    return T(value(x, true) * t + value(x, false) * other);
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
