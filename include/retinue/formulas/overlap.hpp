// SPDX-License-Identifier: Apache-2.0
// How much two boxes share.
//
//   iou(a, b)   |a n b| / |a u b|                               0 to 1
//   iof(a, b)   |a n b| / |a|            share of a, the foreground, that b covers
//   giou        iou - (|hull| - |a u b|) / |hull|               -1 to 1   Rezatofighi 2019, eq. 1-3
//   diou        iou - d^2 / c^2                                 -1 to 1   Zheng 2020, eq. 5-7
//   ciou        diou - alpha v                                            Zheng 2020, eq. 8-11
//
// hull is the smallest box around both, c its diagonal, d the distance of the centres, and
//   v = (2/pi (atan(w_a/h_a) - atan(w_b/h_b)))^2,   alpha = v / (1 - iou + v).
// The difference of the two angles is computed as one, whose slope is finite where a side is 0.
// Two boxes without area overlap by 0, not by 0/0. T is a number, a packet or a column; columns of
// shapes that broadcast, such as (M, 1) and (N), give the whole table of pairs. Areas are rounded
// before they are added, so that iou of a number is that of a packet on every machine: matchers and
// suppressors compare them.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // fill_like, scalar_of_t
#include <retinue/geometry.hpp>             // box

#include <limits>
#include <numbers>

