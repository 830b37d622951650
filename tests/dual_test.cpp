// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <retinue/formulas/coders.hpp>
#include <retinue/formulas/dual.hpp>
#include <retinue/formulas/focal.hpp>
#include <retinue/formulas/overlap_losses.hpp>
#include <retinue/formulas/residual.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

using namespace retinue;

namespace {
/// f of four duals against differences of f of four numbers.
template <class F>
void check_slopes(const F& f, const std::array<double, 4>& x)
{
  using number = dual<double, 4>;
  std::array<number, 4> inputs;
  for (std::size_t i = 0; i < 4; ++i) inputs[i] = number::input(x[i], i);
  const number y = f(inputs);
  REQUIRE(std::abs(y.value - f(x)) <= 1e-15 * (1 + std::abs(y.value)));
  for (std::size_t i = 0; i < 4; ++i) {
    auto above = x, below = x;
    above[i] += 1e-6;
    below[i] -= 1e-6;
    const double slope = (f(above) - f(below)) / 2e-6;
    REQUIRE(std::abs(y.slope[i] - slope) <= 1e-6 * (1 + std::abs(slope)));
  }
}

template <class F>
void check_at_random(const F& f, double least, double most)
{
  std::mt19937 random(11);
  std::uniform_real_distribution<double> draw(least, most);
  for (int round = 0; round < 50; ++round)
    check_slopes(f, {draw(random), draw(random), draw(random), draw(random)});
}

box<double> drawn_box(std::mt19937& random)
{
  std::uniform_real_distribution<double> place(0, 0.6), side(0.05, 0.4);
  const double x = place(random), y = place(random);
  return {x, y, x + side(random), y + side(random)};
}

/// Of a loss at a box that has moved by h along c.
template <class Loss>
double moved(const Loss& loss, box<double> b, const box<double>& truth, std::size_t c, double h)
{
  b[c] += h;
  return loss(b, truth);
}
}  // namespace

TEST_CASE("each operation hands derivatives on")
{
  check_at_random([](const auto& x) { return x[0] * x[1] - x[2] / x[3] + x[0]; }, 0.5, 3);
  check_at_random([](const auto& x) { return x[0] * 3.0 + x[1] / 7.0 + (x[2] + 2.0) * x[3]; }, -2,
                  2);
  check_at_random(
      [](const auto& x) {
        using retinue::detail::exp, retinue::detail::log, retinue::detail::sqrt;
        return exp(x[0]) * log(x[1]) + sqrt(x[2] * x[3]);
      },
      0.5, 3);
  check_at_random(
      [](const auto& x) {
        using retinue::detail::abs, retinue::detail::atan;
        return abs(x[0]) * atan(x[1]) + minimum_of(x[2], x[3]) * maximum_of(x[0], x[2]);
      },
      -3, 3);
}

TEST_CASE("at a corner the slope is the mean of both sides")
{
  using number = dual<float, 2>;
  const number x = number::input(2, 0), y = number::input(2, 1);
  CHECK(minimum(x, y).slope == std::array{0.5f, 0.5f});
  CHECK(maximum(x, y).slope == std::array{0.5f, 0.5f});
  CHECK(abs(number::input(0, 0)).slope == std::array{0.0f, 0.0f});
}

TEST_CASE("slopes that are written down are those of the values")
{
  for (const double d : {-7.0, -0.4, 0.01, 0.3, 2.5}) {
    const auto x = dual<double, 1>::input(d, 0);
    for (const double beta : {1.0, 0.2})
      CHECK(std::abs(smooth_l1{beta}.value(x).slope[0] - smooth_l1{beta}.slope(d)) < 1e-12);
    CHECK(std::abs(wing{3, 0.5}.value(x).slope[0] - wing{3, 0.5}.slope(d)) < 1e-12);
    const auto check = [&](const auto& loss) {
      const double difference = (loss.value(d + 1e-6) - loss.value(d - 1e-6)) / 2e-6;
      CHECK(std::abs(loss.slope(d) - difference) < 1e-6 * (1 + std::abs(difference)));
    };
    check(l1{});
    check(balanced_l1{});
    check(balanced_l1{.alpha = 0.3, .gamma = 2, .beta = 1});
    check(adaptive_wing{});
  }
}

TEMPLATE_TEST_CASE("a cost that has its slope has that of its value", "", binary_cross_entropy,
                   sigmoid_focal)
{
  const auto check = [](const TestType& cost, double x, double t) {
    CAPTURE(x, t);
    const auto carried = cost(dual<double, 1>::input(x, 0), dual<double, 1>::constant(t));
    double slope = 0;
    CHECK(std::abs(cost.with_slope(x, t, slope) - carried.value) < 1e-12 * (1 + std::abs(x)));
    CHECK(std::abs(slope - carried.slope[0]) < 1e-12);
  };
  for (const double x : {-700.0, -31.0, -7.0, -0.4, 0.01, 0.3, 2.5, 44.0, 700.0})
    for (const double t : {0.0, 0.3, 1.0}) {
      check(TestType{}, x, t);
      if constexpr (std::is_same_v<TestType, sigmoid_focal>) {
        check({.alpha = -1, .gamma = 1.5}, x, t);
        check({.alpha = 0.4, .gamma = 0}, x, t);
      }
    }
}

