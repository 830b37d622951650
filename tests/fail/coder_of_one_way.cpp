// expected: a coder must have encode
// SPDX-License-Identifier: Apache-2.0
// A detector only decodes, but a coder goes both ways.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine {
#ifdef CORRECTED
  template <class T>
  offsets<T> encode(const box<T>& b, const centre_box<T>& a) const
  {
    return {b.x1 - a.cx, b.y1 - a.cy, b.x2 - a.cx, b.y2 - a.cy};
  }
#endif
  template <class T>
  box<T> decode(const offsets<T>& o, const centre_box<T>& a) const
  {
    return {o.dx + a.cx, o.dy + a.cy, o.dw + a.cx, o.dh + a.cy};
  }
};

template class retinue::detector<schemas::none, host_backend, square_anchors, mine>;
