// SPDX-License-Identifier: Apache-2.0
// Losses against what the code of their peers computes: values and gradients, of numbers and of
// packets. (Over tensors: losses_torch.)
#include "catch.hpp"
#include "golden_losses.hpp"
#include "loss_batches.hpp"
#include "shared.hpp"

#include <retinue/backend/host.hpp>
#include <retinue/backend/packet.hpp>
#include <retinue/formulas/centre_ness.hpp>
#include <retinue/formulas/distributions.hpp>
#include <retinue/formulas/dual.hpp>
#include <retinue/formulas/harmonized.hpp>
#include <retinue/labels/sigmoid.hpp>
#include <retinue/labels/weighted.hpp>
#include <retinue/losses/multibox.hpp>

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <set>
#include <span>
#include <type_traits>

using namespace retinue;

namespace {
struct worst {
  double value = 0, slope = 0;
};

/// The largest differences, by the scale of their rows, of duals of T.
template <class T, std::size_t Width>
worst furthest(const test::golden_loss& g, const auto& formula, const auto& value,
               const auto& slope)
{
  using number = dual<T, Width>;
  worst most;
  double sum = 0;
  for (std::size_t i = 0; i < g.rows; ++i) {
    std::vector<number> x, given;
    for (std::size_t c = 0; c < Width; ++c)
      x.push_back(number::input(static_cast<T>(g.said[i * Width + c]), c));
    for (std::size_t c = 0; c < g.given_width; ++c)
      given.push_back(number::constant(static_cast<T>(g.given[i * g.given_width + c])));
    const number cost = formula(x, given);
    sum += static_cast<double>(cost.value);
    const double scale = g.value.size() == g.rows ? g.scale(i) : 1;
    if (g.value.size() == g.rows)
      most.value = std::max(
          most.value,
          std::abs(static_cast<double>(cost.value) - static_cast<double>(value[i])) / scale);
    for (std::size_t c = 0; c < Width; ++c)
      most.slope = std::max(most.slope, std::abs(static_cast<double>(cost.slope[c]) -
                                                 static_cast<double>(slope[i * Width + c])) /
                                            scale);
  }
  if (g.value.size() != g.rows)
    most.value = std::abs(sum - static_cast<double>(value[0])) / std::max(1.0, std::abs(sum));
  return most;
}
}  // namespace

TEST_CASE("losses and their slopes are those of the peers' code", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/losses.npz"));
  std::set<std::string> seen;
  test::each_golden_loss(golden, [&]<std::size_t Width>(const test::golden_loss& g,
                                                        test::width<Width>, const auto& formula) {
    CAPTURE(g.name);
    const auto most = furthest<double, Width>(g, formula, g.value, g.slope);
    CHECK(most.value <= g.rounding);
    CHECK(most.slope <= g.rounding);
    if (!g.value32.empty()) {
      const auto in_float = furthest<float, Width>(g, formula, g.value32, g.slope32);
      CHECK(in_float.value <= g.rounding32);
      CHECK(in_float.slope <= g.rounding32);
    }
    seen.insert(g.name);
  });
  CHECK(seen.size() == 42);
}

namespace {
using eight = packet<float>;
#if __has_include(<Eigen/Core>)
using sixteen = Eigen::Array<float, 16, 1>;
#else
using sixteen = packet<float, 16>;
#endif
}  // namespace

TEMPLATE_TEST_CASE("a packet of losses is as many losses of numbers", "[shared]", eight, sixteen)
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/losses.npz"));
  constexpr std::size_t lanes = sizeof(TestType) / sizeof(float);
  using index = std::conditional_t<std::same_as<TestType, eight>, std::size_t, std::ptrdiff_t>;
  test::each_golden_loss(golden, [&]<std::size_t Width>(const test::golden_loss& g,
                                                        test::width<Width>, const auto& formula) {
    CAPTURE(g.name);
    double most = 0;
    for (std::size_t first = 0; first < g.rows; first += lanes) {
      std::vector<TestType> x(Width), given(g.given_width);
      const std::size_t count = std::min(lanes, g.rows - first);
      for (std::size_t k = 0; k < lanes; ++k) {
        const std::size_t row = first + std::min(k, count - 1);
        for (std::size_t c = 0; c < Width; ++c)
          x[c][index(k)] = static_cast<float>(g.said[row * Width + c]);
        for (std::size_t c = 0; c < g.given_width; ++c)
          given[c][index(k)] = static_cast<float>(g.given[row * g.given_width + c]);
      }
      const TestType cost = formula(x, given);
      for (std::size_t k = 0; k < count; ++k) {
        std::vector<float> one, want;
        for (const TestType& p : x) one.push_back(p[index(k)]);
        for (const TestType& p : given) want.push_back(p[index(k)]);
        const float alone = formula(one, want);
        most = std::max(most, static_cast<double>(std::abs(cost[index(k)] - alone) /
                                                  std::max(1.0f, std::abs(alone))));
      }
    }
    CHECK(most <= 2e-6);
  });
}

