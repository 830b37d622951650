// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "loss_batches.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/backend/team_device.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/formulas/narrow.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/losses/team_objective.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace retinue;

namespace {

/// A batch's outputs at random, of numbers E, and the same as floats.
template <class E, class Settings>
struct narrow_batch {
  using schema = typename Settings::schema;
  static constexpr std::size_t point_width = schema::count * schema::dimension;

  std::vector<E> scores, boxes, points;
  std::vector<float> wide_scores, wide_boxes, wide_points;
  truth_batch<schema> truths;
  table_shape shape;
  std::size_t columns;

  narrow_batch(const Settings& settings, const anchor_layout& anchors,
               const std::vector<std::size_t>& counts, unsigned seed)
      : shape{counts.size(), anchors.size()}, columns(settings.labels.columns(settings.classes))
  {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 1.5f);
    auto drawn = test::random_batch<schema>(anchors, settings.classes + 1, counts, seed);
    for (auto& image : drawn.truths)
      for (std::size_t t = 0; t < image.size(); t += 3) image[t].weight = 0.5f;
    truths.read(drawn.truths, settings.classes, settings.reading);
    const auto fill = [&](std::vector<E>& values, std::vector<float>& wide, std::size_t width) {
      for (std::size_t i = 0; i < shape.size() * width; ++i) {
        values.push_back(E(normal(random)));
        wide.push_back(static_cast<float>(values.back()));
      }
    };
    fill(scores, wide_scores, columns);
    fill(boxes, wide_boxes, 4);
    fill(points, wide_points, point_width);
  }

  [[nodiscard]] team_outputs<E> said() const
  {
    return {part(scores, columns), part(boxes, 4), part(points, point_width), {}};
  }
  [[nodiscard]] team_outputs<> as_floats() const
  {
    return {part(wide_scores, columns), part(wide_boxes, 4), part(wide_points, point_width), {}};
  }
  [[nodiscard]] outputs<host_backend> on_host() const
  {
    return {.scores = {wide_scores.data(), shape, columns},
            .boxes = {wide_boxes.data(), shape, 4},
            .points = {wide_points.data(), shape, point_width}};
  }

 private:
  template <class N>
  [[nodiscard]] output_view<N> part(const std::vector<N>& values, std::size_t width) const
  {
    return {values.empty() ? nullptr : values.data(), static_cast<std::uint32_t>(width),
            contiguous(shape, width)};
  }
};

/// The gradient of a batch, of the terms each by a number of its own.
template <class E>
struct slopes_of {
  static constexpr float each[4] = {0.5f, 2, 4, 1};
  std::vector<E> scores, boxes, points;

  template <class Objective, class Batch, class Kept>
  slopes_of(Objective& objective, const Batch& batch, const Kept& kept)
      : scores(batch.scores.size(), E(9.0f)),
        boxes(batch.boxes.size(), E(9.0f)),
        points(batch.points.size(), E(9.0f))
  {
    std::vector<float> room(scores.size(), std::numeric_limits<float>::quiet_NaN());
    objective.slopes(kept, {.scores = scores.data(),
                            .boxes = boxes.data(),
                            .points = points.data(),
                            .of_terms = each,
                            .before_rounding = room.data()});
  }
};

/// Whether the numbers are those floats, each rounded once.
template <class E>
bool are_rounded(const std::vector<E>& numbers, const std::vector<float>& floats)
{
  return std::ranges::equal(numbers, floats, [](E n, float f) {
    return std::bit_cast<std::array<std::byte, sizeof(E)>>(n) ==
           std::bit_cast<std::array<std::byte, sizeof(E)>>(E(f));
  });
}

