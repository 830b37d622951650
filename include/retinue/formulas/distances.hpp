// SPDX-License-Identifier: Apache-2.0
// From a truth to the distances of its sides from a point, and back: FCOS, SCRFD, GFL.
//
//   encode   left = (cx - x1) / w     top = (cy - y1) / h     right = (x2 - cx) / w     ...
//   decode   x1 = cx - left w, ...    the inverse
//
// The point is the anchor's centre; its sides, the stride where anchors are points, are the unit.
// A point outside the truth has distances below 0. Where `logarithmic`, the network regresses their
// logarithms: no box is then turned inside out, and a point outside a truth cannot encode it.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coders.hpp>      // coder
#include <retinue/formulas/coordinate.hpp>  // scalar_of_t
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/landmarks.hpp>            // landmarks

#include <cmath>
#include <cstddef>
#include <string_view>

namespace retinue {

/// Of the sides from a point, in anchor sides; or their logarithms.
template <class T>
struct distances {
  using value_type = T;
  template <class U>
  using rebind = distances<U>;
  static constexpr std::size_t width = 4;

  T left, top, right, bottom;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? left : i == 1 ? top : i == 2 ? right : bottom;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? left : i == 1 ? top : i == 2 ? right : bottom;
  }
  friend bool operator==(const distances&, const distances&) = default;
};
static_assert(record<distances<float>>);

/// Codes a box by the distances of its sides from the centre of the anchor, in anchor sides.
struct distance_coder {
  static constexpr std::string_view kind = "distances";  ///< in a configuration

  template <class T>
  using box_code = distances<T>;

  /// Each landmark is coded by itself, so that a program may do one at a time.
  static constexpr bool point_by_point = true;

  bool logarithmic = false;
  double largest_log = std::log(1000.0 / 16.0);  ///< as in centre_size_coder

  template <class T>
  [[nodiscard]] RETINUE_HD distances<T> encode(const box<T>& truth,
                                               const centre_box<T>& anchor) const
  {
    return {
        coded(T((anchor.cx - truth.x1) / anchor.w)), coded(T((anchor.cy - truth.y1) / anchor.h)),
        coded(T((truth.x2 - anchor.cx) / anchor.w)), coded(T((truth.y2 - anchor.cy) / anchor.h))};
  }
  template <class T>
  [[nodiscard]] RETINUE_HD box<T> decode(const distances<T>& d, const centre_box<T>& anchor) const
  {
    return {T(anchor.cx - length(d.left) * anchor.w), T(anchor.cy - length(d.top) * anchor.h),
            T(anchor.cx + length(d.right) * anchor.w), T(anchor.cy + length(d.bottom) * anchor.h)};
  }

  /// Points by their way from the anchor's centre, in its sides.
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmark_offsets<T, Schema> encode(const landmarks<T, Schema>& truth,
                                                              const centre_box<T>& anchor) const
  {
    return centre_size_coder{.centre = 1}.encode(truth, anchor);
  }
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmarks<T, Schema> decode(const landmark_offsets<T, Schema>& o,
                                                       const centre_box<T>& anchor) const
  {
    return centre_size_coder{.centre = 1}.decode(o, anchor);
  }

 private:
  template <class T>
  [[nodiscard]] RETINUE_HD T coded(const T& distance) const
  {
    using detail::log;
    return logarithmic ? T(log(distance)) : distance;
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T length(const T& code) const
  {
    using detail::exp;
    if (!logarithmic) return code;
    const auto limit = static_cast<scalar_of_t<T>>(largest_log);
    const T bounded = maximum_of(minimum_of(code, fill_like(code, limit)), fill_like(code, -limit));
    return T(exp(bounded));
  }
};

}  // namespace retinue
