// SPDX-License-Identifier: Apache-2.0
// Decoding every anchor of a 640 x 640 image, with five landmarks: packets against numbers, and
// against reading and writing the same bytes without computing anything. And the table of overlaps
// of 32 truths with 16,800 anchors.
#include <benchmark/benchmark.h>
#include <retinue/anchors.hpp>
#include <retinue/backend/eigen.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/formulas/overlap.hpp>

#include <cstring>
#include <random>
#include <vector>

namespace {

using namespace retinue;
using face5 = schemas::face5;

struct decode {
  centre_size_coder coder;
  auto operator()(const auto& o, const auto& anchor) const { return coder.decode(o, anchor); }
};

/// A network's output, its anchors, and room for the result.
struct workload {
  std::vector<centre_box<float>> anchors = make_anchors(square_anchors::retinaface(), {640, 640});
  std::vector<float> boxes, points;
  workload()
  {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < anchors.size() * 4; ++i) boxes.push_back(normal(random));
    for (std::size_t i = 0; i < anchors.size() * 10; ++i) points.push_back(normal(random));
  }
};

void decode_packets(benchmark::State& state)
{
  const workload w;
  const eigen_backend backend;
  columns<centre_box<float>> anchors(w.anchors);
  columns<box<float>> boxes;
  columns<landmarks<float, face5>> points;
  for (auto _ : state) {
    backend.map(decode{}, boxes, rows<offsets<float>>(w.boxes.data(), w.anchors.size()), anchors);
    backend.map(decode{}, points,
                rows<landmark_offsets<float, face5>>(w.points.data(), w.anchors.size()), anchors);
    benchmark::DoNotOptimize(boxes.column(0));
    benchmark::DoNotOptimize(points.column(0));
    benchmark::ClobberMemory();
  }
}

void decode_numbers(benchmark::State& state)
{
  const workload w;
  const centre_size_coder coder;
  std::vector<box<float>> boxes(w.anchors.size());
  std::vector<landmarks<float, face5>> points(w.anchors.size());
  const rows<offsets<float>> raw(w.boxes.data(), w.anchors.size());
  const rows<landmark_offsets<float, face5>> raw_points(w.points.data(), w.anchors.size());
  for (auto _ : state) {
    for (std::size_t i = 0; i < w.anchors.size(); ++i) {
      boxes[i] = coder.decode(raw[i], w.anchors[i]);
      points[i] = coder.decode(raw_points[i], w.anchors[i]);
    }
    benchmark::DoNotOptimize(boxes.data());
    benchmark::DoNotOptimize(points.data());
    benchmark::ClobberMemory();
  }
}

void decode_copying(benchmark::State& state)
{
  const workload w;
  std::vector<float> boxes(w.boxes.size()), points(w.points.size());
  std::vector<float> anchors(w.anchors.size() * 4);
  for (auto _ : state) {
    // The anchors are read as well, but nothing is written for them: half of a copy.
    std::memcpy(boxes.data(), w.boxes.data(), boxes.size() * sizeof(float));
    std::memcpy(points.data(), w.points.data(), points.size() * sizeof(float));
    std::memcpy(anchors.data(), w.anchors.data(), anchors.size() * sizeof(float) / 2);
    benchmark::DoNotOptimize(boxes.data());
    benchmark::DoNotOptimize(points.data());
    benchmark::DoNotOptimize(anchors.data());
    benchmark::ClobberMemory();
  }
}

std::vector<box<float>> truths()
{
  std::mt19937 random(3);
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<box<float>> all;
  for (int i = 0; i < 32; ++i) {
    const float x = unit(random), y = unit(random), side = 0.02f + 0.3f * unit(random);
    all.push_back({x, y, x + side, y + side});
  }
  return all;
}

std::vector<box<float>> anchor_corners(const workload& w)
{
  std::vector<box<float>> all;
  for (const auto& a : w.anchors) all.push_back(to_corners(a));
  return all;
}

void overlap_packets(benchmark::State& state)
{
  const eigen_backend backend;
  const columns<box<float>> of(truths()), with(anchor_corners({}));
  columns<number<float>> table;
  for (auto _ : state) {
    backend.map([]<class T>(const box<T>& a, const box<T>& b) { return number<T>{iou(a, b)}; },
                table, backend.across(of), with);
    benchmark::DoNotOptimize(table.column(0));
    benchmark::ClobberMemory();
  }
}

void overlap_numbers(benchmark::State& state)
{
  const auto of = truths(), with = anchor_corners({});
  std::vector<float> table(of.size() * with.size());
  for (auto _ : state) {
    float* next = table.data();
    for (const auto& a : of)
      for (const auto& b : with) *next++ = iou(a, b);
    benchmark::DoNotOptimize(table.data());
    benchmark::ClobberMemory();
  }
}

BENCHMARK(decode_packets)->Name("decode, 16,800 boxes with 5 landmarks | retinue");
BENCHMARK(decode_numbers)->Name("decode, 16,800 boxes with 5 landmarks | row by row");
BENCHMARK(decode_copying)->Name("decode, 16,800 boxes with 5 landmarks | moving as many bytes");
BENCHMARK(overlap_packets)->Name("overlap, 32 x 16,800 boxes | retinue");
BENCHMARK(overlap_numbers)->Name("overlap, 32 x 16,800 boxes | pair by pair");

}  // namespace
