// SPDX-License-Identifier: Apache-2.0
// Post-processing of one 640 x 640 image, from the network's rows to detections, against the
// reference's order of work: decode everything, sort everything, compare all pairs (seed 003).
#include <benchmark/benchmark.h>
#include <retinue/backend/eigen.hpp>
#include <retinue/detect.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace {

using namespace retinue;
using face5 = schemas::face5;

/// Twenty objects: anchors near one score high, the rest below 0.02, as a trained network has it.
struct network_arrays {
  std::vector<centre_box<float>> anchors = make_anchors(square_anchors::retinaface(), {640, 640});
  std::vector<float> scores, boxes, points;

  network_arrays()
  {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> unit(0, 1);
    std::vector<centre_box<float>> objects;
    for (int i = 0; i < 20; ++i) {
      const float side = 0.03f * std::exp(unit(random) * 2);
      objects.push_back({unit(random), unit(random), side, side});
    }
    for (const auto& a : anchors) {
      float best = 0;
      const centre_box<float>* object = &objects[0];
      for (const auto& o : objects)
        if (const float shared = iou(to_corners(o), to_corners(a)); shared > best)
          best = shared, object = &o;
      const float score =
          best > 0.2f ? std::min(0.99f, best + 0.2f * unit(random)) : 0.01f * unit(random);
      scores.push_back(1 - score);
      scores.push_back(score);
      offsets<float> o = centre_size_coder().encode(to_corners(*object), a);
      for (std::size_t c = 0; c < 4; ++c) boxes.push_back(o[c] + 0.2f * normal(random));
      for (std::size_t c = 0; c < 10; ++c) points.push_back(normal(random));
    }
  }
};

void post_processing(benchmark::State& state)
{
  const network_arrays o;
  const std::size_t n = o.anchors.size();
  const outputs<eigen_backend> said{
      {o.scores.data(), n, 2}, {o.boxes.data(), n, 4}, {o.points.data(), n, 10}};
  detector<face5, eigen_backend> detect(square_anchors::retinaface());
  const frame image = frame::unscaled({640, 640});
  for (auto _ : state) benchmark::DoNotOptimize(detect(said, image).data());
  state.counters["found"] = static_cast<double>(detect(said, image).size());
}

void post_processing_of_the_reference(benchmark::State& state)
{
  const network_arrays o;
  const centre_size_coder coder = centre_size_coder::unclamped();
  const std::size_t n = o.anchors.size();
  const rows<offsets<float>> raw(o.boxes.data(), n);
  const rows<landmark_offsets<float, face5>> raw_points(o.points.data(), n);
  std::size_t found = 0;
  for (auto _ : state) {
    const auto anchors = make_anchors(square_anchors::retinaface(), {640, 640});
    std::vector<detection<face5>> all(n);
    for (std::size_t i = 0; i < n; ++i) {
      all[i].bounds = coder.decode(raw[i], anchors[i]);
      for (std::size_t c = 0; c < 4; ++c) all[i].bounds[c] *= 640;
      all[i].points = coder.decode(raw_points[i], anchors[i]);
      for (std::size_t c = 0; c < 10; ++c) all[i].points[c] *= 640;
      all[i].score = o.scores[2 * i + 1];
    }
    std::erase_if(all, [](const auto& d) { return !(d.score > 0.02f); });
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    std::vector<detection<face5>> kept;
    for (const auto& d : all)
      if (std::none_of(kept.begin(), kept.end(),
                       [&](const auto& k) { return iou(k.bounds, d.bounds) > 0.4f; }))
        kept.push_back(d);
    benchmark::DoNotOptimize(kept.data());
    found = kept.size();
  }
  state.counters["found"] = static_cast<double>(found);
}

BENCHMARK(post_processing)->Name("post-processing, 640 x 640 | retinue");
BENCHMARK(post_processing_of_the_reference)
    ->Name("post-processing, 640 x 640 | reference, compiled");

}  // namespace
