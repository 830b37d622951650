// SPDX-License-Identifier: Apache-2.0
// The context module of SSH (Najibi et al. 2017): three fields of view of one map, side by side.
//
//   t = conv5X5_1(x)
//   y = relu(conv3X3(x), conv5X5_2(t), conv7x7_3(conv7X7_2(t)))
//
// The three parts have out / 2, out / 4 and out / 4 channels.
// All convolutions are 3x3; chained, they see 5x5 and 7x7. The spelling is that of the checkpoints.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/convolution.hpp>  // convolution_unit

#include <torch/torch.h>

#include <cstdint>

namespace retinue {

/// The context module of a RetinaFace (Najibi 2017, SSH): convolutions of three reaches side by
/// side.
class ssh : public torch::nn::Module {
 public:
  /// `bias`: of the convolutions, besides. Throws where `out` is no multiple of 4.
  ssh(std::int64_t in, std::int64_t out, double slope, bool bias = false)
      : conv3_(name_part(*this, "conv3X3"), "0", "1", {.in = in, .out = out / 2, .bias = bias},
               activation::linear),
        conv5_1_(name_part(*this, "conv5X5_1"), "0", "1", {.in = in, .out = out / 4, .bias = bias},
                 slope),
        conv5_2_(name_part(*this, "conv5X5_2"), "0", "1",
                 {.in = out / 4, .out = out / 4, .bias = bias}, activation::linear),
        conv7_2_(name_part(*this, "conv7X7_2"), "0", "1",
                 {.in = out / 4, .out = out / 4, .bias = bias}, slope),
        conv7_3_(name_part(*this, "conv7x7_3"), "0", "1",
                 {.in = out / 4, .out = out / 4, .bias = bias}, activation::linear)
  {
    if (out < 4 || out % 4 != 0)
      fail("an SSH module cannot give ", out, " channels: expected a multiple of 4");
  }

  /// (B, in, H, W) to (B, out, H, W), plain.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x)
  {
    const at::Tensor three = conv3_(x), t = conv5_1_(x);
    const at::Tensor five = conv5_2_(t), seven = conv7_3_(conv7_2_(t));
    return at::cat({detail::plain(three), detail::plain(five), detail::plain(seven)}, 1).relu_();
  }

  void fold()
  {
    for (auto* unit : {&conv3_, &conv5_1_, &conv5_2_, &conv7_2_, &conv7_3_}) unit->fold();
  }

 private:
  convolution_unit conv3_, conv5_1_, conv5_2_, conv7_2_, conv7_3_;
};

}  // namespace retinue
