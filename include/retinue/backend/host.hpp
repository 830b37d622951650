// SPDX-License-Identifier: Apache-2.0
// The backend of host memory, with nothing but the standard library: tables are columns, and
// formulas run on packets of rows.
//
// A packet lives in registers; a whole column would cost a temporary in memory for every operation
// of a formula. Rows of a network's output become packets by transposing blocks. Nothing is
// allocated once tables and lists have grown to their size.
//
//   host_backend      packets of this library
//   eigen_backend     Eigen's: backend/eigen.hpp
#pragma once

#include <retinue/backend.hpp>                // tensor_backend, best_row
#include <retinue/backend/host_tables.hpp>    // host_cost, class_table
#include <retinue/backend/packet.hpp>         // packet
#include <retinue/backend/packet_reader.hpp>  // packet_reader
#include <retinue/backend/score_order.hpp>    // score_order
#include <retinue/backend/table.hpp>          // rows, columns, gathered
#include <retinue/error.hpp>                  // fail
#include <retinue/formulas/dual.hpp>          // as_inputs

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

/// Packets of this library.
struct standard_packets {
  template <class T, std::size_t N>
  using packet = retinue::packet<T, N>;
  static constexpr std::size_t wide = 8;
};

/// Copy it freely: each copy has its own buffers, and one copy serves one thread at a time.
template <class Packets>
class basic_host_backend {
 public:
  template <record R>
  using table = columns<R>;
  template <record R>
  using view = rows<R>;
  using output = number_rows;
  using score_table = class_table;
  using list = std::vector<row_index>;
  using cost = host_cost;

  /// Throws where rows have other than R::width numbers; `what` they are is for the message.
  template <record R>
  [[nodiscard]] rows<R> as(const number_rows& of, const char* what) const
  {
    constexpr std::size_t width = R::width;  // g++ 14 has no R::width for whoever imports a module
    if (of.numbers() != width)
      fail("the network's ", what, " have ", of.numbers(), " numbers a row, expected ", width);
    return rows<R>(of);
  }

