// SPDX-License-Identifier: Apache-2.0
// Weighted fusion of the boxes of a text, for benchmarks/peers/fusion.py to compare.
//
//   in    sources boxes; then for each box  x1 y1 x2 y2 score label source
//   out   the best of 50 times in seconds, and the groups:  x1 y1 x2 y2 score label
#include <retinue/suppress/fusion.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <limits>
#include <vector>

int main()
{
  std::size_t sources = 0, count = 0;
  std::cin >> sources >> count;
  std::vector<retinue::box<float>> boxes(count);
  std::vector<float> scores(count);
  std::vector<std::int32_t> labels(count);
  std::vector<std::size_t> of(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 4; ++c) std::cin >> boxes[i][c];
    std::cin >> scores[i] >> labels[i] >> of[i];
  }
  if (!std::cin) {
    std::cerr << "standard input does not hold the " << count << " boxes that it announces\n";
    return 1;
  }
  retinue::box_fusion fuse({.overlap = 0.55f, .weights = std::vector<float>(sources, 1.0f)});
  retinue::kept_rows groups;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 50; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    groups = fuse.fuse(boxes, scores, labels, of);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  std::printf("%.9g\n", best);
  for (std::size_t i = 0; i < groups.rows.size(); ++i) {
    const retinue::box<float>& b = groups.boxes[i];
    std::printf("%.9g %.9g %.9g %.9g %.9g %d\n", static_cast<double>(b.x1),
                static_cast<double>(b.y1), static_cast<double>(b.x2), static_cast<double>(b.y2),
                static_cast<double>(groups.scores[i]), labels[groups.rows[i]]);
  }
}
