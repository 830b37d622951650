// SPDX-License-Identifier: Apache-2.0
// Greedy suppression as programs over a team: each box looks back at better ones.
//
//   look_back      kept(i) = no j before i of the same class is kept and overlaps i by more
//   collect_kept   the places of those kept, rising, at most so many, and how many
//
// Boxes of an image come best first; each image has room for as many, and its own number of them. A
// few threads take a box by a ticket, in the order of scores, and wait only for boxes with lower
// tickets, which others have in hand already: so nobody waits for ever. Boxes that do not overlap
// enough are never waited for. What is kept is what greedy_suppressor keeps of each group: a class,
// an image of a batch, or both.
#pragma once

#include <retinue/backend/table.hpp>     // row_index
#include <retinue/candidate.hpp>         // candidate
#include <retinue/compiler.hpp>          // RETINUE_HD
#include <retinue/formulas/overlap.hpp>  // iou, continuous
#include <retinue/geometry.hpp>          // box

#include <array>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// What became of a box.
enum class box_fate : std::uint32_t { open, kept, dropped };

/// Decides the fate of every box, as at the top of this header.
template <class Lengths = continuous>
struct look_back {
  static constexpr std::size_t threads = 512, boxes_of_block = 16;
  struct shared {
    std::array<std::uint32_t, boxes_of_block> place, dropped;
  };

  const box<float>* boxes = nullptr;        ///< (images, room), best first
  const candidate<float>* found = nullptr;  ///< (images, room): their classes
  const std::uint32_t* counts = nullptr;    ///< (images): how many there are
  std::uint32_t* fates = nullptr;           ///< (images, room) box_fate, all open
  std::uint32_t* ticket = nullptr;          ///< one, 0
  std::uint32_t images = 0, room = 0;
  float overlap = 0.4f;

  [[nodiscard]] std::size_t blocks() const
  {
    return (std::size_t{images} * room + boxes_of_block - 1) / boxes_of_block;
  }

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    team.each_by_warp(boxes_of_block, [&](std::size_t w, const auto& lanes) {
      lanes.once([&] {
        own.place[w] = Team::add(*ticket, 1);
        own.dropped[w] = 0;
      });
      const std::uint32_t i = own.place[w];
      if (i >= images * room || i % room >= counts[i / room]) return;
      const box<float> one = boxes[i];
      const std::uint32_t first = i / room * room;
      lanes.each(i - first, [&](std::size_t before) {
        const std::size_t j = first + before;
        if (found[j].label != found[i].label || !(iou<Lengths>(boxes[j], one) > overlap)) return;
        if (Team::peek(own.dropped[w]) != 0) return;
        std::uint32_t fate;
        do fate = Team::peek(fates[j]);
        while (fate == static_cast<std::uint32_t>(box_fate::open));
        if (fate == static_cast<std::uint32_t>(box_fate::kept)) Team::raise(own.dropped[w], 1);
      });
      lanes.once([&] {
        Team::publish(fates[i],
                      static_cast<std::uint32_t>(Team::peek(own.dropped[w]) ? box_fate::dropped
                                                                            : box_fate::kept));
      });
    });
  }
};

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
