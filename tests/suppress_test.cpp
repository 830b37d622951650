// SPDX-License-Identifier: Apache-2.0
#include "by_definition.hpp"
#include "catch.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <retinue/backend/host.hpp>
#include <retinue/error.hpp>
#include <retinue/suppress.hpp>
#include <retinue/suppress/run.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace retinue;

namespace {
struct boxes_and_scores {
  std::vector<box<float>> boxes;
  std::vector<float> scores;
};

/// The definition, pair by pair.
template <class Lengths>
std::vector<row_index> greedy_by_definition(const boxes_and_scores& in, float overlap)
{
  return test::greedy_by_definition<Lengths>(in.boxes, in.scores, overlap);
}

/// Clusters of boxes of many sizes and shapes, some degenerate, some far away.
boxes_and_scores random_boxes(std::mt19937& random, std::size_t n)
{
  std::uniform_real_distribution<float> unit(0, 1);
  std::normal_distribution<float> normal;
  boxes_and_scores out;
  box<float> seed{};
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 7 == 0) {
      const float w = std::exp(unit(random) * 7), h = w * std::exp(normal(random));
      seed = {unit(random) * 900, unit(random) * 900, w, h};
      if (i % 63 == 0) seed = {seed.x1 * 1000, seed.y1 * 1000, w, h};
    }
    const float w = seed.x2 * std::exp(0.3f * normal(random));
    const float h = seed.y2 * std::exp(0.3f * normal(random));
    const float x = seed.x1 + 0.3f * w * normal(random), y = seed.y1 + 0.3f * h * normal(random);
    out.boxes.push_back({x, y, x + w, y + h});
    out.scores.push_back(std::round(unit(random) * 500) / 500);  // with ties
    if (i % 97 == 5) out.boxes.back().x2 = out.boxes.back().x1;
    if (i % 97 == 6) std::swap(out.boxes.back().y1, out.boxes.back().y2);
    if (i % 97 == 7) out.boxes.back().x1 = std::nanf("");
    if (i % 97 == 8) out.boxes.back().x2 = INFINITY;
  }
  return out;
}

std::vector<row_index> rows_of(const kept_rows& kept)
{
  return {kept.rows.begin(), kept.rows.end()};
}

boxes_and_scores golden_boxes(const test::array& dets)
{
  const auto values = dets.as<float>();
  boxes_and_scores out;
  for (std::size_t i = 0; i + 5 <= values.size(); i += 5) {
    out.boxes.push_back({values[i], values[i + 1], values[i + 2], values[i + 3]});
    out.scores.push_back(values[i + 4]);
  }
  return out;
}

std::vector<row_index> golden_rows(const test::array& rows)
{
  std::vector<row_index> out;
  for (const auto row : rows.as<std::int64_t>()) out.push_back(static_cast<row_index>(row));
  return out;
}
}  // namespace

TEMPLATE_TEST_CASE("greedy suppression equals its definition", "", continuous, inclusive_pixels)
{
  std::mt19937 random(7);
  for (const std::size_t n : {0, 1, 2, 15, 16, 17, 100, 700, 2000})
    for (const float overlap : {0.0f, 0.05f, 0.3f, 0.4f, 0.5f, 0.7f, 0.95f, 1.0f}) {
      CAPTURE(n, overlap);
      const auto in = random_boxes(random, n);
      greedy_suppressor<TestType> suppress(overlap);
      CHECK(rows_of(suppress(in.boxes, in.scores)) == greedy_by_definition<TestType>(in, overlap));
    }
}

TEST_CASE("kept boxes are independent, and what was dropped overlaps a better kept one")
{
  std::mt19937 random(11);
  const auto in = random_boxes(random, 1500);
  greedy_suppressor<> suppress(0.4f);
  const auto kept = rows_of(suppress(in.boxes, in.scores));
  std::vector<bool> is_kept(in.boxes.size());
  for (std::size_t a = 0; a < kept.size(); ++a) {
    is_kept[kept[a]] = true;
    for (std::size_t b = 0; b < a; ++b)
      CHECK_FALSE(iou(in.boxes[kept[a]], in.boxes[kept[b]]) > 0.4f);
  }
  for (row_index row = 0; row < in.boxes.size(); ++row)
    if (!is_kept[row])
      CHECK(std::any_of(kept.begin(), kept.end(), [&](row_index k) {
        return in.scores[k] >= in.scores[row] && iou(in.boxes[k], in.boxes[row]) > 0.4f;
      }));
}

