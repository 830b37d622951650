// SPDX-License-Identifier: Apache-2.0
// Laws of the losses' formulas, whatever the value type: the value is the definition's, in double,
// and where there is a slope, it is the derivative.
#pragma once

#include "catch.hpp"
#include "formula_laws.hpp"
#include "values.hpp"

#include <retinue/formulas/cross_entropy.hpp>
#include <retinue/formulas/focal.hpp>
#include <retinue/formulas/overlap_losses.hpp>
#include <retinue/formulas/residual.hpp>

#include <array>
#include <cmath>

namespace retinue::test {

/// `of(x)` row by row against `expected(double)`.
template <class T, class Of, class Expected>
void check_rows(const Of& of, const Expected& expected, double least, double most)
{
  drawing draw;
  for (int round = 0; round < 20; ++round) {
    std::vector<double> numbers(value<T>::rows);
    for (double& x : numbers) x = draw.between(least, most);
    if (round == 0 && least < 0 && most > 0) numbers[0] = 0;
    const T x = value<T>::from(numbers), y = of(x);
    for (std::size_t row = 0; row < value<T>::rows; ++row) {
      const double want = expected(value<T>::at(x, row));
      REQUIRE(std::abs(value<T>::at(y, row) - want) <=
              4 * value<T>::tolerance * std::max(1.0, std::abs(want)));
    }
  }
}

inline double derivative(const auto& f, double x)
{
  return (f(x + 1e-6) - f(x - 1e-6)) / 2e-6;
}

template <class T>
void check_losses()
{
  for (const double beta : {1.0, 1.0 / 9}) {
    const smooth_l1 loss{beta};
    check_rows<T>([&](const T& d) { return loss.value(d); },
                  [&](double d) {
                    const double size = std::abs(d);
                    return size < beta ? d * d / (2 * beta) : size - beta / 2;
                  },
                  -3, 3);
    check_rows<T>([&](const T& d) { return loss.slope(d); },
                  [&](double d) { return std::abs(d) < beta ? d / beta
                                         : d < 0            ? -1.0
                                                            : 1.0; }, -3,
                  3);
  }
  const wing curve{3, 0.5};
  const auto wing_of = [](double d) {
    const double size = std::abs(d);
    return size < 3 ? 3 * std::log(1 + size / 0.5) : size - 3 + 3 * std::log(7.0);
  };
  check_rows<T>([&](const T& d) { return curve.value(d); }, wing_of, -9, 9);
  CHECK(std::abs(curve.slope(1.5) - derivative(wing_of, 1.5)) < 1e-6);
  CHECK(std::abs(curve.slope(-0.2) - derivative(wing_of, -0.2)) < 1e-6);
  CHECK(curve.slope(-7.0) == -1);
  CHECK(curve.slope(0.0) == 0);

  check_rows<T>([](const T& z) { return softplus(z); },
                [](double z) { return std::log1p(std::exp(z)); }, -30, 30);
  check_rows<T>([](const T& z) { return sigmoid(z); },
                [](double z) { return 1 / (1 + std::exp(-z)); }, -30, 30);
  check_rows<T>([](const T& z) { return softplus(z); }, [](double z) { return z < 0 ? 0 : z; }, 900,
                1e6);
  check_rows<T>([](const T& z) { return softplus(z); }, [](double) { return 0.0; }, -1e6, -900);

  for (const bool object : {true, false}) {
    const sigmoid_focal focal;
    const auto definition = [&](double x) {
      const double p = 1 / (1 + std::exp(-x));
      return object ? 0.25 * (1 - p) * (1 - p) * std::log1p(std::exp(-x))
                    : 0.75 * p * p * std::log1p(std::exp(x));
    };
    const auto target = [&](const auto& x) { return fill_like(x, object ? 1 : 0); };
    const auto slope = [&]<class V>(const V& x) {
      V by_x = target(x);
      static_cast<void>(focal.with_slope(x, V(target(x)), by_x));
      return by_x;
    };
    check_rows<T>([&](const T& x) { return focal(x, T(target(x))); }, definition, -12, 12);
    const auto numeric = [&](double x) { return derivative(definition, x); };
    drawing draw;
    for (int i = 0; i < 50; ++i) {
      const double x = draw.between(-8, 8);
      CHECK(std::abs(slope(x) - numeric(x)) < 1e-7);
      CHECK(std::isfinite(slope(x * 1e4)));
    }
    check_rows<T>([&](const T& x) { return slope(x); }, [&](double x) { return slope(x); }, -20,
                  20);
  }

  drawing draw;
  for (const std::size_t classes : {2, 3, 21})
    for (std::size_t label = 0; label < classes; label += 2)
      for (const double scale : {2.0, 300.0}) {
        std::vector<T> x;
        for (std::size_t c = 0; c < classes; ++c)
          x.push_back(draw.any<offsets<T>>(-scale, scale).dx);
        const T cost = softmax_cross_entropy(std::span<const T>(x), label);
        for (std::size_t row = 0; row < value<T>::rows; ++row) {
          std::vector<double> logits, slope(classes);
          for (const T& column : x) logits.push_back(value<T>::at(column, row));
          double most = -1e300, sum = 0;
          for (const double l : logits) most = std::max(most, l);
          for (const double l : logits) sum += std::exp(l - most);
          const double want = most + std::log(sum) - logits[label];
          REQUIRE(std::abs(value<T>::at(cost, row) - want) <= 4 * value<T>::tolerance * scale);
          const double same = softmax_cross_entropy(std::span<const double>(logits), label,
                                                    std::span<double>(slope));
          REQUIRE(std::abs(same - want) <= 1e-12 * scale);
          for (std::size_t c = 0; c < classes; ++c)
            REQUIRE(std::abs(slope[c] - (std::exp(logits[c] - most) / sum - (c == label))) < 1e-12);
        }
      }

  const auto a = draw.corners<T>(), b = draw.corners<T>();
  const T of_iou = iou_loss{}(a, b), of_giou = giou_loss{}(a, b), of_diou = diou_loss{}(a, b),
          of_ciou = ciou_loss{}(a, b), itself = ciou_loss{}(a, a);
  for (std::size_t row = 0; row < value<T>::rows; ++row) {
    const auto x = row_of(a, row), y = row_of(b, row);
    const double near = 20 * value<T>::tolerance;
    CHECK(std::abs(value<T>::at(of_iou, row) - (1 - iou(x, y))) < near);
    CHECK(std::abs(value<T>::at(of_giou, row) - (1 - giou(x, y))) < near);
    CHECK(std::abs(value<T>::at(of_diou, row) - (1 - diou(x, y))) < near);
    CHECK(std::abs(value<T>::at(of_ciou, row) - (1 - ciou(x, y))) < near);
    CHECK(std::abs(value<T>::at(itself, row)) < near);
  }
}

}  // namespace retinue::test
