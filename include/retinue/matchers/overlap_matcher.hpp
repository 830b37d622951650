// SPDX-License-Identifier: Apache-2.0
// Which anchor answers for which truth, or for none, or is left out of the loss, by overlap.
//
//   overlap with the best truth   >= positive               positive, for that truth
//                                 >= negative               ignored
//                                 <  negative               negative
//                                 <  background             ignored
//   and, so that no truth goes without, each truth's best anchor is made positive for it, if they
//   overlap by `floor` or more.
//
// Four settings of one matcher: RetinaFace .35/.2 (seed 000), SSD .5 (seed 004; Liu 2016, section
// 2.2), RPN .7/.3 (Ren 2015, section 3.1.2), RetinaNet .5/.4 (Lin 2017, section 4.1). MMDetection's
// and torchvision's matchers are settings of it too: see matchers/forcing.hpp.
#pragma once

#include <retinue/anchors/layout.hpp>           // anchor_layout
#include <retinue/anchors/near.hpp>             // near_anchors
#include <retinue/backend/packet.hpp>           // packet
#include <retinue/error.hpp>                    // fail
#include <retinue/formulas/overlap.hpp>         // iou, iof
#include <retinue/geometry.hpp>                 // box
#include <retinue/matchers/assignment.hpp>      // assignment, verdict
#include <retinue/matchers/forcing.hpp>         // overlap_settings
#include <retinue/matchers/overlap_tables.hpp>  // match_tables

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// By overlap alone. Looks only at the anchors near each truth; memory is O(anchors + truths).
class overlap_matcher {
 public:
  using settings = overlap_settings;

  /// Throws where not 0 < negative <= positive <= 1, where the floor is not 0 to 1, or where the
  /// background is not 0 to `negative`.
  explicit overlap_matcher(settings s) : settings_(s)
  {
    if (!(s.negative > 0 && s.negative <= s.positive && s.positive <= 1))
      fail("a matcher's thresholds are negative ", s.negative, " and positive ", s.positive,
           ", expected 0 < negative <= positive <= 1");
    if (!(s.floor >= 0 && s.floor <= 1))
      fail("a matcher's floor is ", s.floor, ", expected 0 to 1");
    if (!(s.background >= 0 && s.background <= s.negative))
      fail("a matcher calls no anchor negative below ", s.background, ", expected 0 to ",
           s.negative);
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
  /// Compatibility: MMDetection's MaxIoUAssigner with these as pos_iou_thr, neg_iou_thr and
  /// min_pos_iou. Truths to be ignored take anchors out as they do there. Throws where the
  /// constructor does.
  [[nodiscard]] static overlap_matcher mmdetection(float positive, float negative, float floor)
  {
    return overlap_matcher({.positive = positive,
                            .negative = negative,
                            .force = forcing::last_ties,
                            .floor = floor,
                            .ignored = ignoring::all});
  }
  /// Compatibility: torchvision's SSDMatcher.
  [[nodiscard]] static overlap_matcher torchvision_ssd()
  {
    return overlap_matcher(
        {.positive = 0.5f, .negative = 0.5f, .force = forcing::last_best, .floor = 0});
  }
  /// Compatibility: what seeds 000 to 003 compute, defects included.
  [[nodiscard]] static overlap_matcher reference()
  {
    return overlap_matcher({.force = forcing::reference});
  }

  [[nodiscard]] const settings& how() const { return settings_; }

  /// The same where the tables of a backend lie.
  template <tensor_backend B>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 typename B::template table<assigned<float>>& out) const
  {
    match_tables(b, settings_, anchors, truths, out);
  }

