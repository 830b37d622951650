// SPDX-License-Identifier: Apache-2.0
// The distance of each side as a distribution over bins: GFL, NanoDet, YOLOv8, D-FINE.
//
//   distance   sum_i at_i softmax(x)_i      in anchor sides, for each of left, top, right, bottom
//
// The anchor's centre is where distances start and its sides, the stride where anchors are points,
// are their unit. GFL's bins stand at 0, 1, 2, ... (Li 2020, eq. 4 and 5); those of D-FINE stand
// close around half a side, and further apart beyond (Peng 2024, section 4.1).
//
// encode gives logits of the two bins beside a distance, whose softmax is that distance; distances
// beyond the first and the last bin become those. The loss of GFL learns from `within` instead.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coders.hpp>      // coder
#include <retinue/formulas/coordinate.hpp>  // scalar_of_t
#include <retinue/formulas/distances.hpp>   // distance_coder
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/landmarks.hpp>            // landmarks

#include <array>
#include <cmath>
#include <cstddef>

namespace retinue {

/// Logits of the bins of the left side, then of the top, the right and the bottom.
template <class T, std::size_t Bins>
struct distributions {
  using value_type = T;
  template <class U>
  using rebind = distributions<U, Bins>;
  static constexpr std::size_t width = 4 * Bins;

  std::array<std::array<T, Bins>, 4> side{};

  RETINUE_HD constexpr T& operator[](std::size_t i) { return side[i / Bins][i % Bins]; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const { return side[i / Bins][i % Bins]; }
  friend bool operator==(const distributions&, const distributions&) = default;
};
static_assert(record<distributions<float, 17>>);

namespace detail {
template <std::size_t Bins>
[[nodiscard]] constexpr std::array<double, Bins> whole_bins()
{
  std::array<double, Bins> at{};
  for (std::size_t i = 0; i < Bins; ++i) at[i] = static_cast<double>(i);
  return at;
}
}  // namespace detail

/// 17 bins are GFL's reg_max of 16; 16 are that of YOLOv8, 8 that of NanoDet.
template <std::size_t Bins = 17>
struct distribution_coder {
  static_assert(Bins >= 2, "a distribution needs two bins or more");

  template <class T>
  using box_code = distributions<T, Bins>;

  std::array<double, Bins> at = detail::whole_bins<Bins>();  ///< rising, in anchor sides

  /// GFL's where anchors are squares of so many strides, as ATSS has them, and distances are in
  /// strides: 8 in MMDetection.
  [[nodiscard]] static distribution_coder gfl(double strides = 8)
  {
    distribution_coder coder;
    for (double& bin : coder.at) bin /= strides;
    return coder;
  }
  /// Around half a side of a box that is refined: W(n) of the paper with its a and c.
  [[nodiscard]] static distribution_coder d_fine(double a = 0.5, double c = 0.25)
    requires(Bins >= 5 && Bins % 2 == 1)
  {
    distribution_coder coder;
    const int n = static_cast<int>(Bins) - 1;
    for (int i = 0; i <= n; ++i) {
      const int from_middle = i < n - i ? n - 2 * i : 2 * i - n;
      const double far =
          i == 0 || i == n ? 2 * a : c * std::pow(a / c + 1, double(from_middle) / (n - 2)) - c;
      coder.at[static_cast<std::size_t>(i)] = 0.5 + (2 * i < n ? -far : far);
    }
    return coder;
  }

  template <class T>
  [[nodiscard]] RETINUE_HD distributions<T, Bins> encode(const box<T>& truth,
                                                         const centre_box<T>& anchor) const
  {
    using detail::log;
    using S = scalar_of_t<T>;
    const distances<T> to = within(truth, anchor);
    distributions<T, Bins> code;
    for (std::size_t s = 0; s < 4; ++s)
      for (std::size_t i = 0; i < Bins; ++i) {
        // Its share falls from 1 to 0 on the way to the bins beside it.
        const double below = i > 0 ? at[i] - at[i - 1] : 1,
                     above = i + 1 < Bins ? at[i + 1] - at[i] : 1;
        const T past = to[s] + S(-at[i]);
        const T share = minimum_of(T(past * S(1 / below) + S(1)), T(past * S(-1 / above) + S(1)));
        code.side[s][i] = T(log(T(maximum_of(share, fill_like(share, S(1e-30))))));
      }
    return code;
  }
  template <class T>
  [[nodiscard]] RETINUE_HD box<T> decode(const distributions<T, Bins>& code,
                                         const centre_box<T>& anchor) const
  {
    return distance_coder{}.decode(distances<T>{expected(code.side[0]), expected(code.side[1]),
                                                expected(code.side[2]), expected(code.side[3])},
                                   anchor);
  }

  /// The distances of a truth, no less than the first bin and no more than the last.
  template <class T>
  [[nodiscard]] RETINUE_HD distances<T> within(const box<T>& truth,
                                               const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    distances<T> d = distance_coder{}.encode(truth, anchor);
    for (std::size_t s = 0; s < 4; ++s)
      d[s] = T(minimum_of(T(maximum_of(d[s], fill_like(d[s], S(at.front())))),
                          fill_like(d[s], S(at.back()))));
    return d;
  }

  /// Where among the bins a distance lies: 1.5 is half-way from the second to the third.
  template <class T>
  [[nodiscard]] RETINUE_HD T place(const T& distance) const
  {
    using S = scalar_of_t<T>;
    const T zero = fill_like(distance, 0), one = fill_like(distance, 1);
    T sum = zero;
    for (std::size_t i = 0; i + 1 < Bins; ++i) {
      const T past = (distance + S(-at[i])) * S(1 / (at[i + 1] - at[i]));
      sum = sum + minimum_of(maximum_of(past, zero), one);
    }
    return sum;
  }

  /// Landmarks as distance_coder has them.
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmark_offsets<T, Schema> encode(const landmarks<T, Schema>& truth,
                                                              const centre_box<T>& anchor) const
  {
    return distance_coder{}.encode(truth, anchor);
  }
  template <class T, landmark_schema Schema>
  [[nodiscard]] RETINUE_HD landmarks<T, Schema> decode(const landmark_offsets<T, Schema>& o,
                                                       const centre_box<T>& anchor) const
  {
    return distance_coder{}.decode(o, anchor);
  }

 private:
  template <class T>
  [[nodiscard]] RETINUE_HD T expected(const std::array<T, Bins>& x) const
  {
    using detail::exp;
    using S = scalar_of_t<T>;
    T most = x[0];
    for (std::size_t i = 1; i < Bins; ++i) most = maximum_of(most, x[i]);
    T all = fill_like(most, 0), sum = all;
    for (std::size_t i = 0; i < Bins; ++i) {
      const T share = T(exp(T(x[i] - most)));
      all = all + share;
      sum = sum + share * S(at[i]);
    }
    return T(sum / all);
  }
};

}  // namespace retinue
