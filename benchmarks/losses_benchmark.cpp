// SPDX-License-Identifier: Apache-2.0
// The multibox loss of 32 images, 16,800 anchors each, forward and backward, one thread: the fused
// pass on host memory, the same behind autograd, and ATen operations as seeds 000 to 003 write
// them. And the mining of negatives alone, against the two full sorts of the seeds.
#include <retinue/losses/libtorch.hpp>

#include <retinue/anchors.hpp>
#include <retinue/models/process.hpp>

#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace retinue;
using face5 = schemas::face5;

struct workload {
  static constexpr std::int64_t images = 32;
  anchor_layout anchors{square_anchors::retinaface(), {640, 640}};
  std::vector<std::vector<instance<face5>>> truths;
  std::vector<image_targets<face5>> targets;
  at::Tensor offsets, logits, points;

  workload()
  {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(0, 1);
    truth_matcher match(overlap_matcher::retinaface());
    targets.resize(images);
    for (std::int64_t b = 0; b < images; ++b) {
      auto& all = truths.emplace_back(16);
      for (instance<face5>& truth : all) {
        const float side = 8.0f / 640 * std::exp(unit(random) * 3.6f);
        const float x = unit(random), y = unit(random);
        truth.bounds = {x - side / 2, y - 0.6f * side, x + side / 2, y + 0.6f * side};
        truth.visible.fill(true);
        for (std::size_t c = 0; c < 10; ++c) truth.points[c] = c % 2 ? y : x;
      }
    }
    for (std::size_t b = 0; b < truths.size(); ++b)
      match(anchors, std::span<const instance<face5>>(truths[b]), targets[b]);
    torch::manual_seed(1);
    const auto n = static_cast<std::int64_t>(anchors.size());
    offsets = torch::randn({images, n, 4}).set_requires_grad(true);
    logits = torch::randn({images, n, 2}).set_requires_grad(true);
    points = torch::randn({images, n, 10}).set_requires_grad(true);
  }

  void clear_gradients()
  {
    for (at::Tensor* t : {&offsets, &logits, &points}) t->mutable_grad() = at::Tensor();
  }
};

workload& shared_workload()
{
  static workload w;
  keep_freed_memory();
  use_threads(1);
  return w;
}

void host(benchmark::State& state)
{
  workload& w = shared_workload();
  multibox_loss<face5> loss;
  std::vector<float> offsets(static_cast<std::size_t>(w.offsets.numel())),
      logits(static_cast<std::size_t>(w.logits.numel())),
      points(static_cast<std::size_t>(w.points.numel()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        loss(w.anchors.anchors(),
             {w.offsets.data_ptr<float>(), w.logits.data_ptr<float>(), w.points.data_ptr<float>()},
             w.targets, {offsets.data(), logits.data(), points.data()}));
    benchmark::ClobberMemory();
  }
}

void fused(benchmark::State& state)
{
  workload& w = shared_workload();
  fused_multibox_loss<face5> loss;
  for (auto _ : state) {
    w.clear_gradients();
    loss(w.anchors.anchors(), {w.offsets, w.logits, w.points}, w.targets).total.backward();
  }
}

void plain(benchmark::State& state)
{
  workload& w = shared_workload();
  aten_multibox_loss<face5> loss;
  for (auto _ : state) {
    w.clear_gradients();
    loss(w.anchors.anchors(), {w.offsets, w.logits, w.points}, w.targets).total.backward();
  }
}

/// Targets of every anchor, encoded outside the time taken, as the seeds' match leaves them.
struct dense_targets {
  at::Tensor offsets, labels, points;

