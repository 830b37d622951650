// SPDX-License-Identifier: Apache-2.0
// The cost of calling a thing by the wrong name. x are logits, before softmax or sigmoid.
//
//   softmax_cross_entropy(x, label)   ln sum_c exp(x_c) - x_label
//   its slope by x_c                  softmax(x)_c, less 1 for the label
//   smoothed_cross_entropy            (1 - s) of that and s of the mean over all classes
//   softplus(z)                       ln(1 + exp(z)), whose slope is sigmoid(z)
//
// With two classes the first is softplus(x_other - x_label). Every row has its own maximum
// subtracted, so that no finite logits overflow or vanish (A4 of docs/compatibility.md).
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // maximum_of, fill_like

#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

namespace retinue {

/// ln(1 + exp(z)), without overflow.
template <class T>
[[nodiscard]] RETINUE_HD T softplus(const T& z)
{
  using detail::abs, detail::exp, detail::log;
  using S = scalar_of_t<T>;
  const T below = abs(z) * S(-1);
  const T grown = exp(below) + S(1);
  return T(maximum_of(z, fill_like(z, 0)) + log(grown));
}

/// 1 / (1 + exp(-z)).
template <class T>
[[nodiscard]] RETINUE_HD T sigmoid(const T& z)
{
  using detail::exp;
  using S = scalar_of_t<T>;
  const T minus = z * S(-1);
  const T grown = exp(minus) + S(1);
  return T(fill_like(z, 1) / grown);
}

/// x holds one T a class, and at least one: read as x[c] and x.size().
template <class Row>
[[nodiscard]] RETINUE_HD auto log_sum_exp(const Row& x, std::size_t first = 0)
{
  using detail::exp, detail::log;
  using T = std::remove_cvref_t<decltype(x[0])>;
  using S = scalar_of_t<T>;
  T most = x[first];
  for (std::size_t c = first + 1; c < x.size(); ++c) most = maximum_of(most, T(x[c]));
  // Bounded, so that an infinite logit is not taken from itself.
  using widest = std::conditional_t<std::floating_point<T>, T, float>;
  constexpr auto limit = static_cast<S>(std::numeric_limits<widest>::max());
  most = maximum_of(minimum_of(most, fill_like(most, limit)), fill_like(most, -limit));
  T sum = fill_like(most, 0);
  for (std::size_t c = first; c < x.size(); ++c) sum = sum + exp(T(x[c] - most));
  return T(most + log(sum));
}

/// -ln of the probability that softmax gives to `label`.
template <class Row>
[[nodiscard]] RETINUE_HD auto softmax_cross_entropy(const Row& x, std::size_t label)
{
  using T = std::remove_cvref_t<decltype(x[0])>;
  return x.size() == 2 ? softplus(T(x[1 - label] - x[label])) : T(log_sum_exp(x) - x[label]);
}

/// The value, and in slope[c] its derivative by x[c].
template <class Row, std::floating_point T>
RETINUE_HD T softmax_cross_entropy(const Row& x, std::size_t label, std::span<T> slope)
{
  using detail::exp, detail::log;
  if (x.size() == 2) {
    const T z = x[1 - label] - x[label];
    const T wrong = sigmoid(z);
    slope[label] = -wrong;
    slope[1 - label] = wrong;
    return softplus(z);
  }
  T most = x[0];
  for (std::size_t c = 0; c < x.size(); ++c) most = maximum_of(most, T(x[c]));
  T sum = 0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += slope[c] = exp(x[c] - most);
  for (T& s : slope) s /= sum;
  slope[label] -= 1;
  return most + log(sum) - x[label];
}

/// How much a class counts: 1 where no weights are given, one a class.
[[nodiscard]] RETINUE_HD inline double class_weight(std::span<const double> weights, std::size_t c)
{
  return weights.empty() ? 1 : weights[c];
}

/// Label smoothing (Szegedy 2016, section 7), with a weight for each class or none:
///   sum_c w_c t_c (ln sum_k exp(x_k) - x_c),   t_c = s / classes, and 1 - s more for the label
template <class Row>
[[nodiscard]] RETINUE_HD auto smoothed_cross_entropy(const Row& x, std::size_t label,
                                                     double smoothing,
                                                     std::span<const double> weights = {})
{
  using T = std::remove_cvref_t<decltype(x[0])>;
  using S = scalar_of_t<T>;
  const T all = log_sum_exp(x);
  T cost = (all - x[label]) * S((1 - smoothing) * class_weight(weights, label));
  const double share = smoothing / static_cast<double>(x.size());
  if (share > 0)
    for (std::size_t c = 0; c < x.size(); ++c)
      cost = cost + (all - x[c]) * S(share * class_weight(weights, c));
  return cost;
}

}  // namespace retinue
