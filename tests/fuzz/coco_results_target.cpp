// SPDX-License-Identifier: Apache-2.0
// COCO's truth and, after a line of %%, a detector's results.
#include "target.hpp"

#include <retinue/data/coco_results.hpp>

#include <cmath>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const memory_file truth, results;
  const auto parts = parts_of(text_of(bytes, size));
  const auto& file = truth.holding(parts[0]);
  coco_set set;
  if (!reads(file.string(), [&] { set = read_coco_truth(file); })) return 0;
  const auto& found = results.holding(parts.size() > 1 ? parts[1] : "[]");
  reads(found.string(), [&] { read_coco_detections(found, set); });
  const auto whole = [&](const box<double>& b, std::int32_t label) {
    law(b.x1 <= b.x2 && b.y1 <= b.y2 && std::isfinite(b.x2) && std::isfinite(b.y2),
        "a box has no negative side");
    law(set.categories.contains(label), "a label is that of a category");
  };
  for (const auto& [id, image] : set.images) {
    for (const auto& t : image.truths) whole(t.bounds, t.label);
    for (const auto& d : image.detections) {
      whole(d.bounds, d.label);
      law(std::isfinite(d.score), "a score is a number");
    }
  }
  return 0;
}
