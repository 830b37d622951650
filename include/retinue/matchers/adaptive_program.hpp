// SPDX-License-Identifier: Apache-2.0
// Matching by a threshold of each truth's own as programs over a team: the verdicts of
// adaptive_matcher.
//
//   cover_anchors   a block for some rows   which anchors truths to be ignored cover
//   claim_anchors   a block a truth         its candidates, its threshold, and what it claims by it
//   settle_claims   a block for some rows   one that several claim goes to whom it overlaps most
//
// The candidates of a level are found by radix among the cells near the truth. A claim is an
// overlap above a place that falls, raised atomically: of equals the first truth wins, in any
// order.
#pragma once

#include <retinue/backend/radix_select.hpp>       // bound_of_least, no_word
#include <retinue/backend/table.hpp>              // row_index
#include <retinue/backend/team_outputs.hpp>       // some_rows, row_blocks
#include <retinue/compiler.hpp>                   // RETINUE_HD
#include <retinue/formulas/overlap.hpp>           // iou, iof
#include <retinue/geometry.hpp>                   // box, centre_box
#include <retinue/matchers/adaptive_matcher.hpp>  // adaptive_matcher
#include <retinue/matchers/batch_view.hpp>        // anchor_view, truth_view
#include <retinue/matchers/near_cells.hpp>        // window_of_nearest

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace retinue {

/// All that the programs of one batch see. Pointers are to where they run.
struct claims_view {
  std::uint32_t images = 0;      ///< how many
  std::uint32_t truth_room = 0;  ///< of all images: so many, or fewer
  adaptive_matcher::settings settings;
  anchor_view anchors;
  truth_view batch;  ///< what they show

  std::uint64_t* bounds = nullptr;  ///< (truths, levels): up to which word anchors are candidates
  std::uint64_t* claims = nullptr;  ///< (images, anchors): the best, or 0
  std::uint8_t* covered = nullptr;  ///< (images, anchors): by a truth to be ignored

  verdict* verdicts = nullptr;  ///< (images, anchors)
  row_index* truths = nullptr;  ///< (images, anchors), within the image

  /// Anchors of all images.
  [[nodiscard]] RETINUE_HD std::size_t rows() const { return std::size_t{images} * anchors.count; }
  /// Whether truth t of the batch is one to be matched.
  [[nodiscard]] RETINUE_HD bool counts(std::size_t t) const
  {
    return !batch.ignore || !batch.ignore[t];
  }
};

/// Notes what is covered, and that nobody has claimed anything.
struct cover_anchors {
  static constexpr std::size_t threads = 512;
  struct shared {};

  claims_view view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchors.count,
                        a = row - image * view.anchors.count;
      const box<float> anchor = to_corners(view.anchors.anchors[a]);
      bool any = view.settings.ignored == ignoring::negatives, covered = false;
      for (std::size_t t = view.batch.first[image]; t < view.batch.first[image + 1]; ++t) {
        if (view.counts(t))
          any = true;
        else if (iof(anchor, view.batch.truths[t].bounds) > view.settings.ignore)
          covered = true;
      }
      view.covered[row] = any && covered ? 1 : 0;
      view.claims[row] = 0;
    });
  }
};

/// Claims the anchors that one truth wants.
struct claim_anchors {
  static constexpr std::size_t threads = 256;
  using shared = radix_bins;

  claims_view view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    const std::size_t t = team.block(), levels = view.anchors.level_count;
    if (t >= view.batch.first[view.images]) return;
    const box<float>& truth = view.batch.truths[t].bounds;
    const centre_box<float> c = to_centre(truth);
    if (!view.counts(t) || !std::isfinite(c.cx) || !std::isfinite(c.cy)) return;
    const std::size_t image = view.batch.image_of(t, view.images);
    std::uint64_t* const bounds = view.bounds + t * levels;

    std::uint32_t chosen = 0;
    for (std::size_t l = 0; l < levels; ++l) {
      const near_anchors near(view, image, c, l);
      const std::uint32_t n = near.size();
      const std::uint32_t wanted =
          view.settings.per_level < n ? static_cast<std::uint32_t>(view.settings.per_level) : n;
      const std::uint64_t bound =
          wanted < n ? bound_of_least(
                           team, own, n, [&](std::size_t i) { return near.word(i); }, wanted)
                     : no_word;
      team.once([&] { bounds[l] = bound; });
      chosen += wanted;
    }
    if (chosen == 0) return;

