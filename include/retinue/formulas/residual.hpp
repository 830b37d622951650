// SPDX-License-Identifier: Apache-2.0
// Losses of one residual d = prediction - target.
//
//   smooth_l1(d)   d^2 / (2 beta)              |d| <  beta     Girshick 2015, eq. 3, for beta = 1
//                  |d| - beta / 2              |d| >= beta
//   wing(d)        w ln(1 + |d| / epsilon)     |d| <  w        Feng 2018, eq. 5
//                  |d| - w + w ln(1 + w / epsilon)   |d| >= w
//   l1(d)          |d|
//   balanced_l1(d) alpha / b (b |d| + 1) ln(b |d| / beta + 1) - alpha |d|   |d| < beta
//                  gamma |d| + gamma / b - alpha beta                       |d| >= beta
//                  b = exp(gamma / alpha) - 1         Pang 2019 (Libra R-CNN), eq. 8 to 10
//   adaptive_wing(d, y)   omega ln(1 + (|d| / epsilon)^(alpha - y))     |d| <  theta
//                         goes on straight, as steep as there           |d| >= theta
//                  y is what the pixel of a heat map should be          Wang 2019, eq. 3
//
// T is a number, a packet or a column. slope is the derivative; at 0 it is 0.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // minimum_of, fill_like
#include <retinue/formulas/dual.hpp>        // dual

#include <cmath>
#include <concepts>
#include <string_view>

namespace retinue {

/// A loss of your own: the value at a residual, and its derivative there.
template <class L, class T = float>
concept residual_loss = requires(const L& loss, const T& d) {
  { loss.value(d) } -> std::same_as<T>;
  { loss.slope(d) } -> std::same_as<T>;
};

/// A parabola near 0, straight beyond (Girshick 2015, eq. 3).
struct smooth_l1 {
  static constexpr std::string_view kind = "smooth_l1";  ///< in a configuration

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
  static constexpr std::string_view kind = "wing";  ///< in a configuration

  double width = 10;   ///< where the logarithm ends, in units of the residual; > 0
  double epsilon = 2;  ///< the smaller, the steeper near 0; > 0

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    using detail::abs, detail::log;
    using S = scalar_of_t<T>;
    const T size = abs(d);
    const T end = fill_like(size, S(width)), bent = pick_less(size, end, size, end);
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

namespace detail {
/// The derivative of a loss that writes down its value alone.
template <class Loss, class T>
[[nodiscard]] RETINUE_HD T slope_of(const Loss& loss, const T& d)
{
  return loss.value(dual<T, 1>::input(d, 0)).slope[0];
}
}  // namespace detail

/// What smooth_l1 would be where its parabola ends at 0.
struct l1 {
  static constexpr std::string_view kind = "l1";  ///< in a configuration

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    using detail::abs;
    return T(abs(d));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T slope(const T& d) const
  {
    return detail::slope_of(*this, d);
  }
};

/// The balanced L1 loss of a residual (Pang 2019, eq. 8 to 10).
struct balanced_l1 {
  static constexpr std::string_view kind = "balanced_l1";  ///< in a configuration

  double alpha = 0.5;  ///< how much the small residuals pull; > 0
  double gamma = 1.5;  ///< the slope of large ones; > 0
  double beta = 1;     ///< where they begin; > 0. The curve has no step there for 1, the paper's

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    using detail::abs, detail::log;
    using S = scalar_of_t<T>;
    const double b = std::exp(gamma / alpha) - 1;
    const T size = abs(d);
    const T grown = size * S(b) + S(1), bent = size * S(b / beta) + S(1);
    const T inner = grown * log(bent) * S(alpha / b) + size * S(-alpha);
    const T outer = size * S(gamma) + S(gamma / b - alpha * beta);
    return pick_less(size, fill_like(size, S(beta)), inner, outer);
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T slope(const T& d) const
  {
    return detail::slope_of(*this, d);
  }
};

/// Of a heat map's pixel it is called with what was said and what should be; as a loss of residuals
/// it is that of a background's pixel, y = 0.
struct adaptive_wing {
  double alpha = 2.1;  ///< > 1 and > 1 + y: flat at 0, as wing is not
  double omega = 14;   ///< > 0
  double epsilon = 1;  ///< > 0
  double theta = 0.5;  ///< where the straight line begins; > 0

  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d, const T& y) const
  {
    using detail::abs, detail::exp, detail::log;
    using S = scalar_of_t<T>;
    const T size = abs(d), power = y * S(-1) + S(alpha);
    const T end_of_curve = fill_like(size, S(theta));
    const T bent = pick_less(size, end_of_curve, size, end_of_curve);
    const T near = detail::power_by(T(bent / S(epsilon)), power) + S(1);
    const T end = exp(T(power * S(std::log(theta / epsilon))));
    const T steep = power * end / (end + S(1)) * S(omega / theta);
    return T(log(near) * S(omega) + steep * (size - bent));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T operator()(const T& said, const T& y) const
  {
    return value(T(said - y), y);
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T value(const T& d) const
  {
    return value(d, fill_like(d, 0));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T slope(const T& d) const
  {
    return detail::slope_of(*this, d);
  }
};

static_assert(residual_loss<smooth_l1> && residual_loss<wing, double> && residual_loss<l1> &&
              residual_loss<balanced_l1> && residual_loss<adaptive_wing, double>);

}  // namespace retinue
