// SPDX-License-Identifier: Apache-2.0
#include "by_definition.hpp"
#include "catch.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <retinue/anchors.hpp>
#include <retinue/error.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

using namespace retinue;

namespace {

/// Truths of all sizes and shapes, some outside the image, some the same, some like an anchor.
std::vector<box<float>> random_truths(std::mt19937& random, const anchor_layout& anchors,
                                      std::size_t n)
{
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<box<float>> truths;
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 5 == 4) {
      truths.push_back(to_corners(anchors.anchors()[random() % anchors.size()]));
    } else if (i % 11 == 10) {
      truths.push_back(truths[random() % truths.size()]);
    } else {
      const float w = 0.005f * std::exp(unit(random) * 5), h = w * (0.5f + unit(random));
      const float x = unit(random) * 1.2f - 0.1f, y = unit(random) * 1.2f - 0.1f;
      truths.push_back({x - w / 2, y - h / 2, x + w / 2, y + h / 2});
    }
  }
  return truths;
}

void require_same(const assignment& ours, const assignment& expected)
{
  REQUIRE(ours.verdicts == expected.verdicts);
  for (std::size_t a = 0; a < ours.verdicts.size(); ++a)
    if (ours.verdicts[a] == verdict::positive) {
      CAPTURE(a);
      REQUIRE(ours.truths[a] == expected.truths[a]);
    }
}

overlap_matcher::settings setting(int which)
{
  switch (which) {
    case 0:
      return {};
    case 1:
      return {.positive = 0.5f, .negative = 0.5f, .floor = 0};
    case 2:
      return {.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .floor = 0};
    case 3:
      return {.positive = 0.5f, .negative = 0.4f, .force = forcing::ties, .floor = 0};
    case 4:
      return {.positive = 0.6f, .negative = 0.2f, .force = forcing::none};
    case 5:
      return {.positive = 0.6f,
              .negative = 0.3f,
              .force = forcing::last_ties,
              .floor = 0.1f,
              .background = 0.1f};
    case 6:
      return overlap_matcher::mmdetection(0.5f, 0.4f, 0).how();
    case 7:
      return {.positive = 0.7f,
              .negative = 0.3f,
              .force = forcing::last_best,
              .floor = 0,
              .ignore = 0.3f,
              .ignored = ignoring::all,
              .share_of_anchor = false};
    case 8:
      return {.ignored = ignoring::all, .background = 0.05f};
    default:
      return {.positive = 0.7f,
              .negative = 0.3f,
              .force = forcing::ties,
              .floor = 0,
              .ignore = 0.2f,
              .share_of_anchor = false};
  }
}

const std::vector<anchor_layout>& layouts()
{
  static const auto all = [] {
    auto shuffled = make_anchors(square_anchors::retinaface(), {64, 96});
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
    const std::vector<extent2> floors{{12, 22}, {6, 11}, {3, 5}};
    return std::vector<anchor_layout>{
        anchor_layout(square_anchors::retinaface(), {160, 224}),
        anchor_layout(square_anchors::retinaface_small_faces(), {101, 179}, floors),
        anchor_layout(default_boxes::ssd300(), {300, 300}),
        anchor_layout(shuffled),
        anchor_layout(square_anchors::retinaface(), {7, 250}),
        anchor_layout(square_anchors::retinaface(), {1, 1})};
  }();
  return all;
}
}  // namespace

TEST_CASE("the matcher equals its definition, for its settings, on grids and off them")
{
  std::mt19937 random(4);
  for (int which = 0; which < 10; ++which)
    for (std::size_t l = 0; l < layouts().size(); ++l)
      for (const std::size_t n : {0, 1, 3, 20, 90}) {
        CAPTURE(which, l, n);
        const auto truths = random_truths(random, layouts()[l], n);
        overlap_matcher match(setting(which));
        assignment ours;
        match(layouts()[l], truths, {}, ours);
        require_same(ours, test::match_by_definition{setting(which)}(layouts()[l], truths, {}));

        std::vector<std::uint8_t> ignore(n);
        for (auto& i : ignore) i = random() % 3 == 0;
        match(layouts()[l], truths, ignore, ours);
        require_same(ours, test::match_by_definition{setting(which)}(layouts()[l], truths, ignore));
      }
}

