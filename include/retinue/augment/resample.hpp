// SPDX-License-Identifier: Apache-2.0
// Resampling of 8-bit BGR rows by kernels that are separable, and by the nearest pixel.
//
// A value is the sum over some neighbours, weighted by their distance d from (i + 1/2) scale - 1/2:
//
//   linear     1 - |d|, 2 neighbours
//   cubic      Keys 1981 with a = -0.75, 4 neighbours
//   lanczos4   sinc(d) sinc(d / 4), 8 neighbours, made to add up to 1
//   area       the share of the pixel that lies under the new one; only to shrink
//
// All sums are of whole numbers, so that the bytes are the same on every machine: weights count
// 1 / 2^14, rows that have their new width 1 / 2^6. The results are OpenCV's, but for its rounding
// (by 1 at most).
//
// Rows go through once: each is resampled to its side, and a few such rows at a time are summed.
#pragma once

#include <retinue/augment/resize.hpp>  // resize_kernel
#include <retinue/compiler.hpp>        // RETINUE_HD

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace retinue::detail {

constexpr int weight_bits = 14, row_bits = 6;

/// For each of the new pixels: the first of its neighbours, which may lie outside, and the weights,
/// which add up to 2^weight_bits.
struct resample_taps {
  int count = 0;  ///< even: the last may weigh nothing
  std::vector<int> first;
  std::vector<std::int16_t> weights;  ///< (new pixels, count)
};

/// Shares that add up to 1 as whole numbers that add up to 2^weight_bits: what each rounds away,
/// the next is given.
inline void to_whole(const double* shares, int count, std::int16_t* weights)
{
  double sum = 0, given = 0;
  for (int k = 0; k < count; ++k) {
    sum += shares[k] * (1 << weight_bits);
    const double here = std::floor(sum - given + 0.5);
    weights[k] = static_cast<std::int16_t>(here);
    given += here;
  }
}

[[nodiscard]] inline resample_taps taps_of(resize_kernel kernel, int from, int to)
{
  const double scale = double(from) / to;
  const int neighbours = kernel == resize_kernel::lanczos4 ? 8
                         : kernel == resize_kernel::cubic  ? 4
                         : kernel == resize_kernel::linear ? 2
                                                           : static_cast<int>(std::ceil(scale)) + 1;
  resample_taps taps;
  taps.count = neighbours + neighbours % 2;
  taps.first.resize(static_cast<std::size_t>(to));
  taps.weights.resize(static_cast<std::size_t>(to * taps.count));
  std::vector<double> share(static_cast<std::size_t>(taps.count));
  double* const w = share.data();
  for (int i = 0; i < to; ++i) {
    int& first = taps.first[static_cast<std::size_t>(i)];
    const double at = (i + 0.5) * scale - 0.5, floor = std::floor(at), x = at - floor;
    if (kernel == resize_kernel::lanczos4) {
      first = static_cast<int>(floor) - 3;
      double sum = 0;
      for (int k = 0; k < 8; ++k) {  // sin(pi d) differs in its sign alone
        const double d = x + 3 - k;
        w[k] = (k % 2 ? 1 : -1) * std::sin(d * std::numbers::pi / 4) / (d * d);
        sum += w[k];
      }
      for (int k = 0; k < 8; ++k) w[k] /= sum;
      // On a neighbour, or so near that what the machine makes of x decides on which side.
      if (x < 1e-6 || x > 1 - 1e-6)
        for (int k = 0; k < 8; ++k) w[k] = double(k == (x < 0.5 ? 3 : 4));
    } else if (kernel == resize_kernel::cubic) {
      first = static_cast<int>(floor) - 1;
      constexpr double a = -0.75;
      const auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      const double d = x + 1;
      w[0] = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
      w[1] = near(x);
      w[2] = near(1 - x);
      w[3] = 1 - w[0] - w[1] - w[2];
    } else if (kernel == resize_kernel::linear) {
      first = static_cast<int>(floor);
      w[0] = 1 - x;
      w[1] = x;
    } else {
      const double begin = i * scale, end = begin + scale;
      first = static_cast<int>(begin);
      for (int k = 0; k < neighbours; ++k)
        w[k] = std::max(0., std::min(end, first + k + 1.) - std::max(begin, double(first + k))) /
               scale;
    }
    to_whole(w, taps.count, taps.weights.data() + i * taps.count);
  }
  return taps;
}

/// A sum of bytes by weights, and one of such sums by weights as a byte again. Both are rounded.
constexpr int row_shift = weight_bits - row_bits, row_half = 1 << (row_shift - 1);
[[nodiscard]] RETINUE_HD inline std::int16_t row_value(std::int32_t sum)
{
  return static_cast<std::int16_t>((sum + row_half) >> row_shift);
}
[[nodiscard]] RETINUE_HD inline std::uint8_t byte_value(std::int32_t sum)
{
  constexpr int shift = weight_bits + row_bits;
  const std::int32_t value = (sum + (1 << (shift - 1))) >> shift;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// What resample_row reads of new pixels, laid out for it: two of them together.
struct row_taps {
  static constexpr std::size_t together = 2;

  explicit row_taps(const resample_taps& taps) : pairs(static_cast<std::size_t>(taps.count / 2))
  {
    for (const int i : taps.first) first.push_back(3 * i);
    if (first.size() % together) first.push_back(first.back());
    weights.resize(first.size() * pairs * 8);
    for (std::size_t i = 0; i < taps.first.size(); ++i)
      for (std::size_t pair = 0; pair < pairs; ++pair)
        for (std::size_t channel = 0; channel < 4; ++channel)
          std::copy_n(taps.weights.data() + 2 * (i * pairs + pair), 2,
                      weights.data() + at(i, pair) + 2 * channel);
  }
  [[nodiscard]] std::size_t at(std::size_t i, std::size_t pair) const
  {
    return 8 * (together * (i / together * pairs + pair) + i % together);
  }

  std::size_t pairs;                  ///< of neighbours
  std::vector<int> first;             ///< the first neighbour, in bytes from the row's beginning
  std::vector<std::int16_t> weights;  ///< (pixels / 2, pairs, 2 pixels, 4 channels, 2)
};

/// A row at its new width, of one whose ends are repeated. Two neighbours are multiplied and added
/// in one step where the machine has it. Pairs is taps.pairs, or 0 where it is not known. Behind
/// either row 16 bytes may be touched.
template <std::size_t Pairs>
void resample_row(const std::uint8_t* from, const row_taps& taps, std::int16_t* to)
{
  const std::size_t pairs = Pairs > 0 ? Pairs : taps.pairs;
  const std::int16_t* w = taps.weights.data();
#if defined(__AVX2__)
  const auto beside = [](int at) {  // of 16 bytes those from `at` on
    return _mm256_broadcastsi128_si256(_mm_setr_epi8(char(at), -1, char(at + 3), -1, char(at + 1),
                                                     -1, char(at + 4), -1, char(at + 2), -1,
                                                     char(at + 5), -1, -1, -1, -1, -1));
  };
  const __m256i one = beside(0), next = beside(6);
  const auto load = [](const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); };
  const auto weights = [&] {
    const auto some = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
    w += 16;
    return some;
  };
  for (std::size_t i = 0; i < taps.first.size(); i += 2) {
    const std::uint8_t *left = from + taps.first[i], *right = from + taps.first[i + 1];
    __m256i sum = _mm256_set1_epi32(row_half);
    for (std::size_t pair = 0; pair < pairs; pair += 2, left += 12, right += 12) {
      const __m256i both =
          _mm256_inserti128_si256(_mm256_castsi128_si256(load(left)), load(right), 1);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(both, one), weights()));
      if (pair + 1 < pairs)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(both, next), weights()));
    }
    sum = _mm256_srai_epi32(sum, row_shift);
    sum = _mm256_packs_epi32(sum, sum);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 3 * i), _mm256_castsi256_si128(sum));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 3 * i + 3), _mm256_extracti128_si256(sum, 1));
  }
