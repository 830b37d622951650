// SPDX-License-Identifier: Apache-2.0
// What a box and its landmarks cost, of your own.
//
// The box: how far apart it and its truth are as two normal distributions, whose means are the
// centres and whose deviations are half the sides (Wang 2021, for tiny objects): such a distance
// falls smoothly from wherever the box is. The landmarks: the logarithm of the hyperbolic cosine.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>

using namespace retinue;

namespace {
struct gaussian_loss {
  double far = 0.05;  // the unit of distances: fractions of the picture, as the boxes are

  template <class T>  // a number, a packet, a column, or a number with slopes
  T operator()(const box<T>& predicted, const box<T>& truth) const
  {
    using std::exp;  // of numbers; that of other T is found beside T
    using S = scalar_of_t<T>;
    const centre_box<T> p = to_centre(predicted), t = to_centre(truth);
    const T x = p.cx - t.cx, y = p.cy - t.cy, w = (p.w - t.w) / S(2), h = (p.h - t.h) / S(2);
    const T apart = (x * x + y * y + w * w + h * h) / S(far * far);
    return fill_like(apart, 1) - T(exp(T(apart * S(-1))));
  }
};
static_assert(overlap_loss<gaussian_loss> && box_loss<gaussian_loss, centre_size_coder>);

struct log_cosh {  // of a residual: its value, and its slope
  template <class T>
  T value(const T& d) const
  {
    return softplus(T(d * scalar_of_t<T>(2))) - d - fill_like(d, std::log(2.0));
  }
  template <class T>
  T slope(const T& d) const
  {
    return sigmoid(T(d * scalar_of_t<T>(2))) * scalar_of_t<T>(2) - fill_like(d, 1);
  }
};
static_assert(residual_loss<log_cosh> && landmark_loss<log_cosh, schemas::plate4>);

using settings =
    multibox_settings<schemas::plate4, centre_size_coder, hard_negatives, gaussian_loss, log_cosh>;
}  // namespace

int main()
{
  const box<float> truth{0.40f, 0.40f, 0.44f, 0.46f};
  for (const float right : {0.0f, 0.02f, 0.10f}) {
    // A number with slopes: how the loss changes with each side of the predicted box.
    using sloped = dual<float, 4>;
    box<sloped> said, is;
    for (std::size_t c = 0; c < 4; ++c) {
      said[c] = sloped::input(truth[c] + (c % 2 == 0 ? right : 0), c);
      is[c] = sloped::constant(truth[c]);
    }
    const sloped cost = gaussian_loss{}(said, is);
    std::printf("%.2f to the right: costs %.4f, a thousandth further %.4f more\n", right,
                cost.value, (cost.slope[0] + cost.slope[2]) / 1000);
  }
  std::printf("landmarks: %.4f at 1, as steep as %.4f\n", log_cosh{}.value(1.0),
              log_cosh{}.slope(1.0));
  settings().check();
}

// Output:
//   0.00 to the right: costs 0.0000, a thousandth further 0.0000 more
//   0.02 to the right: costs 0.1479, a thousandth further 0.0136 more
//   0.10 to the right: costs 0.9817, a thousandth further 0.0015 more
//   landmarks: 0.4338 at 1, as steep as 0.7616
