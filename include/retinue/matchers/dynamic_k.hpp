// SPDX-License-Identifier: Apache-2.0
// Matching by what the network says: as many anchors for a truth as its best predictions add up to.
//
//   cost(m, a)    class_weight * class cost + iou_weight * -ln iou(said box, truth) + distance cost
//   k(m)          the sum of the `candidates` largest ious of truth m, rounded down; at least 1
//   positive      the k(m) anchors of least cost; one that several want goes to the cheapest
//
// Two ways to bid, of which SimOTA is the first (Ge 2021, YOLOX, section 2.3), and the dynamic soft
// label the second (Lyu 2022, RTMDet, section 3.3):
//
//   hard   anchors whose centre lies in a truth, or within `radius` of its centre, may; class cost
//          is binary cross-entropy to 1 for the class of m; 1e5 where the centre is not both
//   soft   anchors whose centre lies in a truth; binary cross-entropy to the iou y, times
//          (y - score)^2; 10^(d - radius), d the distance of the centres
//
// Radius and distance are in sides of the anchor: of anchors that are points with the stride for a
// side, in strides. The quality of a positive is the iou of its box. Memory is O(anchors + truths *
// those that may).
#pragma once

#include <retinue/backend.hpp>              // tensor_backend
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou
#include <retinue/labels/policy.hpp>        // label_policy
#include <retinue/matchers/assignment.hpp>  // assigned, said_of_image
#include <retinue/matchers/parts.hpp>       // strictly_inside, minus_log, called_score

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

namespace detail {

/// The square of `radius` anchor sides around the truth's centre.
template <class T>
[[nodiscard]] RETINUE_HD box<T> middle_of(const rival<T>& truth, const centre_box<T>& anchor,
                                          float radius)
{
  using S = scalar_of_t<T>;
  const centre_box<T> c = to_centre(truth.bounds);
  const T x = anchor.w * S(radius), y = anchor.h * S(radius);
  return {T(c.cx - x), T(c.cy - y), T(c.cx + x), T(c.cy + y)};
}

/// 1 where the anchor may answer for the truth.
struct may_answer {
  float radius;

  template <class T>
  RETINUE_HD T operator()(const centre_box<T>& anchor, const rival<T>& truth) const
  {
    const T either =
        maximum_of(strictly_inside(anchor.cx, anchor.cy, truth.bounds),
                   strictly_inside(anchor.cx, anchor.cy, middle_of(truth, anchor, radius)));
    return pick_less(truth.ignored, fill_like(either, 0.5), either, fill_like(either, 0));
  }
};

/// An anchor that may answer, its predicted box, and what it costs if it is background.
template <class T>
struct bidder {
  using value_type = T;
  template <class U>
  using rebind = bidder<U>;
  static constexpr std::size_t width = 9;

  centre_box<T> anchor;
  box<T> said;
  T background;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i < 4 ? anchor[i] : i < 8 ? said[i - 4] : background;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i < 4 ? anchor[i] : i < 8 ? said[i - 4] : background;
  }
};

/// What a class costs that should not be called.
template <class T>
[[nodiscard]] RETINUE_HD T of_background(const T& score, bool soft)
{
  const T cost = minus_log(T(fill_like(score, 1) - score));
  return soft ? T(cost * score * score) : cost;
}

template <class Labels>
struct enter_bid {
  Labels labels;
  bool soft;

  template <class Row, class T>
  RETINUE_HD bidder<T> operator()(const Row& x, const centre_box<T>& anchor,
                                  const box<T>& said) const
  {
    T sum = fill_like(anchor.cx, 0);
    for (std::size_t k = 0; k < x.size() - labels.columns(0); ++k)
      sum = sum + of_background(T(labels.score(x, k)), soft);
    return {anchor, said, sum};
  }
};

/// A truth's cost and overlap with a bidder.
template <class T>
struct bid {
  using value_type = T;
  template <class U>
  using rebind = bid<U>;
  static constexpr std::size_t width = 2;

  T cost, overlap;

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i == 0 ? cost : overlap; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const { return i == 0 ? cost : overlap; }
};

/// Of a truth that takes part; another has no overlap and costs the most there is.
template <class T>
[[nodiscard]] RETINUE_HD bid<T> bid_of(const rival<T>& truth, const T& cost, const T& overlap)
{
  const T takes_part = fill_like(truth.ignored, 0.5);
  return {pick_less(truth.ignored, takes_part, cost,
                    fill_like(cost, std::numeric_limits<float>::max())),
          pick_less(truth.ignored, takes_part, overlap, fill_like(cost, 0))};
}

template <class Labels>
struct bid_for {
  Labels labels;
  float radius, class_weight, iou_weight;

