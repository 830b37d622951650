// SPDX-License-Identifier: Apache-2.0
// The tools' algorithms as they are written, loop by loop, for tests and to be timed against.
#pragma once

#include <retinue/geometry.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace retinue::test {

struct scored {
  box<double> bounds{};
  double score = 0;
  std::int32_t label = 1;
};

struct labelled {
  box<double> bounds{};
  std::int32_t label = 1;
  bool ignore = false;
  double area = 0;
};

/// Boxes with integer corners and with ties, so that overlaps and scores meet each other.
struct random_set {
  std::vector<std::vector<scored>> detections;
  std::vector<std::vector<labelled>> truths;
};

template <class Random>
random_set make_random_set(Random& random, std::size_t images, std::size_t most, bool ties = true)
{
  const auto below = [&](unsigned n) { return static_cast<double>(random() % n); };
  random_set set;
  for (std::size_t i = 0; i < images; ++i) {
    auto& truths = set.truths.emplace_back();
    auto& detections = set.detections.emplace_back();
    const std::size_t g = random() % (most + 1), d = random() % (2 * most + 1);
    for (std::size_t k = 0; k < g; ++k) {
      const double x = below(150), y = below(150), w = 1 + below(120), h = 1 + below(120);
      truths.push_back({{x, y, x + w, y + h},
                        static_cast<std::int32_t>(1 + random() % 2),
                        random() % 5 == 0,
                        w * h * (random() % 3 == 0 ? 0.7 : 1)});
    }
    for (std::size_t k = 0; k < d; ++k) {
      scored s;
      if (g > 0 && random() % 4 != 0) {
        const labelled& near = truths[random() % g];
        const double dx = below(9) - 4, dy = below(9) - 4, grow = below(11) - 3;
        s.bounds = {near.bounds.x1 + dx, near.bounds.y1 + dy,
                    std::max(near.bounds.x2 + dx + grow, near.bounds.x1 + dx + 1),
                    std::max(near.bounds.y2 + dy, near.bounds.y1 + dy + 1)};
        s.label = random() % 8 == 0 ? 1 : near.label;
      } else {
        const double x = below(200), y = below(200);
        s.bounds = {x, y, x + 1 + below(100), y + 1 + below(100)};
        s.label = static_cast<std::int32_t>(1 + random() % 3);
      }
      s.score = ties ? below(40) / 40 : below(1U << 30) / (1U << 30);
      detections.push_back(s);
    }
  }
  return set;
}

inline double plain_iou(const box<double>& a, const box<double>& b, double more, bool crowd = false)
{
  const double w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + more;
  const double h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + more;
  if (w <= 0 || h <= 0) return 0;
  const double of_a = (a.x2 - a.x1 + more) * (a.y2 - a.y1 + more);
  const double of_b = (b.x2 - b.x1 + more) * (b.y2 - b.y1 + more);
  return w * h / (crowd ? of_a : of_a + of_b - w * h);
}

template <class Detections>
std::vector<typename Detections::value_type> by_score(Detections all)
{
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  return all;
}

