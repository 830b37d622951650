// SPDX-License-Identifier: Apache-2.0
// Where a picture lies in the input that a network saw, so that what is found there can be told in
// the picture's own pixels.
#pragma once

#include <retinue/error.hpp>     // fail
#include <retinue/geometry.hpp>  // extent2

#include <algorithm>
#include <cmath>

namespace retinue {

/// How an image became the network's input: scaled, then padded at the right and the bottom.
struct frame {
  extent2 input;                    ///< pixels that the network saw, padding included
  extent2 original;                 ///< pixels of the picture
  double scale_x = 1, scale_y = 1;  ///< pixels of the input per pixel of the picture

  /// Nothing was scaled nor padded.
  [[nodiscard]] static frame unscaled(extent2 size) { return {size, size, 1, 1}; }
};

/// The frame in which the longer side has `long_side` pixels: smaller pictures are enlarged, as by
/// the reference. The scales are exact for the rounded sizes, and no side is less than a pixel.
[[nodiscard]] inline frame fit_long_side(extent2 original, int long_side)
{
  if (original.width < 1 || original.height < 1 || long_side < 1)
    fail("a picture of ", original.width, " x ", original.height,
         " pixels cannot have a long side of ", long_side);
  const double scale = double(long_side) / std::max(original.width, original.height);
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(side * scale)));
  };
  const extent2 input{scaled(original.height), scaled(original.width)};
  return {input, original, double(input.width) / original.width,
          double(input.height) / original.height};
}

/// The frame of a picture stretched to a square, as an SSD sees it.
[[nodiscard]] inline frame stretched(extent2 original, int side)
{
  return {{side, side}, original, double(side) / original.width, double(side) / original.height};
}

}  // namespace retinue
