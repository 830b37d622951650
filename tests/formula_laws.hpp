// SPDX-License-Identifier: Apache-2.0
// Laws that every formula obeys, whatever the value type and the number of landmarks:
//   decode inverts encode; a packet or a column equals as many numbers; overlap is symmetric and
//   bounded, and what its definition says.
#pragma once

#include "catch.hpp"
#include "values.hpp"

#include <retinue/formulas/coders.hpp>
#include <retinue/formulas/deltas.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/formulas/distributions.hpp>
#include <retinue/formulas/overlap.hpp>

#include <algorithm>
#include <cmath>
#include <random>

namespace retinue::test {

class drawing {
 public:
  double between(double from, double to)
  {
    return std::uniform_real_distribution<double>(from, to)(random_);
  }

  /// Boxes of 0.01 to 0.5, anywhere in the image.
  template <class T>
  box<T> corners()
  {
    double x = 0, y = 0;
    return record_from<box<T>>([&](std::size_t c) {
      return c == 0   ? x = between(0, 1)
             : c == 1 ? y = between(0, 1)
                      : (c == 2 ? x : y) + between(0.01, 0.5);
    });
  }
  template <class T>
  centre_box<T> centre()
  {
    return record_from<centre_box<T>>(
        [&](std::size_t c) { return c < 2 ? between(0, 1) : between(0.02, 0.4); });
  }
  template <class R>
  R any(double from, double to)
  {
    return record_from<R>([&](std::size_t) { return between(from, to); });
  }

