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

  /// Pixels of the input that are the picture: all but the padding.
  [[nodiscard]] extent2 content() const
  {
    const auto side = [](int of_input, int of_picture, double scale) {
      return std::max(1, std::min(static_cast<int>(std::lround(of_picture * scale)), of_input));
    };
    return {side(input.height, original.height, scale_y),
            side(input.width, original.width, scale_x)};
  }
};

namespace detail {
/// Throws where a frame tells nothing: a scale is not above 0, or the input has no pixel.
inline void check_frame(const frame& how)
{
  const auto right = [](double scale) { return scale > 0 && std::isfinite(scale); };
  if (!right(how.scale_x) || !right(how.scale_y) || how.input.width < 1 || how.input.height < 1)
    fail("a frame of an input of ", how.input.width, " x ", how.input.height,
         " pixels with the scales ", how.scale_x, " and ", how.scale_y,
         ", expected a pixel or more and scales above 0");
}
}  // namespace detail

/// The frame in which the longer side has `long_side` pixels: smaller pictures are enlarged, as by
/// the reference. The scales are exact for the rounded sizes, and no side is less than a pixel.
/// Throws where a side of the picture, or `long_side`, is less than a pixel.
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

/// The frame of a picture scaled as a whole into an input of that size, and padded to it. Throws
/// where a side of either is less than a pixel.
[[nodiscard]] inline frame fit_into(extent2 original, extent2 input)
{
  if (original.width < 1 || original.height < 1 || input.width < 1 || input.height < 1)
    fail("a picture of ", original.width, " x ", original.height,
         " pixels cannot be scaled into an input of ", input.width, " x ", input.height);
  const double scale =
      std::min(double(input.width) / original.width, double(input.height) / original.height);
  const auto scaled = [&](int side) { return std::max(1.0, std::round(side * scale)); };
  return {input, original, scaled(original.width) / original.width,
          scaled(original.height) / original.height};
}

/// The same frame with padding to sides that are multiples of `multiple` pixels, one or more.
[[nodiscard]] inline frame padded(frame how, int multiple)
{
  const auto up = [&](int side) { return (side + multiple - 1) / multiple * multiple; };
  how.input = {up(how.input.height), up(how.input.width)};
  return how;
}

/// The frame of a picture stretched to a square, as an SSD sees it: of `side` pixels. The sides
/// of the picture are a pixel or more.
[[nodiscard]] inline frame stretched(extent2 original, int side)
{
  return {{side, side}, original, double(side) / original.width, double(side) / original.height};
}

}  // namespace retinue
