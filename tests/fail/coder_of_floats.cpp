// expected: a coder's functions must be templates over the coordinate T
// SPDX-License-Identifier: Apache-2.0
// A coder of floats alone cannot decode packets.
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
  template <class T>
  box<T> decode(const offsets<T>& o, const centre_box<T>& a) const
  {
    return {o.dx + a.cx, o.dy + a.cy, o.dw + a.cx, o.dh + a.cy};
  }
#else
  offsets<float> encode(const box<float>& b, const centre_box<float>& a) const
  {
    return {b.x1 - a.cx, b.y1 - a.cy, b.x2 - a.cx, b.y2 - a.cy};
  }
  box<float> decode(const offsets<float>& o, const centre_box<float>& a) const
  {
    return {o.dx + a.cx, o.dy + a.cy, o.dw + a.cx, o.dh + a.cy};
  }
#endif
};

template class retinue::detector<schemas::none, host_backend, square_anchors, mine>;