TEST_CASE("truths that reach any distance beyond the picture find the anchors that they overlap")
{
  for (int which = 0; which < 4; ++which)
    for (std::size_t l = 0; l < layouts().size(); ++l)
      for (float far = 100; far < 1e30f; far *= 7) {
        CAPTURE(which, l, far);
        const std::vector<box<float>> truths{{-far, 0.2f, 0.3f, 0.7f},
                                             {0.6f, 0.2f, far, 0.7f},
                                             {0.2f, -far, 0.9f, 0.4f},
                                             {0.2f, 0.1f, 0.4f, far},
                                             {-far, -far, 0.3f, 0.3f}};
        for (const auto& truth : truths) {
          overlap_matcher match(setting(which));
          assignment ours;
          match(layouts()[l], std::vector{truth}, {}, ours);
          require_same(ours, test::match_by_definition{setting(which)}(layouts()[l],
                                                                       std::vector{truth}, {}));
        }
      }
}

TEST_CASE("truths of hardly any area find the anchors that tie for them")
{
  for (const forcing force : {forcing::best, forcing::ties})
    for (std::size_t l = 0; l < layouts().size(); ++l)
      for (float thin = 1e-44f; thin < 1e-2f; thin *= 10) {
        CAPTURE(force, l, thin);
        const std::vector<box<float>> truths{{0, 0, 0.91796875f, thin}, {0, 0, thin, 0.7f}};
        overlap_settings s;
        s.floor = 0;
        s.force = force;
        overlap_matcher match(s);
        assignment ours;
        match(layouts()[l], truths, {}, ours);
        require_same(ours, test::match_by_definition{s}(layouts()[l], truths, {}));
      }
}

TEST_CASE("the compatible form equals the seeds' loop, whatever the truths are")
{
  std::mt19937 random(6);
  auto match = overlap_matcher::reference();
  for (const anchor_layout& anchors : layouts())
    for (const std::size_t n : {0, 1, 2, 8, 40}) {
      auto truths = random_truths(random, anchors, n);
      for (std::size_t t = 0; t < truths.size(); ++t) {
        box<float>& b = truths[t];
        if (t % 8 == 1) b.x2 = b.x1;                      // no width
        if (t % 8 == 3) std::swap(b.y1, b.y2);            // inverted
        if (t % 8 == 5) b = truths[t - 1];                // one with one anchor
        if (t % 8 == 6) b = {1.2f, 1.2f, 1.5f, 1.5f};     // outside
        if (t % 8 == 7) b.x2 = b.x1 + (b.x2 - b.x1) / 8;  // below the floor
      }
      assignment ours;
      match(anchors, truths, {}, ours);

      std::vector<float> best(anchors.size(), 0.0f), best_of_truth(n, 0.0f);
      std::vector<row_index> truth_of(anchors.size(), 0);
      std::vector<std::size_t> best_anchor(n, 0);
      bool any = false;
      for (std::size_t t = 0; t < n; ++t) {
        for (std::size_t a = 0; a < anchors.size(); ++a) {
          const float o = iou(truths[t], to_corners(anchors.anchors()[a]));
          if (o > best[a]) best[a] = o, truth_of[a] = static_cast<row_index>(t);
          if (o > best_of_truth[t]) best_of_truth[t] = o, best_anchor[t] = a;
        }
        any = any || best_of_truth[t] >= 0.2f;
      }
      for (std::size_t t = 0; t < n && any; ++t) {
        if (best_of_truth[t] >= 0.2f) best[best_anchor[t]] = 2;
        truth_of[best_anchor[t]] = static_cast<row_index>(t);
      }
      for (std::size_t a = 0; a < anchors.size(); ++a) {
        CAPTURE(n, a);
        const bool positive = any && best[a] >= 0.35f;
        REQUIRE((ours.verdicts[a] == verdict::positive) == positive);
        REQUIRE(ours.verdicts[a] != verdict::ignored);
        if (any) REQUIRE(ours.truths[a] == truth_of[a]);
      }
    }
}

