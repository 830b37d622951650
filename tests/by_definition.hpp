// SPDX-License-Identifier: Apache-2.0
// Suppression and matching as their rules are written down: every box with every other, every truth
// with every anchor.
#pragma once

#include <retinue/anchors/layout.hpp>
#include <retinue/formulas/coordinate.hpp>
#include <retinue/formulas/overlap.hpp>
#include <retinue/matchers/adaptive_matcher.hpp>
#include <retinue/matchers/assignment.hpp>
#include <retinue/matchers/forcing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace retinue::test {

/// The rows of greedy suppression, best first; a NaN is the worst score.
template <class Lengths>
std::vector<row_index> greedy_by_definition(std::span<const box<float>> boxes,
                                            std::span<const float> scores, float overlap)
{
  std::vector<row_index> order(scores.size()), kept;
  std::iota(order.begin(), order.end(), row_index{0});
  std::stable_sort(order.begin(), order.end(), [&](row_index a, row_index b) {
    return std::isnan(scores[b]) ? !std::isnan(scores[a]) : scores[a] > scores[b];
  });
  for (const row_index row : order)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](row_index k) { return iou<Lengths>(boxes[k], boxes[row]) > overlap; }))
      kept.push_back(row);
  return kept;
}

/// overlap_matcher, but for forcing::reference.
struct match_by_definition {
  overlap_settings s;

  assignment operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                        std::span<const std::uint8_t> ignore) const
  {
    const std::size_t n = anchors.size();
    const auto counts = [&](std::size_t t) { return ignore.empty() || !ignore[t]; };
    bool any = false;
    for (std::size_t t = 0; t < truths.size(); ++t) any = any || counts(t);
    const auto taken_out = [&](std::size_t a) {
      for (std::size_t t = 0; t < truths.size(); ++t) {
        const box<float> anchor = to_corners(anchors.anchors()[a]);
        if (!counts(t) &&
            (s.share_of_anchor ? iof(anchor, truths[t]) : iof(truths[t], anchor)) > s.ignore)
          return true;
      }
      return false;
    };
    std::vector<bool> barred(n);
    for (std::size_t a = 0; a < n && any && s.ignored == ignoring::all; ++a)
      barred[a] = taken_out(a);
    const auto shared = [&](std::size_t t, std::size_t a) {
      return barred[a] ? -1.0f : iou(truths[t], to_corners(anchors.anchors()[a]));
    };
    assignment out;
    out.verdicts.assign(n, verdict::negative);
    out.truths.assign(n, 0);
    std::vector<float> best(n, 0.0f), best_of_truth(truths.size(), 0.0f);
    std::vector<std::size_t> best_anchor(truths.size(), 0);
    for (std::size_t t = 0; t < truths.size(); ++t)
      for (std::size_t a = 0; a < n && counts(t); ++a) {
        const float o = shared(t, a);
        if (o > best[a]) best[a] = o, out.truths[a] = static_cast<row_index>(t);
        if (o > best_of_truth[t]) best_of_truth[t] = o, best_anchor[t] = a;
      }
    for (std::size_t a = 0; a < n; ++a)
      out.verdicts[a] = best[a] >= s.positive           ? verdict::positive
                        : best[a] >= s.negative         ? verdict::ignored
                        : any && best[a] < s.background ? verdict::ignored
                                                        : verdict::negative;
    std::vector<std::size_t> order(truths.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto x, auto y) { return best_of_truth[x] > best_of_truth[y]; });
    std::vector<bool> taken(n);
    for (const std::size_t t : order) {
      if (!counts(t) || best_of_truth[t] < s.floor || best_of_truth[t] == 0) continue;
      if (s.force == forcing::ties)
        for (std::size_t a = 0; a < n; ++a)
          if (shared(t, a) == best_of_truth[t]) out.verdicts[a] = verdict::positive;
      if (s.force != forcing::best) continue;
      std::size_t free = n;
      float most = 0;
      for (std::size_t a = 0; a < n; ++a)
        if (!taken[a] && shared(t, a) > most && shared(t, a) >= s.floor)
          most = shared(t, a), free = a;
      if (free == n) continue;
      taken[free] = true;
      out.verdicts[free] = verdict::positive;
      out.truths[free] = static_cast<row_index>(t);
    }
    const bool last = s.force == forcing::last_ties || s.force == forcing::last_best;
    for (std::size_t t = 0; t < truths.size() && last; ++t)
      for (std::size_t a = 0; a < n && counts(t) && best_of_truth[t] >= s.floor; ++a)
        if (shared(t, a) == best_of_truth[t]) {
          out.verdicts[a] = verdict::positive;
          out.truths[a] = static_cast<row_index>(t);
          if (s.force == forcing::last_best) break;
        }
    for (std::size_t a = 0; a < n; ++a)
      if (out.verdicts[a] == verdict::negative &&
          (s.ignored == ignoring::all ? barred[a] : taken_out(a)))
        out.verdicts[a] = verdict::ignored;
    return out;
  }
};