  template <record R>
  void put(std::span<const R> host, std::size_t images, columns<R>& out) const
  {
    out.assign(host, images);
  }
  void put(std::span<const row_index> host, list& out) const
  {
    out.resize(host.size());
    for (std::size_t i = 0; i < host.size(); ++i) out[i] = host[i];
  }
  template <host_table Table>
  void fetch(const Table& from, std::vector<typename Table::record_type>& host) const
  {
    host.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) host[i] = from[i];
  }
  void fetch(const list& from, std::vector<row_index>& host) const { host = from; }

  template <class Formula, record R, class... In>
  void map(const Formula& formula, columns<R>& out, const In&... in) const
  {
    const table_shape shape = detail::common_shape(in...);
    if (out.shape() != shape && (detail::is_same_object(out, in) || ...)) {
      columns<R> grown;  // for who reads what is written may not see it move
      map(formula, grown, in...);
      out = std::move(grown);
      return;
    }
    out.resize(shape);
    typename R::value_type* const to = out.column(0);
    const std::size_t stride = out.stride();
    each_packet<lanes_for<In...>>(
        shape,
        [=](auto made, std::size_t image, std::size_t row, auto count) {
          [&]<std::size_t... C>(std::index_sequence<C...>) {
            (std::memcpy(to + C * stride + image * shape.rows + row, made[C].data(),
                         count * sizeof(typename R::value_type)),
             ...);
          }(std::make_index_sequence<R::width>{});
        },
        formula, in...);
  }

  template <class Formula, class... In>
  void map_classes(const Formula& formula, std::size_t classes, class_table& out,
                   const number_rows& from, const In&... in) const
  {
    const table_shape shape = detail::common_shape(from, in...);
    out.resize(shape, classes);
    each_rows<Packets::wide>(
        shape,
        [&](std::size_t image, std::size_t row, auto count, const auto& x, const auto&... beside) {
          formula(x, detail::class_writer{out.row(image * shape.rows + row), classes, count},
                  beside...);
        },
        from, in...);
  }
  [[nodiscard]] rows<number<float>> elements(const class_table& of) const
  {
    return {of.data(), table_shape{of.shape().images, of.shape().rows * of.classes()}};
  }

  template <class Formula, class... In>
  void most(const Formula& formula, columns<best_row<float>>& out, const In&... in) const
  {
    const table_shape shape = detail::common_shape(in...);
    detail::check_numbered(shape.rows);
    out.resize(table_shape{shape.images, 1});
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < shape.images; ++i) out.set(i, {nothing, 0});
    each_packet<lanes_for<In...>>(
        shape,
        [&](auto values, std::size_t image, std::size_t row, auto count) {
          float& most = out.column(0)[image];
          for (std::size_t k = 0; k < count; ++k)
            if (values.data()[k] > most) {
              most = values.data()[k];
              out.column(1)[image] = static_cast<float>(row + k);
            }
        },
        formula, in...);
  }

  template <class Formula, class... In>
  void total(const Formula& formula, columns<number<float>>& out, const In&... in) const
  {
    const table_shape shape = detail::common_shape(in...);
    out.resize(table_shape{shape.images, 1});
    for (std::size_t image = 0; image < shape.images; ++image) {
      double sum = 0;
      for (std::size_t row = 0; row < shape.rows; ++row)
        sum += static_cast<double>(formula(detail::row_at(in, image, row)...));
      out.set(image, {static_cast<float>(sum)});
    }
  }

  /// Slopes by the formula's own with_slopes of packets of rows, or with_slope of a row, or carried
  /// along by `dual`.
  template <class Formula, class Table, class... In>
  void add_cost(const Formula& formula, host_cost& to, const gathered<Table>& said, const In&... in)
  {
    using said_type = typename gathered<Table>::record_type;
    if constexpr (requires(const packets_of<gathered<Table>>& x, std::span<wide_packet> slopes,
                           const packets_of<In>&... beside) {
                    formula.with_slopes(x, slopes, beside...);
                  }) {
      slopes_.resize(to.width);
      each_rows<Packets::wide>(
          {1, said.size()},
          [&](std::size_t, std::size_t row, auto count, const auto& x, const auto&... beside) {
            wide_packet costs = formula.with_slopes(x, std::span(slopes_), beside...);
            for (std::size_t k = 0; k < count; ++k) {
              float* const slope = to.add(said.chosen()[row + k]);
              for (std::size_t c = 0; c < to.width; ++c) slope[c] = slopes_[c].data()[k];
              to.sum += static_cast<double>(costs.data()[k]);
            }
          },
          said, in...);
      return;
    }
    for (std::size_t i = 0; i < said.size(); ++i) {
      const said_type x = said[i];
      const std::span<float> slope(to.add(said.chosen()[i]), to.width);
      if constexpr (requires { formula.with_slope(x, slope, detail::row_at(in, 0, i)...); }) {
        to.sum += static_cast<double>(formula.with_slope(x, slope, detail::row_at(in, 0, i)...));
      } else {
        constexpr std::size_t n = said_type::width;
        const auto value = formula(as_inputs(x), as_constants<n>(detail::row_at(in, 0, i))...);
        std::copy(value.slope.begin(), value.slope.end(), slope.begin());
        to.sum += static_cast<double>(value.value);
      }
    }
  }
  void clear(host_cost& of, std::size_t width) const { of.clear(width); }

  template <host_table Table>
  void best(const Table& values, std::size_t most, list& out)
  {
    const table_shape shape = values.shape();
    const std::size_t count = std::min(most, shape.rows);
    out.clear();
    for (std::size_t image = 0; image < shape.images; ++image) {
      scores_.resize(shape.rows);
      for (std::size_t row = 0; row < shape.rows; ++row) scores_[row] = values(image, row).value;
      const std::span<const row_index> order = order_(scores_, count);
      const auto first = static_cast<row_index>(image * shape.rows);
      for (const row_index row : order) out.push_back(first + row);
    }
  }

  template <host_table Table>
  void compact(const Table& marks, list& out) const
  {
    out.resize(marks.size());
    std::size_t count = 0;  // without a branch: no processor foresees which rows are marked
    for (std::size_t i = 0; i < marks.size(); ++i) {
      out[count] = static_cast<row_index>(i);
      count += marks[i].value > 0;
    }
    out.resize(count);
  }

  template <class Table>
  [[nodiscard]] gathered<Table> gather(const Table& from, const list& chosen) const
  {
    return {from, chosen};
  }
  /// `out` may be one of the others.
  void gather(const list& from, const list& chosen, list& out)
  {
    picked_.resize(chosen.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) picked_[i] = from[chosen[i]];
    out.assign(picked_.begin(), picked_.end());
  }
  void append(const list& from, std::size_t offset, list& to) const
  {
    const std::size_t count = from.size();  // both may be one
    for (std::size_t i = 0; i < count; ++i) to.push_back(static_cast<row_index>(from[i] + offset));
  }
  template <host_table Table, record R>
  void scatter(const Table& values, const list& to, columns<R>& out) const
  {
    for (std::size_t i = 0; i < to.size(); ++i) out.set(to[i], values[i]);
  }

  void divide(const list& from, std::size_t by, list& quotients, list& remainders) const
  {
    quotients.resize(from.size());
    remainders.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto divisor = static_cast<row_index>(by);
      const row_index quotient = from[i] / divisor;
      remainders[i] = from[i] - quotient * divisor;
      quotients[i] = quotient;
    }
  }
  void number_of(const list& from, columns<number<float>>& out) const
  {
    out.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) out.set(i, {static_cast<float>(from[i])});
  }
  template <record R>
  void rows_of(const columns<R>& numbers, list& out) const
  {
    out.resize(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i)
      out[i] = static_cast<row_index>(numbers.column(R::width - 1)[i]);
  }
  void count(table_shape shape, columns<number<float>>& out) const
  {
    detail::check_numbered(shape.rows);
    out.resize(shape);
    for (std::size_t i = 0; i < shape.size(); ++i)
      out.set(i, {static_cast<float>(i % std::max<std::size_t>(shape.rows, 1))});
  }
  template <host_table Table>
  [[nodiscard]] detail::turned<Table> across(const Table& of) const
  {
    return detail::turned<Table>(of);
  }

 private:
  using wide_packet = typename Packets::template packet<float, Packets::wide>;
  template <class Table>
  using packets_of = typename detail::packet_reader<Packets, Packets::wide, Table>::packets;
  static constexpr std::size_t narrow = 4;  // where rows are transposed in blocks of 4 x 4
  template <class... In>
  static constexpr std::size_t lanes_for =
      (detail::is_wide_rows<In> || ...) ? narrow : Packets::wide;

  /// Calls done(image, row, count, packets...) for all rows, `count` of them at once: as many as a
  /// packet holds, or those that are left in a block. All go through packets, so that what comes of
  /// a row does not depend on where it stands.
  template <std::size_t Lanes, class Done, class... In>
  static void each_rows(table_shape shape, const Done& done, const In&... in)
  {
    std::tuple<detail::packet_reader<Packets, Lanes, In>...> readers(in...);
    std::apply(
        [&](auto&... read) {
          for (std::size_t image = 0; image < shape.images; ++image) {
            (read.enter_image(image), ...);
            for (std::size_t row = 0; row < shape.rows;) {
              const std::size_t end = row + std::min({shape.rows - row, read.enter_block(row)...});
              if ((read.is_plain() && ...))
                row = plain_rows<Lanes>(image, row, end, done, read...);
              else if (row + Lanes <= end)
                row = mixed_rows<Lanes>(image, row, end, done, read...);
              if (row < end) last_rows(image, row, end - row, done, read...);
              row = end;
            }
          }
        },
        readers);
  }

  /// The same for whole packets of rows side by side; returns the first row that is left. All is
  /// taken by value: what nobody else can see stays in registers while results are stored.
  template <std::size_t Lanes, class Done, class... Readers>
  RETINUE_FLATTEN static std::size_t plain_rows(std::size_t image, std::size_t row, std::size_t end,
                                                Done done, Readers... read)
  {
    constexpr std::integral_constant<std::size_t, Lanes> whole{};  // known where it is used
    for (; row + Lanes <= end; row += Lanes) done(image, row, whole, read(row)...);
    return row;
  }

  /// The same where a table has a single row, which is read once, or rows that lie apart.
  template <std::size_t Lanes, class Done, class... Readers>
  RETINUE_FLATTEN RETINUE_NOINLINE static std::size_t mixed_rows(std::size_t image, std::size_t row,
                                                                 std::size_t end, Done done,
                                                                 Readers... read)
  {
    constexpr std::integral_constant<std::size_t, Lanes> whole{};
    std::tuple<typename Readers::packets...> now{read(row, 1)...};
    std::apply(
        [&](auto&... packets) {
          for (; row + Lanes <= end; row += Lanes) {
            ((read.has_one_row() ? void() : void(packets = read.spaced(row))), ...);
            done(image, row, whole, packets...);
          }
        },
        now);
    return row;
  }

  /// The same for fewer rows than a packet holds. Apart, as they seldom are.
  template <class Done, class... Readers>
  RETINUE_NOINLINE static void last_rows(std::size_t image, std::size_t row, std::size_t count,
                                         const Done& done, const Readers&... read)
  {
    done(image, row, count, read(row, count)...);
  }

  /// Calls done(formula(packets...), image, row, count).
  template <std::size_t Lanes, class Done, class Formula, class... In>
  static void each_packet(table_shape shape, const Done& done, const Formula& formula,
                          const In&... in)
  {
    each_rows<Lanes>(
        shape,
        [=](std::size_t image, std::size_t row, auto count, const auto&... packets) {
          done(formula(packets...), image, row, count);
        },
        in...);
  }

  std::vector<float> scores_;
  std::vector<wide_packet> slopes_;
  list picked_;
  score_order order_;
};

/// Host memory, with packets of this library: needs the standard library alone.
using host_backend = basic_host_backend<standard_packets>;

}  // namespace retinue
