// SPDX-License-Identifier: Apache-2.0
// exp and log by arithmetic alone, so that a vector of the compiler's, a number and a CUDA thread
// find the same bits:
//
//   exp(x)   2^n exp(r), x = n ln 2 + r, |r| <= ln 2 / 2; exp(r) by its series    to 2 units
//   log(x)   e ln 2 + 2 atanh((m - 1) / (m + 1)), x = 2^e m, m from sqrt(1/2)     to 2 units
//
// Units are of the last place. V is float, or a vector of floats. Products of numbers are rounded
// before they are added; those of vectors are fused where the machine can, and then the last bit
// may differ.
#pragma once

#include <retinue/compiler.hpp>          // RETINUE_HD, RETINUE_HIDE
#include <retinue/formulas/product.hpp>  // product

#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace retinue::detail {

template <class To, class From>
[[nodiscard]] RETINUE_HD To same_bits(const From& from)
{
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// What is different of a number and of a vector of the compiler's.
template <class V>
struct elementary_of {
  using integers [[gnu::vector_size(sizeof(V))]] = std::int32_t;

  static V times(const V& a, const V& b) { return a * b; }
  static V all(float value) { return V{} + value; }
  static V bound(float value)
  {
    V bound = all(value);
    RETINUE_HIDE(bound);
    return bound;
  }
  static V from(const integers& of) { return __builtin_convertvector(of, V); }
  static integers where(const integers& of, const integers& mask) { return of & mask; }
  static V times_power(const V& x, const integers& e)
  {
    return same_bits<V>(same_bits<integers>(x) + (e << 23));
  }
};
template <>
struct elementary_of<float> {
  using integers = std::int32_t;

  RETINUE_HD static float times(float a, float b) { return product(a, b); }
  RETINUE_HD static float all(float value) { return value; }
  RETINUE_HD static float bound(float value) { return value; }
  RETINUE_HD static float from(integers of) { return static_cast<float>(of); }
  RETINUE_HD static integers where(integers of, bool yes) { return yes ? of : 0; }
  RETINUE_HD static float times_power(float x, integers e)
  {
    return same_bits<float>(same_bits<integers>(x) + e * (1 << 23));
  }
};

/// exp. Beyond what a float holds: infinity, or 0. What is no number stays so.
template <class V>
RETINUE_HD inline void raise(V& x)
{
  using of = elementary_of<V>;
  using integers = typename of::integers;
  const V least = of::bound(-104.0f), most = of::bound(89.0f);
  x = x < least ? least : x;
  x = most < x ? most : x;
  // The nearest whole number, in the last bits of a sum, and what is left by ln 2 in two parts.
  const V sum = of::times(x, of::all(1.44269504f)) + 12582912.0f;
  const V n = sum - 12582912.0f;
  const V r = (x - of::times(n, of::all(0.693145752f))) - of::times(n, of::all(1.42860677e-6f));
  // The series by twos, which wait for each other less than one by one.
  const V square = of::times(r, r);
  const auto two = [&](float linear, float constant) {
    return of::times(r, of::all(linear)) + constant;
  };
  V series = two(1.0f / 5040, 1.0f / 720);
  series = of::times(series, square) + two(1.0f / 120, 1.0f / 24);
  series = of::times(series, square) + two(1.0f / 6, 0.5f);
  series = of::times(series, square) + (r + 1.0f);
  // 2^n in two factors, for n may be 128 or -149; the first makes no number too large or small.
  const integers whole = of::where(same_bits<integers>(sum) - 0x4b400000, x == x);
  const integers half = whole >> 1;
  x = of::times_power(series, half) * of::times_power(of::all(1.0f), whole - half);
}

/// log. Of 0 it is -infinity, of what is below 0 no number.
template <class V>
RETINUE_HD inline void take_log(V& x)
{
  using of = elementary_of<V>;
  using integers = typename of::integers;
  const V given = x;
  const float least = 1.17549435e-38f;  // normal; smaller ones are scaled by 2^23
  x = given < least ? of::times(given, of::all(8388608.0f)) : given;
  x = given > 0 ? x : of::all(1.0f);  // the bits of others would overflow below
  const integers b = same_bits<integers>(x);
  const integers e = (b - 0x3f3504f3) >> 23;  // m from sqrt(1/2)
  const V m = same_bits<V>(b - (e << 23));
  const V z = (m - 1.0f) / (m + 1.0f), square = of::times(z, z);
  V series = of::all(1.0f / 11);
  for (const float c : {1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3})
    series = of::times(series, square) + c;
  const V steps = of::from(e) - (given < least ? of::all(23.0f) : of::all(0.0f));
  const V twice = 2 * z;
  const V found =
      of::times(steps, of::all(0.693145752f)) +
      (of::times(steps, of::all(1.42860677e-6f)) + (twice + of::times(twice, square * series)));
  const float infinity = __builtin_inff();
  x = given > 0 && given < infinity ? found : given == 0 ? of::all(-infinity) : given;
  x = given < 0 ? of::all(__builtin_nanf("")) : x;
}

}  // namespace retinue::detail
