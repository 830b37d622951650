// SPDX-License-Identifier: Apache-2.0
// Suppressors by other measures, matrix, soft, voting, fusion and merging, each against a twin that
// is written down plainly, pair by pair and in double.
#include "catch.hpp"
#include "drawn_boxes.hpp"
#include "formula_laws.hpp"

#include <retinue/backend/host.hpp>
#include <retinue/error.hpp>
#include <retinue/suppress.hpp>
#include <retinue/suppress/run.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <random>

using namespace retinue;

namespace {
std::vector<row_index> rows_of(const kept_rows& kept)
{
  return {kept.rows.begin(), kept.rows.end()};
}

/// Best first, equals by row.
std::vector<row_index> order_of(const auto& scores)
{
  std::vector<row_index> order(scores.size());
  std::iota(order.begin(), order.end(), row_index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](row_index a, row_index b) { return scores[a] > scores[b]; });
  return order;
}

/// `alike(judged, better)` decides.
std::vector<row_index> greedy_by_pairs(const test::drawn_boxes& in, const auto& alike,
                                       bool by_class)
{
  std::vector<row_index> kept;
  for (const row_index row : order_of(in.scores))
    if (std::none_of(kept.begin(), kept.end(), [&](row_index k) {
          return (!by_class || in.labels[k] == in.labels[row]) && alike(in.boxes[row], in.boxes[k]);
        }))
      kept.push_back(row);
  return kept;
}

double overlap_of(const box<float>& a, const box<float>& b)
{
  const auto d = [](float x) { return static_cast<double>(x); };
  const double w = std::min(d(a.x2), d(b.x2)) - std::max(d(a.x1), d(b.x1));
  const double h = std::min(d(a.y2), d(b.y2)) - std::max(d(a.y1), d(b.y1));
  const double shared = std::max(w, 0.0) * std::max(h, 0.0);
  const double joint = (d(a.x2) - d(a.x1)) * (d(a.y2) - d(a.y1)) +
                       (d(b.x2) - d(b.x1)) * (d(b.y2) - d(b.y1)) - shared;
  return joint > 0 ? shared / joint : 0;
}

template <class Measure>
void check_measure(const Measure& measure, float threshold)
{
  std::mt19937 random(21);
  for (const std::size_t n : {0, 1, 7, 8, 9, 150, 600}) {
    const auto in = test::draw_boxes(random, n, true);
    const auto alike = [&](const box<float>& judged, const box<float>& better) {
      return measure(judged, better) > threshold;
    };
    measured_suppressor<Measure> suppress(threshold, measured_suppressor<Measure>::unlimited,
                                          measure);
    const auto one_class = rows_of(suppress(in.boxes, in.scores));
    REQUIRE(one_class == greedy_by_pairs(in, alike, false));
    if (n == 600) CHECK((one_class.size() > 10 && one_class.size() < 500));
    const auto by_class = rows_of(suppress(in.boxes, in.scores, in.labels));
    REQUIRE(by_class == greedy_by_pairs(in, alike, true));

    measured_suppressor<Measure> few(threshold, 5, measure);
    auto first = one_class;
    first.resize(std::min<std::size_t>(first.size(), 5));
    REQUIRE(rows_of(few(in.boxes, in.scores)) == first);

    // Where tables lie they come best first, and the places of those kept go out.
    host_backend b;
    columns<box<float>> boxes(n);
    columns<candidate<float>> found(n);
    const auto order = order_of(in.scores);
    for (std::size_t i = 0; i < n; ++i) {
      boxes.set(i, in.boxes[order[i]]);
      found.set(i, {in.scores[order[i]], static_cast<float>(in.labels[order[i]])});
    }
    std::vector<row_index> places, rows;
    if (n > 0) suppress.in_tables(b, boxes, found, places);
    for (const row_index place : places) rows.push_back(order[place]);
    REQUIRE(rows == by_class);
    class_agnostic<measured_suppressor<Measure>> any(suppress);
    rows.clear();
    if (n > 0) any.in_tables(b, boxes, found, places);
    for (const row_index place : places) rows.push_back(order[place]);
    REQUIRE(rows == one_class);
  }
}
}  // namespace

