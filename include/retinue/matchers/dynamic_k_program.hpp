// SPDX-License-Identifier: Apache-2.0
// Matching by what the network says as programs over a team: the verdicts and qualities of
// dynamic_k_matcher, for outputs that lie in memory of a device.
//
//   enter_bids    a block for some rows   which anchors may answer, and what they say
//   list_bids     a block an image        those, rising
//   choose_bids   a block a truth         how many it may have, and the cheapest of them
//   settle_bids   a block for some rows   one that several want goes to the cheapest
//
// Costs are those of packets, lane by lane, and are computed again wherever they are asked for:
// no table of pairs is written. Blocks say whom they want by counting and by the largest number, so
// the order in which they come does not matter.
#pragma once

#include <retinue/backend/lane.hpp>               // lane
#include <retinue/backend/radix_select.hpp>       // bound_of_least, falling_word
#include <retinue/backend/table.hpp>              // row_index
#include <retinue/backend/team_outputs.hpp>       // some_rows, row_blocks
#include <retinue/compiler.hpp>                   // RETINUE_HD
#include <retinue/geometry.hpp>                   // box
#include <retinue/matchers/dynamic_k.hpp>         // dynamic_k_matcher, bid_for
#include <retinue/matchers/predictions_view.hpp>  // predictions_view

#include <cstddef>
#include <cstdint>
#include <limits>

namespace retinue {

/// All that the programs of one batch see.
template <class Labels, class Coder, class E = float>
struct bids_view : predictions_view<Labels, Coder, E> {
  dynamic_k_matcher::settings settings;

  std::uint32_t* bidder_counts = nullptr;  ///< (images)
  row_index* bidders = nullptr;            ///< (images, anchors): those that may answer, rising
  float* backgrounds = nullptr;            ///< (images, anchors): what they cost as background
  std::uint32_t* wanted = nullptr;         ///< (images, anchors): by how many truths
  std::uint32_t* last = nullptr;           ///< (images, anchors): 1 more than the last of those

  /// What truth t offers an anchor that may answer.
  [[nodiscard]] RETINUE_HD detail::bid<float> bid_of(std::size_t t, std::size_t image,
                                                     std::size_t a) const
  {
    const std::size_t row = image * this->anchor_count + a;
    const detail::bidder<lane> who{this->anchor(a), this->said_of(row), {backgrounds[row]}};
    const auto by = [&](const auto& formula) {
      const auto found = formula(this->scores_of(image, a), who, this->truth(t));
      return detail::bid<float>{found.cost.value, found.overlap.value};
    };
    const auto& s = settings;
    if (s.bid == bidding::soft)
      return by(detail::soft_bid_for<Labels>{this->labels, s.radius, s.class_weight, s.iou_weight});
    return by(detail::bid_for<Labels>{this->labels, s.radius, s.class_weight, s.iou_weight});
  }
};

/// Finds the anchors that may answer for any truth of their image.
template <class Labels, class Coder, class E = float>
struct enter_bids {
  static constexpr std::size_t threads = 256;
  struct shared {};

  bids_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchor_count,
                        a = row - image * view.anchor_count;
      view.wanted[row] = view.last[row] = 0;
      view.truths[row] = 0;
      view.qualities[row] = 1;
      const bool enters = may_answer(image, a);
      // Until all is settled, a verdict says who bids.
      view.verdicts[row] = enters ? verdict::ignored : verdict::negative;
      if (!enters) return;
      const box<lane> said = view.decode(image, a);
      const detail::enter_bid<Labels> enter{view.labels, view.settings.bid == bidding::soft};
      view.backgrounds[row] =
          enter(view.scores_of(image, a), view.anchor(a), said).background.value;
    });
  }

 private:
  [[nodiscard]] RETINUE_HD bool may_answer(std::size_t image, std::size_t a) const
  {
    const auto& s = view.settings;
    const detail::may_answer may{s.bid == bidding::soft ? 0 : s.radius};
    for (std::size_t t = view.batch.first[image]; t < view.batch.first[image + 1]; ++t)
      if (may(view.anchor(a), view.truth(t)).value > 0) return true;
    return false;
  }
};

/// Lists those of an image.
template <class Labels, class Coder, class E = float>
struct list_bids {
  static constexpr std::size_t threads = 512;
  struct shared {};

  bids_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const std::size_t first = std::size_t{team.block()} * view.anchor_count;
    const auto bids = [&](std::size_t a) { return view.verdicts[first + a] == verdict::ignored; };
    const std::uint32_t all = team.sum_before(
        view.anchor_count, [&](std::size_t a) -> std::uint32_t { return bids(a) ? 1 : 0; },
        [&](std::size_t a, std::uint32_t before) {
          if (bids(a)) view.bidders[first + before] = static_cast<row_index>(a);
        });
    team.once([&] { view.bidder_counts[team.block()] = all; });
  }
};

