// SPDX-License-Identifier: Apache-2.0
// Tables in host memory: records of one kind in two dimensions, images and the rows of each.
//
//   columns<box<float>>     owns x1 of all rows, then y1 of all, ...: what formulas like best
//   rows<offsets<float>>    views numbers of somebody else's, wherever they lie: rows one after the
//                           other as networks write them, transposed, strided, level by level
//   number_rows             the same where only the run knows how many numbers a row has: scores
//   gathered<Table>         views chosen rows of another table, in the order chosen
//
// All are read as table(image, row), a record, or as table[i] with images one after the other. A
// single image stands for all images where others have more, and a single row for all rows: anchors
// are (1, N), a threshold of each image (images, 1).
#pragma once

#include <retinue/error.hpp>     // fail
#include <retinue/geometry.hpp>  // record

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

namespace retinue {

/// The row of a table, images one after the other.
using row_index = std::uint32_t;

/// How many images, and rows of each.
struct table_shape {
  std::size_t images = 1, rows = 0;

  [[nodiscard]] constexpr std::size_t size() const { return images * rows; }
  friend constexpr bool operator==(const table_shape&, const table_shape&) = default;
};

/// Throws where records are not as many for each of the images.
inline void check_images(std::size_t records, std::size_t images)
{
  if (images == 0 ? records != 0 : records % images != 0)
    fail(records, " rows are not those of ", images, " images, expected as many of each");
}

/// One number a row: a score, a cost, a mark that is 0 or 1.
template <class T>
struct number {
  using value_type = T;
  template <class U>
  using rebind = number<U>;
  static constexpr std::size_t width = 1;

  T value;

  RETINUE_HD constexpr T& operator[](std::size_t) { return value; }
  RETINUE_HD constexpr const T& operator[](std::size_t) const { return value; }
  friend bool operator==(const number&, const number&) = default;
};
static_assert(record<number<float>>);

/// Read as table(image, row) and table[i]; shape() and size() tell how many there are.
template <class T>
concept host_table = requires(const T& table, std::size_t i) {
  typename T::record_type;
  requires record<typename T::record_type>;
  { table(i, i) } -> std::same_as<typename T::record_type>;
  { table[i] } -> std::same_as<typename T::record_type>;
  { table.shape() } -> std::same_as<table_shape>;
  { table.size() } -> std::same_as<std::size_t>;
};

/// Where number c of a row lies, seen from number 0 of row 0 of image 0. In numbers, not bytes.
struct table_strides {
  std::ptrdiff_t image = 0, row = 0, number = 1;

  friend constexpr bool operator==(const table_strides&, const table_strides&) = default;
};

/// What a view is told of numbers that lie row after row, image after image.
[[nodiscard]] constexpr table_strides contiguous(table_shape shape, std::size_t width)
{
  const auto w = static_cast<std::ptrdiff_t>(width);
  return {static_cast<std::ptrdiff_t>(shape.rows) * w, w, 1};
}
/// All first numbers of an image, then all second ones, ...: as YOLO's heads write them.
[[nodiscard]] constexpr table_strides transposed(table_shape shape, std::size_t width)
{
  const auto n = static_cast<std::ptrdiff_t>(shape.rows);
  return {static_cast<std::ptrdiff_t>(width) * n, 1, n};
}

/// One block of evenly spaced numbers: what a view of one level is.
template <class V>
struct table_block {
  const V* data = nullptr;
  table_shape shape{1, 0};
  table_strides strides{};

  [[nodiscard]] const V* at(std::size_t image, std::size_t row) const
  {
    return data + static_cast<std::ptrdiff_t>(image) * strides.image +
           static_cast<std::ptrdiff_t>(row) * strides.row;
  }
};

/// Rows in one block or in several, which follow one another in every image: level after level.
/// The blocks of several must outlive the view.
template <class V>
class blocks {
 public:
  using value_type = V;

  blocks() = default;
  explicit blocks(table_block<V> one) : one_(one), shape_(one.shape) {}
  /// Views levels, which must outlive the view. Throws where there are none, or where they are not
  /// of as many images each.
  explicit blocks(std::span<const table_block<V>> levels) : levels_(levels)
  {
    if (levels.empty()) fail("a table of no levels, expected one or more");
    shape_ = {levels[0].shape.images, 0};
    for (const table_block<V>& level : levels) {
      if (level.shape.images != shape_.images)
        fail("a table has levels of ", shape_.images, " and of ", level.shape.images,
             " images, expected as many in each");
      shape_.rows += level.shape.rows;
    }
  }

