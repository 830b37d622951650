// SPDX-License-Identifier: Apache-2.0
// COCO's twelve figures of two files, for benchmarks/peers/coco.py to compare.
//
//   retinue_peer_coco TRUTH.json RESULTS.json
//   out   the best of five times in seconds; the time to read both files; then a figure a line
#include <retinue/data/coco_results.hpp>
#include <retinue/error.hpp>
#include <retinue/evaluate/coco.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>

namespace {
double seconds_since(std::chrono::steady_clock::time_point begin)
{
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
}  // namespace

int main(int count, char** values)
try {
  if (count != 3) retinue::fail("expected two files: the truth and the results");
  const auto opened = std::chrono::steady_clock::now();
  retinue::coco_set set = retinue::read_coco_truth(values[1]);
  retinue::read_coco_detections(values[2], set);
  const double reading = seconds_since(opened);

  retinue::coco_result result;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    retinue::coco_evaluation evaluation;
    for (const auto& [id, image] : set.images) evaluation.add(image.detections, image.truths);
    result = evaluation.result();
    best = std::min(best, seconds_since(begin));
  }
  std::printf("%.9g\n%.9g\n", best, reading);
  for (const auto& figure : result.figures) std::printf("%.12g\n", figure.value.value_or(-1));
} catch (const retinue::error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
