// SPDX-License-Identifier: Apache-2.0
// Task-aligned matching as programs over a team: the verdicts and qualities of aligned_matcher, for
// outputs that lie in memory of a device.
//
//   say_boxes        a block for some rows   what the network says; nobody has chosen yet
//   choose_aligned   a block a truth         its anchors of largest metric choose, by counting
//   contend          a block for some rows   what several chose goes to any truth, if so asked
//   rate_aligned     a block for some rows   the largest metric and overlap of each truth's
//   settle_aligned   a block for some rows   verdicts and qualities
//
// Of the truths that choose a row, the one of largest overlap has it, and of equals the first: the
// largest number of 64 bits, whose order does not depend on that of blocks. Metrics are computed
// again wherever they are asked for.
#pragma once

#include <retinue/backend.hpp>                    // best_row
#include <retinue/backend/lane.hpp>               // lane
#include <retinue/backend/radix_select.hpp>       // bound_of_least, falling_word
#include <retinue/backend/team_outputs.hpp>       // some_rows, row_blocks
#include <retinue/compiler.hpp>                   // RETINUE_HD
#include <retinue/geometry.hpp>                   // centre_box
#include <retinue/matchers/aligned_matcher.hpp>   // aligned_matcher, align
#include <retinue/matchers/predictions_view.hpp>  // predictions_view

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace retinue {

/// The sides of the smallest anchor, by which narrow truths are widened.
struct least_sides {
  float w = std::numeric_limits<float>::max();  ///< across
  float h = std::numeric_limits<float>::max();  ///< down

  least_sides() = default;
  /// Of these anchors.
  explicit least_sides(std::span<const centre_box<float>> anchors)
  {
    for (const centre_box<float>& a : anchors) {
      w = a.w < w ? a.w : w;
      h = a.h < h ? a.h : h;
    }
  }
};

/// All that the programs of one batch see.
template <class Labels, class Coder, class E = float>
struct aligned_view : predictions_view<Labels, Coder, E> {
  aligned_matcher::settings settings;
  least_sides least;  ///< of the anchors

  std::uint32_t* chosen = nullptr;        ///< (images, anchors): by how many truths
  std::uint64_t* best = nullptr;          ///< (images, anchors): overlap, and ~truth, of the best
  std::uint32_t* most_metric = nullptr;   ///< (truths): bits of the largest of its positives
  std::uint32_t* most_overlap = nullptr;  ///< (truths)

  /// How row `a` of an image suits truth t of the batch.
  [[nodiscard]] RETINUE_HD detail::alignment<float> alignment_of(std::size_t t, std::size_t image,
                                                                 std::size_t a) const
  {
    const auto& s = settings;
    const rival<lane> truth = this->truth(t);
    const box<lane> shown = this->said_of(image * this->anchor_count + a);
    if (!(detail::touches{}(shown, truth).value.value > 0)) return {0, 0};  // as most rows are
    const rival<lane> around = s.widen > 0
                                   ? detail::widen{s.widen}(truth, best_row<lane>{{-least.w}, {0}},
                                                            best_row<lane>{{-least.h}, {0}})
                                   : truth;
    const detail::align<Labels> align{this->labels, s.score_power, s.overlap_power,
                                      s.margin,     s.complete,    s.ranks_inside};
    const auto found = align(this->scores_of(image, a), shown, this->anchor(a), truth, around);
    return {found.metric.value, found.overlap.value};
  }
  /// Offers a row to a truth of its image.
  template <class Team>
  RETINUE_HD void offer(std::size_t row, std::uint32_t truth, float overlap) const
  {
    Team::raise(best[row], std::uint64_t{std::bit_cast<std::uint32_t>(overlap)} << 32 | ~truth);
  }
  /// Whose a row is that was chosen, within its image.
  [[nodiscard]] RETINUE_HD std::uint32_t owner(std::size_t row) const
  {
    return ~static_cast<std::uint32_t>(best[row]);
  }
};

/// Decodes all boxes.
template <class Labels, class Coder, class E = float>
struct say_boxes {
  static constexpr std::size_t threads = 256;
  struct shared {};

  aligned_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchor_count;
      static_cast<void>(view.decode(image, row - image * view.anchor_count));
      view.chosen[row] = 0;
      view.best[row] = 0;
    });
  }
};

/// Chooses the anchors of one truth.
template <class Labels, class Coder, class E = float>
struct choose_aligned {
  static constexpr std::size_t threads = 256;
  using shared = radix_bins;

