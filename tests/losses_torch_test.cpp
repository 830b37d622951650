// SPDX-License-Identifier: Apache-2.0
// The losses over at::Tensor: the formulas' laws, and the loss of a batch over tensors and in host
// memory, which agree.
#include "another_device.hpp"
#include "catch.hpp"
#include "golden_losses.hpp"
#include "loss_batches.hpp"
#include "loss_laws.hpp"
#include "shared.hpp"
#include "values_torch.hpp"

#include <retinue/error.hpp>
#include <retinue/formulas/any_coder.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/libtorch.hpp>
#include <retinue/models/network.hpp>
#include <retinue/train/objective.hpp>

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
network_outputs outputs_of(const test::loss_batch<Schema>& batch, at::Device device = at::kCPU)
{
  network_outputs said{tensor(batch.logits, batch.images(), batch.said().scores.numbers(), device),
                       tensor(batch.offsets, batch.images(), 4, device)};
  if (batch.width > 0) said.points = tensor(batch.landmarks, batch.images(), batch.width, device);
  if (!batch.quality.empty()) said.quality = tensor(batch.quality, batch.images(), 1, device);
  return said;
}

std::vector<float> slopes(const tensor_output& of)
{
  if (!of.values.defined()) return {};
  if (!of.values.grad().defined())
    return std::vector<float>(static_cast<std::size_t>(of.values.numel()));
  const at::Tensor g = of.values.grad().to(at::kCPU).contiguous();
  return {g.data_ptr<float>(), g.data_ptr<float>() + g.numel()};
}

void require_close(const at::Tensor& ours, double expected)
{
  REQUIRE(std::abs(ours.item<double>() - expected) <= 1e-5 * (1 + std::abs(expected)));
}

/// The loss of given assignments, over a backend of tensors or in host memory behind autograd.
template <class B, class Settings>
class terms_over {
 public:
  explicit terms_over(const Settings& s, B backend = B())
      : settings_(s), backend_(std::move(backend)), loss_(s)
  {
  }

  template <class Schema>
  tensor_terms operator()(const anchor_layout& layout, const network_outputs& said,
                          const test::loss_batch<Schema>& batch)
  {
    typename Settings::template sampler_over<B, test::canned_matcher> sample(
        test::canned_matcher{&batch.assigned}, settings_.labels, settings_.mining, settings_.code);
    typename B::template table<centre_box<float>> anchors;
    backend_.put(layout.anchors(), 1, anchors);
    truth_batch<Schema> truths;
    truths.read(batch.truths, settings_.classes, settings_.reading);
    samples<B> chosen;
    if constexpr (in_host_memory<B>) {
      const host_outputs<> view(said);
      sample(backend_, layout, anchors, view.said, truths, chosen);
      return as_tensors(loss_(backend_, anchors, view.said, truths, chosen), said);
    } else {
      sample(backend_, layout, anchors, said, truths, chosen);
      return as_tensors(loss_(backend_, anchors, said, truths, chosen), said);
    }
  }

 private:
  Settings settings_;
  B backend_;
  typename Settings::template loss_over<B> loss_;
};

