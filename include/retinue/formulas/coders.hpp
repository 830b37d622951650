// SPDX-License-Identifier: Apache-2.0
// From a truth (a box and its landmarks) to offsets from an anchor, and back.
//
//   encode   dx = (truth.cx - anchor.cx) / (centre anchor.w)   dw = log(truth.w / anchor.w) / size
//            lx = (mark.x - anchor.cx) / (centre anchor.w)     dy, dh, ly: the same with cy and h
//   decode   the inverse: decode(encode(t, anchor), anchor) is t again, up to rounding and the
//            clamp of dw and dh
//
// centre and size are the "variances" (0.1, 0.2) of SSD (Liu 2016, eq. 2, and its code) and of
// seeds 000 to 003. Lengths share one unit, offsets have none.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // coordinate, scalar_of_t
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/landmarks.hpp>            // landmarks, landmark_offsets

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <string_view>

namespace retinue {

/// What the network regresses for one box, without unit.
template <class T>
struct offsets {
  using value_type = T;
  template <class U>
  using rebind = offsets<U>;
  static constexpr std::size_t width = 4;

  T dx, dy, dw, dh;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? dx : i == 1 ? dy : i == 2 ? dw : dh;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? dx : i == 1 ? dy : i == 2 ? dw : dh;
  }
  friend bool operator==(const offsets&, const offsets&) = default;
};
static_assert(record<offsets<float>>);

/// What a coder's network regresses for a box, and for the landmarks of a schema: the record that
/// it says is its code, or offsets and landmark_offsets where it says nothing.
///
///   template <class T> using box_code = distances<T>;
///   template <class T, class Schema> using landmark_code = ...;
template <class C, class T = float>
struct box_code_of {
  using type = offsets<T>;
};
/// Of a coder that says what its code is.
template <class C, class T>
  requires requires { typename C::template box_code<T>; }
struct box_code_of<C, T> {
  using type = typename C::template box_code<T>;
};
/// The record that a coder's network regresses for a box.
template <class C, class T = float>
using box_code_t = typename box_code_of<C, T>::type;

/// The same of landmarks.
template <class C, class Schema, class T = float>
struct landmark_code_of {
  using type = landmark_offsets<T, Schema>;
};
/// Of a coder that says what its code of landmarks is.
template <class C, class Schema, class T>
  requires requires { typename C::template landmark_code<T, Schema>; }
struct landmark_code_of<C, Schema, T> {
  using type = typename C::template landmark_code<T, Schema>;
};
/// The record that a coder's network regresses for the landmarks of a schema.
template <class C, class Schema, class T = float>
using landmark_code_t = typename landmark_code_of<C, Schema, T>::type;

/// A coder of boxes. Yours is accepted wherever centre_size_coder is: write these two.
template <class C, class T = float>
concept box_coder =
    record<box_code_t<C, T>> &&
    requires(const C& c, box<T> truth, box_code_t<C, T> code, centre_box<T> anchor) {
      { c.encode(truth, anchor) } -> std::same_as<box_code_t<C, T>>;
      { c.decode(code, anchor) } -> std::same_as<box<T>>;
    };

/// A coder of boxes and of the landmarks of a schema: two more, where it has any.
template <class C, class Schema, class T = float>
concept coder =
    box_coder<C, T> &&
    (Schema::count == 0 || requires(const C& c, landmarks<T, Schema> truth,
                                    landmark_code_t<C, Schema, T> code, centre_box<T> anchor) {
      { c.encode(truth, anchor) } -> std::same_as<landmark_code_t<C, Schema, T>>;
      { c.decode(code, anchor) } -> std::same_as<landmarks<T, Schema>>;
    });

namespace detail {
/// Who takes a coder ends a mistake in one of these sentences.
template <class C, class Schema>
[[nodiscard]] consteval bool expect_coder()
{
  static_assert(box_coder<C>,
                "a coder must have encode(box<T>, centre_box<T>) and decode of its code, const, "
                "which give offsets<T>, or the box_code<T> that it names, and box<T>: see "
                "retinue/formulas/coders.hpp");
  static_assert(!box_coder<C> || coder<C, Schema>,
                "a coder for a schema with landmarks must encode and decode these, too: "
                "landmarks<T, Schema> to landmark_offsets<T, Schema>, or the landmark_code that "
                "it names, and back");
  return true;
}
}  // namespace detail