 private:
  std::mt19937 random_{20};
};

/// Equal component by component, relative to 1 or to the value.
template <class R>
void require_near(const R& a, const R& b, double tolerance)
{
  double worst = 0;
  for (std::size_t c = 0; c < R::width; ++c)
    worst = std::max(worst, std::abs(a[c] - b[c]) / std::max(1.0, std::abs(b[c])));
  REQUIRE(worst <= tolerance);
}

/// Equal row by row, within so many roundings of the type.
template <class R>
void require_equal(const R& a, const R& b, double roundings)
{
  using T = typename R::value_type;
  for (std::size_t row = 0; row < value<T>::rows; ++row)
    require_near(row_of(a, row), row_of(b, row), roundings * value<T>::tolerance);
}

template <class T, class Schema>
void check_coder()
{
  drawing draw;
  const centre_size_coder coder;
  for (int round = 0; round < 20; ++round) {
    const auto anchor = draw.centre<T>();
    const auto truth = draw.corners<T>();
    const auto o = coder.encode(truth, anchor);
    require_equal(coder.decode(o, anchor), truth, 4);

    const auto marks = draw.any<landmarks<T, Schema>>(-0.5, 1.5);
    const auto regressed = coder.encode(marks, anchor);
    require_equal(coder.decode(regressed, anchor), marks, 8);

    // The same rows, one number at a time and in double.
    const auto far = draw.any<offsets<T>>(-8, 8);
    const auto decoded = coder.decode(far, anchor);
    const auto pulled = draw.any<landmark_offsets<T, Schema>>(-8, 8);
    const auto placed = coder.decode(pulled, anchor);
    for (std::size_t row = 0; row < value<T>::rows; ++row) {
      const auto a = row_of(anchor, row);
      require_near(row_of(decoded, row), coder.decode(row_of(far, row), a),
                   4 * value<T>::tolerance);
      require_near(row_of(placed, row), coder.decode(row_of(pulled, row), a),
                   4 * value<T>::tolerance);
    }
  }
}

/// The same laws for any coder: truths lie around the anchor's centre, at no more than `most` of
/// its sides.
template <class T, class Schema, class Coder>
void check_any_coder(const Coder& coder, double most)
{
  static_assert(retinue::coder<Coder, Schema, T>);
  drawing draw;
  for (int round = 0; round < 20; ++round) {
    const auto anchor = draw.centre<T>();
    const auto to = draw.any<distances<T>>(0.02, most);
    const auto truth = distance_coder{}.decode(to, anchor);
    const auto code = coder.encode(truth, anchor);
    require_equal(coder.decode(code, anchor), truth, 40);

    const auto marks = draw.any<landmarks<T, Schema>>(-0.5, 1.5);
    const auto regressed = coder.encode(marks, anchor);
    require_equal(coder.decode(regressed, anchor), marks, 8);

    const auto any = draw.any<box_code_t<Coder, T>>(-3, 3);
    const auto decoded = coder.decode(any, anchor);
    for (std::size_t row = 0; row < value<T>::rows; ++row)
      require_near(row_of(decoded, row), coder.decode(row_of(any, row), row_of(anchor, row)),
                   20 * value<T>::tolerance);
  }
}

/// All that code boxes in another way than centre_size_coder.
template <class T, class Schema>
void check_other_coders()
{
  check_any_coder<T, Schema>(distance_coder{}, 3);
  check_any_coder<T, Schema>(distance_coder{.logarithmic = true}, 3);
  check_any_coder<T, Schema>(
      delta_coder{.means = {0.1, -0.2, 0.3, 0}, .stds = {0.1, 0.2, 0.3, 0.4}}, 3);
  check_any_coder<T, Schema>(distribution_coder<17>{}, 15.9);
  check_any_coder<T, Schema>(distribution_coder<8>{}, 6.9);
  check_any_coder<T, Schema>(distribution_coder<33>::d_fine(), 1.4);
}

template <class T>
void check_overlap()
{
  drawing draw;
  const double tolerance = 20 * value<T>::tolerance;
  for (int round = 0; round < 20; ++round) {
    const auto a = draw.corners<T>(), b = draw.corners<T>();
    const T shared = iou(a, b), mirrored = iou(b, a), covered = iof(a, b), g = giou(a, b),
            d = diou(a, b), c = ciou(a, b), self = iou(a, a);
    for (std::size_t row = 0; row < value<T>::rows; ++row) {
      const auto x = row_of(a, row), y = row_of(b, row);
      const double w = std::max(0.0, std::min(x.x2, y.x2) - std::max(x.x1, y.x1));
      const double h = std::max(0.0, std::min(x.y2, y.y2) - std::max(x.y1, y.y1));
      const double area_x = (x.x2 - x.x1) * (x.y2 - x.y1), area_y = (y.x2 - y.x1) * (y.y2 - y.y1);
      const double joint = area_x + area_y - w * h, expected = w * h / joint;
      const double hw = std::max(x.x2, y.x2) - std::min(x.x1, y.x1);
      const double hh = std::max(x.y2, y.y2) - std::min(x.y1, y.y1);
      const double dx = (x.x1 + x.x2 - y.x1 - y.x2) / 2, dy = (x.y1 + x.y2 - y.y1 - y.y2) / 2;
      const double distance = (dx * dx + dy * dy) / (hw * hw + hh * hh);
      const double turn =
          std::atan((x.x2 - x.x1) / (x.y2 - x.y1)) - std::atan((y.x2 - y.x1) / (y.y2 - y.y1));
      const double v = 4 / (M_PI * M_PI) * turn * turn;
      const auto at = [&](const T& t) { return value<T>::at(t, row); };
      REQUIRE(std::abs(at(shared) - expected) < tolerance);
      REQUIRE(at(shared) == at(mirrored));
      REQUIRE(std::abs(at(self) - 1) < tolerance);
      REQUIRE(std::abs(at(covered) - w * h / area_x) < tolerance);
      REQUIRE(std::abs(at(g) - (expected - (hw * hh - joint) / (hw * hh))) < tolerance);
      REQUIRE(std::abs(at(d) - (expected - distance)) < tolerance);
      REQUIRE(std::abs(at(c) - (expected - distance - v * v / (1 - expected + v))) < tolerance);
    }
  }
}

/// Of floats, every operation rounded by itself, as a store to memory does.
inline float iou_by_steps(const box<float>& a, const box<float>& b)
{
  const auto product = [](float x, float y) {
    const volatile float rounded = x * y;
    return rounded;
  };
  const float area_a = product(a.x2 - a.x1, a.y2 - a.y1),
              area_b = product(b.x2 - b.x1, b.y2 - b.y1);
  const float shared = product(std::max(0.0f, std::min(a.x2, b.x2) - std::max(a.x1, b.x1)),
                               std::max(0.0f, std::min(a.y2, b.y2) - std::max(a.y1, b.y1)));
  return shared / (area_a + area_b - shared);
}

/// Bit for bit: with a product fused into a sum, one pair in five would differ.
template <class T>
void check_rounding()
{
  drawing draw;
  for (int round = 0; round < 200; ++round) {
    const auto a = draw.corners<T>(), b = draw.corners<T>();
    const T shared = iou(a, b);
    for (std::size_t row = 0; row < value<T>::rows; ++row) {
      box<float> x, y;
      for (std::size_t c = 0; c < 4; ++c)
        x[c] = static_cast<float>(value<T>::at(a[c], row)),
        y[c] = static_cast<float>(value<T>::at(b[c], row));
      REQUIRE(static_cast<float>(value<T>::at(shared, row)) == iou_by_steps(x, y));
    }
  }
}

}  // namespace retinue::test

/// K landmarks, with the shipped schema of that number where there is one.
#define RETINUE_TEST_SCHEMAS                                                     \
  retinue::schemas::none, retinue::schemas::points<1>, retinue::schemas::plate4, \
      retinue::schemas::face5, retinue::schemas::face68, retinue::schemas::wflw98