TEST_CASE("greedy suppression by any measure equals its definition, in tables as well")
{
  check_measure(iou_of<>{}, 0.4f);
  check_measure(iou_of<inclusive_pixels>{}, 0.5f);
  check_measure(iof_of<>{}, 0.6f);
  check_measure(diou_of{}, 0.3f);
  check_measure(near_centres{8}, 0.0f);
  CHECK_THROWS_AS(measured_suppressor<>(std::nanf("")), error);
}

TEST_CASE("by iou, boxes that are compared one by one are those that are looked up in cells")
{
  std::mt19937 random(4);
  const auto in = test::draw_boxes(random, 3000, true);
  for (const float overlap : {0.1f, 0.4f, 0.7f}) {
    greedy_suppressor<> cells(overlap);
    measured_suppressor<> pairs(overlap);
    CHECK(rows_of(cells(in.boxes, in.scores)) == rows_of(pairs(in.boxes, in.scores)));
  }
}

TEST_CASE("measures are what they are called")
{
  const box<float> a{0, 0, 10, 10}, half{0, 0, 10, 5}, aside{30, 40, 40, 50};
  CHECK(iof_of<>{}(half, a) == 1);
  CHECK(iof_of<>{}(a, half) == 0.5f);
  CHECK(near_centres{100}(a, a) == 1);
  CHECK(std::abs(near_centres{100}(a, aside) - 0.5f) < 1e-6f);
  CHECK(near_centres{50}(a, aside) == 0);
  CHECK(near_centres{5}(a, aside) == 0);
  CHECK(diou_of{}(a, aside) < 0);
}

namespace {
/// Keeps what it is told to.
struct told {
  std::vector<row_index> rows;
  std::vector<float> scores;
  std::vector<box<float>> boxes;

  kept_rows operator()(std::span<const box<float>>, std::span<const float>) const
  {
    return {rows, scores, boxes};
  }
  kept_rows operator()(std::span<const box<float>>, std::span<const float>,
                       std::span<const std::int32_t>) const
  {
    return {rows, scores, boxes};
  }
};
}  // namespace

TEST_CASE("what a suppressor of yours keeps is looked at before it is used")
{
  host_backend b;
  columns<box<float>> boxes;
  columns<candidate<float>> found;
  const std::vector<box<float>> two(2, {0, 0, 1, 1});
  const std::vector<candidate<float>> of_two(2, {0.5f, 1});
  b.put(std::span<const box<float>>(two), 1, boxes);
  b.put(std::span<const candidate<float>>(of_two), 1, found);
  const auto said = [&](const told& inner) {
    suppression<host_backend, told> suppress(inner, 9);
    std::vector<row_index> kept;
    try {
      static_cast<void>(suppress(b, boxes, found, kept));
    } catch (const error& e) {
      return std::string(e.what());
    }
    return std::to_string(kept.size()) + " kept";
  };
  CHECK(said({{1, 0}, {0.5f, 0.5f}, {}}) == "2 kept");
  CHECK(said({{1}, {0.5f}, {two[0]}}) == "1 kept");
  CHECK(said({{0, 1}, {}, {}}) ==
        "a suppressor kept 2 rows with 0 scores and 0 boxes, expected a score for each, and no box "
        "or one for each");
  CHECK(said({{0, 1}, {0.5f, 0.5f}, {two[0]}}) ==
        "a suppressor kept 2 rows with 2 scores and 1 boxes, expected a score for each, and no box "
        "or one for each");
  CHECK(said({{0, 2}, {0.5f, 0.5f}, {}}) == "a suppressor kept row 2 of 2");
}

TEST_CASE("what does not care for classes keeps what one class would")
{
  std::mt19937 random(13);
  const auto in = test::draw_boxes(random, 400, true);
  class_agnostic<greedy_suppressor<>> any(greedy_suppressor<>(0.4f));
  greedy_suppressor<> one(0.4f);
  CHECK(rows_of(any(in.boxes, in.scores, in.labels)) == rows_of(one(in.boxes, in.scores)));
  per_class_suppressor by_class(greedy_suppressor<>(0.4f));
  CHECK(by_class(in.boxes, in.scores, in.labels).rows.size() >
        any(in.boxes, in.scores, in.labels).rows.size());
}