TEST_CASE("centre-ness is that of FCOS's own targets", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/losses.npz"));
  std::size_t compared = 0;
  for (const std::string way : {"fcos_nocs_", "fcos_cs1.5_"})
    for (const std::string scene : {"none", "g8", "g40"}) {
      const std::string of = way + scene;
      const auto points = golden[of + "/points"].as<float>(),
                 ltrb = golden[of + "/target_ltrb"].as<float>(),
                 said = golden[of + "/centerness"].as<float>();
      for (std::size_t i = 0; i < said.size(); ++i) {
        if (said[i] < 0) continue;  // of what is no positive
        const float x = points[2 * i], y = points[2 * i + 1];
        const box<float> truth{x - ltrb[4 * i], y - ltrb[4 * i + 1], x + ltrb[4 * i + 2],
                               y + ltrb[4 * i + 3]};
        CHECK(std::abs(centre_ness(truth, x, y) - said[i]) < 1e-5f);
        ++compared;
      }
    }
  CHECK(compared > 50);
  const box<float> one{0, 0, 4, 2};
  CHECK(centre_ness(one, 2.0f, 1.0f) == 1);
  CHECK(centre_ness(one, 5.0f, 1.0f) == 0);
  CHECK(centre_ness(one, 4.0f, 1.0f) == 0);
}

namespace {
/// Maps (1, width, H, W) of all levels as rows (anchors, width).
std::vector<float> rows_of_maps(const test::npz& golden, const std::string& key,
                                const std::string& form, std::size_t width)
{
  std::vector<float> rows;
  for (int level = 0; level < 3; ++level) {
    const auto map = golden[key + std::to_string(level) + form].as<float>();
    const std::size_t cells = map.size() / width;
    for (std::size_t c = 0; c < cells; ++c)
      for (std::size_t k = 0; k < width; ++k) rows.push_back(map[k * cells + c]);
  }
  return rows;
}
}  // namespace

TEST_CASE("a whole GFL head learns what MMDetection's does", "[shared]")
{
  using none = schemas::none;
  using settings =
      multibox_settings<none, distribution_coder<17>, every_negative, distribution_loss<>,
                        smooth_l1, sigmoid_labels<quality_focal>, overlap_quality<>>;
  const extent2 image{96, 128};
  const anchor_layout anchors(ratio_anchors::by_stride({8, 16, 32}, {8}, {1}), image);
  const settings s{.classes = 3,
                   .code = distribution_coder<17>::gfl(),
                   .box = {.weight = 0.125},
                   .weigh_boxes = box_weighing::by_score};
  const test::npz golden(test::shared("golden/families/losses.npz"));
  std::size_t positives = 0;
  for (const std::string scene : {"none", "g8", "g40"}) {
    INFO(scene);
    const std::string of = "gfl_" + scene + "/";
    test::loss_batch<none> batch;
    batch.box_width = 68;
    batch.logits = rows_of_maps(golden, of + "cls", "", 3);
    batch.offsets = rows_of_maps(golden, of + "reg", "", 68);
    const auto gt = golden[of + "gt"].as<float>();
    const auto labels = golden[of + "labels"].as<std::int32_t>();
    auto& truths = batch.truths.emplace_back();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      instance<none> truth;
      truth.bounds = {gt[4 * i] / 128, gt[4 * i + 1] / 96, gt[4 * i + 2] / 128, gt[4 * i + 3] / 96};
      truth.label = labels[i] + 1;
      truths.push_back(truth);
    }
    truth_batch<none> read;
    read.read(batch.truths, 3, s.reading);
    adaptive_matcher::atss()(anchors, read.bounds(0), read.ignore(0),
                             batch.assigned.emplace_back());

    test::gradient_room room(batch);
    const auto terms = test::batch_loss<settings>(s)(anchors, batch, &room);
    const auto sum = [&](const char* term) {
      double all = 0;
      for (const float x : golden[of + term + "_f32"].as<float>()) all += static_cast<double>(x);
      return all;
    };
    const auto close = [](double a, double b) { return std::abs(a - b) < 1e-6 * (1 + b); };
    CHECK(close(terms.label, sum("loss_cls")));
    CHECK(close(2 * terms.box, sum("loss_bbox") + sum("loss_dfl")));
    CHECK(close(terms.total, sum("total")));
    CHECK(test::furthest(room.logits, rows_of_maps(golden, of + "gcls", "_f32", 3)) < 1e-6);
    CHECK(test::furthest(room.offsets, rows_of_maps(golden, of + "greg", "_f32", 68)) < 1e-7);
    positives += terms.positives;
  }
  CHECK(positives > 100);
}

