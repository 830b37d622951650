// SPDX-License-Identifier: Apache-2.0
// Boxes at an angle: how much they share, and suppression and evaluation of them.
#include "catch.hpp"

#include <retinue/error.hpp>
#include <retinue/evaluate/matching.hpp>
#include <retinue/rotated_box.hpp>
#include <retinue/suppress/measured.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

using namespace retinue;

namespace {
template <class T>
rotated_box<T> drawn(std::mt19937& random, double spread)
{
  std::uniform_real_distribution<double> unit(0, 1);
  return {static_cast<T>(spread * unit(random)), static_cast<T>(spread * unit(random)),
          static_cast<T>(1 + 9 * unit(random)), static_cast<T>(1 + 9 * unit(random)),
          static_cast<T>(8 * unit(random) - 4)};
}

/// Whether a point lies in it.
bool holds(const rotated_box<double>& b, double x, double y)
{
  const double dx = x - b.cx, dy = y - b.cy;
  const double along = dx * std::cos(b.angle) + dy * std::sin(b.angle);
  const double across = dy * std::cos(b.angle) - dx * std::sin(b.angle);
  return std::abs(along) <= b.w / 2 && std::abs(across) <= b.h / 2;
}

/// By counting the points of a fine grid.
double counted(const rotated_box<double>& a, const rotated_box<double>& b, int cells)
{
  const auto around = bounds_of(a);
  const double w = (around.x2 - around.x1) / cells, h = (around.y2 - around.y1) / cells;
  int in_both = 0;
  for (int i = 0; i < cells; ++i)
    for (int j = 0; j < cells; ++j) {
      const double x = around.x1 + (i + 0.5) * w, y = around.y1 + (j + 0.5) * h;
      in_both += holds(a, x, y) && holds(b, x, y);
    }
  return in_both * w * h;
}

template <class T>
box<T> upright(const rotated_box<T>& b)
{
  return {b.cx - b.w / 2, b.cy - b.h / 2, b.cx + b.w / 2, b.cy + b.h / 2};
}
}  // namespace

TEST_CASE("what two boxes share is what a fine grid counts")
{
  std::mt19937 random(1);
  int touching = 0;
  for (int round = 0; round < 150; ++round) {
    const auto a = drawn<double>(random, 8), b = drawn<double>(random, 8);
    const double shared = rotated_intersection(a, b), grid = counted(a, b, 400);
    touching += shared > 0;
    REQUIRE(std::abs(shared - grid) <= 0.004 * (a.w * a.h + 1));
  }
  CHECK(touching > 80);
}

TEMPLATE_TEST_CASE("laws of the overlap of boxes at an angle", "", float, double)
{
  using T = TestType;
  const double near = std::same_as<T, float> ? 2e-5 : 1e-12;
  const auto close = [&](T a, T b, double factor = 1) {
    return static_cast<double>(std::abs(a - b)) <= near * factor;
  };
  std::mt19937 random(2);
  std::uniform_real_distribution<double> unit(-1, 1);
  const T pi = std::numbers::pi_v<T>;
  int partly = 0;
  for (int round = 0; round < 2000; ++round) {
    auto a = drawn<T>(random, 10), b = drawn<T>(random, 10);
    const T shared = rotated_iou(a, b);
    partly += shared > T(0.05) && shared < T(0.95);
    REQUIRE((shared >= 0 && shared <= 1));
    REQUIRE(close(rotated_iou(b, a), shared));
    REQUIRE(close(rotated_iou(a, a), 1));
    // Half a turn changes nothing, nor a quarter with the sides exchanged.
    REQUIRE(close(rotated_iou({a.cx, a.cy, a.w, a.h, a.angle + pi}, b), shared));
    REQUIRE(close(rotated_iou({a.cx, a.cy, a.h, a.w, a.angle + pi / 2}, b), shared));
    // Nor does turning the whole picture, moving it, or enlarging it.
    const auto turn = static_cast<T>(3 * unit(random)), by = static_cast<T>(5 * unit(random));
    const auto turned = [&](const rotated_box<T>& x) {
      return rotated_box<T>{x.cx * std::cos(turn) - x.cy * std::sin(turn) + by,
                            x.cx * std::sin(turn) + x.cy * std::cos(turn) - by, x.w, x.h,
                            x.angle + turn};
    };
    REQUIRE(close(rotated_iou(turned(a), turned(b)), shared, 4));
    const auto larger = [&](const rotated_box<T>& x) {
      return rotated_box<T>{x.cx * 3, x.cy * 3, x.w * 3, x.h * 3, x.angle};
    };
    REQUIRE(close(rotated_iou(larger(a), larger(b)), shared, 4));
    // Upright boxes overlap as boxes do.
    a.angle = b.angle = 0;
    REQUIRE(close(rotated_iou(a, b), iou(upright(a), upright(b))));
    const auto around = bounds_of(a);
    for (std::size_t c = 0; c < 4; ++c) REQUIRE(close(around[c], upright(a)[c], 10));
  }
  CHECK(partly > 400);
}

