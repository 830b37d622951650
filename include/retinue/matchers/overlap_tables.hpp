// SPDX-License-Identifier: Apache-2.0
// Matching by overlap where the tables of any backend lie: the definition, written down.
//
// Every truth is compared with every anchor, twice: for each anchor the best truth, for each truth
// the best anchor. Then truths are given anchors one after the other, as `forcing` says. In host
// memory matchers/overlap_matcher.hpp looks at the anchors near a truth alone.
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/formulas/overlap.hpp>     // iou, iof
#include <retinue/matchers/assignment.hpp>  // assigned, rival
#include <retinue/matchers/forcing.hpp>     // overlap_settings
#include <retinue/matchers/parts.hpp>       // unassigned

#include <cstddef>
#include <span>

namespace retinue {

namespace detail {

/// The overlap of an anchor with a truth that takes part; of others -1.
struct rivals_overlap {
  template <class T>
  T operator()(const centre_box<T>& anchor, const rival<T>& truth) const
  {
    const T out = fill_like(truth.ignored, -1), half = fill_like(truth.ignored, 0.5);
    return pick_less(truth.ignored, half, iou(truth.bounds, to_corners(anchor)), out);
  }
  /// -1 with an anchor that is barred, too.
  template <class T>
  T operator()(const centre_box<T>& anchor, const rival<T>& truth, const number<T>& barred) const
  {
    return pick_less(barred.value, fill_like(truth.ignored, 0.5), (*this)(anchor, truth),
                     fill_like(truth.ignored, -1));
  }
};

/// Which share of an anchor a truth to be ignored covers, or the anchor of the truth.
struct ignored_share {
  bool of_anchor = true;

  template <class T>
  T operator()(const centre_box<T>& anchor, const rival<T>& truth) const
  {
    const T out = fill_like(truth.ignored, -1), half = fill_like(truth.ignored, 0.5);
    const T one_and_half = fill_like(half, 1.5);
    const box<T> corners = to_corners(anchor);
    const T share = of_anchor ? iof(corners, truth.bounds) : iof(truth.bounds, corners);
    const T covered = pick_less(truth.ignored, one_and_half, share, out);
    return pick_less(half, truth.ignored, covered, out);
  }
};

/// a >= b ? then : otherwise
template <class T>
[[nodiscard]] T pick_from(const T& a, const T& b, const T& then, const T& otherwise)
{
  return pick_less(a, b, otherwise, then);
}

struct verdict_by_overlap {
  float positive, negative, background;

  template <class T>
  assigned<T> operator()(const best_row<T>& best) const
  {
    const T zero = fill_like(best.value, 0), one = fill_like(zero, 1), two = fill_like(zero, 2);
    const T far = pick_less(best.value, fill_like(zero, background), two, zero);
    const T none = pick_less(best.value, zero, zero, far);  // nobody to compare it with
    const T below = pick_less(best.value, fill_like(zero, negative), none, two);
    return {pick_from(best.value, fill_like(zero, positive), one, below), best.row, one, one};
  }
};

/// A truth, and the overlap of its best anchor.
template <class T>
struct rival_best {
  using value_type = T;
  template <class U>
  using rebind = rival_best<U>;
  static constexpr std::size_t width = 7;

  rival<T> truth;
  T best;

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i < 6 ? truth[i] : best; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const { return i < 6 ? truth[i] : best; }
};

struct join_best {
  template <class T>
  rival_best<T> operator()(const rival<T>& truth, const best_row<T>& best) const
  {
    return {truth, best.value};
  }
};
struct best_of_rival {
  template <class T>
  number<T> operator()(const rival_best<T>& truth) const
  {
    return {truth.best};
  }
};

/// The overlap with an anchor that nobody has, where that is enough; else -1.
struct free_overlap {
  float floor;

  template <class T>
  T operator()(const rival_best<T>& truth, const centre_box<T>& anchor, const number<T>& taken,
               const number<T>& barred) const
  {
    const T shared = rivals_overlap{}(anchor, truth.truth, barred), out = fill_like(shared, -1);
    const T enough = pick_from(shared, fill_like(shared, floor), shared, out);
    const T some = pick_less(fill_like(shared, 0), enough, enough, out);
    return pick_less(taken.value, fill_like(shared, 0.5), some, out);
  }
};

/// 1 where the anchor ties the best overlap of a truth that wants one.
struct ties_best {
  float floor;

  template <class T>
  T operator()(const centre_box<T>& anchor, const rival_best<T>& truth,
               const number<T>& barred) const
  {
    const T shared = rivals_overlap{}(anchor, truth.truth, barred);
    const T zero = fill_like(shared, 0), one = fill_like(shared, 1);
    const T tied = pick_from(shared, truth.best, one, zero);
    const T enough = pick_from(truth.best, fill_like(shared, floor), tied, zero);
    return pick_less(zero, truth.best, enough, zero);
  }
};
struct force_tied {
  template <class T>
  assigned<T> operator()(assigned<T> now, const best_row<T>& tied) const
  {
    now.verdict =
        pick_less(fill_like(now.verdict, 0.5), tied.value, fill_like(now.verdict, 1), now.verdict);
    return now;
  }
};

/// Every anchor that ties the best overlap of one truth, given to it: overlaps of 0, too.
struct give_ties {
  float truth, floor;

