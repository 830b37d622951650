// SPDX-License-Identifier: Apache-2.0
// Greedy suppression: take the best box, drop every box that overlaps it by more than a threshold,
// go on with the best of the rest.
//
//   kept = { b : no kept a with a better score has iou(a, b) > overlap }
//
// The result is exactly that of comparing all pairs; only pairs that cannot overlap enough are left
// out (suppress/reach.hpp). Boxes are sorted into octaves of size, and within an octave into the
// cells of a grid. A kept box then marks what it suppresses: a few runs of cells, eight boxes at a
// time, in any order.
#pragma once

#include <retinue/backend/packet.hpp>       // packet
#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou, continuous
#include <retinue/geometry.hpp>             // to_corners
#include <retinue/suppress/reach.hpp>       // sized_box, box_reach
#include <retinue/suppress/suppressor.hpp>  // box_range, kept_rows
#include <retinue/suppress/tables.hpp>      // suppress_tables

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Lengths = inclusive_pixels is the +1 convention of py_cpu_nms, with boxes in pixels.
template <class Lengths = continuous>
class greedy_suppressor {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// Boxes overlapping by more than `overlap` are one object; at most `keep` are kept. Throws where
  /// `overlap` is not 0 to 1.
  explicit greedy_suppressor(float overlap = 0.4f, std::size_t keep = unlimited)
      : overlap_(overlap), keep_(keep)
  {
    if (!(overlap >= 0 && overlap <= 1))
      fail("the overlap for suppression is ", overlap, ", expected 0 to 1");
  }

