// SPDX-License-Identifier: Apache-2.0
// The losses over at::Tensor: the formulas' laws, and the multibox loss three ways, which agree.
#include "another_device.hpp"
#include "catch.hpp"
#include "loss_batches.hpp"
#include "loss_laws.hpp"
#include "shared.hpp"
#include "values_torch.hpp"

#include <retinue/error.hpp>
#include <retinue/losses/libtorch.hpp>

#include <torch/torch.h>

using namespace retinue;

namespace {
at::Tensor tensor(const std::vector<float>& values, std::size_t images, std::size_t width,
                  at::Device device)
{
  const auto w = static_cast<std::int64_t>(width), b = static_cast<std::int64_t>(images);
  const auto rows = w == 0 ? 0 : static_cast<std::int64_t>(values.size()) / (b * w);
  return at::from_blob(const_cast<float*>(values.data()), {b, rows, w}, at::kFloat)
      .to(device, /*non_blocking=*/false, /*copy=*/true)
      .set_requires_grad(true);
}

template <class Schema>
tensor_outputs outputs_of(const test::loss_batch<Schema>& batch, std::size_t classes,
                          at::Device device = at::kCPU)
{
  return {tensor(batch.offsets, batch.images(), 4, device),
          tensor(batch.logits, batch.images(), classes, device),
          tensor(batch.landmarks, batch.images(), batch.width, device)};
}

std::vector<float> slopes(const at::Tensor& of)
{
  if (!of.grad().defined()) return std::vector<float>(static_cast<std::size_t>(of.numel()));
  const at::Tensor g = of.grad().to(at::kCPU).contiguous();
  return {g.data_ptr<float>(), g.data_ptr<float>() + g.numel()};
}

void require_close(const at::Tensor& ours, double expected)
{
  REQUIRE(std::abs(ours.item<double>() - expected) <= 1e-5 * (1 + std::abs(expected)));
}

/// Both tensor losses against the host's pass.
template <class Schema, box_loss BoxLoss = smooth_l1, class Settings>
void check_agreement(const Settings& settings, const anchor_layout& anchors,
                     const test::loss_batch<Schema>& batch, at::Device device = at::kCPU)
{
  using code = centre_size_coder;
  multibox_loss<Schema, code, hard_negatives, BoxLoss> host(settings);
  test::gradient_room room(batch);
  const auto expected = host(anchors.anchors(), batch.outputs(), batch.targets, room.all());
  const auto check = [&](auto loss) {
    const auto out = outputs_of(batch, settings.classes, device);
    const tensor_terms terms = loss(anchors.anchors(), out, batch.targets);
    CHECK(terms.positives == expected.positives);
    CHECK(terms.negatives == expected.negatives);
    CHECK(terms.with_landmarks == expected.with_landmarks);
    require_close(terms.box, expected.box);
    require_close(terms.label, expected.label);
    require_close(terms.landmark, expected.landmark);
    require_close(terms.total, expected.total);
    terms.total.backward();
    CHECK(test::furthest(slopes(out.offsets), room.offsets) <= 1e-6);
    CHECK(test::furthest(slopes(out.logits), room.logits) <= 1e-6);
    CHECK(test::furthest(slopes(out.landmarks), room.landmarks) <= 1e-6);
  };
  check(aten_multibox_loss<Schema, code, hard_negatives, BoxLoss>(settings));
  check(fused_multibox_loss<Schema, code, hard_negatives, BoxLoss>(settings));
}
}  // namespace

TEST_CASE("losses are what their definitions say, for tensor columns")
{
  test::check_losses<at::Tensor>();
}

