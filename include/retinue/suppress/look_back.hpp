// SPDX-License-Identifier: Apache-2.0
// Greedy suppression as programs over a team: each box looks back at better ones nearby.
//
//   count_cells, begin_cells, fill_cells   boxes sorted by class, octave of size, and cell
//   look_back      kept(i) = no j before i of the same class is kept and overlaps i by more
//   collect_kept   the places of those kept, rising, at most so many, and how many
//
// Boxes of an image come best first; each image has room for as many, and its own number of them. A
// few threads take a box by a ticket, in the order of scores, and wait only for boxes with lower
// tickets, which others have in hand already: so nobody waits for ever. They look at the boxes of
// the cells within reach (suppress/reach.hpp), row by row, or, where those are too many rows, at
// each of the better boxes. Boxes that do not overlap enough are never waited for. What is kept is
// what greedy_suppressor keeps of each group: a class, an image of a batch, or both. In which order
// a cell has its boxes changes nothing.
#pragma once

#include <retinue/backend/table.hpp>     // row_index
#include <retinue/candidate.hpp>         // candidate
#include <retinue/compiler.hpp>          // RETINUE_HD
#include <retinue/formulas/overlap.hpp>  // iou, continuous
#include <retinue/geometry.hpp>          // box
#include <retinue/suppress/reach.hpp>    // sized_box, box_reach

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// What became of a box.
enum class box_fate : std::uint32_t { open, kept, dropped };

/// A box where its cell has it.
struct cell_box {
  box<float> bounds;
  float label = 0;
  std::uint32_t place = 0;  ///< among the boxes of its image
};

/// The boxes of each image, sorted by cells. Those of a row follow each other; several cells may
/// be one, for there are no more than so many.
struct cell_view {
  std::uint32_t* begins = nullptr;  ///< (images, cells + 1): where each begins; 0 before
  std::uint32_t* ranks = nullptr;   ///< (images, room): which of its cell's a box is
  cell_box* boxes = nullptr;        ///< (images, room)
  std::uint32_t cells = 1;          ///< of an image, a power of two

  /// As many as have about four boxes each.
  [[nodiscard]] RETINUE_HD static std::uint32_t cells_for(std::uint32_t room)
  {
    return std::bit_ceil(room / 4 + 1);
  }
};

namespace detail {

/// The cells of an octave are squares of its side.
struct size_cells {
  float per_length;

  RETINUE_HD explicit size_cells(std::uint32_t octave) : per_length(1 / side_of(octave)) {}

  /// Which column, or row; those far outside are one.
  [[nodiscard]] RETINUE_HD std::int32_t along(float x) const
  {
    constexpr float most = 1 << 29;
    const float at = x * per_length;
    const float within = at < -most ? -most : at > most ? most : at;
    const auto cell = static_cast<std::int32_t>(within);
    return static_cast<float>(cell) > within ? cell - 1 : cell;
  }
};

/// The cell of column 0 of a row; that of another is as many further on, modulo all.
[[nodiscard]] RETINUE_HD inline std::uint32_t first_of_row(float label, std::uint32_t octave,
                                                           std::int32_t row)
{
  std::uint32_t mixed = std::bit_cast<std::uint32_t>(label) * 0x9E3779B1u + octave * 0x85EBCA77u +
                        static_cast<std::uint32_t>(row) * 0xC2B2AE3Du;
  mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6Du;
  return mixed ^ mixed >> 12;
}

/// The cell of a box that overlaps.
template <class Lengths>
[[nodiscard]] RETINUE_HD std::uint32_t cell_of(const sized_box<Lengths>& b, float label,
                                               std::uint32_t cells)
{
  const std::uint32_t octave = octave_of(b.area);
  const size_cells own(octave);
  return (first_of_row(label, octave, own.along(b.cy)) +
          static_cast<std::uint32_t>(own.along(b.cx))) &
         (cells - 1);
}

/// The rows of cells within reach of a box, octave by octave.
class near_rows {
 public:
  template <class Lengths>
  RETINUE_HD near_rows(const sized_box<Lengths>& b, float overlap)
  {
    const box_reach reach(b, overlap);
    centres_ = {b.cx - reach.x, b.cy - reach.y, b.cx + reach.x, b.cy + reach.y};
    smallest_ = reach.smallest, largest_ = reach.largest;
  }

