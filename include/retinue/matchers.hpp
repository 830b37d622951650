// SPDX-License-Identifier: Apache-2.0
// Which anchor answers for which truth, or for none, or is left out of the loss.
//
//   overlap with the best truth   >= positive               positive, for that truth
//                                 >= negative               ignored
//                                 <  negative               negative
//   and, so that no truth goes without, each truth's best anchor is made positive for it, if they
//   overlap by `floor` or more.
//
// Four settings of one matcher: RetinaFace .35/.2 (seed 000), SSD .5 (seed 004; Liu 2016, section
// 2.2), RPN .7/.3 (Ren 2015, section 3.1.2), RetinaNet .5/.4 (Lin 2017, section 4.1).
#pragma once

#include <retinue/anchors/layout.hpp>  // anchor_layout
#include <retinue/anchors/near.hpp>    // near_anchors
#include <retinue/error.hpp>           // fail
#include <retinue/geometry.hpp>        // box
#include <retinue/overlap.hpp>         // iou, iof

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

namespace retinue {

enum class verdict : std::uint8_t { negative, positive, ignored };

/// The verdict on every anchor, and apart from it the truth that a positive one answers for.
struct assignment {
  std::vector<verdict> verdicts;  ///< (anchors)
  std::vector<row_index> truths;  ///< (anchors): meaningful where the verdict is positive

  std::vector<std::uint32_t> positives;  ///< (truths): how many anchors answer for each
  std::size_t positive_count = 0;
  std::size_t unmatched = 0;  ///< truths, not to be ignored, for which no anchor answers
};

namespace detail {
/// Calls each(i) where bytes[i] is 1, in rising order; quick where few are not 0.
template <class Each>
void each_one(const std::uint8_t* bytes, std::size_t count, const Each& each)
{
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, bytes + i, sizeof eight);
    if (eight == 0) continue;
    for (std::size_t k = i; k < i + 8; ++k)
      if (bytes[k] == 1) each(k);
  }
  for (; i < count; ++i)
    if (bytes[i] == 1) each(i);
}
}  // namespace detail

/// Calls each(anchor) for every positive, in rising order.
template <class Each>
void each_positive(std::span<const verdict> verdicts, const Each& each)
{
  static_assert(static_cast<int>(verdict::positive) == 1);
  detail::each_one(reinterpret_cast<const std::uint8_t*>(verdicts.data()), verdicts.size(), each);
}

/// A matcher of your own: be callable with the anchors, the truths of one image as fractions of its
/// sides, which of them are to be ignored (empty: none), and the assignment to fill.
template <class M>
concept matcher = requires(M& m, const anchor_layout& anchors, std::span<const box<float>> truths,
                           std::span<const std::uint8_t> ignore,
                           assignment& out) { m(anchors, truths, ignore, out); };

/// How a truth that no anchor overlaps enough gets one all the same.
enum class forcing : std::uint8_t {
  none,
  /// Its best anchor. Where two truths have the same, the better overlap has it, and the other
  /// takes its next best (B3).
  best,
  /// Every anchor that ties its best overlap is positive, for whichever truth that anchor overlaps
  /// most: the "low-quality matches" of detectron2.
  ties,
  /// Compatibility: seeds 000 to 003 as they are. A later truth takes the anchor from an earlier
  /// one, and a truth below the floor takes it too, without making it positive (B1, B3).
  reference,
};

/// By overlap alone. Looks only at the anchors near each truth; memory is O(anchors + truths).
class overlap_matcher {
 public:
  struct settings {
    float positive = 0.35f, negative = 0.35f;  ///< 0 < negative <= positive <= 1
    forcing force = forcing::best;
    float floor =
        0.2f;  ///< a forced anchor overlaps its truth by at least this, and by more than 0
    float ignore = 0.5f;  ///< negatives of which an ignored truth covers more than this are ignored
  };

