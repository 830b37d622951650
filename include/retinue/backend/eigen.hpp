// SPDX-License-Identifier: Apache-2.0
// The backend of host memory: tables are columns, formulas run on packets of rows.
//
// A packet, Eigen::Array<T, N, 1> with N known to the compiler, lives in registers; a whole column
// would cost a temporary in memory for every operation of the formula. Rows of a network's output
// become packets by transposing blocks. Nothing is allocated once tables have grown to their size.
#pragma once

#include <retinue/backend.hpp>            // tensor_backend
#include <retinue/backend/table.hpp>      // rows, columns, gathered
#include <retinue/backend/transpose.hpp>  // rows to packets
#include <retinue/select.hpp>             // score_selector

#include <Eigen/Core>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace retinue {

namespace detail {
template <class Table>
inline constexpr bool is_wide_rows = false;
template <record R>
inline constexpr bool is_wide_rows<rows<R>> = (R::width > 4);
}  // namespace detail

/// Copy it freely: each copy has its own buffers, and one copy serves one thread at a time.
template <std::floating_point T = float>
class eigen_backend {
 public:
  template <int Lanes>
  using packet = Eigen::Array<T, Lanes, 1>;
  template <record R>
  using table = columns<R>;
  template <record R>
  using view = rows<R>;
  using scores = score_rows;
  using matrix = std::vector<T>;

  template <record R>
  [[nodiscard]] std::size_t size(const rows<R>& read) const
  {
    return read.size();
  }
  [[nodiscard]] std::size_t size(const score_rows& read) const { return read.rows; }

  template <record R>
  void anchors(const std::vector<R>& host, columns<R>& out) const
  {
    out.assign(host);
  }

  void select(const score_rows& from, float floor, std::size_t most, selection& chosen)
  {
    selector_(from, floor, most, chosen);
  }

  template <host_table Table>
  [[nodiscard]] gathered<Table> gather(const Table& from, std::span<const row_index> chosen) const
  {
    return {from, chosen};
  }

  /// `in` must not overlap `out`.
  template <class Formula, record R, host_table... In>
  void map(const Formula& formula, columns<R>& out, const In&... in) const
  {
    const std::size_t n = std::min({in.size()...});
    out.resize(n);
    constexpr int lanes = (detail::is_wide_rows<In> || ...) ? narrow : wide;
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) store<lanes>(formula(load<lanes>(in, i)...), out, i);
    for (; i < n; ++i) out.set(i, formula(in[i]...));
  }

  template <class Formula, record A, record B>
  void outer(const Formula& formula, matrix& out, const columns<A>& a, const columns<B>& b) const
  {
    out.resize(a.size() * b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      T* const row = out.data() + i * b.size();
      const A one = a[i];
      rebind_t<A, packet<wide>> all;
      for (std::size_t c = 0; c < A::width; ++c) all[c].setConstant(one[c]);
      std::size_t j = 0;
      for (; j + wide <= b.size(); j += wide)
        Eigen::Map<packet<wide>>(row + j) = formula(all, load<wide>(b, j));
      for (; j < b.size(); ++j) row[j] = formula(one, b[j]);
    }
  }

  template <record R>
  void fetch(const columns<R>& from, std::vector<R>& host) const
  {
    host.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) host[i] = from[i];
  }

 private:
  static constexpr int wide = 16;   // one AVX-512 register of floats, two of AVX, four of SSE
  static constexpr int narrow = 4;  // where rows are transposed in blocks of 4 x 4

  template <int Lanes, record R>
  static rebind_t<R, packet<Lanes>> load(const columns<R>& from, std::size_t i)
  {
    rebind_t<R, packet<Lanes>> r;
    for (std::size_t c = 0; c < R::width; ++c)
      r[c] = Eigen::Map<const packet<Lanes>>(from.column(c) + i);
    return r;
  }

  template <int Lanes, record R>
  static rebind_t<R, packet<Lanes>> load(const rows<R>& from, std::size_t i)
  {
    rebind_t<R, packet<Lanes>> r;
    detail::transpose_rows<Lanes, R::width>(from.data() + i * R::width,
                                            [&](std::size_t c) { return r[c].data(); });
    return r;
  }

  template <int Lanes, class Table>
  static auto load(const gathered<Table>& from, std::size_t i)
  {
    using R = typename Table::record_type;
    rebind_t<R, packet<Lanes>> r;
    for (int lane = 0; lane < Lanes; ++lane) {
      const R one = from[i + static_cast<std::size_t>(lane)];
      for (std::size_t c = 0; c < R::width; ++c) r[c][lane] = one[c];
    }
    return r;
  }

  template <int Lanes, record P, record R>
  static void store(const P& p, columns<R>& out, std::size_t i)
  {
    for (std::size_t c = 0; c < R::width; ++c) Eigen::Map<packet<Lanes>>(out.column(c) + i) = p[c];
  }

  score_selector selector_;
};
static_assert(tensor_backend<eigen_backend<>>);

}  // namespace retinue
