// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "evaluate_reference.hpp"

#include <retinue/detect.hpp>
#include <retinue/evaluate.hpp>
#include <retinue/evaluate/results_json.hpp>
#include <retinue/instance.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace retinue;

namespace {
using plain = schemas::none;
using test::labelled;
using test::random_set;
using test::scored;

template <class Evaluation>
auto evaluate(Evaluation evaluation, const random_set& set)
{
  for (std::size_t i = 0; i < set.detections.size(); ++i)
    evaluation.add(set.detections[i], set.truths[i]);
  return evaluation.result();
}

std::vector<wider_truth> as_wider(const std::vector<labelled>& truths)
{
  std::vector<wider_truth> out;
  for (const auto& t : truths) out.push_back({t.bounds, {t.label == 1, !t.ignore, true}});
  return out;
}

wider_result evaluate_wider(const random_set& set, wider_protocol protocol)
{
  wider_evaluation evaluation(protocol);
  for (std::size_t i = 0; i < set.detections.size(); ++i)
    evaluation.add(set.detections[i], as_wider(set.truths[i]));
  return evaluation.result();
}

/// Every truth found, exactly and once, with scores that differ.
random_set perfect(random_set set)
{
  double score = 1;
  for (std::size_t i = 0; i < set.truths.size(); ++i) {
    set.detections[i].clear();
    set.truths[i].resize(std::min<std::size_t>(set.truths[i].size(), 4));
    for (std::size_t g = 0; g < set.truths[i].size(); ++g) {
      labelled& t = set.truths[i][g];
      const double x = 500 * static_cast<double>(g);  // apart from each other
      t.ignore = false;
      t.bounds = {x, 10, x + 10 + static_cast<double>(g * i), 60};
      t.area = area(t.bounds);
      set.detections[i].push_back({t.bounds, score, t.label});
      score *= 0.999;
    }
  }
  return set;
}
}  // namespace

TEST_CASE("VOC equals its definition over prefixes")
{
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    const auto set = test::make_random_set(random, 6, 7);
    for (const double overlap : {0.3, 0.5, 0.75})
      for (const bool eleven : {false, true})
        for (const bool inclusive : {false, true}) {
          const auto result = evaluate(
              voc_evaluation(
                  {overlap, eleven ? voc_area::eleven_points : voc_area::all_points, inclusive}),
              set);
          for (const auto& c : result.classes) {
            CAPTURE(round, overlap, eleven, inclusive, c.label);
            CHECK(std::abs(c.ap - test::voc_by_definition(set, c.label, overlap, eleven,
                                                          inclusive ? 1 : 0)) < 1e-12);
          }
        }
  }
}

TEST_CASE("COCO equals the loops of pycocotools: crowds, sizes, ties, limits")
{
  std::mt19937 random(5);
  double least_ap = 1, greatest_ap = 0;
  for (int round = 0; round < 12; ++round) {
    const auto set = test::make_random_set(random, 5, 6 + 3 * static_cast<std::size_t>(round));
    const auto result = evaluate(coco_evaluation(), set);
    struct expected {
      const char* name;
      bool ap;
      double overlap;
      std::size_t size, most;
    };
    for (const expected& e : std::initializer_list<expected>{{"AP", true, 0, 0, 100},
                                                             {"AP50", true, .5, 0, 100},
                                                             {"AP75", true, .75, 0, 100},
                                                             {"AP small", true, 0, 1, 100},
                                                             {"AP medium", true, 0, 2, 100},
                                                             {"AP large", true, 0, 3, 100},
                                                             {"AR1", false, 0, 0, 1},
                                                             {"AR10", false, 0, 0, 10},
                                                             {"AR100", false, 0, 0, 100},
                                                             {"AR small", false, 0, 1, 100},
                                                             {"AR medium", false, 0, 2, 100},
                                                             {"AR large", false, 0, 3, 100}}) {
      CAPTURE(round, e.name);
      const double port = test::coco_port(set, e.ap, e.overlap, e.size, e.most);
      CHECK(std::abs(result[e.name].value_or(-1) - port) < 1e-12);
    }
    least_ap = std::min(least_ap, *result["AP"]);
    greatest_ap = std::max(greatest_ap, *result["AP"]);
  }
  CHECK(greatest_ap > least_ap);
  CHECK(least_ap > 0);
  CHECK_THROWS_AS(evaluate(coco_evaluation(), {})["AP51"], error);
}

