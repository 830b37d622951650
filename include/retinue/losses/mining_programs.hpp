// SPDX-License-Identifier: Apache-2.0
// Which rows a loss learns from, as programs over a team: positives, and the negatives that
// hard_negatives or every_negative take.
//
//   rank_rows      a block for some rows   what a row is, and how wrong it is as background
//   mine_images    a block an image        the negatives that are learnt from, by radix selection
#pragma once

#include <retinue/backend/lane.hpp>           // lanes_of
#include <retinue/backend/radix_select.hpp>   // bound_of_least
#include <retinue/backend/team_outputs.hpp>   // some_rows
#include <retinue/compiler.hpp>               // RETINUE_HD
#include <retinue/losses/hard_negatives.hpp>  // mining_key
#include <retinue/losses/loss_view.hpp>       // loss_view, row_role

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace retinue {

/// Positives of background become negatives, those of a truth to be ignored nothing.
template <class Settings, class E = float>
struct rank_rows {
  static constexpr std::size_t threads = 256;
  struct shared {};

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchors.count;
      const verdict said = view.assigned.verdicts[row];
      row_role role = said == verdict::negative ? row_role::negative : row_role::nothing;
      if (said == verdict::positive) {
        const float label =
            view.batch.truths[view.batch.first[image] + view.assigned.truths[row]].label;
        role = label > 0 ? row_role::positive : label == 0 ? row_role::negative : row_role::nothing;
      }
      view.roles[row] = role;
      view.keys[row] = detail::no_negative;
      if (role != row_role::negative) return;
      const auto x = view.scores(image, row - image * view.anchors.count);
      view.keys[row] = detail::mining_key(
          settings.labels.wrong(lanes_of<std::remove_const_t<decltype(x)>>{x}).value);
    });
  }
};

/// The first so many of (key, row), found digit by digit of their 64 bits.
template <class Settings, class E = float>
struct mine_images {
  static constexpr std::size_t threads = 512;
  using shared = radix_bins;

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    const std::size_t n = view.anchors.count;
    row_role* const roles = view.roles + team.block() * n;
    const std::uint32_t* const keys = view.keys + team.block() * n;
    const auto count_of = [&](row_role role) {
      return team.template sum<std::uint32_t>(
          n, [&](std::size_t a) -> std::uint32_t { return roles[a] == role ? 1 : 0; });
    };
    const std::uint32_t positives = count_of(row_role::positive);
    const std::uint32_t negatives = count_of(row_role::negative);
    const std::size_t quota = settings.negatives(positives);
    const auto left = static_cast<std::uint32_t>(quota < negatives ? quota : negatives);
    if (left == 0) return;
    const auto word_of = [&](std::size_t a) {
      return keys[a] == detail::no_negative
                 ? no_word
                 : std::uint64_t{keys[a]} << 32 | static_cast<std::uint32_t>(a);
    };
    const std::uint64_t end =
        left == negatives ? no_word : bound_of_least(team, own, n, word_of, left);
    team.each(n, [&](std::size_t a) {
      if (roles[a] == row_role::negative && word_of(a) <= end) roles[a] = row_role::mined;
    });
  }
};

}  // namespace retinue