TEST_CASE("a square turned by an eighth, a cross, and what shares nothing")
{
  const double eighth = std::numbers::pi / 4;
  const rotated_box<double> square{0, 0, 2, 2, 0}, turned{0, 0, 2, 2, eighth};
  CHECK(std::abs(rotated_intersection(square, turned) - 8 * (std::sqrt(2.0) - 1)) < 1e-12);
  const rotated_box<double> beam{0, 0, 10, 1, 0.3}, cross{0, 0, 10, 1, 0.3 + 2 * eighth};
  CHECK(std::abs(rotated_intersection(beam, cross) - 1) < 1e-12);
  CHECK(rotated_intersection(beam, {0, 3, 10, 1, 0.3}) == 0);
  CHECK(rotated_iou(beam, {100, 3, 10, 1, 0.3}) == 0);
  CHECK(rotated_iou(beam, {0, 0, 0, 1, 0.3}) == 0);
  CHECK(rotated_iou<double>({0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}) == 0);
  CHECK(rotated_iou(beam, {0, 0, -4, 1, 0.3}) == 0);
  const rotated_box<double> inside{1, 0.2, 2, 0.2, 0.3};
  CHECK(std::abs(rotated_intersection(beam, inside) - 0.4) < 1e-12);
}

TEST_CASE("boxes at an angle are suppressed and judged by the same templates")
{
  std::mt19937 random(3);
  std::vector<rotated_box<float>> boxes;
  std::vector<float> scores;
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 200; ++i) {
    boxes.push_back(drawn<float>(random, 30));
    scores.push_back(static_cast<float>(random() % 1000) / 1000);
    labels.push_back(static_cast<std::int32_t>(random() % 2));
  }
  measured_suppressor<rotated_iou_of, rotated_box<float>> suppress(0.2f);
  for (const bool by_class : {false, true}) {
    const auto kept = by_class ? suppress(boxes, scores, labels) : suppress(boxes, scores);
    std::vector<row_index> order(boxes.size()), expected;
    for (row_index i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](row_index a, row_index b) { return scores[a] > scores[b]; });
    for (const row_index row : order)
      if (std::none_of(expected.begin(), expected.end(), [&](row_index k) {
            return (!by_class || labels[k] == labels[row]) &&
                   rotated_iou(boxes[row], boxes[k]) > 0.2f;
          }))
        expected.push_back(row);
    CHECK(std::vector<row_index>(kept.rows.begin(), kept.rows.end()) == expected);
    CHECK((expected.size() > 20 && expected.size() < 190));
  }

  const std::vector<rotated_box<double>> found{
      {0, 0, 10, 2, 0.5}, {0, 0, 10, 2, 0.6}, {0, 0, 10, 2, 2.0}},
      truths{{0, 0, 10, 2, 0.55}};
  overlap_table overlaps;
  overlaps.fill(found, truths.size(), [&](const rotated_box<double>& d, std::size_t g) {
    return rotated_iou(d, truths[g]);
  });
  std::vector<truth_state> states(1);
  std::vector<judgement> said;
  judge(overlaps, found.size(), states, 0.5, best_of_all{}, said);
  CHECK(said[0].what == outcome::hit);
  CHECK(said[1].what == outcome::false_alarm);  // found already
  CHECK(said[2].what == outcome::false_alarm);  // crosswise
}