TEST_CASE("WIDER FACE equals the loops of its Python port")
{
  std::mt19937 random(7);
  for (int round = 0; round < 10; ++round) {
    const auto set = test::make_random_set(random, 12, 8, round % 2 == 0);
    const auto result = evaluate_wider(set, wider_protocol::python_port());
    const auto subset = [&](std::size_t s) { return result.subsets[s].ap; };
    CAPTURE(round);
    CHECK(std::abs(subset(0) -
                   test::wider_port(set, [](const labelled& t) { return t.label == 1; })) < 1e-12);
    CHECK(std::abs(subset(1) - test::wider_port(set, [](const labelled& t) { return !t.ignore; })) <
          1e-12);
    CHECK(std::abs(subset(2) - test::wider_port(set, [](const labelled&) { return true; })) <
          1e-12);
    // Without conventions it is VOC's question.
    auto one_class = set;
    for (auto& image : one_class.detections)
      for (auto& d : image) d.label = 1;
    for (auto& image : one_class.truths)
      for (auto& t : image) t.label = 1;
    const auto voc = evaluate(voc_evaluation({.inclusive_pixels = false}), one_class);
    CHECK(std::abs(evaluate_wider(set, wider_protocol::clean()).subsets[1].ap - *voc.mean) < 1e-12);
  }
}

TEST_CASE("WIDER FACE in whole pixels: rounded, the first truth that is enough, the least score")
{
  // Rounded corners make 31 x 46 of 45 x 63 a hit that 30.8 x 45.9 is not.
  const std::vector<wider_truth> face{{{120, 487, 164, 549}, {true, true, true}}};
  const std::vector<scored> near{{{119.893, 493.439, 149.813, 538.391}, 0.9, 1}};
  for (const bool whole : {false, true}) {
    wider_evaluation evaluation(whole ? wider_protocol{} : wider_protocol::python_port());
    evaluation.add(near, face);
    CHECK(evaluation.result().subsets[0].ap == (whole ? 1 : 0));
  }
  // Two truths reach .5: the tool takes the first, its port the better.
  const std::vector<wider_truth> two{{{0, 0, 99, 79}, {false, true, true}},
                                     {{0, 0, 99, 99}, {true, true, true}}};
  const std::vector<scored> both{{{0, 0, 99, 99}, 0.9, 1}};
  wider_evaluation official, port(wider_protocol::python_port());
  official.add(both, two);
  port.add(both, two);
  CHECK(official.result().subsets[0].ap == 0);
  CHECK(port.result().subsets[0].ap == 1);
  // 0.800131499767 is less than the float that it came from: it falls below the last threshold.
  wider_evaluation least;
  least.add(std::vector<scored>{{{0, 0, 99, 99}, 0.9, 1}}, two);
  least.add(std::vector<scored>{{{0, 0, 99, 99}, 0.800131499767, 1}}, two);
  CHECK(least.result().subsets[2].curve.recall.back() == 0.25);
}

TEST_CASE("perfect detections score 1 by every protocol, none score 0")
{
  std::mt19937 random(11);
  const auto set = perfect(test::make_random_set(random, 30, 6));
  for (const auto area : {voc_area::all_points, voc_area::eleven_points})
    CHECK(std::abs(*evaluate(voc_evaluation({0.5, area}), set).mean - 1) < 1e-12);
  const auto coco = evaluate(coco_evaluation({.detections = {1, 10, 100}}), set);
  CHECK(std::abs(*coco["AP"] - 1) < 1e-12);
  CHECK(std::abs(*coco["AR100"] - 1) < 1e-12);
  CHECK(*coco["AR1"] < 1);
  for (const auto& subset : evaluate_wider(set, {}).subsets) CHECK(std::abs(subset.ap - 1) < 1e-12);

  auto nothing = set;
  for (auto& image : nothing.detections) image.clear();
  CHECK(*evaluate(voc_evaluation(), nothing).mean == 0);
  CHECK(*evaluate(coco_evaluation(), nothing)["AP"] == 0);
  CHECK(evaluate_wider(nothing, {}).subsets[2].ap == 0);
  CHECK_FALSE(evaluate(voc_evaluation(), {}).mean.has_value());
  CHECK_FALSE(evaluate(coco_evaluation(), {})["AP"].has_value());
}