TEST_CASE("every truth that an anchor overlaps enough gets one, and the report says which did not")
{
  std::mt19937 random(6);
  const anchor_layout anchors(square_anchors::retinaface(), {320, 320});
  for (int round = 0; round < 30; ++round) {
    auto truths = random_truths(random, anchors, 40);
    truths.push_back({0.5f, 0.5f, 0.501f, 0.501f});  // a third of a pixel: overlaps nothing by .2
    auto match = overlap_matcher::retinaface();
    assignment out;
    match(anchors, truths, {}, out);
    std::vector<std::uint32_t> counted(truths.size());
    std::size_t positive = 0;
    for (std::size_t a = 0; a < anchors.size(); ++a)
      if (out.verdicts[a] == verdict::positive) ++counted[out.truths[a]], ++positive;
    CHECK(counted == out.positives);
    CHECK(positive == out.positive_count);
    CHECK(out.positives.back() == 0);
    CHECK(out.unmatched ==
          static_cast<std::size_t>(std::count(counted.begin(), counted.end(), 0u)));
  }
}

TEST_CASE("of two truths with one best anchor the better has it and the other takes its next (B3)")
{
  const anchor_layout anchors({{0.5f, 0.5f, 0.2f, 0.2f}, {0.5f, 0.55f, 0.2f, 0.2f}});
  const std::vector<box<float>> truths{{0.4f, 0.39f, 0.6f, 0.59f}, {0.4f, 0.4f, 0.6f, 0.6f}};
  assignment out;
  overlap_matcher::retinaface()(anchors, truths, {}, out);
  CHECK(out.truths[0] == 1);
  CHECK(out.truths[1] == 0);
  CHECK(out.unmatched == 0);
  overlap_matcher::reference()(anchors, std::vector<box<float>>{truths[1], truths[0]}, {}, out);
  CHECK(out.truths[0] == 1);  // the last truth wins, though it overlaps less
}

TEST_CASE("a truth below the floor takes no anchor from another (B1)")
{
  const anchor_layout anchors({{0.5f, 0.5f, 0.4f, 0.4f}});
  const std::vector<box<float>> truths{{0.3f, 0.3f, 0.7f, 0.7f}, {0.45f, 0.45f, 0.55f, 0.55f}};
  assignment out;
  overlap_matcher::retinaface()(anchors, truths, {}, out);
  CHECK(out.truths[0] == 0);
  CHECK(out.unmatched == 1);
  overlap_matcher::reference()(anchors, truths, {}, out);
  CHECK(out.verdicts[0] == verdict::positive);
  CHECK(out.truths[0] == 1);
}

TEST_CASE("no truth is lost where ties are forced, however its best overlap rounds")
{
  std::mt19937 random(9);
  std::size_t truths_in_all = 0, lost = 0;
  for (int round = 0; round < 20; ++round)
    for (auto match : {overlap_matcher::rpn(), overlap_matcher::retinanet()}) {
      const auto truths = random_truths(random, layouts()[0], 60);
      assignment out;
      match(layouts()[0], truths, {}, out);
      // A truth whose best anchor another truth overlaps more has no anchor of its own.
      const auto alone = [&](std::size_t t) {
        assignment one;
        match(layouts()[0], std::span(truths).subspan(t, 1), {}, one);
        return one.positive_count;
      };
      for (std::size_t t = 0; t < truths.size(); ++t, ++truths_in_all)
        for (std::size_t a = 0; a < layouts()[0].size(); ++a)
          if (iou(truths[t], to_corners(layouts()[0].anchors()[a])) > 0) {
            lost += alone(t) == 0;
            break;
          }
    }
  CHECK(truths_in_all == 2400);
  CHECK(lost == 0);
}

TEST_CASE("a truth of any size is matched, also where its sides or its centre overflow")
{
  const float most = std::numeric_limits<float>::max(),
              inf = std::numeric_limits<float>::infinity();
  const anchor_layout anchors(square_anchors::retinaface(), {160, 224});
  for (int which = 0; which < 5; ++which)
    for (const box<float>& truth :
         {box<float>{-most, 0, 1, 1e-3f}, box<float>{-most, -most, 1, 1},
          box<float>{0, 0, most, 1e-3f}, box<float>{0, 0, 1e-3f, most},
          box<float>{-most, -most, most, most}, box<float>{most / 2, 0, most, 1e-3f},
          box<float>{-most, 0, -most / 2, 1e-3f}, box<float>{-inf, 0, inf, 1},
          box<float>{NAN, 0, 1, 1}}) {
      CAPTURE(which, truth.x1, truth.y1, truth.x2, truth.y2);
      const std::vector<box<float>> truths{truth, {0.2f, 0.2f, 0.3f, 0.3f}};
      overlap_matcher match(setting(which));
      assignment ours;
      match(anchors, truths, {}, ours);
      require_same(ours, test::match_by_definition{setting(which)}(anchors, truths, {}));
    }
}

