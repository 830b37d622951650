// SPDX-License-Identifier: Apache-2.0
// By which overlaps anchors are matched.
#pragma once

#include <cstdint>
#include <string_view>

namespace retinue {

/// How a truth that no anchor overlaps enough gets one all the same.
enum class forcing : std::uint8_t {
  none,
  /// Its best anchor. Where two truths have the same, the better overlap has it, and the other
  /// takes its next best (B3).
  best,
  /// Every anchor that ties its best overlap is positive, for whichever truth that anchor overlaps
  /// most: the "low-quality matches" of detectron2.
  ties,
  /// Compatibility: seeds 000 to 003 as they are. A later truth takes the anchor from an earlier
  /// one, and a truth below the floor takes it too, without making it positive (B1, B3).
  reference,
  /// Compatibility: MMDetection's low-quality matches. Every anchor that ties the best overlap of a
  /// truth is given to that truth, whoever had it; later truths take from earlier ones. With a
  /// floor of 0 a truth that overlaps nothing takes every anchor.
  last_ties,
  /// Compatibility: the same of the first best anchor alone, as in MMDetection without
  /// gt_max_assign_all and in torchvision's SSDMatcher.
  last_best,
};

/// Which anchors a truth to be ignored takes out of the loss, where it shares enough with them.
enum class ignoring : std::uint8_t {
  negatives,  ///< those that would be negatives; positives stay
  /// Any, before truths are matched, so that they answer for no truth either: MMDetection. As
  /// there, none where an image has no truth that counts.
  all,
};

/// Thresholds of overlap, as fractions.
struct overlap_settings {
  static constexpr std::string_view kind = "overlap";  ///< in a configuration

  float positive = 0.35f, negative = 0.35f;  ///< 0 < negative <= positive <= 1
  forcing force = forcing::best;
  float floor = 0.2f;   ///< the least overlap of a forced anchor with its truth; never 0 itself
  float ignore = 0.5f;  ///< anchors of which an ignored truth covers more than this are ignored
  ignoring ignored = ignoring::negatives;
  bool share_of_anchor = true;  ///< covers of the anchor's area; else the anchor of the truth's
  /// Anchors that overlap their best truth by less than this are ignored, too; <= negative. Of an
  /// image without truths all are negatives.
  float background = 0;
};

}  // namespace retinue
