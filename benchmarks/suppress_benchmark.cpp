// SPDX-License-Identifier: Apache-2.0
// Suppression of boxes like a detector's: a few hundred candidates of each object in clusters, and
// boxes spread evenly; against the loop over all pairs and OpenCV's.
#include <benchmark/benchmark.h>
#include <retinue/suppress.hpp>

#if __has_include(<opencv2/dnn.hpp>)
#include <opencv2/dnn.hpp>
#define HAS_OPENCV_DNN 1
#endif

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace {

using namespace retinue;

constexpr float overlap = 0.4f;
constexpr std::size_t n_unlimited = greedy_suppressor<>::unlimited;

struct workload {
  std::vector<box<float>> boxes;
  std::vector<float> scores;
};

/// Objects of 12 to 300 pixels in a picture of 1920 x 1080; around each, candidates whose scores
/// fall as they move away from it, as anchors of three levels give them.
workload clustered(std::size_t n)
{
  std::mt19937 random(1);
  std::uniform_real_distribution<float> unit(0, 1);
  std::normal_distribution<float> normal;
  workload w;
  while (w.boxes.size() < n) {
    const float side = 12 * std::exp(unit(random) * std::log(25.0f));
    const float x = unit(random) * 1920, y = unit(random) * 1080;
    const std::size_t candidates = 5 + random() % 30;
    for (std::size_t c = 0; c < candidates && w.boxes.size() < n; ++c) {
      const float away = std::abs(normal(random)) * 0.35f, turn = unit(random) * 6.2832f;
      const float width = side * std::exp(0.15f * normal(random));
      const float height = 1.25f * side * std::exp(0.15f * normal(random));
      const float cx = x + side * away * std::cos(turn), cy = y + side * away * std::sin(turn);
      w.boxes.push_back({cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2});
      w.scores.push_back(std::exp(-away) * unit(random));
    }
  }
  return w;
}

workload uniform(std::size_t n)
{
  std::mt19937 random(2);
  std::uniform_real_distribution<float> unit(0, 1);
  workload w;
  for (std::size_t i = 0; i < n; ++i) {
    const float x = unit(random) * 1920, y = unit(random) * 1080;
    const float width = 8 + unit(random) * 120, height = 8 + unit(random) * 120;
    w.boxes.push_back({x, y, x + width, y + height});
    w.scores.push_back(unit(random));
  }
  return w;
}

/// The reference's loop (seed 003, py_cpu_nms without its +1), with nothing clever.
std::vector<row_index> all_pairs(const workload& w)
{
  std::vector<row_index> order(w.boxes.size()), kept;
  for (row_index i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](row_index a, row_index b) { return w.scores[a] > w.scores[b]; });
  while (!order.empty()) {
    const row_index best = order.front();
    kept.push_back(best);
    std::size_t stay = 0;
    for (std::size_t i = 1; i < order.size(); ++i)
      if (!(iou(w.boxes[best], w.boxes[order[i]]) > overlap)) order[stay++] = order[i];
    order.resize(stay);
  }
  return kept;
}

#if HAS_OPENCV_DNN
std::vector<int> opencv(const std::vector<cv::Rect2d>& boxes, const std::vector<float>& scores)
{
  std::vector<int> kept;
  cv::dnn::NMSBoxes(boxes, scores, 0.0f, overlap, kept);
  return kept;
}

std::vector<cv::Rect2d> as_rects(const workload& w)
{
  std::vector<cv::Rect2d> rects;
  for (const auto& b : w.boxes)
    rects.push_back({b.x1, b.y1, double(b.x2) - double(b.x1), double(b.y2) - double(b.y1)});
  return rects;
}
#endif

/// A comparison of different results would be worth nothing.
void require_same(const std::string& of, const auto& ours, const auto& theirs)
{
  bool same = std::size(ours) == std::size(theirs);
  for (std::size_t i = 0; same && i < std::size(ours); ++i)
    same = static_cast<std::size_t>(ours[i]) == static_cast<std::size_t>(theirs[i]);
  if (same) return;
  std::cerr << of << " keeps other boxes: " << std::size(theirs) << ", retinue " << std::size(ours)
            << "\n";
  std::exit(1);
}

void add(const std::string& kind, std::size_t n, workload (*make)(std::size_t))
{
  const std::string of = "suppress, " + kind + " " + std::to_string(n) + " boxes";
  benchmark::RegisterBenchmark((of + " | retinue").c_str(), [=](benchmark::State& state) {
    const workload w = make(n);
    greedy_suppressor<> suppress(overlap);
    require_same("the loop over all pairs", suppress(w.boxes, w.scores).rows, all_pairs(w));
    for (auto _ : state) benchmark::DoNotOptimize(suppress(w.boxes, w.scores).rows.data());
    state.counters["kept"] = static_cast<double>(suppress(w.boxes, w.scores).rows.size());
  });
  benchmark::RegisterBenchmark((of + " | all pairs").c_str(), [=](benchmark::State& state) {
    const workload w = make(n);
    for (auto _ : state) benchmark::DoNotOptimize(all_pairs(w).data());
  });
#if HAS_OPENCV_DNN
  benchmark::RegisterBenchmark((of + " | cv::dnn::NMSBoxes").c_str(), [=](benchmark::State& state) {
    const workload w = make(n);
    const auto rects = as_rects(w);
    greedy_suppressor<> suppress(overlap);
    require_same("cv::dnn::NMSBoxes", suppress(w.boxes, w.scores).rows, opencv(rects, w.scores));
    for (auto _ : state) benchmark::DoNotOptimize(opencv(rects, w.scores).data());
  });
#endif
}

/// A suppressor of its own on boxes in clusters.
template <class Make>
void add_member(const std::string& name, std::size_t n, const Make& make)
{
  const std::string of = "suppress, clustered " + std::to_string(n) + " boxes | " + name;
  benchmark::RegisterBenchmark(of.c_str(), [=](benchmark::State& state) {
    const workload w = clustered(n);
    auto suppress = make();
    for (auto _ : state) benchmark::DoNotOptimize(suppress(w.boxes, w.scores).rows.data());
    state.counters["kept"] = static_cast<double>(suppress(w.boxes, w.scores).rows.size());
  });
}

[[maybe_unused]] const bool added_members = [] {
  for (const std::size_t n : {1000, 5000}) {
    add_member("one by one, iou", n, [] { return measured_suppressor<>(overlap); });
    add_member("one by one, diou", n, [] { return measured_suppressor<diou_of>(overlap); });
    add_member("soft", n, [] { return soft_suppressor<>(); });
    add_member("matrix", n, [] { return matrix_suppressor<>(); });
    add_member("votes", n, [] { return voting_suppressor<>(overlap, n_unlimited); });
    add_member("fusion", n, [] { return box_fusion(); });
  }
  return true;
}();

[[maybe_unused]] const bool added = [] {
  for (const std::size_t n : {1000, 5000, 20000}) {
    add("clustered", n, clustered);
    add("uniform", n, uniform);
  }
  return true;
}();

}  // namespace