namespace retinue {

/// How long a side from lo to hi is. Coordinates are continuous.
struct continuous {
  template <class T>
  RETINUE_HD static constexpr T length(const T& lo, const T& hi)
  {
    return hi - lo;
  }
};

/// Compatibility: a side from pixel lo to pixel hi counts both, as in py_cpu_nms and WIDER FACE's
/// evaluation. Boxes must be in pixels.
struct inclusive_pixels {
  template <class T>
  RETINUE_HD static constexpr T length(const T& lo, const T& hi)
  {
    return hi - lo + scalar_of_t<T>(1);
  }
};

/// The product of the sides.
template <class Lengths = continuous, class T>
[[nodiscard]] RETINUE_HD constexpr T area(const box<T>& b)
{
  return detail::product<T>(Lengths::length(b.x1, b.x2), Lengths::length(b.y1, b.y2));
}

/// The area that two boxes share, 0 where they do not touch.
template <class Lengths = continuous, class T>
[[nodiscard]] RETINUE_HD constexpr T intersection(const box<T>& a, const box<T>& b)
{
  const T w = Lengths::length(maximum_of(a.x1, b.x1), minimum_of(a.x2, b.x2));
  const T h = Lengths::length(maximum_of(a.y1, b.y1), minimum_of(a.y2, b.y2));
  const T zero = fill_like(w, 0);
  return detail::product<T>(maximum_of(zero, w), maximum_of(zero, h));
}

namespace detail {
/// a / b, and 0 where both are 0: the smallest normal float changes no b above 1e-30. Of double
/// too, for a column of floats takes its numbers as doubles, and would round a smaller one to 0.
template <class T>
RETINUE_HD constexpr T share(const T& a, const T& b)
{
  return a / (b + scalar_of_t<T>(std::numeric_limits<float>::min()));
}
}  // namespace detail

/// What both share over what either covers: 0 to 1.
template <class Lengths = continuous, class T>
[[nodiscard]] RETINUE_HD constexpr T iou(const box<T>& a, const box<T>& b)
{
  const T shared = intersection<Lengths>(a, b);
  return detail::share<T>(shared, area<Lengths>(a) + area<Lengths>(b) - shared);
}

/// The share of `a` that `b` covers: 0 to 1.
template <class Lengths = continuous, class T>
[[nodiscard]] RETINUE_HD constexpr T iof(const box<T>& a, const box<T>& b)
{
  return detail::share<T>(intersection<Lengths>(a, b), area<Lengths>(a));
}

/// The smallest box around both.
template <class T>
[[nodiscard]] RETINUE_HD constexpr box<T> hull(const box<T>& a, const box<T>& b)
{
  return {minimum_of(a.x1, b.x1), minimum_of(a.y1, b.y1), maximum_of(a.x2, b.x2),
          maximum_of(a.y2, b.y2)};
}

/// iou, less the share of the hull that neither covers: -1 to 1.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T giou(const box<T>& a, const box<T>& b)
{
  const T shared = intersection(a, b);
  const T joint = area(a) + area(b) - shared;
  const T around = area(hull(a, b));
  return detail::share<T>(shared, joint) - detail::share<T>(around - joint, around);
}

/// iou, less the squared distance of the centres by that of the hull's corners: -1 to 1.
template <class T>
[[nodiscard]] RETINUE_HD constexpr T diou(const box<T>& a, const box<T>& b)
{
  const box<T> around = hull(a, b);
  const T w = around.x2 - around.x1, h = around.y2 - around.y1;
  const T dx = a.x1 + a.x2 - b.x1 - b.x2, dy = a.y1 + a.y2 - b.y1 - b.y2;  // twice the distance
  return iou(a, b) - detail::share<T>((dx * dx + dy * dy) / 4, w * w + h * h);
}

/// v above: how differently two boxes are shaped, 0 to 1.
template <class T>
[[nodiscard]] RETINUE_HD T shape_mismatch(const box<T>& a, const box<T>& b)
{
  using detail::atan;
  using S = scalar_of_t<T>;
  const T w_a = a.x2 - a.x1, h_a = a.y2 - a.y1, w_b = b.x2 - b.x1, h_b = b.y2 - b.y1;
  const T between = detail::share<T>(detail::product<T>(w_a, h_b) - detail::product<T>(w_b, h_a),
                                     h_a * h_b + w_a * w_b);
  const T turn = atan(between) * S(2 / std::numbers::pi);
  return T(turn * turn);
}

/// diou - alpha v (Zheng 2020, eq. 8 to 11).
template <class T>
[[nodiscard]] RETINUE_HD T ciou(const box<T>& a, const box<T>& b)
{
  const T v = shape_mismatch(a, b);
  const T apart = fill_like(v, 1) - iou(a, b);
  return diou(a, b) - v * detail::share<T>(v, apart + v);
}

/// The overlap measures as function objects, to be mapped over tables and passed as policies.
template <class Lengths = continuous>
struct iou_of {
  template <class T>
  RETINUE_HD constexpr T operator()(const box<T>& a, const box<T>& b) const
  {
    return iou<Lengths>(a, b);
  }
};

/// Share of the first: of the box that is judged, how much a better one covers.
template <class Lengths = continuous>
struct iof_of {
  template <class T>
  RETINUE_HD constexpr T operator()(const box<T>& a, const box<T>& b) const
  {
    return iof<Lengths>(a, b);
  }
};

/// Zheng 2020, section 3.4: boxes side by side are less alike than those around one centre.
struct diou_of {
  template <class T>
  RETINUE_HD constexpr T operator()(const box<T>& a, const box<T>& b) const
  {
    return diou(a, b);
  }
};

/// 1 where the centres are the same, 0 where they are `within` apart or more, whatever the sizes.
struct near_centres {
  double within = 1;  ///< in the unit of the boxes; > 0

  template <class T>
  RETINUE_HD T operator()(const box<T>& a, const box<T>& b) const
  {
    using detail::product, detail::sqrt;
    using S = scalar_of_t<T>;
    const T dx = (a.x1 + a.x2 - b.x1 - b.x2) * S(0.5), dy = (a.y1 + a.y2 - b.y1 - b.y2) * S(0.5);
    const T apart = sqrt(T(product<T>(dx, dx) + product<T>(dy, dy)));
    const T near = fill_like(apart, 1) - product<T>(apart, fill_like(apart, S(1 / within)));
    return maximum_of(near, fill_like(near, 0));
  }
};

}  // namespace retinue
