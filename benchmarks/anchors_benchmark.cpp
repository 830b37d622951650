// SPDX-License-Identifier: Apache-2.0
// The anchors of one image: every map cell by cell, as the reference's loop writes them, against
// one row of each map computed and copied.
#include <benchmark/benchmark.h>
#include <retinue/anchors.hpp>

#include <cstring>
#include <vector>

namespace {

using namespace retinue;

/// Seed 000, PriorBox.forward: a growing list of doubles, rounded at the end.
std::vector<float> cell_by_cell(const square_anchors& source, extent2 image)
{
  std::vector<double> all;
  for (const square_level& level : source.level) {
    const int rows = (image.height + level.stride - 1) / level.stride;
    const int columns = (image.width + level.stride - 1) / level.stride;
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        for (const double size : level.sizes) {
          all.push_back((j + 0.5) * level.stride / image.width);
          all.push_back((i + 0.5) * level.stride / image.height);
          all.push_back(size / image.width);
          all.push_back(size / image.height);
        }
  }
  return {all.begin(), all.end()};
}

void anchors_of_retinue(benchmark::State& state)
{
  const auto source = square_anchors::retinaface();
  const auto maps = map_sizes(source, {640, 640});
  std::vector<centre_box<float>> anchors;
  make_anchors(source, {640, 640}, maps, anchors);
  const auto reference = cell_by_cell(source, {640, 640});
  if (anchors.size() * 4 != reference.size() ||
      std::memcmp(anchors.data(), reference.data(), reference.size() * sizeof(float)) != 0)
    state.SkipWithError("the anchors differ from the reference's");
  for (auto _ : state) {
    make_anchors(source, {640, 640}, maps, anchors);
    benchmark::DoNotOptimize(anchors.data());
    benchmark::ClobberMemory();
  }
}

void anchors_of_the_reference(benchmark::State& state)
{
  const auto source = square_anchors::retinaface();
  for (auto _ : state) benchmark::DoNotOptimize(cell_by_cell(source, {640, 640}).data());
}

void anchors_written(benchmark::State& state)
{
  std::vector<centre_box<float>> anchors(16800);
  unsigned char value = 0;
  for (auto _ : state) {
    std::memset(anchors.data(), ++value, anchors.size() * sizeof(anchors[0]));
    benchmark::DoNotOptimize(anchors.data());
    benchmark::ClobberMemory();
  }
}

BENCHMARK(anchors_of_retinue)->Name("anchors, 640 x 640 | retinue");
BENCHMARK(anchors_of_the_reference)->Name("anchors, 640 x 640 | reference, compiled");
BENCHMARK(anchors_written)->Name("anchors, 640 x 640 | writing as many bytes");

}  // namespace
