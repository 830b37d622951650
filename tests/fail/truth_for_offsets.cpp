// expected: no matching (member )?function for call to .*decode
// SPDX-License-Identifier: Apache-2.0
// A box is not what a network regresses, although both are four floats.
#include <retinue/formulas/coders.hpp>

#ifdef CORRECTED
using regressed = retinue::offsets<float>;
#else
using regressed = retinue::box<float>;
#endif

auto decoded(regressed o, retinue::centre_box<float> anchor)
{
  return retinue::centre_size_coder{}.decode(o, anchor);
}
