// SPDX-License-Identifier: Apache-2.0
// The backend of at::Tensor: tables are tensors (images, rows, width) on any device, and formulas
// run on whole columns, (images, rows), so that gradients flow through them.
//
// It is plain ATen: slower than packets on a processor, and the oracle of what is faster. Nothing
// leaves the device but what is fetched, and the lengths of lists.
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/backend/host_memory.hpp>  // in_host_memory, host_backend
#include <retinue/error.hpp>                // fail
#include <retinue/outputs.hpp>              // outputs

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Numbers beside a column are doubles, which ATen rounds to the column's own type.
template <>
struct scalar_of<at::Tensor> {
  using type = double;
};

namespace detail {

/// (rows, width) becomes (1, rows, width).
[[nodiscard]] inline at::Tensor of_images(const at::Tensor& values)
{
  if (values.defined() && values.dim() != 2 && values.dim() != 3)
    fail("a table was given a tensor of shape ", c10::str(values.sizes()),
         ", expected (images, rows, numbers) or (rows, numbers)");
  return values.defined() && values.dim() == 2 ? values.unsqueeze(0) : values;
}

[[nodiscard]] inline table_shape shape_of(const at::Tensor& values)
{
  if (!values.defined()) return {1, 0};
  return {static_cast<std::size_t>(values.size(0)), static_cast<std::size_t>(values.size(1))};
}

/// The numbers of all rows: x[c] is a column.
struct tensor_row {
  using value_type = at::Tensor;

  at::Tensor values;  // (images, rows, numbers)

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(values.size(-1)); }
  [[nodiscard]] at::Tensor operator[](std::size_t c) const
  {
    return values.select(-1, static_cast<std::int64_t>(c));
  }
};

/// Collects columns of scores.
struct tensor_writer {
  std::vector<at::Tensor>* columns;

  void set(std::size_t c, const at::Tensor& column) const { (*columns)[c] = column; }
};

}  // namespace detail

/// Records in a tensor (images, rows, R::width), or (rows, R::width) of one image.
template <record R>
struct tensor_table {
  using record_type = R;

  at::Tensor values;

  tensor_table() = default;
  explicit tensor_table(const at::Tensor& of) : values(detail::of_images(of)) {}

  [[nodiscard]] table_shape shape() const { return detail::shape_of(values); }
};

/// What a network wrote: (images, rows, numbers), or (rows, numbers) of one image.
struct tensor_output {
  at::Tensor values;

  tensor_output() = default;
  tensor_output(const at::Tensor& of) : values(detail::of_images(of)) {}

  [[nodiscard]] table_shape shape() const { return detail::shape_of(values); }
  [[nodiscard]] std::size_t numbers() const
  {
    return values.defined() ? static_cast<std::size_t>(values.size(2)) : 0;
  }
  [[nodiscard]] tensor_output image(std::size_t i) const
  {
    return values.defined() ? tensor_output(values.narrow(0, static_cast<std::int64_t>(i), 1))
                            : tensor_output();
  }
};

/// Rows, as int64 (length).
struct tensor_list {
  at::Tensor rows;

  [[nodiscard]] std::size_t size() const
  {
    return rows.defined() ? static_cast<std::size_t>(rows.size(0)) : 0;
  }
};

/// A sum through which gradients flow; undefined before anything is added.
struct tensor_cost {
  at::Tensor sum;  // ()
};

/// Tables that it makes lie on `device`.
class libtorch_backend {
 public:
  template <record R>
  using table = tensor_table<R>;
  template <record R>
  using view = tensor_table<R>;
  using output = tensor_output;
  using score_table = tensor_output;
  using list = tensor_list;
  using cost = tensor_cost;

  explicit libtorch_backend(at::Device device = at::kCPU) : device_(device) {}

  template <record R>
  [[nodiscard]] tensor_table<R> as(const tensor_output& of, const char* what) const
  {
    if (of.numbers() != R::width)
      fail("the network's ", what, " have ", of.numbers(), " numbers a row, expected ", R::width);
    return tensor_table<R>(of.values);
  }

