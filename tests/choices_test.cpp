// SPDX-License-Identifier: Apache-2.0
// What is chosen at run time is what it would be if it were a template argument.
#include "catch.hpp"
#include "loss_batches.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/config/learning.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using namespace retinue;

namespace {

template <class Schema>
using chosen_settings = any_multibox_settings<Schema>;

bool near(double a, double b)
{
  return std::abs(a - b) <= 1e-6 * (1 + std::abs(b));
}
bool near(const std::vector<float>& a, const std::vector<float>& b)
{
  return std::ranges::equal(
      a, b, [](float x, float y) { return near(static_cast<double>(x), static_cast<double>(y)); });
}

template <class Typed, class Schema>
void check_same(const Typed& typed, const chosen_settings<Schema>& chosen,
                const anchor_layout& anchors, const test::loss_batch<Schema>& batch)
{
  test::gradient_room expected(batch), found(batch);
  const auto want = test::batch_loss<Typed>(typed)(anchors, batch, &expected);
  const auto said = test::batch_loss<chosen_settings<Schema>>(chosen)(anchors, batch, &found);
  CHECK(said.positives == want.positives);
  CHECK(said.negatives == want.negatives);
  CHECK(said.with_landmarks == want.with_landmarks);
  CHECK(want.total > 0);
  CHECK(near(said.box, want.box));
  CHECK(near(said.label, want.label));
  CHECK(near(said.landmark, want.landmark));
  CHECK(near(said.quality, want.quality));
  CHECK(near(said.total, want.total));
  CHECK(near(found.offsets, expected.offsets));
  CHECK(near(found.logits, expected.logits));
  CHECK(near(found.landmarks, expected.landmarks));
  CHECK(near(found.quality, expected.quality));
}

template <class Schema>
test::loss_batch<Schema> batch_with_quality(const anchor_layout& anchors, std::size_t columns)
{
  auto batch = test::random_batch<Schema>(anchors, columns, {4, 0, 9});
  for (std::size_t i = 0; i < 3 * anchors.size(); ++i)
    batch.quality.push_back(static_cast<float>(i % 17) / 4 - 2);
  return batch;
}

}  // namespace

TEST_CASE("a loss of chosen parts is the loss of these parts")
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  const auto of_two = test::random_batch<face5>(anchors, 2, {4, 0, 9});
  check_same(multibox_settings<face5>{}, chosen_settings<face5>{}, anchors, of_two);

  const weighted_softmax_labels weighted({0.5, 3}, 0.1);
  check_same(
      multibox_settings<face5, centre_size_coder, hard_negatives, ciou_loss, wing,
                        weighted_softmax_labels>{
          .mining = hard_negatives::ssd(), .weights = {.box = 3}, .labels = weighted},
      chosen_settings<face5>{.mining = any_negatives(hard_negatives::ssd().wanted()),
                             .box = {ciou_loss{}},
                             .landmark = {wing{}},
                             .weights = {.box = 3},
                             .labels = {{weighted}}},
      anchors, of_two);

  const auto with_part = batch_with_quality<face5>(anchors, 3);
  using focal = sigmoid_labels<sigmoid_focal>;
  check_same(
      multibox_settings<face5, centre_size_coder, every_negative, giou_loss, l1, focal,
                        centre_quality>{.classes = 3},
      chosen_settings<face5>{.classes = 3,
                             .mining = any_negatives(every_negative{}),
                             .box = {giou_loss{}},
                             .landmark = {l1{}},
                             .labels = {{sigmoid_labels<any_binary_cost>{{sigmoid_focal{}}}}},
                             .quality = any_quality(rated_by::centre)},
      anchors, with_part);
  using by_quality = sigmoid_labels<quality_focal>;
  check_same(
      multibox_settings<face5, centre_size_coder, every_negative, balanced_l1, balanced_l1,
                        by_quality, overlap_quality<>>{.classes = 3},
      chosen_settings<face5>{.classes = 3,
                             .mining = any_negatives(every_negative{}),
                             .box = {balanced_l1{}},
                             .landmark = {balanced_l1{}},
                             .labels = {{sigmoid_labels<any_binary_cost>{{quality_focal{}}}}},
                             .quality = any_quality(rated_by::overlap)},
      anchors, with_part);
  check_same(
      multibox_settings<face5, centre_size_coder, every_negative, giou_loss, smooth_l1, by_quality,
                        overlap_quality<>>{.classes = 3, .weigh_boxes = box_weighing::by_score},
      chosen_settings<face5>{.classes = 3,
                             .mining = any_negatives(every_negative{}),
                             .box = {giou_loss{}},
                             .weigh_boxes = box_weighing::by_score,
                             .labels = {{sigmoid_labels<any_binary_cost>{{quality_focal{}}}}},
                             .quality = any_quality(rated_by::overlap)},
      anchors, with_part);
  using vari = sigmoid_labels<varifocal>;
  check_same(multibox_settings<face5, centre_size_coder, every_negative, eiou_loss, smooth_l1, vari,
                               overlap_quality<>>{.classes = 3, .quality = {.objectness = true}},
             chosen_settings<face5>{.classes = 3,
                                    .mining = any_negatives(every_negative{}),
                                    .box = {eiou_loss{}},
                                    .labels = {{sigmoid_labels<any_binary_cost>{{varifocal{}}}}},
                                    .quality = any_quality(rated_by::overlap_and_objectness)},
             anchors, with_part);
}