/// adaptive_matcher: every anchor of a level in order of its distance, as algorithm 1 of the paper
/// is written down. Nothing where an overlap is within a rounding of its threshold.
inline assignment adaptive_by_definition(const adaptive_matcher::settings& s,
                                         const anchor_layout& anchors,
                                         std::span<const box<float>> truths,
                                         std::span<const std::uint8_t> ignore)
{
  assignment out;
  out.verdicts.assign(anchors.size(), verdict::negative);
  out.truths.assign(anchors.size(), 0);
  const auto counts = [&](std::size_t t) { return ignore.empty() || !ignore[t]; };
  bool any = false;
  for (std::size_t t = 0; t < truths.size(); ++t) any = any || counts(t);
  std::vector<bool> covered(anchors.size());
  for (std::size_t t = 0; t < truths.size(); ++t)
    for (std::size_t a = 0; a < anchors.size() && !counts(t); ++a)
      if (iof(anchors.corners()[a], truths[t]) > s.ignore) covered[a] = true;
  if (!any && s.ignored == ignoring::all) covered.assign(anchors.size(), false);
  std::vector<float> best(anchors.size(), 0.0f);
  for (std::size_t t = 0; t < truths.size(); ++t) {
    if (!counts(t)) continue;
    const auto c = to_centre(truths[t]);
    std::vector<std::size_t> chosen;
    for (const level_layout& level : anchors.levels()) {
      const std::size_t size = level.rows * level.columns * level.per_cell;
      std::vector<std::pair<float, std::size_t>> order;
      for (std::size_t a = level.first; a < level.first + size; ++a) {
        const auto& at = anchors.anchors()[a];
        const float dx = (at.cx - c.cx) * (level.unordered() ? 1 : level.per_x),
                    dy = (at.cy - c.cy) * (level.unordered() ? 1 : level.per_y);
        const float d = detail::product(dx, dx) + detail::product(dy, dy);
        order.emplace_back(
            s.ignored == ignoring::all && covered[a] ? std::numeric_limits<float>::max() : d, a);
      }
      std::sort(order.begin(), order.end());
      for (std::size_t i = 0; i < std::min(s.per_level, order.size()); ++i)
        chosen.push_back(order[i].second);
    }
    std::vector<double> overlaps;
    for (const std::size_t a : chosen)
      overlaps.push_back(double(iou(anchors.corners()[a], truths[t])));
    double mean = 0, spread = 0;
    for (const double o : overlaps) mean += o / double(overlaps.size());
    for (const double o : overlaps) spread += (o - mean) * (o - mean);
    if (overlaps.size() > 1) spread = std::sqrt(spread / double(overlaps.size() - 1));
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto& at = anchors.anchors()[chosen[i]];
      const float inside = std::min(std::min(at.cx - truths[t].x1, at.cy - truths[t].y1),
                                    std::min(truths[t].x2 - at.cx, truths[t].y2 - at.cy));
      const auto o = static_cast<float>(overlaps[i]);
      if (!(o > 0)) continue;
      if (std::abs(overlaps[i] - (mean + spread)) < 1e-7) return {};
      if (overlaps[i] < mean + spread || !(inside > s.margin)) continue;
      if (out.verdicts[chosen[i]] == verdict::positive && o <= best[chosen[i]]) continue;
      out.verdicts[chosen[i]] = verdict::positive;
      out.truths[chosen[i]] = static_cast<row_index>(t);
      best[chosen[i]] = o;
    }
  }
  for (std::size_t a = 0; a < anchors.size(); ++a)
    if (covered[a] && out.verdicts[a] == verdict::negative) out.verdicts[a] = verdict::ignored;
  return out;
}

}  // namespace retinue::test
