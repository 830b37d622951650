// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "team_twins.hpp"

#include <retinue/augment/colours.hpp>
#include <retinue/augment/recolour.hpp>
#include <retinue/backend/host_blocks.hpp>
#include <retinue/error.hpp>
#include <retinue/image/planes_program.hpp>
#include <retinue/image/resample_program.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <vector>

using namespace retinue;

namespace {

struct picture {
  extent2 size;
  std::ptrdiff_t row_bytes;
  std::vector<std::uint8_t> bytes;

  picture(extent2 of, std::ptrdiff_t spare, unsigned seed)
      : size(of), row_bytes(3 * of.width + spare)
  {
    std::mt19937 random(seed);
    bytes.resize(static_cast<std::size_t>(row_bytes * of.height));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
  }
  [[nodiscard]] double at(int x, int y, int c) const
  {
    return bytes[static_cast<std::size_t>(y * row_bytes + 3 * x + c)];
  }
  /// Bilinear in double, edges repeated.
  [[nodiscard]] double at(double x, double y, int c) const
  {
    const int ix = static_cast<int>(std::floor(x)), iy = static_cast<int>(std::floor(y));
    double sum = 0;
    for (const int dy : {0, 1})
      for (const int dx : {0, 1})
        sum +=
            (dx ? x - ix : 1 - x + ix) * (dy ? y - iy : 1 - y + iy) *
            at(std::clamp(ix + dx, 0, size.width - 1), std::clamp(iy + dy, 0, size.height - 1), c);
    return sum;
  }
};

std::vector<float> planes_of(const std::vector<picture_plan>& plans, extent2 input, bool rgb,
                             item_order order = item_order::rising)
{
  const auto area = static_cast<std::size_t>(input.height * input.width);
  std::vector<float> planes(plans.size() * 3 * area, -1000.0f);
  write_planes<> program;
  program.plans = plans.data(), program.planes = planes.data();
  program.images = static_cast<std::uint32_t>(plans.size());
  program.height = static_cast<std::uint32_t>(input.height);
  program.width = static_cast<std::uint32_t>(input.width);
  program.rgb = rgb;
  program.factor = {1.0f, 0.5f, 0.25f};
  host_blocks(order).run(program.blocks(), program);
  return planes;
}

}  // namespace

TEST_CASE("pictures become planes: as they are, scaled and padded, in any order of items")
{
  const std::vector<picture> pictures{{{37, 51}, 0, 1}, {{90, 64}, 5, 2}, {{1, 1}, 0, 3}};
  const std::vector<frame> frames{{{48, 64}, {37, 51}, 64. / 51, 47. / 37},
                                  {{48, 64}, {90, 64}, 34. / 64, 48. / 90},
                                  {{48, 64}, {1, 1}, 30, 30}};
  const std::array<double, 3> mean{104, 117, 123}, factor{1, 0.5, 0.25};
  std::vector<picture_plan> plans;
  for (std::size_t i = 0; i < pictures.size(); ++i)
    plans.push_back(picture_plan::of(frames[i], pictures[i].bytes.data(), pictures[i].row_bytes));
  for (const bool rgb : {false, true}) {
    const auto planes = planes_of(plans, {48, 64}, rgb);
    for (const item_order order : test::five_orders())
      REQUIRE(planes_of(plans, {48, 64}, rgb, order) == planes);
    double worst = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i)
      for (std::size_t c = 0; c < 3; ++c)
        for (int y = 0; y < 48; ++y)
          for (int x = 0; x < 64; ++x) {
            const frame& f = frames[i];
            const int channel = static_cast<int>(rgb ? 2 - c : c);
            const bool shown = x < std::lround(f.original.width * f.scale_x) &&
                               y < std::lround(f.original.height * f.scale_y);
            const double value =
                shown ? pictures[i].at((x + 0.5) / f.scale_x - 0.5, (y + 0.5) / f.scale_y - 0.5,
                                       channel)
                      : std::array{104., 117., 123.}[static_cast<std::size_t>(channel)];
            const double got = planes[((i * 3 + c) * 48 + static_cast<std::size_t>(y)) * 64 +
                                      static_cast<std::size_t>(x)];
            worst = std::max(worst, std::abs(got - (value - mean[c]) * factor[c]));
          }
    CHECK(worst < 0.01);
  }
}

