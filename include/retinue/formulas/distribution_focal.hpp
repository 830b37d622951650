// SPDX-License-Identifier: Apache-2.0
// The distribution focal loss of Li 2020 (GFL, eq. 6): a length is said as a distribution over
// whole numbers 0 to n - 1, and should lie on the two around the true one.
//
//   cost       sum_c w_c (ln sum_k exp(x_k) - x_c)      w_c = max(0, 1 - |t - c|)
//   its slope  softmax(x)_c - w_c
//
// x are the logits of one side, a T each; t is its length in the unit of the whole numbers. A t
// beyond 0 to n - 1 counts as the nearer end.
#pragma once

#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>     // fill_like
#include <retinue/formulas/cross_entropy.hpp>  // log_sum_exp

#include <cstddef>

namespace retinue {

/// x holds one T a whole number, and at least one: read as x[c] and x.size().
template <class Row, class T>
[[nodiscard]] RETINUE_HD T distribution_focal(const Row& x, const T& length)
{
  using detail::abs;
  using S = scalar_of_t<T>;
  const T zero = fill_like(length, 0), one = fill_like(length, 1);
  const T last = fill_like(length, static_cast<S>(x.size() - 1));
  const T t = minimum_of(maximum_of(length, zero), last);
  T cost = log_sum_exp(x);
  for (std::size_t c = 0; c < x.size(); ++c) {
    const T apart = t - fill_like(t, static_cast<S>(c));
    const T weight = maximum_of(zero, T(one - abs(apart)));
    cost = cost - weight * x[c];
  }
  return cost;
}

}  // namespace retinue
