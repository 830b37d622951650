// SPDX-License-Identifier: Apache-2.0
// VGG-16 (Simonyan and Zisserman 2014), cut and thinned as SSD has it (Liu et al. 2016, section 3).
//
//   stages   3x3 convolutions: 64 x 2, 128 x 2, 256 x 3, 512 x 3, 512 x 3, halved before each but
//            the first
//   pool5    3x3, stride 1
//   fc6      3x3 to 1024, dilated by 6        fc7   1x1 to 1024
//
// Its maps are those of conv4_3, stride 8, and of fc7, stride 16. Every convolution has a bias and
// a ReLU. Halving rounds up at every stage, which for 300 and 512 pixels is what the paper's
// network does. Parameters are numbered as in the common PyTorch ports, where ReLU and pooling
// count too: 0.weight, 2.weight, 5.weight, ..., 31.weight (fc6), 33.weight (fc7).
#pragma once

#include <retinue/models/body.hpp>  // body

#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace retinue {

/// VGG-16 (Simonyan 2015) as SSD takes it, its maps of stride 8 and 16.
class vgg16 : public body {
 public:
  vgg16()
  {
    constexpr std::array<std::int64_t, 5> channels{64, 128, 256, 512, 512};
    constexpr std::array<int, 5> depths{2, 2, 3, 3, 3};
    std::int64_t in = 3;
    int number = 0;
    const auto add = [&](torch::nn::Conv2dOptions options) {
      auto made = register_module(std::to_string(number), torch::nn::Conv2d(options));
      torch::nn::init::kaiming_normal_(made->weight, 0, torch::kFanIn, torch::kReLU);
      torch::nn::init::zeros_(made->bias);
      number += 2;
      return made;
    };
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      for (int i = 0; i < depths[s]; ++i) {
        stages_[s].push_back(add(torch::nn::Conv2dOptions(in, channels[s], 3).padding(1)));
        in = channels[s];
      }
      ++number;  // the pooling behind it
    }
    fc6_ = add(torch::nn::Conv2dOptions(in, 1024, 3).padding(6).dilation(6));
    fc7_ = add(torch::nn::Conv2dOptions(1024, 1024, 1));
  }

  [[nodiscard]] std::vector<body_map> maps() const override { return {{8, 512}, {16, 1024}}; }

  [[nodiscard]] std::vector<at::Tensor> forward(const at::Tensor& images) override
  {
    at::Tensor x = images, fine;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      if (s > 0) x = at::max_pool2d(x, 2, 2, 0, 1, /*ceil_mode=*/true);
      for (auto& convolution : stages_[s]) x = convolution(x).relu_();
      if (s == 3) fine = x;
    }
    x = at::max_pool2d(x, 3, 1, 1);
    return {fine, fc7_(fc6_(x).relu_()).relu_()};
  }

  void fold() override {}  // no batch normalization

 private:
  std::array<std::vector<torch::nn::Conv2d>, 5> stages_;
  torch::nn::Conv2d fc6_{nullptr}, fc7_{nullptr};
};

}  // namespace retinue