namespace {
struct free_ciou_loss : ciou_loss {
  free_ciou_loss() : ciou_loss{.fixed_weight = false} {}
};
}  // namespace

TEMPLATE_TEST_CASE("an overlap loss says how it changes with the predicted box", "", iou_loss,
                   giou_loss, diou_loss, free_ciou_loss, log_iou_loss, square_iou_loss, eiou_loss,
                   siou_loss, extended_iou_loss, bounded_iou_loss)
{
  std::mt19937 random(5);
  const TestType loss;
  for (int round = 0; round < 200; ++round) {
    const auto predicted = drawn_box(random), truth = drawn_box(random);
    const auto said = with_slope(loss, predicted, truth);
    REQUIRE(std::abs(said.value - loss(predicted, truth)) <= 1e-14);
    for (std::size_t c = 0; c < 4; ++c) {
      const double slope =
          (moved(loss, predicted, truth, c, 1e-6) - moved(loss, predicted, truth, c, -1e-6)) / 2e-6;
      REQUIRE(std::abs(said.slope[c] - slope) < 1e-6 * (1 + std::abs(slope)));
    }
  }
  const box<float> same{0.25f, 0.5f, 0.75f, 0.875f};
  const auto least = with_slope(loss, same, same);
  CHECK(std::abs(least.value) <= 1e-6f);
  const box<float> flat{0.25f, 0.5f, 0.25f, 0.5f};  // what an untrained network may say
  for (std::size_t c = 0; c < 4; ++c) {
    CHECK(std::abs(least.slope[c]) <= 1e-6f);
    CHECK(std::isfinite(with_slope(loss, flat, same).slope[c]));
  }
}

TEST_CASE("the weight of the shapes is held, as the paper has it")
{
  std::mt19937 random(6);
  for (int round = 0; round < 100; ++round) {
    const auto predicted = drawn_box(random), truth = drawn_box(random);
    const double v = shape_mismatch(predicted, truth);
    const double alpha = v / (1 - iou(predicted, truth) + v);
    const auto said = with_slope(ciou_loss{}, predicted, truth);
    const auto shapes = [&](const box<double>& b, const box<double>& t) {
      return 1 - diou(b, t) + alpha * shape_mismatch(b, t);
    };
    REQUIRE(std::abs(said.value - (1 - ciou(predicted, truth))) < 1e-12);
    for (std::size_t c = 0; c < 4; ++c) {
      const double slope =
          (moved(shapes, predicted, truth, c, 1e-6) - moved(shapes, predicted, truth, c, -1e-6)) /
          2e-6;
      REQUIRE(std::abs(said.slope[c] - slope) < 1e-6 * (1 + std::abs(slope)));
    }
  }
}

TEMPLATE_TEST_CASE("an overlap loss has a finite slope, however small the decoded box is", "",
                   iou_loss, giou_loss, diou_loss, ciou_loss, log_iou_loss, square_iou_loss,
                   eiou_loss, siou_loss, extended_iou_loss, bounded_iou_loss)
{
  const centre_size_coder code;
  const centre_box<float> anchor{0.4f, 0.5f, 0.1f, 0.1f};
  const box<float> truth{0.35f, 0.45f, 0.45f, 0.55f};
  for (const float dw : {0.0f, -60.0f, -100.0f, -400.0f, -1000.0f})
    for (const float dh : {0.0f, -60.0f, -100.0f, -400.0f, -1000.0f}) {
      CAPTURE(dw, dh);
      const auto decoded =
          code.decode(as_inputs(offsets<float>{0, 0, dw, dh}), as_constants<4>(anchor));
      const auto cost = TestType{}(decoded, as_constants<4>(truth));
      CHECK(std::isfinite(cost.value));
      for (const float slope : cost.slope) CHECK(std::isfinite(slope));
    }
}

TEST_CASE("a coder's decoding can be differentiated as well")
{
  const centre_size_coder code;
  const centre_box<double> anchor{0.4, 0.5, 0.2, 0.1};
  const box<double> truth{0.3, 0.45, 0.52, 0.6};
  check_at_random(
      [&](const auto& x) {
        using T = std::remove_cvref_t<decltype(x[0])>;
        if constexpr (std::floating_point<T>)
          return giou_loss{}(code.decode(offsets<T>{x[0], x[1], x[2], x[3]}, anchor), truth);
        else
          return giou_loss{}(
              code.decode(offsets<T>{x[0], x[1], x[2], x[3]}, as_constants<4>(anchor)),
              as_constants<4>(truth));
      },
      -2, 2);
}