namespace {
template <class Decay>
void check_soft(const Decay& decay)
{
  std::mt19937 random(8);
  for (const std::size_t n : {1, 30, 200}) {
    const auto in = test::draw_boxes(random, n, false);
    soft_suppressor<Decay> suppress(decay, 0.05f);
    const auto kept = suppress(in.boxes, in.scores);
    std::vector<double> scores(in.scores.begin(), in.scores.end());
    std::vector<bool> taken(n);
    std::vector<row_index> rows;
    for (;;) {
      std::optional<std::size_t> best;
      for (std::size_t i = 0; i < n; ++i)
        if (!taken[i] && scores[i] >= 0.05 && (!best || scores[i] > scores[*best])) best = i;
      if (!best) break;
      taken[*best] = true;
      rows.push_back(static_cast<row_index>(*best));
      REQUIRE(rows.size() <= kept.rows.size());
      REQUIRE(std::abs(static_cast<double>(kept.scores[rows.size() - 1]) - scores[*best]) < 1e-5);
      for (std::size_t i = 0; i < n; ++i)
        if (!taken[i])
          scores[i] *= static_cast<double>(
              decay(static_cast<float>(overlap_of(in.boxes[*best], in.boxes[i]))));
    }
    REQUIRE(rows_of(kept) == rows);
  }
}

template <class Decay>
void check_matrix(const Decay& decay)
{
  std::mt19937 random(18);
  for (const std::size_t n : {1, 9, 200}) {
    const auto in = test::draw_boxes(random, n, false);
    matrix_suppressor<Decay> suppress(decay, 0.05f);
    const auto kept = suppress(in.boxes, in.scores);
    const auto order = order_of(in.scores);
    const auto fade = [&](double m) { return static_cast<double>(decay(static_cast<float>(m))); };
    std::vector<double> lowered;
    for (std::size_t j = 0; j < n; ++j) {
      double least = 1;
      for (std::size_t i = 0; i < j; ++i) {
        double most = 0;
        for (std::size_t k = 0; k < i; ++k)
          most = std::max(most, overlap_of(in.boxes[order[k]], in.boxes[order[i]]));
        const double m = overlap_of(in.boxes[order[i]], in.boxes[order[j]]);
        if (m > 0) least = std::min(least, fade(m) / fade(most));
      }
      lowered.push_back(least * static_cast<double>(in.scores[order[j]]));
    }
    std::vector<double> expected;
    for (const double s : lowered)
      if (s >= 0.05) expected.push_back(s);
    std::sort(expected.rbegin(), expected.rend());
    REQUIRE(kept.rows.size() == expected.size());
    for (std::size_t k = 0; k < expected.size(); ++k) {
      REQUIRE(std::abs(static_cast<double>(kept.scores[k]) - expected[k]) < 1e-5);
      const auto at = std::find(order.begin(), order.end(), kept.rows[k]) - order.begin();
      REQUIRE(std::abs(lowered[static_cast<std::size_t>(at)] - expected[k]) < 1e-5);
    }
    if (n == 200) CHECK((kept.rows.size() > 20 && kept.rows.size() < 200));
  }
}
}  // namespace

TEST_CASE("soft suppression equals its definition")
{
  check_soft(gaussian_decay{0.4f});
  check_soft(linear_decay{0.2f});
}

TEST_CASE("matrix suppression equals its definition")
{
  check_matrix(gaussian_decay{0.4f});
  check_matrix(linear_decay{0});
}

