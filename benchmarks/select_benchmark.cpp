// SPDX-License-Identifier: Apache-2.0
// From the logits of 80 classes and 61,380 anchors, a RetinaNet's of 800 x 640, to decoded boxes of
// the few that score: against reading the logits once, and against the way that is usually written,
// a sigmoid of all and a sort.
#include <retinue/backend/host.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/labels.hpp>
#include <retinue/select.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using namespace retinue;

struct workload {
  static constexpr std::size_t anchors = 61'380, classes = 80, most = 1000;
  std::vector<float> logits, boxes;
  std::vector<centre_box<float>> priors;

  workload() : logits(anchors * classes), boxes(anchors * 4)
  {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(-7, 1);
    for (float& x : logits) x = normal(random);
    for (std::size_t i = 0; i < 400; ++i) logits[random() % logits.size()] = 1;  // objects
    for (float& x : boxes) x = 0.1f * normal(random);
    for (std::size_t i = 0; i < anchors; ++i)
      priors.push_back(
          {static_cast<float>(i % 100) / 100, static_cast<float>(i % 71) / 71, 0.1f, 0.1f});
  }
};

const workload& shared()
{
  static const workload w;
  return w;
}

struct decode {
  centre_size_coder coder;
  auto operator()(const auto& o, const auto& anchor) const { return coder.decode(o, anchor); }
};

void ours(benchmark::State& state)
{
  const workload& w = shared();
  host_backend backend;
  const sigmoid_labels<> labels;
  selector<host_backend, sigmoid_labels<>> select;
  selection<host_backend> chosen;
  const columns<centre_box<float>> priors(w.priors);
  const rows<offsets<float>> said(w.boxes.data(), w.anchors);
  columns<box<float>> found;
  for (auto _ : state) {
    select(backend, labels, {w.logits.data(), w.anchors, w.classes}, {}, 0.05f, w.most, chosen);
    backend.map(decode{}, found, backend.gather(said, chosen.rows),
                backend.gather(priors, chosen.rows));
    benchmark::DoNotOptimize(found.column(0));
    benchmark::ClobberMemory();
  }
  state.counters["found"] = static_cast<double>(chosen.rows.size());
}

void reading(benchmark::State& state)
{
  const workload& w = shared();
  for (auto _ : state) {
    std::uint32_t any = 0;
    for (const float x : w.logits) any |= x > 100 ? 1u : 0u;
    benchmark::DoNotOptimize(any);
  }
}

void usual(benchmark::State& state)
{
  const workload& w = shared();
  struct pair {
    float score;
    std::uint32_t at;
  };
  std::vector<pair> all;
  std::vector<box<float>> found;
  const rows<offsets<float>> said(w.boxes.data(), w.anchors);
  for (auto _ : state) {
    all.clear();
    found.clear();
    for (std::size_t i = 0; i < w.logits.size(); ++i)
      if (const float p = 1 / (1 + std::exp(-w.logits[i])); p > 0.05f)
        all.push_back({p, static_cast<std::uint32_t>(i)});
    std::stable_sort(all.begin(), all.end(),
                     [](const pair& a, const pair& b) { return a.score > b.score; });
    if (all.size() > w.most) all.resize(w.most);
    for (const pair& p : all)
      found.push_back(
          centre_size_coder().decode(said[p.at / w.classes], w.priors[p.at / w.classes]));
    benchmark::DoNotOptimize(found.data());
  }
  state.counters["found"] = static_cast<double>(found.size());
}

BENCHMARK(ours)->Name("select and decode, 61,380 x 80 sigmoids | retinue");
BENCHMARK(reading)->Name("select and decode, 61,380 x 80 sigmoids | reading the logits once");
BENCHMARK(usual)->Name("select and decode, 61,380 x 80 sigmoids | every sigmoid, a sort");

}  // namespace