TEST_CASE("truths to be ignored neither help nor hurt, found or not")
{
  std::mt19937 random(13);
  for (int round = 0; round < 10; ++round) {
    auto set = test::make_random_set(random, 8, 6, false);
    for (auto& image : set.truths) std::erase_if(image, [](const auto& t) { return t.ignore; });
    auto more = set;
    for (std::size_t i = 0; i < set.truths.size(); ++i) {
      const box<double> far{5000, 5000, 5050, 5050};
      more.truths[i].push_back({far, 1, true, 2500});
      for (std::size_t k = 0; k < i; ++k)
        more.detections[i].push_back({far, 0.1 * static_cast<double>(k), 1});
    }
    CHECK(evaluate(voc_evaluation(), set).mean == evaluate(voc_evaluation(), more).mean);
    const auto before = evaluate(coco_evaluation(), set), after = evaluate(coco_evaluation(), more);
    for (std::size_t f = 0; f < before.figures.size(); ++f) {
      // They do take places among the few that AR1 and AR10 admit, in pycocotools too.
      if (before.figures[f].name == "AR1" || before.figures[f].name == "AR10") continue;
      CAPTURE(before.figures[f].name);
      CHECK(before.figures[f].value == after.figures[f].value);
    }
    const auto clean = wider_protocol::clean();
    CHECK(evaluate_wider(set, clean).subsets[1].ap == evaluate_wider(more, clean).subsets[1].ap);
  }
}

TEST_CASE("average precision does not rise with the overlap asked for")
{
  std::mt19937 random(17);
  for (int round = 0; round < 10; ++round) {
    auto set = test::make_random_set(random, 8, 6);
    for (auto& image : set.truths)
      for (auto& t : image) t.ignore = false;
    double before = 1;
    for (const double overlap : {0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}) {
      const double ap = *evaluate(voc_evaluation({overlap}), set).mean;
      CHECK(ap <= before + 1e-12);
      before = ap;
    }
  }
}

TEST_CASE("only the order of scores matters, and not the order of detections")
{
  std::mt19937 random(19);
  auto set = test::make_random_set(random, 8, 6, false);
  auto other = set;
  for (auto& image : other.detections) {
    std::shuffle(image.begin(), image.end(), random);
    for (auto& d : image) d.score = std::exp(5 * d.score) - 40;
  }
  CHECK(*evaluate(voc_evaluation(), set).mean == *evaluate(voc_evaluation(), other).mean);
  CHECK(*evaluate(coco_evaluation(), set)["AP"] == *evaluate(coco_evaluation(), other)["AP"]);
  CHECK(evaluate_wider(set, wider_protocol::clean()).subsets[2].ap ==
        evaluate_wider(other, wider_protocol::clean()).subsets[2].ap);
}

TEST_CASE("equal scores keep the order in which they were given")
{
  const std::vector<labelled> truths{{{0, 0, 10, 10}, 1, false, 100}};
  const scored right{{0, 0, 10, 10}, 0.5, 1}, wrong{{50, 50, 60, 60}, 0.5, 1};
  voc_evaluation right_first, wrong_first;
  right_first.add(std::vector{right, wrong}, truths);
  wrong_first.add(std::vector{wrong, right}, truths);
  CHECK(*right_first.result().mean == 1);
  CHECK(*wrong_first.result().mean == 0.5);
  // A second detection of one truth is a false alarm.
  voc_evaluation twice;
  twice.add(std::vector{right, right}, truths);
  CHECK(twice.result().classes[0].curve.precision.back() == 0.5);
}

TEST_CASE("all scores equal: the official tool divides 0 by 0, this counts them")
{
  wider_evaluation evaluation;
  evaluation.add(std::vector<scored>{{{0, 0, 10, 10}, 0.7, 1}},
                 std::vector<wider_truth>{{{0, 0, 10, 10}, {true, true, true}}});
  CHECK(evaluation.result().subsets[0].ap == 1);
}