  aligned_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    const std::size_t t = team.block();
    if (t >= view.batch.first[view.images]) return;
    team.once([&] { view.most_metric[t] = view.most_overlap[t] = 0; });
    if (!(view.truth(t).ignored.value < 0.5f)) return;
    const std::size_t image = view.batch.image_of(t, view.images), n = view.anchor_count;
    const auto word_of = [&](std::size_t a) {
      const float metric = view.alignment_of(t, image, a).metric;
      return metric > 0 ? falling_word(metric, static_cast<std::uint32_t>(a)) : no_word;
    };
    const std::uint32_t suit = team.template sum<std::uint32_t>(
        n, [&](std::size_t a) -> std::uint32_t { return word_of(a) != no_word ? 1 : 0; });
    if (suit == 0) return;
    const auto most = static_cast<std::uint32_t>(
        view.settings.candidates < suit ? view.settings.candidates : suit);
    const std::uint64_t bound =
        most < suit ? bound_of_least(team, own, n, word_of, most) : no_word - 1;
    const auto place = static_cast<std::uint32_t>(t - view.batch.first[image]);
    team.each(n, [&](std::size_t a) {
      if (word_of(a) > bound) return;
      const float overlap = view.alignment_of(t, image, a).overlap;
      if (!(overlap > 0)) return;  // its centre lies outside
      const std::size_t row = image * n + a;
      Team::add(view.chosen[row], 1);
      view.template offer<Team>(row, place, overlap);
    });
  }
};

/// Offers what several truths have chosen to all of the image.
template <class Labels, class Coder, class E = float>
struct contend {
  static constexpr std::size_t threads = 256;
  struct shared {};

  aligned_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchor_count;
      if (view.chosen[row] < 2) return;
      const std::uint32_t from = view.batch.first[image];
      for (std::uint32_t t = from; t < view.batch.first[image + 1]; ++t) {
        const auto a = view.alignment_of(t, image, row - image * view.anchor_count);
        if (a.metric > 0 && a.overlap > 0) view.template offer<Team>(row, t - from, a.overlap);
      }
    });
  }
};

/// Finds what qualities are divided by.
template <class Labels, class Coder, class E = float>
struct rate_aligned {
  static constexpr std::size_t threads = 256;
  struct shared {};

  aligned_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchor_count;
      if (view.chosen[row] == 0) return;
      const std::size_t t = view.batch.first[image] + view.owner(row);
      const auto a = view.alignment_of(t, image, row - image * view.anchor_count);
      Team::raise(view.most_metric[t], std::bit_cast<std::uint32_t>(a.metric));
      Team::raise(view.most_overlap[t], std::bit_cast<std::uint32_t>(a.overlap));
    });
  }
};

/// The verdicts.
template <class Labels, class Coder, class E = float>
struct settle_aligned {
  static constexpr std::size_t threads = 256;
  struct shared {};

  aligned_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchor_count;
      const bool positive = view.chosen[row] > 0;
      view.verdicts[row] = positive ? verdict::positive : verdict::negative;
      view.truths[row] = positive ? view.owner(row) : 0;
      view.qualities[row] = 1;
      if (!positive) return;
      const std::size_t t = view.batch.first[image] + view.owner(row);
      const auto a = view.alignment_of(t, image, row - image * view.anchor_count);
      const auto most = [](std::uint32_t bits) {
        return best_row<lane>{{std::bit_cast<float>(bits)}, {0}};
      };
      const detail::choice<lane> found{{1}, {0}, {a.overlap}, {a.metric}};
      view.qualities[row] = detail::settle_choice{view.settings.least_metric}(
                                found, most(view.most_metric[t]), most(view.most_overlap[t]))
                                .quality.value;
    });
  }
};

/// The verdicts and qualities of a batch, on the blocks of any machine.
template <class Blocks, class Labels, class Coder, class E>
void team_match(Blocks& blocks, const aligned_view<Labels, Coder, E>& view)
{
  const std::size_t parts = row_blocks(view.rows());
  blocks.run(parts, say_boxes<Labels, Coder, E>{view});
  blocks.run(view.truth_room, choose_aligned<Labels, Coder, E>{view});
  if (view.settings.all_contend) blocks.run(parts, contend<Labels, Coder, E>{view});
  blocks.run(parts, rate_aligned<Labels, Coder, E>{view});
  blocks.run(parts, settle_aligned<Labels, Coder, E>{view});
}

}  // namespace retinue