TEST_CASE("equal boxes do not make a matrix of what is no number")
{
  const std::vector<box<float>> boxes{{0, 0, 9, 9}, {0, 0, 9, 9}, {0, 0, 9, 9}, {20, 0, 30, 9}};
  const std::vector<float> scores{0.9f, 0.8f, 0.7f, 0.6f};
  matrix_suppressor linear(linear_decay{0});
  const auto kept = linear(boxes, scores);
  CHECK(rows_of(kept) == std::vector<row_index>{0, 3});
  CHECK(kept.scores[1] == 0.6f);
}

TEST_CASE("a vote is the mean of what is like the kept box")
{
  std::mt19937 random(28);
  for (const std::size_t n : {1, 40, 300}) {
    const auto in = test::draw_boxes(random, n, true);
    voting_suppressor<> vote(greedy_suppressor<>(0.4f), 0.6f);
    greedy_suppressor<> plain(0.4f);
    const auto kept = vote(in.boxes, in.scores);
    const auto same = plain(in.boxes, in.scores);
    REQUIRE(rows_of(kept) == rows_of(same));
    REQUIRE(kept.boxes.size() == kept.rows.size());
    for (std::size_t k = 0; k < kept.rows.size(); ++k) {
      CHECK(kept.scores[k] == in.scores[kept.rows[k]]);
      std::array<double, 5> sums{};
      for (std::size_t j = 0; j < n; ++j)
        if (overlap_of(in.boxes[j], in.boxes[kept.rows[k]]) >= 0.6) {
          const auto s = static_cast<double>(in.scores[j]);
          for (std::size_t c = 0; c < 4; ++c) sums[c] += s * static_cast<double>(in.boxes[j][c]);
          sums[4] += s;
        }
      for (std::size_t c = 0; c < 4; ++c)
        REQUIRE(std::abs(static_cast<double>(kept.boxes[k][c]) - sums[c] / sums[4]) < 1e-3);
    }
  }
  voting_suppressor<> vote(0.4f, 10);
  const std::vector<box<float>> odd{{0, 0, std::nanf(""), 5}, {0, 0, 4, 4}};
  const std::vector<float> scores{0.9f, 0.0f};
  const auto kept = vote(odd, scores);  // neither has a vote to share
  CHECK(kept.boxes[1] == odd[1]);
  CHECK_THROWS_AS(voting_suppressor<>(greedy_suppressor<>(), 0.0f), error);
}

TEMPLATE_TEST_CASE("a detector takes boxes of a suppressor's making, class by class", "",
                   voting_suppressor<>, box_fusion)
{
  std::mt19937 random(29);
  const auto in = test::draw_boxes(random, 200, false);
  host_backend b;
  columns<box<float>> boxes(200);
  columns<candidate<float>> found(200);
  test::drawn_boxes ranked;
  for (const row_index row : order_of(in.scores)) {
    const std::size_t i = ranked.boxes.size();
    boxes.set(i, in.boxes[row]);
    found.set(i, {in.scores[row], static_cast<float>(in.labels[row])});
    ranked.boxes.push_back(in.boxes[row]);
    ranked.scores.push_back(in.scores[row]);
    ranked.labels.push_back(in.labels[row]);
  }
  suppression<host_backend, TestType> suppress(TestType(0.5f, 1000), 1000);
  std::vector<row_index> kept;
  const kept_anew anew = suppress(b, boxes, found, kept);
  per_class_suppressor<TestType> by_class(TestType(0.5f, 1000));
  const kept_rows expected = by_class(ranked.boxes, ranked.scores, ranked.labels);
  CHECK(kept == rows_of(expected));
  REQUIRE(anew.boxes.size() == kept.size());
  std::size_t moved = 0;
  for (std::size_t k = 0; k < kept.size(); ++k) {
    CHECK(anew.boxes[k] == expected.boxes[k]);
    CHECK(anew.scores[k] == expected.scores[k]);
    moved += anew.boxes[k] != ranked.boxes[kept[k]];
    // Only boxes of its own class have a say.
    for (std::size_t c = 0; c < 4; ++c) {
      float least = 1e9f, largest = -1e9f;
      for (std::size_t i = 0; i < 200; ++i)
        if (ranked.labels[i] == ranked.labels[kept[k]])
          least = std::min(least, ranked.boxes[i][c]),
          largest = std::max(largest, ranked.boxes[i][c]);
      CHECK((anew.boxes[k][c] >= least - 1e-3f && anew.boxes[k][c] <= largest + 1e-3f));
    }
  }
  CHECK(moved > 20);
}