#else
  for (std::size_t i = 0; i < taps.first.size(); ++i) {
    const std::uint8_t* p = from + taps.first[i];
    w = taps.weights.data() + taps.at(i, 0);
#if defined(__SSE2__)
    __m128i sum = _mm_set1_epi32(row_half);
    for (std::size_t pair = 0; pair < pairs; ++pair, p += 6, w += 16) {
      const __m128i beside =
          _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)),
                            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 3)));
      sum =
          _mm_add_epi32(sum, _mm_madd_epi16(_mm_unpacklo_epi8(beside, _mm_setzero_si128()),
                                            _mm_loadu_si128(reinterpret_cast<const __m128i*>(w))));
    }
    sum = _mm_srai_epi32(sum, row_shift);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 3 * i), _mm_packs_epi32(sum, sum));
#else
    std::array<std::int32_t, 3> sum{};
    for (std::size_t pair = 0; pair < pairs; ++pair, p += 6, w += 16)
      for (std::size_t c = 0; c < 3; ++c) sum[c] += w[0] * p[c] + w[1] * p[c + 3];
    for (std::size_t c = 0; c < 3; ++c) to[3 * i + c] = row_value(sum[c]);
#endif
  }
#endif
}

/// The sum of rows by their weights, as bytes. Count is that of the rows, or 0 where it is not
/// known: then `sums` has room for them.
template <std::size_t Count>
void add_rows(const std::vector<const std::int16_t*>& rows, const std::int16_t* weights,
              std::size_t length, std::vector<std::int32_t>& sums, std::uint8_t* to)
{
  if constexpr (Count > 0) {
    std::array<const std::int16_t*, Count> row;
    std::copy_n(rows.begin(), Count, row.begin());
    std::array<std::int16_t, Count> w;
    std::copy_n(weights, Count, w.begin());
    std::size_t i = 0;
#if defined(__SSE2__) && !defined(__AVX512BW__)  // of which compilers make more of the loop below
    constexpr int shift = weight_bits + row_bits;
    __m128i by[Count / 2];
    for (std::size_t k = 0; k < Count; k += 2)
      by[k / 2] = _mm_setr_epi16(w[k], w[k + 1], w[k], w[k + 1], w[k], w[k + 1], w[k], w[k + 1]);
    for (; i + 8 <= length; i += 8) {
      __m128i low = _mm_set1_epi32(1 << (shift - 1)), high = low;
      for (std::size_t k = 0; k < Count; k += 2) {
        const auto one = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[k] + i));
        const auto next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[k + 1] + i));
        low = _mm_add_epi32(low, _mm_madd_epi16(_mm_unpacklo_epi16(one, next), by[k / 2]));
        high = _mm_add_epi32(high, _mm_madd_epi16(_mm_unpackhi_epi16(one, next), by[k / 2]));
      }
      const __m128i both = _mm_packs_epi32(_mm_srai_epi32(low, shift), _mm_srai_epi32(high, shift));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to + i), _mm_packus_epi16(both, both));
    }