TEST_CASE("boxes whose corners add up to more than a float holds are suppressed like any other")
{
  constexpr float far = 3e38f, most = std::numeric_limits<float>::max();
  const boxes_and_scores in{{{far, 0, most, 1},
                             {far, 0, most, 1},
                             {0, far, 1, most},
                             {0, far, 1, most},
                             {-most, -1, -far, 0},
                             {-most, -1, -far, 0},
                             {0, 0, 10, 10},
                             {1, 0, 10, 10},
                             {20, 0, 30, 10}},
                            {0.9f, 0.8f, 0.7f, 0.6f, 0.5f, 0.4f, 0.3f, 0.2f, 0.1f}};
  greedy_suppressor<> suppress(0.4f);
  CHECK(rows_of(suppress(in.boxes, in.scores)) == std::vector<row_index>{0, 2, 4, 6, 8});
  CHECK(greedy_by_definition<continuous>(in, 0.4f) == std::vector<row_index>{0, 2, 4, 6, 8});
}

TEST_CASE("a limit keeps the best and no more")
{
  std::mt19937 random(3);
  const auto in = random_boxes(random, 600);
  greedy_suppressor<> all(0.4f), ten(0.4f, 10);
  auto expected = rows_of(all(in.boxes, in.scores));
  REQUIRE(expected.size() > 10);
  expected.resize(10);
  CHECK(rows_of(ten(in.boxes, in.scores)) == expected);
}

TEST_CASE("greedy suppression keeps what the reference keeps", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/nms.npz"));
  std::size_t compared = 0;
  for (const auto& [name, array] : golden.arrays()) {
    if (!name.ends_with("/dets")) continue;
    const std::string of = name.substr(0, name.size() - 5);
    if (of == "ties") continue;  // the reference's order of ties is that of an unstable sort
    CAPTURE(of);
    const auto in = golden_boxes(array);
    const auto t = of.find("_t");
    const float overlap = t != std::string::npos        ? std::stof(of.substr(t + 2))
                          : of.starts_with("exact_0.5") ? 0.5f
                                                        : 0.4f;
    greedy_suppressor<> ours(overlap);
    greedy_suppressor<inclusive_pixels> compatible(overlap);
    for (const char* same :
         {"/torchvision_nms", "/box_utils_nms_all", "/box_utils_nms", "/cv2_NMSBoxes"})
      if (golden.has(of + same)) {
        CAPTURE(same);
        CHECK(rows_of(ours(in.boxes, in.scores)) == golden_rows(golden[of + same]));
        ++compared;
      }
    if (golden.has(of + "/py_cpu_nms")) {
      CHECK(rows_of(compatible(in.boxes, in.scores)) == golden_rows(golden[of + "/py_cpu_nms"]));
      ++compared;
    }
  }
  CHECK(compared >= 30);
}

TEST_CASE("scores are sorted best first, ties by row, NaN last, sorted before or not")
{
  std::mt19937 random(8);
  for (const std::size_t n : {0, 1, 2, 40, 63, 64, 65, 3000}) {
    std::vector<float> scores;
    for (std::size_t i = 0; i < n; ++i)
      scores.push_back(i % 50 == 7 ? std::nanf("") : static_cast<float>(random() % 90) / 40 - 1);
    for (int round = 0; round < 2; ++round) {
      std::vector<row_index> expected(n);
      std::iota(expected.begin(), expected.end(), row_index{0});
      std::stable_sort(expected.begin(), expected.end(), [&](row_index a, row_index b) {
        return std::isnan(scores[b]) ? !std::isnan(scores[a]) : scores[a] > scores[b];
      });
      score_order order;
      const auto rows = order(scores);
      CHECK(std::vector<row_index>(rows.begin(), rows.end()) == expected);
      for (const std::size_t most : {n / 2, n - n / 8, n + 1, n / 60, n / 12}) {
        const auto best = order(scores, most);
        const std::size_t count = std::min(most, n);
        CHECK(std::vector<row_index>(best.begin(), best.end()) ==
              std::vector<row_index>(expected.begin(),
                                     expected.begin() + static_cast<std::ptrdiff_t>(count)));
      }
      std::vector<float> sorted;  // the second round begins with what the first made
      for (const row_index row : expected) sorted.push_back(scores[row]);
      scores = sorted;
    }
  }
}

TEST_CASE("ties are broken by row, and the survivors are those of a stable sort", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/nms.npz"));
  const auto in = golden_boxes(golden["ties/dets"]);
  score_order order;
  const auto rows = order(in.scores);
  CHECK(std::vector<row_index>(rows.begin(), rows.end()) ==
        golden_rows(golden["ties/torch_stable_order"]));
}

