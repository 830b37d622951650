// SPDX-License-Identifier: Apache-2.0
// What the backends of host memory have beside tables of records: a sum that is learnt from, class
// scores, a table that is turned.
#pragma once

#include <retinue/backend/table.hpp>  // rows, row_index, table_shape
#include <retinue/error.hpp>          // fail
#include <retinue/geometry.hpp>       // record

#include <algorithm>
#include <cstddef>
#include <vector>

namespace retinue {

/// A sum over chosen rows of a network's output, and how it changes with each number of them: what
/// is learnt from. Rows are those of the whole batch, each at most once.
struct host_cost {
  double sum = 0;
  std::size_t width = 0;
  std::vector<row_index> rows;
  std::vector<float> slopes;  ///< (rows, width)

  void clear(std::size_t row_width)
  {
    sum = 0;
    width = row_width;
    rows.clear();
    slopes.clear();
  }
  /// Room for the slopes of one more row, all 0.
  float* add(row_index row)
  {
    rows.push_back(row);
    slopes.resize(slopes.size() + width);
    return slopes.data() + slopes.size() - width;
  }
  /// factor times the slopes of all (count, width) numbers, the zeros included.
  void write(double factor, float* out, std::size_t count) const
  {
    const auto scale = static_cast<float>(factor);
    std::fill_n(out, count * width, 0.0f);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      float* const row = out + rows[i] * width;
      for (std::size_t c = 0; c < width; ++c) row[c] = scale * slopes[i * width + c];
    }
  }
};

/// Class scores of its own, (images, rows, classes), row after row.
class class_table {
 public:
  void resize(table_shape shape, std::size_t classes)
  {
    values_.resize(shape.size() * classes);  // first: where it throws, the table stays as it was
    shape_ = shape;
    classes_ = classes;
  }
  [[nodiscard]] table_shape shape() const { return shape_; }
  [[nodiscard]] std::size_t classes() const { return classes_; }
  [[nodiscard]] float* row(std::size_t i) { return values_.data() + i * classes_; }
  [[nodiscard]] const float* data() const { return values_.data(); }

 private:
  std::vector<float> values_;
  table_shape shape_{1, 0};
  std::size_t classes_ = 0;
};

namespace detail {

/// A table of one image, (1, N), seen as that of N images, (N, 1); and the other way round.
template <class Table>
class turned {
 public:
  using record_type = typename Table::record_type;

  explicit turned(const Table& table) : table_(&table)
  {
    const table_shape shape = table.shape();
    if (shape.images != 1 && shape.rows != 1)
      fail("a table of ", shape.images, " images of ", shape.rows,
           " rows was turned, expected one image or one row");
  }
  [[nodiscard]] table_shape shape() const { return {table_->shape().rows, table_->shape().images}; }
  [[nodiscard]] std::size_t size() const { return table_->size(); }
  [[nodiscard]] record_type operator[](std::size_t i) const { return (*table_)[i]; }
  [[nodiscard]] record_type operator()(std::size_t image, std::size_t row) const
  {
    return (*table_)[image + row];
  }

 private:
  const Table* table_;
};

/// Where a formula of class scores writes those of a packet of rows.
struct class_writer {
  float* to;
  std::size_t classes, count;

  template <class Packet>
  void set(std::size_t c, Packet value) const
  {
    for (std::size_t k = 0; k < count; ++k) to[k * classes + c] = value.data()[k];
  }
};

template <class Table>
inline constexpr bool is_wide_rows = false;
template <record R>
inline constexpr bool is_wide_rows<rows<R>> = (R::width > 4);

/// The shape that all tables of a call have, or have one image or one row of.
template <class... In>
[[nodiscard]] table_shape common_shape(const In&... in)
{
  table_shape all{1, 1};
  const auto take = [](std::size_t& common, std::size_t given, const char* what) {
    if (given == common || given == 1) return;
    if (common != 1) fail("tables of ", common, " and of ", given, what, " were mapped together");
    common = given;
  };
  (take(all.images, in.shape().images, " images"), ...);
  (take(all.rows, in.shape().rows, " rows"), ...);
  return all;
}

/// One row, or the only one.
template <class Table>
[[nodiscard]] auto row_at(const Table& in, std::size_t image, std::size_t row)
{
  const table_shape shape = in.shape();
  return in(shape.images == 1 ? 0 : image, shape.rows == 1 ? 0 : row);
}

}  // namespace detail

}  // namespace retinue