TEST_CASE("where there are no anchors, nothing is matched")
{
  const anchor_layout none{std::vector<centre_box<float>>{}};
  const std::vector<box<float>> truths{{0.2f, 0.2f, 0.3f, 0.3f}};
  for (const forcing force : {forcing::none, forcing::best, forcing::ties, forcing::reference}) {
    assignment out;
    overlap_matcher({.force = force, .floor = 0})(none, truths, {}, out);
    CHECK(out.verdicts.empty());
    CHECK(out.positive_count == 0);
    CHECK(out.unmatched == 1);
  }
}

TEST_CASE("the adaptive matcher equals its definition, on grids and off them")
{
  std::mt19937 random(12);
  std::size_t compared = 0;
  for (const adaptive_matcher::settings& s :
       {adaptive_matcher::settings{}, adaptive_matcher::settings{.per_level = 3},
        adaptive_matcher::settings{.margin = 0.002f, .ignored = ignoring::all},
        adaptive_matcher::settings{.per_level = 40}})
    for (std::size_t l = 0; l < layouts().size(); ++l)
      for (const std::size_t n : {0, 1, 3, 30})
        for (const bool ignores : {false, true}) {
          CAPTURE(l, n, ignores);
          const auto truths = random_truths(random, layouts()[l], n);
          std::vector<std::uint8_t> ignore(ignores ? n : 0);
          for (auto& i : ignore) i = random() % 3 == 0;
          assignment ours;
          adaptive_matcher match(s);
          match(layouts()[l], truths, ignore, ours);
          const auto expected = test::adaptive_by_definition(s, layouts()[l], truths, ignore);
          if (expected.verdicts.empty()) continue;
          require_same(ours, expected);
          std::size_t positives = 0;
          for (const auto p : ours.positives) positives += p;
          CHECK(positives == ours.positive_count);
          ++compared;
        }
  CHECK(compared > 100);
}

TEST_CASE("truths of any size and place are matched by the adaptive matcher")
{
  const float most = std::numeric_limits<float>::max();
  const anchor_layout anchors(square_anchors::retinaface(), {160, 224});
  for (const box<float>& truth :
       {box<float>{-most, -most, most, most}, box<float>{most / 2, 0, most, 1},
        box<float>{-1e20f, 0, -1e19f, 1}, box<float>{NAN, 0, 1, 1}, box<float>{3, 3, 3, 3}}) {
    const std::vector<box<float>> truths{truth, {0.2f, 0.2f, 0.4f, 0.5f}};
    assignment ours;
    adaptive_matcher::atss()(anchors, truths, {}, ours);
    CHECK(ours.positives[0] == 0);
    CHECK(ours.positives[1] > 0);
  }
}

TEST_CASE("pairs of least cost are those that a trial of all finds")
{
  std::mt19937 random(3);
  least_cost_pairs solve;
  for (int round = 0; round < 400; ++round) {
    const std::size_t rows = 1 + random() % 6, columns = 1 + random() % 6;
    std::vector<float> costs(rows * columns);
    for (float& c : costs)
      c = round % 2 ? static_cast<float>(random() % 4) - 1  // with many ties
                    : std::uniform_real_distribution<float>(-3, 3)(random);
    const auto cost = [&](std::size_t r, std::size_t c) { return double(costs[r * columns + c]); };
    const bool wide = rows <= columns;
    std::vector<std::size_t> order(std::max(rows, columns));
    std::iota(order.begin(), order.end(), std::size_t{0});
    double least = 1e9;
    do {
      double sum = 0;
      for (std::size_t i = 0; i < std::min(rows, columns); ++i)
        sum += wide ? cost(i, order[i]) : cost(order[i], i);
      least = std::min(least, sum);
    } while (std::next_permutation(order.begin(), order.end()));
    const auto found = solve(costs, rows, columns);
    double sum = 0;
    std::vector<std::size_t> taken(columns);
    std::size_t pairs = 0;
    for (std::size_t r = 0; r < rows; ++r)
      if (found[r] != least_cost_pairs::none) {
        sum += cost(r, found[r]);
        CHECK(++taken[found[r]] == 1);
        ++pairs;
      }
    CHECK(pairs == std::min(rows, columns));
    CHECK(std::abs(sum - least) < 1e-5);
  }
  CHECK(solve({}, 0, 4).empty());
  CHECK(solve({}, 2, 0).size() == 2);
  const std::vector<float> bad{1, NAN};
  CHECK_THROWS_WITH(solve(bad, 1, 2),
                    "the cost of row 0 and column 1 is nan, expected a finite number");
  CHECK_THROWS_AS(solve(bad, 2, 2), error);
}