namespace {
struct plain_group {
  std::vector<std::size_t> members;
  box<double> mean{};
  double score = 0;
};

/// As the paper tells it: a list of boxes for each group, of which the mean is taken again whenever
/// one joins.
std::vector<plain_group> fused_by_lists(const test::drawn_boxes& in, double overlap,
                                        const std::vector<double>& weights, bool most)
{
  std::vector<double> s;
  for (std::size_t i = 0; i < in.scores.size(); ++i)
    s.push_back(static_cast<double>(in.scores[i]) * weights[in.sources[i]]);
  std::vector<plain_group> groups;
  for (const row_index row : order_of(s)) {
    plain_group* best = nullptr;
    double shared = overlap;
    for (plain_group& g : groups) {
      if (in.labels[g.members[0]] != in.labels[row]) continue;
      const box<float> mean{static_cast<float>(g.mean.x1), static_cast<float>(g.mean.y1),
                            static_cast<float>(g.mean.x2), static_cast<float>(g.mean.y2)};
      if (const double m = overlap_of(mean, in.boxes[row]); m > shared) shared = m, best = &g;
    }
    if (!best) best = &groups.emplace_back();
    best->members.push_back(row);
    double sum = 0, largest = 0;
    box<double> mean{};
    for (const std::size_t i : best->members) {
      sum += s[i], largest = std::max(largest, s[i]);
      for (std::size_t c = 0; c < 4; ++c) mean[c] += s[i] * static_cast<double>(in.boxes[i][c]);
    }
    for (std::size_t c = 0; c < 4; ++c) best->mean[c] = mean[c] / sum;
    const auto members = static_cast<double>(best->members.size());
    best->score = (most ? largest : sum / members) *
                  std::min(members, static_cast<double>(weights.size())) /
                  std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const plain_group& a, const plain_group& b) { return a.score > b.score; });
  return groups;
}
}  // namespace

TEST_CASE("fusion equals its definition, group by group")
{
  std::mt19937 random(38);
  for (const bool most : {false, true})
    for (const std::size_t n : {0, 1, 8, 60, 500}) {
      const auto in = test::draw_boxes(random, n, false);
      box_fusion fuse({.overlap = 0.5f,
                       .weights = {1, 2, 0.5f},
                       .score = most ? fused_score::most : fused_score::mean});
      const auto kept = fuse.fuse(in.boxes, in.scores, in.labels, in.sources);
      const auto expected = fused_by_lists(in, 0.5, {1, 2, 0.5}, most);
      REQUIRE(kept.rows.size() == expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        CHECK(std::abs(static_cast<double>(kept.scores[k]) - expected[k].score) < 1e-5);
        CHECK(kept.rows[k] == expected[k].members[0]);
        for (std::size_t c = 0; c < 4; ++c)
          CHECK(std::abs(static_cast<double>(kept.boxes[k][c]) - expected[k].mean[c]) < 1e-3);
        for (const std::size_t i : expected[k].members) CHECK(fuse.groups()[i] == k);
      }
      if (n == 500) CHECK((expected.size() > 50 && expected.size() < 450));
    }
}

