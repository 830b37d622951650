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
// The varifocal loss of Zhang 2021 (VarifocalNet, eq. 2), in which objects count by their quality:
//
//   object       t (-t ln p - (1 - t) ln(1 - p))         t > 0
//   background   -alpha p^gamma ln(1 - p)                t = 0
//
// The focal loss of a map on which objects are bumps (Law 2018, CornerNet, eq. 1), t being 1 at
// their tops alone:
//
//   top          -(1 - p)^alpha ln p                     t = 1
//   elsewhere    -(1 - t)^gamma p^alpha ln(1 - p)        t < 1
//
// x is one logit of one class; T is a number, a packet or a column.
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>     // scalar_of_t
#include <retinue/formulas/cross_entropy.hpp>  // softplus, sigmoid
#include <retinue/formulas/dual.hpp>           // dual

#include <concepts>
#include <string_view>

namespace retinue {

/// A cost of one logit x, given what its sigmoid should be: write one template of any coordinate.
/// Its slope is carried along by dual numbers, unless it has with_slope(x, t, slope) as
/// sigmoid_focal has.
template <class C, class T = float>
concept binary_cost = requires(const C& cost, const T& x) {
  { cost(x, x) } -> std::same_as<T>;
};

namespace detail {
/// Who takes a cost of logits ends a mistake in this sentence. T is what slopes are found by.
template <class C, class T>
[[nodiscard]] consteval bool expect_binary_cost()
{
  static_assert(binary_cost<C, T>,
                "a cost of a logit must be a template over the coordinate T, for its slopes are "
                "found by dual numbers: write T operator()(const T& logit, const T& target) const");
  return true;
}

/// A cost of a logit, and in `slope` its derivative by it.
template <class Cost, class T>
[[nodiscard]] RETINUE_HD T cost_with_slope(const Cost& cost, const T& x, const T& t, T& slope)
{
  if constexpr (requires { cost.with_slope(x, t, slope); }) {
    return cost.with_slope(x, t, slope);
  } else {
    using both = dual<T, 1>;
    const both found = cost(both::input(x, 0), both::constant(t));
    slope = found.slope[0];
    return found.value;
  }
}

/// p = sigmoid(x), q = 1 - p, -ln p and -ln q: all of one exponential and one logarithm.
template <class T>
struct both_answers {
  T p, q, wrong_p, wrong_q;

  RETINUE_HD explicit both_answers(const T& x)
  {
    using S = scalar_of_t<T>;
    const T zero = fill_like(x, 0), e = exp(T(abs(x) * S(-1))), grown = e + S(1);
    const T near = fill_like(x, 1) / grown, far = e * near, rest = log(grown);
    p = pick_less(x, zero, far, near);
    q = pick_less(x, zero, near, far);
    wrong_p = rest - minimum_of(x, zero);
    wrong_q = rest + maximum_of(x, zero);
  }
};
}  // namespace detail

/// -t ln p - (1 - t) ln(1 - p)
struct binary_cross_entropy {
  static constexpr std::string_view kind = "cross_entropy";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    return T(softplus(x) - x * t);
  }
  /// The same, and its slope by x.
  template <class T>
  [[nodiscard]] RETINUE_HD T with_slope(const T& x, const T& t, T& slope) const
  {
    const detail::both_answers<T> of(x);
    slope = of.p - t;
    return T(of.wrong_q - x * t);
  }
};

/// |t - p|^beta times the binary cross-entropy (Li 2020, GFL), where t is a quality from 0 to 1.
struct quality_focal {
  static constexpr std::string_view kind = "quality_focal";  ///< in a configuration

  double beta = 2;  ///< >= 0; 2 is the paper's

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    using detail::abs;
    const T wrong = abs(T(t - sigmoid(x)));
    return T(detail::power(wrong, beta) * binary_cross_entropy{}(x, t));
  }
};

/// The varifocal loss of a logit x and a quality t, 0 to 1 (Zhang 2021, eq. 2).
struct varifocal {
  static constexpr std::string_view kind = "varifocal";  ///< in a configuration

  double alpha = 0.75;     ///< the weight of background; >= 0
  double gamma = 2;        ///< how fast the easy ones of it fade; >= 0
  bool by_quality = true;  ///< else each object counts as 1

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    using detail::abs;
    using S = scalar_of_t<T>;
    const T zero = fill_like(t, 0);
    const T faded = detail::power(T(abs(T(sigmoid(x) - t))), gamma) * S(alpha);
    const T counts = by_quality ? t : fill_like(t, 1);
    return T(pick_less(zero, t, counts, faded) * binary_cross_entropy{}(x, t));
  }
};

/// The focal loss of a map, of a logit x and its height t, 0 to 1 (Law 2018, eq. 1).
struct gaussian_focal {
  double alpha = 2;  ///< how fast the easy ones fade; >= 0
  double gamma = 4;  ///< how little those near a top count; >= 0

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    const T minus = x * S(-1), one = fill_like(t, 1), below = one - t;
    const T is_top = softplus(minus), is_none = softplus(x);  // -ln p, -ln(1 - p)
    const T top = exp(T(is_none * S(-alpha))) * is_top;
    const T elsewhere = exp(T(is_top * S(-alpha))) * is_none * detail::power(below, gamma);
    return pick_less(t, one, elsewhere, top);
  }
};

/// -alpha (1 - q)^gamma ln q, where q is the probability of the right answer (Lin 2017, eq. 5).
struct sigmoid_focal {
  static constexpr std::string_view kind = "focal";  ///< in a configuration

  double alpha = 0.25;  ///< the weight of objects, 0 to 1; below 0: all weigh 1
  double gamma = 2;     ///< how fast the easy ones fade; >= 0, and 0 is cross-entropy

  [[nodiscard]] RETINUE_HD double weight(bool object) const
  {
    return alpha < 0 ? 1 : object ? alpha : 1 - alpha;
  }

  /// t is 1 for an object, and 0 for background; what lies between is mixed of both.
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    using S = scalar_of_t<T>;
    const T other = fill_like(t, 1) - t, minus = x * S(-1);
    const T is_object = softplus(minus), is_none = softplus(x);
    return T(of_answers(is_object, is_none, true) * t +
             of_answers(is_none, is_object, false) * other);
  }

  /// The same, and its slope by x.
  template <class T>
  [[nodiscard]] RETINUE_HD T with_slope(const T& x, const T& t, T& slope) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    const detail::both_answers<T> of(x);
    const auto faded = [&](const T& missed, const T& minus_log) {
      return gamma == 2 ? T(missed * missed) : T(exp(T(minus_log * S(-gamma))));
    };
    const T other = fill_like(t, 1) - t;
    const T object = faded(of.q, of.wrong_q) * t * S(weight(true));
    const T none = faded(of.p, of.wrong_p) * other * S(weight(false));
    slope = none * (of.p + of.q * of.wrong_q * S(gamma)) -
            object * (of.q + of.p * of.wrong_p * S(gamma));
    return T(object * of.wrong_p + none * of.wrong_q);
  }

 private:
  /// From -ln q of the right answer and -ln(1 - q) of the wrong one: (1 - q)^gamma is exp(-gamma
  /// times the latter).
  template <class T>
  [[nodiscard]] RETINUE_HD T of_answers(const T& right, const T& wrong, bool object) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    const T faded = wrong * S(-gamma);
    return T(exp(faded) * right * S(weight(object)));
  }
};

}  // namespace retinue
