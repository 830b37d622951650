// SPDX-License-Identifier: Apache-2.0
// The loss by programs behind autograd, over tensors of the processor: it is that of the host.
#include "catch.hpp"
#include "loss_batches.hpp"

#include <retinue/backend/host_blocks.hpp>
#include <retinue/backend/libtorch_team.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/libtorch_team.hpp>
#include <retinue/models/network.hpp>
#include <retinue/train/objective.hpp>

#include <torch/torch.h>

#include <cmath>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

/// Outputs at random: row after row, or transposed and then viewed back.
at::Tensor drawn(std::int64_t images, std::int64_t rows, std::int64_t width, at::ScalarType type,
                 bool strided)
{
  at::Tensor values = at::randn({images, rows, width}, at::kFloat).to(type);
  if (strided) values = values.transpose(1, 2).contiguous().transpose(1, 2);
  return values.set_requires_grad(true);
}
at::Tensor widened(const at::Tensor& of)
{
  return of.defined() ? of.detach().to(at::kFloat).contiguous().clone().set_requires_grad(true)
                      : at::Tensor();
}

double furthest(const at::Tensor& ours, const at::Tensor& host, at::ScalarType type)
{
  if (!host.defined()) return 0;
  const double rounding = type == at::kHalf ? 0x1p-11 : type == at::kBFloat16 ? 0x1p-8 : 0;
  const at::Tensor apart = (ours.to(at::kFloat) - host).abs() - host.abs() * rounding;
  return apart.numel() == 0 ? 0 : apart.max().item<double>();
}

template <class Settings, class Match, class Anchors>
void check_torch(const Settings& settings, const Match& match, const Anchors& anchors, extent2 size,
                 const std::vector<std::size_t>& counts, bool with_quality = false,
                 bool strided = false)
{
  using schema = typename Settings::schema;
  const anchor_layout layout(anchors, size);
  const auto batch = test::random_batch<schema>(layout, settings.classes + 1, counts, 1);
  const auto images = static_cast<std::int64_t>(counts.size()),
             rows = static_cast<std::int64_t>(layout.size());
  const auto columns = static_cast<std::int64_t>(settings.labels.columns(settings.classes));
  objective<Settings, Match, Anchors, host_blocks> by_programs(anchors, settings, match);
  objective<Settings, Match, Anchors> on_host(anchors, settings, match);
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    torch::manual_seed(3);
    network_outputs said{drawn(images, rows, columns, type, strided),
                         drawn(images, rows, 4, type, strided)};
    if (schema::count > 0)
      said.points = drawn(images, rows, schema::count * schema::dimension, type, strided);
    if (with_quality) said.quality = drawn(images, rows, 1, type, false);
    const network_outputs wide{widened(said.scores.values), widened(said.boxes.values),
                               widened(said.points.values), widened(said.quality.values)};
    CAPTURE(c10::toString(type), images, rows, schema::count);
    const tensor_terms ours = by_programs(said, size, batch.truths);
    const tensor_terms host = on_host(wide, size, batch.truths);
    const auto near = [](const at::Tensor& a, const at::Tensor& b) {
      const double expected = b.item<double>();
      return std::abs(a.item<double>() - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
    };
    CHECK(near(ours.total, host.total));
    REQUIRE(ours.named.size() == host.named.size());
    for (std::size_t k = 0; k < host.named.size(); ++k) {
      CHECK(ours.named[k].first == host.named[k].first);
      CHECK(near(ours.named[k].second, host.named[k].second));
    }
    REQUIRE(ours.counts.defined());
    CHECK(ours.counts[0].item<std::int64_t>() == static_cast<std::int64_t>(host.positives));
    CHECK(ours.counts[1].item<std::int64_t>() == static_cast<std::int64_t>(host.negatives));
    CHECK(ours.counts[2].item<std::int64_t>() == static_cast<std::int64_t>(host.with_landmarks));

    // Scaled, and with one term that counts for more, so that every way of the gradient is taken.
    (ours.total * 2 + ours["box"] * 3).backward();
    (host.total * 2 + host["box"] * 3).backward();
    const auto check = [&](const at::Tensor& mine, const at::Tensor& theirs) {
      if (!mine.defined()) return;
      REQUIRE(mine.grad().scalar_type() == type);
      const at::Tensor want = theirs.grad().defined() ? theirs.grad() : at::zeros_like(theirs);
      CHECK(furthest(mine.grad(), want, type) <= 1e-6);
    };
    check(said.scores.values, wide.scores.values);
    check(said.boxes.values, wide.boxes.values);
    check(said.points.values, wide.points.values);
    check(said.quality.values, wide.quality.values);
  }
}

}  // namespace