TEST_CASE("laws of fusion")
{
  std::mt19937 random(39);
  const auto in = test::draw_boxes(random, 120, false);
  box_fusion one({.overlap = 0.5f});
  // Where three sources say the same, nothing changes.
  test::drawn_boxes thrice;
  for (std::size_t i = 0; i < in.boxes.size(); i += 6)  // one of each cluster, far apart
    for (std::size_t source = 0; source < 3; ++source) {
      const auto far = static_cast<float>(1000 * i);
      thrice.boxes.push_back(
          {in.boxes[i].x1 + far, in.boxes[i].y1, in.boxes[i].x2 + far, in.boxes[i].y2});
      thrice.scores.push_back(in.scores[i]);
      thrice.sources.push_back(source);
    }
  box_fusion three({.overlap = 0.5f, .weights = {1, 1, 1}});
  const auto agreed = three.fuse(thrice.boxes, thrice.scores, {}, thrice.sources);
  REQUIRE(agreed.rows.size() == thrice.boxes.size() / 3);
  for (std::size_t k = 0; k < agreed.rows.size(); ++k) {
    CHECK(std::abs(agreed.scores[k] - thrice.scores[agreed.rows[k]]) < 1e-5f);
    for (std::size_t c = 0; c < 4; ++c)
      CHECK(std::abs(agreed.boxes[k][c] - thrice.boxes[agreed.rows[k]][c]) <
            1e-6f * (1 + std::abs(agreed.boxes[k][c])));
  }
  // What one of three says alone counts a third.
  const std::vector<std::size_t> first(1, 0);
  const auto alone =
      three.fuse(std::vector<box<float>>{{0, 0, 5, 5}}, std::vector<float>{0.9f}, {}, first);
  REQUIRE(alone.scores.size() == 1);
  CHECK(std::abs(alone.scores[0] - 0.3f) < 1e-6f);

  // Each mean lies among its members.
  const auto fused = one(in.boxes, in.scores);
  for (std::size_t i = 0; i < in.boxes.size(); ++i) REQUIRE(one.groups()[i] < fused.rows.size());
  for (std::size_t k = 0; k < fused.rows.size(); ++k)
    for (std::size_t c = 0; c < 4; ++c) {
      float least = 1e9f, largest = -1e9f;
      for (std::size_t i = 0; i < in.boxes.size(); ++i)
        if (one.groups()[i] == k)
          least = std::min(least, in.boxes[i][c]), largest = std::max(largest, in.boxes[i][c]);
      CHECK((fused.boxes[k][c] >= least - 1e-3f && fused.boxes[k][c] <= largest + 1e-3f));
    }

  box_fusion few({.overlap = 0.5f, .keep = 3});
  CHECK(few(in.boxes, in.scores).rows.size() == 3);
  CHECK(std::count(few.groups().begin(), few.groups().end(), box_fusion::nowhere) > 50);
  const std::vector<box<float>> odd{{0, 0, INFINITY, 5}, {0, 0, std::nanf(""), 4}, {0, 0, 4, 4}};
  CHECK(rows_of(one(odd, std::vector<float>{0.9f, 0.8f, 0.7f})) == std::vector<row_index>{2});
  CHECK_THROWS_AS(box_fusion({.overlap = 2}), error);
  CHECK_THROWS_AS(box_fusion({.weights = {}}), error);
  CHECK_THROWS_AS(box_fusion({.weights = {1, 0}}), error);
  CHECK_THROWS_AS(one.fuse(in.boxes, in.scores, {}, in.sources), error);
  CHECK_THROWS_AS(one.fuse(in.boxes, in.scores, in.labels, first), error);
}

TEMPLATE_TEST_CASE("mirrored twice is as it was, and each point is named for its side", "",
                   RETINUE_TEST_SCHEMAS)
{
  std::mt19937 random(40);
  std::uniform_real_distribution<float> unit(0, 100);
  detection<TestType> d{{10, 20, 30, 50}, 0.5f, 2, {}};
  for (std::size_t c = 0; c < d.points.width; ++c) d.points[c] = std::round(unit(random));
  const auto once = unmirrored(d, 200.0f), twice = unmirrored(once, 200.0f);
  CHECK(once.bounds == box<float>{170, 20, 190, 50});
  CHECK(twice.bounds == d.bounds);
  CHECK(twice.points == d.points);
  for (std::size_t k = 0; k < TestType::count; ++k) {
    CHECK(once.points.points[TestType::mirror[k]][0] == 200 - d.points.points[k][0]);
    CHECK(once.points.points[TestType::mirror[k]][1] == d.points.points[k][1]);
  }
}

