// SPDX-License-Identifier: Apache-2.0
// How well anchors and a matcher cover the objects of a data set, by their size.
#pragma once

#include <retinue/error.hpp>                // fail
#include <retinue/geometry.hpp>             // box
#include <retinue/matchers/assignment.hpp>  // matcher

#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <utility>

namespace retinue {

/// Truths of one size: how many, how many have an anchor, and how many anchors they have in all.
struct size_coverage {
  std::size_t truths = 0, matched = 0, anchors = 0;

  [[nodiscard]] double share() const
  {
    return truths == 0 ? 0 : static_cast<double>(matched) / static_cast<double>(truths);
  }
  void add(const size_coverage& other)
  {
    truths += other.truths;
    matched += other.matched;
    anchors += other.anchors;
  }
  friend bool operator==(const size_coverage&, const size_coverage&) = default;
};

/// Collects over many pictures of one size what any matcher gives their truths.
template <matcher Match>
class coverage_report {
 public:
  static constexpr int per_octave = 2;  ///< sizes are put together by half octaves

  explicit coverage_report(Match match) : match_(std::move(match)) {}

  /// Truths as fractions of the picture's sides, which are as many pixels. Throws where the matcher
  /// gives an anchor a truth that is not there.
  void add(const anchor_layout& anchors, std::span<const box<float>> truths, extent2 image)
  {
    match_(anchors, truths, {}, assigned_);
    answers_.assign(truths.size(), 0);
    each_positive(assigned_.verdicts, [&](std::size_t a) {
      if (a >= assigned_.truths.size() || assigned_.truths[a] >= truths.size())
        fail("a matcher gave anchor ", a, " a truth that is none of ", truths.size());
      ++answers_[assigned_.truths[a]];
    });
    for (std::size_t t = 0; t < truths.size(); ++t) {
      const box<float>& b = truths[t];
      const double area = double(b.x2 - b.x1) * image.width * double(b.y2 - b.y1) * image.height;
      if (!(area > 0)) continue;  // of no size
      size_coverage& of = by_size_[bin_of(std::sqrt(area))];
      ++of.truths;
      of.matched += answers_[t] > 0;
      of.anchors += answers_[t];
    }
  }

  /// The truths from size_of(bin) to size_of(bin + 1) pixels: the root of their area.
  [[nodiscard]] const std::map<int, size_coverage>& by_size() const { return by_size_; }
  [[nodiscard]] size_coverage all() const
  {
    size_coverage sum;
    for (const auto& [bin, of] : by_size_) sum.add(of);
    return sum;
  }
  [[nodiscard]] static int bin_of(double pixels)
  {
    return static_cast<int>(std::floor(std::log2(pixels) * per_octave));
  }
  [[nodiscard]] static double size_of(int bin) { return std::exp2(double(bin) / per_octave); }

 private:
  Match match_;
  assignment assigned_;
  std::vector<std::size_t> answers_;  // positives of each truth
  std::map<int, size_coverage> by_size_;
};

}  // namespace retinue
