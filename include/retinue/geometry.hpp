// SPDX-License-Identifier: Apache-2.0
// The words: a box by its corners, a box by its centre; and the way from one to the other.
//
//   box         (x1, y1, x2, y2)   x to the right, y downwards, x1 <= x2, y1 <= y2
//   centre_box  (cx, cy, w, h)     cx = (x1 + x2) / 2, w = x2 - x1
//
// Coordinates are continuous: a box from 0 to 4 is 4 wide. Lengths are pixels, or fractions of the
// image's sides; each function that cares says which.
//
// A record is an aggregate of `width` components of one type T, read as r[0] ... r[width - 1] and
// rebound to another T: the same record of one number, of a packet of rows, or of a whole column.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // coordinate, minimum_of, maximum_of

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace retinue {

/// Yours is accepted as a record if it says its width and how to rebind it, and can be indexed.
template <class R>
concept record = requires(R r, const R& c, std::size_t i) {
  typename R::value_type;
  { R::width } -> std::convertible_to<std::size_t>;
  requires std::same_as<typename R::template rebind<typename R::value_type>, R>;
  { r[i] } -> std::same_as<typename R::value_type&>;
  { c[i] } -> std::same_as<const typename R::value_type&>;
};

/// The record R, of values of type T.
template <class R, class T>
using rebind_t = typename R::template rebind<T>;

/// A box by its corners.
template <class T>
struct box {
  using value_type = T;
  template <class U>
  using rebind = box<U>;
  static constexpr std::size_t width = 4;

  T x1, y1, x2, y2;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? x1 : i == 1 ? y1 : i == 2 ? x2 : y2;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? x1 : i == 1 ? y1 : i == 2 ? x2 : y2;
  }
  friend bool operator==(const box&, const box&) = default;
};

/// A box by its centre and its sides. Anchors are given so.
template <class T>
struct centre_box {
  using value_type = T;
  template <class U>
  using rebind = centre_box<U>;
  static constexpr std::size_t width = 4;

  T cx, cy, w, h;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? cx : i == 1 ? cy : i == 2 ? w : h;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? cx : i == 1 ? cy : i == 2 ? w : h;
  }
  friend bool operator==(const centre_box&, const centre_box&) = default;
};

static_assert(record<box<float>> && record<centre_box<double>>);

/// A height and a width in pixels, or in cells of a feature map. Height first, as in shapes.
struct extent2 {
  int height = 0, width = 0;

  friend constexpr bool operator==(const extent2&, const extent2&) = default;
};

/// The same box by its corners.
template <class T>
[[nodiscard]] RETINUE_HD box<T> to_corners(const centre_box<T>& b)
{
  return {T(b.cx - b.w / 2), T(b.cy - b.h / 2), T(b.cx + b.w / 2), T(b.cy + b.h / 2)};
}

/// The identity, so that a function may take boxes of either kind, or of a user's own kind that
/// has a to_corners beside it.
template <class T>
[[nodiscard]] RETINUE_HD constexpr box<T> to_corners(const box<T>& b)
{
  return b;
}

/// The same box by its centre.
template <class T>
[[nodiscard]] RETINUE_HD centre_box<T> to_centre(const box<T>& b)
{
  return {T((b.x1 + b.x2) / 2), T((b.y1 + b.y2) / 2), T(b.x2 - b.x1), T(b.y2 - b.y1)};
}

/// Anything that can be seen as a box by its corners: box, centre_box, or your type, once a
/// function `retinue::box<float> to_corners(const yours&)` stands in the namespace of your type.
template <class B>
concept box_like = requires(const B& b) {
  typename std::remove_cvref_t<decltype(to_corners(b))>::value_type;
  requires std::same_as<std::remove_cvref_t<decltype(to_corners(b))>,
                        box<typename std::remove_cvref_t<decltype(to_corners(b))>::value_type>>;
};

/// The part of b that lies in the image (0, 0) to (width, height); degenerate if there is none.
template <class T>
[[nodiscard]] RETINUE_HD box<T> clip(const box<T>& b, scalar_of_t<T> width, scalar_of_t<T> height)
{
  const T zero = fill_like(b.x1, 0), right = fill_like(b.x1, width),
          bottom = fill_like(b.x1, height);
  return {minimum_of(maximum_of(b.x1, zero), right), minimum_of(maximum_of(b.y1, zero), bottom),
          minimum_of(maximum_of(b.x2, zero), right), minimum_of(maximum_of(b.y2, zero), bottom)};
}

}  // namespace retinue