/// Codes centres by the anchor's sides, sides by their logarithm, landmarks like centres.
struct centre_size_coder {
  static constexpr std::string_view kind = "centre_size";  ///< in a configuration

  /// Each landmark is coded by itself, so that a program may do one at a time.
  static constexpr bool point_by_point = true;

  double centre = 0.1;  ///< an offset of 1 moves a point by this share of the anchor's side; > 0
  double size = 0.2;    ///< an offset of 1 multiplies a side by exp of this; > 0

  /// decode makes no side more than exp of this times the anchor's: an untrained network may say
  /// dw = 1000. The default is torchvision's and detectron2's, a 16 pixel anchor to 1000 pixels.
  double largest_log = std::log(1000.0 / 16.0);

  /// Compatibility: no clamp, so that exp may overflow to infinity, as in seeds 000 to 003.
  [[nodiscard]] static constexpr centre_size_coder unclamped(double centre = 0.1, double size = 0.2)
  {
    return {centre, size, std::numeric_limits<double>::infinity()};
  }

  /// Every width and height must be positive: a truth of width 0 encodes to -infinity.
  template <class T>
    requires coordinate<T, scalar_of_t<T>>
  [[nodiscard]] RETINUE_HD offsets<T> encode(const box<T>& truth, const centre_box<T>& anchor) const
  {
    using detail::log;
    using S = scalar_of_t<T>;
    const centre_box<T> t = to_centre(truth);
    return {T((t.cx - anchor.cx) / (anchor.w * S(centre))),
            T((t.cy - anchor.cy) / (anchor.h * S(centre))), T(log(T(t.w / anchor.w)) / S(size)),
            T(log(T(t.h / anchor.h)) / S(size))};
  }

  template <class T>
    requires coordinate<T, scalar_of_t<T>>
  [[nodiscard]] RETINUE_HD box<T> decode(const offsets<T>& o, const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    const T cx = anchor.cx + o.dx * S(centre) * anchor.w;
    const T cy = anchor.cy + o.dy * S(centre) * anchor.h;
    const T w = anchor.w * growth(o.dw), h = anchor.h * growth(o.dh);
    const T x1 = cx - w / S(2), y1 = cy - h / S(2);
    return {x1, y1, T(x1 + w), T(y1 + h)};
  }

  /// A third coordinate is a length in the unit of x, coded by the anchor's width.
  template <class T, landmark_schema Schema>
    requires coordinate<T, scalar_of_t<T>>
  [[nodiscard]] RETINUE_HD landmark_offsets<T, Schema> encode(const landmarks<T, Schema>& truth,
                                                              const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    landmark_offsets<T, Schema> o;
    for (std::size_t k = 0; k < Schema::count; ++k) {
      o.points[k][0] = (truth.points[k][0] - anchor.cx) / (anchor.w * S(centre));
      o.points[k][1] = (truth.points[k][1] - anchor.cy) / (anchor.h * S(centre));
      if constexpr (Schema::dimension == 3)
        o.points[k][2] = truth.points[k][2] / (anchor.w * S(centre));
    }
    return o;
  }

  template <class T, landmark_schema Schema>
    requires coordinate<T, scalar_of_t<T>>
  [[nodiscard]] RETINUE_HD landmarks<T, Schema> decode(const landmark_offsets<T, Schema>& o,
                                                       const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    landmarks<T, Schema> marks;
    for (std::size_t k = 0; k < Schema::count; ++k) {
      marks.points[k][0] = anchor.cx + o.points[k][0] * S(centre) * anchor.w;
      marks.points[k][1] = anchor.cy + o.points[k][1] * S(centre) * anchor.h;
      if constexpr (Schema::dimension == 3)
        marks.points[k][2] = o.points[k][2] * S(centre) * anchor.w;
    }
    return marks;
  }

 private:
  template <class T>
  RETINUE_HD T growth(const T& log_ratio) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    const T scaled = log_ratio * S(size);
    return exp(minimum_of(scaled, fill_like(scaled, S(largest_log))));
  }
};

static_assert(coder<centre_size_coder, schemas::face5> && coder<centre_size_coder, schemas::none> &&
              coder<centre_size_coder, schemas::face68, double>);

}  // namespace retinue
