// SPDX-License-Identifier: Apache-2.0
// Rows of tables as packets: of eight boxes the eight x1, the eight y1, and so on, whatever the
// table and wherever its rows lie.
//
//   columns           loaded as they are
//   rows              side by side, blocks of them are transposed; apart, number by number
//   numbers of rows   read when a formula asks for one
//   anything else     record by record
#pragma once

#include <retinue/backend/table.hpp>      // rows, columns, gathered
#include <retinue/backend/transpose.hpp>  // transpose_rows
#include <retinue/compiler.hpp>           // RETINUE_INLINE, RETINUE_REGISTER_BYTES

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <limits>

namespace retinue::detail {

/// A packet of rows of numbers; lanes beyond the first `count` repeat the last.
template <class Packet>
struct packet_row {
  const float* data;
  std::size_t numbers;
  table_strides strides;
  std::ptrdiff_t count;

  [[nodiscard]] std::size_t size() const { return numbers; }
  [[nodiscard]] Packet operator[](std::size_t c) const
  {
    Packet x;
    const float* at = data + static_cast<std::ptrdiff_t>(c) * strides.number;
    float* const to = x.data();
    if (count < lanes)
      for (std::ptrdiff_t k = 0; k < lanes; ++k) to[k] = at[std::min(k, count - 1) * strides.row];
    else if (strides.row == 2)  // known to the compiler, two classes are unzipped in registers
      for (std::ptrdiff_t k = 0; k < lanes; ++k) to[k] = at[k * 2];
    else
      for (std::ptrdiff_t k = 0; k < lanes; ++k) to[k] = at[k * strides.row];
    return x;
  }

 private:
  static constexpr std::ptrdiff_t lanes = sizeof(Packet) / sizeof(float);
};

/// A packet of rows of numbers that were gathered.
template <class Packet, std::size_t Lanes>
struct gathered_row {
  using value_type = Packet;

  std::array<number_row<float>, Lanes> lane;

  [[nodiscard]] std::size_t size() const { return lane[0].count; }
  [[nodiscard]] Packet operator[](std::size_t c) const
  {
    Packet x;
    for (std::size_t k = 0; k < Lanes; ++k) x.data()[k] = lane[k][c];
    return x;
  }
};

/// Register by register: moved as bytes, g++ takes them half by half where it computes with AVX2,
/// and whoever reads the whole waits.
template <std::size_t Lanes, class V>
RETINUE_INLINE void copy_packet(const V* from, V* to)
{
  constexpr std::size_t step = std::min<std::size_t>(RETINUE_REGISTER_BYTES / sizeof(V), Lanes);
  using vector [[gnu::vector_size(step * sizeof(V))]] = V;
  for (std::size_t k = 0; k < Lanes; k += step) {
    vector v;
    std::memcpy(&v, from + k, sizeof v);
    std::memcpy(to + k, &v, sizeof v);
  }
}

/// Reads one table packet by packet, image after image. What it needs is at hand, not in the table:
/// stores of results could change that, as far as a compiler knows.
template <class Packets, std::size_t Lanes, class Table>
class packet_reader {
  using R = typename Table::record_type;
  using V = typename R::value_type;

 public:
  using packets = rebind_t<R, typename Packets::template packet<V, Lanes>>;

  explicit packet_reader(const Table& in) : in_(&in), shape_(in.shape()) {}

  [[nodiscard]] bool has_one_row() const { return shape_.rows == 1; }
  void enter_image(std::size_t image)
  {
    image_ = shape_.images == 1 ? 0 : image;
    if constexpr (std::same_as<Table, columns<R>>) {
      data_ = in_->column(0) + image_ * shape_.rows;
      strides_ = {0, 1, static_cast<std::ptrdiff_t>(in_->stride())};
    }
  }
  /// How many rows from this one on lie evenly spaced.
  std::size_t enter_block(std::size_t row)
  {
    if constexpr (std::same_as<Table, rows<R>> && R::width > 0)
      if (shape_.rows > 1) {
        const auto at = in_->find(image_, row);
        data_ = at.data - static_cast<std::ptrdiff_t>(row) * at.strides.row;
        strides_ = at.strides;
        return at.shape.rows;
      }
    return std::numeric_limits<std::size_t>::max();
  }

