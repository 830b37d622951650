// SPDX-License-Identifier: Apache-2.0
// Matching one image's truths with 16,800 anchors and encoding what the positives should say,
// against a plain port of seeds 000 to 003, which overlap every truth with every anchor and encode
// all.
#include <retinue/anchors.hpp>
#include <retinue/backend/eigen.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/matchers.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace retinue;
using face5 = schemas::face5;

struct workload {
  anchor_layout anchors{square_anchors::retinaface(), {640, 640}};
  std::vector<box<float>> truths;
  std::vector<landmarks<float, face5>> points;

  /// Faces of 8 to 300 pixels, small ones more often.
  explicit workload(std::size_t count)
  {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(0, 1);
    for (std::size_t i = 0; i < count; ++i) {
      const float side = 8.0f / 640 * std::exp(unit(random) * 3.6f);
      const float x = unit(random), y = unit(random);
      truths.push_back({x - side / 2, y - 0.6f * side, x + side / 2, y + 0.6f * side});
      landmarks<float, face5> marks;
      for (std::size_t c = 0; c < 10; ++c)
        marks[c] = (c % 2 ? y : x) + side * (unit(random) - 0.5f);
      points.push_back(marks);
    }
  }
};

struct encode {
  centre_size_coder coder;
  auto operator()(const auto& truth, const auto& anchor) const
  {
    return coder.encode(truth, anchor);
  }
};

template <class Match>
void ours(benchmark::State& state, std::size_t count, Match match)
{
  const workload w(count);
  const eigen_backend backend;
  const columns<centre_box<float>> anchors(w.anchors.anchors());
  columns<box<float>> truths;
  assignment out;
  std::vector<row_index> at, of;
  columns<offsets<float>> boxes;
  std::vector<landmark_offsets<float, face5>> points;
  for (auto _ : state) {
    match(w.anchors, w.truths, {}, out);
    list_positives(out, at, of);
    truths.assign(w.truths);
    backend.map(encode{}, boxes, backend.gather(truths, of), backend.gather(anchors, at));
    points.resize(at.size());
    for (std::size_t i = 0; i < at.size(); ++i)  // a record of ten numbers is a packet of its own
      points[i] = encode{}(w.points[of[i]], w.anchors.anchors()[at[i]]);
    benchmark::DoNotOptimize(boxes.column(0));
    benchmark::DoNotOptimize(points.data());
    benchmark::ClobberMemory();
  }
  state.counters["positives"] = static_cast<double>(at.size());
}

void port(benchmark::State& state, std::size_t count)
{
  const workload w(count);
  const centre_size_coder coder;
  const std::size_t n = w.anchors.size();
  std::vector<float> overlaps(count * n), best(n);
  std::vector<std::size_t> truth_of(n), best_anchor(count);
  std::vector<float> best_of_truth(count);
  std::vector<std::int64_t> labels(n);
  std::vector<offsets<float>> boxes(n);
  std::vector<landmark_offsets<float, face5>> points(n);
  for (auto _ : state) {
    for (std::size_t t = 0; t < count; ++t)
      for (std::size_t a = 0; a < n; ++a)
        overlaps[t * n + a] = iou(w.truths[t], to_corners(w.anchors.anchors()[a]));
    for (std::size_t t = 0; t < count; ++t) {
      const auto row = overlaps.begin() + static_cast<std::ptrdiff_t>(t * n);
      const auto at = std::max_element(row, row + static_cast<std::ptrdiff_t>(n));
      best_anchor[t] = static_cast<std::size_t>(at - row);
      best_of_truth[t] = *at;
    }
    for (std::size_t a = 0; a < n; ++a) {
      best[a] = overlaps[a];
      truth_of[a] = 0;
    }
    for (std::size_t t = 1; t < count; ++t)
      for (std::size_t a = 0; a < n; ++a)
        if (overlaps[t * n + a] > best[a]) best[a] = overlaps[t * n + a], truth_of[a] = t;
    for (std::size_t t = 0; t < count; ++t)
      if (best_of_truth[t] >= 0.2f) best[best_anchor[t]] = 2;
    for (std::size_t t = 0; t < count; ++t) truth_of[best_anchor[t]] = t;
    for (std::size_t a = 0; a < n; ++a) {
      labels[a] = best[a] < 0.35f ? 0 : 1;
      boxes[a] = coder.encode(w.truths[truth_of[a]], w.anchors.anchors()[a]);
      points[a] = coder.encode(w.points[truth_of[a]], w.anchors.anchors()[a]);
    }
    benchmark::DoNotOptimize(labels.data());
    benchmark::DoNotOptimize(boxes.data());
    benchmark::DoNotOptimize(points.data());
    benchmark::ClobberMemory();
  }
  state.counters["positives"] = static_cast<double>(std::count(labels.begin(), labels.end(), 1));
}

[[maybe_unused]] const bool added = [] {
  for (const std::size_t count : {8, 32, 512}) {
    const std::string of = "match and encode, " + std::to_string(count) + " truths | ";
    benchmark::RegisterBenchmark((of + "retinue").c_str(), [count](benchmark::State& state) {
      ours(state, count, overlap_matcher::retinaface());
    });
    benchmark::RegisterBenchmark(
        (of + "retinue's reference form").c_str(),
        [count](benchmark::State& state) { ours(state, count, overlap_matcher::reference()); });
    benchmark::RegisterBenchmark((of + "the seed's way").c_str(),
                                 [count](benchmark::State& state) { port(state, count); });
  }
  return true;
}();

}  // namespace