namespace {
/// Values and slopes of so many steps, the logits of the second half those of the first.
template <std::size_t Bins>
void check_harmony(const std::string& of, double momentum, std::size_t steps)
{
  INFO(of);
  const test::npz golden(test::shared("golden/families/losses.npz"));
  auto logits = golden["cls_inputs/logits"].as<double>();
  const auto targets = golden["cls_inputs/onehot"].as<double>();
  std::vector<std::uint8_t> counted;
  for (const double w : golden[of + "/label_weight"].as<double>()) counted.push_back(w > 0);
  gradient_density<Bins> density(momentum);
  for (std::size_t step = 0; step < steps; ++step) {
    const auto cost = density(std::span<const double>(logits), std::span<const double>(targets),
                              std::span<const std::uint8_t>(counted));
    const std::string at = of + "/step" + std::to_string(step);
    const auto value = golden[at + "_value_f64"].as<double>();
    const auto slope = golden[at + "_grad_f64"].as<double>();
    const auto value32 = golden[at + "_value_f32"].as<float>();
    const auto slope32 = golden[at + "_grad_f32"].as<float>();
    double most = 0, most32 = 0, across = 0;
    using number = dual<double, 1>;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const number found = cost(number::input(logits[i], 0), number::constant(targets[i]));
      const double held = counted[i] ? 1 : 0;
      const double scale = std::max(1.0, std::abs(value[i]));
      most = std::max({most, std::abs(found.value * held - value[i]) / scale,
                       std::abs(found.slope[0] * held - slope[i])});
      const auto x = static_cast<float>(logits[i]), t = static_cast<float>(targets[i]);
      using number32 = dual<float, 1>;
      const number32 alone = cost(number32::input(x, 0), number32::constant(t));
      most32 = std::max({most32, std::abs(double(alone.value) * held - double(value32[i])) / scale,
                         std::abs(double(alone.slope[0]) * held - double(slope32[i]))});
      const eight many = cost(eight::all(x), eight::all(t));
      across = std::max(across, std::abs(double(many[3] - alone.value)) / scale);
    }
    CHECK(most < 3e-7);  // there, targets and their costs are floats whatever the logits are
    CHECK(most32 < 1e-5);
    CHECK(across < 1e-5);
    if (momentum > 0) {
      const auto kept = golden[at + "_acc_sum_f64"].as<double>();
      for (std::size_t b = 0; b < Bins; ++b)
        CHECK(std::abs(density.density()[b] - kept[b]) < 1e-12);
    }
    for (double& x : logits) x /= 2;
  }
}
}  // namespace

TEST_CASE("harmonized gradients are those of MMDetection's GHM-C", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  check_harmony<10>("ghmc_b10_m0", 0, 1);
  check_harmony<30>("ghmc_b30_m0.75", 0.75, 2);
}

TEST_CASE("every bin of slopes that are there has the same share of a harmonized batch")
{
  std::vector<float> logits, targets;
  for (int i = 0; i < 400; ++i) {
    logits.push_back(static_cast<float>(i % 7) - 3 + 0.01f * static_cast<float>(i));
    targets.push_back(i % 5 == 0 ? 1.0f : 0.0f);
  }
  gradient_density<8> density;
  const auto cost = density(std::span<const float>(logits), std::span<const float>(targets));
  double shares = 0, bins = 0;
  for (std::size_t b = 0; b < 8; ++b) {
    if (density.density()[b] > 0) ++bins;
    shares += cost.weights[b] * density.density()[b];
  }
  CHECK(bins > 5);
  CHECK(shares == Approx(400));
  for (std::size_t b = 0; b < 8; ++b)
    if (density.density()[b] > 0)
      CHECK(cost.weights[b] * density.density()[b] == Approx(400 / bins));

  // As a cost of labels it is trained by like any other.
  const sigmoid_labels<harmonized_cross_entropy<8>> labels{cost};
  const std::array<float, 2> x{-1, 2};
  std::array<float, 2> slopes{};
  const number_row<float> row{x.data(), 2};
  const float sum = labels.with_slope(row, slopes, 2, 1);
  CHECK(sum == Approx(cost(-1.0f, 0.0f) + cost(2.0f, 1.0f)));
  CHECK(slopes[0] > 0);
  CHECK(slopes[1] < 0);

  CHECK_THROWS_WITH(
      gradient_density<>(1),
      "the momentum of a gradient's density is 1, expected at least 0 and less than 1");
  CHECK_THROWS_WITH(density(std::span<const float>(logits), std::span<const float>(x)),
                    "a gradient's density is of 400 logits, 2 targets and 0 marks, expected as "
                    "many of each");
}

