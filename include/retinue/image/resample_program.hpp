// SPDX-License-Identifier: Apache-2.0
// Pictures scaled by wide kernels in two passes, as programs over a team: the bytes that
// augment/resample.hpp gives, on whatever machine.
//
//   resample_across   a block for some pixels   rows to their new width, as whole numbers
//   resample_down     a block for some pixels   those to the new height, as bytes
//
// What a new pixel takes of which neighbours is worked out on the host, once for a size.
#pragma once

#include <retinue/augment/resample.hpp>  // byte_value, row_value
#include <retinue/compiler.hpp>          // RETINUE_HD
#include <retinue/geometry.hpp>          // extent2

#include <cstddef>
#include <cstdint>

namespace retinue {

/// The neighbours of each new pixel along one side, where the programs run.
struct taps_view {
  const int* first = nullptr;             ///< (new pixels): the first, which may lie outside
  const std::int16_t* weights = nullptr;  ///< (new pixels, count), in 1 / 2^14
  int count = 0;
};

/// One picture to be scaled. What lies outside repeats its edges.
struct resample_plan {
  const std::uint8_t* from = nullptr;  ///< BGR, row after row
  std::ptrdiff_t from_bytes = 0;       ///< from a row to the next
  extent2 from_size;
  std::uint8_t* to = nullptr;
  std::ptrdiff_t to_bytes = 0;
  extent2 to_size;
  taps_view across{}, down{};
  std::int16_t* rows = nullptr;  ///< (height from, width to, 3): notes of the first pass
};

namespace detail {
[[nodiscard]] RETINUE_HD inline int within_side(int i, int count)
{
  return i < 0 ? 0 : i < count ? i : count - 1;
}
/// What both passes are given, and which pixels are a block's.
struct resample_pass {
  static constexpr std::size_t threads = 256, pixels_of_block = 1024;
  struct shared {};

  const resample_plan* plans = nullptr;  ///< (images)
  std::uint32_t images = 0;
  std::uint32_t most = 0;  ///< pixels that the pass makes of any image, at most

  [[nodiscard]] std::size_t blocks() const { return images * blocks_of_image(); }
  [[nodiscard]] RETINUE_HD std::size_t blocks_of_image() const
  {
    return (most + pixels_of_block - 1) / pixels_of_block;
  }

  template <class Team>
  [[nodiscard]] RETINUE_HD const resample_plan& plan_of(const Team& team) const
  {
    return plans[team.block() / blocks_of_image()];
  }
  /// Calls work(y, x) for the block's share of so many pixels.
  template <class Team, class Work>
  RETINUE_HD void each_pixel(Team& team, int height, int width, const Work& work) const
  {
    const auto columns = static_cast<std::size_t>(width);
    const std::size_t all = columns * static_cast<std::size_t>(height);
    const std::size_t first = team.block() % blocks_of_image() * pixels_of_block;
    const std::size_t left = first < all ? all - first : 0;
    team.each(left < pixels_of_block ? left : pixels_of_block,
              [&](std::size_t i) { work((first + i) / columns, (first + i) % columns); });
  }
};

}  // namespace detail

/// Each block has some pixels of one picture.
struct resample_across : detail::resample_pass {
  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const resample_plan& plan = plan_of(team);
    const auto width = static_cast<std::size_t>(plan.to_size.width);
    each_pixel(team, plan.from_size.height, plan.to_size.width, [&](std::size_t y, std::size_t x) {
      const std::uint8_t* const row = plan.from + static_cast<std::ptrdiff_t>(y) * plan.from_bytes;
      const taps_view& taps = plan.across;
      const std::int16_t* const weights = taps.weights + x * static_cast<std::size_t>(taps.count);
      std::int32_t sum[3] = {0, 0, 0};
      for (int k = 0; k < taps.count; ++k) {
        const int at = 3 * detail::within_side(taps.first[x] + k, plan.from_size.width);
        for (int c = 0; c < 3; ++c) sum[c] += weights[k] * row[at + c];
      }
      for (std::size_t c = 0; c < 3; ++c)
        plan.rows[3 * (y * width + x) + c] = detail::row_value(sum[c]);
    });
  }
};

/// The same of the new picture.
struct resample_down : detail::resample_pass {
  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const resample_plan& plan = plan_of(team);
    const auto width = static_cast<std::size_t>(plan.to_size.width);
    each_pixel(team, plan.to_size.height, plan.to_size.width, [&](std::size_t y, std::size_t x) {
      const taps_view& taps = plan.down;
      const std::int16_t* const weights = taps.weights + y * static_cast<std::size_t>(taps.count);
      std::int32_t sum[3] = {0, 0, 0};
      for (int k = 0; k < taps.count; ++k) {
        const auto row =
            static_cast<std::size_t>(detail::within_side(taps.first[y] + k, plan.from_size.height));
        for (std::size_t c = 0; c < 3; ++c)
          sum[c] += weights[k] * plan.rows[3 * (row * width + x) + c];
      }
      std::uint8_t* const out = plan.to + static_cast<std::ptrdiff_t>(y) * plan.to_bytes + 3 * x;
      for (std::size_t c = 0; c < 3; ++c) out[c] = detail::byte_value(sum[c]);
    });
  }
};

}  // namespace retinue
