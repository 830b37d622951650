// SPDX-License-Identifier: Apache-2.0
// From the scores of all anchors to the few worth decoding; and the one order of scores that every
// family uses: best first, equal scores by their row, NaN last.
#pragma once

#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/backend/table.hpp>        // row_index
#include <retinue/error.hpp>                // fail

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Class scores as a network writes them: (rows, classes) probabilities, class 0 the background.
struct score_rows {
  const float* data = nullptr;
  std::size_t rows = 0, classes = 0;
};

/// The chosen pairs of an anchor's row and a class, best first.
struct selection {
  std::vector<row_index> rows;
  std::vector<std::int32_t> labels;
  std::vector<float> scores;

  [[nodiscard]] std::size_t size() const { return rows.size(); }
  void add(row_index row, std::int32_t label, float score)
  {
    rows.push_back(row);
    labels.push_back(label);
    scores.push_back(score);
  }
  void clear()
  {
    rows.clear();
    labels.clear();
    scores.clear();
  }
};

/// Chooses the pairs (row, class >= 1) that score more than a floor. Its buffers are reused.
class score_selector {
 public:
  /// At most `most` pairs, best first; equal scores in the order of row, then class.
  void operator()(const score_rows& from, float floor, std::size_t most, selection& chosen)
  {
    if (from.classes < 2)
      fail("the scores have ", from.classes, " classes, expected the background and at least one");
    found_.clear();
    for (std::size_t row = 0; row < from.rows; ++row) {
      const float* const scores = from.data + row * from.classes;
      for (std::size_t label = 1; label < from.classes; ++label)
        if (scores[label] > floor)
          found_.add(static_cast<row_index>(row), static_cast<std::int32_t>(label), scores[label]);
    }
    chosen.clear();
    const auto order = order_(found_.scores);
    for (const row_index at : order.first(std::min(most, order.size())))
      chosen.add(found_.rows[at], found_.labels[at], found_.scores[at]);
  }

 private:
  selection found_;
  score_order order_;
};

}  // namespace retinue
