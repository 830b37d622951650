// SPDX-License-Identifier: Apache-2.0
// The cost of calling a thing by the wrong name. x are logits, before softmax or sigmoid.
//
//   softmax_cross_entropy(x, label)   ln sum_c exp(x_c) - x_label
//   its slope by x_c                  softmax(x)_c, less 1 for the label
//   softplus(z)                       ln(1 + exp(z)), whose slope is sigmoid(z)
//
// With two classes the first is softplus(x_other - x_label). Every row has its own maximum
// subtracted, so that no finite logits overflow or vanish (A4 of docs/compatibility.md).
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // maximum_of, fill_like

#include <concepts>
#include <cstddef>
#include <span>

namespace retinue {

template <class T>
[[nodiscard]] RETINUE_HD T softplus(const T& z)
{
  using detail::abs, detail::exp, detail::log;
  using S = scalar_of_t<T>;
  const T below = abs(z) * S(-1);
  const T grown = exp(below) + S(1);
  return T(maximum_of(z, fill_like(z, 0)) + log(grown));
}

template <class T>
[[nodiscard]] RETINUE_HD T sigmoid(const T& z)
{
  using detail::exp;
  using S = scalar_of_t<T>;
  const T minus = z * S(-1);
  const T grown = exp(minus) + S(1);
  return T(fill_like(z, 1) / grown);
}

/// x holds one T a class; at least one.
template <class T>
[[nodiscard]] RETINUE_HD T log_sum_exp(std::span<const T> x)
{
  using detail::exp, detail::log;
  T most = x[0];
  for (std::size_t c = 1; c < x.size(); ++c) most = maximum_of(most, x[c]);
  T sum = fill_like(most, 0);
  for (std::size_t c = 0; c < x.size(); ++c) sum = sum + exp(T(x[c] - most));
  return T(most + log(sum));
}

template <class T>
[[nodiscard]] RETINUE_HD T softmax_cross_entropy(std::span<const T> x, std::size_t label)
{
  return x.size() == 2 ? softplus(T(x[1 - label] - x[label])) : T(log_sum_exp(x) - x[label]);
}

/// The value, and in slope[c] its derivative by x[c].
template <std::floating_point T>
RETINUE_HD T softmax_cross_entropy(std::span<const T> x, std::size_t label, std::span<T> slope)
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
  for (const T logit : x) most = maximum_of(most, logit);
  T sum = 0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += slope[c] = exp(x[c] - most);
  for (T& s : slope) s /= sum;
  slope[label] -= 1;
  return most + log(sum) - x[label];
}

}  // namespace retinue
