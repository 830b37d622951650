// SPDX-License-Identifier: Apache-2.0
// From the raw outputs of a network to detections in the picture.
//
// Whatever runs the network, it leaves three arrays, a row for each anchor: class scores, offsets,
// landmark offsets. The detector views them where they lie and does the rest: threshold, decoding,
// suppression, and the way back to the pixels of the original picture. Here the program itself
// plays the network: it encodes three faces and adds the echo that detectors have.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

using namespace retinue;

namespace {
using face5 = schemas::face5;
using backend = host_backend;

struct raw_outputs {
  std::vector<float> scores;     // (P, 2): background, face; probabilities
  std::vector<float> offsets;    // (P, 4)
  std::vector<float> landmarks;  // (P, 10)
};

// Every anchor that overlaps the face by more than a third says where the face is.
void see(const box<float>& face, float certainty, const std::vector<centre_box<float>>& anchors,
         raw_outputs& out)
{
  const centre_size_coder coder;
  const auto [cx, cy, w, h] = to_centre(face);
  const landmarks<float, face5> marks{{{{cx - w / 5, cy - h / 6},
                                        {cx + w / 5, cy - h / 6},
                                        {cx, cy},
                                        {cx - w / 6, cy + h / 4},
                                        {cx + w / 6, cy + h / 4}}}};
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    const float overlap = iou(to_corners(anchors[i]), face);
    if (overlap < 1.0f / 3) continue;
    out.scores[2 * i + 1] = certainty * overlap;
    out.scores[2 * i] = 1 - certainty * overlap;
    const auto o = coder.encode(face, anchors[i]);
    const auto p = coder.encode(marks, anchors[i]);
    for (std::size_t c = 0; c < o.width; ++c) out.offsets[o.width * i + c] = o[c];
    for (std::size_t c = 0; c < p.width; ++c) out.landmarks[p.width * i + c] = p[c];
  }
}
}  // namespace

int main()
{
  // A picture of 1280 x 720, halved for the network, then padded below to a multiple of 32.
  const frame image{.input = {.height = 384, .width = 640},
                    .original = {.height = 720, .width = 1280},
                    .scale_x = 0.5,
                    .scale_y = 0.5};

  const auto source = square_anchors::retinaface();
  const auto anchors = make_anchors(source, image.input);
  const std::size_t rows = anchors.size();
  raw_outputs out{std::vector<float>(2 * rows), std::vector<float>(4 * rows),
                  std::vector<float>(10 * rows)};
  see({0.10f, 0.20f, 0.30f, 0.55f}, 1.0f, anchors, out);  // fractions of the input
  see({0.60f, 0.10f, 0.65f, 0.18f}, 0.9f, anchors, out);
  see({0.85f, 0.40f, 0.96f, 0.58f}, 0.7f, anchors, out);

  std::size_t above = 0;
  for (std::size_t i = 0; i < rows; ++i) above += out.scores[2 * i + 1] > 0.3f;
  std::printf("%zu anchors, %zu of them see a face\n", rows, above);

  // One detector for as many pictures as come: it keeps the anchors of the last size and its
  // buffers, and allocates nothing once these have grown. One thread at a time.
  detector<face5, backend> detect(source, {.score = 0.3f, .overlap = 0.4f, .clip = true});
  const outputs<backend> said{.scores = {out.scores.data(), rows, 2},
                              .boxes = {out.offsets.data(), rows, 4},
                              .points = {out.landmarks.data(), rows, 10}};
  for (const detection<face5>& face : detect(said, image))
    std::printf("%.2f  (%.1f, %.1f) to (%.1f, %.1f), nose at (%.1f, %.1f)\n", face.score,
                face.bounds.x1, face.bounds.y1, face.bounds.x2, face.bounds.y2,
                face.points.points[2][0], face.points.points[2][1]);

  // Outputs that are not of these anchors do not pass for theirs.
  try {
    const outputs<backend> other{.scores = {out.scores.data(), rows - 2, 2},
                                 .boxes = {out.offsets.data(), rows - 2, 4},
                                 .points = {out.landmarks.data(), rows - 2, 10}};
    detect(other, image);
  } catch (const error& e) {
    std::printf("error: %s\n", e.what());
  }
}

// Output:
//   10080 anchors, 56 of them see a face
//   0.79  (128.0, 153.6) to (384.0, 422.4), nose at (256.0, 288.0)
//   0.63  (768.0, 76.8) to (832.0, 138.2), nose at (800.0, 107.5)
//   0.54  (1088.0, 307.2) to (1228.8, 445.4), nose at (1158.4, 376.3)
//   error: the network gives 10078 rows of scores for an input of 640 x 384 pixels, its anchors are
//   10080: the anchors' strides or sizes per cell, or the map sizes, are not the network's