  template <class Row, class T>
  RETINUE_HD bid<T> operator()(const Row& x, const bidder<T>& who, const rival<T>& truth) const
  {
    using S = scalar_of_t<T>;
    const T one = fill_like(who.background, 1);
    const T called = called_score(labels, x, truth.label);
    const T of_class = who.background - minus_log(T(one - called)) + minus_log(called);
    const T shared = iou(who.said, truth.bounds);
    const T apart = minus_log(T(shared + S(1e-7)));
    const T inside = minimum_of(
        strictly_inside(who.anchor.cx, who.anchor.cy, truth.bounds),
        strictly_inside(who.anchor.cx, who.anchor.cy, middle_of(truth, who.anchor, radius)));
    const T outside = (one - inside) * S(1e5);
    const T cost = of_class * S(class_weight) + apart * S(iou_weight) + outside;
    return bid_of(truth, cost, shared);
  }
};

/// The same for a soft label: the overlap is what the score should be.
template <class Labels>
struct soft_bid_for {
  Labels labels;
  float radius, class_weight, iou_weight;

  template <class Row, class T>
  RETINUE_HD bid<T> operator()(const Row& x, const bidder<T>& who, const rival<T>& truth) const
  {
    using detail::exp, detail::sqrt;
    using S = scalar_of_t<T>;
    const T one = fill_like(who.background, 1);
    const T called = called_score(labels, x, truth.label);
    const T shared = iou(who.said, truth.bounds);
    const T gap = shared - called;
    const T crossing = shared * minus_log(called) + (one - shared) * minus_log(T(one - called));
    const T of_class = who.background - of_background(called, true) + crossing * gap * gap;
    const T apart = minus_log(T(shared + S(1e-7)));
    const centre_box<T> c = to_centre(truth.bounds);
    const T dx = (who.anchor.cx - c.cx) / who.anchor.w, dy = (who.anchor.cy - c.cy) / who.anchor.h;
    const T distance = T(sqrt(T(dx * dx + dy * dy)));
    const T away = T(exp(T((distance + S(-radius)) * S(std::numbers::ln10))));
    const T cost = of_class * S(class_weight) + apart * S(iou_weight) + away;
    return bid_of(truth, cost, shared);
  }
};

struct overlap_of_bid {
  template <class T>
  number<T> operator()(const bid<T>& b) const
  {
    return {b.overlap};
  }
};
struct cheapness {
  template <class T>
  number<T> operator()(const bid<T>& b) const
  {
    return {T(fill_like(b.cost, 0) - b.cost)};
  }
};
struct nothing_of_bid {
  template <class T>
  number<T> operator()(const bid<T>& b) const
  {
    return {fill_like(b.cost, 0)};
  }
};
struct value_of_number {
  template <class T>
  T operator()(const number<T>& n) const
  {
    return n.value;
  }
};

/// 1 for the first max(1, floor(sum)) places.
struct within_quota {
  template <class T>
  RETINUE_HD number<T> operator()(const number<T>& place, const number<T>& sum) const
  {
    using S = scalar_of_t<T>;
    const T one = fill_like(place.value, 1), zero = fill_like(place.value, 0);
    // place < max(1, floor(sum)) where place + 1 <= max(1, sum).
    const T least = maximum_of(sum.value, fill_like(sum.value, 1));
    return {pick_less(least, T(place.value + S(1)), zero, one)};
  }
};

/// Which truths want a bidder: how many, the last of them, and the cheapest of all.
template <class T>
struct claim {
  using value_type = T;
  template <class U>
  using rebind = claim<U>;
  static constexpr std::size_t width = 6;

  T count, truth, overlap, least, cheapest, cheapest_overlap;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0   ? count
           : i == 1 ? truth
           : i == 2 ? overlap
           : i == 3 ? least
           : i == 4 ? cheapest
                    : cheapest_overlap;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return const_cast<claim&>(*this)[i];
  }
};

struct no_claim {
  template <class T>
  claim<T> operator()(const bidder<T>& who) const
  {
    const T zero = fill_like(who.background, 0);
    return {zero, zero, zero, fill_like(zero, std::numeric_limits<float>::max()), zero, zero};
  }
};
struct add_claim {
  float truth;

  template <class T>
  claim<T> operator()(claim<T> c, const bid<T>& b, const number<T>& wants) const
  {
    const T half = fill_like(c.count, 0.5), own = fill_like(c.count, truth);
    // Who takes no part costs the most there is, and wants nobody.
    const T most = fill_like(b.cost, std::numeric_limits<float>::max());
    const T wanted = pick_less(b.cost, most, wants.value, fill_like(c.count, 0));
    c.truth = pick_less(half, wanted, own, c.truth);
    c.overlap = pick_less(half, wanted, b.overlap, c.overlap);
    c.cheapest = pick_less(b.cost, c.least, own, c.cheapest);
    c.cheapest_overlap = pick_less(b.cost, c.least, b.overlap, c.cheapest_overlap);
    c.least = minimum_of(b.cost, c.least);
    c.count = c.count + wanted;
    return c;
  }
};
struct settle {
  template <class T>
  assigned<T> operator()(const claim<T>& c) const
  {
    const T half = fill_like(c.count, 0.5), more = fill_like(c.count, 1.5);
    const T one = fill_like(half, 1);
    return {pick_less(half, c.count, one, fill_like(half, 0)),
            pick_less(more, c.count, c.cheapest, c.truth),
            pick_less(more, c.count, c.cheapest_overlap, c.overlap), one};
  }
};
struct mark_of {
  template <class T>
  number<T> operator()(const best_row<T>& best) const
  {
    return {best.value};
  }
};

}  // namespace detail

