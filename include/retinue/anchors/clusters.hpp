// SPDX-License-Identifier: Apache-2.0
// The sides that fit a data set's boxes best: k-means by overlap.
//
//   overlap(a, b)   |a n b| / |a u b| of two boxes with one centre
//   a round         each box joins the cluster that it overlaps most; each cluster becomes the mean
//                   width and height of its boxes
//
// Redmon 2017 (YOLO9000, section 2, "Dimension Clusters"). Such a round may also make the mean
// overlap of the boxes worse: then the one before is what is given, so that no round is in vain.
#pragma once

#include <retinue/anchors/grid.hpp>  // anchor_sides
#include <retinue/error.hpp>         // fail
#include <retinue/random.hpp>        // keyed_random

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Of two boxes with one centre. Sides are positive, in one unit.
[[nodiscard]] constexpr double overlap_of_sides(const anchor_sides& a, const anchor_sides& b)
{
  const double shared = std::min(a.width, b.width) * std::min(a.height, b.height);
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/// The sides that were found for the boxes of a data set, and how well they fit.
struct side_clusters {
  std::vector<anchor_sides> sides;  ///< in rising order of area
  double mean_overlap = 0;          ///< of the boxes, each with the sides that it overlaps most
  std::size_t rounds = 0;
};

/// The mean over all boxes of the overlap with the sides that fit them best.
[[nodiscard]] inline double mean_best_overlap(std::span<const anchor_sides> boxes,
                                              std::span<const anchor_sides> sides)
{
  double sum = 0;
  for (const anchor_sides& b : boxes) {
    double best = 0;
    for (const anchor_sides& s : sides) best = std::max(best, overlap_of_sides(b, s));
    sum += best;
  }
  return boxes.empty() ? 0 : sum / static_cast<double>(boxes.size());
}

/// `count` pairs of sides for the boxes of a data set, in the boxes' unit. The first are drawn as
/// in k-means++ (Arthur 2007), by their distance 1 - overlap: one seed, one result. Throws where a
/// side is not positive, or there are fewer boxes than clusters.
[[nodiscard]] inline side_clusters cluster_sides(std::span<const anchor_sides> boxes,
                                                 std::size_t count, std::uint64_t seed = 0,
                                                 std::size_t most_rounds = 300)
{
  if (count < 1 || boxes.size() < count)
    fail(boxes.size(), " boxes were to be put into ", count,
         " clusters, expected 1 or more, and no more than boxes");
  for (std::size_t i = 0; i < boxes.size(); ++i)
    if (!(boxes[i].width > 0 && boxes[i].height > 0))
      fail("box ", i, " has the sides ", boxes[i].width, " and ", boxes[i].height,
           ", expected more than 0");

  keyed_random random(seed, 0, 0);
  std::vector<anchor_sides> sides{boxes[random.below(static_cast<std::uint32_t>(boxes.size()))]};
  std::vector<double> far(boxes.size(), 1.0);
  while (sides.size() < count) {
    double all = 0;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      far[i] = std::min(far[i], 1 - overlap_of_sides(boxes[i], sides.back()));
      all += far[i] * far[i];
    }
    double left = random.uniform(0, all);
    std::size_t next = 0;
    while (next + 1 < boxes.size() && (left -= far[next] * far[next]) >= 0) ++next;
    sides.push_back(boxes[next]);
  }

  side_clusters best{sides, mean_best_overlap(boxes, sides), 0};
  for (std::size_t round = 1; round <= most_rounds; ++round) {
    std::vector<anchor_sides> sums(count);
    std::vector<std::size_t> members(count, 0);
    for (const anchor_sides& b : boxes) {
      std::size_t own = 0;
      for (std::size_t k = 1; k < count; ++k)
        if (overlap_of_sides(b, sides[k]) > overlap_of_sides(b, sides[own])) own = k;
      sums[own].width += b.width;
      sums[own].height += b.height;
      ++members[own];
    }
    for (std::size_t k = 0; k < count; ++k)
      if (const auto n = static_cast<double>(members[k]); n > 0)
        sides[k] = {sums[k].width / n, sums[k].height / n};
    const double reached = mean_best_overlap(boxes, sides);
    if (!(reached > best.mean_overlap)) break;
    best = {sides, reached, round};
  }
  std::stable_sort(best.sides.begin(), best.sides.end(),
                   [](const anchor_sides& a, const anchor_sides& b) {
                     return a.width * a.height < b.width * b.height;
                   });
  return best;
}

}  // namespace retinue