TEST_CASE("what has no order or no meaning is refused")
{
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<labelled> truths{{{0, 0, 10, 10}, 1, false, 100}};
  for (const scored& bad : {scored{{0, 0, 10, 10}, nan, 1}, scored{{0, nan, 10, 10}, 0.5, 1},
                            scored{{0, 0, HUGE_VAL, 10}, 0.5, 1}}) {
    const std::vector<scored> found{bad};
    CHECK_THROWS_AS(voc_evaluation().add(found, truths), error);
    CHECK_THROWS_AS(coco_evaluation().add(found, truths), error);
    CHECK_THROWS_AS(wider_evaluation().add(found, as_wider(truths)), error);
  }
  for (const double overlap : {0.0, -1.0, 1.1, nan}) {
    CHECK_THROWS_AS(voc_evaluation({overlap}), error);
    CHECK_THROWS_AS(wider_evaluation({overlap}), error);
    CHECK_THROWS_AS(landmark_evaluation<plain>({.overlap = overlap}), error);
  }
  CHECK_THROWS_AS(coco_evaluation({.detections = {10, 1, 100}}), error);
}

TEST_CASE("NME refuses landmarks that lie nowhere, and does not look at those that are not visible")
{
  using face5 = schemas::face5;
  instance<face5> truth{{0, 0, 10, 10}};
  truth.visible.fill(true);
  detection<face5> found{{0, 0, 10, 10}, 1, 1, {}};
  const auto add = [&] {
    landmark_evaluation<face5> evaluation;
    evaluation.add(std::span(&found, 1), std::span<const instance<face5>>(&truth, 1));
    return evaluation.result().mean.value();
  };
  CHECK(add() == 0);
  truth.visible[3] = false;
  truth.points.points[3][0] = NAN;
  CHECK(add() == 0);
  truth.points.points[2][1] = HUGE_VALF;
  CHECK_THROWS_WITH(add(), "image 0, truth 0: landmark 2 lies at inf, expected finite numbers");
  truth.points = {};
  found.points.points[4][1] = HUGE_VALF;
  CHECK_THROWS_WITH(add(), "image 0, detection 0: landmark 4 lies at inf, expected finite numbers");
}

TEMPLATE_TEST_CASE("NME: by definition, over visible points alone, for any number of them", "",
                   schemas::none, schemas::face5, schemas::face68)
{
  constexpr std::size_t count = TestType::count;
  std::mt19937 random(23);
  std::normal_distribution<float> normal;
  landmark_evaluation<TestType> evaluation({.failure = 0.05});
  std::vector<double> expected;
  std::size_t with_points = 0;
  for (int image = 0; image < 20; ++image) {
    std::vector<instance<TestType>> truths;
    std::vector<detection<TestType>> found;
    for (int g = 0; g < 4; ++g) {
      const float x = 300.0f * static_cast<float>(g);
      instance<TestType> t;
      t.bounds = {x, 0, x + 100, 64};
      t.ignore = random() % 6 == 0;
      detection<TestType> d{{x + 1, 1, x + 101, 65}, 0.9f, 1, {}};
      double sum = 0;
      int visible = 0;
      for (std::size_t k = 0; k < count; ++k) {
        t.visible[k] = random() % 3 != 0;
        t.points.points[k] = {x + normal(random), normal(random)};
        d.points.points[k] = {x + 3 * normal(random), normal(random)};
        if (!t.visible[k]) continue;
        sum += std::hypot(double{t.points.points[k][0]} - double{d.points.points[k][0]},
                          double{t.points.points[k][1]} - double{d.points.points[k][1]}) /
               80;
        ++visible;
      }
      const bool is_found = random() % 4 != 0;
      with_points += visible && !t.ignore;
      if (is_found && !t.ignore && visible) expected.push_back(sum / visible);
      truths.push_back(t);
      if (is_found) found.push_back(d);
      d.score = 0.3f;  // a second, worse one is no pair
      if (is_found) found.push_back(d);
    }
    std::ranges::reverse(found);
    evaluation.add(found, truths);
  }
  const auto result = evaluation.result();
  CHECK(result.truths == with_points);
  CHECK(result.missed == with_points - expected.size());
  CHECK(result.points.size() == count);
  REQUIRE(result.errors.size() == expected.size());
  REQUIRE(result.mean.has_value() == (count > 0));
  if constexpr (count > 0) {
    double sum = 0, failed = 0;
    for (const double e : expected) {
      sum += e;
      failed += e > 0.05;
    }
    const auto pairs = static_cast<double>(expected.size());
    CHECK(std::abs(*result.mean - sum / pairs) < 1e-9);
    CHECK(std::abs(*result.failed - failed / pairs) < 1e-12);
    CHECK(result.describe().find(" pairs, " + std::to_string(int(failed)) + " of them failed;") !=
          std::string::npos);
    CHECK(result.share_within(1e9) == 1);
    CHECK(result.share_within(-1) == 0);
    CHECK(std::ranges::is_sorted(result.errors));
  }
}

