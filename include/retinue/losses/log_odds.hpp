// SPDX-License-Identifier: Apache-2.0
// How wrong it would be to call each anchor background: the order in which negatives are mined.
//
//   log_odds(x) = ln sum_{c >= 1} exp(x_c) - x_0,   x_1 - x_0 for two classes
//
// The cross-entropy of background is softplus of it, a rising function; but this does not round to
// 0 where the network is sure, and for two classes it needs no exp at all.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace retinue {

namespace detail {
/// exp(x) for x <= 0, to 2e-7 of itself, and 0 below -87; in plain arithmetic, so that the compiler
/// does many at once. x = n ln 2 + r, and exp(r) by its series.
inline float exp_below_0(float x)
{
  const float bounded = x > -87.0f ? x : -87.0f;
  const float n = static_cast<float>(static_cast<std::int32_t>(bounded * 1.44269504f - 0.5f));
  const float r = (bounded - n * 0.693145752f) - n * 1.42860677e-6f;  // ln 2 in two parts
  float series = 1.0f / 5040;
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    series = series * r + c;
  const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  return x > -87.0f ? series * std::bit_cast<float>(exponent) : 0.0f;
}

/// ln(x) for a normal x >= 1. x = 2^e m with m near 1, and ln(m) = 2 atanh((m - 1) / (m + 1)).
inline float log_from_1(float x)
{
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto e = static_cast<std::int32_t>(bits - 0x3f3504f3u) >> 23;  // m from sqrt(1/2)
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(e) << 23));
  const float z = (m - 1) / (m + 1), square = z * z;
  float series = 1.0f / 9;
  for (const float c : {1.0f / 7, 1.0f / 5, 1.0f / 3, 1.0f}) series = series * square + c;
  return static_cast<float>(e) * 0.693147181f + 2 * z * series;
}
}  // namespace detail

/// logits: (rows, classes), classes >= 2; out: (rows). A NaN among a row's logits gives NaN.
inline void log_odds(const float* logits, std::size_t rows, std::size_t classes, float* out)
{
  if (classes == 2) {
    for (std::size_t i = 0; i < rows; ++i) out[i] = logits[2 * i + 1] - logits[2 * i];
    return;
  }
  constexpr std::size_t lanes = 16;
  using packet = std::array<float, lanes>;
  for (std::size_t first = 0; first < rows; first += lanes) {
    // The last packet overlaps the one before it; fewer rows than a packet are repeated.
    const std::size_t at = first + lanes <= rows ? first : rows < lanes ? 0 : rows - lanes;
    const auto read = [&](std::size_t c) {
      packet x;
      for (std::size_t k = 0; k < lanes; ++k)
        x[k] = logits[(at + (rows < lanes ? k % rows : k)) * classes + c];
      return x;
    };
    packet most = read(1), sum{}, unknown{};
    for (std::size_t c = 2; c < classes; ++c) {
      const packet x = read(c);
      for (std::size_t k = 0; k < lanes; ++k) most[k] = most[k] < x[k] ? x[k] : most[k];
    }
    for (std::size_t c = 1; c < classes; ++c) {
      const packet x = read(c);
      for (std::size_t k = 0; k < lanes; ++k) {
        unknown[k] += x[k] == x[k] ? 0.0f : x[k];
        sum[k] += detail::exp_below_0(x[k] - most[k]);
      }
    }
    const packet background = read(0);
    packet odds;
    for (std::size_t k = 0; k < lanes; ++k)
      odds[k] = most[k] + detail::log_from_1(sum[k]) - background[k] + unknown[k];
    for (std::size_t k = 0; k < lanes && at + k < rows; ++k) out[at + k] = odds[k];
  }
}

}  // namespace retinue
