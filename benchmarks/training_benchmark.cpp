// SPDX-License-Identifier: Apache-2.0
// One training step of RetinaFace, MobileNet 0.25: forward, loss, backward, update; with matching
// and the fused loss, with the loss as the seeds write it, its targets made beforehand, and with
// none, the slopes of the outputs being given. The share of the step that the loss takes up to its
// total, and the memory that a step takes at its peak, over what the process had before.
#include "seed_loss.hpp"

#include <retinue/anchors.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/models/threads.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>

#include <benchmark/benchmark.h>
#include <malloc.h>  // malloc_trim
#include <torch/torch.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace retinue;
using face5 = schemas::face5;

/// A line of /proc/self/status, in MiB.
double status_of(const std::string& key)
{
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kib = 0; word == key && status >> kib) return kib / 1024;
  return 0;
}

struct batch {
  at::Tensor images;
  std::vector<std::vector<instance<face5>>> truths;

  batch(std::int64_t count, int side)
  {
    torch::manual_seed(1);
    images = torch::randn({count, 3, side, side}) * 60;
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(0, 1);
    for (std::int64_t b = 0; b < count; ++b)
      for (instance<face5>& truth : truths.emplace_back(4)) {
        const float size = 0.05f + 0.3f * unit(random), x = unit(random), y = unit(random);
        truth.bounds = {x - size / 2, y - 0.6f * size, x + size / 2, y + 0.6f * size};
        truth.visible.fill(true);
        for (std::size_t c = 0; c < 10; ++c) truth.points[c] = c % 2 ? y : x;
      }
  }
};

template <class Loss>
void step(benchmark::State& state, std::int64_t count, int side, const Loss& make_loss)
{
  use_threads(2);
  keep_freed_memory();
  const batch given(count, side);
  torch::manual_seed(1);
  retinaface<face5> network;
  network.train();
  sgd optimize(network);
  auto loss = make_loss(given, side);
  using clock = std::chrono::steady_clock;
  clock::duration in_loss{}, in_all{};
  const auto one = [&] {
    const auto begin = clock::now();
    network.zero_grad();
    const network_outputs said = network.forward(given.images);
    const auto from = clock::now();
    const at::Tensor total = loss(said);
    in_loss += clock::now() - from;
    total.backward();
    optimize(0, 1e-6);
    in_all += clock::now() - begin;
  };
  malloc_trim(0);                               // what other cases have left
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
  const double before = status_of("VmRSS:");
  one();  // takes the memory that the others reuse
  for (auto _ : state) one();
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(count) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
  state.counters["loss %"] =
      100.0 * static_cast<double>(in_loss.count()) / static_cast<double>(in_all.count());
  state.counters["peak MiB"] = status_of("VmHWM:") - before;
}

auto ours(const batch& given, int side)
{
  return [&given, side, want = objective<multibox_settings<face5>>(square_anchors::retinaface())](
             const network_outputs& said) mutable {
    return want(said, {side, side}, std::span<const std::vector<instance<face5>>>(given.truths))
        .total;
  };
}

auto seeds(const batch& given, int side)
{
  const anchor_layout anchors(square_anchors::retinaface(), {side, side});
  return [want = dense_targets(anchors.anchors(), given.truths,
                               assignments(anchors, given.truths))](const network_outputs& said) {
    return seed_loss(said.boxes.values, said.scores.values, said.points.values, want);
  };
}

/// A total of the same slope everywhere: all that is left of a step is the network's own.
auto none(const batch&, int)
{
  return [](const network_outputs& said) {
    return (said.boxes.values.sum() + said.scores.values.sum() + said.points.values.sum()) * 1e-6;
  };
}

[[maybe_unused]] const bool registered = [] {
  for (const auto& [count, side] : {std::pair<std::int64_t, int>{32, 256}, {8, 640}}) {
    const std::string of = "training step, " + std::to_string(count) + " images of " +
                           std::to_string(side) + ", 2 threads | ";
    const auto add = [&, count = count, side = side](const char* variant, auto make) {
      benchmark::RegisterBenchmark((of + variant).c_str(),
                                   [=](benchmark::State& state) { step(state, count, side, make); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    };
    add("retinue", ours);
    add("the seed's loss in ATen", seeds);
    add("the network alone", none);
  }
  return true;
}();

}  // namespace