/// Says whom a truth wants.
template <class Labels, class Coder, class E = float>
struct choose_bids {
  static constexpr std::size_t threads = 256;
  using shared = radix_bins;

  bids_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    const std::size_t t = team.block();
    if (t >= view.batch.first[view.images]) return;
    const std::size_t image = view.batch.image_of(t, view.images);
    const std::uint32_t n = view.bidder_counts[image];
    if (n == 0 || view.truth(t).ignored.value > 0) return;
    const row_index* const bidders = view.bidders + image * view.anchor_count;
    const auto most =
        static_cast<std::uint32_t>(view.settings.candidates < n ? view.settings.candidates : n);
    const auto bound_of = [&](const auto& word_of, std::uint32_t count) {
      return count < n ? bound_of_least(team, own, n, word_of, count) : no_word;
    };

    const auto overlap_of = [&](std::size_t i) {
      const box<float>& said = view.said[image * view.anchor_count + bidders[i]];
      return iou(said, view.batch.truths[t].bounds);
    };
    const auto by_overlap = [&](std::size_t i) {
      return falling_word(overlap_of(i), static_cast<std::uint32_t>(i));
    };
    const std::uint64_t largest = bound_of(by_overlap, most);
    const auto sum = static_cast<float>(team.template sum<double>(n, [&](std::size_t i) {
      return by_overlap(i) <= largest ? static_cast<double>(overlap_of(i)) : 0.0;
    }));
    const std::uint32_t quota = quota_of(sum, most);
    if (quota == 0) return;

    const auto by_cost = [&](std::size_t i) {
      return falling_word(0 - view.bid_of(t, image, bidders[i]).cost,
                          static_cast<std::uint32_t>(i));
    };
    const std::uint64_t cheapest = bound_of(by_cost, quota);
    team.each(n, [&](std::size_t i) {
      if (by_cost(i) > cheapest) return;
      const std::size_t row = image * view.anchor_count + bidders[i];
      if (!(view.bid_of(t, image, bidders[i]).cost < std::numeric_limits<float>::max())) return;
      Team::add(view.wanted[row], 1);
      Team::raise(view.last[row], static_cast<std::uint32_t>(t - view.batch.first[image] + 1));
    });
  }

 private:
  /// As many of the places 0 to most - 1 as are within it, by the formula of the tables.
  [[nodiscard]] RETINUE_HD static std::uint32_t quota_of(float sum, std::uint32_t most)
  {
    std::uint32_t quota = 0;
    for (std::uint32_t place = 0; place < most; ++place)
      if (detail::within_quota{}(number<lane>{{static_cast<float>(place)}}, number<lane>{{sum}})
              .value.value > 0)
        ++quota;
    return quota;
  }
};

/// The verdicts.
template <class Labels, class Coder, class E = float>
struct settle_bids {
  static constexpr std::size_t threads = 256;
  struct shared {};

  bids_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchor_count,
                        a = row - image * view.anchor_count;
      if (view.verdicts[row] != verdict::ignored) return;
      view.verdicts[row] = view.wanted[row] > 0 ? verdict::positive : verdict::negative;
      if (view.wanted[row] == 0) return;
      const std::uint32_t from = view.batch.first[image];
      const std::uint32_t t = view.wanted[row] == 1 ? view.last[row] - 1 : cheapest(image, a, from);
      view.truths[row] = t;
      view.qualities[row] = iou(view.said[row], view.batch.truths[from + t].bounds);
    });
  }

 private:
  /// Of all truths, whether they want it or not.
  [[nodiscard]] RETINUE_HD std::uint32_t cheapest(std::size_t image, std::size_t a,
                                                  std::uint32_t from) const
  {
    std::uint32_t best = 0;
    float least = std::numeric_limits<float>::max();
    for (std::uint32_t t = from; t < view.batch.first[image + 1]; ++t)
      if (const float cost = view.bid_of(t, image, a).cost; cost < least) {
        least = cost;
        best = t - from;
      }
    return best;
  }
};

/// The verdicts and qualities of a batch, on the blocks of any machine.
template <class Blocks, class Labels, class Coder, class E>
void team_match(Blocks& blocks, const bids_view<Labels, Coder, E>& view)
{
  blocks.run(row_blocks(view.rows()), enter_bids<Labels, Coder, E>{view});
  blocks.run(view.images, list_bids<Labels, Coder, E>{view});
  blocks.run(view.truth_room, choose_bids<Labels, Coder, E>{view});
  blocks.run(row_blocks(view.rows()), settle_bids<Labels, Coder, E>{view});
}

}  // namespace retinue
