// SPDX-License-Identifier: Apache-2.0
// The concept of a tensor backend: where tables of records live, and the few things done to whole
// tables there. Families are written over it once; a backend of your own makes them all run.
//
//   backend/eigen.hpp      host memory; formulas run on packets of rows
//   backend/libtorch.hpp   at::Tensor on any device; formulas run on whole columns, differentiably
#pragma once

#include <retinue/formulas/coders.hpp>   // offsets
#include <retinue/formulas/overlap.hpp>  // iou_of
#include <retinue/geometry.hpp>          // box, centre_box
#include <retinue/select.hpp>            // selection

#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace retinue {

namespace detail {
/// Stands for any formula of two records where the concept needs one.
struct example_formula {
  template <class T>
  box<T> operator()(const offsets<T>& o, const centre_box<T>& a) const
  {
    return {o.dx + a.cx, o.dy + a.cy, o.dw + a.w, o.dh + a.h};
  }
};
}  // namespace detail

/// Write these, as static members or on an object that holds a device and its workspace:
///
///   table<R>                       an owned table of records R with scalar components
///   view<R>                        how a network's output of records R, shape (N, R::width), is
///   read scores                         how its class scores, shape (N, classes), are read
///   size(view or scores)           how many rows it has
///   anchors(vector, table&)        bring anchors computed on the host to where tables live
///   select(scores, floor, most, selection&)
///       the pairs (row, class >= 1) whose score exceeds `floor`, at most `most` of them, best
///       first; equal scores in the order of row, then class
///   map(formula, out, in...)       out[i] = formula(in[i]...) for every row; out is resized
///   gather(table or view, rows)    the chosen rows in that order, to be passed to map
///   outer(formula, out, a, b)      out[i * size(b) + j] = formula(a[i], b[j])
///   fetch(table, vector&)          bring records to the host
template <class B>
concept tensor_backend = requires(B& b, typename B::template table<box<float>>& boxes,
                                  const typename B::template table<centre_box<float>>& anchors,
                                  const typename B::template view<offsets<float>>& predicted,
                                  const typename B::scores& scores, selection& chosen,
                                  const std::vector<centre_box<float>>& host,
                                  typename B::template table<centre_box<float>>& device,
                                  std::vector<box<float>>& fetched, typename B::matrix& pairs) {
  { b.size(predicted) } -> std::convertible_to<std::size_t>;
  { b.size(scores) } -> std::convertible_to<std::size_t>;
  b.anchors(host, device);
  b.select(scores, 0.5f, std::size_t{1}, chosen);
  b.map(detail::example_formula{}, boxes, predicted, anchors);
  b.map(detail::example_formula{}, boxes, b.gather(predicted, chosen.rows),
        b.gather(anchors, chosen.rows));
  b.outer(iou_of<>{}, pairs, boxes, boxes);
  b.fetch(boxes, fetched);
};

}  // namespace retinue