#endif
    for (; i < length; ++i) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < Count; ++k) sum += w[k] * row[k][i];
      to[i] = byte_value(sum);
    }
  } else {
    std::ranges::fill(sums, 0);
    std::int32_t* const s = sums.data();
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const std::int16_t *const row = rows[k], w = weights[k];
      for (std::size_t i = 0; i < length; ++i) s[i] += w * row[i];
    }
    for (std::size_t i = 0; i < length; ++i) to[i] = byte_value(s[i]);
  }
}

/// Count is that of a kernel's neighbours, or 0 where it is not known.
template <std::size_t Count>
void resample_by(const resample_taps& across, const resample_taps& down, const std::uint8_t* from,
                 extent2 from_size, std::size_t from_step, std::uint8_t* to, extent2 to_size,
                 std::size_t to_step)
{
  constexpr std::size_t slack = 16;  // that resample_row may touch
  const row_taps taps(across);
  const auto length = static_cast<std::size_t>(3 * to_size.width);
  const auto kept = static_cast<std::size_t>(down.count);
  const auto old = static_cast<std::size_t>(3 * from_size.width);
  const auto margin = static_cast<std::size_t>(3 * across.count);
  std::vector<std::uint8_t> wide(old + 2 * margin + slack);
  std::vector<std::int16_t> held(kept * (length + slack));
  std::vector<const std::int16_t*> rows(kept);
  std::vector<std::int32_t> sums(Count > 0 ? 0 : length);
  std::vector<int> holds(kept, -1);  // row y is kept at y modulo the number of taps
  for (int y = 0; y < to_size.height; ++y) {
    const auto at = static_cast<std::size_t>(y);
    for (std::size_t k = 0; k < kept; ++k) {
      const int source = std::clamp(down.first[at] + static_cast<int>(k), 0, from_size.height - 1);
      const auto slot = static_cast<std::size_t>(source) % kept;
      std::int16_t* const row = held.data() + slot * (length + slack);
      rows[k] = row;
      if (holds[slot] == source) continue;
      holds[slot] = source;
      std::uint8_t* const begin = wide.data() + margin;
      std::memcpy(begin, from + static_cast<std::size_t>(source) * from_step, old);
      for (std::size_t i = 0; i < margin; i += 3) {
        std::memcpy(wide.data() + i, begin, 3);
        std::memcpy(begin + old + i, begin + old - 3, 3);
      }
      resample_row<Count / 2>(begin, taps, row);
    }
    add_rows<Count>(rows, down.weights.data() + at * kept, length, sums, to + at * to_step);
  }
}

/// Rows of `from` are from_step bytes apart, those of `to` to_step.
inline void resample(resize_kernel kernel, const std::uint8_t* from, extent2 from_size,
                     std::size_t from_step, std::uint8_t* to, extent2 to_size, std::size_t to_step)
{
  const auto by = kernel == resize_kernel::linear     ? resample_by<2>
                  : kernel == resize_kernel::cubic    ? resample_by<4>
                  : kernel == resize_kernel::lanczos4 ? resample_by<8>
                                                      : resample_by<0>;
  by(taps_of(kernel, from_size.width, to_size.width),
     taps_of(kernel, from_size.height, to_size.height), from, from_size, from_step, to, to_size,
     to_step);
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
