// SPDX-License-Identifier: Apache-2.0
// Losses of a predicted box by how it lies on its truth: 1 - iou, 1 - giou, 1 - diou, 1 - ciou.
//
// Boxes are decoded, in any one unit. iou_loss is flat where the boxes do not touch; the others
// still pull. T is a number, a packet or a column. Columns have their gradient from autograd,
// numbers from with_slope; either differentiates ciou's weight alpha too, which Zheng 2020 holds
// fixed.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // fill_like
#include <retinue/formulas/dual.hpp>        // dual
#include <retinue/formulas/overlap.hpp>     // iou, giou, diou, ciou
#include <retinue/geometry.hpp>             // box

#include <concepts>
#include <cstddef>

namespace retinue {

/// A loss of your own: of two boxes of any coordinate, least where they are the same.
template <class L, class T = float>
concept overlap_loss = requires(const L& loss, const box<T>& b) {
  { loss(b, b) } -> std::same_as<T>;
};

/// 1 - iou: flat where the boxes do not touch.
struct iou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - iou(predicted, truth));
  }
};

/// 1 - giou (Rezatofighi 2019).
struct giou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - giou(predicted, truth));
  }
};

/// 1 - diou (Zheng 2020).
struct diou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - diou(predicted, truth));
  }
};

/// 1 - ciou (Zheng 2020), whose weight alpha is differentiated too.
struct ciou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - ciou(predicted, truth));
  }
};

/// A loss, and how it changes with each side of the predicted box.
template <std::floating_point T>
struct sloped_loss {
  T value;
  box<T> slope;
};

/// The loss and its derivatives, by dual numbers.
template <std::floating_point T, overlap_loss<dual<T, 4>> Loss>
[[nodiscard]] RETINUE_HD sloped_loss<T> with_slope(const Loss& loss, const box<T>& predicted,
                                                   const box<T>& truth)
{
  const dual<T, 4> cost = loss(as_inputs(predicted), as_constants<4>(truth));
  sloped_loss<T> said{cost.value, {}};
  for (std::size_t c = 0; c < 4; ++c) said.slope[c] = cost.slope[c];
  return said;
}

}  // namespace retinue
