// SPDX-License-Identifier: Apache-2.0
// Matching one image's truths with 16,800 anchors and encoding what the positives should say,
// against a plain port of seeds 000 to 003, which overlap every truth with every anchor and encode
// all. And the matchers of ATSS and TOOD against loops that fill every table of truths and anchors,
// as the tensors of MMDetection do.
#include <retinue/anchors.hpp>
#include <retinue/backend/eigen.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
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

void adaptive(benchmark::State& state, std::size_t count)
{
  const workload w(count);
  adaptive_matcher match;
  assignment out;
  for (auto _ : state) {
    match(w.anchors, w.truths, {}, out);
    benchmark::DoNotOptimize(out.truths.data());
    benchmark::ClobberMemory();
  }
  state.counters["positives"] = static_cast<double>(out.positive_count);
}

void dense_adaptive(benchmark::State& state, std::size_t count)
{
  const workload w(count);
  const std::size_t n = w.anchors.size(), each = 9;
  std::vector<float> overlaps(count * n), distances(count * n), best(n);
  std::vector<row_index> order, chosen;
  std::vector<std::int32_t> truth_of(n);
  for (auto _ : state) {
    for (std::size_t t = 0; t < count; ++t) {
      const auto c = to_centre(w.truths[t]);
      for (std::size_t a = 0; a < n; ++a) {
        const auto& at = w.anchors.anchors()[a];
        overlaps[t * n + a] = iou(w.truths[t], to_corners(at));
        distances[t * n + a] =
            std::sqrt((at.cx - c.cx) * (at.cx - c.cx) + (at.cy - c.cy) * (at.cy - c.cy));
      }
    }
    std::fill(best.begin(), best.end(), -1.0f);
    std::fill(truth_of.begin(), truth_of.end(), -1);
    for (std::size_t t = 0; t < count; ++t) {
      chosen.clear();
      for (const level_layout& level : w.anchors.levels()) {
        order.resize(level.rows * level.columns * level.per_cell);
        for (std::size_t i = 0; i < order.size(); ++i)
          order[i] = static_cast<row_index>(level.first + i);
        const std::size_t k = std::min(each, order.size());
        std::partial_sort(
            order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
            [&](row_index x, row_index y) { return distances[t * n + x] < distances[t * n + y]; });
        chosen.insert(chosen.end(), order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k));
      }
      float mean = 0, spread = 0;
      const auto size = static_cast<float>(chosen.size());
      for (const row_index a : chosen) mean += overlaps[t * n + a] / size;
      for (const row_index a : chosen)
        spread += (overlaps[t * n + a] - mean) * (overlaps[t * n + a] - mean) / (size - 1);
      const float least = mean + std::sqrt(spread);
      for (const row_index a : chosen) {
        const auto& at = w.anchors.anchors()[a];
        const box<float>& b = w.truths[t];
        const float o = overlaps[t * n + a];
        if (o >= least && at.cx > b.x1 && at.cx < b.x2 && at.cy > b.y1 && at.cy < b.y2 &&
            o > best[a])
          best[a] = o, truth_of[a] = static_cast<std::int32_t>(t);
      }
    }
    benchmark::DoNotOptimize(truth_of.data());
    benchmark::ClobberMemory();
  }
  state.counters["positives"] = static_cast<double>(
      std::count_if(truth_of.begin(), truth_of.end(), [](std::int32_t t) { return t >= 0; }));
}

/// What a network says at 8,400 points of 80 classes, half trained.
struct predictions {
  static constexpr std::size_t classes = 80;
  anchor_layout anchors{point_anchors::yolov8(), {640, 640}};
  std::vector<rival<float>> truths;
  std::vector<box<float>> boxes;
  std::vector<float> scores;

  explicit predictions(std::size_t count)
  {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(0, 1);
    for (const auto& b : workload(count).truths)
      truths.push_back({b, static_cast<float>(1 + random() % classes), 0});
    for (const auto& a : anchors.anchors()) {
      const float w = a.w * (1 + 5 * unit(random)), h = a.h * (1 + 5 * unit(random));
      boxes.push_back({a.cx - w / 2, a.cy - h / 2, a.cx + w / 2, a.cy + h / 2});
      for (std::size_t c = 0; c < classes; ++c) scores.push_back(0.2f * unit(random));
    }
  }
};

