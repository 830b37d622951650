// expected: a coder for a schema with landmarks must encode and decode these
// SPDX-License-Identifier: Apache-2.0
// A coder of boxes alone cannot decode the corners of a plate.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine {
  template <class T>
  offsets<T> encode(const box<T>& b, const centre_box<T>& a) const
  {
    return {b.x1 - a.cx, b.y1 - a.cy, b.x2 - a.cx, b.y2 - a.cy};
  }
  template <class T>
  box<T> decode(const offsets<T>& o, const centre_box<T>& a) const
  {
    return {o.dx + a.cx, o.dy + a.cy, o.dw + a.cx, o.dh + a.cy};
  }
};

#ifdef CORRECTED
using found = schemas::none;
#else
using found = schemas::plate4;
#endif
template class retinue::detector<found, host_backend, square_anchors, mine>;