TEST_CASE("the loss by programs behind autograd is the host's, value and gradient")
{
  using face5 = multibox_settings<schemas::face5>;
  const square_anchors faces = square_anchors::retinaface();
  const auto match = overlap_matcher::retinaface();
  check_torch(face5{}, match, faces, {96, 128}, {3, 0, 20, 1});
  check_torch(face5{}, match, faces, {96, 128}, {3, 0, 20, 1}, false, true);
  check_torch(face5{}, match, faces, {96, 128}, {0});
  check_torch(multibox_settings<schemas::none>{.classes = 20, .mining = hard_negatives::ssd()},
              match, faces, {96, 128}, {6, 2});
  check_torch(multibox_settings<schemas::wflw98>{}, match, faces, {64, 64}, {4});
  using points = multibox_settings<schemas::face5, distance_coder, every_negative, giou_loss,
                                   smooth_l1, times_quality<>>;
  check_torch(points{.classes = 2}, dynamic_k_matcher::sim_ota(),
              point_anchors{.strides = {8, 16, 32}}, {96, 128}, {5, 0, 9}, true);
}

TEST_CASE("the loss by programs behind autograd, of 256 images and of 512 truths")
{
  using face5 = multibox_settings<schemas::face5>;
  std::vector<std::size_t> many(256);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i % 5;
  const auto match = overlap_matcher::retinaface();
  check_torch(face5{}, match, square_anchors::retinaface(), {32, 64}, many);
  check_torch(face5{}, match, square_anchors::retinaface(), {160, 160}, {512});
}

TEST_CASE("two losses may be waiting for their backward passes")
{
  using face5 = multibox_settings<schemas::face5>;
  const extent2 size{64, 96};
  const anchor_layout layout(square_anchors::retinaface(), size);
  const auto first = test::random_batch<schemas::face5>(layout, 2, {3}, 1),
             second = test::random_batch<schemas::face5>(layout, 2, {8}, 2);
  objective<face5, overlap_matcher, square_anchors, host_blocks> loss(square_anchors::retinaface());
  const auto rows = static_cast<std::int64_t>(layout.size());
  torch::manual_seed(1);
  const network_outputs said{drawn(1, rows, 2, at::kFloat, false),
                             drawn(1, rows, 4, at::kFloat, false),
                             drawn(1, rows, 10, at::kFloat, false)};
  loss(said, size, first.truths).total.backward();
  const at::Tensor alone = said.boxes.values.grad().clone();
  said.boxes.values.mutable_grad().zero_();
  const tensor_terms one = loss(said, size, first.truths), other = loss(said, size, second.truths);
  one.total.backward();
  CHECK(at::equal(said.boxes.values.grad(), alone));
  other.total.backward();
  CHECK_FALSE(at::equal(said.boxes.values.grad(), alone));
}

TEST_CASE("outputs of another number of rows are refused, and a device without such blocks")
{
  using face5 = multibox_settings<schemas::face5>;
  const extent2 size{64, 96};
  objective<face5, overlap_matcher, square_anchors, host_blocks> loss(square_anchors::retinaface());
  const network_outputs said{at::zeros({1, 7, 2}), at::zeros({1, 7, 4}), at::zeros({1, 7, 10})};
  const std::vector<std::vector<instance<schemas::face5>>> none(1);
  CHECK_THROWS_WITH(
      loss(said, size, none),
      Catch::ContainsSubstring("a part of the outputs of a loss has the shape [1, 7, 2]"));
  CHECK_THROWS_WITH(torch_team<host_blocks>(at::Device(at::kLazy, 0)),
                    "programs for cpu were given the device lazy:0");
}

TEST_CASE("a detector over tensors of a device with a team is the host's, whatever the width")
{
  using face5 = schemas::face5;
  const square_anchors source = square_anchors::retinaface();
  const extent2 input{96, 128};
  const auto rows = static_cast<std::int64_t>(make_anchors(source, input).size());
  const std::vector<frame> frames{{input, {192, 256}, 0.5, 0.5}, {input, {90, 110}, 1, 1}};
  const detect_options options{.score = 0.3f, .candidates = 300, .keep = 50, .clip = true};
  torch::manual_seed(5);
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const network_outputs said{drawn(2, rows, 2, type, true), drawn(2, rows, 4, type, false),
                               drawn(2, rows, 10, type, false)};
    using over = torch_team_backend<host_blocks>;
    detector<face5, over, square_anchors, centre_size_coder, greedy_suppressor<>, softmax_labels>
        ours(source, options);
    detector<face5, host_backend, square_anchors, centre_size_coder, greedy_suppressor<>,
             softmax_labels>
        host(source, options);
    std::vector<std::vector<detection<face5>>> found, want;
    ours(outputs<over>{.scores = said.scores, .boxes = said.boxes, .points = said.points}, frames,
         found);
    const network_outputs wide{widened(said.scores.values), widened(said.boxes.values),
                               widened(said.points.values)};
    const host_outputs<> view(wide);
    host(view.said, frames, want);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      REQUIRE(found[i].size() == want[i].size());
      CHECK(want[i].size() == 50);
      for (std::size_t k = 0; k < want[i].size(); ++k) {
        REQUIRE(found[i][k].score == want[i][k].score);
        for (std::size_t c = 0; c < 4; ++c)
          REQUIRE(std::abs(found[i][k].bounds[c] - want[i][k].bounds[c]) < 1e-3f);
        for (std::size_t c = 0; c < 10; ++c)
          REQUIRE(std::abs(found[i][k].points[c] - want[i][k].points[c]) < 1e-3f);
      }
    }
  }
}
