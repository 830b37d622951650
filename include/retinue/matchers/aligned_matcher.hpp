// SPDX-License-Identifier: Apache-2.0
// Matching by how well a prediction does both tasks: the score of the truth's class and the overlap
// of the predicted box.
//
//   metric(m, a)   score(a, class of m)^score_power * overlap(said box, m)^overlap_power
//   chosen         the `candidates` anchors of largest metric, above 0, whose centre lies in m
//   positive       chosen; one that several truths choose goes to the largest overlap
//   quality        metric / largest metric of m's positives * their largest overlap
//
// Task alignment learning (Feng 2021, TOOD, eq. 5 and 6). `tood` is MMDetection's, `ultralytics`
// that of YOLOv8 and later: see the settings for what differs. Scores are probabilities, 1 or less.
// Truths are looked at one after the other, so that memory is O(anchors + candidates).
#pragma once

#include <retinue/backend.hpp>                // tensor_backend
#include <retinue/backend/host_memory.hpp>    // in_host_memory
#include <retinue/compiler.hpp>               // RETINUE_HD
#include <retinue/error.hpp>                  // fail
#include <retinue/formulas/overlap.hpp>       // iou, ciou
#include <retinue/labels/policy.hpp>          // label_policy
#include <retinue/labels/softmax.hpp>         // pick_equal
#include <retinue/matchers/aligned_rows.hpp>  // aligned_rows
#include <retinue/matchers/assignment.hpp>    // assigned, said_of_image
#include <retinue/matchers/parts.hpp>         // strictly_inside, called_score, unassigned

#include <cstddef>
#include <span>
#include <string_view>

namespace retinue {

namespace detail {

/// x^p of x >= 0: whole powers as products, so that they are as exact as can be.
template <class T>
[[nodiscard]] RETINUE_HD T power_of(const T& x, float p)
{
  using detail::exp, detail::log, detail::sqrt;
  using S = scalar_of_t<T>;
  if (p == 0) return fill_like(x, 1);
  if (p == 0.5f) return T(sqrt(x));
  if (p >= 1 && p <= 16 && p == static_cast<float>(static_cast<int>(p))) {
    T product = x;
    for (int i = 1; i < static_cast<int>(p); ++i) product = product * x;
    return product;
  }
  const T least = fill_like(x, S(1e-30));
  return pick_less(least, x, T(exp(T(log(maximum_of(x, least)) * S(p)))), fill_like(x, 0));
}

/// How well a row suits a truth.
template <class T>
struct alignment {
  using value_type = T;
  template <class U>
  using rebind = alignment<U>;
  static constexpr std::size_t width = 2;

  T metric;   ///< 0 where the row may not answer for the truth
  T overlap;  ///< 0 where its centre lies outside

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i == 0 ? metric : overlap; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? metric : overlap;
  }
};

/// Truths whose sides are less than so many of the smallest anchor's, widened to that.
struct widen {
  float by;

  template <class T>
  RETINUE_HD rival<T> operator()(rival<T> truth, const best_row<T>& minus_w,
                                 const best_row<T>& minus_h) const
  {
    using S = scalar_of_t<T>;
    const centre_box<T> c = to_centre(truth.bounds);
    const T half_w = T(maximum_of(c.w, T(minus_w.value * S(-by)))) * S(0.5);
    const T half_h = T(maximum_of(c.h, T(minus_h.value * S(-by)))) * S(0.5);
    truth.bounds = {T(c.cx - half_w), T(c.cy - half_h), T(c.cx + half_w), T(c.cy + half_h)};
    return truth;
  }
};
struct minus_width {
  template <class T>
  T operator()(const centre_box<T>& anchor) const
  {
    return T(anchor.w * scalar_of_t<T>(-1));
  }
};
struct minus_height {
  template <class T>
  T operator()(const centre_box<T>& anchor) const
  {
    return T(anchor.h * scalar_of_t<T>(-1));
  }
};

struct lies_inside {
  float margin;

