// SPDX-License-Identifier: Apache-2.0
// A landmark schema of your own.
//
// How many landmarks an object has, and which of them change places in a mirror, is a type. All
// that handles landmarks takes that type: coding, detection, losses, mirroring. Five is nowhere
// assumed, none is a number like any other.
#include <retinue/formulas/coders.hpp>
#include <retinue/landmarks.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

using namespace retinue;

namespace {
// A warning sign: the two corners below, and the tip.
struct triangle {
  static constexpr std::size_t count = 3, dimension = 2;
  static constexpr std::array<std::size_t, 3> mirror{1, 0, 2};  // left and right change places
  static constexpr std::array<std::string_view, 3> names{"left", "right", "tip"};
};
static_assert(landmark_schema<triangle>);

// Mirroring twice must give the first picture again. A permutation that does not is a mistake that
// would only show as a badly trained network, so it does not compile: landmarks<float, turned> is
// an error that names landmark_schema.
struct turned {
  static constexpr std::size_t count = 3, dimension = 2;
  static constexpr std::array<std::size_t, 3> mirror{1, 2, 0};
};
static_assert(!landmark_schema<turned>);

// Your own functions over schemas read as the library's do.
template <landmark_schema Schema>
landmarks<float, Schema> mirrored(const landmarks<float, Schema>& marks, float image_width)
{
  landmarks<float, Schema> flipped;
  for (std::size_t k = 0; k < Schema::count; ++k) {
    const auto [x, y] = marks.points[k];
    flipped.points[Schema::mirror[k]] = {image_width - x, y};
  }
  return flipped;
}

void print(const char* what, const landmarks<float, triangle>& marks)
{
  std::printf("%-8s", what);
  for (std::size_t k = 0; k < triangle::count; ++k)
    std::printf("  %s (%.0f, %.0f)", triangle::names[k].data(), marks.points[k][0],
                marks.points[k][1]);
  std::printf("\n");
}
}  // namespace

int main()
{
  const landmarks<float, triangle> sign{{{{20, 80}, {60, 82}, {40, 40}}}};
  print("sign", sign);
  print("mirror", mirrored(sign, 200));
  print("twice", mirrored(mirrored(sign, 200), 200));

  // Coded from an anchor and back, as a network would regress it.
  const centre_box<float> anchor{.cx = 40, .cy = 64, .w = 64, .h = 64};
  const centre_size_coder coder;
  print("coded", coder.decode(coder.encode(sign, anchor), anchor));

  // A record knows how many columns of a network's output it takes.
  std::printf("columns  triangle %zu, face5 %zu, wflw98 %zu, none %zu\n",
              landmark_offsets<float, triangle>::width,
              landmark_offsets<float, schemas::face5>::width,
              landmark_offsets<float, schemas::wflw98>::width,
              landmark_offsets<float, schemas::none>::width);
}

// Output:
//   sign      left (20, 80)  right (60, 82)  tip (40, 40)
//   mirror    left (140, 82)  right (180, 80)  tip (160, 40)
//   twice     left (20, 80)  right (60, 82)  tip (40, 40)
//   coded     left (20, 80)  right (60, 82)  tip (40, 40)
//   columns  triangle 6, face5 10, wflw98 196, none 0