TEST_CASE("classes leave each other alone")
{
  std::mt19937 random(5);
  const auto in = random_boxes(random, 900);
  std::vector<std::int32_t> labels;
  for (std::size_t i = 0; i < in.boxes.size(); ++i)
    labels.push_back(static_cast<std::int32_t>(random() % 4) - 1);

  std::vector<std::pair<float, row_index>> expected;
  for (std::int32_t label = -1; label < 3; ++label) {
    boxes_and_scores alone;
    std::vector<row_index> rows;
    for (row_index i = 0; i < in.boxes.size(); ++i)
      if (labels[i] == label) {
        alone.boxes.push_back(in.boxes[i]);
        alone.scores.push_back(in.scores[i]);
        rows.push_back(i);
      }
    for (const row_index kept : greedy_by_definition<continuous>(alone, 0.4f))
      expected.push_back({-alone.scores[kept], rows[kept]});
  }
  std::sort(expected.begin(), expected.end());

  per_class_suppressor suppress(greedy_suppressor<>(0.4f));
  const auto kept = suppress(in.boxes, in.scores, labels);
  REQUIRE(kept.rows.size() == expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) CHECK(kept.rows[k] == expected[k].second);
}

TEST_CASE("soft suppression lowers scores by the overlap")
{
  const std::vector<box<float>> boxes{{0, 0, 10, 10}, {0, 0, 10, 5}, {20, 0, 30, 10}};
  const std::vector<float> scores{0.9f, 0.8f, 0.3f};  // the first two overlap by 0.5
  soft_suppressor linear(linear_decay{0.3f});
  const auto kept = linear(boxes, scores);
  CHECK(rows_of(kept) == std::vector<row_index>{0, 1, 2});
  CHECK(std::abs(kept.scores[1] - 0.4f) < 1e-6f);
  CHECK(kept.scores[2] == 0.3f);

  soft_suppressor gaussian(gaussian_decay{0.1f}, 0.1f);
  const auto bell = gaussian(boxes, scores);  // 0.8 exp(-0.25 / 0.1) = 0.0657 is below the floor
  CHECK(rows_of(bell) == std::vector<row_index>{0, 2});

  soft_suppressor gentle(gaussian_decay{0.25f});  // 0.8 exp(-1) = 0.294: the order changes
  const auto swapped = gentle(boxes, scores);
  CHECK(rows_of(swapped) == std::vector<row_index>{0, 2, 1});
  CHECK(std::abs(swapped.scores[2] - 0.8f * std::exp(-1.0f)) < 1e-6f);
}

TEST_CASE("centre boxes and foreign boxes are suppressed without conversion by the caller")
{
  const std::vector<centre_box<double>> boxes{{5, 5, 10, 10}, {5, 5, 9, 9}, {50, 50, 4, 4}};
  const std::vector<float> scores{0.5f, 0.9f, 0.1f};
  greedy_suppressor<> suppress(0.5f);
  CHECK(rows_of(suppress(boxes, scores)) == std::vector<row_index>{1, 2});
}

TEST_CASE(
    "without an overlap allowed, a box suppresses all that it touches, however large they are")
{
  std::mt19937 random(12);
  std::uniform_real_distribution<float> unit(0, 1);
  boxes_and_scores in;
  for (std::size_t i = 0; i < 2000; ++i) {
    const float w = std::exp(unit(random) * 5), h = std::exp(unit(random) * 5);
    const float x = unit(random) * 1500, y = unit(random) * 1500;
    in.boxes.push_back({x, y, x + w, y + h});
    in.scores.push_back(unit(random));
  }
  for (const float overlap : {0.0f, 1e-30f, 1e-6f}) {
    CAPTURE(overlap);
    greedy_suppressor<> suppress(overlap);
    CHECK(rows_of(suppress(in.boxes, in.scores)) == greedy_by_definition<continuous>(in, overlap));
  }
}

