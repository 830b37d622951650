// expected: a loss of boxes must be a template over the coordinate T
// SPDX-License-Identifier: Apache-2.0
// A loss of boxes of floats alone has no slope in host memory.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

struct apart {
#ifdef CORRECTED
  template <class T>
  T operator()(const retinue::box<T>& a, const retinue::box<T>& b) const
#else
  float operator()(const retinue::box<float>& a, const retinue::box<float>& b) const
#endif
  {
    const auto d = a.x1 - b.x1;
    return d * d;
  }
};

template class retinue::multibox_loss<retinue::host_backend, retinue::schemas::none,
                                      retinue::centre_size_coder, retinue::hard_negatives, apart>;