  template <record R>
  void put(std::span<const R> host, std::size_t images, tensor_table<R>& out) const
  {
    using T = typename R::value_type;
    check_images(host.size(), images);
    at::Tensor values =
        at::empty({static_cast<std::int64_t>(images),
                   static_cast<std::int64_t>(host.size() / std::max<std::size_t>(images, 1)),
                   std::int64_t{R::width}},
                  at::CppTypeToScalarType<T>::value);
    T* next = values.template data_ptr<T>();
    for (const R& r : host)
      for (std::size_t c = 0; c < R::width; ++c) *next++ = r[c];
    out.values = values.to(device_);
  }
  void put(std::span<const row_index> host, tensor_list& out) const
  {
    at::Tensor rows = at::empty({static_cast<std::int64_t>(host.size())}, at::kLong);
    std::copy(host.begin(), host.end(), rows.data_ptr<std::int64_t>());
    out.rows = rows.to(device_);
  }
  template <record R>
  void fetch(const tensor_table<R>& from, std::vector<R>& host) const
  {
    using T = typename R::value_type;
    host.resize(from.shape().size());
    if (host.empty()) return;
    const at::Tensor values =
        from.values.detach().to(at::kCPU, at::CppTypeToScalarType<T>::value).contiguous();
    const T* next = values.template data_ptr<T>();
    for (R& r : host)
      for (std::size_t c = 0; c < R::width; ++c) r[c] = *next++;
  }
  void fetch(const tensor_list& from, std::vector<row_index>& host) const
  {
    host.resize(from.size());
    if (host.empty()) return;
    const at::Tensor rows = from.rows.to(at::kCPU).contiguous();
    const std::int64_t* next = rows.data_ptr<std::int64_t>();
    for (row_index& row : host) row = static_cast<row_index>(*next++);
  }

  template <class Formula, record R, class... In>
  void map(const Formula& formula, tensor_table<R>& out, const In&... in) const
  {
    const auto shape = common(in...);
    out.values = joined(formula(columns_of(in)...), shape);
  }
  template <class Formula, class... In>
  void map_classes(const Formula& formula, std::size_t classes, tensor_output& out,
                   const tensor_output& from, const In&... in) const
  {
    std::vector<at::Tensor> columns(classes);
    formula(columns_of(from), detail::tensor_writer{&columns}, columns_of(in)...);
    out.values = classes > 0 ? at::stack(columns, -1) : from.values.narrow(-1, 0, 0);
  }
  [[nodiscard]] tensor_table<number<float>> elements(const tensor_output& of) const
  {
    return tensor_table<number<float>>(of.values.reshape({of.values.size(0), -1, 1}));
  }

  template <class Formula, class... In>
  void most(const Formula& formula, tensor_table<best_row<float>>& out, const In&... in) const
  {
    const auto shape = common(in...);
    detail::check_numbered(static_cast<std::size_t>(shape[1]));
    constexpr double nothing = -std::numeric_limits<double>::infinity();
    const at::Tensor values = formula(columns_of(in)...).detach().expand(shape);
    if (shape[1] == 0) {
      out.values = at::cat({at::full({shape[0], 1, 1}, nothing, values.options()),
                            at::zeros({shape[0], 1, 1}, values.options())},
                           -1);
      return;
    }
    const auto [value, row] = at::max(values.masked_fill(values.isnan(), nothing), 1, true);
    const at::Tensor none = value == nothing;
    out.values = at::stack({value, row.to(value.scalar_type()).masked_fill(none, 0)}, -1);
  }
  template <class Formula, class... In>
  void total(const Formula& formula, tensor_table<number<float>>& out, const In&... in) const
  {
    out.values =
        formula(columns_of(in)...).detach().expand(common(in...)).sum(1).reshape({-1, 1, 1});
  }

  void clear(tensor_cost& of, std::size_t) const { of.sum = at::Tensor(); }
  template <class Formula, class Said, class... In>
  void add_cost(const Formula& formula, tensor_cost& to, const Said& said, const In&... in) const
  {
    const at::Tensor sum = formula(columns_of(said), columns_of(in)...).sum();
    to.sum = to.sum.defined() ? to.sum + sum : sum;
  }

  void best(const tensor_table<number<float>>& values, std::size_t most, tensor_list& out) const
  {
    const at::Tensor all = values.values.detach().squeeze(-1).contiguous();  // (images, rows)
    const std::int64_t rows = all.size(1);
    const auto count = static_cast<std::int64_t>(std::min(most, static_cast<std::size_t>(rows)));
    // As whole numbers, which rise as floats do, NaN below them all: -infinity is better.
    const at::Tensor bits = (all + 0.0f).view(at::kInt);  // +0: both zeros are one
    const at::Tensor ranks = at::where(bits < 0, at::bitwise_xor(bits, 0x7fffffff), bits)
                                 .masked_fill(all.isnan(), std::numeric_limits<int>::min());
    const at::Tensor order =
        std::get<1>(at::sort(ranks, /*stable=*/true, 1, /*descending=*/true)).narrow(1, 0, count);
    out.rows = (order + at::arange(all.size(0), order.options()).mul_(rows).unsqueeze(1)).flatten();
  }
  void compact(const tensor_table<number<float>>& marks, tensor_list& out) const
  {
    out.rows = at::nonzero(marks.values.flatten() > 0).flatten();
  }

