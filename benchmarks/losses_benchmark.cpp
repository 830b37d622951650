// SPDX-License-Identifier: Apache-2.0
// The multibox loss of 32 images, 16,800 anchors each, forward and backward, one thread: the fused
// pass on host memory, the same behind autograd, and ATen operations as seeds 000 to 003 write
// them. And the mining of negatives alone, against the two full sorts of the seeds.
#include "seed_loss.hpp"

#include <retinue/losses/libtorch.hpp>

#include <retinue/anchors.hpp>
#include <retinue/models/threads.hpp>

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

void seed(benchmark::State& state)
{
  workload& w = shared_workload();
  const dense_targets want(w.anchors.anchors(), w.truths, w.targets);
  for (auto _ : state) {
    w.clear_gradients();
    seed_loss(w.offsets, w.logits, w.points, want).backward();
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
  const dense_targets want(w.anchors.anchors(), w.truths, w.targets);
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
