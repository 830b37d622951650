// SPDX-License-Identifier: Apache-2.0
// WIDER FACE's truth and, after a line of %%, a detector's results in one file.
#include "target.hpp"

#include <retinue/data/wider_files.hpp>

#include <cmath>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const memory_file truth, results;
  const auto parts = parts_of(text_of(bytes, size));
  const auto& file = truth.holding(parts[0]);
  std::vector<wider_image> images;
  if (!reads(file.string(), [&] { images = read_wider_truth(file); })) return 0;
  law(!images.empty(), "a truth has an image");
  const auto& found = results.holding(parts.size() > 1 ? parts[1] : "");
  std::size_t absent = 0;
  if (reads(found.string(), [&] { absent = read_wider_detections(found, images); }))
    law(absent < images.size(), "results are of some image");
  for (const auto& image : images) {
    law(image.has_detections || image.detections.empty(), "detections are those of a list");
    for (const auto& d : image.detections)
      law(d.bounds.x1 <= d.bounds.x2 && d.bounds.y1 <= d.bounds.y2 && std::isfinite(d.score),
          "a box has no negative side");
  }
  return 0;
}
