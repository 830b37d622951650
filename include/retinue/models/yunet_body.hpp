// SPDX-License-Identifier: Apache-2.0
// The body of YuNet (Wu et al. 2023): units of a 1x1 convolution over channels and a 3x3 of each
// channel alone, in this order, halved by pooling between stages.
//
//   model0   3x3 /2 to 16, unit 16          model3   units 64, 64     stride 8
//   model1   units 16, early                model4   units 64, 64     stride 16
//   model2   units early, 64                model5   units 64, 64     stride 32
//
// Pooling follows models 0, 2, 3 and 4. It rounds up where the public code rounds down: they agree
// on sides that are multiples of 32, to which that pads. Parameters are named as in the public
// checkpoints, behind backbone: model0.conv1.weight, model1.conv2.bn.bias, ...
#pragma once

#include <retinue/models/body.hpp>         // body
#include <retinue/models/convolution.hpp>  // convolution_unit

#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retinue {

/// A 1x1 convolution over channels, then a 3x3 of each channel alone; both have a bias. Behind them
/// stand a normalization and an activation, or nothing.
class yunet_unit {
 public:
  yunet_unit(torch::nn::Module& owner, std::int64_t in, std::int64_t out, bool activated = true,
             double slope = activation::relu)
      : over_(owner, "conv1", "", {.in = in, .out = out, .kernel = 1}, activation::linear),
        each_(owner, "conv2", activated ? "bn" : "",
              {.in = out, .out = out, .groups = out, .bias = true},
              activated ? slope : activation::linear)
  {
  }

  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) { return each_(over_(x)); }
  void fold()
  {
    over_.fold();
    each_.fold();
  }

 private:
  convolution_unit over_, each_;
};

/// The body at the top of this header, its maps of 64 channels at strides 8, 16 and 32.
class yunet_body : public body {
 public:
  /// `early` channels at stride 4: 32 of YuNet-s, 64 of YuNet-n.
  explicit yunet_body(std::int64_t early = 32, double slope = activation::relu)
  {
    torch::nn::Module& first = name_part(*this, "model0");
    stem_.emplace(first, "conv1", "bn1",
                  convolution_shape{.in = 3, .out = 16, .stride = 2, .bias = true}, slope);
    units_[0].emplace_back(name_part(first, "conv2"), 16, 16, true, slope);
    const std::array<std::int64_t, 6> channels{16, early, 64, 64, 64, 64};
    for (std::size_t m = 1; m < units_.size(); ++m) {
      torch::nn::Module& model = name_part(*this, "model" + std::to_string(m));
      const std::int64_t in = channels[m - 1];
      units_[m].emplace_back(name_part(model, "conv1"), in, in, true, slope);
      units_[m].emplace_back(name_part(model, "conv2"), in, channels[m], true, slope);
    }
  }

  [[nodiscard]] std::vector<body_map> maps() const override
  {
    return {{8, 64}, {16, 64}, {32, 64}};
  }

  [[nodiscard]] std::vector<at::Tensor> forward(const at::Tensor& images) override
  {
    std::vector<at::Tensor> maps;
    at::Tensor x = (*stem_)(images);
    for (std::size_t m = 0; m < units_.size(); ++m) {
      for (auto& unit : units_[m]) x = unit(x);
      if (m >= 3) maps.push_back(x);
      if (m == 0 || (m >= 2 && m < 5)) x = at::max_pool2d(x, 2, 2, 0, 1, /*ceil_mode=*/true);
    }
    return maps;
  }

  void fold() override
  {
    stem_->fold();
    for (auto& model : units_)
      for (auto& unit : model) unit.fold();
  }

 private:
  std::optional<convolution_unit> stem_;
  std::array<std::vector<yunet_unit>, 6> units_;
};

}  // namespace retinue