  /// Whether there are more than so many.
  [[nodiscard]] RETINUE_HD bool more_than(std::uint32_t most) const
  {
    float all = 0;  // for they may be more than any whole number
    for (std::uint32_t at = smallest_; at <= largest_; ++at) {
      const size_cells own(at);
      all += static_cast<float>(own.along(centres_.y2)) -
             static_cast<float>(own.along(centres_.y1)) + 1;
      if (all > static_cast<float>(most)) return true;
    }
    return false;
  }

  /// Calls f(from, to) with the places of the boxes of each row, in one run or two.
  template <class F>
  RETINUE_HD void each_run(const std::uint32_t* begins, std::uint32_t cells, float label,
                           const F& f) const
  {
    for (std::uint32_t at = smallest_; at <= largest_; ++at) {
      const size_cells own(at);
      const std::int32_t left = own.along(centres_.x1), last = own.along(centres_.y2);
      const std::uint32_t columns = static_cast<std::uint32_t>(own.along(centres_.x2) - left) + 1;
      for (std::int32_t row = own.along(centres_.y1); row <= last; ++row) {
        std::uint32_t from =
            (first_of_row(label, at, row) + static_cast<std::uint32_t>(left)) & (cells - 1);
        for (std::uint32_t rest = columns < cells ? columns : cells; rest > 0; from = 0) {
          const std::uint32_t to = rest < cells - from ? from + rest : cells;
          f(begins[from], begins[to]);
          rest -= to - from;
        }
      }
    }
  }

 private:
  box<float> centres_;  // they lie in it
  std::uint32_t smallest_, largest_;
};

}  // namespace detail

/// What the programs of one suppression see.
struct suppression_view {
  const box<float>* boxes = nullptr;        ///< (images, room), best first
  const candidate<float>* found = nullptr;  ///< (images, room): their classes
  const std::uint32_t* counts = nullptr;    ///< (images): how many there are
  cell_view cells;
  std::uint32_t* fates = nullptr;   ///< (images, room) box_fate, all open before
  std::uint32_t* ticket = nullptr;  ///< one, 0 before
  std::uint32_t images = 0, room = 0;
  float overlap = 0.4f;

  /// Places of boxes, in all images together.
  [[nodiscard]] RETINUE_HD std::size_t all() const { return std::size_t{images} * room; }
};

namespace detail {
/// Calls f(i, begins of its cell) for those of a block's `count` boxes that overlap anything.
template <class Lengths, class Team, class F>
RETINUE_HD void each_in_cell(Team& team, std::size_t count, const suppression_view& view,
                             const F& f)
{
  team.each(count, [&](std::size_t k) {
    const std::size_t i = team.block() * count + k;
    if (i >= view.all() || i % view.room >= view.counts[i / view.room]) return;
    const sized_box<Lengths> b(view.boxes[i]);
    if (!b.overlaps()) return;
    const cell_view& in = view.cells;
    f(i, in.begins[i / view.room * (std::size_t{in.cells} + 1) +
                   cell_of(b, view.found[i].label, in.cells)]);
  });
}
}  // namespace detail

/// Counts the boxes of every cell: a block for some boxes.
template <class Lengths = continuous>
struct count_cells {
  static constexpr std::size_t threads = 256;
  struct shared {};

  suppression_view view;

  [[nodiscard]] std::size_t blocks() const { return (view.all() + threads - 1) / threads; }

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    detail::each_in_cell<Lengths>(team, threads, view, [&](std::size_t i, std::uint32_t& cell) {
      view.cells.ranks[i] = Team::add(cell, 1);
    });
  }
};

/// Makes beginnings of counts: a block for each image.
struct begin_cells {
  static constexpr std::size_t threads = 512;
  struct shared {};

  suppression_view view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const std::uint32_t cells = view.cells.cells;
    std::uint32_t* const own = view.cells.begins + team.block() * (std::size_t{cells} + 1);
    const std::uint32_t all = team.sum_before(
        cells, [&](std::size_t i) { return own[i]; },
        [&](std::size_t i, std::uint32_t before) { own[i] = before; });
    team.once([&] { own[cells] = all; });
  }
};

/// Puts every box that overlaps anything into its cell: a block for some boxes.
template <class Lengths = continuous>
struct fill_cells {
  static constexpr std::size_t threads = 256;
  struct shared {};

  suppression_view view;