    const auto overlap_of = [&](std::size_t a) {
      return iou(to_corners(view.anchors.anchors[a]), truth);
    };
    const auto sum_of = [&](const auto& value) {
      double sum = 0;
      for (std::size_t l = 0; l < levels; ++l) {
        const near_anchors near(view, image, c, l);
        sum += team.template sum<double>(near.size(), [&](std::size_t i) {
          return near.word(i) <= bounds[l] ? value(static_cast<double>(overlap_of(near[i]))) : 0.0;
        });
      }
      return sum;
    };
    const double mean = sum_of([](double overlap) { return overlap; }) / chosen;
    const double squares =
        sum_of([&](double overlap) { return (overlap - mean) * (overlap - mean); });
    const auto least =
        static_cast<float>(mean + (chosen > 1 ? std::sqrt(squares / (chosen - 1)) : 0.0));

    const auto place = static_cast<std::uint32_t>(t - view.batch.first[image]);
    for (std::size_t l = 0; l < levels; ++l) {
      const near_anchors near(view, image, c, l);
      team.each(near.size(), [&](std::size_t i) {
        if (near.word(i) > bounds[l]) return;
        const std::uint32_t a = near[i];
        const float overlap = overlap_of(a);
        if (overlap >= least && overlap > 0 && lies_within(truth, view.anchors.anchors[a]))
          Team::raise(view.claims[image * view.anchors.count + a],
                      std::uint64_t{std::bit_cast<std::uint32_t>(overlap)} << 32 | ~place);
      });
    }
  }

 private:
  /// Anchors of a level among which the candidates are.
  class near_anchors {
   public:
    RETINUE_HD near_anchors(const claims_view& view, std::size_t image, const centre_box<float>& c,
                            std::size_t l)
        : level_(view.anchors.levels[l]),
          anchors_(view.anchors.anchors),
          covered_(view.settings.ignored == ignoring::all
                       ? view.covered + image * view.anchors.count
                       : nullptr),
          cx_(c.cx),
          cy_(c.cy),
          per_x_(level_.unordered() ? 1 : level_.per_x),
          per_y_(level_.unordered() ? 1 : level_.per_y),
          window_{0, 0, 0, 0}
    {
      if (level_.per_cell > 0)
        window_ = detail::window_of_nearest(
            level_, cx_, cy_, (view.settings.per_level + level_.per_cell - 1) / level_.per_cell,
            covered_ != nullptr && view.batch.ignore != nullptr);
    }

    [[nodiscard]] RETINUE_HD std::uint32_t size() const { return window_.cells() * per_cell(); }
    /// The anchor at a place of the window.
    [[nodiscard]] RETINUE_HD std::uint32_t operator[](std::size_t i) const
    {
      const auto at = static_cast<std::uint32_t>(i);
      const std::uint32_t across = (window_.right - window_.left) * per_cell(), row = at / across;
      return static_cast<std::uint32_t>(level_.first) +
             ((window_.top + row) * static_cast<std::uint32_t>(level_.columns) + window_.left) *
                 per_cell() +
             at - row * across;
    }
    /// Rises with the distance, and of equals with the place.
    [[nodiscard]] RETINUE_HD std::uint64_t word(std::size_t i) const
    {
      const std::uint32_t a = (*this)[i];
      const float dx = (anchors_[a].cx - cx_) * per_x_, dy = (anchors_[a].cy - cy_) * per_y_;
      const float distance = covered_ && covered_[a]
                                 ? std::numeric_limits<float>::max()
                                 : detail::product(dx, dx) + detail::product(dy, dy);
      return std::uint64_t{std::bit_cast<std::uint32_t>(distance)} << 32 | a;
    }

   private:
    [[nodiscard]] RETINUE_HD std::uint32_t per_cell() const
    {
      return static_cast<std::uint32_t>(level_.per_cell);
    }

    const level_grid& level_;
    const centre_box<float>* anchors_;
    const std::uint8_t* covered_;  // where those come last
    float cx_, cy_, per_x_, per_y_;
    detail::cell_window window_;
  };

  [[nodiscard]] RETINUE_HD bool lies_within(const box<float>& truth,
                                            const centre_box<float>& anchor) const
  {
    const float margin = view.settings.margin;
    return anchor.cx - truth.x1 > margin && anchor.cy - truth.y1 > margin &&
           truth.x2 - anchor.cx > margin && truth.y2 - anchor.cy > margin;
  }
};

/// The verdicts.
struct settle_claims {
  static constexpr std::size_t threads = 512;
  struct shared {};

  claims_view view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i;
      const std::uint64_t claim = view.claims[row];
      view.truths[row] = claim != 0 ? ~static_cast<row_index>(claim) : 0;
      view.verdicts[row] = claim != 0          ? verdict::positive
                           : view.covered[row] ? verdict::ignored
                                               : verdict::negative;
    });
  }
};

/// Matches a batch on the blocks of any machine.
template <class Blocks>
void team_match(Blocks& blocks, const claims_view& view)
{
  const std::size_t parts = row_blocks(view.rows());
  blocks.run(parts, cover_anchors{view});
  blocks.run(view.truth_room, claim_anchors{view});
  blocks.run(parts, settle_claims{view});
}

}  // namespace retinue
