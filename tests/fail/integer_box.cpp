// expected: coordinate
// SPDX-License-Identifier: Apache-2.0
// The logarithm of an int is no int: the offsets of such a box would be truncated.
#include <retinue/formulas/coders.hpp>

#ifdef CORRECTED
using number = float;
#else
using number = int;
#endif

auto encoded(retinue::box<number> truth, retinue::centre_box<number> anchor)
{
  return retinue::centre_size_coder{}.encode(truth, anchor);
}
