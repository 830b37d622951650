// SPDX-License-Identifier: Apache-2.0
// Boxes as a detector finds them: in clusters, of many sizes, scores with ties.
#pragma once

#include <retinue/geometry.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace retinue::test {

struct drawn_boxes {
  std::vector<box<float>> boxes;
  std::vector<float> scores;
  std::vector<std::int32_t> labels;  // 1 to 3
  std::vector<std::size_t> sources;  // 0 to 2
};

/// With `ties`, scores are whole hundredths.
inline drawn_boxes draw_boxes(std::mt19937& random, std::size_t n, bool ties)
{
  std::uniform_real_distribution<float> unit(0, 1);
  std::normal_distribution<float> normal;
  drawn_boxes out;
  box<float> seed{};
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 6 == 0) {
      const float w = 5 + std::exp(unit(random) * 4), h = w * std::exp(0.4f * normal(random));
      seed = {unit(random) * 200, unit(random) * 200, w, h};
    }
    const float w = seed.x2 * std::exp(0.15f * normal(random));
    const float h = seed.y2 * std::exp(0.15f * normal(random));
    const float x = seed.x1 + 0.15f * w * normal(random), y = seed.y1 + 0.15f * h * normal(random);
    out.boxes.push_back({x, y, x + w, y + h});
    const float score = 0.01f + 0.98f * unit(random);
    out.scores.push_back(ties ? std::ceil(score * 100) / 100 : score);
    out.labels.push_back(1 + static_cast<std::int32_t>(random() % 3));
    out.sources.push_back(random() % 3);
  }
  return out;
}

}  // namespace retinue::test
