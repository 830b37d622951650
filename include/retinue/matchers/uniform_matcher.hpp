// SPDX-License-Identifier: Apache-2.0
// Matching of as many anchors with each truth, however large it is.
//
//   distance   |cx - cx'| + |cy - cy'| + |w - w'| + |h - h'|
//   chosen     for each truth the `times` anchors nearest to it, and the `times` whose predicted
//              boxes are nearest
//   positive   chosen and overlapping the truth by `least` or more; others of these are ignored
//   ignored    the rest, where their predicted box overlaps a truth by more than `near`
//
// YOLOF's (Chen 2021, section 4.2, and its code). What several truths choose goes to the one for
// whom it is less near: predictions go before anchors, of equal rank, and the later truth has it.
// Distances are those of pixels where anchors are squares in pixels, as YOLOF's are: their sides as
// fractions tell how the sides of the picture compare. Memory is O(anchors + truths).
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou
#include <retinue/labels/policy.hpp>        // label_policy
#include <retinue/matchers/assignment.hpp>  // assigned, said_of_image
#include <retinue/matchers/parts.hpp>       // unassigned, put_one

#include <cstddef>
#include <limits>

namespace retinue {

namespace detail {

/// What is known of an anchor: the largest overlap of its prediction with a truth, the last who
/// chose it, how late that was, and whether it may answer.
template <class T>
struct late_choice {
  using value_type = T;
  template <class U>
  using rebind = late_choice<U>;
  static constexpr std::size_t width = 4;

  T overlap, order, truth, verdict;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? overlap : i == 1 ? order : i == 2 ? truth : verdict;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? overlap : i == 1 ? order : i == 2 ? truth : verdict;
  }
};

struct not_chosen {
  template <class T>
  late_choice<T> operator()(const centre_box<T>& anchor) const
  {
    const T zero = fill_like(anchor.cx, 0);
    return {zero, fill_like(zero, -1), zero, zero};
  }
};
struct meet_truth {
  template <class T>
  late_choice<T> operator()(late_choice<T> now, const box<T>& said, const rival<T>& truth) const
  {
    const T half = fill_like(now.overlap, 0.5), zero = fill_like(now.overlap, 0);
    now.overlap =
        maximum_of(now.overlap, pick_less(truth.ignored, half, iou(said, truth.bounds), zero));
    return now;
  }
};

/// How near a box is, as a number that rises with it.
template <class T>
[[nodiscard]] number<T> nearness(const centre_box<T>& b, const centre_box<T>& anchor,
                                 const rival<T>& truth)
{
  using detail::abs, detail::sqrt;
  const centre_box<T> t = to_centre(truth.bounds);
  const T across = T(sqrt(T(anchor.h / anchor.w))), along = T(sqrt(T(anchor.w / anchor.h)));
  const T x = T(abs(T((b.cx - t.cx) * across))), y = T(abs(T((b.cy - t.cy) * along)));
  const T w = T(abs(T((b.w - t.w) * across))), h = T(abs(T((b.h - t.h) * along)));
  return {T(fill_like(x, 0) - (((x + y) + w) + h))};
}
struct near_anchor {
  template <class T>
  number<T> operator()(const centre_box<T>& anchor, const rival<T>& truth) const
  {
    return nearness(anchor, anchor, truth);
  }
};
struct near_said {
  template <class T>
  number<T> operator()(const centre_box<T>& anchor, const box<T>& said, const rival<T>& truth) const
  {
    return nearness(to_centre(said), anchor, truth);
  }
};

/// Enters the choice of one truth, if it is later than the one before.
struct choose_late {
  float truth, truths, of_anchors, least;

  template <class T>
  late_choice<T> operator()(late_choice<T> now, const number<T>& rank, const centre_box<T>& anchor,
                            const rival<T>& of) const
  {
    using S = scalar_of_t<T>;
    const T half = fill_like(now.order, 0.5), one = fill_like(half, 1), two = fill_like(half, 2);
    const T order = (rank.value * S(2) + S(of_anchors)) * S(truths) + S(truth);
    const T later = pick_less(now.order, order, one, fill_like(half, 0));
    const T takes = pick_less(of.ignored, half, later, fill_like(half, 0));
    const T shared = iou(to_corners(anchor), of.bounds);
    const T verdict = pick_less(shared, fill_like(half, least), two, one);
    now.truth = pick_less(half, takes, fill_like(half, truth), now.truth);
    now.verdict = pick_less(half, takes, verdict, now.verdict);
    now.order = pick_less(half, takes, order, now.order);
    return now;
  }
};
struct settle_late {
  float near;

  template <class T>
  assigned<T> operator()(const late_choice<T>& c) const
  {
    const T zero = fill_like(c.order, 0), one = fill_like(zero, 1);
    const T rest = pick_less(fill_like(zero, near), c.overlap, fill_like(zero, 2), zero);
    return {pick_less(c.order, zero, rest, c.verdict), c.truth, one, one};
  }
};

}  // namespace detail

/// Matches as many anchors with each truth, however large it is.
class uniform_matcher {
 public:
  struct settings {
    std::size_t times = 4;  ///< anchors that a truth takes; >= 1
    float least = 0.15f;    ///< overlap of a positive's anchor with its truth, 0 to 1
    float near = 0.7f;      ///< overlap of a prediction that is no negative, 0 to 1
  };

  /// Throws where there are no anchors to choose, or where an overlap is not 0 to 1.
  explicit uniform_matcher(settings s) : settings_(s)
  {
    if (s.times < 1 || !(s.least >= 0 && s.least <= 1) || !(s.near >= 0 && s.near <= 1))
      fail("a uniform matcher chooses ", s.times, " anchors, by overlaps of ", s.least, " and ",
           s.near, ", expected 1 or more, and overlaps from 0 to 1");
  }
  uniform_matcher() : uniform_matcher(settings{}) {}

  [[nodiscard]] static uniform_matcher yolof() { return uniform_matcher(settings{}); }

  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 const said_of_image<B, Labels>& said,
                 typename B::template table<assigned<float>>& out) const
  {
    const std::size_t count = truths.shape().rows;
    if (count == 0 || anchors.shape().rows == 0) {
      b.map(detail::unassigned{}, out, anchors);
      return;
    }
    typename B::template table<detail::late_choice<float>> choices, changed;
    typename B::template table<number<float>> near, ranks;
    typename B::list one, top;
    b.map(detail::not_chosen{}, choices, anchors);
    for (std::size_t t = 0; t < count; ++t) {
      detail::put_one(b, t, one);
      const auto truth = b.gather(truths, one);
      b.map(detail::meet_truth{}, choices, choices, said.boxes, truth);
      for (const bool of_anchors : {false, true}) {
        if (of_anchors)
          b.map(detail::near_anchor{}, near, anchors, truth);
        else
          b.map(detail::near_said{}, near, anchors, said.boxes, truth);
        b.best(near, settings_.times, top);
        b.count({1, top.size()}, ranks);
        b.map(detail::choose_late{static_cast<float>(t), static_cast<float>(count),
                                  of_anchors ? 1.0f : 0.0f, settings_.least},
              changed, b.gather(choices, top), ranks, b.gather(anchors, top), truth);
        b.scatter(changed, top, choices);
      }
    }
    b.map(detail::settle_late{settings_.near}, out, choices);
  }

 private:
  settings settings_;
};

}  // namespace retinue
