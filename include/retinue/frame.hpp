// SPDX-License-Identifier: Apache-2.0
// Where a picture lies in the input that a network saw, so that what is found there can be told in
// the picture's own pixels.
#pragma once

#include <retinue/geometry.hpp>  // extent2

namespace retinue {

/// How an image became the network's input: scaled, then padded at the right and the bottom.
struct frame {
  extent2 input;                    ///< pixels that the network saw, padding included
  extent2 original;                 ///< pixels of the picture
  double scale_x = 1, scale_y = 1;  ///< pixels of the input per pixel of the picture

  /// Nothing was scaled nor padded.
  [[nodiscard]] static frame unscaled(extent2 size) { return {size, size, 1, 1}; }
};

}  // namespace retinue
