// SPDX-License-Identifier: Apache-2.0
// From rows to columns of registers: what reading a network's output (N, Width) as packets costs.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HAS_SHUFFLES, RETINUE_REGISTER_BYTES

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace retinue::detail {

#if RETINUE_HAS_SHUFFLES

using float4 [[gnu::vector_size(16)]] = float;
using float8 [[gnu::vector_size(32)]] = float;
using float_x16 [[gnu::vector_size(64)]] = float;

/// Four rows of four become four columns of four.
inline void transpose_4x4(const float4 (&row)[4], float4 (&column)[4])
{
  const float4 low = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  const float4 high = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const float4 low2 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  const float4 high2 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  column[0] = __builtin_shufflevector(low, low2, 0, 1, 4, 5);
  column[1] = __builtin_shufflevector(low, low2, 2, 3, 6, 7);
  column[2] = __builtin_shufflevector(high, high2, 0, 1, 4, 5);
  column[3] = __builtin_shufflevector(high, high2, 2, 3, 6, 7);
}

/// Sixteen rows of four become four columns of sixteen, in registers where the machine has AVX-512.
template <class Column>
void transpose_16x4(const float* from, const Column& column)
{
  float_x16 a, b, c, d;
  std::memcpy(&a, from, sizeof a);
  std::memcpy(&b, from + 16, sizeof b);
  std::memcpy(&c, from + 32, sizeof c);
  std::memcpy(&d, from + 48, sizeof d);
  const float_x16 ab01 =
      __builtin_shufflevector(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const float_x16 ab23 =
      __builtin_shufflevector(a, b, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  const float_x16 cd01 =
      __builtin_shufflevector(c, d, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const float_x16 cd23 =
      __builtin_shufflevector(c, d, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  const float_x16 columns[4] = {
      __builtin_shufflevector(ab01, cd01, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
      __builtin_shufflevector(ab01, cd01, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                              31),
      __builtin_shufflevector(ab23, cd23, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
      __builtin_shufflevector(ab23, cd23, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                              31)};
  for (std::size_t k = 0; k < 4; ++k) std::memcpy(column(k), &columns[k], sizeof columns[k]);
}

/// Numbers `first` to `first` + 3 of four rows become four columns of four.
inline void transpose_4x4(const float* from, std::size_t width, std::size_t first,
                          float4 (&column)[4])
{
  float4 row[4];
  for (std::size_t k = 0; k < 4; ++k) std::memcpy(&row[k], from + k * width + first, sizeof row[k]);
  transpose_4x4(row, column);
}

/// The same of Lanes rows, columns written by whole registers: what is written by halves and read
/// as a whole is waited for.
template <std::size_t Lanes, class Column>
void transpose_block(const float* from, std::size_t width, std::size_t first, const Column& column)
{
  float4 low[4];
  if constexpr (Lanes % 8 == 0 && RETINUE_REGISTER_BYTES >= 32) {
    for (std::size_t lane = 0; lane < Lanes; lane += 8) {
      float4 high[4];
      transpose_4x4(from + lane * width, width, first, low);
      transpose_4x4(from + (lane + 4) * width, width, first, high);
      for (std::size_t k = 0; k < 4; ++k) {
        const float8 both = __builtin_shufflevector(low[k], high[k], 0, 1, 2, 3, 4, 5, 6, 7);
        std::memcpy(column(first + k) + lane, &both, sizeof both);
      }
    }
  } else {
    for (std::size_t lane = 0; lane < Lanes; lane += 4) {
      transpose_4x4(from + lane * width, width, first, low);
      for (std::size_t k = 0; k < 4; ++k)
        std::memcpy(column(first + k) + lane, &low[k], sizeof low[k]);
    }
  }
}

#endif  // RETINUE_HAS_SHUFFLES

/// Lanes rows of Width numbers, one after another, to Width columns of Lanes: column(c) is where
/// the c-th goes.
template <std::size_t Lanes, std::size_t Width, class T, class Column>
void transpose_rows(const T* from, const Column& column)
{
#if RETINUE_HAS_SHUFFLES
  // Registers of another size take a vector of sixteen apart, number by number.
  constexpr bool one_register = RETINUE_REGISTER_BYTES == 64;
  if constexpr (std::is_same_v<T, float> && Lanes == 16 && Width == 4 && one_register) {
    transpose_16x4(from, column);
    return;
  } else if constexpr (std::is_same_v<T, float> && Lanes % 4 == 0 && Width >= 4) {
    // The last block overlaps the one before it where Width is no multiple of 4.
    for (std::size_t first = 0; first + 4 <= Width; first += 4)
      transpose_block<Lanes>(from, Width, first, column);
    if constexpr (Width % 4 != 0) transpose_block<Lanes>(from, Width, Width - 4, column);
    return;
  }
#endif
  for (std::size_t c = 0; c < Width; ++c)
    for (std::size_t lane = 0; lane < Lanes; ++lane) column(c)[lane] = from[lane * Width + c];
}

}  // namespace retinue::detail