  template <class T>
  number<T> operator()(const centre_box<T>& anchor, const rival<T>& truth) const
  {
    return {strictly_inside(anchor.cx, anchor.cy, truth.bounds, margin)};
  }
};

template <class T>
[[nodiscard]] RETINUE_HD T overlap_of(const box<T>& said, const box<T>& truth, bool complete)
{
  return complete ? T(maximum_of(ciou(said, truth), fill_like(said.x1, 0))) : iou(said, truth);
}

/// Above 0 where two boxes have anything in common: no overlap is above 0 elsewhere.
struct touches {
  template <class T>
  RETINUE_HD number<T> operator()(const box<T>& said, const rival<T>& truth) const
  {
    const box<T>& m = truth.bounds;
    return {minimum_of(T(minimum_of(said.x2, m.x2) - maximum_of(said.x1, m.x1)),
                       T(minimum_of(said.y2, m.y2) - maximum_of(said.y1, m.y1)))};
  }
};

template <class Labels>
struct align {
  Labels labels;
  float score_power, overlap_power, margin;
  bool complete, only_inside;

  /// `around` is the truth as it is asked for what lies in it.
  template <class Row, class T>
  RETINUE_HD alignment<T> operator()(const Row& x, const box<T>& said, const centre_box<T>& anchor,
                                     const rival<T>& truth, const rival<T>& around) const
  {
    const T shared = overlap(said, truth);
    return of(x, shared, most(shared), anchor, truth, around);
  }

  template <class T>
  [[nodiscard]] RETINUE_HD T overlap(const box<T>& said, const rival<T>& truth) const
  {
    return overlap_of(said, truth.bounds, complete);
  }
  /// The metric of a row with the largest score there is, 1.
  template <class T>
  [[nodiscard]] RETINUE_HD T most(const T& shared) const
  {
    return power_of(shared, overlap_power);
  }
  template <class Row, class T>
  [[nodiscard]] RETINUE_HD alignment<T> of(const Row& x, const T& shared, const T& of_shared,
                                           const centre_box<T>& anchor, const rival<T>& truth,
                                           const rival<T>& around) const
  {
    const T zero = fill_like(shared, 0), half = fill_like(zero, 0.5);
    const T score = called_score(labels, x, truth.label);
    const T metric = power_of(score, score_power) * of_shared;
    const T inside = strictly_inside(anchor.cx, anchor.cy, around.bounds, margin);
    const T counts = pick_less(truth.ignored, half, inside, zero);
    const T ranked =
        only_inside ? counts : pick_less(truth.ignored, half, fill_like(zero, 1), zero);
    return {pick_less(half, ranked, metric, zero), pick_less(half, counts, shared, zero)};
  }
};
struct metric_of {
  template <class T>
  number<T> operator()(const alignment<T>& a) const
  {
    return {a.metric};
  }
};

/// Who has chosen an anchor: how many, and of those the one with the largest overlap.
template <class T>
struct choice {
  using value_type = T;
  template <class U>
  using rebind = choice<U>;
  static constexpr std::size_t width = 4;

  T count, truth, overlap, metric;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? count : i == 1 ? truth : i == 2 ? overlap : metric;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? count : i == 1 ? truth : i == 2 ? overlap : metric;
  }
};
struct no_choice {
  template <class T>
  choice<T> operator()(const centre_box<T>& anchor) const
  {
    const T zero = fill_like(anchor.cx, 0);
    return {zero, zero, zero, zero};
  }
};
struct choose {
  float truth;

  template <class T>
  choice<T> operator()(choice<T> now, const alignment<T>& a) const
  {
    const T zero = fill_like(now.count, 0), half = fill_like(zero, 0.5);
    // An overlap of 0 is that of an anchor whose centre lies outside.
    const T wanted =
        pick_less(zero, a.metric, pick_less(zero, a.overlap, fill_like(zero, 1), zero), zero);
    const T better = pick_less(now.overlap, a.overlap, wanted, zero);
    now.truth = pick_less(half, better, fill_like(zero, truth), now.truth);
    now.metric = pick_less(half, better, a.metric, now.metric);
    now.overlap = pick_less(half, better, a.overlap, now.overlap);
    now.count = now.count + wanted;
    return now;
  }
};
struct times_chosen {
  float more_than;