  [[nodiscard]] std::size_t blocks() const { return (view.all() + threads - 1) / threads; }

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    detail::each_in_cell<Lengths>(team, threads, view, [&](std::size_t i, std::uint32_t& cell) {
      const std::size_t own = i % view.room;
      view.cells.boxes[i - own + cell + view.cells.ranks[i]] = {view.boxes[i], view.found[i].label,
                                                                static_cast<std::uint32_t>(own)};
    });
  }
};

/// Decides the fate of every box, as at the top of this header.
template <class Lengths = continuous>
struct look_back {
  static constexpr std::size_t threads = 256, boxes_of_block = 8;
  struct shared {
    std::array<std::uint32_t, boxes_of_block> place, dropped;
  };

  suppression_view view;

  [[nodiscard]] std::size_t blocks() const
  {
    return (view.all() + boxes_of_block - 1) / boxes_of_block;
  }

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    team.each_by_warp(boxes_of_block, [&](std::size_t w, const auto& lanes) {
      lanes.once([&] {
        own.place[w] = Team::add(*view.ticket, 1);
        own.dropped[w] = 0;
      });
      const std::uint32_t i = own.place[w], room = view.room;
      if (i >= view.images * room || i % room >= view.counts[i / room]) return;
      const box<float> one = view.boxes[i];
      const float label = view.found[i].label;
      const std::uint32_t image = i / room, first = image * room, better = i - first;
      const auto look = [&](std::uint32_t before, const box<float>& other, float its) {
        if (its != label || !(iou<Lengths>(other, one) > view.overlap)) return;
        if (Team::peek(own.dropped[w]) != 0) return;
        std::uint32_t fate;
        do fate = Team::peek(view.fates[first + before]);
        while (fate == static_cast<std::uint32_t>(box_fate::open));
        if (fate == static_cast<std::uint32_t>(box_fate::kept)) Team::raise(own.dropped[w], 1);
      };
      if (const detail::sized_box<Lengths> sized(one); sized.overlaps()) {
        const detail::near_rows near(sized, view.overlap);
        constexpr std::uint32_t at_once = threads / boxes_of_block;  // a row is at least a step
        if (near.more_than(better / at_once)) {
          lanes.each(better, [&](std::size_t before) {
            look(static_cast<std::uint32_t>(before), view.boxes[first + before],
                 view.found[first + before].label);
          });
        } else {
          const cell_view& in = view.cells;
          near.each_run(in.begins + image * (std::size_t{in.cells} + 1), in.cells, label,
                        [&](std::uint32_t from, std::uint32_t to) {
                          lanes.each(to - from, [&](std::size_t k) {
                            const cell_box& other = in.boxes[first + from + k];
                            if (other.place < better) look(other.place, other.bounds, other.label);
                          });
                        });
        }
      }
      lanes.once([&] {
        Team::publish(view.fates[i],
                      static_cast<std::uint32_t>(Team::peek(own.dropped[w]) ? box_fate::dropped
                                                                            : box_fate::kept));
      });
    });
  }
};

/// Decides the fates of all boxes.
template <class Lengths = continuous, class Blocks>
void decide_fates(Blocks& blocks, const suppression_view& view)
{
  const count_cells<Lengths> count{view};
  const fill_cells<Lengths> fill{view};
  const look_back<Lengths> look{view};
  blocks.run(count.blocks(), count);
  blocks.run(view.images, begin_cells{view});
  blocks.run(fill.blocks(), fill);
  blocks.run(look.blocks(), look);
}

/// A block for each image.
struct collect_kept {
  static constexpr std::size_t threads = 512;
  struct shared {};

  const std::uint32_t* fates = nullptr;   ///< (images, room)
  const std::uint32_t* counts = nullptr;  ///< (images)
  row_index* kept = nullptr;              ///< (images, most): places among the boxes of the image
  std::uint32_t* kept_counts = nullptr;   ///< (images): how many are written
  std::uint32_t room = 0, most = 0;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const std::uint32_t* const own = fates + std::size_t{team.block()} * room;
    row_index* const to = kept + std::size_t{team.block()} * most;
    const auto is_kept = [&](std::size_t i) {
      return own[i] == static_cast<std::uint32_t>(box_fate::kept);
    };
    const std::uint32_t all = team.sum_before(
        counts[team.block()], [&](std::size_t i) -> std::uint32_t { return is_kept(i) ? 1 : 0; },
        [&](std::size_t i, std::uint32_t before) {
          if (is_kept(i) && before < most) to[before] = static_cast<row_index>(i);
        });
    team.once([&] { kept_counts[team.block()] = all < most ? all : most; });
  }
};

}  // namespace retinue
