// SPDX-License-Identifier: Apache-2.0
// From ranked outcomes to a precision-recall curve, and from the curve to one figure.
//
//   precision = hits / (hits + false alarms)     recall = hits / truths
//   envelope(r) = the best precision at recall r or beyond
//   all points         the area under the envelope      VOC from 2010 on, WIDER FACE
//   at given recalls   the mean of the envelope there   VOC 2007: 0, .1 ... 1; COCO: 0, .01 ... 1
#pragma once

#include <retinue/evaluate/matching.hpp>  // outcome

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace retinue {

/// One point for each detection (or threshold), by falling score; recall never falls. Where
/// nothing was claimed yet, precision is 0.
struct precision_recall {
  std::vector<double> precision, recall;

  void add(std::size_t hits, std::size_t claims, std::size_t truths)
  {
    precision.push_back(claims ? static_cast<double>(hits) / static_cast<double>(claims) : 0);
    recall.push_back(truths ? static_cast<double>(hits) / static_cast<double>(truths) : 0);
  }

  /// Precision where it is replaced by the best at the same recall or beyond.
  [[nodiscard]] std::vector<double> envelope() const
  {
    std::vector<double> e = precision;
    for (std::size_t i = e.size(); i-- > 1;) e[i - 1] = std::max(e[i - 1], e[i]);
    return e;
  }
};

/// A detection of the whole set, and what it turned out to be.
struct judged {
  double score = 0;
  outcome what = outcome::false_alarm;
};

/// The detections need not be sorted: equal scores keep their order. `truths` are those that count.
[[nodiscard]] inline precision_recall curve_of(std::vector<judged> detections, std::size_t truths)
{
  std::ranges::stable_sort(detections, std::greater<>(), &judged::score);
  precision_recall curve;
  std::size_t hits = 0, claims = 0;
  for (const judged& d : detections) {
    if (d.what == outcome::neither) continue;
    ++claims;
    hits += d.what == outcome::hit;
    curve.add(hits, claims, truths);
  }
  return curve;
}

/// Average precision: the area under the envelope of the curve, all points.
[[nodiscard]] inline double area_under(const precision_recall& curve)
{
  const auto envelope = curve.envelope();
  double area = 0, before = 0;
  for (std::size_t i = 0; i < envelope.size(); ++i) {
    area += (curve.recall[i] - before) * envelope[i];
    before = curve.recall[i];
  }
  return area;
}

/// `recalls` ascend; one that was never reached counts as precision 0.
[[nodiscard]] inline double mean_precision_at(const precision_recall& curve,
                                              std::span<const double> recalls)
{
  const auto envelope = curve.envelope();
  double sum = 0;
  auto reached = curve.recall.begin();
  for (const double r : recalls) {
    reached = std::lower_bound(reached, curve.recall.end(), r);
    if (reached == curve.recall.end()) break;
    sum += envelope[static_cast<std::size_t>(reached - curve.recall.begin())];
  }
  return recalls.empty() ? 0 : sum / static_cast<double>(recalls.size());
}

}  // namespace retinue
