// SPDX-License-Identifier: Apache-2.0
// How a network wants its pixels: (value - mean) / scale, channel by channel, in its own order.
#pragma once

#include <array>
#include <string>

namespace retinue {

/// As it stands: what the public RetinaFace weights were trained on. Values are 0 to 255.
struct pixel_format {
  std::string channels = "bgr";  ///< or "rgb"; mean and scale are in this order
  std::array<double, 3> mean{104, 117, 123};
  std::array<double, 3> scale{1, 1, 1};  ///< > 0
};

}  // namespace retinue