  /// Whether operator() reads this block: there are more rows than one, and they lie side by side.
  [[nodiscard]] bool is_plain() const
  {
    if constexpr (std::same_as<Table, rows<R>> && R::width > 0)
      if (strides_.number != 1 || strides_.row != static_cast<std::ptrdiff_t>(R::width))
        return false;
    return !has_one_row();
  }
  [[nodiscard]] packets operator()(std::size_t row) const
  {
    packets r;
    if constexpr (R::width == 0) {
    } else if constexpr (std::same_as<Table, columns<R>>) {
      for (std::size_t c = 0; c < R::width; ++c) copy_packet<Lanes>(number(row, c), r[c].data());
    } else if constexpr (std::same_as<Table, rows<R>>) {
      transpose_rows<Lanes, R::width>(data_ + row * R::width,
                                      [&](std::size_t c) { return r[c].data(); });
    } else {
      for (std::size_t lane = 0; lane < Lanes; ++lane)
        set_lane(r, lane, (*in_)(image_, row + lane));
    }
    return r;
  }
  /// However the rows lie. Apart, since lanes that are written one by one keep a packet in memory.
  [[nodiscard]] packets spaced(std::size_t row) const
  {
    packets r;
    if constexpr (std::same_as<Table, rows<R>> && R::width > 0) {
      for (std::size_t c = 0; c < R::width; ++c)
        if (strides_.row == 1)
          copy_packet<Lanes>(number(row, c), r[c].data());
        else
          for (std::size_t lane = 0; lane < Lanes; ++lane)
            r[c].data()[lane] = *number(row + lane, c);
    } else {
      r = (*this)(row);
    }
    return r;
  }
  /// Lanes beyond `count` repeat the last.
  [[nodiscard]] packets operator()(std::size_t row, std::size_t count) const
  {
    packets r;
    if constexpr (R::width > 0)
      for (std::size_t lane = 0; lane < Lanes; ++lane)
        set_lane(r, lane, (*in_)(image_, shape_.rows == 1 ? 0 : row + std::min(lane, count - 1)));
    return r;
  }

 private:
  [[nodiscard]] const V* number(std::size_t row, std::size_t c) const
  {
    return data_ + static_cast<std::ptrdiff_t>(row) * strides_.row +
           static_cast<std::ptrdiff_t>(c) * strides_.number;
  }
  static void set_lane(packets& to, std::size_t lane, const R& one)
  {
    for (std::size_t c = 0; c < R::width; ++c) to[c].data()[lane] = one[c];
  }

  const Table* in_;
  table_shape shape_;
  std::size_t image_ = 0;
  const V* data_ = nullptr;
  table_strides strides_{};
};

/// Of numbers that only the run knows how many there are of.
template <class Packets, std::size_t Lanes>
class packet_reader<Packets, Lanes, number_rows> {
 public:
  using packets = packet_row<typename Packets::template packet<float, Lanes>>;

  explicit packet_reader(const number_rows& in) : in_(&in), shape_(in.shape()) {}
  [[nodiscard]] bool has_one_row() const { return shape_.rows == 1; }
  [[nodiscard]] bool is_plain() const { return !has_one_row(); }
  [[nodiscard]] packets spaced(std::size_t row) const { return (*this)(row); }
  void enter_image(std::size_t image) { image_ = shape_.images == 1 ? 0 : image; }
  std::size_t enter_block(std::size_t row)
  {
    block_ = in_->find(image_, shape_.rows == 1 ? 0 : row);
    first_ = row;
    return shape_.rows == 1 ? std::numeric_limits<std::size_t>::max() : block_.shape.rows;
  }
  [[nodiscard]] packets operator()(std::size_t row) const { return (*this)(row, Lanes); }
  [[nodiscard]] packets operator()(std::size_t row, std::size_t count) const
  {
    const bool one = shape_.rows == 1;
    return {one ? block_.data : block_.at(0, row - first_), in_->numbers(),
            one ? table_strides{0, 0, block_.strides.number} : block_.strides,
            static_cast<std::ptrdiff_t>(count)};
  }

 private:
  const number_rows* in_;
  table_shape shape_;
  std::size_t image_ = 0, first_ = 0;
  table_block<float> block_;
};

template <class Packets, std::size_t Lanes>
class packet_reader<Packets, Lanes, gathered<number_rows>> {
 public:
  using packets = gathered_row<typename Packets::template packet<float, Lanes>, Lanes>;

  explicit packet_reader(const gathered<number_rows>& in) : in_(&in) {}
  [[nodiscard]] bool has_one_row() const { return in_->size() == 1; }
  [[nodiscard]] bool is_plain() const { return !has_one_row(); }
  [[nodiscard]] packets spaced(std::size_t row) const { return (*this)(row); }
  void enter_image(std::size_t) {}
  std::size_t enter_block(std::size_t) { return std::numeric_limits<std::size_t>::max(); }
  [[nodiscard]] packets operator()(std::size_t row) const { return (*this)(row, Lanes); }
  [[nodiscard]] packets operator()(std::size_t row, std::size_t count) const
  {
    packets r;
    for (std::size_t lane = 0; lane < Lanes; ++lane)
      r.lane[lane] = (*in_)[in_->size() == 1 ? 0 : row + std::min(lane, count - 1)];
    return r;
  }

 private:
  const gathered<number_rows>* in_;
};

}  // namespace retinue::detail
