// SPDX-License-Identifier: Apache-2.0
// Objects of another picture, copied into this one and blended in (Dwibedi et al. 2017; Ghiasi et
// al. 2021): more objects, and strange surroundings.
//
//   +-----------+   An object is cut out with a margin, scaled, and put where it covers no truth.
//   | . . . . . |   Inside its box it stands as it is; in the margin it fades out, so that no
//   | . +---+ . |   edge tells where it was put. What else is cut out with it comes along,
//   | . |   | . |   labelled. An object whose margin would cut another one is not taken.
//   | . +---+ . |
//   +-----------+
#pragma once

#include <retinue/augment/mixing.hpp>    // mixing_stage
#include <retinue/augment/resize.hpp>    // resize
#include <retinue/augment/window.hpp>    // window
#include <retinue/error.hpp>             // fail
#include <retinue/formulas/overlap.hpp>  // iof

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// One object: seen through a window of the second picture, resized, put at (left, top).
struct pasted_part {
  window cut;
  resize scaled;
  int left = 0, top = 0;
  std::array<int, 4> fade{};  ///< pixels at its left, top, right and bottom

  [[nodiscard]] box<float> place() const
  {
    return {float(left), float(top), float(left + scaled.to.width), float(top + scaled.to.height)};
  }
};

/// Objects of the second picture, pasted into the first.
struct paste {
  std::vector<pasted_part> parts;

  [[nodiscard]] extent2 size_after(std::span<const extent2> sizes) const { return sizes[0]; }

  /// The truths of the first, without the landmarks that lie beneath; then what was pasted.
  template <class Schema>
  [[nodiscard]] std::vector<instance<Schema>> map(
      std::span<const std::vector<instance<Schema>>> truths, std::span<const extent2> sizes) const
  {
    auto all = truths[0];
    for (const pasted_part& part : parts) {
      const box<float> at = part.place();
      for (auto& truth : all)
        detail::map_points(truth, [&](std::size_t k, auto& p) {
          if (p[0] < at.x1 || p[0] >= at.x2 || p[1] < at.y1 || p[1] >= at.y2) return;
          truth.visible[k] = false;
          p = {};
        });
      auto taken = truths[1];
      part.cut.map(taken, sizes[1]);
      part.scaled.map(taken, part.cut.size);
      detail::shift(taken, at.x1, at.y1);
      detail::append(all, taken);
    }
    return all;
  }
};
static_assert(mixing<paste>);

/// Draws which objects are pasted, and where they go.
struct random_paste {
  static constexpr std::size_t others = 1;

  int most = 4;                                ///< objects; 1 to 1000
  double margin = 0.25;                        ///< of its longer side, around an object; 0 to 2
  double least_scale = 0.5, most_scale = 1.5;  ///< 0.01 to 100
  double most_covered = 0;                     ///< share of a truth that may be covered; 0 to 1
  int tries = 20;                              ///< places for one object