template <class E, class Settings, class Match>
void check_objective(const Settings& settings, const Match& match, const anchor_layout& layout,
                     const std::vector<std::size_t>& counts, unsigned seed = 1)
{
  const narrow_batch<E, Settings> batch(settings, layout, counts, seed);
  host_backend b;
  columns<centre_box<float>> anchors;
  b.put(layout.anchors(), 1, anchors);
  typename Settings::template sampler_over<host_backend, Match> sample(
      match, settings.labels, settings.mining, settings.code);
  typename Settings::template loss_over<host_backend> loss(settings);
  samples<host_backend> chosen;
  sample(b, layout, anchors, batch.on_host(), batch.truths, chosen);
  const auto& want = loss(b, anchors, batch.on_host(), batch.truths, chosen);

  team_objective<host_device, Settings, Match> objective(host_device(item_order::shuffled),
                                                         settings, match, layout);
  const auto kept = objective(batch.said(), batch.truths);
  const team_terms terms = objective.fetch(kept);
  CAPTURE(counts.size(), layout.size(), seed);
  CHECK(terms.sums.positives == want.positives);
  CHECK(terms.sums.negatives == want.negatives);
  CHECK(terms.sums.with_landmarks == want.with_landmarks);
  CHECK((terms.sums.positives > 0) == (batch.truths.size() > 0));

  const slopes_of<E> narrow(objective, batch, kept);
  team_objective<host_device, Settings, Match> in_order(host_device(), settings, match, layout);
  slopes_of<float> wide(in_order, batch, in_order(batch.as_floats(), batch.truths));

  // Truths of another batch were there before, more than these.
  const auto sent = in_order.room_for(counts.size(), batch.truths.size() + 37);
  const narrow_batch<E, Settings> crowd(
      settings, layout, std::vector<std::size_t>(counts.size(), sent.room / counts.size()), 7);
  in_order.send(crowd.truths, sent);
  in_order.send(batch.truths, sent);
  const auto with_room = in_order(batch.as_floats(), sent);
  slopes_of<float> as_before(in_order, batch, with_room);
  CHECK(as_before.scores == wide.scores);
  CHECK(as_before.boxes == wide.boxes);
  CHECK(as_before.points == wide.points);
  CHECK(std::abs(in_order.fetch(with_room).total - terms.total) <= 1e-6 * std::abs(terms.total));

  CHECK(are_rounded(narrow.scores, wide.scores));
  CHECK(are_rounded(narrow.boxes, wide.boxes));
  CHECK(are_rounded(narrow.points, wide.points));
  const auto near = [](double a, double expected) {
    return std::abs(a - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
  };
  double total = 0;
  for (const auto& term : want.terms) {
    const double value = term.cost.sum / term.divisor;
    total += term.weight * value;
    const auto [found, slopes, by] =
        term.part == output_part::boxes    ? std::tuple(terms.box, &wide.boxes, wide.each[0])
        : term.part == output_part::scores ? std::tuple(terms.label, &wide.scores, wide.each[1])
                                           : std::tuple(terms.landmark, &wide.points, wide.each[2]);
    CHECK(near(found, value));
    std::vector<float> expected(slopes->size(), 9.0f);
    if (!expected.empty())
      term.cost.write(static_cast<double>(by) / term.divisor, expected.data(), batch.shape.size());
    CHECK(test::furthest(*slopes, expected) <= 1e-6);
  }
  CHECK(near(terms.total, total));
}

const anchor_layout& small()
{
  static const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  return layout;
}

}  // namespace

TEST_CASE("numbers of 16 bits are floats that were rounded to the nearest, to even")
{
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    float16 half;
    half.bits = static_cast<std::uint16_t>(bits);
    bfloat16 brain;
    brain.bits = half.bits;
    const float h = half, b = brain;
    if (h == h) REQUIRE(float16(h).bits == bits);
    REQUIRE((h == h) == (float16(h) == float16(h)));
    if (b == b) REQUIRE(bfloat16(b).bits == bits);
    if (!(std::abs(h) < 65504.0f)) continue;
    float16 next = half;
    next.bits = static_cast<std::uint16_t>(bits + 1);
    const float up = next, middle = h + (up - h) / 2;
    REQUIRE(float16(std::nextafter(middle, h)).bits == bits);
    REQUIRE(float16(std::nextafter(middle, up)).bits == next.bits);
    REQUIRE(float16(middle).bits == (bits % 2 == 0 ? half.bits : next.bits));
  }
  CHECK(float(float16(1.0f / 3)) == 0.333251953125f);
  CHECK(float16(65519.0f).bits == 0x7bff);
  CHECK(float16(65520.0f).bits == 0x7c00);
  CHECK(float16(-1e30f).bits == 0xfc00);
  CHECK(float16(1e-9f).bits == 0);
  CHECK(float(bfloat16(1.00390625f)) == 1.0f);  // half a step above an even one
  CHECK(float(bfloat16(1.01171875f)) == 1.015625f);
  CHECK(std::isnan(float(bfloat16(std::bit_cast<float>(0x7f800001u)))));
}