/// Both against the host's pass.
template <class Settings, class Schema>
void check_agreement(const Settings& settings, const anchor_layout& anchors,
                     const test::loss_batch<Schema>& batch, at::Device device = at::kCPU)
{
  test::batch_loss<Settings> host(settings);
  test::gradient_room room(batch);
  const auto expected = host(anchors, batch, &room);
  const auto check = [&](auto loss) {
    const network_outputs out = outputs_of(batch, device);
    const tensor_terms terms = loss(anchors, out, batch);
    CHECK(terms.positives == expected.positives);
    CHECK(terms.negatives == expected.negatives);
    CHECK(terms.with_landmarks == expected.with_landmarks);
    require_close(terms["box"], expected.box);
    require_close(terms["label"], expected.label);
    require_close(terms["landmark"], expected.landmark);
    if (!batch.quality.empty()) require_close(terms["quality"], expected.quality);
    require_close(terms.total, expected.total);
    terms.total.backward();
    CHECK(test::furthest(slopes(out.boxes), room.offsets) <= 1e-6);
    CHECK(test::furthest(slopes(out.scores), room.logits) <= 1e-6);
    if (batch.width > 0) CHECK(test::furthest(slopes(out.points), room.landmarks) <= 1e-6);
    if (!batch.quality.empty()) CHECK(test::furthest(slopes(out.quality), room.quality) <= 1e-6);
  };
  check(terms_over<libtorch_backend, Settings>(settings, libtorch_backend(device)));
  if (device.is_cpu()) check(terms_over<host_backend, Settings>(settings));
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
  for (const double target : {1.0, 0.0}) {
    const at::Tensor t = at::full_like(x, target).detach();
    at::Tensor slope;
    const at::Tensor value = sigmoid_focal{}.with_slope(at::Tensor(x.detach()), t, slope);
    CHECK((value - sigmoid_focal{}(x, t)).abs().max().item<double>() < 1e-12);
    check(sigmoid_focal{}(x, t), slope);
  }
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
         {iou_loss{}(a, b), giou_loss{}(a, b), diou_loss{}(a, b), ciou_loss{}(a, b),
          log_iou_loss{}(a, b), eiou_loss{}(a, b), siou_loss{}(a, b), extended_iou_loss{}(a, b),
          bounded_iou_loss{}(a, b)}) {
      CHECK(loss.isfinite().all().item<bool>());
      for (const at::Tensor& g : torch::autograd::grad({loss.sum()}, {a.x1, a.x2, a.y1, a.y2}))
        CHECK(g.isfinite().all().item<bool>());
    }
  }
}

TEMPLATE_TEST_CASE("the loss over tensors and in host memory agree", "", RETINUE_TEST_SCHEMAS)
{
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  for (const std::size_t classes : {2, 21}) {
    multibox_settings<TestType> s{.classes = classes - 1};
    const auto batch = test::random_batch<TestType>(anchors, classes, {6, 0, 25});
    check_agreement(s, anchors, batch);
    s.weights = {1, 0.5, 3};
    s.box.beta = 1.0 / 9;
    s.divide_by = normalisation::images;
    check_agreement(s, anchors, batch);
    s.reading = truth_reading::reference;
    s.mining = hard_negatives({.added = 200, .least = 0});
    check_agreement(s, anchors, batch);
    check_agreement(s, anchors, test::random_batch<TestType>(anchors, classes, {0, 0}));
  }
}

TEST_CASE("SSD's loss agrees too: 8,732 default boxes, 21 classes, 3 : 1")
{
  const anchor_layout anchors(default_boxes::ssd300(), {300, 300});
  auto batch = test::random_batch<schemas::none>(anchors, 21, {3, 1, 9});
  batch.match(anchors, overlap_matcher::ssd());
  check_agreement(multibox_settings<schemas::none>::ssd(), anchors, batch);
}

TEST_CASE("over tensors, losses and gradients are those of the peers' code", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/losses.npz"));
  std::size_t compared = 0;
  test::each_golden_loss(golden, [&]<std::size_t Width>(const test::golden_loss& g,
                                                        test::width<Width>, const auto& formula) {
    CAPTURE(g.name);
    const auto columns_of = [&](const std::vector<double>& rows, std::size_t width) {
      std::vector<at::Tensor> columns;
      for (std::size_t c = 0; c < width; ++c) {
        std::vector<double> column;
        for (std::size_t i = 0; i < g.rows; ++i) column.push_back(rows[i * width + c]);
        columns.push_back(at::tensor(column, at::kDouble));
      }
      return columns;
    };
    std::vector<at::Tensor> x = columns_of(g.said, Width);
    for (at::Tensor& column : x) column.set_requires_grad(true);
    const at::Tensor cost = formula(x, columns_of(g.given, g.given_width));
    cost.sum().backward();
    // A number beside a column goes in as a float.
    const double near = 2e-7 + g.rounding;
    if (g.value.size() != g.rows)
      CHECK(std::abs(cost.sum().item<double>() - g.value[0]) <= near * std::abs(g.value[0]));
    for (std::size_t i = 0; i < g.rows; ++i) {
      const auto row = static_cast<std::int64_t>(i);
      const double scale = g.value.size() == g.rows ? g.scale(i) : 1;
      if (g.value.size() == g.rows)
        REQUIRE(std::abs(cost[row].item<double>() - g.value[i]) <= near * scale);
      for (std::size_t c = 0; c < Width; ++c)
        REQUIRE(std::abs(x[c].grad()[row].item<double>() - g.slope[i * Width + c]) <= near * scale);
    }
    ++compared;
  });
  CHECK(compared > 40);
}