  /// Degenerate boxes (no area, or not finite) overlap nothing and are kept. Throws where there are
  /// not as many scores as boxes.
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    if (std::size(boxes) != scores.size())
      fail("suppression was given ", std::size(boxes), " boxes but ", scores.size(), " scores");
    sort_into_cells(boxes);
    rows_.clear();
    scores_.clear();
    for (const row_index row : order_(scores)) {
      if (rows_.size() == keep_) break;
      const std::uint32_t place = place_[row];
      if (place != nowhere && dropped_[place]) continue;
      rows_.push_back(row);
      scores_.push_back(scores[row]);
      if (place != nowhere) drop_what_overlaps(place);
    }
    return {rows_, scores_};
  }

  /// The same by class where the tables of a backend lie: boxes best first, and out come the places
  /// of those kept.
  template <tensor_backend B>
  void in_tables(B& b, const typename B::template table<box<float>>& boxes,
                 const typename B::template table<candidate<float>>& found,
                 typename B::list& kept) const
  {
    suppress_tables(b, boxes, found, iou_of<Lengths>{}, overlap_, kept);
  }

 private:
  static constexpr std::uint32_t nowhere = ~std::uint32_t{0};
  using numbers = packet<float>;
  using marks = packet<std::uint32_t>;
  static constexpr std::size_t block = numbers::lanes;

  /// The grid of cells over the centres of one octave's boxes.
  struct octave {
    std::uint32_t boxes = 0, columns = 1, rows = 1, first_cell = 0;
    float cells_per_x = 0, cells_per_y = 0;
  };

  static std::uint32_t cell_along(float cell, std::uint32_t cells)
  {
    return cell > 0 ? static_cast<std::uint32_t>(std::min(cell, static_cast<float>(cells - 1))) : 0;
  }

  /// Counts boxes by octave, lays a grid over each octave, and sorts the boxes by cell.
  template <class Boxes>
  void sort_into_cells(const Boxes& boxes)
  {
    const std::size_t n = std::size(boxes);
    octave_.fill({});
    place_.assign(n, std::uint32_t{nowhere});  // a copy: see basic_host_backend::as
    corners_.resize(n);
    widest_ = tallest_ = 0;
    left_ = top_ = std::numeric_limits<float>::max();
    float right = std::numeric_limits<float>::lowest(), bottom = right;
    for (std::size_t i = 0; i < n; ++i) {
      const auto given = to_corners(boxes[i]);
      const box<float> b{static_cast<float>(given.x1), static_cast<float>(given.y1),
                         static_cast<float>(given.x2), static_cast<float>(given.y2)};
      corners_[i] = b;
      const detail::sized_box<Lengths> sized(b);
      if (!sized.overlaps()) continue;  // if it does, its corners are finite
      widest_ = std::max(widest_, sized.w), tallest_ = std::max(tallest_, sized.h);
      left_ = std::min(left_, sized.cx), right = std::max(right, sized.cx);
      top_ = std::min(top_, sized.cy), bottom = std::max(bottom, sized.cy);
      ++octave_[detail::octave_of(sized.area)].boxes;
      place_[i] = 0;
    }

    std::uint32_t cells = 0;
    for (std::uint32_t at = 0; at < detail::size_octaves; ++at) {
      if (octave_[at].boxes == 0) continue;
      octave_[at].first_cell = cells;
      lay_grid(octave_[at], detail::side_of(at), right - left_, bottom - top_);
      cells += octave_[at].columns * octave_[at].rows;
    }
    cell_begin_.assign(cells + 2, 0);  // counted two places up: filling leaves begins behind
    cell_of_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (place_[i] == nowhere) continue;
      const detail::sized_box<Lengths> sized(corners_[i]);
      const octave& o = octave_[detail::octave_of(sized.area)];
      cell_of_[i] = o.first_cell + row_of(o, sized.cy) * o.columns + column_of(o, sized.cx);
      ++cell_begin_[cell_of_[i] + 2];
    }
    std::uint32_t placed = 0;
    for (std::uint32_t& begin : cell_begin_) begin = placed += begin;

    const std::size_t padded = (placed + block - 1) / block * block;
    for (auto& side : sides_) side.assign(padded, 0.0f);
    dropped_.assign(padded, 0);
    for (std::size_t i = 0; i < n; ++i) {
      if (place_[i] == nowhere) continue;
      const std::uint32_t place = cell_begin_[cell_of_[i] + 1]++;
      for (std::size_t c = 0; c < 4; ++c) sides_[c][place] = corners_[i][c];
      place_[i] = place;
    }
  }

  /// Cells about half a box wide and one box tall, so that a neighbourhood is few rows; but at most
  /// one cell for four boxes, since sixteen are tested as fast as one, however far they lie apart.
  static void lay_grid(octave& o, float side, float across, float down)
  {
    const double most = double(o.boxes) / 4 + 4;
    double columns = double(across) / (0.5 * double(side)) + 1,
           rows = double(down) / double(side) + 1;
    if (const double excess = columns * rows / most; excess > 1) {
      columns = std::max(1.0, columns / std::sqrt(excess));
      rows = std::min(rows, std::max(1.0, most / columns));
      columns = std::min(columns, std::max(1.0, most / rows));
    }
    o.columns = static_cast<std::uint32_t>(columns);
    o.rows = static_cast<std::uint32_t>(rows);
    o.cells_per_x = across > 0 ? static_cast<float>(o.columns) / across : 0.0f;
    o.cells_per_y = down > 0 ? static_cast<float>(o.rows) / down : 0.0f;
  }

  [[nodiscard]] std::uint32_t column_of(const octave& o, float x) const
  {
    return cell_along((x - left_) * o.cells_per_x, o.columns);
  }
  [[nodiscard]] std::uint32_t row_of(const octave& o, float y) const
  {
    return cell_along((y - top_) * o.cells_per_y, o.rows);
  }

  void drop_what_overlaps(std::uint32_t place)
  {
    const box<float> b{sides_[0][place], sides_[1][place], sides_[2][place], sides_[3][place]};
    const detail::sized_box<Lengths> sized(b);
    const detail::box_reach near(sized, overlap_, widest_, tallest_);
    for (std::uint32_t at = near.smallest; at <= near.largest; ++at) {
      const octave& o = octave_[at];
      if (o.boxes == 0) continue;
      const std::uint32_t first = column_of(o, sized.cx - near.x),
                          last = column_of(o, sized.cx + near.x);
      const std::uint32_t bottom = row_of(o, sized.cy + near.y);
      for (std::uint32_t row = row_of(o, sized.cy - near.y); row <= bottom; ++row) {
        const std::uint32_t cells = o.first_cell + row * o.columns;
        drop_run(b, cell_begin_[cells + first], cell_begin_[cells + last + 1]);
      }
    }
  }

  /// Tests whole blocks around the run: a box that is far away stays as it is.
  void drop_run(const box<float>& b, std::size_t from, std::size_t to)
  {
    const auto limit = numbers::all(overlap_);
    const auto yes = marks::all(1);
    const box<numbers> of{numbers::all(b.x1), numbers::all(b.y1), numbers::all(b.x2),
                          numbers::all(b.y2)};
    for (std::size_t at = from / block * block; at < to; at += block) {
      const auto shared = iou<Lengths>(
          of, box<numbers>{numbers::load(&sides_[0][at]), numbers::load(&sides_[1][at]),
                           numbers::load(&sides_[2][at]), numbers::load(&sides_[3][at])});
      std::uint32_t* const dropped = &dropped_[at];
      where_less(limit, shared, yes, marks::load(dropped)).store(dropped);
    }
  }

  float overlap_;
  std::size_t keep_;
  score_order order_;
  float left_ = 0, top_ = 0;        // of all centres
  float widest_ = 0, tallest_ = 0;  // sides
  std::array<octave, detail::size_octaves> octave_;
  std::vector<box<float>> corners_;
  std::vector<std::uint32_t> place_, cell_of_, cell_begin_, dropped_;
  std::array<std::vector<float>, 4> sides_;  // x1, y1, x2, y2 by place
  std::vector<row_index> rows_;
  std::vector<float> scores_;
};

}  // namespace retinue
