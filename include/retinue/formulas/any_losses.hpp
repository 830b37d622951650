// SPDX-License-Identifier: Apache-2.0
// Losses that are chosen at run time: of a logit, of a residual, of a box. Which one is asked once
// a row, or once a column of a whole batch.
#pragma once

#include <retinue/compiler.hpp>                 // RETINUE_HD
#include <retinue/formulas/choice.hpp>          // ask
#include <retinue/formulas/coordinate.hpp>      // fill_like
#include <retinue/formulas/focal.hpp>           // quality_focal
#include <retinue/formulas/overlap_losses.hpp>  // giou_loss
#include <retinue/formulas/residual.hpp>        // smooth_l1
#include <retinue/geometry.hpp>                 // box, centre_box

#include <cstddef>
#include <utility>
#include <variant>

namespace retinue {

/// One of the costs of a logit for sigmoid_labels.
struct any_binary_cost {
  using one_of = std::variant<binary_cross_entropy, sigmoid_focal, quality_focal, varifocal>;
  one_of choice;

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& x, const T& t) const
  {
    return detail::ask(choice, [&](const auto& cost) { return T(cost(x, t)); });
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T with_slope(const T& x, const T& t, T& slope) const
  {
    return detail::ask(
        choice, [&](const auto& cost) { return detail::cost_with_slope(cost, x, t, slope); });
  }
};

/// One of the losses of a residual.
struct any_residual_loss {
  using one_of = std::variant<smooth_l1, l1, balanced_l1, wing>;
  one_of choice;

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    return detail::ask(choice, [&](const auto& loss) { return loss.value(d); });
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T slope(const T& d) const
  {
    return detail::ask(choice, [&](const auto& loss) { return loss.slope(d); });
  }
};
static_assert(residual_loss<any_residual_loss>);

/// One of the losses of a box: of the residuals of its code, or of how it lies on its truth.
struct any_box_loss {
  using one_of = std::variant<smooth_l1, l1, balanced_l1, iou_loss, log_iou_loss, square_iou_loss,
                              giou_loss, diou_loss, ciou_loss, eiou_loss, siou_loss>;
  one_of choice;

  template <class Coder, class Code, class T>
  [[nodiscard]] RETINUE_HD T of_code(const Coder& coder, const Code& said, const box<T>& truth,
                                     const centre_box<T>& anchor) const
  {
    const bool where_it_lies =
        detail::ask(choice, []<class L>(const L&) { return overlap_loss<L>; });
    if (where_it_lies) {
      const box<T> found = coder.decode(said, anchor);
      return detail::ask(choice, [&]<class L>(const L& loss) {
        if constexpr (overlap_loss<L>)
          return T(loss(found, truth));
        else
          return fill_like(truth.x1, 0);
      });
    }
    const auto target = coder.encode(truth, anchor);
    return detail::ask(choice, [&]<class L>(const L& loss) {
      T sum = fill_like(truth.x1, 0);
      if constexpr (!overlap_loss<L>)
        for (std::size_t c = 0; c < Code::width; ++c)
          sum = sum + loss.value(T(said[c] - target[c]));
      return sum;
    });
  }
};

}  // namespace retinue