  template <random_source Random, class Schema>
  [[nodiscard]] paste draw(Random& random, std::span<const extent2> sizes,
                           std::span<const std::vector<instance<Schema>>> truths) const
  {
    check();
    for (const extent2 size : sizes.first(2)) detail::check_picture(size, "a pasted picture");
    std::vector<box<float>> candidates;
    for (const auto& truth : truths[1])
      if (!truth.ignore)
        candidates.push_back(clip(truth.bounds, float(sizes[1].width), float(sizes[1].height)));
    std::vector<box<float>> kept;  // must not be covered
    for (const auto& truth : truths[0]) kept.push_back(truth.bounds);
    paste drawn;
    if (candidates.empty()) return drawn;
    const auto count = 1 + random.below(static_cast<std::uint32_t>(most));
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto& object = candidates[random.below(static_cast<std::uint32_t>(candidates.size()))];
      const double scale = std::exp(random.uniform(std::log(least_scale), std::log(most_scale)));
      pasted_part part = cut_out(object, scale, sizes[1]);
      if (part.cut.size.width < 1 || part.cut.size.height < 1) continue;
      if (part.scaled.to.width > sizes[0].width || part.scaled.to.height > sizes[0].height ||
          cuts_another(part.cut, truths[1]))
        continue;
      if (!find_place(random, sizes[0], kept, part)) continue;
      kept.push_back(part.place());
      drawn.parts.push_back(part);
    }
    return drawn;
  }

 private:
  void check() const
  {
    if (most < 1 || most > 1000)
      fail("up to ", most, " objects are pasted into a picture, expected 1 to 1000");
    if (!(margin >= 0 && margin <= 2))
      fail("a pasted object has a margin of ", margin, " of its side, expected 0 to 2");
    detail::check_range(least_scale, most_scale, 0.01, 100, "the scales of pasted objects");
    if (!(most_covered >= 0 && most_covered <= 1))
      fail("what is pasted may cover ", most_covered, " of a truth, expected 0 to 1");
    if (tries < 0) fail("a pasted object is tried ", tries, " times, expected 0 or more");
  }

  /// A window around the object, within its picture.
  [[nodiscard]] pasted_part cut_out(const box<float>& object, double scale, extent2 picture) const
  {
    const double wide = margin * std::max<double>(object.x2 - object.x1, object.y2 - object.y1);
    const auto low = [&](double at) {
      return std::max(0, static_cast<int>(std::floor(at - wide)));
    };
    const auto high = [&](double at, int side) {
      return std::min(side, static_cast<int>(std::ceil(at + wide)));
    };
    const int left = low(object.x1), top = low(object.y1);
    const extent2 size{high(object.y2, picture.height) - top,
                       high(object.x2, picture.width) - left};
    const auto scaled = [](int side, double by) {
      return std::max(1, static_cast<int>(std::lround(side * by)));
    };
    pasted_part part{.cut = {.left = left, .top = top, .size = size},
                     .scaled = {{scaled(size.height, scale), scaled(size.width, scale)}}};
    const double x = double(part.scaled.to.width) / size.width,
                 y = double(part.scaled.to.height) / size.height;
    const auto fade = [](double pixels) { return std::max(0, static_cast<int>(pixels)); };
    part.fade = {fade((double(object.x1) - left) * x), fade((double(object.y1) - top) * y),
                 fade((left + size.width - double(object.x2)) * x),
                 fade((top + size.height - double(object.y2)) * y)};
    return part;
  }

  /// Whether a truth is seen through the window whose centre is not, and so would go unlabelled.
  template <class Schema>
  [[nodiscard]] static bool cuts_another(const window& w,
                                         const std::vector<instance<Schema>>& truths)
  {
    const box<float> seen{float(w.left), float(w.top), float(w.left + w.size.width),
                          float(w.top + w.size.height)};
    return std::ranges::any_of(truths, [&](const instance<Schema>& truth) {
      const auto c = to_centre(truth.bounds);
      const bool inside = seen.x1 < c.cx && c.cx < seen.x2 && seen.y1 < c.cy && c.cy < seen.y2;
      return !inside && iof(truth.bounds, seen) > 0.02f;
    });
  }

  /// Puts the part where it covers no more than it may.
  template <random_source Random>
  bool find_place(Random& random, extent2 picture, const std::vector<box<float>>& kept,
                  pasted_part& part) const
  {
    const auto offset = [&](int room) {
      return static_cast<int>(random.below(static_cast<std::uint32_t>(room) + 1));
    };
    for (int attempt = 0; attempt < tries; ++attempt) {
      part.left = offset(picture.width - part.scaled.to.width);
      part.top = offset(picture.height - part.scaled.to.height);
      const box<float> at = part.place();
      if (std::ranges::none_of(
              kept, [&](const box<float>& truth) { return double(iof(truth, at)) > most_covered; }))
        return true;
    }
    return false;
  }
};
static_assert(mixing_stage<random_paste>);

}  // namespace retinue