  /// One image, as the concept `matcher` has it. Throws where there are marks, but not one for each
  /// truth.
  void operator()(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, assignment& out)
  {
    if (!ignore.empty() && ignore.size() != truths.size())
      fail("a matcher was given ", truths.size(), " truths and ", ignore.size(), " ignore marks");
    clear_bests(anchors.corners().size());
    truth_best_.assign(truths.size(), {});
    const bool any = ignore.empty() ? !truths.empty()
                                    : std::find(ignore.begin(), ignore.end(), 0) != ignore.end();
    bar(anchors, truths, any ? ignore : std::span<const std::uint8_t>());

    for (std::size_t t = 0; t < truths.size(); ++t)
      if (ignore.empty() || !ignore[t]) compare(anchors, truths[t], static_cast<row_index>(t));

    // What was not compared overlaps by less than any threshold. Padded: whole blocks.
    const bool far = any && settings_.background > 0;
    out.verdicts.assign(best_overlap_.size(), far ? verdict::ignored : verdict::negative);
    out.truths.resize(anchors.size());
    using number = packet<std::int32_t>;
    const auto positive = numbers::all(settings_.positive),
               negative = numbers::all(settings_.negative),
               background = numbers::all(settings_.background);
    const auto yes = number::all(static_cast<int>(verdict::positive)),
               no = number::all(static_cast<int>(verdict::negative)),
               between = number::all(static_cast<int>(verdict::ignored));
    auto* const verdicts = reinterpret_cast<std::uint8_t*>(out.verdicts.data());
    each_compared([&](std::size_t at) {
      const auto best = numbers::load(&best_overlap_[at]);
      const auto above = where_less(best, positive, between, yes);
      const auto below = where_less(best, background, between, no);
      where_less(best, negative, below, above).store_bytes(verdicts + at);
    });
    out.verdicts.resize(anchors.size());
    force(anchors, truths, ignore, out);
    if (any_barred_)
      ignore_barred(out);
    else if (!ignore.empty() && settings_.ignored == ignoring::negatives)
      set_aside(anchors, truths, ignore, out);
    if (settings_.force == forcing::reference)  // the truths of negatives too
      std::copy_n(best_truth_.begin(), anchors.size(), out.truths.begin());
    report(truths.size(), ignore, out);
  }