TEST_CASE("NME by the distance of the eyes needs both, and a schema that has them")
{
  instance<schemas::face5> truth;
  truth.bounds = {0, 0, 100, 100};
  truth.points.points = {{{30, 40}, {70, 40}, {50, 60}, {35, 80}, {65, 80}}};
  truth.visible.fill(true);
  detection<schemas::face5> found{truth.bounds, 0.9f, 1, truth.points};
  found.points.points[2] = {50, 70};  // 10 pixels, of 40 between the eyes, on one of 5 points
  const auto evaluate_one = [&](landmark_protocol protocol) {
    landmark_evaluation<schemas::face5> evaluation(protocol);
    evaluation.add(std::vector{found}, std::vector{truth});
    return evaluation.result();
  };
  const landmark_protocol by_eyes{.scale = landmark_scale::inter_ocular};
  CHECK(std::abs(*evaluate_one(by_eyes).mean - 0.05) < 1e-12);
  CHECK(std::abs(*evaluate_one({}).mean - 0.02) < 1e-12);
  CHECK(std::abs(*evaluate_one(by_eyes).points[2] - 0.25) < 1e-12);
  CHECK(evaluate_one({.score = 0.95}).missed == 1);
  truth.visible[1] = false;
  CHECK(evaluate_one(by_eyes).unscaled == 1);
  CHECK_FALSE(evaluate_one(by_eyes).mean.has_value());
  CHECK(std::abs(*evaluate_one({}).mean - 0.025) < 1e-12);
  CHECK_NOTHROW(landmark_evaluation<schemas::wflw98>(by_eyes));
  CHECK_THROWS_AS(landmark_evaluation<schemas::plate4>(by_eyes), error);
}

TEST_CASE("every figure comes with its protocol, as text and as JSON")
{
  std::mt19937 random(29);
  const auto set = test::make_random_set(random, 4, 5);
  const auto voc = evaluate(voc_evaluation({0.4, voc_area::eleven_points}), set);
  CHECK(voc.describe().starts_with("VOC: average precision at overlap 0.4, mean of eleven points"));
  CHECK(voc.describe().find("  class 1: ") != std::string::npos);
  const std::vector<std::string> names{"face"};
  CHECK(voc.describe(names).find("  face: ") != std::string::npos);
  CHECK(to_json(voc, names)["classes"][0]["name"] == "face");
  CHECK(to_json(voc)["protocol"]["overlap"] == 0.4);
  CHECK(to_json(voc)["mean"] == *voc.mean);
  const auto coco = evaluate(coco_evaluation(), set);
  CHECK(coco.describe().find("AP50: ") != std::string::npos);
  CHECK(to_json(coco)["AP75"] == *coco["AP75"]);
  CHECK(to_json(evaluate(coco_evaluation(), {}))["AP"].is_null());
  const auto wider = evaluate_wider(set, {});
  CHECK(wider.describe().find("overlaps in whole pixels") != std::string::npos);
  CHECK(to_json(wider)["hard"]["ap"] == wider.subsets[2].ap);
  CHECK(to_json(wider)["protocol"]["arithmetic"] == "whole pixels");
  voc_evaluation of_nothing;
  of_nothing.add(std::vector{detection<schemas::none>{{0, 0, 9, 9}, 0.5f, 1, {}}},
                 std::vector<instance<schemas::none>>());
  CHECK(to_json(of_nothing.result())["classes"][0]["ap"].is_null());
  CHECK(to_json(evaluate_wider({}, {}))["hard"]["ap"].is_null());
  const auto nme = landmark_evaluation<schemas::face5>().result();
  CHECK(nme.describe().find("no pair") != std::string::npos);
  CHECK(to_json(nme)["nme"].is_null());
  CHECK(to_json(nme)["points"].size() == 5);
}