TEMPLATE_TEST_CASE("landmarks may cost by how alike they are together", "", schemas::none,
                   schemas::points<1>, schemas::face5, schemas::face68)
{
  const anchor_layout anchors(square_anchors::retinaface(), {96, 96});
  multibox_settings<TestType, centre_size_coder, hard_negatives, smooth_l1, keypoint_loss<TestType>>
      settings{};
  check_agreement(settings, anchors, test::random_batch<TestType>(anchors, 2, {3, 0, 9}));
}

TEMPLATE_TEST_CASE("qualities agree, and are held", "", matched_quality, overlap_quality<>,
                   centre_quality)
{
  using none = schemas::none;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 96});
  const multibox_settings<none, centre_size_coder, every_negative, giou_loss, smooth_l1,
                          sigmoid_labels<varifocal>, TestType>
      settings{.classes = 3};
  auto batch = test::random_batch<none>(anchors, 3, {3, 0, 9});
  for (std::size_t i = 0; i < 3 * anchors.size(); ++i)
    batch.quality.push_back(static_cast<float>(i % 17) / 4 - 2);
  check_agreement(settings, anchors, batch);
  for (const box_weighing by : {box_weighing::by_quality, box_weighing::by_score}) {
    auto weighed = settings;
    weighed.weigh_boxes = by;
    check_agreement(weighed, anchors, batch);
    check_agreement(weighed, anchors, batch, test::another_device());
  }
}

TEST_CASE("what is chosen at run time agrees")
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 96});
  using chosen = any_multibox_settings<face5>;
  const auto softmax = test::random_batch<face5>(anchors, 4, {3, 0, 9});
  check_agreement(chosen{.classes = 3}, anchors, softmax);
  auto sigmoids = test::random_batch<face5>(anchors, 3, {3, 0, 9});
  for (std::size_t i = 0; i < 3 * anchors.size(); ++i)
    sigmoids.quality.push_back(static_cast<float>(i % 17) / 4 - 2);
  const chosen modern{.classes = 3,
                      .code = distance_coder{.logarithmic = true},
                      .mining = any_negatives(every_negative{}),
                      .box = {giou_loss{}},
                      .landmark = {wing{}},
                      .labels = {{sigmoid_labels<any_binary_cost>{{quality_focal{}}}}},
                      .quality = any_quality(rated_by::overlap_and_objectness)};
  check_agreement(modern, anchors, sigmoids);
  check_agreement(modern, anchors, sigmoids, test::another_device());
}

TEMPLATE_TEST_CASE("a chosen matcher samples the same over tensors", "", overlap_matcher,
                   adaptive_matcher, dynamic_k_matcher, aligned_matcher)
{
  using none = schemas::none;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 96});
  const auto batch = test::random_batch<none>(anchors, 3, {3, 0, 9});
  truth_batch<none> truths;
  truths.read(batch.truths, 3, truth_reading::classes);
  const auto sample_over = [&](auto b, const auto& said) {
    using backend = decltype(b);
    sampler<backend, any_matcher, any_learnable_labels, any_negatives, any_coder> sample(
        any_matcher(typename TestType::settings{}),
        {sigmoid_labels<any_binary_cost>{{sigmoid_focal{}}}}, {}, {});
    typename backend::template table<centre_box<float>> table;
    b.put(anchors.anchors(), 1, table);
    samples<backend> chosen;
    sample(b, anchors, table, said, truths, chosen);
    std::vector<row_index> positives, of_truths;
    b.fetch(chosen.positives, positives);
    b.fetch(chosen.truths, of_truths);
    return std::pair(positives, of_truths);
  };
  const auto expected = sample_over(host_backend(), batch.said());
  CHECK(expected.first.size() > 5);
  CHECK(sample_over(libtorch_backend(), outputs_of(batch)) == expected);
}