TEST_CASE("classes are merged in the one order of scores, NaN last")
{
  const float none = std::nanf("");
  std::vector<float> scores;
  std::vector<std::int32_t> labels;
  std::vector<box<float>> boxes;
  std::mt19937 random(4);
  for (int i = 0; i < 300; ++i) {
    const auto x = static_cast<float>(20 * i);
    boxes.push_back({x, 0, x + 10, 10});  // which do not touch
    scores.push_back(i % 3 == 0 ? none : static_cast<float>(random() % 20) / 20);
    labels.push_back(static_cast<std::int32_t>(random() % 5));
  }
  per_class_suppressor suppress(greedy_suppressor<>(0.4f));
  const auto kept = suppress(boxes, scores, labels);
  score_order order;
  const auto expected = order(scores);
  CHECK(rows_of(kept) == std::vector<row_index>(expected.begin(), expected.end()));
  for (std::size_t k = 0; k < kept.rows.size(); ++k)
    CHECK((kept.scores[k] == scores[kept.rows[k]] || std::isnan(scores[kept.rows[k]])));
}

namespace {
/// Keeps all, and moves them; fewer than all where it is asked to treat classes itself.
struct moving_suppressor {
  std::vector<row_index> rows;
  std::vector<float> kept_scores;
  std::vector<box<float>> moved;

  kept_rows operator()(std::span<const box<float>> boxes, std::span<const float> scores)
  {
    rows.clear(), moved.clear();
    for (const box<float>& b : boxes) {
      rows.push_back(static_cast<row_index>(rows.size()));
      moved.push_back({b.x1 + 100, b.y1, b.x2 + 100, b.y2});
    }
    kept_scores.assign(scores.begin(), scores.end());
    return {rows, kept_scores, moved};
  }
};
struct moving_by_class : moving_suppressor {
  kept_rows operator()(std::span<const box<float>> boxes, std::span<const float> scores,
                       std::span<const std::int32_t>)
  {
    return moving_suppressor::operator()(boxes, scores);
  }
};
}  // namespace

TEST_CASE("boxes of a suppressor's own making come with those kept, in their order")
{
  const std::vector<box<float>> boxes{{0, 0, 1, 1}, {2, 0, 3, 1}, {4, 0, 5, 1}};
  const std::vector<float> scores{0.9f, 0.8f, 0.7f};
  for (const std::vector<std::int32_t>& labels : {std::vector<std::int32_t>{2, 1, 2}, {1, 1, 1}}) {
    per_class_suppressor<moving_suppressor> by_class({}, 2);
    const kept_rows kept = by_class(boxes, scores, labels);
    REQUIRE(kept.rows.size() == 2);
    REQUIRE(kept.boxes.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(kept.rows[i] == i);
      CHECK(kept.scores[i] == scores[i]);
      CHECK(kept.boxes[i].x1 == boxes[i].x1 + 100);
    }
  }
}

TEST_CASE("one that treats classes itself keeps no more than it may")
{
  host_backend b;
  columns<box<float>> boxes;
  boxes.assign(std::vector<box<float>>{{0, 0, 1, 1}, {2, 0, 3, 1}, {4, 0, 5, 1}});
  columns<candidate<float>> found;
  found.assign(std::vector<candidate<float>>{{0.9f, 1}, {0.8f, 2}, {0.7f, 1}});
  std::vector<row_index> kept;
  suppression<host_backend, moving_by_class> suppress({}, 2);
  const kept_anew anew = suppress(b, boxes, found, kept);
  CHECK(kept == std::vector<row_index>{0, 1});
  REQUIRE(anew.scores.size() == 2);
  REQUIRE(anew.boxes.size() == 2);
  CHECK(anew.boxes[1].x1 == 102);
}

TEST_CASE("soft suppression by a box that is not finite lowers no score")
{
  const std::vector<float> scores{0.9f, 0.8f, 0.3f};
  for (const float corner : {std::nanf(""), INFINITY, -INFINITY}) {
    const std::vector<box<float>> boxes{{0, corner, 10, 10}, {0, 0, 10, 5}, {20, 0, 30, 10}};
    soft_suppressor gaussian;
    soft_suppressor linear(linear_decay{});
    for (const auto& kept : {gaussian(boxes, scores), linear(boxes, scores)}) {
      CHECK(rows_of(kept) == std::vector<row_index>{0, 1, 2});
      CHECK(std::vector<float>(kept.scores.begin(), kept.scores.end()) == scores);
    }
  }
}

TEST_CASE("what cannot be suppressed is refused")
{
  CHECK_THROWS_AS(greedy_suppressor<>(1.5f), error);
  CHECK_THROWS_AS(greedy_suppressor<>(std::nanf("")), error);
  greedy_suppressor<> suppress;
  const std::vector<box<float>> boxes(2);
  const std::vector<float> scores(3);
  CHECK_THROWS_AS(suppress(boxes, scores), error);
}
