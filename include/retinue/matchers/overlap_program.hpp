// SPDX-License-Identifier: Apache-2.0
// Matching by overlap as a program over a team, a block an image: the verdicts of overlap_matcher,
// for all ways of forcing.
//
// Truths and anchors raise each other's best in one word, an overlap above a place that falls, so
// that of equals the first is the largest whatever came first. Forced anchors are found in rounds:
// a truth asks for the best anchor that no better truth has, an anchor keeps the best that asks.
// Better is the same for all anchors, so the result is that of taking one truth after another.
#pragma once

#include <retinue/anchors/near.hpp>         // window_of, level_grid
#include <retinue/backend/table.hpp>        // row_index, number
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/formulas/overlap.hpp>     // iou, iof
#include <retinue/geometry.hpp>             // box, centre_box
#include <retinue/matchers/assignment.hpp>  // verdict
#include <retinue/matchers/batch_view.hpp>  // anchor_view, truth_view
#include <retinue/matchers/forcing.hpp>     // overlap_settings

#include <bit>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// What an image's block writes. Those before the last two are its own notes.
struct match_room {
  std::uint64_t* best = nullptr;        ///< (images, anchors)
  std::uint64_t* owner = nullptr;       ///< (images, anchors)
  std::uint64_t* truth_best = nullptr;  ///< (truths)
  std::uint64_t* asks = nullptr;        ///< (truths)
  std::uint32_t* searching = nullptr;   ///< (truths)
  verdict* verdicts = nullptr;          ///< (images, anchors)
  row_index* truths = nullptr;          ///< (images, anchors), within the image
};

/// What overlap_matcher does, as a program: a block for each image.
struct match_images {
  static constexpr std::size_t threads = 512;
  struct shared {};

