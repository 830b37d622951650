// SPDX-License-Identifier: Apache-2.0
// Numbers of 16 bits, as networks write them: stored so, and computed with as floats.
//
//   float16    5 bits of exponent, 10 of fraction    IEEE 754, binary16
//   bfloat16   8 bits of exponent, 7 of fraction     the upper half of a float
//
// A float is rounded to the nearest, and of two that are as near to the even one. A float16 that is
// too large becomes infinity; NaN stays NaN.
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD

#include <bit>
#include <cstdint>

namespace retinue {

/// Half the width of a float, with 11 bits of precision.
struct float16 {
  std::uint16_t bits = 0;

  float16() = default;
  RETINUE_HD explicit float16(float value)
  {
#if defined(__CUDA_ARCH__)
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const auto word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = word >> 16 & 0x8000u, size = word & 0x7fffffffu;
    std::uint32_t narrow = 0;
    if (size > 0x7f800000u) {
      narrow = 0x7e00;
    } else if (size >= 0x477ff000u) {  // 65520 and more
      narrow = 0x7c00;
    } else if (size >= 0x38800000u) {  // 2^-14 and more
      narrow = (size - 0x38000000u + 0xfffu + (size >> 13 & 1)) >> 13;
    } else {  // in steps of 2^-24, to which adding 1/2 rounds
      const float whole = std::bit_cast<float>(size) + 0.5f;
      narrow = std::bit_cast<std::uint32_t>(whole) - std::bit_cast<std::uint32_t>(0.5f);
    }
    bits = static_cast<std::uint16_t>(sign | narrow);
#endif
  }
  /// Its value.
  RETINUE_HD operator float() const
  {
#if defined(__CUDA_ARCH__)
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#else
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t size = bits & 0x7fffu;
    if (size >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (size & 0x3ffu) << 13);
    if (size >= 0x400u) return std::bit_cast<float>(sign | ((size << 13) + 0x38000000u));
    const float small = static_cast<float>(size) * 0x1p-24f;
    return sign != 0 ? -small : small;
#endif
  }
};

/// Half the width of a float, with its range.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  RETINUE_HD explicit bfloat16(float value)
  {
    const auto word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded =
        value != value ? word | 0x400000u : word + 0x7fffu + (word >> 16 & 1);
    bits = static_cast<std::uint16_t>(rounded >> 16);
  }
  /// Its value.
  RETINUE_HD operator float() const
  {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

}  // namespace retinue
