// SPDX-License-Identifier: Apache-2.0
// ResNet with bottlenecks (He et al. 2015), the stride in the 3x3 convolution, as torchvision has
// it: ResNet-50 is {3, 4, 6, 3}. Its maps have strides 4, 8, 16, 32 and 256 to 2048 channels.
//
//   bottleneck   y = relu(x' + conv3(conv2(conv1(x))))     1x1 to c, 3x3 with the stride, 1x1 to 4c
//                x' = x, or downsample(x) where its size or its channels differ
//
// Parameters are named as in torchvision's checkpoints: conv1.weight, layer1.0.downsample.1.bias...
#pragma once

#include <retinue/models/body.hpp>         // body
#include <retinue/models/convolution.hpp>  // convolution_unit

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retinue {

/// ResNet of bottlenecks (He 2016), its maps of stride 4 to 32, with torchvision's names.
class resnet : public body {
 public:
  /// Bottlenecks in each of the four layers.
  explicit resnet(const std::array<int, 4>& depths = {3, 4, 6, 3})
      : stem_(*this, "conv1", "bn1", {.in = 3, .out = 64, .kernel = 7, .stride = 2},
              activation::relu)
  {
    std::int64_t in = 64;
    for (std::size_t l = 0; l < depths.size(); ++l) {
      torch::nn::Module& layer = name_part(*this, "layer" + std::to_string(l + 1));
      const std::int64_t inner = std::int64_t(64) << l;
      for (int b = 0; b < depths[l]; ++b) {
        layers_[l].emplace_back(name_part(layer, std::to_string(b)), in, inner,
                                b == 0 && l > 0 ? 2 : 1);
        in = 4 * inner;
      }
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
  class bottleneck {
   public:
    bottleneck(torch::nn::Module& owner, std::int64_t in, std::int64_t inner, std::int64_t stride)
        : reduce_(owner, "conv1", "bn1", {.in = in, .out = inner, .kernel = 1}, activation::relu),
          mix_(owner, "conv2", "bn2", {.in = inner, .out = inner, .stride = stride},
               activation::relu),
          expand_(owner, "conv3", "bn3", {.in = inner, .out = 4 * inner, .kernel = 1},
                  activation::linear)
    {
      if (stride != 1 || in != 4 * inner)
        downsample_.emplace(
            name_part(owner, "downsample"), "0", "1",
            convolution_shape{.in = in, .out = 4 * inner, .kernel = 1, .stride = stride},
            activation::linear);
    }

    [[nodiscard]] at::Tensor operator()(const at::Tensor& x)
    {
      at::Tensor y = expand_(mix_(reduce_(x)));
      return y.add_(downsample_ ? (*downsample_)(x) : x).relu_();
    }

    void fold()
    {
      for (auto* unit : {&reduce_, &mix_, &expand_}) unit->fold();
      if (downsample_) downsample_->fold();
    }

   private:
    convolution_unit reduce_, mix_, expand_;
    std::optional<convolution_unit> downsample_;
  };

  convolution_unit stem_;
  std::array<std::vector<bottleneck>, 4> layers_;
  std::vector<body_map> maps_;
};

}  // namespace retinue
