// SPDX-License-Identifier: Apache-2.0
// Random crops: RetinaFace's squares, and SSD's windows by overlap.
//
// Both try until a window suits the truths (those to be ignored have no say), and leave the picture
// whole where none does. In a picture without truths the first window will do.
#pragma once

#include <retinue/augment/window.hpp>    // window
#include <retinue/error.hpp>             // fail
#include <retinue/formulas/overlap.hpp>  // iou

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace retinue {

namespace detail {
template <class Schema>
[[nodiscard]] bool has_truth(std::span<const instance<Schema>> instances)
{
  return std::ranges::any_of(instances, [](const auto& i) { return !i.ignore; });
}
}  // namespace detail

/// A square of a share of the short side, with at least one truth wholly inside (seed 003, _crop).
/// A share above 1 makes objects smaller: where the square is longer than a side of the picture, it
/// holds all of that side, and the rest is filled in.
struct random_square_crop {
  std::vector<double> shares{0.3, 0.45, 0.6, 0.8, 1.0};  ///< more than 0, at most 100
  int tries = 250;
  edge_landmarks landmarks = edge_landmarks::hide;
  bool last_offset = true;  ///< false, for compatibility: the last column and row are never reached
  fill_colour fill = mean_colour;

  template <random_source Random, class Schema>
  [[nodiscard]] window draw(Random& random, extent2 size,
                            std::span<const instance<Schema>> instances) const
  {
    check();
    const bool any = detail::has_truth(instances);
    for (int attempt = 0; attempt < tries; ++attempt) {
      const auto share = shares[random.below(static_cast<std::uint32_t>(shares.size()))];
      const int side = std::max(1, static_cast<int>(share * std::min(size.width, size.height)));
      const auto offset = [&](int room) {
        if (room == 0) return 0;
        const int offsets = last_offset ? std::abs(room) + 1 : std::abs(room);
        const auto drawn = static_cast<int>(random.below(static_cast<std::uint32_t>(offsets)));
        return room < 0 ? -drawn : drawn;
      };
      const int left = offset(size.width - side), top = offset(size.height - side);
      const auto holds = [&](const instance<Schema>& i) {
        return !i.ignore && i.bounds.x1 >= float(left) && i.bounds.y1 >= float(top) &&
               i.bounds.x2 <= float(left + side) && i.bounds.y2 <= float(top + side);
      };
      if (!any || std::ranges::any_of(instances, holds))
        return {
            .left = left, .top = top, .size = {side, side}, .landmarks = landmarks, .fill = fill};
    }
    return {.size = size, .landmarks = landmarks, .fill = fill};
  }

 private:
  void check() const
  {
    if (shares.empty()) fail("a square crop has no shares to draw its side from");
    for (const double share : shares)
      if (!(share > 0 && share <= 100))
        fail("a square crop has a share of ", share,
             " of the short side, expected more than 0 and at most 100");
    if (tries < 0) fail("a square crop is tried ", tries, " times, expected 0 or more");
  }
};

/// A window that overlaps some truth by a drawn minimum (Liu et al. 2016, section 2.2): the whole
/// picture, or 0.1 to 0.9, or any overlap that keeps a truth's centre.
struct random_overlap_crop {
  std::array<double, 5> overlaps{0.1, 0.3, 0.5, 0.7, 0.9};
  double least_share = 0.3;  ///< of each side of the picture; more than 0, at most 1
  double most_aspect = 2;    ///< of width and height, either by the other; 1 or more
  int tries = 50;            ///< with one minimum; then another is drawn
  int rounds = 20;
  edge_landmarks landmarks = edge_landmarks::hide;

  template <random_source Random, class Schema>
  [[nodiscard]] window draw(Random& random, extent2 size,
                            std::span<const instance<Schema>> instances) const
  {
    check();
    const bool any = detail::has_truth(instances);
    constexpr auto modes = static_cast<std::uint32_t>(std::tuple_size_v<decltype(overlaps)> + 2);
    for (int round = 0; round < rounds; ++round) {
      const auto mode = random.below(modes);
      if (mode == modes - 1) break;
      const double least = mode < overlaps.size() ? overlaps[mode] : 0;
      for (int attempt = 0; attempt < tries; ++attempt) {
        const int w = std::max(1, static_cast<int>(random.uniform(least_share, 1) * size.width));
        const int h = std::max(1, static_cast<int>(random.uniform(least_share, 1) * size.height));
        if (w > most_aspect * h || h > most_aspect * w) continue;
        const window drawn{
            .left = static_cast<int>(random.below(static_cast<std::uint32_t>(size.width - w) + 1)),
            .top = static_cast<int>(random.below(static_cast<std::uint32_t>(size.height - h) + 1)),
            .size = {h, w},
            .landmarks = landmarks};
        if (!any || suits(drawn, least, instances)) return drawn;
      }
    }
    return {.size = size, .landmarks = landmarks};
  }

 private:
  void check() const
  {
    if (!(least_share > 0 && least_share <= 1))
      fail("a crop by overlap has a least share of ", least_share,
           ", expected more than 0 and at most 1");
    if (!(most_aspect >= 1))
      fail("a crop by overlap has sides of at most ", most_aspect, " to 1, expected 1 or more");
    if (tries < 0 || rounds < 0)
      fail("a crop by overlap is tried ", rounds, " x ", tries, " times, expected 0 or more");
  }

  template <class Schema>
  [[nodiscard]] static bool suits(const window& w, double least,
                                  std::span<const instance<Schema>> instances)
  {
    const box<float> at{float(w.left), float(w.top), float(w.left + w.size.width),
                        float(w.top + w.size.height)};
    const auto centre_inside = [&](const box<float>& b) {
      const auto c = to_centre(b);
      return at.x1 < c.cx && c.cx < at.x2 && at.y1 < c.cy && c.cy < at.y2;
    };
    return std::ranges::any_of(instances, [&](const instance<Schema>& i) {
      return !i.ignore && centre_inside(i.bounds) && double(iou(i.bounds, at)) >= least;
    });
  }
};

}  // namespace retinue
