// SPDX-License-Identifier: Apache-2.0
// By which overlaps anchors are matched.
#pragma once

#include <cstdint>

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
};

/// Thresholds of overlap, as fractions.
struct overlap_settings {
  float positive = 0.35f, negative = 0.35f;  ///< 0 < negative <= positive <= 1
  forcing force = forcing::best;
  float floor = 0.2f;   ///< the least overlap of a forced anchor with its truth; never 0 itself
  float ignore = 0.5f;  ///< negatives of which an ignored truth covers more than this are ignored
};

}  // namespace retinue