TEST_CASE("a picture of the planes' size is copied to the bit, and a mirror mirrors it")
{
  const picture one({20, 30}, 2, 4);
  auto plan = picture_plan::of(frame::unscaled(one.size), one.bytes.data(), one.row_bytes);
  const auto same = planes_of({plan}, one.size, false);
  plan.to_picture = {-1, 0, 29, 0, 1, 0};
  const auto mirrored = planes_of({plan}, one.size, false);
  plan.to_picture = {1, 0, 1000, 0, 1, 0}, plan.shown = {};
  const auto outside = planes_of({plan}, one.size, false);
  const std::array<float, 3> mean{104, 117, 123}, factor{1, 0.5, 0.25};
  std::size_t wrong = 0;
  for (std::size_t c = 0; c < 3; ++c)
    for (int y = 0; y < 20; ++y)
      for (int x = 0; x < 30; ++x) {
        const auto at = (c * 20 + static_cast<std::size_t>(y)) * 30;
        const float want =
            (static_cast<float>(one.at(x, y, static_cast<int>(c))) - mean[c]) * factor[c];
        wrong += same[at + static_cast<std::size_t>(x)] != want;
        wrong += mirrored[at + static_cast<std::size_t>(29 - x)] != want;
        wrong += outside[at + static_cast<std::size_t>(x)] != 0;
      }
  CHECK(wrong == 0);
}

namespace {

/// The bytes of a picture whose colours the host changes, without OpenCV.
picture recoloured(picture of, const colour_change& c)
{
  for (int y = 0; y < of.size.height; ++y) {
    std::uint8_t* const row = of.bytes.data() + y * of.row_bytes;
    const int width = of.size.width;
    const auto scale = [&](double times, double plus) {
      detail::scale_values(row, row, 3 * width, times, plus);
    };
    scale(1, c.brightness);
    if (c.contrast_first) scale(c.contrast, 0);
    std::array<detail::colour_plane, 3> bgr;
    for (int x = 0; x < width; ++x)
      for (std::size_t k = 0; k < 3; ++k)
        bgr[k][static_cast<std::size_t>(x)] = row[3 * x + static_cast<int>(k)];
    detail::turn_colours(bgr, width, c.saturation, c.hue);
    for (int x = 0; x < width; ++x)
      for (std::size_t k = 0; k < 3; ++k)
        row[3 * x + static_cast<int>(k)] = bgr[k][static_cast<std::size_t>(x)];
    if (!c.contrast_first) scale(c.contrast, 0);
  }
  return of;
}

}  // namespace

TEST_CASE("a program changes colours to the bytes of the host, in any order of items")
{
  // One of each alone, in both orders; then what an augmentation draws; then what is cut.
  std::vector<colour_change> changes{
      {.brightness = -20.5}, {.contrast = 1.4}, {.saturation = 0.6}, {.hue = -13}};
  for (const bool first : {true, false}) changes.push_back({first, 30, 0.7, 1.5, 18});
  keyed_random random(5, 1, 2);
  for (int i = 0; i < 20; ++i)
    changes.push_back(
        random_colours{}.draw(random, {8, 8}, std::span<const instance<schemas::none>>()));
  changes.push_back({true, 255, 1000, 1000, 180});
  changes.push_back({false, -255, 0, 0, -180});
  std::vector<picture> pictures, coloured;
  std::vector<picture_plan> plans, want;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    pictures.emplace_back(extent2{21, 34}, 1, static_cast<unsigned>(i));
    if (i % 2)  // greys, and channels that are equal
      for (auto& b : pictures.back().bytes) b = static_cast<std::uint8_t>(b / 85 * 85);
    coloured.push_back(recoloured(pictures.back(), changes[i]));
  }
  std::size_t changed = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto plan = picture_plan::of({{24, 32}, {21, 34}, 32. / 34, 19.76 / 21},
                                 pictures[i].bytes.data(), pictures[i].row_bytes);
    if (i % 3 == 1) plan.to_picture = {-0.8f, 0.1f, 30, 0.2f, 0.9f, -3}, plan.shown = {};
    want.push_back(plan);
    want.back().pixels = coloured[i].bytes.data();
    plan.colours = colour_plan(changes[i]);
    plans.push_back(plan);
    changed += pictures[i].bytes != coloured[i].bytes;
  }
  CHECK(changed > 15);
  const auto bytes = planes_of(want, {24, 32}, true);
  for (const item_order order : test::five_orders())
    CHECK(planes_of(plans, {24, 32}, true, order) == bytes);
  CHECK_THROWS_AS(colour_plan(colour_change{.arithmetic = colour_arithmetic::reference}), error);
}

