// SPDX-License-Identifier: Apache-2.0
// The anchors of a pyramid of your own.
//
// An anchor source says, for each feature map, how many cells lie along a side, where their
// centres are, and how large the anchors around a centre are. make_anchors writes them all, in the
// order of the network's outputs: level, row, column, anchor.
#include <retinue/anchors.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

using namespace retinue;

namespace {
// A source of one's own needs no base class, only what the concept anchor_source names. This one
// is for people upright: on each level, anchors of one height and of a third of it in width.
struct upright_anchors {
  std::vector<double> heights;  // pixels, one a level; level l has a cell every 8 << l pixels

  std::size_t levels() const { return heights.size(); }
  int cells(std::size_t level, int pixels) const { return pixels / stride(level); }
  std::size_t per_cell(std::size_t) const { return 1; }
  double centre(std::size_t level, int cell, int extent) const
  {
    return (cell + 0.5) * stride(level) / extent;
  }
  anchor_sides sides(std::size_t level, std::size_t, extent2 image) const
  {
    return {heights[level] / 3 / image.width, heights[level] / image.height};
  }
  bool clipped() const { return false; }

 private:
  static int stride(std::size_t level) { return 8 << level; }
};
static_assert(anchor_source<upright_anchors>);

void print(const char* what, const std::vector<centre_box<float>>& anchors, extent2 image)
{
  const centre_box<float>& last = anchors.back();
  std::printf("%-22s %5zu, the last one %.1f x %.1f pixels around (%.1f, %.1f)\n", what,
              anchors.size(), last.w * static_cast<float>(image.width),
              last.h * static_cast<float>(image.height), last.cx * static_cast<float>(image.width),
              last.cy * static_cast<float>(image.height));
}
}  // namespace

int main()
{
  const extent2 image{.height = 300, .width = 450};

  // Shipped sources: RetinaFace's squares, SSD's default boxes.
  print("RetinaFace", make_anchors(square_anchors::retinaface(), image), image);
  print("SSD300", make_anchors(default_boxes::ssd300(), {300, 300}), {300, 300});

  // The same with sizes of one's own: faces from 24 pixels, on two levels.
  const square_anchors large{.level = {{16, {24, 48}}, {32, {96, 192}}}};
  print("two levels", make_anchors(large, image), image);

  // From the image's size alone, maps are guessed: ceil(side / stride), as paddings of half a
  // kernel give. A network padded otherwise has other maps: give those that it really has.
  for (const extent2 map : map_sizes(large, image))
    std::printf("  guessed map           %d x %d\n", map.height, map.width);
  const std::vector<extent2> real{{18, 28}, {9, 14}};
  print("two levels, real maps", make_anchors(large, image, real), image);

  print("upright", make_anchors(upright_anchors{{48, 120}}, image), image);

  // What does not fit is refused with a sentence.
  try {
    const std::vector<extent2> one_map{{18, 28}};
    (void)make_anchors(large, image, one_map);
  } catch (const error& e) {
    std::printf("error: %s\n", e.what());
  }
}

// Output:
//   RetinaFace              5734, the last one 512.0 x 512.0 pixels around (464.0, 304.0)
//   SSD300                  8732, the last one 186.7 x 300.0 pixels around (150.0, 150.0)
//   two levels              1402, the last one 192.0 x 192.0 pixels around (464.0, 304.0)
//     guessed map           19 x 29
//     guessed map           10 x 15
//   two levels, real maps   1260, the last one 192.0 x 192.0 pixels around (432.0, 272.0)
//   upright                 2576, the last one 40.0 x 120.0 pixels around (440.0, 280.0)
//   error: the network has 1 feature maps, the anchors are made for 2 levels