  explicit overlap_matcher(settings s) : settings_(s)
  {
    if (!(s.negative > 0 && s.negative <= s.positive && s.positive <= 1))
      fail("a matcher's thresholds are negative ", s.negative, " and positive ", s.positive,
           ", expected 0 < negative <= positive <= 1");
    if (!(s.floor >= 0 && s.floor <= 1))
      fail("a matcher's floor is ", s.floor, ", expected 0 to 1");
  }

  [[nodiscard]] static overlap_matcher retinaface() { return overlap_matcher(settings{}); }
  [[nodiscard]] static overlap_matcher ssd()
  {
    return overlap_matcher({.positive = 0.5f, .negative = 0.5f, .floor = 0});
  }
  [[nodiscard]] static overlap_matcher rpn()
  {
    return overlap_matcher(
        {.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .floor = 0});
  }
  [[nodiscard]] static overlap_matcher retinanet()
  {
    return overlap_matcher(
        {.positive = 0.5f, .negative = 0.4f, .force = forcing::ties, .floor = 0});
  }
  /// Compatibility: what seeds 000 to 003 compute, defects included.
  [[nodiscard]] static overlap_matcher reference()
  {
    return overlap_matcher({.force = forcing::reference});
  }

  void operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, assignment& out)
  {
    if (!ignore.empty() && ignore.size() != truths.size())
      fail("a matcher was given ", truths.size(), " truths and ", ignore.size(), " ignore marks");
    clear_bests(anchors.corners().size());
    truth_best_.assign(truths.size(), {});

    for (std::size_t t = 0; t < truths.size(); ++t)
      if (ignore.empty() || !ignore[t]) compare(anchors, truths[t], static_cast<row_index>(t));

    out.verdicts.assign(anchors.size(), verdict::negative);
    out.truths.resize(anchors.size());
    each_compared([&](std::size_t at) {
      for (std::size_t a = at; a < std::min(at + block, anchors.size()); ++a)
        out.verdicts[a] = best_overlap_[a] >= settings_.positive   ? verdict::positive
                          : best_overlap_[a] >= settings_.negative ? verdict::ignored
                                                                   : verdict::negative;
    });
    force(anchors, truths, ignore, out);
    if (!ignore.empty()) set_aside(anchors, truths, ignore, out);
    if (settings_.force == forcing::reference)  // the truths of negatives too
      std::copy_n(best_truth_.begin(), anchors.size(), out.truths.begin());
    report(truths.size(), ignore, out);
  }

 private:
  static constexpr std::size_t block = 8;
  static constexpr row_index no_anchor = ~row_index{0};

  struct best_anchor {
    float overlap = 0;
    row_index anchor = no_anchor;
  };

  /// Forgets the truths of the last call: only where there were any, unless the anchors are others.
  void clear_bests(std::size_t padded)
  {
    if (best_overlap_.size() == padded) {
      each_compared([&](std::size_t at) { std::fill_n(&best_overlap_[at], block, 0.0f); });
      if (settings_.force == forcing::reference)
        std::fill(best_truth_.begin(), best_truth_.end(), row_index{0});
    } else {
      best_overlap_.assign(padded, 0.0f);
      best_truth_.assign(padded, 0);
    }
    compared_.assign(padded / block, 0);
  }

  /// Calls each(first anchor) for every block of which an anchor was compared with a truth.
  template <class Each>
  void each_compared(const Each& each) const
  {
    detail::each_one(compared_.data(), compared_.size(), [&](std::size_t b) { each(b * block); });
  }

  /// Overlaps of one truth with the block of anchors from `at` on.
  static std::array<float, block> overlaps(const anchor_layout& anchors, const box<float>& truth,
                                           std::size_t at)
  {
    const float* const x1 = anchors.corners().column(0) + at;
    const float* const y1 = anchors.corners().column(1) + at;
    const float* const x2 = anchors.corners().column(2) + at;
    const float* const y2 = anchors.corners().column(3) + at;
    std::array<float, block> shared;
    for (std::size_t k = 0; k < block; ++k)
      shared[k] = iou(truth, box<float>{x1[k], y1[k], x2[k], y2[k]});
    return shared;
  }

  /// By halves, for one after another would wait on itself.
  static float largest(std::array<float, block> of)
  {
    for (std::size_t half = block / 2; half > 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k) of[k] = maximum_of(of[k], of[k + half]);
    return of[0];
  }

  /// Enters one truth into the best of every anchor near it, and finds its own best anchor.
  void compare(const anchor_layout& anchors, const box<float>& truth, row_index t)
  {
    const bool all = settings_.force == forcing::reference;  // it wants the truths of negatives too
    const float enough = all ? 0 : settings_.negative;
    compare_near(anchors, truth, t, enough);
    const float needed = settings_.force == forcing::none ? 1.0f : settings_.floor;
    if (truth_best_[t].overlap < enough && needed < enough)
      compare_near(anchors, truth, t, needed);  // a truth between the anchors' sizes
    if (all && truth_best_[t].anchor == no_anchor) truth_best_[t].anchor = 0;  // arg-max of zeros
  }

  void compare_near(const anchor_layout& anchors, const box<float>& truth, row_index t, float least)
  {
    best_anchor& best = truth_best_[t];
    near_anchors(anchors, truth, least, [&](std::size_t begin, std::size_t end) {
      // Whole blocks: an anchor more that is compared, or one twice, changes nothing.
      for (std::size_t next = begin; next < end; next += block) {
        const std::size_t at = std::min(next, best_overlap_.size() - block);
        compared_[at / block] = compared_[(at + block - 1) / block] = 1;
        const auto shared = overlaps(anchors, truth, at);
        float* const best_of = &best_overlap_[at];
        row_index* const truth_of = &best_truth_[at];
        for (std::size_t k = 0; k < block; ++k) {
          const bool better = shared[k] > best_of[k];
          truth_of[k] = better ? t : truth_of[k];
          best_of[k] = better ? shared[k] : best_of[k];
        }
        const float most = largest(shared);
        if (most < best.overlap || most == 0) continue;
        for (std::size_t k = 0; k < block; ++k) {  // the first anchor among equals
          const auto a = static_cast<row_index>(at + k);
          if (shared[k] > best.overlap || (shared[k] == best.overlap && a < best.anchor))
            best = {shared[k], a};
        }
      }
    });
  }

  void force(const anchor_layout& anchors, std::span<const box<float>> truths,
             std::span<const std::uint8_t> ignore, assignment& out)
  {
    const auto wanted = [&](std::size_t t) {
      return (ignore.empty() || !ignore[t]) && truth_best_[t].overlap >= settings_.floor &&
             truth_best_[t].overlap > 0;
    };
    switch (settings_.force) {
      case forcing::none:
        break;
      case forcing::reference:
        force_as_reference(truths.size(), ignore, out);
        break;
      case forcing::ties:
        for (std::size_t t = 0; t < truths.size(); ++t)
          if (wanted(t)) force_ties(anchors, truths, ignore, truth_best_[t].overlap, t, out);
        break;
      case forcing::best:
        order_.clear();
        for (std::size_t t = 0; t < truths.size(); ++t)
          if (wanted(t)) order_.push_back(static_cast<row_index>(t));
        std::sort(order_.begin(), order_.end(), [&](row_index a, row_index b) {
          const float x = truth_best_[a].overlap, y = truth_best_[b].overlap;
          return x != y ? x > y : a < b;
        });
        taken_.assign(anchors.size(), 0);
        for (const row_index t : order_) {
          best_anchor best = truth_best_[t];
          if (taken_[best.anchor]) best = next_best(anchors, truths[t]);
          if (best.anchor == no_anchor) continue;
          taken_[best.anchor] = 1;
          out.verdicts[best.anchor] = verdict::positive;
          best_truth_[best.anchor] = t;
        }
    }
  }

  /// The best anchor that no other truth was given.
  best_anchor next_best(const anchor_layout& anchors, const box<float>& truth) const
  {
    best_anchor best;
    near_anchors(anchors, truth, settings_.floor, [&](std::size_t begin, std::size_t end) {
      for (std::size_t a = begin; a < end; ++a) {
        const float shared = iou(truth, anchors.corners()[a]);
        if (!taken_[a] && shared >= settings_.floor && shared > best.overlap)
          best = {shared, static_cast<row_index>(a)};
      }
    });
    return best;
  }

  void force_ties(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, float best, std::size_t of, assignment& out)
  {
    near_anchors(anchors, truths[of], best, [&](std::size_t begin, std::size_t end) {
      for (std::size_t a = begin; a < end; ++a) {
        const box<float> corners = anchors.corners()[a];
        if (iou(truths[of], corners) != best) continue;
        out.verdicts[a] = verdict::positive;
        if (best >= settings_.negative) continue;
        // Below the threshold not every truth has been compared with this anchor.
        float most = 0;
        for (std::size_t t = 0; t < truths.size(); ++t)
          if (const float shared = iou(truths[t], corners);
              (ignore.empty() || !ignore[t]) && shared > most) {
            most = shared;
            best_truth_[a] = static_cast<row_index>(t);
          }
      }
    });
  }

  void force_as_reference(std::size_t truths, std::span<const std::uint8_t> ignore, assignment& out)
  {
    const auto counts = [&](std::size_t t) { return ignore.empty() || !ignore[t]; };
    bool any = false;
    for (std::size_t t = 0; t < truths; ++t)
      any = any || (counts(t) && truth_best_[t].overlap >= settings_.floor);
    if (!any) {  // the whole image is background
      std::fill(out.verdicts.begin(), out.verdicts.end(), verdict::negative);
      return;
    }
    for (std::size_t t = 0; t < truths; ++t) {
      if (!counts(t)) continue;
      const auto [overlap, anchor] = truth_best_[t];
      best_truth_[anchor] = static_cast<row_index>(t);
      if (overlap >= settings_.floor) out.verdicts[anchor] = verdict::positive;
    }
  }

  /// Negatives that lie within a truth to be ignored are no evidence of anything.
  void set_aside(const anchor_layout& anchors, std::span<const box<float>> truths,
                 std::span<const std::uint8_t> ignore, assignment& out) const
  {
    for (std::size_t t = 0; t < truths.size(); ++t)
      if (ignore[t])
        for (std::size_t a = 0; a < anchors.size(); ++a)
          if (out.verdicts[a] == verdict::negative &&
              iof(anchors.corners()[a], truths[t]) > settings_.ignore)
            out.verdicts[a] = verdict::ignored;
  }

  void report(std::size_t truths, std::span<const std::uint8_t> ignore, assignment& out) const
  {
    out.positives.assign(truths, 0);
    out.positive_count = 0;
    each_positive(out.verdicts, [&](std::size_t a) {
      out.truths[a] = best_truth_[a];
      ++out.positives[out.truths[a]];
      ++out.positive_count;
    });
    out.unmatched = 0;
    for (std::size_t t = 0; t < truths; ++t)
      if (out.positives[t] == 0 && (ignore.empty() || !ignore[t])) ++out.unmatched;
  }

  settings settings_;
  std::vector<float> best_overlap_;      // (anchors, padded): with the best truth
  std::vector<row_index> best_truth_;    // (anchors, padded)
  std::vector<std::uint8_t> compared_;   // (blocks of anchors)
  std::vector<best_anchor> truth_best_;  // (truths)
  std::vector<row_index> order_;
  std::vector<std::uint8_t> taken_;
};
static_assert(matcher<overlap_matcher>);

}  // namespace retinue
