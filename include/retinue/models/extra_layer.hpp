// SPDX-License-Identifier: Apache-2.0
// A coarser map made of the one before (Liu et al. 2016, figure 2): a 1x1 convolution to few
// channels, then one that shrinks the map, each with a bias and a ReLU.
#pragma once

#include <cstdint>
#include <vector>

namespace retinue {

/// Two convolutions behind a body, which make one further map: 1 x 1, then `kernel` x `kernel`.
struct extra_layer {
  std::int64_t inner = 128, out = 256;  ///< channels between the two convolutions, and behind them
  std::int64_t kernel = 3, stride = 2, padding = 1;  ///< of the second
};

/// Behind VGG's map of stride 16 on 300 pixels: 19 cells a side, then 10, 5, 3, 1.
[[nodiscard]] inline std::vector<extra_layer> ssd300_extras()
{
  return {{256, 512}, {128, 256}, {128, 256, 3, 1, 0}, {128, 256, 3, 1, 0}};
}

/// On 512 pixels: 32 cells a side, then 16, 8, 4, 2, 1.
[[nodiscard]] inline std::vector<extra_layer> ssd512_extras()
{
  return {{256, 512}, {128, 256}, {128, 256}, {128, 256}, {128, 256, 4, 1, 1}};
}

}  // namespace retinue
