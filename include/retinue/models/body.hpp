// SPDX-License-Identifier: Apache-2.0
// What a network takes its maps from: a body gives one map per stride, the finest first.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace retinue {

/// A map that a body offers: pixels per cell, and channels.
struct body_map {
  std::int64_t stride, channels;
};

/// A level of the maps that heads read: pixels per cell, and anchors in each cell.
struct anchored_level {
  std::int64_t stride, anchors;
};

/// Derive from it to run networks over a body of yours: a LibTorch module whose maps halve in size
/// from one to the next. A line in models/bodies.hpp gives it a name in configurations.
class body : public torch::nn::Module {
 public:
  /// The maps of `forward`, in its order: strides grow.
  [[nodiscard]] virtual std::vector<body_map> maps() const = 0;

  /// Images (B, 3, H, W) to maps (B, channels, ceil(H / stride), ceil(W / stride)), in any layout.
  [[nodiscard]] virtual std::vector<at::Tensor> forward(const at::Tensor& images) = 0;

  /// Goes over to the folded form for good: see convolution.hpp.
  virtual void fold() = 0;
};

}  // namespace retinue
