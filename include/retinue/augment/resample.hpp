// SPDX-License-Identifier: Apache-2.0
// Resampling of 8-bit BGR rows, where OpenCV's is slow: Lanczos, cubic, and area, which are
// separable, and the nearest pixel.
//
// A value is the sum over some neighbours, weighted by their distance d from (i + 1/2) scale - 1/2:
//
//   lanczos4   sinc(d) sinc(d / 4), 8 neighbours, made to add up to 1
//   cubic      Keys 1981 with a = -0.75, 4 neighbours
//   area       the share of the pixel that lies under the new one; only to shrink
//
// Rows go through once: each is turned into floats and resampled to its side, and a few such rows
// at a time are summed. The results are OpenCV's, but for the rounding of its weights (by 1 at
// most).
#pragma once

#include <retinue/augment/resize.hpp>  // resize_kernel

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <vector>

namespace retinue::detail {

/// For each of the new pixels: the first of its neighbours, which may lie outside, and the weights.
struct resample_taps {
  int count = 0;
  std::vector<int> first;
  std::vector<float> weights;  ///< (new pixels, count)
};

[[nodiscard]] inline resample_taps taps_of(resize_kernel kernel, int from, int to)
{
  const double scale = double(from) / to;
  resample_taps taps;
  taps.count = kernel == resize_kernel::lanczos4 ? 8
               : kernel == resize_kernel::cubic  ? 4
                                                 : static_cast<int>(std::ceil(scale)) + 1;
  taps.first.resize(static_cast<std::size_t>(to));
  taps.weights.resize(static_cast<std::size_t>(to * taps.count));
  for (int i = 0; i < to; ++i) {
    float* const w = taps.weights.data() + i * taps.count;
    int& first = taps.first[static_cast<std::size_t>(i)];
    const double at = (i + 0.5) * scale - 0.5, floor = std::floor(at), x = at - floor;
    if (kernel == resize_kernel::lanczos4) {
      first = static_cast<int>(floor) - 3;
      double sum = 0;
      std::array<double, 8> share{};
      for (int k = 0; k < 8; ++k) {  // sin(pi d) differs in its sign alone
        const double d = x + 3 - k;
        auto& s = share[static_cast<std::size_t>(k)];
        s = (k % 2 ? 1 : -1) * std::sin(d * std::numbers::pi / 4) / (d * d);
        sum += s;
      }
      for (int k = 0; k < 8; ++k)
        w[k] = static_cast<float>(share[static_cast<std::size_t>(k)] / sum);
      // On a neighbour, or so near that what the machine makes of x decides on which side.
      if (x < 1e-6 || x > 1 - 1e-6)
        for (int k = 0; k < 8; ++k) w[k] = float(k == (x < 0.5 ? 3 : 4));
    } else if (kernel == resize_kernel::cubic) {
      first = static_cast<int>(floor) - 1;
      constexpr double a = -0.75;
      const auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      const double d = x + 1;
      w[0] = static_cast<float>(((a * d - 5 * a) * d + 8 * a) * d - 4 * a);
      w[1] = static_cast<float>(near(x));
      w[2] = static_cast<float>(near(1 - x));
      w[3] = 1 - w[0] - w[1] - w[2];
    } else {
      const double begin = i * scale, end = begin + scale;
      first = static_cast<int>(begin);
      for (int k = 0; k < taps.count; ++k)
        w[k] = static_cast<float>(
            std::max(0., std::min(end, first + k + 1.) - std::max(begin, double(first + k))) /
            scale);
    }
  }
  return taps;
}

/// One row of `width` pixels as floats, its ends repeated, then resampled. Count is taps.count, so
/// that the sum stays in a register; or 0, where it is not known.
template <int Count>
void resample_row(const std::uint8_t* from, int width, const resample_taps& taps,
                  std::vector<float>& wide, float* to)
{
  const int margin = taps.count, count = Count > 0 ? Count : taps.count;
  wide.resize(static_cast<std::size_t>(3 * (width + 2 * margin) + 1));
  float* const begin = wide.data() + 3 * margin;
  for (int i = 0; i < 3 * width; ++i) begin[i] = from[i];
  for (int i = 0; i < 3 * margin; ++i) {
    begin[i - 3 * margin] = from[i % 3];
    begin[3 * width + i] = from[3 * (width - 1) + i % 3];
  }
  const float* w = taps.weights.data();
  for (std::size_t i = 0; i < taps.first.size(); ++i, w += count) {
    const float* p = begin + 3 * taps.first[i];
    std::array<float, 4> sum{};  // four, for the machine's sake: the last is not of this pixel
    for (int k = 0; k < count; ++k, p += 3)
      for (std::size_t c = 0; c < 4; ++c) sum[c] += w[k] * p[c];
    std::copy_n(sum.data(), 3, to + 3 * i);
  }
}

/// Rows of `from` are from_step bytes apart, those of `to` to_step.
inline void resample(resize_kernel kernel, const std::uint8_t* from, extent2 from_size,
                     std::size_t from_step, std::uint8_t* to, extent2 to_size, std::size_t to_step)
{
  const auto across = taps_of(kernel, from_size.width, to_size.width);
  const auto down = taps_of(kernel, from_size.height, to_size.height);
  const auto length = static_cast<std::size_t>(3 * to_size.width);
  const auto kept = static_cast<std::size_t>(down.count);
  const auto one_row = kernel == resize_kernel::lanczos4 ? resample_row<8>
                       : kernel == resize_kernel::cubic  ? resample_row<4>
                                                         : resample_row<0>;
  std::vector<float> rows(kept * length), wide, sum(length);
  std::vector<int> held(kept, -1);  // row y is kept at y modulo the number of taps
  for (int y = 0; y < to_size.height; ++y) {
    const auto at = static_cast<std::size_t>(y);
    std::ranges::fill(sum, 0.5f);
    for (std::size_t k = 0; k < kept; ++k) {
      const int source = std::clamp(down.first[at] + static_cast<int>(k), 0, from_size.height - 1);
      const auto slot = static_cast<std::size_t>(source) % kept;
      float* const row = rows.data() + slot * length;
      if (held[slot] != source) {
        one_row(from + static_cast<std::size_t>(source) * from_step, from_size.width, across, wide,
                row);
        held[slot] = source;
      }
      const float w = down.weights[at * kept + k];
      float* const s = sum.data();
      for (std::size_t i = 0; i < length; ++i) s[i] += w * row[i];
    }
    std::uint8_t* const out = to + at * to_step;
    for (std::size_t i = 0; i < length; ++i)
      out[i] = static_cast<std::uint8_t>(static_cast<int>(std::clamp(sum[i], 0.f, 255.f)));
  }
}

/// Each new pixel is the old one in which its first corner lies, as OpenCV finds it.
inline void resample_nearest(const std::uint8_t* from, extent2 from_size, std::size_t from_step,
                             std::uint8_t* to, extent2 to_size, std::size_t to_step)
{
  const auto under = [](int i, int of, int made) {
    const double scale = 1 / (double(made) / of);
    return std::min(static_cast<int>(i * scale), of - 1);
  };
  std::vector<int> at;
  for (int x = 0; x < to_size.width; ++x)
    at.push_back(3 * under(x, from_size.width, to_size.width));
  // Four bytes move as quickly as one, and the next pixel overwrites the last of them: so none but
  // the last of a row, new or old, is moved as three.
  std::size_t by_fours = 0;
  while (by_fours + 1 < at.size() && at[by_fours] < 3 * (from_size.width - 1)) ++by_fours;
  int before = -1;
  for (int y = 0; y < to_size.height; ++y) {
    std::uint8_t* const row = to + static_cast<std::size_t>(y) * to_step;
    const int source = under(y, from_size.height, to_size.height);
    if (source == before) {
      std::memcpy(row, row - to_step, 3 * at.size());
      continue;
    }
    before = source;
    const std::uint8_t* const old = from + static_cast<std::size_t>(source) * from_step;
    for (std::size_t x = 0; x < by_fours; ++x) std::memcpy(row + 3 * x, old + at[x], 4);
    for (std::size_t x = by_fours; x < at.size(); ++x) std::memcpy(row + 3 * x, old + at[x], 3);
  }
}

}  // namespace retinue::detail