/// WIDER FACE's Python port, for one subset: `counts(truth)` says whether a truth is in it. Every
/// image is judged at every threshold, and every threshold walks over all detections.
template <class Set, class Counts>
double wider_port(const Set& set, const Counts& counts, std::size_t thresholds = 1000)
{
  double least = 1e300, greatest = -1e300;
  for (const auto& image : set.detections)
    for (const auto& d : image) {
      least = std::min(least, d.score);
      greatest = std::max(greatest, d.score);
    }
  std::vector<double> claims(thresholds), hits(thresholds);
  double truth_count = 0;
  for (std::size_t i = 0; i < set.detections.size(); ++i) {
    const auto& truths = set.truths[i];
    for (const auto& t : truths) truth_count += counts(t);
    if (truths.empty() || set.detections[i].empty()) continue;
    const auto found = by_score(set.detections[i]);
    std::vector<int> recall(truths.size()), proposal(found.size(), 1);
    std::vector<double> recalled(found.size());
    for (std::size_t h = 0; h < found.size(); ++h) {
      std::size_t best = 0;
      double most = -1;
      for (std::size_t g = 0; g < truths.size(); ++g) {
        const double overlap = plain_iou(truths[g].bounds, found[h].bounds, 1);
        if (overlap > most) {
          most = overlap;
          best = g;
        }
      }
      if (most >= 0.5) {
        if (!counts(truths[best])) {
          recall[best] = -1;
          proposal[h] = -1;
        } else if (recall[best] == 0) {
          recall[best] = 1;
        }
      }
      recalled[h] = static_cast<double>(std::count(recall.begin(), recall.end(), 1));
    }
    for (std::size_t t = 0; t < thresholds; ++t) {
      const double floor = 1 - static_cast<double>(t + 1) / static_cast<double>(thresholds);
      std::size_t last = found.size();
      for (std::size_t h = 0; h < found.size(); ++h)
        if ((found[h].score - least) / (greatest - least) >= floor) last = h;
      if (last == found.size()) continue;
      claims[t] += static_cast<double>(std::count(
          proposal.begin(), proposal.begin() + static_cast<std::ptrdiff_t>(last) + 1, 1));
      hits[t] += recalled[last];
    }
  }
  std::vector<double> recall{0}, precision{0};
  for (std::size_t t = 0; t < thresholds; ++t) {
    precision.push_back(claims[t] > 0 ? hits[t] / claims[t] : 0);
    recall.push_back(truth_count > 0 ? hits[t] / truth_count : 0);
  }
  recall.push_back(1);
  precision.push_back(0);
  for (std::size_t i = precision.size() - 1; i > 0; --i)
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  double ap = 0;
  for (std::size_t i = 1; i < recall.size(); ++i) ap += (recall[i] - recall[i - 1]) * precision[i];
  return ap;
}

