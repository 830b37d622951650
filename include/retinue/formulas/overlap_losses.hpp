// SPDX-License-Identifier: Apache-2.0
// Losses of a predicted box by how it lies on its truth.
//
//   iou_loss            1 - iou                        flat where the boxes do not touch
//   log_iou_loss        -ln(iou)                       Yu 2016 (UnitBox), eq. 3
//   square_iou_loss     1 - iou^2
//   giou_loss           1 - giou                       this and those below still pull from afar
//   diou_loss, ciou_loss                               Zheng 2020
//   eiou_loss           1 - iou + d^2 / c^2 + (w - w')^2 / c_w^2 + (h - h')^2 / c_h^2
//                                                      Zhang 2021 (Focal and Efficient), eq. 10
//   siou_loss           1 - iou + (distance + shape) / 2               Gevorgyan 2022
//   extended_iou_loss   of 1 - iou, where a gap counts as overlap below 0    Peng 2021
//   bounded_iou_loss    of the best iou that each of x, y, w, h alone allows
//                                                      Tychsen-Smith 2018, eq. 16 to 19
//
// w and h are the sides of one box, w' and h' of the other, c_w and c_h of the box around both, c
// its diagonal, d the distance of the centres. Boxes are decoded, in any one unit. T is a number, a
// packet or a column. Columns have their gradient from autograd, numbers from with_slope.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // fill_like, held, pick_less
#include <retinue/formulas/dual.hpp>        // dual
#include <retinue/formulas/overlap.hpp>     // iou, giou, diou, ciou
#include <retinue/geometry.hpp>             // box

#include <concepts>
#include <cstddef>
#include <string_view>

namespace retinue {

/// A loss of your own: of two boxes of any coordinate, least where they are the same.
template <class L, class T = float>
concept overlap_loss = requires(const L& loss, const box<T>& b) {
  { loss(b, b) } -> std::same_as<T>;
};

/// 1 - iou: flat where the boxes do not touch.
struct iou_loss {
  static constexpr std::string_view kind = "iou";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - iou(predicted, truth));
  }
};

/// 1 - giou (Rezatofighi 2019).
struct giou_loss {
  static constexpr std::string_view kind = "giou";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - giou(predicted, truth));
  }
};

/// 1 - diou (Zheng 2020).
struct diou_loss {
  static constexpr std::string_view kind = "diou";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    return T(fill_like(truth.x1, 1) - diou(predicted, truth));
  }
};

/// 1 - ciou (Zheng 2020). Its weight alpha is held, as in the paper, unless `fixed_weight` is
/// false.
struct ciou_loss {
  static constexpr std::string_view kind = "ciou";  ///< in a configuration

  /// Whether alpha is only a weight, as the paper has it, or is learnt through, too.
  bool fixed_weight = true;
  double from = 0;  ///< shapes count where iou is more: 0.5 in Zheng 2022, eq. 12, and MMDetection

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    using S = scalar_of_t<T>;
    const T shared = iou(predicted, truth), v = shape_mismatch(predicted, truth);
    const T alpha = detail::share<T>(v, fill_like(v, 1) - shared + v);
    const T weight =
        from > 0 ? pick_less(fill_like(v, S(from)), shared, alpha, fill_like(v, 0)) : alpha;
    return T(fill_like(v, 1) - diou(predicted, truth) + (fixed_weight ? held(weight) : weight) * v);
  }
};

/// -ln(iou) (Yu 2016, eq. 3).
struct log_iou_loss {
  static constexpr std::string_view kind = "log_iou";  ///< in a configuration

  double least = 1e-6;  ///< what an overlap of less counts as: there the loss is flat

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    using detail::log;
    using S = scalar_of_t<T>;
    const T shared = maximum_of(iou(predicted, truth), fill_like(truth.x1, S(least)));
    return T(log(shared) * S(-1));
  }
};

/// 1 - iou^2.
struct square_iou_loss {
  static constexpr std::string_view kind = "square_iou";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    const T shared = iou(predicted, truth);
    return T(fill_like(shared, 1) - shared * shared);
  }
};

/// 1 - diou and what the sides differ by (Zhang 2021, eq. 10); see the top of this header.
struct eiou_loss {
  static constexpr std::string_view kind = "eiou";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    const box<T> around = hull(predicted, truth);
    const auto apart = [](const T& of, const T& and_of, const T& side) {
      const T d = of - and_of;
      return detail::share<T>(d * d, side * side);
    };
    return T(fill_like(truth.x1, 1) - diou(predicted, truth) +
             apart(predicted.x2 - predicted.x1, truth.x2 - truth.x1, around.x2 - around.x1) +
             apart(predicted.y2 - predicted.y1, truth.y2 - truth.y1, around.y2 - around.y1));
  }
};