TEST_CASE("negatives are drawn over tensors as well, as many and none but negatives")
{
  using none = schemas::none;
  using settings = multibox_settings<none, centre_size_coder, random_negatives>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 96});
  const auto batch = test::random_batch<none>(anchors, 2, {3, 0, 1});
  const settings s{.mining = random_negatives({.total = 40, .share = 0.5})};
  settings::sampler_over<libtorch_backend, test::canned_matcher> sample(
      test::canned_matcher{&batch.assigned}, s.labels, s.mining, s.code);
  libtorch_backend b;
  libtorch_backend::table<centre_box<float>> table;
  b.put(anchors.anchors(), 1, table);
  truth_batch<none> truths;
  truths.read(batch.truths, 1, s.reading);
  samples<libtorch_backend> chosen;
  const network_outputs said = outputs_of(batch);
  std::vector<row_index> before;
  for (int round = 0; round < 2; ++round) {
    sample(b, anchors, table, said, truths, chosen);
    std::vector<row_index> negatives;
    b.fetch(chosen.negatives, negatives);
    CHECK(negatives != before);  // others each time
    before = negatives;
    std::vector<row_index> learnt;
    b.fetch(chosen.positives, learnt);
    std::vector<std::size_t> kept(3);
    for (const row_index row : learnt) {
      const std::size_t image = row / anchors.size();
      CHECK(batch.assigned[image].verdicts[row % anchors.size()] == verdict::positive);
      ++kept[image];
    }
    std::vector<std::size_t> of_image(3);
    for (const row_index row : negatives) {
      const std::size_t image = row / anchors.size();
      CHECK(batch.assigned[image].verdicts[row % anchors.size()] == verdict::negative);
      ++of_image[image];
    }
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& verdicts = batch.assigned[i].verdicts;
      const auto positives =
          static_cast<std::size_t>(std::count(verdicts.begin(), verdicts.end(), verdict::positive));
      CHECK(of_image[i] == s.mining.quota(positives));
      CHECK(kept[i] == std::min<std::size_t>(positives, 20));
    }
  }
}

TEMPLATE_TEST_CASE("boxes may cost by how they lie on their truths", "", iou_loss, giou_loss,
                   diou_loss, ciou_loss, log_iou_loss, eiou_loss, siou_loss, extended_iou_loss,
                   bounded_iou_loss)
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  const multibox_settings<face5, centre_size_coder, hard_negatives, TestType> settings{};
  for (const auto& faces : {std::vector<std::size_t>{6, 0, 25}, {0, 0}})
    check_agreement(settings, anchors, test::random_batch<face5>(anchors, 2, faces));
}

TEMPLATE_TEST_CASE("labels without a background agree", "", sigmoid_focal, quality_focal, varifocal,
                   gaussian_focal, binary_cross_entropy)
{
  using none = schemas::none;
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  const multibox_settings<none, centre_size_coder, hard_negatives, giou_loss, smooth_l1,
                          sigmoid_labels<TestType>>
      settings{.classes = 11};
  auto batch = test::random_batch<none>(anchors, 11, {6, 0, 9});  // a column for each class
  check_agreement(settings, anchors, batch);
}