TEST_CASE("autograd agrees with the slopes that are written down")
{
  const at::Tensor x = torch::linspace(-5, 5, 41, torch::kDouble).set_requires_grad(true);
  const auto check = [&](const at::Tensor& value, const at::Tensor& slope) {
    const at::Tensor taken = torch::autograd::grad({value.sum()}, {x})[0];
    CHECK((taken - slope).abs().max().item<double>() < 1e-12);
  };
  for (const double beta : {1.0, 0.3}) {
    check(smooth_l1{beta}.value(x), smooth_l1{beta}.slope(at::Tensor(x.detach())));
    CHECK((smooth_l1{beta}.value(x) -
           at::smooth_l1_loss(x, torch::zeros_like(x), at::Reduction::None, beta))
              .abs()
              .max()
              .item<double>() < 1e-12);
  }
  for (const bool object : {true, false})
    check(sigmoid_focal{}.value(x, object), sigmoid_focal{}.slope(at::Tensor(x.detach()), object));
  const wing curve{3.1, 0.5};  // its corner lies between the points
  at::Tensor slope = torch::empty_like(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) slope[i] = curve.slope(x[i].item<double>());
  slope[20] = 0;  // at 0, where a wing has a corner
  check(curve.value(x), slope);
}

TEST_CASE("overlap losses of a box with itself, and of boxes without area, have finite gradients")
{
  const auto column = [](float x) { return torch::full({3}, x).set_requires_grad(true); };
  for (const float side : {0.5f, 0.0f}) {
    const box<at::Tensor> a{column(0.25f), column(0.25f), column(0.25f + side),
                            column(0.25f + side)};
    const box<at::Tensor> b{a.x1.detach(), a.y1.detach(), a.x2.detach(), a.y2.detach()};
    for (const at::Tensor& loss :
         {iou_loss{}(a, b), giou_loss{}(a, b), diou_loss{}(a, b), ciou_loss{}(a, b)}) {
      CHECK(loss.isfinite().all().item<bool>());
      for (const at::Tensor& g : torch::autograd::grad({loss.sum()}, {a.x1, a.x2, a.y1, a.y2}))
        CHECK(g.isfinite().all().item<bool>());
    }
  }
}

TEMPLATE_TEST_CASE("the host's pass, plain ATen and the fused function agree", "",
                   RETINUE_TEST_SCHEMAS)
{
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  for (const std::size_t classes : {2, 21}) {
    using settings = typename multibox_loss<TestType>::settings;
    settings s{.classes = classes};
    const auto batch = test::random_batch<TestType>(anchors, classes, {6, 0, 25});
    check_agreement<TestType>(s, anchors, batch);
    s.weights = {1, 0.5, 3};
    s.box.beta = 1.0 / 9;
    s.divide_by = normalisation::images;
    check_agreement<TestType>(s, anchors, batch);
    s.reading = truth_reading::reference;
    s.mining = hard_negatives({.added = 200, .least = 0});
    check_agreement<TestType>(s, anchors, batch);
    check_agreement<TestType>(s, anchors, test::random_batch<TestType>(anchors, classes, {0, 0}));
  }
}

TEST_CASE("SSD's loss agrees too: 8,732 default boxes, 21 classes, 3 : 1")
{
  const anchor_layout anchors(default_boxes::ssd300(), {300, 300});
  auto batch = test::random_batch<schemas::none>(anchors, 21, {3, 1, 9});
  batch.match(anchors, overlap_matcher::ssd());
  check_agreement<schemas::none>(multibox_loss<schemas::none>::settings::ssd(), anchors, batch);
}

TEMPLATE_TEST_CASE("boxes may cost by how they lie on their truths", "", iou_loss, giou_loss,
                   diou_loss, ciou_loss)
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  const multibox_settings<face5, centre_size_coder, hard_negatives, TestType> settings{};
  for (const auto& faces : {std::vector<std::size_t>{6, 0, 25}, {0, 0}})
    check_agreement<face5, TestType>(settings, anchors,
                                     test::random_batch<face5>(anchors, 2, faces));
}

