// SPDX-License-Identifier: Apache-2.0
// The concept of a tensor backend: where tables of records live, and the few things done to whole
// tables there. Every family is written over it once; a backend of your own makes them all run, and
// no family uses anything that is not asked for here.
//
//   backend/host.hpp       host memory, the standard library alone; formulas run on packets of rows
//   backend/eigen.hpp      the same with Eigen's packets
//   backend/libtorch.hpp   at::Tensor on any device; formulas run on whole columns, differentiably
//
// A table has two dimensions: images, and the rows of each. A table of one image stands for all
// images where others have more, and one of a single row for all rows. So does `across` make pairs:
// boxes (1, N) beside the same boxes across, (N, 1), are all N x N pairs.
#pragma once

#include <retinue/backend/table.hpp>     // number, table_shape, row_index
#include <retinue/formulas/coders.hpp>   // offsets
#include <retinue/formulas/overlap.hpp>  // iou
#include <retinue/geometry.hpp>          // box, centre_box

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace retinue {

/// The largest value of an image's rows, and the row that has it.
template <class T>
struct best_row {
  using value_type = T;
  template <class U>
  using rebind = best_row<U>;
  static constexpr std::size_t width = 2;

  T value, row;

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i == 0 ? value : row; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const { return i == 0 ? value : row; }
  friend bool operator==(const best_row&, const best_row&) = default;
};
static_assert(record<best_row<float>>);

namespace detail {
// Formulas that stand for any where the concept needs one.
struct example_map {
  template <class T>
  box<T> operator()(const offsets<T>& o, const centre_box<T>& a) const
  {
    return {o.dx + a.cx, o.dy + a.cy, o.dw + a.w, o.dh + a.h};
  }
};
struct example_measure {
  template <class T>
  T operator()(const box<T>& a, const box<T>& b) const
  {
    return iou(a, b);
  }
};
struct example_cost {
  template <class T>
  T operator()(const offsets<T>& said, const offsets<T>& want) const
  {
    return said.dx * want.dx;
  }
};
struct example_reading {
  template <class Row>
  auto operator()(const Row& x) const
  {
    return number<std::remove_cvref_t<decltype(x[0])>>{x[x.size() - 1]};
  }
};
struct example_classes {
  template <class Row, class Out, class... Beside>
  void operator()(const Row& x, const Out& p, const Beside&...) const
  {
    for (std::size_t c = 0; c < x.size(); ++c) p.set(c, x[c] + x[0]);
  }
};
struct example_class_cost {
  template <class Row, class T>
  T operator()(const Row& x, const number<T>& want) const
  {
    return x[0] * want.value;
  }
  float with_slope(const number_row<float>&, std::span<float>, const number<float>&) const;
};
}  // namespace detail

/// Write these, as members of an object that holds a device and its workspace. `f` is a formula: a
/// template over T, of records of T. `in` are tables, views, or what gather and across give, of as
/// many images and as many rows as each other, or of one: backends of the library throw where they
/// are not, and `as` where a row has other than R::width numbers.
///
///   table<R>                   an owned table of records R, resized by whoever writes to it
///   output                     what a network wrote: (images, rows, numbers); image(i) is one
///                              image of it
///   view<R>                    the same read as records: as<R>(output, what it is called)
///   score_table                class scores of its own
///   list                       numbers of rows, images one after the other; size() is its length
///   cost                       a sum that can be learnt from
///
///   put(span, images, table&), put(span, list&)      from the host to where tables live
///   fetch(table or gather, vector&), fetch(list, vector&)    and back
///   map(f, table&, in...)                            f gives a record, for every row; the table
///                                                    may be one of those read, of one image or
///                                                    one row, too, and an output is read as
///                                                    numbers x[0], ... of the row
///   map_classes(f, classes, score_table&, output, in...)   f(x, p, in...) gives class c of each
///                                                    row, of numbers x[0], ..., by p.set(c, value)
///   elements(score_table)                            seen as numbers (images, rows * classes)
///   most(f, table<best_row>&, in...)                 of f, a number: the largest of each image,
///                                                    and the first row that has it, (images, 1);
///                                                    -infinity where no row has a number above it;
///                                                    2^24 rows at most, which floats number
///   total(f, table<number>&, in...)                  its sum over the rows, (images, 1)
///   clear(cost&, width), add_cost(f, cost&, gather(outputs, list), in...)
///                                                    adds f, a number, over the chosen rows of an
///                                                    output of so many numbers a row
///   best(numbers, most, list&)                       so many of each image, best first; equals in
///                                                    the order of rows, NaN last
///   compact(numbers, list&)                          the rows that are more than 0, rising
///   gather(table or view, list)                      the chosen rows, (1, list's length): a view,
///                                                    which both must outlive, of a backend's
///                                                    choice
///   gather(list, list, list&)                        the same of a list, into any list
///   append(list, offset, list&)                      adds the rows of the first, each moved on
///   scatter(table or gather, list, table&)           writes row i of the first to row list[i], no
///                                                    row twice
///   divide(list, by, list& quotients, list& remainders)
///   number_of(list, table<number>&), rows_of(table<number> or table<best_row>, list&)
///   count(shape, table<number>&)                     0, 1, 2, ... in every image
///                                                    numbers and rows are below 2^24
///   across(table)                                    (1, N) seen as (N, 1), or (N, 1) as (1, N): a
///                                                    view, which the table must outlive
template <class B>
concept tensor_backend =
    requires(B& b, typename B::template table<box<float>>& boxes,
             typename B::template table<centre_box<float>>& anchors,
             typename B::template table<number<float>>& numbers,
             typename B::template table<best_row<float>>& found,
             const typename B::template view<offsets<float>>& said,
             const typename B::template table<offsets<float>>& want,
             const typename B::output& scores, typename B::score_table& classes,
             typename B::list& list, typename B::cost& cost, std::span<const box<float>> host_boxes,
             std::span<const row_index> host_rows, std::vector<box<float>>& fetched,
             std::vector<row_index>& fetched_rows, table_shape shape, std::size_t n) {
      b.put(host_boxes, n, boxes);
      b.put(host_rows, list);
      { list.size() } -> std::same_as<std::size_t>;
      b.fetch(boxes, fetched);
      b.fetch(b.gather(boxes, list), fetched);
      b.fetch(list, fetched_rows);
      { boxes.shape() } -> std::same_as<table_shape>;
      { said.shape() } -> std::same_as<table_shape>;
      { scores.shape() } -> std::same_as<table_shape>;
      { scores.numbers() } -> std::same_as<std::size_t>;
      { scores.image(n) } -> std::same_as<typename B::output>;
      {
        b.template as<offsets<float>>(scores, "boxes")
      } -> std::same_as<typename B::template view<offsets<float>>>;
      b.map(detail::example_map{}, boxes, said, anchors);
      b.map(detail::example_map{}, boxes, b.gather(said, list), b.gather(anchors, list));
      b.map(detail::example_reading{}, numbers, scores);
      b.map(detail::example_reading{}, numbers, b.gather(scores, list));
      b.map_classes(detail::example_classes{}, n, classes, scores);
      b.map_classes(detail::example_classes{}, n, classes, scores, said);
      b.most(detail::example_measure{}, found, boxes, b.across(boxes));
      b.total(detail::example_measure{}, numbers, boxes, b.across(boxes));
      b.clear(cost, n);
      b.add_cost(detail::example_cost{}, cost, b.gather(said, list), b.gather(want, list));
      b.add_cost(detail::example_class_cost{}, cost, b.gather(scores, list), numbers);
      b.best(numbers, n, list);
      b.best(b.elements(classes), n, list);
      b.compact(numbers, list);
      b.gather(list, list, list);
      b.append(list, n, list);
      b.scatter(numbers, list, numbers);
      b.scatter(b.gather(numbers, list), list, numbers);
      b.divide(list, n, list, list);
      b.number_of(list, numbers);
      b.rows_of(numbers, list);
      b.rows_of(found, list);
      b.count(shape, numbers);
    };

namespace detail {
/// Who takes a backend ends a mistake in this sentence.
template <class B>
[[nodiscard]] consteval bool expect_backend()
{
  static_assert(tensor_backend<B>,
                "a backend must have the types table, output, view, score_table, list and cost, "
                "and every function that retinue/backend.hpp lists");
  return true;
}
}  // namespace detail

}  // namespace retinue