TEST_CASE("pictures scaled in two passes over a team have the bytes of the host's resampler")
{
  using detail::resample_taps;
  const std::vector<picture> pictures{{{37, 51}, 3, 1}, {{90, 64}, 0, 2}, {{1, 1}, 0, 3}};
  const std::vector<extent2> sizes{{20, 33}, {64, 64}, {5, 7}};
  for (const resize_kernel kernel : {resize_kernel::lanczos4, resize_kernel::cubic,
                                     resize_kernel::linear, resize_kernel::area}) {
    std::vector<resample_taps> across, down;
    std::vector<std::vector<std::int16_t>> rows;
    std::vector<std::vector<std::uint8_t>> want, found;
    std::vector<resample_plan> plans;
    std::uint32_t most_rows = 0, most = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const picture& from = pictures[i];
      extent2 to = sizes[i];
      if (kernel == resize_kernel::area)  // which only shrinks
        to = {std::min(to.height, from.size.height), std::min(to.width, from.size.width)};
      const auto side = [](int n) { return static_cast<std::size_t>(n); };
      across.push_back(detail::taps_of(kernel, from.size.width, to.width));
      down.push_back(detail::taps_of(kernel, from.size.height, to.height));
      rows.emplace_back(side(from.size.height) * side(to.width) * 3);
      const std::size_t bytes = side(to.height) * side(3 * to.width + 2);
      want.emplace_back(bytes, std::uint8_t{9});
      found.emplace_back(bytes, std::uint8_t{9});
      detail::resample(kernel, from.bytes.data(), from.size,
                       static_cast<std::size_t>(from.row_bytes), want[i].data(), to,
                       side(3 * to.width + 2));
      most_rows = std::max(most_rows, static_cast<std::uint32_t>(from.size.height * to.width));
      most = std::max(most, static_cast<std::uint32_t>(to.height * to.width));
      plans.push_back({.from = from.bytes.data(),
                       .from_bytes = from.row_bytes,
                       .from_size = from.size,
                       .to_bytes = 3 * to.width + 2,
                       .to_size = to});
    }
    for (const item_order order : test::five_orders()) {
      for (std::size_t i = 0; i < plans.size(); ++i) {
        std::ranges::fill(found[i], std::uint8_t{9});
        plans[i].to = found[i].data(), plans[i].rows = rows[i].data();
        plans[i].across = {across[i].first.data(), across[i].weights.data(), across[i].count};
        plans[i].down = {down[i].first.data(), down[i].weights.data(), down[i].count};
      }
      host_blocks blocks(order);
      const auto images = static_cast<std::uint32_t>(plans.size());
      const resample_across first{plans.data(), images, most_rows};
      blocks.run(first.blocks(), first);
      const resample_down second{plans.data(), images, most};
      blocks.run(second.blocks(), second);
      CAPTURE(int(kernel), int(order));
      REQUIRE(found == want);
    }
  }
}
