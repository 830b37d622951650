// expected: a loss of landmarks must have value
// SPDX-License-Identifier: Apache-2.0
// A residual's loss is learnt by its slope.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

using namespace retinue;

struct mine {
  template <class T>
  T value(const T& d) const
  {
    return d * d;
  }
#ifdef CORRECTED
  template <class T>
  T slope(const T& d) const
  {
    return d + d;
  }
#endif
};

template struct retinue::multibox_settings<schemas::plate4, centre_size_coder, hard_negatives,
                                           smooth_l1, mine>;
