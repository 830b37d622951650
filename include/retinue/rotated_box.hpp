// SPDX-License-Identifier: Apache-2.0
// A box at an angle: text in a photo, ships from above. How much two of them share is the area of a
// polygon: of one, cut off along the four sides of the other.
//
//   rotated_iou(a, b)   |a n b| / |a u b|     0 to 1; where both angles are 0 that of iou
//
// The angle is in radians, from the x axis towards the y axis: clockwise where y points down.
// Turning by half a turn changes nothing, nor by a quarter with the sides exchanged. T is float or
// double: how many corners a polygon has depends on its numbers, so there are no packets of it.
#pragma once

#include <retinue/formulas/overlap.hpp>  // detail::share
#include <retinue/geometry.hpp>          // box, record

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>

namespace retinue {

/// A box by its centre and its sides, turned around the centre by an angle.
template <class T>
struct rotated_box {
  using value_type = T;
  template <class U>
  using rebind = rotated_box<U>;
  static constexpr std::size_t width = 5;

  T cx, cy, w, h;
  T angle;  ///< radians

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? cx : i == 1 ? cy : i == 2 ? w : i == 3 ? h : angle;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? cx : i == 1 ? cy : i == 2 ? w : i == 3 ? h : angle;
  }
  friend bool operator==(const rotated_box&, const rotated_box&) = default;
};
static_assert(record<rotated_box<float>>);

/// A point of the plane.
template <std::floating_point T>
struct point2 {
  T x, y;
};

/// In order around the box.
template <std::floating_point T>
[[nodiscard]] RETINUE_HD std::array<point2<T>, 4> corners_of(const rotated_box<T>& b)
{
  const T cosine = std::cos(b.angle), sine = std::sin(b.angle);
  const T ux = b.w / 2 * cosine, uy = b.w / 2 * sine, vx = -b.h / 2 * sine, vy = b.h / 2 * cosine;
  return {{{b.cx - ux - vx, b.cy - uy - vy},
           {b.cx + ux - vx, b.cy + uy - vy},
           {b.cx + ux + vx, b.cy + uy + vy},
           {b.cx - ux + vx, b.cy - uy + vy}}};
}

/// The smallest upright box around it.
template <std::floating_point T>
[[nodiscard]] RETINUE_HD box<T> bounds_of(const rotated_box<T>& b)
{
  const auto corners = corners_of(b);
  box<T> around{corners[0].x, corners[0].y, corners[0].x, corners[0].y};
  for (const point2<T>& p : corners)
    around = {std::min(around.x1, p.x), std::min(around.y1, p.y), std::max(around.x2, p.x),
              std::max(around.y2, p.y)};
  return around;
}

namespace detail {

/// A convex polygon: four corners, and at most one more for each side that cuts it off.
template <std::floating_point T>
struct polygon {
  std::array<point2<T>, 8> corners;
  std::size_t size = 0;

  RETINUE_HD void add(const point2<T>& p)
  {
    if (size < corners.size()) corners[size++] = p;
  }
};

/// What of it lies where depth(point), a linear function, is not below 0.
template <std::floating_point T, class Depth>
[[nodiscard]] RETINUE_HD polygon<T> cut_off(const polygon<T>& of, const Depth& depth)
{
  polygon<T> left;
  for (std::size_t i = 0; i < of.size; ++i) {
    const point2<T>&p = of.corners[i], &q = of.corners[i + 1 == of.size ? 0 : i + 1];
    const T at_p = depth(p), at_q = depth(q);
    if (!(at_p < 0)) left.add(p);
    if ((at_p < 0) != (at_q < 0)) {
      const T share = at_p / (at_p - at_q);
      left.add({p.x + (q.x - p.x) * share, p.y + (q.y - p.y) * share});
    }
  }
  return left;
}

template <std::floating_point T>
[[nodiscard]] RETINUE_HD T area_of(const polygon<T>& of)
{
  T twice = 0;
  for (std::size_t i = 2; i < of.size; ++i) {  // from the first corner, for small numbers
    const point2<T>&o = of.corners[0], &p = of.corners[i - 1], &q = of.corners[i];
    twice += (p.x - o.x) * (q.y - o.y) - (q.x - o.x) * (p.y - o.y);
  }
  return std::abs(twice) / 2;
}

}  // namespace detail

/// 0 where one has no area.
template <std::floating_point T>
[[nodiscard]] RETINUE_HD T rotated_intersection(const rotated_box<T>& a, const rotated_box<T>& b)
{
  if (!(a.w > 0 && a.h > 0 && b.w > 0 && b.h > 0)) return 0;
  const T dx = a.cx - b.cx, dy = a.cy - b.cy;
  const T reach = (std::hypot(a.w, a.h) + std::hypot(b.w, b.h)) / 2;
  if (!(dx * dx + dy * dy < reach * reach)) return 0;
  // As b sees a: its own sides are upright there.
  const T cosine = std::cos(b.angle), sine = std::sin(b.angle);
  const auto corners = corners_of(rotated_box<T>{dx * cosine + dy * sine, dy * cosine - dx * sine,
                                                 a.w, a.h, a.angle - b.angle});
  detail::polygon<T> left;
  for (const point2<T>& p : corners) left.add(p);
  const T x = b.w / 2, y = b.h / 2;
  left = detail::cut_off(left, [x](const point2<T>& p) { return x - p.x; });
  left = detail::cut_off(left, [x](const point2<T>& p) { return x + p.x; });
  left = detail::cut_off(left, [y](const point2<T>& p) { return y - p.y; });
  left = detail::cut_off(left, [y](const point2<T>& p) { return y + p.y; });
  return detail::area_of(left);
}

/// Intersection over union, 0 to 1; 0 where both have no area.
template <std::floating_point T>
[[nodiscard]] RETINUE_HD T rotated_iou(const rotated_box<T>& a, const rotated_box<T>& b)
{
  const T shared = rotated_intersection(a, b);
  const T joint = std::max(T(0), a.w * a.h) + std::max(T(0), b.w * b.h) - shared;
  return std::min(T(1), detail::share<T>(shared, joint));
}

/// As a policy of suppressors and of evaluation.
struct rotated_iou_of {
  template <std::floating_point T>
  [[nodiscard]] RETINUE_HD T operator()(const rotated_box<T>& a, const rotated_box<T>& b) const
  {
    return rotated_iou(a, b);
  }
};

}  // namespace retinue
