// SPDX-License-Identifier: Apache-2.0
// Centre and size with a mean and a standard deviation for each number: Faster R-CNN as MMDetection
// and detectron2 configure it.
//
//   encode   dx = ((truth.cx - anchor.cx) / anchor.w - mean_x) / std_x
//            dw = (log(truth.w / anchor.w) - mean_w) / std_w              dy, dh: with cy and h
//   decode   the inverse, each logarithm kept within +-largest_log before exp
//
// centre_size_coder is this with no means, one std of centres and one of sizes.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coders.hpp>      // offsets
#include <retinue/formulas/coordinate.hpp>  // scalar_of_t
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/landmarks.hpp>            // landmarks

#include <cmath>
#include <cstddef>
#include <string_view>

namespace retinue {

/// Codes boxes and landmarks as at the top of this header.
struct delta_coder {
  static constexpr std::string_view kind = "deltas";  ///< in a configuration

  /// Each landmark is coded by itself, so that a program may do one at a time.
  static constexpr bool point_by_point = true;

  offsets<double> means{0, 0, 0, 0};
  offsets<double> stds{1, 1, 1, 1};              ///< each more than 0
  double largest_log = std::log(1000.0 / 16.0);  ///< as in centre_size_coder

  /// Every width and height must be positive.
  template <class T>
  [[nodiscard]] RETINUE_HD offsets<T> encode(const box<T>& truth, const centre_box<T>& anchor) const
  {
    using detail::log;
    const centre_box<T> t = to_centre(truth);
    return {coded(T((t.cx - anchor.cx) / anchor.w), 0), coded(T((t.cy - anchor.cy) / anchor.h), 1),
            coded(T(log(T(t.w / anchor.w))), 2), coded(T(log(T(t.h / anchor.h))), 3)};
  }
  template <class T>
  [[nodiscard]] RETINUE_HD box<T> decode(const offsets<T>& o, const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    const T cx = anchor.cx + raw(o.dx, 0) * anchor.w, cy = anchor.cy + raw(o.dy, 1) * anchor.h;
    const T w = anchor.w * growth(raw(o.dw, 2)), h = anchor.h * growth(raw(o.dh, 3));
    const T x1 = cx - w / S(2), y1 = cy - h / S(2);
    return {x1, y1, T(x1 + w), T(y1 + h)};
  }

  /// Landmarks like centres, but without a mean; a third coordinate like the first.
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmark_offsets<T, Schema> encode(const landmarks<T, Schema>& truth,
                                                              const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    landmark_offsets<T, Schema> o;
    for (std::size_t k = 0; k < Schema::count; ++k) {
      o.points[k][0] = (truth.points[k][0] - anchor.cx) / (anchor.w * S(stds.dx));
      o.points[k][1] = (truth.points[k][1] - anchor.cy) / (anchor.h * S(stds.dy));
      if constexpr (Schema::dimension == 3)
        o.points[k][2] = truth.points[k][2] / (anchor.w * S(stds.dx));
    }
    return o;
  }
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmarks<T, Schema> decode(const landmark_offsets<T, Schema>& o,
                                                       const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    landmarks<T, Schema> marks;
    for (std::size_t k = 0; k < Schema::count; ++k) {
      marks.points[k][0] = anchor.cx + o.points[k][0] * S(stds.dx) * anchor.w;
      marks.points[k][1] = anchor.cy + o.points[k][1] * S(stds.dy) * anchor.h;
      if constexpr (Schema::dimension == 3)
        marks.points[k][2] = o.points[k][2] * S(stds.dx) * anchor.w;
    }
    return marks;
  }

 private:
  template <class T>
  [[nodiscard]] RETINUE_HD T coded(const T& value, std::size_t i) const
  {
    using S = scalar_of_t<T>;
    return T((value + S(-means[i])) / S(stds[i]));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T raw(const T& code, std::size_t i) const
  {
    using S = scalar_of_t<T>;
    return T(code * S(stds[i]) + S(means[i]));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T growth(const T& ratio) const
  {
    using detail::exp;
    const auto most = static_cast<scalar_of_t<T>>(largest_log);
    return T(
        exp(T(maximum_of(T(minimum_of(ratio, fill_like(ratio, most))), fill_like(ratio, -most)))));
  }
};

}  // namespace retinue
