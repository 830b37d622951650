// SPDX-License-Identifier: Apache-2.0
// How central a point lies in a box (Tian 2019, FCOS, eq. 3): 1 in its middle, 0 on its border.
//
//   sqrt(min(left, right) / max(left, right) * min(top, bottom) / max(top, bottom))
//
// The four are the distances of the point to the sides, in any one unit; 0 for a point outside.
#pragma once

#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/coordinate.hpp>  // minimum_of, maximum_of
#include <retinue/formulas/overlap.hpp>     // detail::share
#include <retinue/geometry.hpp>             // box

namespace retinue {

/// How central (x, y) lies in the box, 0 to 1; see the top of this header.
template <class T>
[[nodiscard]] RETINUE_HD T centre_ness(const box<T>& b, const T& x, const T& y)
{
  using detail::sqrt;
  const T left = x - b.x1, right = b.x2 - x, top = y - b.y1, bottom = b.y2 - y;
  const T zero = fill_like(x, 0);
  const T across = maximum_of(zero, minimum_of(left, right)),
          down = maximum_of(zero, minimum_of(top, bottom));
  return T(sqrt(T(detail::share<T>(across, maximum_of(left, right)) *
                  detail::share<T>(down, maximum_of(top, bottom)))));
}

}  // namespace retinue