namespace {

/// Which rows are learnt from, and what each should say.
struct sampled {
  std::vector<row_index> positives, truths, negatives;
  std::vector<wanted<float>> want;

  friend bool operator==(const sampled& a, const sampled& b)
  {
    return a.positives == b.positives && a.truths == b.truths && a.negatives == b.negatives &&
           std::ranges::equal(a.want, b.want, [](const auto& x, const auto& y) {
             return x.label == y.label && x.quality == y.quality && x.weight == y.weight;
           });
  }
};

template <class Match>
sampled sample_of(const Match& match, const anchor_layout& anchors,
                  const test::loss_batch<schemas::face5>& batch)
{
  using labels = sigmoid_labels<sigmoid_focal>;
  host_backend b;
  sampler<host_backend, Match, labels, hard_negatives, centre_size_coder> sample(
      match, labels{}, hard_negatives(), centre_size_coder());
  columns<centre_box<float>> table;
  b.put(anchors.anchors(), 1, table);
  truth_batch<schemas::face5> truths;
  truths.read(batch.truths, 3, truth_reading::classes);
  samples<host_backend> chosen;
  sample(b, anchors, table, batch.said(), truths, chosen);
  sampled made;
  b.fetch(chosen.positives, made.positives);
  b.fetch(chosen.truths, made.truths);
  b.fetch(chosen.negatives, made.negatives);
  for (std::size_t i = 0; i < chosen.want.size(); ++i) made.want.push_back(chosen.want[i]);
  return made;
}

}  // namespace

TEST_CASE("a chosen matcher samples what it would by itself, whether it looks or not")
{
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  const auto batch = test::random_batch<schemas::face5>(anchors, 3, {4, 0, 9});
  const auto check = [&](const auto& match, bool looks) {
    const any_matcher chosen(match.how());
    CHECK(chosen.looks() == looks);
    const sampled want = sample_of(match, anchors, batch);
    CHECK(want.positives.size() > 5);
    CHECK(want.negatives.size() > 30);
    CHECK((sample_of(chosen, anchors, batch) == want));
    return want;
  };
  const auto by_overlap = check(overlap_matcher::retinaface(), false);
  CHECK((check(overlap_matcher::ssd(), false).positives != by_overlap.positives));
  check(adaptive_matcher::atss(), false);
  const auto by_cost = check(dynamic_k_matcher::sim_ota(), true);
  CHECK((by_cost.positives != by_overlap.positives));
  check(dynamic_k_matcher::soft_label(), true);
  check(aligned_matcher::ultralytics(), true);
  CHECK((sample_of(any_matcher(), anchors, batch) == by_overlap));
}

TEST_CASE("a chosen matcher that is asked for what it cannot say refuses")
{
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  const std::vector<box<float>> truths{{0.1f, 0.1f, 0.4f, 0.5f}};
  assignment out;
  any_matcher looks(dynamic_k_matcher::sim_ota().how());
  CHECK_THROWS_AS(looks(anchors, truths, {}, out), error);
  CHECK_THROWS_AS(any_matcher(dynamic_k_matcher::settings{.radius = -1}), error);
  CHECK_THROWS_AS(any_negatives(random_negatives::settings{.share = 2}), error);
}
