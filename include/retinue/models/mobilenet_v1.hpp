// SPDX-License-Identifier: Apache-2.0
// MobileNet V1 (Howard et al. 2017), cut where RetinaFace takes its maps: strides 8, 16 and 32.
//
//   stage1   3x3 /2, then separable 64, 128 /2, 128, 256 /2, 256       each times the width
//   stage2   separable 512 /2, 512 x 5
//   stage3   separable 1024 /2, 1024
//
// Parameters are named as in the public checkpoints: stage1.0.0.weight, stage1.1.3.weight, ...
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/body.hpp>         // body
#include <retinue/models/convolution.hpp>  // convolution_unit, add_separable

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace retinue {

/// MobileNet V1 (Howard 2017), its maps of stride 8, 16 and 32.
class mobilenet_v1 : public body {
 public:
  /// `width` multiplies the channels: 0.25 is the public RetinaFace body, with 8 to 256 of them.
  /// `slope` is that of the activations below zero; the public weights are of a ReLU net (0).
  /// Throws where `width` is not above 0 and at most 16.
  explicit mobilenet_v1(double width = 0.25, double slope = activation::relu)
  {
    if (!(width > 0 && width <= 16))
      fail("a MobileNet cannot be ", width, " times as wide: expected more than 0, at most 16");
    struct step {
      std::int64_t channels, stride;
    };
    const std::array<std::vector<step>, 3> plan{{
        {{64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}},
        {{512, 2}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {512, 1}},
        {{1024, 2}, {1024, 1}},
    }};
    const auto scaled = [width](std::int64_t channels) {
      return std::max<std::int64_t>(1, std::llround(static_cast<double>(channels) * width));
    };
    std::int64_t in = 3;
    for (std::size_t s = 0; s < plan.size(); ++s) {
      torch::nn::Module& stage = name_part(*this, "stage" + std::to_string(s + 1));
      int next = 0;
      if (s == 0) {
        const std::int64_t out = scaled(32);
        stages_[s].emplace_back(name_part(stage, std::to_string(next++)), "0", "1",
                                convolution_shape{.in = in, .out = out, .stride = 2}, slope);
        in = out;
      }
      for (const auto [channels, stride] : plan[s]) {
        torch::nn::Module& block = name_part(stage, std::to_string(next++));
        const std::int64_t out = scaled(channels);
        add_separable(stages_[s], block, in, out, stride, slope);
        in = out;
      }
      maps_.push_back({std::int64_t(8) << s, in});
    }
  }

  [[nodiscard]] std::vector<body_map> maps() const override { return maps_; }

  [[nodiscard]] std::vector<at::Tensor> forward(const at::Tensor& images) override
  {
    std::vector<at::Tensor> maps;
    at::Tensor x = images;
    for (auto& stage : stages_) {
      for (auto& unit : stage) x = unit(x);
      maps.push_back(x);
    }
    return maps;
  }

  void fold() override
  {
    for (auto& stage : stages_)
      for (auto& unit : stage) unit.fold();
  }

 private:
  std::array<std::vector<convolution_unit>, 3> stages_;
  std::vector<body_map> maps_;
};

}  // namespace retinue
