// SPDX-License-Identifier: Apache-2.0
// The pairs of rows and columns that cost least together, no row and no column twice.
//
// Shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987): row after row
// takes the column to which the cheapest chain of exchanges leads. O(rows^2 columns) for the lesser
// number of rows; memory is that of the columns.
#pragma once

#include <retinue/error.hpp>  // fail

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

/// Keeps its buffers from call to call.
class least_cost_pairs {
 public:
  static constexpr std::size_t none = ~std::size_t{0};

  /// Of (rows, columns) costs, row after row, the column of each row: `none` for those left over
  /// where there are more rows than columns. Throws where a cost is not finite.
  std::span<const std::size_t> operator()(std::span<const float> costs, std::size_t rows,
                                          std::size_t columns)
  {
    if (costs.size() != rows * columns)
      fail("a table of ", rows, " x ", columns, " costs has ", costs.size(), " numbers");
    for (std::size_t i = 0; i < costs.size(); ++i)
      if (!std::isfinite(costs[i]))
        fail("the cost of row ", i / columns, " and column ", i % columns, " is ", costs[i],
             ", expected a finite number");
    column_of_.assign(rows, none);
    if (rows <= columns)
      solve(rows, columns,
            [&](std::size_t r, std::size_t c) { return double(costs[r * columns + c]); });
    else
      solve(columns, rows,
            [&](std::size_t r, std::size_t c) { return double(costs[c * columns + r]); });
    for (std::size_t c = 0; c < owner_.size(); ++c)
      if (owner_[c] != none) {
        if (rows <= columns)
          column_of_[owner_[c]] = c;
        else
          column_of_[c] = owner_[c];
      }
    return column_of_;
  }

 private:
  /// Fills owner_, the row of each column. No more rows than columns.
  template <class Cost>
  void solve(std::size_t rows, std::size_t columns, const Cost& cost)
  {
    owner_.assign(columns, none);
    of_row_.assign(rows, 0);
    of_column_.assign(columns, 0);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (std::size_t row = 0; row < rows; ++row) {
      way_.assign(columns, infinity);  // the least that it costs to come to a column
      from_.assign(columns, none);     // and by which column
      done_.assign(columns, 0);
      std::size_t at = none, next = none, r = row;
      double walked = 0;
      do {
        if (at != none) {
          done_[at] = 1;
          r = owner_[at];
        }
        double least = infinity;
        for (std::size_t c = 0; c < columns; ++c) {
          if (done_[c]) continue;
          const double by_here = walked + cost(r, c) - of_row_[r] - of_column_[c];
          if (by_here < way_[c]) way_[c] = by_here, from_[c] = at;
          if (way_[c] < least) least = way_[c], next = c;
        }
        walked = least;
        at = next;
      } while (owner_[at] != none);
      // Potentials, so that no pair costs less than its two and those taken cost just as much.
      of_row_[row] += walked;
      for (std::size_t c = 0; c < columns; ++c)
        if (done_[c]) {
          of_row_[owner_[c]] += walked - way_[c];
          of_column_[c] -= walked - way_[c];
        }
      for (; from_[at] != none; at = from_[at]) owner_[at] = owner_[from_[at]];
      owner_[at] = row;
    }
  }

  std::vector<std::size_t> column_of_, owner_, from_;
  std::vector<double> of_row_, of_column_, way_;
  std::vector<char> done_;
};

}  // namespace retinue
