// SPDX-License-Identifier: Apache-2.0
// Tables in host memory: N records of one kind, as columns of our own or as rows of somebody
// else's.
//
//   columns<box<float>>         owns x1 of all rows, then y1 of all rows, ...: what formulas like
//   best rows<offsets<float>>        views (N, 4) floats, row after row: what networks write
//   gathered<Table>             views chosen rows of another table, in the order chosen
//
// All three are read as table[i], a record, and size().
#pragma once

#include <retinue/geometry.hpp>  // record

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// The row of a table.
using row_index = std::uint32_t;

/// Read as table[i] and size().
template <class T>
concept host_table = requires(const T& table, std::size_t i) {
  typename T::record_type;
  requires record<typename T::record_type>;
  { table[i] } -> std::same_as<typename T::record_type>;
  { table.size() } -> std::same_as<std::size_t>;
};

/// N records stored row after row, width numbers each. A view.
template <record R>
class rows {
 public:
  using record_type = R;
  using value_type = typename R::value_type;

  rows() = default;
  /// `data` holds (count, R::width) numbers, or is anything at all where R::width is 0.
  rows(const value_type* data, std::size_t count) : data_(data), count_(count) {}

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const value_type* data() const { return data_; }
  [[nodiscard]] R operator[](std::size_t i) const
  {
    R r{};
    for (std::size_t c = 0; c < R::width; ++c) r[c] = data_[i * R::width + c];
    return r;
  }

 private:
  const value_type* data_ = nullptr;
  std::size_t count_ = 0;
};

/// N records stored component by component.
template <record R>
class columns {
 public:
  using record_type = R;
  using value_type = typename R::value_type;

  columns() = default;
  explicit columns(std::size_t count) { resize(count); }
  explicit columns(std::span<const R> records) { assign(records); }

  /// Values are unspecified afterwards. Storage never shrinks, so that a table that has been as
  /// large before is resized without allocating.
  void resize(std::size_t count)
  {
    if (count > stride_) {
      stride_ = (count + 15) / 16 * 16;
      values_.resize(stride_ * R::width);
    }
    count_ = count;
  }
  void assign(std::span<const R> records)
  {
    resize(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) set(i, records[i]);
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] value_type* column(std::size_t c) { return values_.data() + c * stride_; }
  [[nodiscard]] const value_type* column(std::size_t c) const
  {
    return values_.data() + c * stride_;
  }
  [[nodiscard]] R operator[](std::size_t i) const
  {
    R r{};
    for (std::size_t c = 0; c < R::width; ++c) r[c] = column(c)[i];
    return r;
  }
  void set(std::size_t i, const R& r)
  {
    for (std::size_t c = 0; c < R::width; ++c) column(c)[i] = r[c];
  }

 private:
  std::vector<value_type> values_;
  std::size_t count_ = 0, stride_ = 0;
};

/// The rows `chosen` of a table, in that order. A view of both.
template <host_table Table>
class gathered {
 public:
  using record_type = typename Table::record_type;

  gathered(const Table& table, std::span<const row_index> chosen) : table_(&table), chosen_(chosen)
  {
  }

  [[nodiscard]] std::size_t size() const { return chosen_.size(); }
  [[nodiscard]] record_type operator[](std::size_t i) const { return (*table_)[chosen_[i]]; }

 private:
  const Table* table_;
  std::span<const row_index> chosen_;
};

static_assert(host_table<rows<box<float>>> && host_table<columns<box<double>>> &&
              host_table<gathered<rows<box<float>>>>);

}  // namespace retinue