  template <record R>
  [[nodiscard]] tensor_table<R> gather(const tensor_table<R>& from, const tensor_list& chosen) const
  {
    return tensor_table<R>(picked(from.values, chosen));
  }
  [[nodiscard]] tensor_output gather(const tensor_output& from, const tensor_list& chosen) const
  {
    return tensor_output(picked(from.values, chosen));
  }
  void gather(const tensor_list& from, const tensor_list& chosen, tensor_list& out) const
  {
    out.rows = from.rows.index_select(0, chosen.rows);
  }
  void append(const tensor_list& from, std::size_t offset, tensor_list& to) const
  {
    const at::Tensor moved = from.rows + static_cast<std::int64_t>(offset);
    to.rows = to.rows.defined() ? at::cat({to.rows, moved}) : moved;
  }
  template <record R>
  void scatter(const tensor_table<R>& values, const tensor_list& to, tensor_table<R>& out) const
  {
    const at::Tensor flat = values.values.reshape({-1, std::int64_t{R::width}});
    out.values = out.values.reshape({-1, std::int64_t{R::width}})
                     .index_copy(0, to.rows, flat)
                     .reshape(out.values.sizes());
  }

  void divide(const tensor_list& from, std::size_t by, tensor_list& quotients,
              tensor_list& remainders) const
  {
    const auto divisor = static_cast<std::int64_t>(by);
    const at::Tensor quotient = at::div(from.rows, divisor, "floor");
    remainders.rows = from.rows - quotient * divisor;
    quotients.rows = quotient;
  }
  void number_of(const tensor_list& from, tensor_table<number<float>>& out) const
  {
    out.values = from.rows.to(at::kFloat).reshape({1, -1, 1});
  }
  template <record R>
  void rows_of(const tensor_table<R>& numbers, tensor_list& out) const
  {
    out.rows = numbers.values.select(-1, R::width - 1).flatten().to(at::kLong);
  }
  void count(table_shape shape, tensor_table<number<float>>& out) const
  {
    out.values = at::arange(static_cast<double>(shape.rows), at::device(device_).dtype(at::kFloat))
                     .repeat({static_cast<std::int64_t>(shape.images), 1})
                     .unsqueeze(-1);
  }
  template <record R>
  [[nodiscard]] tensor_table<R> across(const tensor_table<R>& of) const
  {
    return tensor_table<R>(of.values.transpose(0, 1));
  }

 private:
  using sizes = std::vector<std::int64_t>;

  template <class... In>
  static sizes common(const In&... in)
  {
    sizes all{1, 1};
    const auto take = [&](const table_shape& shape) {
      const auto fit = [](std::int64_t& size, std::size_t given, const char* what) {
        if (given == 1 || static_cast<std::int64_t>(given) == size) return;
        if (size != 1) fail("tables of ", size, " and of ", given, what, " were mapped together");
        size = static_cast<std::int64_t>(given);
      };
      fit(all[0], shape.images, " images");
      fit(all[1], shape.rows, " rows");
    };
    (take(in.shape()), ...);
    return all;
  }

  template <record R>
  static rebind_t<R, at::Tensor> columns_of(const tensor_table<R>& from)
  {
    rebind_t<R, at::Tensor> r;
    for (std::size_t c = 0; c < R::width; ++c)
      r[c] = from.values.select(-1, static_cast<std::int64_t>(c));
    return r;
  }
  static detail::tensor_row columns_of(const tensor_output& from) { return {from.values}; }

  template <record Columns>
  static at::Tensor joined(const Columns& columns, const sizes& shape)
  {
    if constexpr (Columns::width == 0) {
      return at::empty({shape[0], shape[1], 0});
    } else {
      std::vector<at::Tensor> all;
      for (std::size_t c = 0; c < Columns::width; ++c) all.push_back(columns[c].expand(shape));
      return at::stack(all, -1);
    }
  }

  static at::Tensor picked(const at::Tensor& values, const tensor_list& chosen)
  {
    const std::int64_t width = values.size(-1);
    return values.reshape({-1, width}).index_select(0, chosen.rows).unsqueeze(0);
  }

  at::Device device_;
};
static_assert(tensor_backend<libtorch_backend>);

/// The numbers of a tensor of host memory where they lie, at any strides; it must outlive the view.
/// `kept` takes its place where it is of another type or device.
[[nodiscard]] inline number_rows host_view(const tensor_output& of, at::Tensor& kept)
{
  if (!of.values.defined()) return {};
  kept = of.values.detach();
  if (!kept.is_cpu() || kept.scalar_type() != at::kFloat) kept = kept.to(at::kCPU, at::kFloat);
  return {kept.data_ptr<float>(),
          of.shape(),
          of.numbers(),
          {kept.stride(0), kept.stride(1), kept.stride(2)}};
}

/// All parts of a network's outputs as views; the tensors behind them are kept here.
template <in_host_memory B = host_backend>
struct host_outputs {
  outputs<B> said;
  std::array<at::Tensor, 4> kept;

  explicit host_outputs(const outputs<libtorch_backend>& of)
  {
    said = {host_view(of.scores, kept[0]), host_view(of.boxes, kept[1]),
            host_view(of.points, kept[2]), host_view(of.quality, kept[3]), of.maps};
  }
};

}  // namespace retinue