template <class Match>
void predictive(benchmark::State& state, std::size_t count, const Match& match)
{
  const predictions p(count);
  host_backend b;
  columns<centre_box<float>> anchors(p.anchors.anchors());
  columns<rival<float>> truths;
  columns<box<float>> boxes;
  columns<assigned<float>> out;
  b.put(std::span<const rival<float>>(p.truths), 1, truths);
  b.put(std::span<const box<float>>(p.boxes), 1, boxes);
  const number_rows scores(p.scores.data(), {1, p.boxes.size()}, predictions::classes);
  const given_labels labels{.background = false};
  for (auto _ : state) {
    match.in_tables(b, anchors, truths,
                    said_of_image<host_backend, given_labels>{scores, labels, boxes}, out);
    benchmark::DoNotOptimize(out.column(0));
    benchmark::ClobberMemory();
  }
  std::size_t positives = 0;
  for (std::size_t a = 0; a < out.size(); ++a) positives += out[a].verdict == 1;
  state.counters["positives"] = static_cast<double>(positives);
}

void dense_aligned(benchmark::State& state, std::size_t count)
{
  const predictions p(count);
  const std::size_t n = p.boxes.size(), each = 13;
  std::vector<float> overlaps(count * n), metrics(count * n), best(n);
  std::vector<row_index> order(n);
  std::vector<std::int32_t> truth_of(n);
  for (auto _ : state) {
    for (std::size_t t = 0; t < count; ++t) {
      const auto label = static_cast<std::size_t>(p.truths[t].label) - 1;
      for (std::size_t a = 0; a < n; ++a) {
        const float o = iou(p.boxes[a], p.truths[t].bounds);
        overlaps[t * n + a] = o;
        metrics[t * n + a] = p.scores[a * predictions::classes + label] * (o * o * o * o * o * o);
      }
    }
    std::fill(best.begin(), best.end(), -1.0f);
    std::fill(truth_of.begin(), truth_of.end(), -1);
    for (std::size_t t = 0; t < count; ++t) {
      for (std::size_t a = 0; a < n; ++a) order[a] = static_cast<row_index>(a);
      std::partial_sort(
          order.begin(), order.begin() + each, order.end(),
          [&](row_index x, row_index y) { return metrics[t * n + x] > metrics[t * n + y]; });
      for (std::size_t i = 0; i < each; ++i) {
        const row_index a = order[i];
        const auto& at = p.anchors.anchors()[a];
        const box<float>& b = p.truths[t].bounds;
        if (metrics[t * n + a] > 0 && at.cx > b.x1 && at.cx < b.x2 && at.cy > b.y1 &&
            at.cy < b.y2 && overlaps[t * n + a] > best[a])
          best[a] = overlaps[t * n + a], truth_of[a] = static_cast<std::int32_t>(t);
      }
    }
    benchmark::DoNotOptimize(truth_of.data());
    benchmark::ClobberMemory();
  }
  state.counters["positives"] = static_cast<double>(
      std::count_if(truth_of.begin(), truth_of.end(), [](std::int32_t t) { return t >= 0; }));
}

void pairs(benchmark::State& state, std::size_t rows, std::size_t columns)
{
  std::mt19937 random(3);
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<float> costs(rows * columns);
  for (float& c : costs) c = unit(random);
  least_cost_pairs solve;
  for (auto _ : state) benchmark::DoNotOptimize(solve(costs, rows, columns).data());
}

[[maybe_unused]] const bool added_matchers = [] {
  for (const std::size_t count : {8, 32, 256}) {
    const std::string of = ", " + std::to_string(count) + " truths | ";
    const auto add = [&](const std::string& name, auto run) {
      benchmark::RegisterBenchmark(name.c_str(), run);
    };
    add("adaptive matching" + of + "retinue",
        [count](benchmark::State& state) { adaptive(state, count); });
    add("adaptive matching" + of + "all tables",
        [count](benchmark::State& state) { dense_adaptive(state, count); });
    add("task-aligned matching" + of + "retinue",
        [count](benchmark::State& state) { predictive(state, count, aligned_matcher::tood()); });
    add("task-aligned matching" + of + "ultralytics", [count](benchmark::State& state) {
      predictive(state, count, aligned_matcher::ultralytics());
    });
    add("task-aligned matching" + of + "all tables",
        [count](benchmark::State& state) { dense_aligned(state, count); });
    add("matching by dynamic k" + of + "retinue", [count](benchmark::State& state) {
      predictive(state, count, dynamic_k_matcher::sim_ota());
    });
    add("matching by dynamic k" + of + "soft label", [count](benchmark::State& state) {
      predictive(state, count, dynamic_k_matcher::soft_label());
    });
    add("pairs of least cost, 300 rows" + of + "retinue",
        [count](benchmark::State& state) { pairs(state, count, 300); });
  }
  return true;
}();

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
