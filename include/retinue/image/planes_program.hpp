// SPDX-License-Identifier: Apache-2.0
// From 8-bit pictures to a batch of planes in one pass, as a program over a team.
//
//   out(c, y, x) = (value - mean_c) / scale_c       value: bilinear at  (m0 x + m1 y + m2,
//                                                                        m3 x + m4 y + m5)
//
// Colours are changed before, pixel by pixel of the picture, as augment/colours.hpp has it: to the
// bytes of the host, of whom a place between pixels is then taken. Nothing changes the fill colour.
//
// Places are those of pixels' middles, from 0. The six numbers lead from the planes to the picture,
// so that scaling, padding, mirrors and turns are one plan. A picture that shrinks to less than
// half is sampled, not averaged: shrink it before.
#pragma once

#include <retinue/augment/colours.hpp>   // colour_change
#include <retinue/augment/recolour.hpp>  // scaled_value, pixel_hue, turned_value
#include <retinue/compiler.hpp>          // RETINUE_HD
#include <retinue/error.hpp>             // fail
#include <retinue/frame.hpp>             // frame
#include <retinue/geometry.hpp>          // extent2

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// A colour_change as a program makes it. As it stands, nothing.
struct colour_plan {
  bool changes = false;  ///< whether it does anything
  bool turns = false;    ///< whether it changes saturation or hue
  bool contrast_first = true;
  float brightness = 0;           ///< added to each channel
  float contrast = 1;             ///< times each channel
  float saturation = 1;           ///< times the saturation
  std::array<float, 3> places{};  ///< of blue, green and red on the circle of hues

  colour_plan() = default;
  /// Throws where the change is by the reference's arithmetic, which is the host's alone.
  explicit colour_plan(const colour_change& of)
      : turns(of.saturation != 1 || of.hue != 0),
        contrast_first(of.contrast_first),
        brightness(detail::colour_factor(of.brightness)),
        contrast(detail::colour_factor(of.contrast)),
        saturation(static_cast<float>(std::max(of.saturation, 0.0)))
  {
    if (of.arithmetic != colour_arithmetic::exact)
      fail(
          "a program was given a change of colours by the reference's arithmetic, expected "
          "colour_arithmetic::exact");
    changes = turns || of.brightness != 0 || of.contrast != 1;
    for (int c = 0; c < 3; ++c)
      places[static_cast<std::size_t>(c)] = detail::place_of_channel(c, of.hue);
  }

  /// One pixel, BGR.
  RETINUE_HD void operator()(std::array<std::uint8_t, 3>& bgr) const
  {
    scale(bgr, 1, brightness);
    if (contrast_first) scale(bgr, contrast, 0);
    if (turns) {
      const detail::pixel_hue of(bgr[0], bgr[1], bgr[2], saturation);
      for (std::size_t c = 0; c < 3; ++c)
        bgr[c] = static_cast<std::uint8_t>(
            detail::turned_value(of.value, of.chroma, of.turned, of.share, places[c]));
    }
    if (!contrast_first) scale(bgr, contrast, 0);
  }

 private:
  RETINUE_HD static void scale(std::array<std::uint8_t, 3>& bgr, float times, float plus)
  {
    for (std::uint8_t& channel : bgr) channel = detail::scaled_value(channel, times, plus);
  }
};

/// One picture, and where each pixel of its planes lies in it.
struct picture_plan {
  const std::uint8_t* pixels = nullptr;  ///< BGR, row after row
  std::ptrdiff_t row_bytes = 0;          ///< from a row to the next
  extent2 size;
  std::array<float, 6> to_picture{1, 0, 0, 0, 1, 0};
  std::array<float, 3> fill{104, 117, 123};  ///< of what lies outside, in BGR
  /// Up to which pixel of the planes there is a picture, whose edges are repeated; all that comes
  /// after is filled. 0: there is where the picture is, and at its edges it fades into the fill.
  extent2 shown;
  colour_plan colours;  ///< of the picture's pixels

  /// Scaled as a frame says and padded by the fill colour.
  [[nodiscard]] static picture_plan of(const frame& how, const std::uint8_t* pixels,
                                       std::ptrdiff_t row_bytes)
  {
    const auto x = static_cast<float>(1 / how.scale_x), y = static_cast<float>(1 / how.scale_y);
    picture_plan plan;
    plan.pixels = pixels, plan.row_bytes = row_bytes, plan.size = how.original;
    plan.to_picture = {x, 0, x / 2 - 0.5f, 0, y, y / 2 - 0.5f};
    plan.shown = {static_cast<int>(std::lround(how.original.height * how.scale_y)),
                  static_cast<int>(std::lround(how.original.width * how.scale_x))};
    return plan;
  }
};