  template <class T>
  number<T> operator()(const choice<T>& c) const
  {
    return {T(c.count + scalar_of_t<T>(-more_than))};
  }
};
struct forget_overlap {
  template <class T>
  choice<T> operator()(choice<T> c) const
  {
    c.overlap = fill_like(c.count, 0);
    return c;
  }
};
struct metric_for_truth {
  template <class T>
  T operator()(const number<T>& truth, const choice<T>& c) const
  {
    return pick_equal(truth.value, c.truth, c.metric, fill_like(c.metric, 0));
  }
};
struct overlap_for_truth {
  template <class T>
  T operator()(const number<T>& truth, const choice<T>& c) const
  {
    return pick_equal(truth.value, c.truth, c.overlap, fill_like(c.overlap, 0));
  }
};
struct truth_of_choice {
  template <class T>
  number<T> operator()(const choice<T>& c) const
  {
    return {c.truth};
  }
};
struct settle_choice {
  float least;

  template <class T>
  RETINUE_HD assigned<T> operator()(const choice<T>& c, const best_row<T>& metric,
                                    const best_row<T>& overlap) const
  {
    const T one = fill_like(c.count, 1);
    const T share = c.metric / (metric.value + scalar_of_t<T>(least));
    return {one, c.truth, T(share * overlap.value), one};
  }
};

}  // namespace detail

/// Matches by the score and the overlap of predictions, as at the top of this header.
class aligned_matcher {
 public:
  struct settings {
    static constexpr std::string_view kind = "task_aligned";  ///< in a configuration

    std::size_t candidates = 13;  ///< of each truth; >= 1
    float score_power = 1, overlap_power = 6;
    float margin = 0;           ///< how far in the truth a centre lies, in the unit of the anchors
    bool ranks_inside = false;  ///< anchors outside a truth take none of its places
    bool complete = false;      ///< overlap is ciou, where above 0; else iou
    bool all_contend = false;   ///< what several choose goes to any truth around it
    float widen = 0;  ///< asked for what lies in it, a truth has sides of at least so many
                      ///< of the smallest anchor's
    float least_metric = 1e-7f;  ///< added to the largest metric that qualities are divided by
  };

  /// Throws where there are no candidates, where the power of the overlap is not above 0, or where
  /// another number is below 0.
  explicit aligned_matcher(settings s) : settings_(s)
  {
    if (s.candidates < 1 || !(s.score_power >= 0) || !(s.overlap_power > 0) || !(s.margin >= 0) ||
        !(s.widen >= 0) || !(s.least_metric >= 0))
      fail("a task-aligned matcher has ", s.candidates, " candidates, the powers ", s.score_power,
           " and ", s.overlap_power, ", the margin ", s.margin, ", widens by ", s.widen,
           " and adds ", s.least_metric,
           ", expected 1 or more candidates, a power of overlap above 0 and nothing below 0");
  }
  aligned_matcher() : aligned_matcher(settings{}) {}

  [[nodiscard]] static aligned_matcher tood() { return aligned_matcher(settings{}); }
  /// YOLOv8 to YOLO11. Later releases also ask for `widen = 2`. Throws where that is below 0.
  [[nodiscard]] static aligned_matcher ultralytics(float widen = 0)
  {
    return aligned_matcher({.candidates = 10,
                            .score_power = 0.5f,
                            .ranks_inside = true,
                            .complete = true,
                            .all_contend = true,
                            .widen = widen,
                            .least_metric = 1e-9f});
  }