TEST_CASE("the losses agree on a device with memory of its own")
{
  const at::Device device = test::another_device();
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  const auto faces = test::random_batch<schemas::face5>(anchors, 2, {6, 0, 25});
  check_agreement<schemas::face5>(multibox_loss<schemas::face5>::settings{}, anchors, faces,
                                  device);
  const auto shapes = test::random_batch<schemas::none>(anchors, 21, {3, 1, 9});
  check_agreement<schemas::none>(multibox_loss<schemas::none>::settings::ssd(), anchors, shapes,
                                 device);
}

TEST_CASE("terms can be weighed by hand, and their gradients taken twice over")
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {64, 64});
  const auto batch = test::random_batch<face5>(anchors, 2, {3});
  const auto gradient = [&](auto loss, double weight) {
    const auto out = outputs_of(batch, 2);
    const tensor_terms terms = loss(anchors.anchors(), out, batch.targets);
    const at::Tensor sum = terms.label * weight + terms.box;
    sum.backward({}, /*retain_graph=*/true);
    sum.backward();
    return slopes(out.logits);
  };
  const auto plain = gradient(aten_multibox_loss<face5>(), 5);
  CHECK(test::furthest(plain, gradient(fused_multibox_loss<face5>(), 5)) <= 1e-6);
  CHECK(test::furthest(plain, gradient(fused_multibox_loss<face5>(), 4)) > 1e-3);
}

TEST_CASE("outputs of another shape are refused, those of another type are not")
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {64, 64});
  const auto batch = test::random_batch<face5>(anchors, 2, {3, 1});
  fused_multibox_loss<face5> fused;
  aten_multibox_loss<face5> plain;
  auto out = outputs_of(batch, 2);
  out.landmarks = out.landmarks.slice(2, 0, 8);
  CHECK_THROWS_AS(fused(anchors.anchors(), out, batch.targets), error);
  CHECK_THROWS_AS(plain(anchors.anchors(), out, batch.targets), error);
  out.landmarks = at::Tensor();
  CHECK_THROWS_AS(fused(anchors.anchors(), out, batch.targets), error);

  out = outputs_of(batch, 2);
  const double expected = fused(anchors.anchors(), out, batch.targets).total.item<double>();
  tensor_outputs exact{out.offsets.to(at::kDouble), out.logits.to(at::kDouble),
                       out.landmarks.to(at::kDouble)};
  for (const tensor_terms& terms : {fused(anchors.anchors(), exact, batch.targets),
                                    plain(anchors.anchors(), exact, batch.targets)}) {
    CHECK(terms.total.scalar_type() == at::kDouble);
    require_close(terms.total, expected);
  }
  // A network's heads are often views.
  exact.offsets = out.offsets.transpose(1, 2).contiguous().transpose(1, 2);
  require_close(
      fused(anchors.anchors(), {exact.offsets, out.logits, out.landmarks}, batch.targets).total,
      expected);
}

TEST_CASE("both tensor losses in their compatible form equal the reference", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/multibox_loss_640_b4.npz"));
  const anchor_layout anchors(square_anchors::retinaface(), {640, 640});
  const auto batch = test::golden_batch(golden, anchors);
  const auto check = [&](auto loss) {
    const auto out = outputs_of(batch, 2);
    const tensor_terms terms = loss(anchors.anchors(), out, batch.targets);
    const auto expected = [&](const char* name) {
      return static_cast<double>(golden[name].as<float>()[0]);
    };
    require_close(terms.box, expected("loss_l"));
    require_close(terms.label, expected("loss_c"));
    require_close(terms.landmark, expected("loss_landm"));
    require_close(terms.total, expected("total"));
    terms.total.backward();
    CHECK(test::furthest(slopes(out.offsets), golden["grad_loc"].as<float>()) <= 1e-5);
    CHECK(test::furthest(slopes(out.logits), golden["grad_conf"].as<float>()) <= 1e-5);
    CHECK(test::furthest(slopes(out.landmarks), golden["grad_landm"].as<float>()) <= 1e-5);
  };
  const auto settings = multibox_loss<schemas::face5>::settings::reference();
  check(aten_multibox_loss<schemas::face5>(settings));
  check(fused_multibox_loss<schemas::face5>(settings));
}