TEST_CASE("labels with a weight for each class cost what PyTorch's cross-entropy does", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/losses.npz"));
  const std::string of = "ce_ls0.1_weighted";
  const auto logits = golden[of + "/logits"].as<double>();
  const auto labels = golden[of + "/labels"].as<std::int32_t>();
  const auto value = golden[of + "/value_f32"].as<float>();
  const auto slope = golden[of + "/grad_f32"].as<float>();
  const weighted_softmax_labels policy(golden[of + "/weight"].as<double>(), 0.1);
  policy.check(5);
  double most = 0;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;  // PyTorch's mark of what is to be ignored
    ++rows;
    std::array<float, 6> x{}, slopes{};
    for (std::size_t c = 0; c < 6; ++c) x[c] = static_cast<float>(logits[6 * i + c]);
    const auto label = static_cast<float>(labels[i]);
    const number_row<float> row{x.data(), 6};
    const auto further = [&](float found, float expected) {
      most = std::max(most, double(std::abs(found - expected)) / std::max(1.0f, value[i]));
    };
    further(policy.with_slope(row, slopes, label, 1), value[i]);
    for (std::size_t c = 0; c < 6; ++c) further(slopes[c], slope[6 * i + c]);
    // The same with slopes that numbers carry, as on any backend.
    std::vector<dual<double, 6>> carried;
    for (std::size_t c = 0; c < 6; ++c)
      carried.push_back(dual<double, 6>::input(logits[6 * i + c], c));
    const auto cost = policy.cost(carried, dual<double, 6>::constant(double(labels[i])),
                                  dual<double, 6>::constant(1));
    further(static_cast<float>(cost.value), value[i]);
    for (std::size_t c = 0; c < 6; ++c)
      further(static_cast<float>(cost.slope[c]), slope[6 * i + c]);
  }
  CHECK(rows > 20);
  CHECK(most < 2e-6);
}

TEST_CASE("without weights, or with weights of 1, labels cost what softmax labels do")
{
  const std::array<float, 3> x{0.5f, -1, 2};
  const number_row<float> row{x.data(), 3};
  const auto near = [](float a, float b) { return std::abs(a - b) < 1e-5f; };
  for (const double smoothing : {0.0, 0.1})
    for (const float label : {0.0f, 2.0f}) {
      std::array<float, 3> plain{}, even{}, none{};
      const float cost = softmax_labels{smoothing}.with_slope(row, plain, label, 1);
      CHECK(weighted_softmax_labels({}, smoothing).with_slope(row, none, label, 1) == cost);
      CHECK(none == plain);
      const weighted_softmax_labels ones({1, 1, 1}, smoothing);
      CHECK(near(ones.with_slope(row, even, label, 1), cost));
      for (std::size_t c = 0; c < 3; ++c) CHECK(near(even[c], plain[c]));
    }
  std::array<float, 3> plain{}, heavy{};
  const float cost = softmax_labels{}.with_slope(row, plain, 2, 1);
  CHECK(near(weighted_softmax_labels({1, 1, 3}).with_slope(row, heavy, 2, 1), 3 * cost));
  CHECK(near(heavy[0], 3 * plain[0]));

  CHECK_THROWS_WITH(weighted_softmax_labels({1, -1}),
                    "the weight of a class is -1, expected 0 or more");
  multibox_settings<schemas::none, centre_size_coder, hard_negatives, smooth_l1, smooth_l1,
                    weighted_softmax_labels>
      settings;
  settings.check();
  settings.labels = weighted_softmax_labels({1, 2, 3});
  CHECK_THROWS_WITH(settings.check(),
                    "there are 3 weights of classes, expected 2: one for the background and one "
                    "for each of 1");
  settings.classes = 2;
  settings.check();
}
