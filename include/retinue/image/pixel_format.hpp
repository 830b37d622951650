// SPDX-License-Identifier: Apache-2.0
// How a network wants its pictures: scaled to a size, then (value - mean) / scale of each pixel,
// channel by channel, in its own order.
#pragma once

#include <array>
#include <string>

namespace retinue {

/// As it stands: what the public RetinaFace weights were trained on. Values are 0 to 255.
struct pixel_format {
  std::string channels = "bgr";  ///< or "rgb"; mean and scale are in this order
  std::array<double, 3> mean{104, 117, 123};
  std::array<double, 3> scale{1, 1, 1};  ///< > 0
  /// Pixels that the longer side of a picture is to have; 0: as many as it has. Objects in pictures
  /// are then of the sizes that were learnt.
  int long_side = 0;
  bool square = false;  ///< whether pictures are stretched to a square of that side
};

}  // namespace retinue
