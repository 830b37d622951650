// SPDX-License-Identifier: Apache-2.0
// Losses of one residual d = prediction - target.
//
//   smooth_l1(d)   d^2 / (2 beta)              |d| <  beta     Girshick 2015, eq. 3, for beta = 1
//                  |d| - beta / 2              |d| >= beta
//   wing(d)        w ln(1 + |d| / epsilon)     |d| <  w        Feng 2018, eq. 5
//                  |d| - w + w ln(1 + w / epsilon)   |d| >= w
//
// T is a number, a packet or a column. slope is the derivative; at 0 it is 0.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // minimum_of, fill_like

#include <concepts>

namespace retinue {

/// A loss of your own: the value at a residual, and its derivative there.
template <class L, class T = float>
concept residual_loss = requires(const L& loss, const T& d) {
  { loss.value(d) } -> std::same_as<T>;
  { loss.slope(d) } -> std::same_as<T>;
};

/// A parabola near 0, straight beyond (Girshick 2015, eq. 3).
struct smooth_l1 {
  double beta = 1;  ///< where the parabola ends; > 0

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    using detail::abs;
    using S = scalar_of_t<T>;
    const T size = abs(d);
    const T bent = minimum_of(size, fill_like(size, S(beta)));
    return T(bent * (size - bent * S(0.5)) / S(beta));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T slope(const T& d) const
  {
    using S = scalar_of_t<T>;
    const T below = minimum_of(d, fill_like(d, S(beta)));
    return T(maximum_of(below, fill_like(d, S(-beta))) / S(beta));
  }
};

/// Steep near 0, where the last pixels of a landmark count (Feng 2018, eq. 5).
struct wing {
  double width = 10;   ///< where the logarithm ends, in units of the residual; > 0
  double epsilon = 2;  ///< the smaller, the steeper near 0; > 0

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    using detail::abs, detail::log;
    using S = scalar_of_t<T>;
    const T size = abs(d);
    const T bent = minimum_of(size, fill_like(size, S(width)));
    const T grown = bent / S(epsilon) + S(1);
    return T(log(grown) * S(width) + (size - bent));
  }
  template <std::floating_point T>
  [[nodiscard]] RETINUE_HD T slope(const T& d) const
  {
    const T size = d < 0 ? -d : d;
    const T steep = size < T(width) ? T(width) / (T(epsilon) + size) : T(1);
    return d > 0 ? steep : d < 0 ? -steep : d;
  }
};

static_assert(residual_loss<smooth_l1> && residual_loss<wing, double>);

}  // namespace retinue