TEMPLATE_TEST_CASE("an objective by programs is the host's, for outputs of any width", "", float,
                   float16, bfloat16)
{
  using face5 = multibox_settings<schemas::face5>;
  using none = multibox_settings<schemas::none>;
  const auto match = overlap_matcher::retinaface();
  check_objective<TestType>(face5{}, match, small(), {3, 0, 20, 1});
  check_objective<TestType>(none{.classes = 20, .mining = hard_negatives::ssd()}, match, small(),
                            {6});
  check_objective<TestType>(multibox_settings<schemas::wflw98>{}, match, small(), {2, 5});
  check_objective<TestType>(face5{}, match, small(), {0, 0});
  check_objective<TestType>(face5{}, adaptive_matcher::atss(), small(), {3, 0, 20, 1});
  using points = multibox_settings<schemas::face5, distance_coder, every_negative, giou_loss,
                                   smooth_l1, sigmoid_labels<quality_focal>>;
  const anchor_layout free(point_anchors{.strides = {8, 16, 32}}, {96, 128});
  check_objective<TestType>(points{.classes = 3}, dynamic_k_matcher::sim_ota(), free, {7, 0, 3});
  check_objective<TestType>(points{.classes = 3}, dynamic_k_matcher::soft_label(), free, {7, 0, 3});
  check_objective<TestType>(points{.classes = 3}, aligned_matcher::tood(), free, {7, 0, 3});
  check_objective<TestType>(points{.classes = 3}, aligned_matcher::ultralytics(2), free, {7, 0, 3});
}

TEST_CASE("an objective of parts chosen at run time is the host's, by each matcher")
{
  using settings = any_multibox_settings<schemas::face5>;
  const std::vector<std::size_t> counts{3, 0, 20, 1};
  const settings of_papers{};
  check_objective<float>(of_papers, overlap_matcher::retinaface(), small(), counts);
  const settings of_deltas{.classes = 4,
                           .code = delta_coder{.stds = {0.1, 0.2, 0.3, 0.4}},
                           .mining = any_negatives(hard_negatives::ssd().wanted()),
                           .box = {balanced_l1{}},
                           .landmark = {wing{}},
                           .labels = {{{weighted_softmax_labels({}, 0.1)}}}};
  check_objective<float>(of_deltas, adaptive_matcher::atss(), small(), counts);
  const anchor_layout free(point_anchors{.strides = {8, 16, 32}}, {96, 128});
  for (const any_binary_cost::one_of& cost :
       {any_binary_cost::one_of(binary_cross_entropy{}), any_binary_cost::one_of(varifocal{}),
        any_binary_cost::one_of(quality_focal{}), any_binary_cost::one_of(sigmoid_focal{})}) {
    const settings of_points{.classes = 3,
                             .code = distance_coder{.logarithmic = cost.index() == 1},
                             .mining = any_negatives(every_negative{}),
                             .box = {ciou_loss{}},
                             .landmark = {l1{}},
                             .labels = {{{sigmoid_labels<any_binary_cost>{{cost}}}}},
                             .quality = any_quality(rated_by::overlap)};
    check_objective<float>(of_points, dynamic_k_matcher::sim_ota(), free, {7, 0, 3});
    check_objective<float>(of_points, aligned_matcher::tood(), free, {7, 0, 3});
  }
  for (const any_box_loss::one_of& cost :
       {any_box_loss::one_of(smooth_l1{}), any_box_loss::one_of(l1{}),
        any_box_loss::one_of(iou_loss{}), any_box_loss::one_of(log_iou_loss{}),
        any_box_loss::one_of(square_iou_loss{}), any_box_loss::one_of(giou_loss{}),
        any_box_loss::one_of(diou_loss{}), any_box_loss::one_of(eiou_loss{}),
        any_box_loss::one_of(siou_loss{})}) {
    settings of_boxes{};
    of_boxes.box = {cost};
    CAPTURE(cost.index());
    check_objective<float>(of_boxes, overlap_matcher::retinaface(), small(), counts);
  }
}