/// distance   sum over x, y of 1 - exp((angle - 2) (d / side of the box around both)^2)
/// shape      sum over w, h of (1 - exp(-|w - w'| / max(w, w')))^4
/// angle      sin(2 a), a the angle of the line of centres with the x axis
struct siou_loss {
  static constexpr std::string_view kind = "siou";  ///< in a configuration

  /// Compatibility: MMDetection's default has 2 - angle in place of angle - 2, so that it falls as
  /// the centres move apart.
  bool falling = false;

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    using detail::abs, detail::exp;
    using S = scalar_of_t<T>;
    const box<T> around = hull(predicted, truth);
    const T one = fill_like(truth.x1, 1);
    const T dx = (truth.x1 + truth.x2 - predicted.x1 - predicted.x2) * S(0.5),
            dy = (truth.y1 + truth.y2 - predicted.y1 - predicted.y2) * S(0.5);
    const T angle = detail::share<T>(T(abs(T(dx * dy)) * S(2)), T(dx * dx + dy * dy));
    const T grows = (angle + S(-2)) * S(falling ? -1 : 1);
    const auto near = [&](const T& d, const T& side) {
      return T(exp(T(grows * detail::share<T>(d * d, side * side))));
    };
    const auto odd = [&](const T& of, const T& and_of) {
      const T off = detail::share<T>(T(abs(T(of - and_of))), maximum_of(of, and_of));
      const T part = one - exp(T(off * S(-1))), square = part * part;
      return T(square * square);
    };
    const T distance =
        one + one - near(dx, T(around.x2 - around.x1)) - near(dy, T(around.y2 - around.y1));
    const T shape = odd(T(predicted.x2 - predicted.x1), T(truth.x2 - truth.x1)) +
                    odd(T(predicted.y2 - predicted.y1), T(truth.y2 - truth.y1));
    const T alike = iou(predicted, truth) - (distance + shape) * S(0.5);
    return T(one - minimum_of(maximum_of(alike, T(one * S(-1))), one));
  }
};

namespace detail {
/// A parabola up to beta, then a straight line less beta / 2: of x >= 0.
template <class T>
[[nodiscard]] RETINUE_HD T rounded_off(const T& x, double beta)
{
  using S = scalar_of_t<T>;
  return pick_less(x, fill_like(x, S(beta)), T(x * x * S(0.5 / beta)), T(x + S(-0.5 * beta)));
}
}  // namespace detail

/// The overlap of two boxes with a gap between them is the product of what they lack, taken from
/// their upper left corner, with a sign: it says which way to go, and has no bound.
struct extended_iou_loss {
  double beta = 0.1;  ///< below it a parabola; > 0

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    const T left = minimum_of(predicted.x1, truth.x1), top = minimum_of(predicted.y1, truth.y1);
    const T x1 = maximum_of(predicted.x1, truth.x1) - left,
            x2 = minimum_of(predicted.x2, truth.x2) - left,
            y1 = maximum_of(predicted.y1, truth.y1) - top,
            y2 = minimum_of(predicted.y2, truth.y2) - top;
    const T shared = x2 * y2 + minimum_of(x1, x2) * minimum_of(y1, y2) - x1 * maximum_of(y1, y2) -
                     maximum_of(x1, x2) * y1;
    const T joint = area(predicted) + area(truth) - shared;
    return detail::rounded_off(T(fill_like(joint, 1) - detail::share<T>(shared, joint)), beta);
  }
};

/// The sum over x, y, w and h; the truth is held.
struct bounded_iou_loss {
  double beta = 0.2;   ///< below it a parabola; > 0
  double epsilon = 0;  ///< added to what is divided by, in the unit of the boxes: 1e-3 pixels in
                       ///< MMDetection

  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    using detail::abs;
    using S = scalar_of_t<T>;
    const auto along = [&](const T& p1, const T& p2, const T& t1, const T& t2) {
      const T side = t2 - t1, zero = fill_like(side, 0), one = fill_like(side, 1);
      const T off = abs(T(t1 + t2 - p1 - p2));  // twice the distance
      const T place = detail::share<T>(T(side - off), T(side + off + S(epsilon)));
      const T mine = p2 - p1;
      const T size =
          detail::share<T>(minimum_of(side, mine), T(maximum_of(side, mine) + S(epsilon)));
      return T(detail::rounded_off(T(one - maximum_of(place, zero)), beta) +
               detail::rounded_off(T(one - size), beta));
    };
    return T(along(predicted.x1, predicted.x2, truth.x1, truth.x2) +
             along(predicted.y1, predicted.y2, truth.y1, truth.y2));
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