  template <class T>
  assigned<T> operator()(assigned<T> now, const centre_box<T>& anchor, const number<T>& barred,
                         const rival_best<T>& of) const
  {
    const T shared = rivals_overlap{}(anchor, of.truth, barred);
    const T zero = fill_like(shared, 0), one = fill_like(shared, 1);
    const T tied = pick_from(shared, of.best, one, zero);
    const T enough = pick_from(of.best, fill_like(shared, floor), tied, zero);
    const T given = pick_from(shared, zero, enough, zero), half = fill_like(shared, 0.5);
    now.verdict = pick_less(half, given, one, now.verdict);
    now.truth = pick_less(half, given, fill_like(shared, truth), now.truth);
    return now;
  }
};

/// An anchor given to a truth, where there is one with enough; `verdict` alone where the reference
/// gives it without.
struct give {
  float truth;
  float floor;
  bool always;           // the truth even where the overlap is too small
  bool at_zero = false;  // an overlap of 0 is one, too

  template <class T>
  assigned<T> operator()(assigned<T> now, const best_row<T>& best) const
  {
    const T least = fill_like(now.verdict, always || at_zero ? -0.5 : 0.0),
            own = fill_like(least, truth);
    now.verdict =
        pick_from(best.value, fill_like(least, floor),
                  pick_less(least, best.value, fill_like(least, 1), now.verdict), now.verdict);
    now.truth = always ? pick_less(least, best.value, own, now.truth)
                       : pick_from(best.value, fill_like(least, floor),
                                   pick_less(least, best.value, own, now.truth), now.truth);
    return now;
  }
};
/// The same where the number of the truth is in a table.
struct give_to {
  float floor;

  template <class T>
  assigned<T> operator()(const assigned<T>& now, const best_row<T>& best,
                         const number<T>& truth) const
  {
    assigned<T> given = give{0, floor, false}(now, best);
    const T least = fill_like(now.verdict, 0);
    given.truth = pick_from(best.value, fill_like(least, floor),
                            pick_less(least, best.value, truth.value, now.truth), now.truth);
    return given;
  }
};
struct take {
  template <class T>
  number<T> operator()(const number<T>& taken, const best_row<T>& best) const
  {
    return {pick_less(fill_like(best.value, 0), best.value, fill_like(best.value, 1), taken.value)};
  }
};
struct nobody {
  template <class T>
  number<T> operator()(const assigned<T>& a) const
  {
    return {fill_like(a.verdict, 0)};
  }
  template <class T>
  number<T> operator()(const centre_box<T>& a) const
  {
    return {fill_like(a.cx, 0)};
  }
};

struct counts_at_all {
  template <class T>
  T operator()(const rival<T>& truth) const
  {
    return pick_less(truth.ignored, fill_like(truth.ignored, 0.5), fill_like(truth.ignored, 1),
                     fill_like(truth.ignored, 0));
  }
};
/// 1 for anchors that a truth to be ignored takes out, if any truth counts.
struct bar {
  float share;

  template <class T>
  number<T> operator()(const best_row<T>& covered, const best_row<T>& any) const
  {
    const T zero = fill_like(covered.value, 0), half = fill_like(zero, 0.5);
    const T taken = pick_less(fill_like(zero, share), covered.value, fill_like(zero, 1), zero);
    return {pick_less(half, any.value, taken, zero)};
  }
};
struct ignore_barred {
  template <class T>
  assigned<T> operator()(assigned<T> now, const number<T>& barred) const
  {
    const T half = fill_like(now.verdict, 0.5), two = fill_like(half, 2);
    const T ignored = pick_less(half, barred.value, two, now.verdict);
    now.verdict = pick_less(now.verdict, half, ignored, now.verdict);
    return now;
  }
};

/// Negatives that lie within a truth to be ignored.
struct set_aside {
  float share;

  template <class T>
  assigned<T> operator()(assigned<T> now, const best_row<T>& covered) const
  {
    const T half = fill_like(now.verdict, 0.5), two = fill_like(half, 2);
    const T ignored = pick_less(fill_like(half, share), covered.value, two, now.verdict);
    now.verdict = pick_less(now.verdict, half, ignored, now.verdict);
    return now;
  }
};
/// All background, unless a truth has an anchor by `floor`.
struct keep_if_any {
  float floor;