  [[nodiscard]] table_shape shape() const { return shape_; }
  [[nodiscard]] std::size_t size() const { return shape_.size(); }

  /// A row, and those that follow it in its block.
  [[nodiscard]] table_block<V> find(std::size_t image, std::size_t row) const
  {
    const table_block<V>* part = &one_;
    if (!levels_.empty())
      for (part = levels_.data(); row >= part->shape.rows; ++part) row -= part->shape.rows;
    return {part->at(first_image_ + image, row), {1, part->shape.rows - row}, part->strides};
  }
  [[nodiscard]] table_block<V> find(std::size_t i) const
  {
    const std::size_t image = shape_.images == 1 ? 0 : i / shape_.rows;
    return find(image, i - image * shape_.rows);
  }

 protected:
  void keep_image(std::size_t image)
  {
    first_image_ += image;
    shape_.images = 1;
  }

 private:
  table_block<V> one_;
  std::span<const table_block<V>> levels_;
  std::size_t first_image_ = 0;
  table_shape shape_{1, 0};
};

/// Records in numbers that lie anywhere. A view.
template <record R>
class rows : public blocks<typename R::value_type> {
 public:
  using record_type = R;
  using value_type = typename R::value_type;

  rows() = default;
  /// `data` holds (count, R::width) numbers, or is anything at all where R::width is 0.
  rows(const value_type* data, std::size_t count) : rows(data, table_shape{1, count}) {}
  /// (images, rows, R::width)
  rows(const value_type* data, table_shape shape) : rows(data, shape, contiguous(shape, R::width))
  {
  }
  rows(const value_type* data, table_shape shape, table_strides strides)
      : blocks<value_type>(table_block<value_type>{data, shape, strides})
  {
  }
  /// Level after level.
  explicit rows(std::span<const table_block<value_type>> levels) : blocks<value_type>(levels) {}
  explicit rows(const blocks<value_type>& of) : blocks<value_type>(of) {}

  [[nodiscard]] R operator()(std::size_t image, std::size_t row) const
  {
    if constexpr (R::width == 0)
      return R{};
    else
      return read(this->find(image, row));
  }
  [[nodiscard]] R operator[](std::size_t i) const
  {
    if constexpr (R::width == 0)
      return R{};
    else
      return read(this->find(i));
  }
  /// One image alone.
  [[nodiscard]] rows image(std::size_t i) const
  {
    rows one = *this;
    one.keep_image(i);
    return one;
  }

 private:
  static R read(const table_block<value_type>& at)
  {
    R r{};
    for (std::size_t c = 0; c < R::width; ++c)
      r[c] = at.data[static_cast<std::ptrdiff_t>(c) * at.strides.number];
    return r;
  }
};

/// The numbers of one row. Formulas of scores take anything with these two, be it a row, a packet
/// of rows or a batch.
template <class T>
struct number_row {
  using value_type = T;

  const T* data = nullptr;
  std::size_t count = 0;
  std::ptrdiff_t stride = 1;

  [[nodiscard]] RETINUE_HD std::size_t size() const { return count; }
  [[nodiscard]] RETINUE_HD T operator[](std::size_t c) const
  {
    return data[static_cast<std::ptrdiff_t>(c) * stride];
  }
};

/// What a network writes, (images, rows, numbers of a row), wherever it lies: scores, or records of
/// which `as` says what they are. A view.
class number_rows : public blocks<float> {
 public:
  using record_type = number_row<float>;

  number_rows() = default;
  number_rows(const float* data, std::size_t count, std::size_t numbers)
      : number_rows(data, table_shape{1, count}, numbers)
  {
  }
  number_rows(const float* data, table_shape shape, std::size_t numbers)
      : number_rows(data, shape, numbers, contiguous(shape, numbers))
  {
  }
  number_rows(const float* data, table_shape shape, std::size_t numbers, table_strides strides)
      : blocks(table_block<float>{data, shape, strides}), numbers_(numbers)
  {
  }
  /// Level after level.
  number_rows(std::span<const table_block<float>> levels, std::size_t numbers)
      : blocks(levels), numbers_(numbers)
  {
  }