namespace {
struct fusion_of_mine {
  box_fusion inner{box_fusion::settings{.weights = {1, 1}}};
  static constexpr row_index nowhere = box_fusion::nowhere;
  kept_rows operator()(std::span<const box<float>> boxes, std::span<const float> scores)
  {
    return inner(boxes, scores);
  }
  kept_rows fuse(std::span<const box<float>> boxes, std::span<const float> scores,
                 std::span<const std::int32_t> labels, std::span<const std::size_t> sources)
  {
    return inner.fuse(boxes, scores, labels, sources);
  }
  [[nodiscard]] std::span<const row_index> groups() const { return inner.groups(); }
  [[nodiscard]] std::span<const float> weights() const { return inner.weights(); }
};
static_assert(source_suppressor<fusion_of_mine>);
}  // namespace

TEMPLATE_TEST_CASE("passes that agree are merged into their mean, landmarks and all", "",
                   RETINUE_TEST_SCHEMAS)
{
  std::mt19937 random(41);
  std::normal_distribution<float> normal;
  const float width = 640;
  std::vector<std::vector<detection<TestType>>> passes(2);
  for (int i = 0; i < 9; ++i) {
    const auto x = static_cast<float>(70 * i);
    detection<TestType> plain{{x, 10, x + 40, 60}, 0.9f - 0.05f * static_cast<float>(i), 1, {}};
    for (std::size_t c = 0; c < plain.points.width; ++c) plain.points[c] = x + normal(random);
    auto moved = plain;
    moved.bounds = {x + 2, 12, x + 42, 62};
    moved.score = plain.score / 3;
    for (std::size_t c = 0; c < plain.points.width; ++c) moved.points[c] += 4;
    passes[0].push_back(plain);
    // Found in the mirrored picture, and brought back.
    const auto mirrored = unmirrored(moved, width);
    passes[1].push_back(unmirrored(mirrored, width));
  }
  const auto lone = detection<TestType>{{300, 300, 340, 340}, 0.8f, 1, {}};
  passes[1].push_back(lone);

  merger<TestType> merge(box_fusion({.weights = {1, 1}}));
  const auto found = merge(passes);
  REQUIRE(found.size() == 10);
  std::size_t agreed = 0;
  for (const auto& d : found) {
    if (d.bounds.y1 > 100) {
      CHECK(std::abs(d.score - 0.4f) < 1e-6f);  // half of what one said alone
      continue;
    }
    const auto& of = passes[0][static_cast<std::size_t>(std::lround(d.bounds.x1 / 70))];
    ++agreed;
    CHECK(std::abs(d.score - of.score * 2 / 3) < 1e-5f);           // of s and s / 3
    CHECK(std::abs(d.bounds.x1 - (of.bounds.x1 + 0.5f)) < 1e-3f);  // weights 3 : 1
    CHECK(std::abs(d.bounds.y2 - 60.5f) < 1e-3f);
    for (std::size_t c = 0; c < of.points.width; ++c)
      CHECK(std::abs(d.points[c] - (of.points[c] + 1)) < 1e-3f);
  }
  CHECK(agreed == 9);

  // What forms groups is asked for them, whatever it is called.
  merger<TestType, fusion_of_mine> merge_by_mine;
  const auto by_mine = merge_by_mine(passes);
  REQUIRE(by_mine.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(by_mine[i].points == found[i].points);

  // By a suppressor the best of all passes stay as they are.
  merger<TestType, greedy_suppressor<>> choose(greedy_suppressor<>(0.5f));
  const auto best = choose(passes);
  REQUIRE(best.size() == 10);
  for (const auto& d : best)
    if (d.bounds.y1 < 100)
      CHECK(d.points == passes[0][static_cast<std::size_t>(std::lround(d.bounds.x1 / 70))].points);
  // Classes stay apart.
  for (auto& d : passes[1]) d.label = 2;
  CHECK(choose(passes).size() == 19);
  CHECK(merge(passes).size() == 19);
  merger<TestType, class_agnostic<greedy_suppressor<>>> any(
      class_agnostic<greedy_suppressor<>>(greedy_suppressor<>(0.5f)));
  CHECK(any(passes).size() == 10);
}
