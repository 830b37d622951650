// SPDX-License-Identifier: Apache-2.0
// The network on 640 x 640 pixels: as a LibTorch module in eager mode, and folded. The weights are
// random, which changes nothing of the time.
#include <retinue/models/any_network.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/models/runner.hpp>
#include <retinue/models/threads.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

namespace {

using namespace retinue;
using network = retinaface<schemas::face5>;

/// One of each slope for all benchmarks.
template <int TenthsOfSlope>
network& trained()
{
  static const auto net = [] {
    keep_freed_memory();
    const double slope = TenthsOfSlope / 10.0;
    retinaface_options options;
    options.slope = slope;
    options.body = [slope] { return std::make_shared<mobilenet_v1>(0.25, slope); };
    auto made = std::make_shared<network>(options);
    made->eval();
    return made;
  }();
  return *net;
}

template <class Run>
void time(benchmark::State& state, int threads, int batch, const Run& run)
{
  use_threads(threads);
  const torch::NoGradGuard no_gradients;
  torch::manual_seed(1);
  const at::Tensor images = torch::randn({batch, 3, 640, 640}) * 60;
  benchmark::DoNotOptimize(
      run(images).scores.values.softmax(-1));  // kernels are made at the first call
  for (auto _ : state) benchmark::DoNotOptimize(run(images).scores.values.softmax(-1));
  state.SetItemsProcessed(state.iterations() * batch);
}

template <int TenthsOfSlope>
void add(const std::string& activation)
{
  for (const int threads : {1, 2})
    for (const int batch : {1, 8}) {
      const std::string of = "network 640x640, " + activation + ", " + std::to_string(threads) +
                             (threads == 1 ? " thread" : " threads") + ", batch " +
                             std::to_string(batch);
      benchmark::RegisterBenchmark((of + " | retinue").c_str(),
                                   [=](benchmark::State& state) {
                                     static const runner run(trained<TenthsOfSlope>());
                                     time(state, threads, batch, run);
                                   })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark((of + " | LibTorch module, eager").c_str(),
                                   [=](benchmark::State& state) {
                                     time(state, threads, batch, [](const at::Tensor& images) {
                                       return trained<TenthsOfSlope>().forward(images);
                                     });
                                   })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
}

/// From the input tensor to detections. Random weights give every anchor a score above the floor:
/// the 5,000 candidates decoded and suppressed are the most there can be.
void whole_detection(benchmark::State& state)
{
  use_threads(1);
  const torch::NoGradGuard no_gradients;
  network_config config;
  config.anchors = square_anchors::retinaface_small_faces();
  static configured_detector<retinaface<schemas::face5>> detect(trained<0>(), decoding_of(config));
  torch::manual_seed(1);
  const at::Tensor images = torch::randn({1, 3, 640, 640}) * 60;
  const std::vector<frame> frames{frame::unscaled({640, 640})};
  std::vector<std::vector<detection<schemas::face5>>> found;
  detect(images, frames, found);
  double post_processing = 0;
  for (auto _ : state) {
    const network_outputs said = detect.predict(images);
    const auto began = std::chrono::steady_clock::now();
    detect.find(said, frames, found);
    post_processing +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }
  state.counters["post_ms"] =
      1e3 * post_processing / static_cast<double>(std::max<std::int64_t>(1, state.iterations()));
  state.counters["found"] = static_cast<double>(found[0].size());
}

void network_of_it(benchmark::State& state)
{
  static const runner run(trained<0>());
  time(state, 1, 1, run);
}

[[maybe_unused]] const bool registered = [] {
  add<0>("ReLU");
  add<1>("LeakyReLU");
  const std::string of = "whole detection, 640 x 640, 1 thread";
  benchmark::RegisterBenchmark((of + " | retinue").c_str(), whole_detection)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark((of + " | the network of it").c_str(), network_of_it)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
