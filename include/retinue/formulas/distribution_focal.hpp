// SPDX-License-Identifier: Apache-2.0
// The distribution focal loss of Li 2020 (GFL, eq. 6): a length is said as a distribution over
// whole numbers 0 to n - 1, and should lie on the two around the true one.
//
//   cost       sum_c w_c (ln sum_k exp(x_k) - x_c)      w_c = max(0, 1 - |t - c|)
//   its slope  softmax(x)_c - w_c
//
// x are the logits of one side, a T each; t is its length in the unit of the whole numbers. A t
// beyond 0 to n - 1 counts as the nearer end.
//
// distribution_loss adds it, the mean of four sides, to what the decoded box costs by its overlap:
// the loss of boxes of GFL and YOLOv8, for a coder whose code has side[s], the logits of a side,
// and which says by within(truth, anchor)[s] how long that should be.
#pragma once

#include <retinue/compiler.hpp>                 // RETINUE_HD
#include <retinue/formulas/coders.hpp>          // box_code_t
#include <retinue/formulas/coordinate.hpp>      // fill_like
#include <retinue/formulas/cross_entropy.hpp>   // log_sum_exp
#include <retinue/formulas/overlap_losses.hpp>  // giou_loss
#include <retinue/geometry.hpp>                 // box, centre_box

#include <concepts>
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

/// Bins at whole numbers, or where the coder's place(length) says among which a length lies.
template <class Overlap = giou_loss>
struct distribution_loss {
  Overlap overlap{};
  double weight = 0.25;  ///< of the distributions beside the overlap; >= 0. GFL: 0.125, for its
                         ///< 0.25 goes with an overlap that counts twice

  template <class Coder, class Code, class T>
  [[nodiscard]] RETINUE_HD T of_code(const Coder& coder, const Code& said, const box<T>& truth,
                                     const centre_box<T>& anchor) const
    requires requires { coder.within(truth, anchor); }
  {
    using S = scalar_of_t<T>;
    const auto lengths = coder.within(truth, anchor);
    T sum = fill_like(truth.x1, 0);
    for (std::size_t s = 0; s < 4; ++s) {
      T length = lengths[s];
      if constexpr (requires { coder.place(length); }) length = coder.place(length);
      sum = sum + distribution_focal(said.side[s], length);
    }
    return T(overlap(coder.decode(said, anchor), truth) + sum * S(weight / 4));
  }
};

/// A loss of boxes of your own that looks at the code as well as at where it lies: of_code, as in
/// distribution_loss.
template <class L, class Coder, class T = float>
concept coded_box_loss =
    requires(const L& loss, const Coder& coder, const box_code_t<Coder, T>& said,
             const box<T>& truth, const centre_box<T>& anchor) {
      { loss.of_code(coder, said, truth, anchor) } -> std::same_as<T>;
    };

}  // namespace retinue
