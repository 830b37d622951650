// SPDX-License-Identifier: Apache-2.0
// Squeeze and excitation (Hu et al. 2017): every channel of a map is scaled by what all channels
// together say of it.
//
//   s = sigmoid(fc2(relu(fc1(mean over the map))))        y = s x
//
// fc1 and fc2 are 1x1 convolutions with a bias, named as in torchvision.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/convolution.hpp>  // plain

#include <torch/torch.h>

#include <cstdint>

namespace retinue {

/// Scales each channel of a map by what all channels together say of it.
class squeeze_excitation : public torch::nn::Module {
 public:
  /// `squeezed` channels stand between; in the paper a sixteenth of them. Throws where they are
  /// less than 1.
  squeeze_excitation(std::int64_t channels, std::int64_t squeezed)
      : fc1_(register_module("fc1",
                             torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, squeezed, 1)))),
        fc2_(register_module("fc2",
                             torch::nn::Conv2d(torch::nn::Conv2dOptions(squeezed, channels, 1))))
  {
    if (squeezed < 1) fail("channels are squeezed to ", squeezed, ", expected 1 or more");
  }

  /// (B, channels, H, W) to the same, plain.
  [[nodiscard]] at::Tensor forward(const at::Tensor& map)
  {
    const at::Tensor x = detail::plain(map);
    return x * fc2_(fc1_(at::adaptive_avg_pool2d(x, {1, 1})).relu_()).sigmoid();
  }

 private:
  torch::nn::Conv2d fc1_, fc2_;
};

}  // namespace retinue
