// SPDX-License-Identifier: Apache-2.0
// From 8-bit pictures to a batch of planes in one pass, as a program over a team.
//
//   out(c, y, x) = (value - mean_c) / scale_c       value: bilinear at  (m0 x + m1 y + m2,
//                                                                        m3 x + m4 y + m5)
//
// Places are those of pixels' middles, from 0. The six numbers lead from the planes to the picture,
// so that scaling, padding, mirrors and turns are one plan. A picture that shrinks to less than
// half is sampled, not averaged: shrink it before.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD
#include <retinue/frame.hpp>     // frame
#include <retinue/geometry.hpp>  // extent2

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace retinue {

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
      for (int c = 0; c < 3; ++c) {
        const int channel = rgb ? 2 - c : c;
        const float top = mixed(value(plan, ix, iy, channel, repeats),
                                value(plan, ix + 1, iy, channel, repeats), part_x);
        const float bottom = mixed(value(plan, ix, iy + 1, channel, repeats),
                                   value(plan, ix + 1, iy + 1, channel, repeats), part_x);
        const auto k = static_cast<std::size_t>(c);
        to[k * area + at] = static_cast<Out>((mixed(top, bottom, part_y) - mean[k]) * factor[k]);
      }
    });
  }

 private:
  [[nodiscard]] RETINUE_HD std::size_t blocks_of_image() const
  {
    return (std::size_t{height} * width + pixels_of_block - 1) / pixels_of_block;
  }
  [[nodiscard]] RETINUE_HD static float mixed(float a, float b, float part)
  {
    return a + (b - a) * part;
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
  [[nodiscard]] RETINUE_HD static float value(const picture_plan& plan, int x, int y, int channel,
                                              bool repeats)
  {
    const bool inside =
        plan.shown.width == 0 && x >= 0 && y >= 0 && x < plan.size.width && y < plan.size.height;
    if (!inside && !repeats) return plan.fill[static_cast<std::size_t>(channel)];
    const std::uint8_t* const row =
        plan.pixels + static_cast<std::ptrdiff_t>(within(y, plan.size.height)) * plan.row_bytes;
    return row[3 * within(x, plan.size.width) + channel];
  }
};

}  // namespace retinue