TEST_CASE("coverage asks a matcher for verdicts and truths alone")
{
  struct first_anchors {
    void operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                    std::span<const std::uint8_t>, assignment& out) const
    {
      out = {};
      out.verdicts.assign(anchors.size(), verdict::negative);
      out.truths.assign(anchors.size(), 0);
      for (std::size_t t = 1; t < truths.size(); ++t)
        out.verdicts[t] = verdict::positive, out.truths[t] = static_cast<row_index>(t);
    }
  };
  const std::vector<box<float>> truths(3, {0.1f, 0.1f, 0.4f, 0.4f});
  coverage_report report(first_anchors{});
  report.add(anchor_layout(square_anchors::retinaface(), {96, 128}), truths, {96, 128});
  CHECK(report.all() == size_coverage{3, 2, 2});
}

TEST_CASE("coverage refuses a truth that is not there")
{
  struct beyond {
    void operator()(const anchor_layout& anchors, std::span<const box<float>>,
                    std::span<const std::uint8_t>, assignment& out) const
    {
      out = {};
      out.verdicts.assign(anchors.size(), verdict::negative);
      out.truths.assign(anchors.size(), 0);
      out.verdicts[5] = verdict::positive, out.truths[5] = 3;
    }
  };
  const std::vector<box<float>> truths(3, {0.1f, 0.1f, 0.4f, 0.4f});
  coverage_report report(beyond{});
  CHECK_THROWS_WITH(
      report.add(anchor_layout(square_anchors::retinaface(), {96, 128}), truths, {96, 128}),
      "a matcher gave anchor 5 a truth that is none of 3");
}

TEST_CASE("coverage counts truths and their anchors by size, for any matcher")
{
  const anchor_layout anchors(square_anchors::retinaface(), {320, 320});
  std::mt19937 random(2);
  const auto check = [&](auto match) {
    coverage_report report(match);
    std::size_t truths = 0, matched = 0, positives = 0;
    for (int picture = 0; picture < 5; ++picture) {
      const auto boxes = random_truths(random, anchors, 30);
      report.add(anchors, boxes, {320, 320});
      assignment out;
      match(anchors, boxes, {}, out);
      truths += boxes.size();
      matched += boxes.size() - out.unmatched;
      positives += out.positive_count;
    }
    CHECK(report.all() == size_coverage{truths, matched, positives});
    size_coverage sum;
    for (const auto& [bin, of] : report.by_size()) {
      CHECK(of.matched <= of.truths);
      sum.add(of);
    }
    CHECK(sum == report.all());
  };
  check(overlap_matcher::retinaface());
  check(adaptive_matcher::atss());
  using report = coverage_report<overlap_matcher>;
  CHECK(report::bin_of(16) == 8);
  CHECK(report::bin_of(22) == 8);
  CHECK(report::bin_of(23) == 9);
  CHECK(report::size_of(8) == 16);
}

TEST_CASE("positives are listed by their verdicts, whatever a matcher says of their number")
{
  assignment out;
  out.verdicts = {verdict::positive, verdict::negative, verdict::positive};
  out.truths = {4, 0, 2};
  std::vector<row_index> anchors(9), truths;
  list_positives(out, anchors, truths);
  CHECK(anchors == std::vector<row_index>{0, 2});
  CHECK(truths == std::vector<row_index>{4, 2});
}

