// SPDX-License-Identifier: Apache-2.0
// A program that uses every operation of a team, and notes what came of each.
#pragma once

#include <retinue/backend/team.hpp>
#include <retinue/compiler.hpp>

#include <cstddef>
#include <cstdint>

namespace retinue::test {

/// What a block notes; zeros before.
struct operation_notes {
  static constexpr std::size_t items = 700, crowds = 41, lanes = 70;

  std::uint32_t visits[items], before[items];
  std::uint32_t of_lanes[crowds][lanes], of_crowd[crowds];
  std::uint32_t once, whole, block, added, most;
  std::uint64_t widest, published;
  std::uint32_t sums[3];
  double sum;

  friend bool operator==(const operation_notes&, const operation_notes&) = default;
};

struct every_operation {
  static constexpr std::size_t threads = 256;
  struct shared {
    std::uint32_t drawn[operation_notes::items];
  };

  operation_notes* blocks = nullptr;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    using notes = operation_notes;
    notes& to = blocks[team.block()];
    team.each(notes::items, [&](std::size_t i) {
      Team::add(to.visits[i], 1u);
      own.drawn[i] = static_cast<std::uint32_t>((i * 7919 + team.block()) % 101);
    });
    team.each_by_warp(notes::crowds, [&](std::size_t i, const auto& lanes) {
      lanes.each(notes::lanes, [&](std::size_t j) { Team::add(to.of_lanes[i][j], 1u); });
      lanes.once([&] { Team::add(to.of_crowd[i], to.of_lanes[i][notes::lanes - 1]); });
    });
    team.once([&] {
      Team::add(to.once, 1u);
      to.block = team.block() + 1;
    });
    const auto added = [&](std::uint32_t k) {
      return team.template sum<std::uint32_t>(notes::items,
                                              [&](std::size_t i) { return own.drawn[i] + k; });
    };
    const std::uint32_t first = added(0), second = added(1), third = added(2);
    const double sum = team.template sum<double>(
        notes::items, [&](std::size_t i) { return own.drawn[notes::items - 1 - i]; });
    const std::uint32_t whole = team.sum_before(
        notes::items, [&](std::size_t i) { return own.drawn[i]; },
        [&](std::size_t i, std::uint32_t all) { to.before[i] = all; });
    // Every thread has what was returned.
    team.each(notes::items, [&](std::size_t i) {
      Team::raise(to.most, own.drawn[i] + whole);
      Team::raise(to.widest, std::uint64_t{own.drawn[i]} << 32 | second);
      Team::add(to.added, first + third + static_cast<std::uint32_t>(sum));
    });
    team.once([&] {
      to.whole = whole, to.sum = sum;
      to.sums[0] = first, to.sums[1] = second, to.sums[2] = third;
      Team::publish(to.published, std::uint64_t{1} << 40 | whole);
    });
    // A block of a lower number has been published before, or is about to be.
    team.once([&] {
      if (team.block() == 0) return;
      while (Team::peek(blocks[team.block() - 1].published) == 0) {
      }
      to.before[0] = blocks[team.block() - 1].whole;
    });
  }
};

}  // namespace retinue::test