 private:
  using numbers = packet<float>;
  using indices = packet<row_index>;
  static constexpr std::size_t block = numbers::lanes;
  static constexpr row_index no_anchor = ~row_index{0}, no_truth = no_anchor;

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
      compared_.assign(padded / block, 0);
    } else {
      compared_.assign(padded / block, 0);
      best_truth_.assign(padded, 0);
      best_overlap_.assign(padded, 0.0f);  // last: where one throws, the next call is here again
    }
  }

  /// Calls each(first anchor) for every block of which an anchor was compared with a truth.
  template <class Each>
  void each_compared(const Each& each) const
  {
    detail::each_odd(compared_.data(), compared_.size(), [&](std::size_t b) { each(b * block); });
  }

  /// Enters one truth into the best of every anchor near it, and finds its own best anchor.
  void compare(const anchor_layout& anchors, const box<float>& truth, row_index t)
  {
    const bool all = settings_.force == forcing::reference;  // it wants the truths of negatives too
    const float enough = all                        ? 0
                         : settings_.background > 0 ? settings_.background
                                                    : settings_.negative;
    compare_near(anchors, truth, t, enough);
    const float needed = settings_.force == forcing::none ? 1.0f : settings_.floor;
    if (truth_best_[t].overlap < enough && needed < enough)
      compare_near(anchors, truth, t, needed);  // a truth between the anchors' sizes
    if (all && truth_best_[t].anchor == no_anchor) truth_best_[t].anchor = 0;  // arg-max of zeros
  }

  void compare_near(const anchor_layout& anchors, const box<float>& truth, row_index t, float least)
  {
    // Of each lane the largest overlap, and the first anchor that has as much.
    auto most = numbers::all(0);
    auto first = indices::all(no_anchor);
    const auto own = indices::all(t);
    each_block(anchors, truth, least, [&](std::size_t at, const numbers& shared) {
      compared_[at / block] = compared_[(at + block - 1) / block] = 1;
      const auto best = numbers::load(&best_overlap_[at]);
      maximum_of(best, shared).store(&best_overlap_[at]);
      where_less(best, shared, own, indices::load(&best_truth_[at])).store(&best_truth_[at]);
      first = where_less(most, shared, indices::from(static_cast<row_index>(at)), first);
      most = maximum_of(most, shared);
    });
    const float overlap = most.largest();
    if (overlap == 0) return;
    const auto none = indices::all(no_anchor);
    truth_best_[t] = {overlap, where_less(most, numbers::all(overlap), none, first).smallest()};
  }

  /// Calls each(at, overlaps) for the blocks of anchors near a truth, in rising order. They are
  /// whole: to compare an anchor that is far away, or one anchor twice, changes nothing.
  template <class Each>
  void each_block(const anchor_layout& anchors, const box<float>& truth, float least,
                  const Each& each) const
  {
    const std::size_t last = anchors.corners().size() - block;
    const float *const x1 = anchors.corners().column(0), *const y1 = anchors.corners().column(1),
                       *const x2 = anchors.corners().column(2),
                       *const y2 = anchors.corners().column(3);
    const box<numbers> of{numbers::all(truth.x1), numbers::all(truth.y1), numbers::all(truth.x2),
                          numbers::all(truth.y2)};
    near_anchors(anchors, truth, least, [&](std::size_t begin, std::size_t end) {
      for (std::size_t next = begin; next < end; next += block) {
        const std::size_t at = std::min(next, last);
        const auto shared = iou(of, box<numbers>{numbers::load(x1 + at), numbers::load(y1 + at),
                                                 numbers::load(x2 + at), numbers::load(y2 + at)});
        each(at, any_barred_ ? minimum_of(shared, numbers::load(&most_[at])) : shared);
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
    if (anchors.size() == 0) return;
    switch (settings_.force) {
      case forcing::none:
        break;
      case forcing::reference:
        force_as_reference(truths.size(), ignore, out);
        break;
      case forcing::ties:
        for (std::size_t t = 0; t < truths.size(); ++t)
          if (wanted(t)) force_ties(anchors, truths, ignore, t, out);
        break;
      case forcing::best:
        force_best(anchors, truths, wanted, out);
        break;
      case forcing::last_ties:
      case forcing::last_best:
        for (std::size_t t = 0; t < truths.size(); ++t)
          if ((ignore.empty() || !ignore[t]) && truth_best_[t].overlap >= settings_.floor)
            give_last(anchors, truths[t], static_cast<row_index>(t), out);
    }
  }

  /// Whoever had them. Of a truth that overlaps nothing all anchors tie, and the first is the best.
  void give_last(const anchor_layout& anchors, const box<float>& truth, row_index t,
                 assignment& out)
  {
    const float best = truth_best_[t].overlap;
    const bool one = settings_.force == forcing::last_best;
    const auto give = [&](std::size_t a) {
      out.verdicts[a] = verdict::positive;
      best_truth_[a] = t;
    };
    if (best == 0) {
      for (std::size_t a = 0; a < anchors.size(); ++a) {
        if (any_barred_ && most_[a] < 0) continue;
        give(a);
        if (one) return;
      }
    } else if (one) {
      give(truth_best_[t].anchor);
    } else {
      each_block(anchors, truth, best, [&](std::size_t at, const numbers& shared) {
        for (std::size_t k = 0; k < block; ++k)
          if (shared.lane[k] == best) give(at + k);
      });
    }
  }

  /// One truth after another, the largest best overlap first, takes the best anchor that is left.
  /// Few have a rival: only those that lose to one are put in order.
  template <class Wanted>
  void force_best(const anchor_layout& anchors, std::span<const box<float>> truths,
                  const Wanted& wanted, assignment& out)
  {
    const auto before = [&](row_index a, row_index b) {
      const float x = truth_best_[a].overlap, y = truth_best_[b].overlap;
      return x != y ? x > y : a < b;
    };
    const auto after = [&](row_index a, row_index b) { return before(b, a); };
    losers_.clear();
    losers_.reserve(truths.size());           // or to throw would leave anchors with owners
    owner_.resize(anchors.size(), no_truth);  // no anchor has one from call to call
    for (std::size_t i = 0; i < truths.size(); ++i) {
      if (!wanted(i)) continue;
      auto t = static_cast<row_index>(i);
      row_index& owner = owner_[truth_best_[t].anchor];
      if (owner == no_truth || before(t, owner)) std::swap(owner, t);
      if (t != no_truth) losers_.push_back(t);
    }
    std::make_heap(losers_.begin(), losers_.end(), after);
    while (!losers_.empty()) {
      std::pop_heap(losers_.begin(), losers_.end(), after);
      const row_index t = losers_.back();
      losers_.pop_back();
      // Free is also what a truth has that comes later.
      const row_index anchor = truth_best_[t].anchor =
          next_best(anchors, truths[t],
                    [&](std::size_t a) { return owner_[a] == no_truth || before(t, owner_[a]); });
      if (anchor == no_anchor) continue;
      const row_index displaced = std::exchange(owner_[anchor], t);
      if (displaced == no_truth) continue;
      losers_.push_back(displaced);
      std::push_heap(losers_.begin(), losers_.end(), after);
    }
    for (std::size_t t = 0; t < truths.size(); ++t) {
      const row_index anchor = truth_best_[t].anchor;
      if (!wanted(t) || anchor == no_anchor) continue;
      out.verdicts[anchor] = verdict::positive;
      best_truth_[anchor] = static_cast<row_index>(t);
      owner_[anchor] = no_truth;
    }
  }

  /// The best anchor of those that are free.
  template <class Free>
  [[nodiscard]] row_index next_best(const anchor_layout& anchors, const box<float>& truth,
                                    const Free& free) const
  {
    best_anchor best;
    each_block(anchors, truth, settings_.floor, [&](std::size_t at, const numbers& shared) {
      if (shared.largest() <= best.overlap) return;
      for (std::size_t k = 0; k < block; ++k)
        if (const float o = shared.lane[k];
            o > best.overlap && o >= settings_.floor && free(at + k))
          best = {o, static_cast<row_index>(at + k)};
    });
    return best.anchor;
  }

  /// Compares packets with what was a packet's lane: the best overlap is found again bit for bit.
  void force_ties(const anchor_layout& anchors, std::span<const box<float>> truths,
                  std::span<const std::uint8_t> ignore, std::size_t of, assignment& out)
  {
    const float best = truth_best_[of].overlap;
    each_block(anchors, truths[of], best, [&](std::size_t at, const numbers& shared) {
      if (shared.largest() < best) return;
      for (std::size_t k = 0; k < block; ++k) {
        if (shared.lane[k] != best) continue;
        out.verdicts[at + k] = verdict::positive;
        // Below the threshold not every truth has been compared with this anchor.
        if (best < settings_.negative)
          best_truth_[at + k] = best_truth_of(anchors.corners()[at + k], truths, ignore);
      }
    });
  }

  [[nodiscard]] static row_index best_truth_of(const box<float>& anchor,
                                               std::span<const box<float>> truths,
                                               std::span<const std::uint8_t> ignore)
  {
    row_index best = 0;
    float most = 0;
    for (std::size_t t = 0; t < truths.size(); ++t)
      if (const float shared = iou(truths[t], anchor);
          (ignore.empty() || !ignore[t]) && shared > most) {
        most = shared;
        best = static_cast<row_index>(t);
      }
    return best;
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

  [[nodiscard]] bool is_taken_out(const box<float>& anchor, const box<float>& ignored) const
  {
    return (settings_.share_of_anchor ? iof(anchor, ignored) : iof(ignored, anchor)) >
           settings_.ignore;
  }

  /// Keeps anchors out of all comparisons: the most that they overlap is -1.
  void bar(const anchor_layout& anchors, std::span<const box<float>> truths,
           std::span<const std::uint8_t> ignore)
  {
    any_barred_ = settings_.ignored == ignoring::all && !ignore.empty();
    if (!any_barred_) return;
    most_.assign(anchors.corners().size(), 1.0f);
    for (std::size_t t = 0; t < truths.size(); ++t)
      if (ignore[t])
        for (std::size_t a = 0; a < anchors.size(); ++a)
          if (is_taken_out(anchors.corners()[a], truths[t])) most_[a] = -1;
  }

  void ignore_barred(assignment& out) const
  {
    for (std::size_t a = 0; a < out.verdicts.size(); ++a)
      if (most_[a] < 0) out.verdicts[a] = verdict::ignored;
  }

  /// Negatives that lie within a truth to be ignored are no evidence of anything.
  void set_aside(const anchor_layout& anchors, std::span<const box<float>> truths,
                 std::span<const std::uint8_t> ignore, assignment& out) const
  {
    for (std::size_t t = 0; t < truths.size(); ++t)
      if (ignore[t])
        for (std::size_t a = 0; a < anchors.size(); ++a)
          if (out.verdicts[a] == verdict::negative && is_taken_out(anchors.corners()[a], truths[t]))
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
  std::vector<row_index> owner_;         // (anchors): the truth whose best anchor it is
  std::vector<row_index> losers_;        // a heap
  std::vector<float> most_;              // (anchors, padded): -1 where barred
  bool any_barred_ = false;
};
static_assert(matcher<overlap_matcher>);

}  // namespace retinue