/// pycocotools' evaluate, accumulate and summarize for one figure; -1 where there is no truth.
inline double coco_port(const random_set& set, bool want_ap, double only_overlap, std::size_t size,
                        std::size_t most)
{
  constexpr double huge = 1e10;
  const double lows[]{0, 0, 1024, 9216}, highs[]{huge, 1024, 9216, huge};
  const double low = lows[size], high = highs[size];
  double sum = 0, count = 0;
  for (std::int32_t label = 1; label <= 3; ++label)
    for (int k = 0; k < 10; ++k) {
      const double overlap = k == 9 ? 0.95 : 0.5 + k * ((0.95 - 0.5) / 9);
      if (only_overlap > 0 && std::abs(overlap - only_overlap) > 1e-9) continue;
      struct entry {
        double score;
        bool matched, ignored;
      };
      std::vector<entry> all;
      std::size_t counted = 0;
      for (std::size_t i = 0; i < set.detections.size(); ++i) {
        std::vector<std::pair<labelled, bool>> truths;  // with: ignored
        for (const auto& t : set.truths[i])
          if (t.label == label) truths.push_back({t, t.ignore || t.area < low || t.area > high});
        std::stable_sort(truths.begin(), truths.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
        std::vector<scored> found;
        for (const auto& d : set.detections[i])
          if (d.label == label) found.push_back(d);
        found = by_score(found);
        if (found.size() > most) found.resize(most);
        for (const auto& t : truths) counted += !t.second;
        std::vector<bool> taken(truths.size());
        for (const auto& d : found) {
          double best = std::min(overlap, 1 - 1e-10);
          std::ptrdiff_t m = -1;
          for (std::size_t g = 0; g < truths.size(); ++g) {
            if (taken[g] && !truths[g].first.ignore) continue;
            if (m > -1 && !truths[static_cast<std::size_t>(m)].second && truths[g].second) break;
            const double o = plain_iou(d.bounds, truths[g].first.bounds, 0, truths[g].first.ignore);
            if (o < best) continue;
            best = o;
            m = static_cast<std::ptrdiff_t>(g);
          }
          const double area = (d.bounds.x2 - d.bounds.x1) * (d.bounds.y2 - d.bounds.y1);
          if (m < 0) {
            all.push_back({d.score, false, area < low || area > high});
          } else {
            all.push_back({d.score, true, truths[static_cast<std::size_t>(m)].second});
            taken[static_cast<std::size_t>(m)] = true;
          }
        }
      }
      if (counted == 0) continue;
      std::vector<double> recall, precision;
      double tp = 0, fp = 0;
      for (const entry& e : by_score(all)) {
        tp += e.matched && !e.ignored;
        fp += !e.matched && !e.ignored;
        recall.push_back(tp / static_cast<double>(counted));
        precision.push_back(tp / (tp + fp + std::numeric_limits<double>::epsilon()));
      }
      if (!want_ap) {
        sum += recall.empty() ? 0 : recall.back();
        ++count;
        continue;
      }
      for (std::size_t i = precision.size(); i-- > 1;)
        precision[i - 1] = std::max(precision[i - 1], precision[i]);
      for (int r = 0; r <= 100; ++r) {
        const auto at = std::lower_bound(recall.begin(), recall.end(), r * 0.01);
        if (at != recall.end()) sum += precision[static_cast<std::size_t>(at - recall.begin())];
        ++count;
      }
    }
  return count > 0 ? sum / count : -1;
}

/// VOC's definition, by prefixes of the ranking: a truth is found in a prefix if one of its
/// detections has it as its best.
inline double voc_by_definition(const random_set& set, std::int32_t label, double overlap,
                                bool eleven, double more)
{
  struct entry {
    double score;
    std::ptrdiff_t truth;  // of the whole set; -1: none; -2: one to be ignored
  };
  std::vector<entry> all;
  std::ptrdiff_t first = 0;
  double counted = 0;
  for (std::size_t i = 0; i < set.detections.size(); ++i) {
    const auto& truths = set.truths[i];
    for (const auto& d : by_score(set.detections[i])) {
      if (d.label != label) continue;
      std::ptrdiff_t best = -1;
      double most = -1;
      for (std::size_t g = 0; g < truths.size(); ++g) {
        const double o = plain_iou(d.bounds, truths[g].bounds, more);
        if (truths[g].label == label && o > most) {
          most = o;
          best = static_cast<std::ptrdiff_t>(g);
        }
      }
      if (most < overlap) best = -1;
      const bool ignored = best >= 0 && truths[static_cast<std::size_t>(best)].ignore;
      all.push_back({d.score, ignored ? -2 : best < 0 ? -1 : first + best});
    }
    first += static_cast<std::ptrdiff_t>(truths.size());
    for (const auto& t : truths) counted += t.label == label && !t.ignore;
  }
  all = by_score(all);
  std::vector<double> recall, precision;
  for (std::size_t n = 1; n <= all.size(); ++n) {
    std::vector<std::ptrdiff_t> found;
    double claims = 0;
    for (std::size_t k = 0; k < n; ++k) {
      if (all[k].truth >= 0) found.push_back(all[k].truth);
      claims += all[k].truth != -2;
    }
    std::sort(found.begin(), found.end());
    const auto hits = static_cast<double>(std::unique(found.begin(), found.end()) - found.begin());
    recall.push_back(counted > 0 ? hits / counted : 0);
    precision.push_back(claims > 0 ? hits / claims : 0);
  }
  const auto best_from = [&](double r) {
    double best = 0;
    for (std::size_t n = 0; n < recall.size(); ++n)
      if (recall[n] >= r) best = std::max(best, precision[n]);
    return best;
  };
  double ap = 0;
  if (eleven) {
    for (int r = 0; r <= 10; ++r) ap += best_from(r * 0.1) / 11;
  } else {
    for (double hit = 1; hit <= counted; ++hit) ap += best_from(hit / counted) / counted;
  }
  return ap;
}

}  // namespace retinue::test