/// A block for some pixels. Out is float, or a half that a float turns into.
template <class Out = float>
struct write_planes {
  static constexpr std::size_t threads = 512, pixels_of_block = 1024;
  struct shared {};

  const picture_plan* plans = nullptr;  ///< (images)
  Out* planes = nullptr;                ///< (images, 3, height, width)
  std::uint32_t images = 0, height = 0, width = 0;
  std::array<float, 3> mean{104, 117, 123};  ///< of each plane
  std::array<float, 3> factor{1, 1, 1};      ///< 1 / scale
  bool rgb = false;                          ///< the order of the planes

  [[nodiscard]] std::size_t blocks() const { return images * blocks_of_image(); }

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const std::size_t image = team.block() / blocks_of_image(), area = std::size_t{height} * width;
    const std::size_t first = team.block() % blocks_of_image() * pixels_of_block;
    const std::size_t left = area - first;
    const picture_plan& plan = plans[image];
    Out* const to = planes + image * 3 * area;
    team.each(left < pixels_of_block ? left : pixels_of_block, [&](std::size_t i) {
      const auto at = static_cast<std::uint32_t>(first + i);
      const std::uint32_t y = at / width, x = at % width;
      const auto px = static_cast<float>(x), py = static_cast<float>(y);
      const std::array<float, 6>& m = plan.to_picture;
      const float sx = m[0] * px + m[1] * py + m[2], sy = m[3] * px + m[4] * py + m[5];
      const float left_x = std::floor(sx), top_y = std::floor(sy);
      const float part_x = sx - left_x, part_y = sy - top_y;
      const bool repeats =
          static_cast<int>(x) < plan.shown.width && static_cast<int>(y) < plan.shown.height;
      const auto ix = whole(left_x), iy = whole(top_y);
      const auto row = [&](int at_y) {
        return mixed(pixel(plan, ix, at_y, repeats), pixel(plan, ix + 1, at_y, repeats), part_x);
      };
      colour value = mixed(row(iy), row(iy + 1), part_y);
      if (rgb) value = {value[2], value[1], value[0]};  // an index that varies would take a stack
      for (std::size_t c = 0; c < 3; ++c)
        to[c * area + at] = static_cast<Out>((value[c] - mean[c]) * factor[c]);
    });
  }

 private:
  [[nodiscard]] RETINUE_HD std::size_t blocks_of_image() const
  {
    return (std::size_t{height} * width + pixels_of_block - 1) / pixels_of_block;
  }
  using colour = std::array<float, 3>;  ///< BGR

  [[nodiscard]] RETINUE_HD static colour mixed(colour a, const colour& b, float part)
  {
    for (std::size_t c = 0; c < 3; ++c) a[c] = a[c] + (b[c] - a[c]) * part;
    return a;
  }
  /// Within what an int holds, and NaN somewhere outside.
  [[nodiscard]] RETINUE_HD static int whole(float of)
  {
    return of > -1e6f && of < 1e6f ? static_cast<int>(of) : -1000000;
  }
  [[nodiscard]] RETINUE_HD static int within(int i, int count)
  {
    return i < 0 ? 0 : i < count ? i : count - 1;
  }
  [[nodiscard]] RETINUE_HD static colour pixel(const picture_plan& plan, int x, int y, bool repeats)
  {
    const bool inside =
        plan.shown.width == 0 && x >= 0 && y >= 0 && x < plan.size.width && y < plan.size.height;
    if (!inside && !repeats) return plan.fill;
    const std::uint8_t* const at =
        plan.pixels + static_cast<std::ptrdiff_t>(within(y, plan.size.height)) * plan.row_bytes +
        std::ptrdiff_t{3} * within(x, plan.size.width);
    std::array<std::uint8_t, 3> bgr{at[0], at[1], at[2]};
    if (plan.colours.changes) plan.colours(bgr);
    return {static_cast<float>(bgr[0]), static_cast<float>(bgr[1]), static_cast<float>(bgr[2])};
  }
};

}  // namespace retinue
