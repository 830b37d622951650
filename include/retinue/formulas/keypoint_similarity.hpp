// SPDX-License-Identifier: Apache-2.0
// How alike two sets of landmarks are, by COCO's object-keypoint similarity (Lin 2014; the
// dataset's evaluation of keypoints):
//
//   similarity of one point   exp(-d^2 / (8 sigma^2 area))
//   keypoint_loss             the mean of 1 - similarity over the points that are visible
//
// d is how far the point lies from the truth, in the unit of whose square the object's area is;
// sigma says how exactly people mark that point, as a share of the object's size. (COCO's k is
// 2 sigma, and its exponent -d^2 / (2 area k^2).) T is a number, a packet or a column.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // fill_like
#include <retinue/formulas/overlap.hpp>     // detail::share
#include <retinue/landmarks.hpp>            // landmarks

#include <array>
#include <concepts>
#include <cstddef>

namespace retinue {

/// A loss of all landmarks of an object, where they lie: be callable with those predicted, the true
/// ones, which of them count (1, else 0), and the area of the object, all templates over T.
template <class L, class Schema, class T = float>
concept points_loss = landmark_schema<Schema> &&
                      requires(const L& loss, const landmarks<T, Schema>& points,
                               const std::array<T, Schema::count>& visible, const T& area) {
                        { loss(points, points, visible, area) } -> std::same_as<T>;
                      };

/// How alike one point is to its truth, 0 to 1; 1 where it lies on it.
template <class T>
[[nodiscard]] RETINUE_HD T keypoint_similarity(const T& squared_distance, double sigma,
                                               const T& area)
{
  using detail::exp;
  using S = scalar_of_t<T>;
  const T scale = area * S(8 * sigma * sigma);
  return T(exp(T(detail::share<T>(squared_distance, scale) * S(-1))));
}

/// A points_loss: the mean of 1 - similarity over the points that are visible.
template <landmark_schema Schema>
struct keypoint_loss {
  std::array<double, Schema::count> sigmas = equal();  ///< > 0 each

  /// 1 / count for all, as where nobody has measured them.
  [[nodiscard]] static constexpr std::array<double, Schema::count> equal()
  {
    std::array<double, Schema::count> all{};
    for (double& sigma : all) sigma = 1.0 / static_cast<double>(Schema::count);
    return all;
  }
  /// Those of COCO's 17 points.
  [[nodiscard]] static constexpr keypoint_loss coco()
    requires(Schema::count == 17)
  {
    return {{.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087,
             .087, .089, .089}};
  }

  /// 0 of an object without visible points.
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const landmarks<T, Schema>& predicted,
                                        const landmarks<T, Schema>& truth,
                                        const std::array<T, Schema::count>& visible,
                                        const T& area) const
  {
    T sum = fill_like(area, 0), count = sum;
    for (std::size_t k = 0; k < Schema::count; ++k) {
      T squares = fill_like(area, 0);
      for (std::size_t c = 0; c < Schema::dimension; ++c) {
        // A point that is not visible may lie nowhere at all.
        const T zero = fill_like(area, 0);
        const T d =
            pick_less(zero, visible[k], T(predicted.points[k][c] - truth.points[k][c]), zero);
        squares = squares + d * d;
      }
      const T apart = fill_like(area, 1) - keypoint_similarity(squares, sigmas[k], area);
      sum = sum + apart * visible[k];
      count = count + visible[k];
    }
    return detail::share<T>(sum, count);
  }
};

}  // namespace retinue