TEST_CASE("an objective by programs weighs boxes as the host's does")
{
  const anchor_layout free(point_anchors{.strides = {8, 16, 32}}, {96, 128});
  for (const box_weighing by : {box_weighing::by_quality, box_weighing::by_score}) {
    const any_multibox_settings<schemas::face5> chosen{
        .classes = 3,
        .code = distance_coder{},
        .mining = any_negatives(every_negative{}),
        .box = {giou_loss{}},
        .weigh_boxes = by,
        .labels = {{{sigmoid_labels<any_binary_cost>{{quality_focal{}}}}}},
        .quality = any_quality(rated_by::overlap)};
    check_objective<float>(chosen, adaptive_matcher::atss(), small(), {3, 0, 20, 1});
    check_objective<float>(chosen, dynamic_k_matcher::soft_label(), free, {7, 0, 3});
    using typed = multibox_settings<schemas::none, distance_coder, every_negative, giou_loss,
                                    smooth_l1, sigmoid_labels<quality_focal>, overlap_quality<>>;
    check_objective<bfloat16>(typed{.classes = 3, .weigh_boxes = by}, dynamic_k_matcher::sim_ota(),
                              free, {7, 0, 3});
    team_objective<host_device, typed> objective(host_device(),
                                                 typed{.classes = 3, .weigh_boxes = by},
                                                 overlap_matcher::retinaface(), small());
    const narrow_batch<float, typed> batch(objective.settings(), small(), {2}, 1);
    const batch_counts whole{2, 10, 0};
    CHECK_THROWS_WITH(objective(batch.said(), batch.truths, &whole),
                      "the boxes of a part of a batch were to be weighed, whose divisor is the "
                      "whole's");
  }
}

TEST_CASE("settings of which there are no programs say so")
{
  using settings = any_multibox_settings<schemas::none>;
  const auto refused = [](const settings& s, std::string_view why) {
    CHECK_FALSE(learnt_by_programs(s));
    CHECK_THROWS_WITH(detail::plain_settings<settings>(s), std::string(why));
  };
  CHECK(learnt_by_programs(settings{}));
  CHECK(learnt_by_programs(multibox_settings<schemas::none>{}));
  refused({.labels = {{{weighted_softmax_labels({1, 2})}}}},
          "labels of weighted classes are asked for as plain data");
  refused({.mining = any_negatives(random_negatives::settings{})},
          "negatives are drawn, and a program was to mine them");
  CHECK(learnt_by_programs(settings{.weigh_boxes = box_weighing::by_score}));
  using softmax = multibox_settings<schemas::none>;
  const softmax weighs{.weigh_boxes = box_weighing::by_score};
  CHECK_FALSE(learnt_by_programs(weighs));
  CHECK_THROWS_WITH(detail::plain_settings<softmax>(weighs),
                    "a loss of softmax labels by programs was to weigh boxes, expected alike");
}

TEST_CASE("an objective by programs of 256 images, and of 512 truths")
{
  using face5 = multibox_settings<schemas::face5>;
  std::vector<std::size_t> many(256);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i % 5;
  check_objective<bfloat16>(face5{}, overlap_matcher::retinaface(),
                            anchor_layout(square_anchors::retinaface(), {32, 64}), many);
  check_objective<float16>(face5{}, overlap_matcher::retinaface(),
                           anchor_layout(square_anchors::retinaface(), {320, 320}), {512, 64});
}

TEST_CASE("an objective by programs refuses outputs of other columns")
{
  using face5 = multibox_settings<schemas::face5>;
  team_objective<host_device, face5> objective(host_device(), face5{},
                                               overlap_matcher::retinaface(), small());
  narrow_batch<float, face5> batch(face5{}, small(), {1}, 1);
  auto said = batch.said();
  said.boxes.columns = 5;
  CHECK_THROWS_WITH(objective(said, batch.truths),
                    "the boxes of a loss have 5 columns, expected 4");
}

TEST_CASE("truths for which there is no room are not sent")
{
  using face5 = multibox_settings<schemas::face5>;
  team_objective<host_device, face5> objective(host_device(), face5{},
                                               overlap_matcher::retinaface(), small());
  const narrow_batch<float, face5> batch(face5{}, small(), {1, 2}, 1);
  CHECK_THROWS_WITH(objective.send(batch.truths, objective.room_for(2, 2)),
                    "there is room for 2 truths of 2 images, and there are 3 of 2");
  CHECK_THROWS_WITH(objective.send(batch.truths, objective.room_for(3, 8)),
                    "there is room for 8 truths of 3 images, and there are 3 of 2");
}