  [[nodiscard]] const settings& how() const { return settings_; }

  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 const said_of_image<B, Labels>& said,
                 typename B::template table<assigned<float>>& out) const
  {
    const settings& s = settings_;
    b.map(detail::unassigned{}, out, anchors);
    const std::size_t count = truths.shape().rows;
    if (count == 0 || anchors.shape().rows == 0) return;

    typename B::template table<rival<float>> around;
    if (s.widen > 0) {
      typename B::template table<best_row<float>> w, h;
      b.most(detail::minus_width{}, w, anchors);
      b.most(detail::minus_height{}, h, anchors);
      b.map(detail::widen{s.widen}, around, truths, w, h);
    } else {
      b.map([](const auto& truth) { return truth; }, around, truths);
    }

    typename B::template table<detail::choice<float>> choices, changed;
    typename B::template table<detail::alignment<float>> aligned;
    typename B::template table<number<float>> numbers;
    typename B::list one, near, top, chosen;
    const detail::align<Labels> align{said.labels, s.score_power, s.overlap_power,
                                      s.margin,    s.complete,    s.ranks_inside};
    const auto align_rows = [&](const typename B::list& rows) {
      b.map(align, aligned, b.gather(said.scores, rows), b.gather(said.boxes, rows),
            b.gather(anchors, rows), b.gather(truths, one), b.gather(around, one));
    };
    b.map(detail::no_choice{}, choices, anchors);
    if constexpr (in_host_memory<B>) {
      detail::aligned_rows rows(align, anchors, said.boxes, said.scores);
      for (std::size_t t = 0; t < count; ++t)
        for (const auto& row : rows.best(truths[t], around[t], s.candidates))
          choices.set(row.row,
                      detail::choose{static_cast<float>(t)}(
                          choices[row.row], detail::alignment<float>{row.metric, row.overlap}));
    } else {
      for (std::size_t t = 0; t < count; ++t) {
        detail::put_one(b, t, one);
        // No metric is above 0 elsewhere.
        if (s.ranks_inside)
          b.map(detail::lies_inside{s.margin}, numbers, anchors, b.gather(around, one));
        else
          b.map(detail::touches{}, numbers, said.boxes, b.gather(truths, one));
        b.compact(numbers, near);
        if (near.size() == 0) continue;
        align_rows(near);
        b.map(detail::metric_of{}, numbers, aligned);
        b.best(numbers, s.candidates, top);
        b.gather(near, top, chosen);
        b.map(detail::choose{static_cast<float>(t)}, changed, b.gather(choices, chosen),
              b.gather(aligned, top));
        b.scatter(changed, chosen, choices);
      }
    }
    if (s.all_contend) {
      b.map(detail::times_chosen{1}, numbers, choices);
      b.compact(numbers, chosen);
      if (chosen.size() > 0) {
        b.map(detail::forget_overlap{}, changed, b.gather(choices, chosen));
        for (std::size_t t = 0; t < count; ++t) {
          detail::put_one(b, t, one);
          align_rows(chosen);
          b.map(detail::choose{static_cast<float>(t)}, changed, changed, aligned);
        }
        b.scatter(changed, chosen, choices);
      }
    }

    b.map(detail::times_chosen{0}, numbers, choices);
    b.compact(numbers, chosen);
    if (chosen.size() == 0) return;
    typename B::template table<best_row<float>> metric, overlap;
    typename B::template table<assigned<float>> settled;
    b.map([](const auto& c) { return c; }, changed, b.gather(choices, chosen));
    b.count({1, count}, numbers);
    b.most(detail::metric_for_truth{}, metric, b.across(numbers), changed);
    b.most(detail::overlap_for_truth{}, overlap, b.across(numbers), changed);
    b.map(detail::truth_of_choice{}, numbers, changed);
    b.rows_of(numbers, top);
    b.map(detail::settle_choice{s.least_metric}, settled, changed, b.gather(metric, top),
          b.gather(overlap, top));
    b.scatter(settled, chosen, out);
  }

 private:
  settings settings_;
};

}  // namespace retinue
