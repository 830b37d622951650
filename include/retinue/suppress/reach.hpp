// SPDX-License-Identifier: Apache-2.0
// Which boxes can overlap enough to be one object, by their sizes and by where their centres lie.
//
// iou(a, b) > t implies, with w, h the sides and area = w h,
//   t < area_a / area_b < 1 / t      and      |cx_a - cx_b| < (w_a + w_b) / 2 - t max(w_a, w_b),
// and the same of y. So boxes are sorted into octaves of size, and within an octave into cells:
// whatever lies in no cell within reach need not be looked at.
#pragma once

#include <retinue/compiler.hpp>          // RETINUE_HD
#include <retinue/formulas/overlap.hpp>  // continuous
#include <retinue/geometry.hpp>          // box

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace retinue::detail {

/// Of a side; they are the exponents of a float's area.
inline constexpr std::uint32_t size_octaves = 128;

/// The octave of the square root of an area > 0.
[[nodiscard]] RETINUE_HD inline std::uint32_t octave_of(float area)
{
  return std::bit_cast<std::uint32_t>(area) >> 24;
}

/// The side of a square box of the octave, near its upper end: areas lie in 4^(octave - 63.5) to
/// 4^(octave - 62.5), and this is 3 * 2^(octave - 64).
[[nodiscard]] RETINUE_HD inline float side_of(std::uint32_t octave)
{
  return std::bit_cast<float>((octave + 64) << 23 | 0x400000u);
}

/// Halved before they are added, for the sum may pass the largest float.
[[nodiscard]] RETINUE_HD inline float centre_x(const box<float>& b)
{
  return b.x1 * 0.5f + b.x2 * 0.5f;
}
/// The same of y.
[[nodiscard]] RETINUE_HD inline float centre_y(const box<float>& b)
{
  return b.y1 * 0.5f + b.y2 * 0.5f;
}

/// A box as far as its neighbours depend on it.
template <class Lengths = continuous>
struct sized_box {
  float cx, cy, w, h, area;

  RETINUE_HD explicit sized_box(const box<float>& b)
      : cx(centre_x(b)),
        cy(centre_y(b)),
        w(Lengths::length(b.x1, b.x2)),
        h(Lengths::length(b.y1, b.y2)),
        area(w * h)
  {
  }

  /// Whether it overlaps anything: a box without area, or not finite, does not.
  [[nodiscard]] RETINUE_HD bool overlaps() const
  {
    return w > 0 && h > 0 && area > 0 && area <= std::numeric_limits<float>::max();
  }
};

/// Where the centres and in which octaves the sizes of boxes lie that overlap one by more than t.
struct box_reach {
  float x, y;                       ///< centres are no further away
  std::uint32_t smallest, largest;  ///< octaves

  /// Of a box that overlaps, where no box is wider or taller than these.
  template <class Lengths>
  RETINUE_HD box_reach(const sized_box<Lengths>& b, float t,
                       float widest = std::numeric_limits<float>::max(),
                       float tallest = std::numeric_limits<float>::max())
  {
    const float slack = (size_of(b.cx) + size_of(b.cy)) * 1e-6f;
    x = along(b.w, t, widest) + slack, y = along(b.h, t, tallest) + slack;
    smallest = octave_of(b.area * t * 0.9999f);
    largest = octave_of(std::min(b.area / t * 1.0001f, std::numeric_limits<float>::max()));
  }

 private:
  RETINUE_HD static float size_of(float x) { return x < 0 ? -x : x; }
  /// How far apart two centres may lie if one side is `side` and the other at most `most`.
  RETINUE_HD static float along(float side, float t, float most)
  {
    const float longest = t < 0.5f ? std::min(side / t, most) : side;
    return std::max((1 - t) * side, (side + longest) * 0.5f - t * longest) * 1.0001f;
  }
};

}  // namespace retinue::detail