  explicit dense_targets(const workload& w)
  {
    const auto n = static_cast<std::int64_t>(w.anchors.size());
    offsets = torch::zeros({w.images, n, 4});
    labels = torch::zeros({w.images, n}, torch::kLong);
    points = torch::zeros({w.images, n, 10});
    const centre_size_coder coder;
    for (std::size_t b = 0; b < w.targets.size(); ++b)
      each_positive(w.targets[b].assigned.verdicts, [&](std::size_t a) {
        const auto& truth = w.truths[b][w.targets[b].assigned.truths[a]];
        const auto box = coder.encode(truth.bounds, w.anchors.anchors()[a]);
        const auto marks = coder.encode(truth.points, w.anchors.anchors()[a]);
        const auto row = static_cast<std::int64_t>(b) * n + static_cast<std::int64_t>(a);
        labels.data_ptr<std::int64_t>()[row] = 1;
        for (std::size_t c = 0; c < 4; ++c)
          offsets.data_ptr<float>()[row * 4 + static_cast<std::int64_t>(c)] = box[c];
        for (std::size_t c = 0; c < 10; ++c)
          points.data_ptr<float>()[row * 10 + static_cast<std::int64_t>(c)] = marks[c];
      });
  }
};

at::Tensor two_sorts(at::Tensor cost, const at::Tensor& positive)
{
  cost = cost.masked_fill(positive, 0);
  const at::Tensor order = std::get<1>(cost.sort(1, true));
  const at::Tensor rank = std::get<1>(order.sort(1));
  const at::Tensor count = torch::clamp_max(7 * positive.sum(1, true), positive.size(1) - 1);
  return rank < count;
}

void seed(benchmark::State& state)
{
  workload& w = shared_workload();
  const dense_targets want(w);
  for (auto _ : state) {
    w.clear_gradients();
    const at::Tensor positive = want.labels > 0;
    const auto residuals = [&](const at::Tensor& predicted, const at::Tensor& target) {
      const at::Tensor mask = positive.unsqueeze(-1).expand_as(predicted);
      return at::smooth_l1_loss(predicted.index({mask}), target.index({mask}), at::Reduction::Sum);
    };
    const at::Tensor landmark = residuals(w.points, want.points);
    const at::Tensor box = residuals(w.offsets, want.offsets);
    const at::Tensor rows = w.logits.view({-1, 2});
    const at::Tensor most = rows.detach().max();
    const at::Tensor cost = torch::log(torch::exp(rows - most).sum(1, true)) + most -
                            rows.gather(1, want.labels.view({-1, 1}));
    const at::Tensor taught = positive.logical_or(two_sorts(cost.view({w.images, -1}), positive));
    const at::Tensor chosen = w.logits.index({taught.unsqueeze(2).expand_as(w.logits)});
    const at::Tensor label = at::cross_entropy_loss(
        chosen.view({-1, 2}), want.labels.index({taught}), {}, at::Reduction::Sum);
    const at::Tensor n = positive.sum().to(at::kFloat).clamp_min(1);
    (2 * box / n + label / n + landmark / n).backward();
  }
}

void mine(benchmark::State& state)
{
  workload& w = shared_workload();
  hard_negatives mining;
  std::vector<float> odds(w.anchors.size());
  std::vector<row_index> chosen;
  for (auto _ : state)
    for (std::size_t b = 0; b < w.targets.size(); ++b) {
      const assignment& assigned = w.targets[b].assigned;
      log_odds(w.logits.data_ptr<float>() + b * w.anchors.size() * 2, w.anchors.size(), 2,
               odds.data());
      mining(odds, assigned.verdicts, assigned.positive_count, chosen);
      benchmark::DoNotOptimize(chosen.data());
    }
}

void sort(benchmark::State& state)
{
  workload& w = shared_workload();
  const dense_targets want(w);
  const at::Tensor positive = want.labels > 0;
  const at::Tensor logits = w.logits.detach();
  const at::Tensor cost = logits.select(2, 1) - logits.select(2, 0);
  for (auto _ : state) benchmark::DoNotOptimize(two_sorts(cost, positive));
}

[[maybe_unused]] const bool added = [] {
  const std::string loss = "multibox loss, 32 images, both ways | ",
                    mining = "mining, 32 images | ";
  const auto add = [](const std::string& name, void (*run)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name.c_str(), run);
  };
  add(loss + "retinue", host);
  add(loss + "retinue behind autograd", fused);
  add(loss + "retinue's plain ATen", plain);
  add(loss + "the seed's way in ATen", seed);
  add(mining + "retinue", mine);
  add(mining + "two full sorts", sort);
  return true;
}();

}  // namespace
