// SPDX-License-Identifier: Apache-2.0
// Losses of a predicted box by how it lies on its truth: 1 - iou, 1 - giou, 1 - diou, 1 - ciou.
//
// Boxes are decoded, in any one unit. iou_loss is flat where the boxes do not touch; the others
// still pull. T is a number, a packet or a column, on which autograd takes the gradient. A ciou
// computed so differentiates its weight alpha too, which Zheng 2020 holds fixed.
#pragma once

#include <retinue/config.hpp>      // RETINUE_HD
#include <retinue/coordinate.hpp>  // fill_like
#include <retinue/geometry.hpp>    // box
#include <retinue/overlap.hpp>     // iou, giou, diou, ciou

namespace retinue {

struct iou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - iou(predicted, truth));
  }
};

struct giou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - giou(predicted, truth));
  }
};

struct diou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - diou(predicted, truth));
  }
};

struct ciou_loss {
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - ciou(predicted, truth));
  }
};

}  // namespace retinue
