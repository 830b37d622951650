// SPDX-License-Identifier: Apache-2.0
// Loading: samples of 640 x 640, augmented from photos of 1024 x 768 in memory, by one thread and
// by two, in order.
#include <retinue/augment.hpp>
#include <retinue/data/scenes.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/ordered_queue.hpp>

#include <benchmark/benchmark.h>
#include <opencv2/core.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace retinue;
using face5 = schemas::face5;

constexpr std::size_t samples = 48;

struct drawn {
  scene<face5> one = draw_faces(1, 1, {.size = {768, 1024}, .least = 8, .most = 8, .largest = 200});
  labelled_picture<face5> operator()(std::uint64_t, std::size_t) const
  {
    return {"drawn", one.picture, one.instances};
  }
};

void load(benchmark::State& state, std::size_t workers)
{
  cv::setNumThreads(1);  // or OpenCV's own threads would be what is counted
  const augmented_source<face5, drawn, decltype(retinaface_augmentation(640))> source(
      samples, {}, retinaface_augmentation(640), {}, 1);
  for (auto _ : state) {
    ordered_queue<training_sample<face5>> queue(0, samples, workers, 2 * workers,
                                                [&](std::size_t i) { return source(0, i); });
    while (const auto made = queue.next()) benchmark::DoNotOptimize(made->planes.data());
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(samples) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

[[maybe_unused]] const bool registered = [] {
  const auto add = [](const char* name, std::size_t workers) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) { load(state, workers); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("loading 48 samples of 640 | retinue", 2);
  add("loading 48 samples of 640 | one worker", 1);
  return true;
}();

}  // namespace