  /// Of a row.
  [[nodiscard]] std::size_t numbers() const { return numbers_; }
  [[nodiscard]] number_row<float> operator()(std::size_t image, std::size_t row) const
  {
    const auto at = find(image, row);
    return {at.data, numbers_, at.strides.number};
  }
  [[nodiscard]] number_row<float> operator[](std::size_t i) const
  {
    const auto at = find(i);
    return {at.data, numbers_, at.strides.number};
  }
  /// One image alone.
  [[nodiscard]] number_rows image(std::size_t i) const
  {
    number_rows one = *this;
    one.keep_image(i);
    return one;
  }

 private:
  std::size_t numbers_ = 0;
};

/// Records stored component by component.
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
  void resize(std::size_t count) { resize(table_shape{1, count}); }
  void resize(table_shape shape)
  {
    if (shape.size() > stride_) {
      const std::size_t stride = (shape.size() + 15) / 16 * 16;
      values_.resize(stride * R::width);  // first: where it throws, the table stays as it was
      stride_ = stride;
    }
    shape_ = shape;
  }
  void assign(std::span<const R> records) { assign(records, 1); }
  /// As many of each image. Throws where they are not.
  void assign(std::span<const R> records, std::size_t images)
  {
    check_images(records.size(), images);
    resize(table_shape{images, records.size() / std::max<std::size_t>(images, 1)});
    for (std::size_t i = 0; i < records.size(); ++i) set(i, records[i]);
  }

  [[nodiscard]] table_shape shape() const { return shape_; }
  [[nodiscard]] std::size_t size() const { return shape_.size(); }
  [[nodiscard]] value_type* column(std::size_t c) { return values_.data() + c * stride_; }
  [[nodiscard]] const value_type* column(std::size_t c) const
  {
    return values_.data() + c * stride_;
  }
  /// From a number of a column to that of the next.
  [[nodiscard]] std::size_t stride() const { return stride_; }
  [[nodiscard]] R operator[](std::size_t i) const
  {
    R r{};
    for (std::size_t c = 0; c < R::width; ++c) r[c] = column(c)[i];
    return r;
  }
  [[nodiscard]] R operator()(std::size_t image, std::size_t row) const
  {
    return (*this)[image * shape_.rows + row];
  }
  void set(std::size_t i, const R& r)
  {
    for (std::size_t c = 0; c < R::width; ++c) column(c)[i] = r[c];
  }

 private:
  std::vector<value_type> values_;
  table_shape shape_{1, 0};
  std::size_t stride_ = 0;
};

namespace detail {
/// Throws where floats do not tell so many rows apart.
inline void check_numbered(std::size_t rows)
{
  if (rows > std::size_t{1} << 24)
    fail(rows, " rows were to be numbered by floats, expected 16777216 at most");
}
template <class A, class B>
[[nodiscard]] bool is_same_object(const A& a, const B& b)
{
  return static_cast<const void*>(&a) == static_cast<const void*>(&b);
}
}  // namespace detail

/// The rows `chosen` of a table, in that order, as those of one image. A view of both, which must
/// outlive it.
template <class Table>
class gathered {
 public:
  using record_type = typename Table::record_type;

  gathered(const Table& table, std::span<const row_index> chosen) : table_(&table), chosen_(chosen)
  {
  }
  gathered(const Table&&, std::span<const row_index>) = delete;

  [[nodiscard]] table_shape shape() const { return {1, chosen_.size()}; }
  [[nodiscard]] std::size_t size() const { return chosen_.size(); }
  [[nodiscard]] record_type operator[](std::size_t i) const { return (*table_)[chosen_[i]]; }
  [[nodiscard]] record_type operator()(std::size_t, std::size_t row) const { return (*this)[row]; }
  [[nodiscard]] std::span<const row_index> chosen() const { return chosen_; }

 private:
  const Table* table_;
  std::span<const row_index> chosen_;
};

static_assert(host_table<rows<box<float>>> && host_table<columns<box<double>>> &&
              host_table<gathered<rows<box<float>>>>);

}  // namespace retinue
