// SPDX-License-Identifier: Apache-2.0
// A program that knows retinue as a module alone: outputs to detections, a loss with its slope,
// matching, and a refusal.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

import retinue;

int main()
{
  using plate = retinue::schemas::plate4;
  const retinue::square_anchors source{.level = {{16, {24, 48}}}};
  const retinue::frame image = retinue::frame::unscaled({.height = 64, .width = 64});
  const auto anchors = retinue::make_anchors(source, image.input);
  const std::size_t rows = anchors.size();
  std::vector<float> scores(2 * rows), boxes(4 * rows), points(8 * rows);
  scores[2 * 5 + 1] = 0.9f;
  retinue::detector<plate, retinue::host_backend> detect(source, {.score = 0.5f});
  const auto found = detect({.scores = {scores.data(), rows, 2},
                             .boxes = {boxes.data(), rows, 4},
                             .points = {points.data(), rows, 8}},
                            image);
  if (found.size() != 1 || std::abs(found[0].score - 0.9f) > 1e-6f) return 1;

  const retinue::box<float> a{0, 0, 2, 2}, b{1, 1, 3, 3};
  if (std::abs(retinue::iou(a, b) - 1.0f / 7) > 1e-6f) return 2;
  const auto loss = retinue::with_slope(retinue::giou_loss{}, a, b);
  if (!(loss.value > 0) || loss.slope.x1 == 0) return 3;

  const retinue::anchor_layout layout(source, image.input);
  const std::vector<retinue::box<float>> truths{retinue::to_corners(anchors[3])};
  auto match = retinue::overlap_matcher::retinaface();
  retinue::assignment out;
  match(layout, truths, std::span<const std::uint8_t>(), out);
  if (out.verdicts[3] != retinue::verdict::positive) return 4;

  try {
    retinue::greedy_suppressor<> suppress(2.0f);
  } catch (const retinue::error& e) {
    return std::string(e.what()).empty() ? 5 : 0;
  }
  return 6;
}
