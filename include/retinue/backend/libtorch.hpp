// SPDX-License-Identifier: Apache-2.0
// The backend of at::Tensor: tables are tensors (N, width) on any device, formulas run on whole
// columns, so that gradients flow through them. It is plain ATen: slower than packets on the CPU,
// and the oracle of what is faster.
#pragma once

#include <retinue/backend.hpp>  // tensor_backend
#include <retinue/error.hpp>    // fail
#include <retinue/select.hpp>   // selection

#include <ATen/ATen.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

/// Numbers beside a column are doubles, which ATen rounds to the column's own type.
template <>
struct scalar_of<at::Tensor> {
  using type = double;
};

/// N records as a tensor (..., N, R::width). Leading dimensions, such as a batch, broadcast.
template <record R>
struct tensor_table {
  at::Tensor values;
};

class libtorch_backend {
 public:
  template <record R>
  using table = tensor_table<R>;
  template <record R>
  using view = tensor_table<R>;
  using scores = at::Tensor;
  using matrix = at::Tensor;

  /// Tables that it makes lie on `device`.
  explicit libtorch_backend(at::Device device = at::kCPU) : device_(device) {}

  template <record R>
  [[nodiscard]] std::size_t size(const tensor_table<R>& read) const
  {
    return static_cast<std::size_t>(read.values.size(-2));
  }
  [[nodiscard]] std::size_t size(const at::Tensor& read) const
  {
    return static_cast<std::size_t>(read.size(0));
  }

  template <record R>
  void anchors(const std::vector<R>& host, tensor_table<R>& out) const
  {
    const auto rows = static_cast<std::int64_t>(host.size());
    out.values = at::from_blob(const_cast<R*>(host.data()), {rows, std::int64_t{R::width}},
                               at::CppTypeToScalarType<typename R::value_type>::value)
                     .clone()
                     .to(device_);
  }

  void select(const at::Tensor& from, float floor, std::size_t most, selection& chosen) const
  {
    if (from.dim() != 2 || from.size(1) < 2)
      fail("the scores have shape ", from.sizes(),
           ", expected (anchors, classes) with the background and at least one class");
    const at::Tensor objects = from.detach().slice(1, 1);   // (P, C - 1)
    const at::Tensor found = at::nonzero(objects > floor);  // (F, 2): row, class - 1
    const at::Tensor row = found.select(1, 0), label = found.select(1, 1);
    const at::Tensor score = objects.index({row, label});  // (F)
    const at::Tensor order = std::get<1>(at::sort(score, /*stable=*/true, 0, /*descending=*/true))
                                 .slice(0, 0, clamped(most));
    const auto to_host = [&](const at::Tensor& t, at::ScalarType type) {
      return t.index_select(0, order).to(at::kCPU, type).contiguous();
    };
    const at::Tensor rows = to_host(row, at::kLong);
    const at::Tensor labels = to_host(label, at::kLong);
    const at::Tensor best = to_host(score, at::kFloat);
    chosen.clear();
    for (std::int64_t i = 0; i < rows.numel(); ++i)
      chosen.add(static_cast<row_index>(rows.data_ptr<std::int64_t>()[i]),
                 static_cast<std::int32_t>(labels.data_ptr<std::int64_t>()[i] + 1),
                 best.data_ptr<float>()[i]);
  }

  template <record R>
  [[nodiscard]] tensor_table<R> gather(const tensor_table<R>& from,
                                       std::span<const row_index> chosen) const
  {
    at::Tensor rows = at::empty({static_cast<std::int64_t>(chosen.size())}, at::kLong);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      rows.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(chosen[i]);
    return {from.values.index_select(-2, rows.to(from.values.device()))};
  }

  template <class Formula, record R, record First, record... In>
  void map(const Formula& formula, tensor_table<R>& out, const tensor_table<First>& first,
           const tensor_table<In>&... in) const
  {
    out.values = joined(formula(columns_of(first), columns_of(in)...), first.values);
  }

  /// The matrix (rows of a, rows of b).
  template <class Formula, record A, record B>
  void outer(const Formula& formula, at::Tensor& out, const tensor_table<A>& a,
             const tensor_table<B>& b) const
  {
    out = formula(columns_of(tensor_table<A>{a.values.unsqueeze(-2)}), columns_of(b));
  }

  template <record R>
  void fetch(const tensor_table<R>& from, std::vector<R>& host) const
  {
    using T = typename R::value_type;
    const at::Tensor values =
        from.values.detach().to(at::kCPU, at::CppTypeToScalarType<T>::value).contiguous();
    host.resize(static_cast<std::size_t>(values.size(0)));
    const T* next = values.template data_ptr<T>();
    for (R& r : host)
      for (std::size_t c = 0; c < R::width; ++c) r[c] = *next++;
  }

 private:
  static std::int64_t clamped(std::size_t most)
  {
    constexpr auto limit = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(most, limit));
  }

  template <record R>
  static rebind_t<R, at::Tensor> columns_of(const tensor_table<R>& from)
  {
    rebind_t<R, at::Tensor> r;
    for (std::size_t c = 0; c < R::width; ++c)
      r[c] = from.values.select(-1, static_cast<std::int64_t>(c));
    return r;
  }

  template <record Columns>
  static at::Tensor joined(const Columns& columns, const at::Tensor& like)
  {
    if constexpr (Columns::width == 0) {
      return like.narrow(-1, 0, 0);
    } else {
      std::vector<at::Tensor> all;
      for (std::size_t c = 0; c < Columns::width; ++c) all.push_back(columns[c]);
      return at::stack(all, -1);
    }
  }

  at::Device device_;
};
static_assert(tensor_backend<libtorch_backend>);

}  // namespace retinue
