// SPDX-License-Identifier: Apache-2.0
// What a network said of a batch, as programs over a team see it, and its rows shared out to
// blocks.
#pragma once

#include <retinue/backend/table.hpp>  // table_strides
#include <retinue/compiler.hpp>       // RETINUE_HD

#include <cstddef>
#include <cstdint>

namespace retinue {

/// What a network wrote, (images, rows, columns), of numbers E that turn into floats: float, or one
/// of half the size.
template <class E = float>
struct output_view {
  const E* data = nullptr;  ///< null: no such part
  std::uint32_t columns = 0;
  table_strides strides{};

  struct row {
    const E* data;
    std::uint32_t count;
    std::ptrdiff_t stride;

    [[nodiscard]] RETINUE_HD std::size_t size() const { return count; }
    [[nodiscard]] RETINUE_HD float operator[](std::size_t c) const
    {
      return static_cast<float>(data[static_cast<std::ptrdiff_t>(c) * stride]);
    }
  };
  [[nodiscard]] RETINUE_HD row operator()(std::size_t image, std::size_t r) const
  {
    return {data + static_cast<std::ptrdiff_t>(image) * strides.image +
                static_cast<std::ptrdiff_t>(r) * strides.row,
            columns, strides.number};
  }
};

/// What a network said of a batch, where a device sees it.
template <class E = float>
struct team_outputs {
  output_view<E> scores, boxes, points, quality;
};

/// How many rows of a batch a block has, of the programs that go over all.
inline constexpr std::size_t rows_of_block = 1024;
/// How many blocks those programs have for so many rows.
[[nodiscard]] constexpr std::size_t row_blocks(std::size_t rows)
{
  return (rows + rows_of_block - 1) / rows_of_block;
}

namespace detail {

/// The rows of one block.
struct some_rows {
  std::size_t first, count;

  RETINUE_HD some_rows(std::size_t block, std::size_t rows)
      : first(block * rows_of_block),
        count(rows - first < rows_of_block ? rows - first : rows_of_block)
  {
  }
};

}  // namespace detail

}  // namespace retinue
