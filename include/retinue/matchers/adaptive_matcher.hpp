// SPDX-License-Identifier: Apache-2.0
// Matching by overlap with a threshold of each truth's own.
//
//   candidates(m)   of each level the `per_level` anchors whose centres are nearest to that of m
//   threshold(m)    mean + standard deviation of the candidates' overlaps with m (of a sample)
//   positive        candidates that overlap m by the threshold or more, and whose centre lies in m;
//                   one of several truths goes to that which it overlaps most
//
// ATSS (Zhang 2020, algorithm 1). Centres are compared in steps of the level's grid, which are
// pixels but for a factor; anchors in no order in the unit that they are given in. Nearest cells
// are looked for around the truth, so that time is O(truths * levels * per_level), and memory
// O(anchors + candidates).
#pragma once

#include <retinue/anchors/layout.hpp>       // anchor_layout
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou, iof
#include <retinue/geometry.hpp>             // box, to_centre
#include <retinue/matchers/assignment.hpp>  // assignment
#include <retinue/matchers/forcing.hpp>     // ignoring
#include <retinue/matchers/near_cells.hpp>  // window_of_nearest

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// Matches by overlap with a threshold of each truth's own, as at the top of this header.
class adaptive_matcher {
 public:
  struct settings {
    static constexpr std::string_view kind = "atss";  ///< in a configuration

    std::size_t per_level = 9;  ///< >= 1
    float margin = 0;     ///< how far in the truth a centre lies, in the unit of the anchors; >= 0
    float ignore = 0.5f;  ///< anchors of which an ignored truth covers more than this are ignored
    /// Where all are, those come last among candidates, and stay if chosen all the same.
    ignoring ignored = ignoring::negatives;
  };

  /// Throws where there are no candidates, or where the margin is below 0.
  explicit adaptive_matcher(settings s) : settings_(s)
  {
    if (s.per_level < 1 || !(s.margin >= 0))
      fail("an adaptive matcher has ", s.per_level, " candidates a level and the margin ", s.margin,
           ", expected 1 or more and no less than 0");
  }
  adaptive_matcher() : adaptive_matcher(settings{}) {}

  [[nodiscard]] static adaptive_matcher atss() { return adaptive_matcher(settings{}); }
  /// Compatibility: MMDetection's, for anchors in pixels.
  [[nodiscard]] static adaptive_matcher mmdetection()
  {
    return adaptive_matcher({.margin = 0.01f, .ignored = ignoring::all});
  }

  [[nodiscard]] const settings& how() const { return settings_; }