  overlap_settings settings;
  anchor_view anchors;
  truth_view batch;
  match_room room;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const std::size_t n = anchors.count;
    if (n == 0) return;
    const one_image image(*this, team.block());
    team.each(image.count, [&](std::size_t t) {
      image.truth_best(t) = image.asks(t) = 0;
      image.searching(t) = 0;
    });
    const bool any = team.template sum<std::uint32_t>(image.count, [&](std::size_t t) {
      return std::uint32_t{image.counts(t)};
    }) != 0;
    const bool bars = any && settings.ignored == ignoring::all;
    team.each(n, [&](std::size_t a) {
      image.best(a) = image.owner(a) = 0;
      // Until anchors are compared, a verdict says who is kept out of that.
      image.said(a) = bars && taken_out(image, a) ? verdict::ignored : verdict::negative;
    });
    const bool all = settings.force == forcing::reference;  // it wants the truths of negatives too
    const float enough = all                       ? 0
                         : settings.background > 0 ? settings.background
                                                   : settings.negative;
    const float needed = settings.force == forcing::none ? 1.0f : settings.floor;
    compare(team, image, enough, 2);
    if (needed < enough) compare(team, image, needed, enough);  // truths between anchors' sizes
    team.each(n, [&](std::size_t a) {
      const float most = overlap_of(image.best(a));
      image.truth_of(a) = image.best(a) == 0 ? 0 : place_of(image.best(a));
      if (image.said(a) == verdict::ignored) image.best(a) = barred;
      image.said(a) = most >= settings.positive           ? verdict::positive
                      : most >= settings.negative         ? verdict::ignored
                      : any && most < settings.background ? verdict::ignored
                                                          : verdict::negative;
    });
    switch (settings.force) {
      case forcing::none:
        break;
      case forcing::best:
        force_best(team, image);
        break;
      case forcing::ties:
        force_ties(team, image);
        break;
      case forcing::reference:
        force_as_reference(team, image);
        break;
      case forcing::last_ties:
      case forcing::last_best:
        force_last(team, image);
        break;
    }
    if (bars || settings.ignored == ignoring::negatives) set_aside(team, image);
  }

 private:
  /// The part of the batch that is a block's: places instead of pointers, which would fill
  /// registers.
  struct one_image {
    RETINUE_HD one_image(const match_images& program, std::uint32_t image)
        : room(&program.room),
          batch(&program.batch),
          from(program.batch.first[image]),
          count(program.batch.first[image + 1] - from),
          row(std::size_t{image} * program.anchors.count)
    {
    }
    [[nodiscard]] RETINUE_HD bool counts(std::size_t t) const
    {
      return !batch->ignore || !batch->ignore[from + t];
    }
    [[nodiscard]] RETINUE_HD const box<float>& truth(std::size_t t) const
    {
      return batch->truths[from + t].bounds;
    }
    [[nodiscard]] RETINUE_HD std::uint64_t& best(std::size_t a) const
    {
      return room->best[row + a];
    }
    [[nodiscard]] RETINUE_HD std::uint64_t& owner(std::size_t a) const
    {
      return room->owner[row + a];
    }
    [[nodiscard]] RETINUE_HD std::uint64_t& truth_best(std::size_t t) const
    {
      return room->truth_best[from + t];
    }
    [[nodiscard]] RETINUE_HD std::uint64_t& asks(std::size_t t) const
    {
      return room->asks[from + t];
    }
    [[nodiscard]] RETINUE_HD std::uint32_t& searching(std::size_t t) const
    {
      return room->searching[from + t];
    }
    [[nodiscard]] RETINUE_HD verdict& said(std::size_t a) const { return room->verdicts[row + a]; }
    [[nodiscard]] RETINUE_HD row_index& truth_of(std::size_t a) const
    {
      return room->truths[row + a];
    }

    const match_room* room;
    const truth_view* batch;
    std::uint32_t from, count;
    std::size_t row;
  };

  /// The best of an anchor that is kept out of all comparisons: less than that of any other.
  static constexpr std::uint64_t barred = 1;

  /// Larger for the larger overlap, and of equals for the lower place; 0 is none.
  [[nodiscard]] RETINUE_HD static std::uint64_t word_of(float overlap, std::size_t place)
  {
    return std::uint64_t{std::bit_cast<std::uint32_t>(overlap)} << 32 |
           static_cast<std::uint32_t>(~place);
  }
  [[nodiscard]] RETINUE_HD static float overlap_of(std::uint64_t word)
  {
    return std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32));
  }
  [[nodiscard]] RETINUE_HD static row_index place_of(std::uint64_t word)
  {
    return ~static_cast<row_index>(word);
  }
  /// What truth t has over others where both want an anchor.
  [[nodiscard]] RETINUE_HD static std::uint64_t claim_of(const one_image& image, std::size_t t)
  {
    return word_of(overlap_of(image.truth_best(t)), t);
  }
  [[nodiscard]] RETINUE_HD bool wanted(const one_image& image, std::size_t t) const
  {
    const float best = overlap_of(image.truth_best(t));
    return image.counts(t) && best >= settings.floor && best > 0;
  }

  /// Calls f(anchor, overlap) for the anchors that may overlap a truth by `least`.
  template <class Lanes, class Each>
  RETINUE_HD void each_near(const Lanes& lanes, const box<float>& truth, float least,
                            const Each& f) const
  {
    const centre_box<float> t = to_centre(truth);
    if (!(t.w > 0 && t.h > 0)) return;
    const float share = detail::share_of(least);
    for (std::uint32_t l = 0; l < anchors.level_count; ++l) {
      const level_grid& level = anchors.levels[l];
      const anchor_window window = window_of(level, anchors.anchors + level.first, t, share);
      lanes.each(window.size(), [&](std::size_t i) {
        const std::uint32_t a = window[static_cast<std::uint32_t>(i)];
        f(a, iou(truth, to_corners(anchors.anchors[a])));
      });
    }
  }

  /// Enters truths whose best overlap is below `below` into the best of the anchors near them.
  template <class Team>
  RETINUE_HD void compare(Team& team, const one_image& image, float least, float below) const
  {
    team.each(image.count, [&](std::size_t t) {
      image.searching(t) = image.counts(t) && overlap_of(image.truth_best(t)) < below ? 1 : 0;
    });
    team.each_by_warp(image.count, [&](std::size_t t, const auto& lanes) {
      if (!image.searching(t)) return;
      each_near(lanes, image.truth(t), least, [&](std::size_t a, float overlap) {
        if (!(overlap > 0) || image.said(a) == verdict::ignored) return;
        Team::raise(image.best(a), word_of(overlap, t));
        Team::raise(image.truth_best(t), word_of(overlap, a));
      });
    });
  }

  template <class Team>
  RETINUE_HD void force_best(Team& team, const one_image& image) const
  {
    team.each(image.count, [&](std::size_t t) {
      if (!wanted(image, t)) return;
      image.asks(t) = image.truth_best(t);
      Team::raise(image.owner(place_of(image.asks(t))), claim_of(image, t));
    });
    for (;;) {
      const auto refused =
          team.template sum<std::uint32_t>(image.count, [&](std::size_t t) -> std::uint32_t {
            image.searching(t) = 0;
            if (image.asks(t) == 0 || has(image, t)) return 0;
            image.asks(t) = 0;
            return image.searching(t) = 1;
          });
      if (refused == 0) break;
      team.each_by_warp(image.count, [&](std::size_t t, const auto& lanes) {
        if (!image.searching(t)) return;
        const std::uint64_t claim = claim_of(image, t);
        each_near(lanes, image.truth(t), settings.floor, [&](std::size_t a, float overlap) {
          if (overlap > 0 && overlap >= settings.floor && image.owner(a) < claim &&
              image.best(a) != barred)
            Team::raise(image.asks(t), word_of(overlap, a));
        });
      });
      team.each(image.count, [&](std::size_t t) {
        if (image.searching(t) && image.asks(t) != 0)
          Team::raise(image.owner(place_of(image.asks(t))), claim_of(image, t));
      });
    }
    team.each(image.count, [&](std::size_t t) {
      if (image.asks(t) == 0) return;
      const row_index a = place_of(image.asks(t));
      image.said(a) = verdict::positive;
      image.truth_of(a) = static_cast<row_index>(t);
    });
  }
  /// Whether the anchor that t asked for is its own.
  [[nodiscard]] RETINUE_HD static bool has(const one_image& image, std::size_t t)
  {
    return image.owner(place_of(image.asks(t))) == claim_of(image, t);
  }

  template <class Team>
  RETINUE_HD void force_ties(Team& team, const one_image& image) const
  {
    team.each_by_warp(image.count, [&](std::size_t t, const auto& lanes) {
      if (!wanted(image, t)) return;
      const float best = overlap_of(image.truth_best(t));
      each_near(lanes, image.truth(t), best, [&](std::size_t a, float overlap) {
        if (overlap == best && image.best(a) != barred) Team::raise(image.owner(a), 1);
      });
    });
    team.each(anchors.count, [&](std::size_t a) {
      if (image.owner(a) == 0) return;
      image.said(a) = verdict::positive;
      if (overlap_of(image.best(a)) >= settings.negative) return;
      // Below the threshold not every truth has been compared with this anchor.
      const box<float> anchor = to_corners(anchors.anchors[a]);
      float most = 0;
      row_index best = 0;
      for (std::size_t t = 0; t < image.count; ++t)
        if (const float overlap = iou(image.truth(t), anchor); image.counts(t) && overlap > most) {
          most = overlap;
          best = static_cast<row_index>(t);
        }
      image.truth_of(a) = best;
    });
  }

  template <class Team>
  RETINUE_HD void force_as_reference(Team& team, const one_image& image) const
  {
    const auto enough = [&](std::size_t t) {
      return image.counts(t) && overlap_of(image.truth_best(t)) >= settings.floor;
    };
    const auto any = team.template sum<std::uint32_t>(
        image.count, [&](std::size_t t) -> std::uint32_t { return enough(t) ? 1 : 0; });
    if (any == 0) {  // the whole image is background
      team.each(anchors.count, [&](std::size_t a) { image.said(a) = verdict::negative; });
      return;
    }
    team.each(image.count, [&](std::size_t t) {
      if (!image.counts(t)) return;
      // Who overlaps nothing takes anchor 0: arg-max of zeros.
      const row_index a = image.truth_best(t) == 0 ? 0 : place_of(image.truth_best(t));
      Team::raise(image.owner(a), t + 1);                            // the last truth has it
      if (enough(t)) Team::raise(image.best(a), ~std::uint64_t{0});  // forced
    });
    team.each(anchors.count, [&](std::size_t a) {
      if (image.owner(a) != 0) image.truth_of(a) = static_cast<row_index>(image.owner(a) - 1);
      if (image.best(a) == ~std::uint64_t{0}) image.said(a) = verdict::positive;
    });
  }

  /// The last truth that wants an anchor has it. Of a truth that overlaps nothing all anchors tie,
  /// and the first is the best.
  template <class Team>
  RETINUE_HD void force_last(Team& team, const one_image& image) const
  {
    const bool one = settings.force == forcing::last_best;
    team.each_by_warp(image.count, [&](std::size_t t, const auto& lanes) {
      const float best = overlap_of(image.truth_best(t));
      if (!image.counts(t) || !(best >= settings.floor)) return;
      const auto give = [&](std::size_t a) {
        if (image.best(a) != barred) Team::raise(image.owner(a), t + 1);
      };
      if (best > 0 && one)
        lanes.once([&] { give(place_of(image.truth_best(t))); });
      else if (best > 0)
        each_near(lanes, image.truth(t), best, [&](std::size_t a, float overlap) {
          if (overlap == best) give(a);
        });
      else if (!one)
        lanes.each(anchors.count, give);
      else
        lanes.once([&] {
          std::size_t a = 0;
          while (a < anchors.count && image.best(a) == barred) ++a;
          if (a < anchors.count) give(a);
        });
    });
    team.each(anchors.count, [&](std::size_t a) {
      if (image.owner(a) == 0) return;
      image.said(a) = verdict::positive;
      image.truth_of(a) = static_cast<row_index>(image.owner(a) - 1);
    });
  }

  /// Whether a truth to be ignored covers enough of the anchor, or it of that.
  [[nodiscard]] RETINUE_HD bool taken_out(const one_image& image, std::size_t a) const
  {
    const box<float> anchor = to_corners(anchors.anchors[a]);
    for (std::size_t t = 0; t < image.count; ++t)
      if (!image.counts(t) &&
          (settings.share_of_anchor ? iof(anchor, image.truth(t)) : iof(image.truth(t), anchor)) >
              settings.ignore)
        return true;
    return false;
  }

  /// Negatives that lie within a truth to be ignored are no evidence of anything; where anchors
  /// within one take no part at all, none is.
  template <class Team>
  RETINUE_HD void set_aside(Team& team, const one_image& image) const
  {
    if (!image.batch->ignore) return;
    const auto ignored = team.template sum<std::uint32_t>(
        image.count, [&](std::size_t t) -> std::uint32_t { return image.counts(t) ? 0 : 1; });
    if (ignored == 0) return;
    team.each(anchors.count, [&](std::size_t a) {
      if ((settings.ignored == ignoring::all || image.said(a) == verdict::negative) &&
          taken_out(image, a))
        image.said(a) = verdict::ignored;
    });
  }
};

}  // namespace retinue
