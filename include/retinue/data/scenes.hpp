// SPDX-License-Identifier: Apache-2.0
// Drawn scenes with known truth, for training and tests without any file.
//
//   draw_faces(seed, index)    faces with five landmarks: sizes, turns, skins, hair, glasses,
//                              things in front of them, and look-alikes that are none
//   draw_shapes(seed, index)   discs, triangles, crosses and rings: classes 1 to 4, plain boxes
//
// A scene depends on (seed, index) and its options alone. A box is what was drawn of the head from
// the brow to the chin and from ear to ear, as in WIDER FACE; a landmark that something covers is
// not labelled. Pixels.
#pragma once

#include <retinue/data/drawn_face.hpp>   // drawn_face
#include <retinue/formulas/overlap.hpp>  // intersection, area
#include <retinue/geometry.hpp>          // extent2
#include <retinue/instance.hpp>          // instance
#include <retinue/random.hpp>            // keyed_random

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace retinue {

/// How scenes are drawn. Pixels.
struct scene_options {
  extent2 size{320, 320};
  int least = 1, most = 6;  ///< objects, least <= most; fewer where no room is left
  double smallest = 14;     ///< pixels, the longer side of a box
  double largest = 160;
  double covered = 0.25;  ///< the share of faces with something in front
};

/// A picture, 8-bit BGR, and what is in it.
template <landmark_schema Schema>
struct scene {
  cv::Mat picture;
  std::vector<instance<Schema>> instances;
};

/// The classes of draw_shapes, from label 1.
inline constexpr std::array<std::string_view, 4> shape_classes{"disc", "triangle", "cross", "ring"};

namespace detail {

/// A slope of two colours, blurred patches, lines and noise: nothing to rely on. Without
/// ellipses nothing in it can be taken for a disc.
[[nodiscard]] inline cv::Mat drawn_background(keyed_random& random, extent2 size, bool ellipses)
{
  cv::Mat corners(2, 2, CV_8UC3), m;
  for (int i = 0; i < 4; ++i) {
    const auto c = any_colour(random);
    corners.at<cv::Vec3b>(i / 2, i % 2) = {cv::saturate_cast<std::uint8_t>(c[0]),
                                           cv::saturate_cast<std::uint8_t>(c[1]),
                                           cv::saturate_cast<std::uint8_t>(c[2])};
  }
  cv::resize(corners, m, {size.width, size.height}, 0, 0, cv::INTER_LINEAR);
  const auto somewhere = [&] {
    return cv::Point(int(random.below(std::uint32_t(size.width))),
                     int(random.below(std::uint32_t(size.height))));
  };
  const int longest = std::max(size.width, size.height);
  const auto length = [&](int divisor) {
    return 2 + int(random.below(std::uint32_t(std::max(1, longest / divisor))));
  };
  for (auto patches = random.below(12); patches > 0; --patches) {
    const cv::Point at = somewhere();
    const auto colour = any_colour(random);
    const auto kind = random.below(3);
    if (kind == 0)
      cv::rectangle(m, cv::Rect(at, cv::Size(length(3), length(3))), colour, cv::FILLED);
    else if (kind == 1 && ellipses)
      cv::ellipse(m, at, {length(5), length(5)}, random.uniform(0, 180), 0, 360, colour, cv::FILLED,
                  cv::LINE_AA);
    else
      cv::line(m, at, somewhere(), colour, length(40), cv::LINE_AA);
  }
  if (random.chance(0.5)) cv::blur(m, m, {3 + 2 * int(random.below(5)), 3});
  return m;
}

/// Grain and blur of the whole picture, as a camera adds.
inline void add_grain(keyed_random& random, cv::Mat& m)
{
  if (random.chance(0.3)) cv::GaussianBlur(m, m, {3, 3}, random.uniform(0.3, 1.2));
  cv::Mat grain(m.size(), CV_8SC3);
  cv::RNG noise(random.next());
  noise.fill(grain, cv::RNG::NORMAL, 0, random.uniform(0, 8));
  cv::add(m, grain, m, cv::noArray(), CV_8U);
}

/// A box of a drawn size where it overlaps none of `taken` much; no area if there is no room.
[[nodiscard]] inline box<double> free_place(keyed_random& random, const scene_options& o,
                                            double aspect, const std::vector<box<double>>& taken)
{
  for (int attempt = 0; attempt < 30; ++attempt) {
    const double limit = 0.9 * std::min(o.size.width, o.size.height);
    const double high = std::min(o.largest, limit);
    const double h = high <= o.smallest
                         ? high
                         : o.smallest * std::exp(random.uniform(0, std::log(high / o.smallest)));
    const double w = h * aspect;
    const double x = random.uniform(-0.1 * w, o.size.width - 0.9 * w);
    const double y = random.uniform(-0.1 * h, o.size.height - 0.9 * h);
    const box<double> b{x, y, x + w, y + h};
    const bool free = std::ranges::none_of(taken, [&](const box<double>& other) {
      return intersection(b, other) > 0.1 * std::min(area(b), area(other));
    });
    if (free) return b;
  }
  return {};
}

[[nodiscard]] inline int count_of(keyed_random& random, const scene_options& o)
{
  return o.least + int(random.below(std::uint32_t(o.most - o.least + 1)));
}

}  // namespace detail

/// Scene number `index`, of faces with five landmarks; the same for the same numbers.
[[nodiscard]] inline scene<schemas::face5> draw_faces(std::uint64_t seed, std::uint64_t index,
                                                      const scene_options& options = {})
{
  keyed_random random(seed, 0, index);
  scene<schemas::face5> drawn{detail::drawn_background(random, options.size, true), {}};
  std::vector<box<double>> taken;
  const auto place = [&](double aspect) {
    const auto at = detail::free_place(random, options, aspect, taken);
    if (area(at) > 0) taken.push_back(at);
    return at;
  };
  for (auto decoys = random.below(4); decoys > 0; --decoys)
    if (const auto at = place(random.uniform(0.6, 1)); area(at) > 0)
      detail::draw_decoy(random, drawn.picture, at);
  std::vector<box<double>> faces;
  for (int left = detail::count_of(random, options); left > 0; --left)
    if (const auto at = place(random.uniform(0.7, 0.85)); area(at) > 0) faces.push_back(at);
  // The large first, or their shoulders would hide small faces that are labelled.
  std::ranges::sort(faces, std::greater{}, [](const auto& b) { return area(b); });
  for (const auto& at : faces) {
    const bool covered = random.chance(options.covered);
    drawn.instances.push_back(detail::drawn_face(random, at, covered).draw(drawn.picture));
  }
  const auto w = float(options.size.width), h = float(options.size.height);
  for (auto& i : drawn.instances) {
    i.bounds = clip(i.bounds, w, h);
    for (std::size_t k = 0; k < 5; ++k) {
      const auto& p = i.points.points[k];
      i.visible[k] = i.visible[k] && p[0] >= 0 && p[1] >= 0 && p[0] < w && p[1] < h;
    }
  }
  detail::add_grain(random, drawn.picture);
  return drawn;
}

/// Scene number `index`, of shapes of several classes; the same for the same numbers.
[[nodiscard]] inline scene<schemas::none> draw_shapes(std::uint64_t seed, std::uint64_t index,
                                                      const scene_options& options = {})
{
  keyed_random random(seed, 1, index);
  scene<schemas::none> drawn{detail::drawn_background(random, options.size, false), {}};
  std::vector<box<double>> taken;
  for (int left = detail::count_of(random, options); left > 0; --left) {
    const auto at = detail::free_place(random, options, random.uniform(0.6, 1.6), taken);
    if (area(at) <= 0) break;
    taken.push_back(at);
    const auto label = 1 + int(random.below(std::uint32_t(shape_classes.size())));
    detail::draw_shape(random, drawn.picture, at, label);
    instance<schemas::none> truth;
    truth.bounds = clip(box<float>{float(at.x1), float(at.y1), float(at.x2), float(at.y2)},
                        float(options.size.width), float(options.size.height));
    truth.label = label;
    drawn.instances.push_back(truth);
  }
  detail::add_grain(random, drawn.picture);
  return drawn;
}

}  // namespace retinue