  /// One image, as the concept `matcher` has it. Throws where there are marks, but not one for each
  /// truth.
  void operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, assignment& out)
  {
    if (!ignore.empty() && ignore.size() != truths.size())
      fail("a matcher was given ", truths.size(), " truths and ", ignore.size(), " ignore marks");
    const auto counts = [&](std::size_t t) { return ignore.empty() || !ignore[t]; };
    out.verdicts.assign(anchors.size(), verdict::negative);
    out.truths.resize(anchors.size());
    out.positives.assign(truths.size(), 0);
    best_.assign(anchors.size(), 0.0f);
    covered_.clear();
    bool any = false;
    for (std::size_t t = 0; t < truths.size(); ++t) any = any || counts(t);
    if (any || settings_.ignored == ignoring::negatives) cover(anchors, truths, ignore);
    const bool last = settings_.ignored == ignoring::all && !covered_.empty();

    for (std::size_t t = 0; t < truths.size(); ++t)
      if (counts(t)) match(anchors, truths[t], static_cast<row_index>(t), last, out);
    for (std::size_t a = 0; a < covered_.size(); ++a)
      if (covered_[a] && out.verdicts[a] == verdict::negative) out.verdicts[a] = verdict::ignored;

    out.positive_count = 0;
    each_positive(out.verdicts, [&](std::size_t a) {
      ++out.positives[out.truths[a]];
      ++out.positive_count;
    });
    out.unmatched = 0;
    for (std::size_t t = 0; t < truths.size(); ++t)
      out.unmatched += counts(t) && out.positives[t] == 0;
  }

 private:
  struct near_one {
    float distance;
    row_index anchor;

    friend bool operator<(const near_one& a, const near_one& b)
    {
      return a.distance != b.distance ? a.distance < b.distance : a.anchor < b.anchor;
    }
  };

  void cover(const anchor_layout& anchors, std::span<const box<float>> truths,
             std::span<const std::uint8_t> ignore)
  {
    for (std::size_t t = 0; t < ignore.size(); ++t) {
      if (!ignore[t]) continue;
      covered_.resize(anchors.size());
      for (std::size_t a = 0; a < anchors.size(); ++a)
        if (iof(anchors.corners()[a], truths[t]) > settings_.ignore) covered_[a] = 1;
    }
  }

  void match(const anchor_layout& anchors, const box<float>& truth, row_index t, bool last,
             assignment& out)
  {
    const centre_box<float> c = to_centre(truth);
    if (!std::isfinite(c.cx) || !std::isfinite(c.cy)) return;
    chosen_.clear();
    for (const level_layout& level : anchors.levels()) choose(anchors, level, c, last);
    if (chosen_.empty()) return;

    double sum = 0, squares = 0;
    overlaps_.clear();
    for (const row_index a : chosen_) {
      overlaps_.push_back(iou(anchors.corners()[a], truth));
      sum += double(overlaps_.back());
    }
    const auto n = static_cast<double>(chosen_.size());
    for (const float o : overlaps_) squares += (double(o) - sum / n) * (double(o) - sum / n);
    const auto least = static_cast<float>(sum / n + (n > 1 ? std::sqrt(squares / (n - 1)) : 0.0));
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      const row_index a = chosen_[i];
      const centre_box<float>& anchor = anchors.anchors()[a];
      const float inside = std::min(std::min(anchor.cx - truth.x1, anchor.cy - truth.y1),
                                    std::min(truth.x2 - anchor.cx, truth.y2 - anchor.cy));
      if (!(overlaps_[i] >= least && overlaps_[i] > 0 && inside > settings_.margin)) continue;
      if (out.verdicts[a] == verdict::positive && !(overlaps_[i] > best_[a])) continue;
      out.verdicts[a] = verdict::positive;
      out.truths[a] = t;
      best_[a] = overlaps_[i];
    }
  }

  /// Adds the nearest of one level.
  void choose(const anchor_layout& anchors, const level_layout& level, const centre_box<float>& c,
              bool last)
  {
    const std::size_t size = level.rows * level.columns * level.per_cell;
    if (size == 0) return;
    near_.clear();
    const std::size_t cells = (settings_.per_level + level.per_cell - 1) / level.per_cell;
    add_cells(anchors, level, c, detail::window_of_nearest(level, c.cx, c.cy, cells, last), last);
    const std::size_t count = std::min(settings_.per_level, near_.size());
    std::nth_element(near_.begin(), near_.begin() + static_cast<std::ptrdiff_t>(count - 1),
                     near_.end());
    for (std::size_t i = 0; i < count; ++i) chosen_.push_back(near_[i].anchor);
  }

  void add_cells(const anchor_layout& anchors, const level_layout& level,
                 const centre_box<float>& c, const detail::cell_window& window, bool last)
  {
    const bool free = level.unordered();  // of which each may have a centre of its own
    const float per_x = free ? 1 : level.per_x, per_y = free ? 1 : level.per_y;
    for (std::size_t r = window.top; r < window.bottom; ++r)
      for (std::size_t a = level.first + (r * level.columns + window.left) * level.per_cell;
           a < level.first + (r * level.columns + window.right) * level.per_cell; ++a) {
        const float dx = (anchors.anchors()[a].cx - c.cx) * per_x,
                    dy = (anchors.anchors()[a].cy - c.cy) * per_y;
        const bool comes_last = last && covered_[a];
        near_.push_back({comes_last ? std::numeric_limits<float>::max()
                                    : detail::product(dx, dx) + detail::product(dy, dy),
                         static_cast<row_index>(a)});
      }
  }

  settings settings_;
  std::vector<near_one> near_;         // of a level
  std::vector<row_index> chosen_;      // of a truth
  std::vector<float> overlaps_;        // of those
  std::vector<float> best_;            // (anchors)
  std::vector<std::uint8_t> covered_;  // (anchors), or none
};
static_assert(matcher<adaptive_matcher>);

}  // namespace retinue