/// How anchors bid for truths; see the top of this header.
enum class bidding : std::uint8_t { hard, soft };

/// Each truth takes the anchors that cost least, as many as its overlaps say: SimOTA (Ge 2021,
/// YOLOX), or by soft labels.
class dynamic_k_matcher {
 public:
  /// Where candidates lie, and what the two costs weigh.
  struct settings {
    static constexpr std::string_view kind = "dynamic_k";  ///< in a configuration

    bidding bid = bidding::hard;
    float radius = 2.5f;          ///< sides of the anchor; > 0
    std::size_t candidates = 10;  ///< whose ious are added up; >= 1
    float class_weight = 1, iou_weight = 3;
  };

  /// Throws where the radius is not above 0, where there are no candidates, or where a weight is
  /// below 0.
  explicit dynamic_k_matcher(settings s) : settings_(s)
  {
    if (!(s.radius > 0) || s.candidates < 1 || !(s.class_weight >= 0) || !(s.iou_weight >= 0))
      fail("a matcher by dynamic k has the radius ", s.radius, ", ", s.candidates,
           " candidates and the weights ", s.class_weight, " and ", s.iou_weight,
           ", expected a radius above 0, 1 or more candidates and no weight below 0");
  }
  dynamic_k_matcher() : dynamic_k_matcher(settings{}) {}

  [[nodiscard]] static dynamic_k_matcher sim_ota() { return dynamic_k_matcher(settings{}); }
  /// RTMDet's; NanoDet-Plus has it without the cost of the distance.
  [[nodiscard]] static dynamic_k_matcher soft_label()
  {
    return dynamic_k_matcher({.bid = bidding::soft, .radius = 3, .candidates = 13});
  }

  [[nodiscard]] const settings& how() const { return settings_; }

  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 const said_of_image<B, Labels>& said,
                 typename B::template table<assigned<float>>& out) const
  {
    b.map(detail::unassigned{}, out, anchors);
    const std::size_t count = truths.shape().rows;
    if (count == 0 || anchors.shape().rows == 0) return;

    typename B::template table<best_row<float>> who;
    typename B::template table<number<float>> marks, places, sums, order_marks, wants;
    typename B::list may, top, range, own;
    const bool soft = settings_.bid == bidding::soft;
    b.most(detail::may_answer{soft ? 0 : settings_.radius}, who, b.across(anchors), truths);
    b.map(detail::mark_of{}, marks, b.across(who));
    b.compact(marks, may);
    const std::size_t bidders = may.size();
    if (bidders == 0) return;

    typename B::template table<detail::bidder<float>> bidders_of;
    typename B::template table<detail::bid<float>> bids;  // (truths, bidders)
    const auto scores = b.gather(said.scores, may);
    b.map(detail::enter_bid<Labels>{said.labels, soft}, bidders_of, scores, b.gather(anchors, may),
          b.gather(said.boxes, may));
    const auto bid = [&](const auto& formula) {
      b.map(formula, bids, scores, bidders_of, b.across(truths));
    };
    if (soft)
      bid(detail::soft_bid_for<Labels>{said.labels, settings_.radius, settings_.class_weight,
                                       settings_.iou_weight});
    else
      bid(detail::bid_for<Labels>{said.labels, settings_.radius, settings_.class_weight,
                                  settings_.iou_weight});

    // How many each truth may have: the largest overlaps alone stand in a table of zeros.
    const std::size_t most = std::min(settings_.candidates, bidders);
    typename B::template table<number<float>> overlaps;
    b.map(detail::overlap_of_bid{}, overlaps, bids);
    b.best(overlaps, most, top);
    b.map(detail::nothing_of_bid{}, wants, bids);
    b.scatter(b.gather(overlaps, top), top, wants);
    b.total(detail::value_of_number{}, sums, wants);

    // The cheapest of each, as many as that.
    typename B::template table<number<float>> cheap;
    b.map(detail::cheapness{}, cheap, bids);
    b.best(cheap, most, top);
    b.count({count, most}, places);
    b.map(detail::within_quota{}, order_marks, places, sums);
    b.map(detail::nothing_of_bid{}, wants, bids);
    b.scatter(order_marks, top, wants);

    // An anchor that several want goes to the cheapest.
    std::vector<row_index> all(bidders);
    for (std::size_t i = 0; i < bidders; ++i) all[i] = static_cast<row_index>(i);
    b.put(std::span<const row_index>(all), range);
    typename B::template table<detail::claim<float>> claims;
    b.map(detail::no_claim{}, claims, bidders_of);
    for (std::size_t t = 0; t < count; ++t) {
      b.put(std::span<const row_index>(), own);
      b.append(range, t * bidders, own);
      b.map(detail::add_claim{static_cast<float>(t)}, claims, claims, b.gather(bids, own),
            b.gather(wants, own));
    }
    typename B::template table<assigned<float>> settled;
    b.map(detail::settle{}, settled, claims);
    b.scatter(settled, may, out);
  }

 private:
  settings settings_;
};

}  // namespace retinue
