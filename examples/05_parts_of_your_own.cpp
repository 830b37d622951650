// SPDX-License-Identifier: Apache-2.0
// A coder and a suppressor of your own, plugged into the detector.
//
// A part is taken if it does what one concept asks; nothing is derived from, nothing registered.
// The network of this program regresses distances to the four sides of a box, as FCOS and SCRFD do.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

#include <cstddef>
#include <cstdio>
#include <span>
#include <vector>

using namespace retinue;

namespace {
// Distances from the anchor's centre to the left, top, right and bottom, in anchor sides. T is a
// number, or a packet of them: the formula is the same.
struct distance_coder {
  template <class T>
  offsets<T> encode(const box<T>& truth, const centre_box<T>& anchor) const
  {
    return {(anchor.cx - truth.x1) / anchor.w, (anchor.cy - truth.y1) / anchor.h,
            (truth.x2 - anchor.cx) / anchor.w, (truth.y2 - anchor.cy) / anchor.h};
  }
  template <class T>
  box<T> decode(const offsets<T>& o, const centre_box<T>& anchor) const
  {
    return {anchor.cx - o.dx * anchor.w, anchor.cy - o.dy * anchor.h, anchor.cx + o.dw * anchor.w,
            anchor.cy + o.dh * anchor.h};
  }
};
static_assert(coder<distance_coder, schemas::none>);

// Keeps a box unless its centre lies in a better one: for objects that cannot stand behind one
// another, such as cells under a microscope.
class centre_suppressor {
 public:
  kept_rows operator()(std::span<const box<float>> boxes, std::span<const float> scores)
  {
    rows_.clear();
    scores_.clear();
    for (const row_index row : order_(scores)) {
      const centre_box<float> c = to_centre(boxes[row]);
      bool covered = false;
      for (const row_index better : rows_) {
        const box<float>& b = boxes[better];
        covered |= b.x1 < c.cx && c.cx < b.x2 && b.y1 < c.cy && c.cy < b.y2;
      }
      if (covered) continue;
      rows_.push_back(row);
      scores_.push_back(scores[row]);
    }
    return {rows_, scores_};
  }

 private:
  score_order order_;  // best first, equal scores by row
  std::vector<row_index> rows_;
  std::vector<float> scores_;
};
static_assert(suppressor<centre_suppressor>);
}  // namespace

int main()
{
  using backend = host_backend;
  const square_anchors anchors{.level = {{32, {32}}}};
  const extent2 image{.height = 64, .width = 96};  // 2 x 3 cells, 6 anchors

  detector<schemas::none, backend, square_anchors, distance_coder, centre_suppressor> detect(
      anchors, {.score = 0.5f}, distance_coder{}, backend{}, centre_suppressor{});

  // Background and cell, for each anchor; and the four distances.
  const std::vector<float> scores{0.9f, 0.1f, 0.2f, 0.8f, 0.3f, 0.7f,
                                  0.9f, 0.1f, 0.1f, 0.9f, 0.9f, 0.1f};
  std::vector<float> distances(6 * 4, 0.5f);
  distances[1 * 4 + 3] = 0.8f;  // the anchor of row 1 sees its cell reach further down
  distances[4 * 4 + 1] = 1.2f;  // the one below it sees the same cell reach far up

  const outputs<backend> said{.scores = {scores.data(), 6, 2}, .boxes = {distances.data(), 6, 4}};
  for (const auto& found : detect(said, frame::unscaled(image)))
    std::printf("%.1f  (%.1f, %.1f) to (%.1f, %.1f)\n", found.score, found.bounds.x1,
                found.bounds.y1, found.bounds.x2, found.bounds.y2);
}

// Output:
//   0.9  (32.0, 9.6) to (64.0, 64.0)
//   0.7  (64.0, 0.0) to (96.0, 32.0)