TEST_CASE("matchers that cannot be are refused")
{
  CHECK_THROWS_AS(overlap_matcher({.positive = 0.3f, .negative = 0.5f}), error);
  CHECK_THROWS_AS(overlap_matcher({.positive = 1.3f, .negative = 0.5f}), error);
  CHECK_THROWS_AS(overlap_matcher({.floor = std::nanf("")}), error);
  CHECK_THROWS_AS(overlap_matcher({.background = 0.4f}), error);
  CHECK_THROWS_AS(adaptive_matcher({.per_level = 0}), error);
  CHECK_THROWS_AS(aligned_matcher({.candidates = 0}), error);
  CHECK_THROWS_AS(aligned_matcher({.overlap_power = 0}), error);
  CHECK_THROWS_AS(uniform_matcher({.times = 0}), error);
  CHECK_THROWS_AS(uniform_matcher({.least = 1.5f}), error);
  CHECK_THROWS_AS(one_to_one_matcher({.box_weight = -1}), error);
  CHECK_THROWS_AS(dynamic_k_matcher({.radius = 0}), error);
  const anchor_layout anchors(square_anchors::retinaface(), {32, 32});
  const std::vector<box<float>> truths(2);
  const std::vector<std::uint8_t> ignore(1);
  assignment out;
  CHECK_THROWS_AS(overlap_matcher::ssd()(anchors, truths, ignore, out), error);
  CHECK_THROWS_AS(adaptive_matcher::atss()(anchors, truths, ignore, out), error);
}

TEST_CASE("matching in its compatible form equals the reference, negatives included", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/match_640.npz"));
  const anchor_layout anchors(square_anchors::retinaface(), {640, 640});
  const centre_size_coder coder;
  std::size_t cases = 0;
  for (const auto& [name, array] : golden.arrays()) {
    if (!name.ends_with("/targets")) continue;
    const std::string of = name.substr(0, name.size() - 8);
    CAPTURE(of);
    const auto targets = array.as<float>();
    std::vector<box<float>> truths;
    std::vector<float> labels;
    for (std::size_t i = 0; i + 15 <= targets.size(); i += 15) {
      truths.push_back({targets[i], targets[i + 1], targets[i + 2], targets[i + 3]});
      labels.push_back(targets[i + 14]);
    }
    auto match = overlap_matcher::reference();
    assignment out;
    match(anchors, truths, {}, out);

    const auto conf = golden[of + "/conf_t"].as<std::int64_t>();
    const auto loc = golden[of + "/loc_t"].as<float>();
    const bool early = out.positive_count == 0;
    std::size_t wrong_verdicts = 0, wrong_truths = 0;
    double worst = 0;
    if (!early) {
      const auto truth_of = golden[of + "/best_truth_idx"].as<std::int64_t>();
      for (std::size_t a = 0; a < anchors.size(); ++a) wrong_truths += out.truths[a] != truth_of[a];
    }
    for (std::size_t a = 0; a < anchors.size(); ++a) {
      const bool positive = out.verdicts[a] == verdict::positive;
      const float label = positive ? labels[out.truths[a]] : 0;
      wrong_verdicts += static_cast<std::int64_t>(label) != conf[a];
      if (early) continue;
      const auto o = coder.encode(truths[out.truths[a]], anchors.anchors()[a]);
      for (std::size_t c = 0; c < 4; ++c) {
        const double want = loc[a * 4 + c], got = o[c];
        if (std::isfinite(want))
          worst = std::max(worst, std::abs(got - want) / std::max(1.0, std::abs(want)));
        else
          CHECK((std::isnan(want) ? std::isnan(got) : got == want));
      }
    }
    CHECK(wrong_verdicts == 0);
    CHECK(wrong_truths == 0);
    CHECK(worst <= 1e-6);
    ++cases;

    // By default: what the table of docs/compatibility.md says.
    auto by_default = overlap_matcher::retinaface();
    assignment ours;
    by_default(anchors, truths, {}, ours);
    std::size_t lost = 0, other_truth = 0;
    for (std::size_t a = 0; a < anchors.size(); ++a) {
      if (out.verdicts[a] != verdict::positive) continue;
      lost += ours.verdicts[a] != verdict::positive;
      other_truth += ours.verdicts[a] == verdict::positive && ours.truths[a] != out.truths[a];
    }
    const bool crowded = of == "rand_g512";
    CHECK(lost == 0);
    CHECK(ours.unmatched == 0);
    CHECK(ours.positive_count - out.positive_count == (crowded ? 2 : 0));
    CHECK(other_truth == (crowded ? 9 : 0));
  }
  CHECK(cases >= 5);
}