  template <class T>
  assigned<T> operator()(assigned<T> now, const best_row<T>& best) const
  {
    now.verdict = pick_from(best.value, fill_like(now.verdict, floor), now.verdict,
                            fill_like(now.verdict, 0));
    return now;
  }
};
struct value_of {
  template <class T>
  T operator()(const rival_best<T>& truth) const
  {
    return pick_less(truth.truth.ignored, fill_like(truth.best, 0.5), truth.best,
                     fill_like(truth.best, -1));
  }
};

}  // namespace detail

/// Anchors (1, N) and truths (1, M) of one image.
template <tensor_backend B>
void match_tables(B& b, const overlap_settings& s,
                  const typename B::template table<centre_box<float>>& anchors,
                  const typename B::template table<rival<float>>& truths,
                  typename B::template table<assigned<float>>& out)
{
  const std::size_t count = truths.shape().rows;
  if (count == 0 || anchors.shape().rows == 0) {
    b.map(detail::unassigned{}, out, anchors);
    return;
  }
  typename B::template table<best_row<float>> best_truth, best_anchor, found;
  typename B::template table<detail::rival_best<float>> rivals;
  typename B::template table<number<float>> barred;  // (1, N)
  if (s.ignored == ignoring::all) {
    b.most(detail::counts_at_all{}, found, truths);
    b.most(detail::ignored_share{s.share_of_anchor}, best_truth, b.across(anchors), truths);
    b.map(detail::bar{s.ignore}, barred, b.across(best_truth), found);
  } else {
    b.map(detail::nobody{}, barred, anchors);
  }
  b.most(detail::rivals_overlap{}, best_truth, b.across(anchors), truths, b.across(barred));
  b.map(detail::verdict_by_overlap{s.positive, s.negative, s.background}, out,
        b.across(best_truth));
  // Seen from the truths.
  b.most([](const auto& truth, const auto& anchor,
            const auto& out_of) { return detail::rivals_overlap{}(anchor, truth, out_of); },
         best_anchor, b.across(truths), anchors, barred);
  b.map(detail::join_best{}, rivals, truths, b.across(best_anchor));

  typename B::list place, one, row;
  const auto only = [&](std::size_t i) {
    const row_index place_of = static_cast<row_index>(i);
    b.put(std::span<const row_index>(&place_of, 1), place);
  };
  typename B::template table<assigned<float>> given;
  switch (s.force) {
    case forcing::none:
      break;
    case forcing::ties:
      b.most(detail::ties_best{s.floor}, found, b.across(anchors), rivals, b.across(barred));
      b.map(detail::force_tied{}, out, out, b.across(found));
      break;
    case forcing::best: {
      typename B::template table<number<float>> overlaps, numbers, taken, mark;
      typename B::list order;
      b.map(detail::best_of_rival{}, overlaps, rivals);
      b.best(overlaps, count, order);
      b.map(detail::nobody{}, taken, out);
      for (std::size_t i = 0; i < count; ++i) {
        only(i);
        b.gather(order, place, one);
        b.most(detail::free_overlap{s.floor}, found, b.gather(rivals, one), anchors, taken, barred);
        b.rows_of(found, row);
        b.number_of(one, numbers);
        b.map(detail::give_to{s.floor}, given, b.gather(out, row), found, numbers);
        b.scatter(given, row, out);
        b.map(detail::take{}, mark, b.gather(taken, row), found);
        b.scatter(mark, row, taken);
      }
      break;
    }
    case forcing::reference: {
      typename B::template table<best_row<float>> most;
      b.most(detail::value_of{}, most, rivals);
      for (std::size_t t = 0; t < count; ++t) {
        only(t);
        b.map([](const auto& r) { return r; }, found, b.gather(best_anchor, place));
        b.rows_of(found, row);
        b.map(detail::give{static_cast<float>(t), s.floor, true}, given, b.gather(out, row), found);
        b.scatter(given, row, out);
      }
      // Where no truth has enough, the whole image is background, whoever its anchors were given
      // to.
      b.map(detail::keep_if_any{s.floor}, out, out, most);
      break;
    }
    case forcing::last_ties:
      for (std::size_t t = 0; t < count; ++t) {
        only(t);
        b.map(detail::give_ties{static_cast<float>(t), s.floor}, out, out, anchors, barred,
              b.gather(rivals, place));
      }
      break;
    case forcing::last_best:
      for (std::size_t t = 0; t < count; ++t) {
        only(t);
        b.map([](const auto& r) { return r; }, found, b.gather(best_anchor, place));
        b.rows_of(found, row);
        b.map(detail::give{static_cast<float>(t), s.floor, false, true}, given, b.gather(out, row),
              found);
        b.scatter(given, row, out);
      }
      break;
  }
  if (s.ignored == ignoring::all) {
    b.map(detail::ignore_barred{}, out, out, barred);
  } else {
    b.most(detail::ignored_share{s.share_of_anchor}, found, b.across(anchors), truths);
    b.map(detail::set_aside{s.ignore}, out, out, b.across(found));
  }
}

}  // namespace retinue
