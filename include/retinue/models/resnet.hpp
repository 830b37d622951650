// SPDX-License-Identifier: Apache-2.0
// ResNet (He et al. 2015), the stride of a bottleneck in its 3x3 convolution, as torchvision has
// it. Its maps have strides 4, 8, 16, 32, and 64 to 512 channels, four times as many of
// bottlenecks.
//
//   plain        y = relu(x' + conv2(conv1(x)))            3x3 to c with the stride, 3x3 to c
//   bottleneck   y = relu(x' + conv3(conv2(conv1(x))))     1x1 to c, 3x3 with the stride, 1x1 to 4c
//                x' = x, or downsample(x) where its size or its channels differ
//
// Parameters are named as in torchvision's checkpoints: conv1.weight, layer1.0.downsample.1.bias...
#pragma once

#include <retinue/models/body.hpp>         // body
#include <retinue/models/convolution.hpp>  // convolution_unit

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retinue {

/// Blocks in each of the four layers, and whether they are bottlenecks.
struct resnet_shape {
  std::array<int, 4> depths;
  bool bottlenecks = true;

  [[nodiscard]] static constexpr resnet_shape of_18() { return {{2, 2, 2, 2}, false}; }
  [[nodiscard]] static constexpr resnet_shape of_34() { return {{3, 4, 6, 3}, false}; }
  [[nodiscard]] static constexpr resnet_shape of_50() { return {{3, 4, 6, 3}}; }
};

/// ResNet (He 2015), its maps of stride 4 to 32, with torchvision's names.
class resnet : public body {
 public:
  explicit resnet(const resnet_shape& shape = resnet_shape::of_50())
      : stem_(*this, "conv1", "bn1", {.in = 3, .out = 64, .kernel = 7, .stride = 2},
              activation::relu)
  {
    std::int64_t in = 64;
    for (std::size_t l = 0; l < shape.depths.size(); ++l) {
      torch::nn::Module& layer = name_part(*this, "layer" + std::to_string(l + 1));
      const std::int64_t inner = std::int64_t(64) << l;
      for (int b = 0; b < shape.depths[l]; ++b)
        in = layers_[l]
                 .emplace_back(name_part(layer, std::to_string(b)), in, inner,
                               b == 0 && l > 0 ? 2 : 1, shape.bottlenecks)
                 .out();
      maps_.push_back({std::int64_t(4) << l, in});
    }
  }

  [[nodiscard]] std::vector<body_map> maps() const override { return maps_; }

  [[nodiscard]] std::vector<at::Tensor> forward(const at::Tensor& images) override
  {
    std::vector<at::Tensor> maps;
    at::Tensor x = at::max_pool2d(stem_(images), 3, 2, 1);
    for (auto& layer : layers_) {
      for (auto& block : layer) x = block(x);
      maps.push_back(x);
    }
    return maps;
  }

  void fold() override
  {
    stem_.fold();
    for (auto& layer : layers_)
      for (auto& block : layer) block.fold();
  }

 private:
  class residual_block {
   public:
    residual_block(torch::nn::Module& owner, std::int64_t in, std::int64_t inner,
                   std::int64_t stride, bool bottleneck)
        : out_(bottleneck ? 4 * inner : inner)
    {
      const auto add = [&](std::int64_t from, std::int64_t to, std::int64_t kernel,
                           std::int64_t step, double slope) {
        const std::string number = std::to_string(units_.size() + 1);
        units_.emplace_back(
            owner, "conv" + number, "bn" + number,
            convolution_shape{.in = from, .out = to, .kernel = kernel, .stride = step}, slope);
      };
      if (bottleneck) {
        add(in, inner, 1, 1, activation::relu);
        add(inner, inner, 3, stride, activation::relu);
        add(inner, out_, 1, 1, activation::linear);
      } else {
        add(in, inner, 3, stride, activation::relu);
        add(inner, inner, 3, 1, activation::linear);
      }
      if (stride != 1 || in != out_)
        downsample_.emplace(name_part(owner, "downsample"), "0", "1",
                            convolution_shape{.in = in, .out = out_, .kernel = 1, .stride = stride},
                            activation::linear);
    }

    [[nodiscard]] std::int64_t out() const { return out_; }

    [[nodiscard]] at::Tensor operator()(const at::Tensor& x)
    {
      at::Tensor y = x;
      for (auto& unit : units_) y = unit(y);
      return y.add_(downsample_ ? (*downsample_)(x) : x).relu_();
    }

    void fold()
    {
      for (auto& unit : units_) unit.fold();
      if (downsample_) downsample_->fold();
    }

   private:
    std::int64_t out_;
    std::vector<convolution_unit> units_;
    std::optional<convolution_unit> downsample_;
  };

  convolution_unit stem_;
  std::array<std::vector<residual_block>, 4> layers_;
  std::vector<body_map> maps_;
};

}  // namespace retinue