TEST_CASE("the loss agrees on a device with memory of its own, which nothing leaves but numbers")
{
  const at::Device device = test::another_device();
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  const auto faces = test::random_batch<schemas::face5>(anchors, 2, {6, 0, 25});
  check_agreement(multibox_settings<schemas::face5>{}, anchors, faces, device);
  const auto shapes = test::random_batch<schemas::none>(anchors, 21, {3, 1, 9});
  check_agreement(multibox_settings<schemas::none>::ssd(), anchors, shapes, device);

  const network_outputs out = outputs_of(faces, device);
  using settings = multibox_settings<schemas::face5>;
  terms_over<libtorch_backend, settings> loss(settings{}, libtorch_backend(device));
  const test::tensors_that_leave leaving(device);
  loss(anchors, out, faces).total.backward();
  CHECK(leaving.count() == 0);
  static_cast<void>(out.boxes.values.to(at::kCPU));
  CHECK(leaving.count() == 1);  // the count works
}

TEST_CASE("terms can be weighed by hand, and their gradients taken twice over")
{
  using face5 = schemas::face5;
  using settings = multibox_settings<face5>;
  const anchor_layout anchors(square_anchors::retinaface(), {64, 64});
  const auto batch = test::random_batch<face5>(anchors, 2, {3});
  const auto gradient = [&](auto loss, double weight) {
    const network_outputs out = outputs_of(batch);
    const tensor_terms terms = loss(anchors, out, batch);
    const at::Tensor sum = terms["label"] * weight + terms["box"];
    sum.backward({}, /*retain_graph=*/true);
    sum.backward();
    return slopes(out.scores);
  };
  const auto plain = gradient(terms_over<libtorch_backend, settings>(settings{}), 5);
  const terms_over<host_backend, settings> host(settings{});
  CHECK(test::furthest(plain, gradient(host, 5)) <= 1e-6);
  CHECK(test::furthest(plain, gradient(host, 4)) > 1e-3);
}

TEST_CASE("an objective refuses outputs of another shape, and takes those of another type")
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {64, 64});
  const auto batch = test::random_batch<face5>(anchors, 2, {3, 1});
  objective<multibox_settings<face5>> aim(square_anchors::retinaface());
  const auto of = [&](const network_outputs& said) {
    return aim(said, {64, 64}, std::span<const std::vector<instance<face5>>>(batch.truths)).total;
  };
  network_outputs out = outputs_of(batch);
  const double expected = of(out).item<double>();
  out.points = out.points.values.slice(2, 0, 8);
  CHECK_THROWS_AS(of(out), error);
  out.points = tensor_output();
  CHECK_THROWS_AS(of(out), error);

  out = outputs_of(batch);
  network_outputs exact{out.scores.values.to(at::kDouble), out.boxes.values.to(at::kDouble),
                        out.points.values.to(at::kDouble)};
  CHECK(of(exact).scalar_type() == at::kDouble);
  require_close(of(exact), expected);
  // A network's heads are often views: they are read where they lie.
  network_outputs viewed = out;
  viewed.boxes = out.boxes.values.transpose(1, 2).contiguous().transpose(1, 2);
  require_close(of(viewed), expected);
}

TEST_CASE("both forms of the compatible loss equal the reference", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/multibox_loss_640_b4.npz"));
  const anchor_layout anchors(square_anchors::retinaface(), {640, 640});
  const auto batch = test::golden_batch(golden, anchors);
  const auto check = [&](auto loss) {
    const network_outputs out = outputs_of(batch);
    const tensor_terms terms = loss(anchors, out, batch);
    const auto expected = [&](const char* name) {
      return static_cast<double>(golden[name].as<float>()[0]);
    };
    require_close(terms["box"], expected("loss_l"));
    require_close(terms["label"], expected("loss_c"));
    require_close(terms["landmark"], expected("loss_landm"));
    require_close(terms.total, expected("total"));
    terms.total.backward();
    CHECK(test::furthest(slopes(out.boxes), golden["grad_loc"].as<float>()) <= 1e-5);
    CHECK(test::furthest(slopes(out.scores), golden["grad_conf"].as<float>()) <= 1e-5);
    CHECK(test::furthest(slopes(out.points), golden["grad_landm"].as<float>()) <= 1e-5);
  };
  using settings = multibox_settings<schemas::face5>;
  check(terms_over<libtorch_backend, settings>(settings::reference()));
  check(terms_over<host_backend, settings>(settings::reference()));
}
