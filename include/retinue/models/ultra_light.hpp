// SPDX-License-Identifier: Apache-2.0
// The bodies of the Ultra-Light-Fast-Generic face detectors: thirteen blocks, a small MobileNet in
// which the eighth may be a receptive field block.
//
//   0        3x3 /2 to 16           8 ... 10   separable 128 /2, 128, 128
//   1 ... 6  separable 32, 32 /2,   11, 12     separable 256 /2, 256
//            32, 64 /2, 64, 64
//   7        separable 64, or a receptive field block
//
// Maps are those of 7, 10 and 12: strides 8, 16 and 32. Blocks are named by their numbers, as in
// the checkpoints behind base_net.
#pragma once

#include <retinue/models/body.hpp>             // body
#include <retinue/models/convolution.hpp>      // convolution_unit, add_separable
#include <retinue/models/receptive_field.hpp>  // receptive_field_block

#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retinue {

/// The body at the top of this header.
class ultra_light : public body {
 public:
  /// `slope` is that of the activations below zero; the public weights are of ReLU nets (0).
  explicit ultra_light(bool receptive_fields, double slope = activation::relu)
  {
    struct step {
      std::int64_t channels, stride;
    };
    constexpr std::array<step, 12> plan{{{32, 1},
                                         {32, 2},
                                         {32, 1},
                                         {64, 2},
                                         {64, 1},
                                         {64, 1},
                                         {64, 1},
                                         {128, 2},
                                         {128, 1},
                                         {128, 1},
                                         {256, 2},
                                         {256, 1}}};
    std::int64_t in = 16;
    blocks_[0].emplace_back(name_part(*this, "0"), "0", "1",
                            convolution_shape{.in = 3, .out = in, .stride = 2}, slope);
    for (std::size_t i = 0; i < plan.size(); ++i) {
      const std::size_t number = i + 1;
      const auto [out, stride] = plan[i];
      torch::nn::Module& block = name_part(*this, std::to_string(number));
      if (number == wide && receptive_fields)
        fields_.emplace(block, in, out);
      else
        add_separable(blocks_[number], block, in, out, stride, slope);
      in = out;
    }
  }

  [[nodiscard]] std::vector<body_map> maps() const override
  {
    return {{8, 64}, {16, 128}, {32, 256}};
  }

  [[nodiscard]] std::vector<at::Tensor> forward(const at::Tensor& images) override
  {
    std::vector<at::Tensor> maps;
    at::Tensor x = images;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      for (auto& unit : blocks_[b]) x = unit(x);
      if (b == wide && fields_) x = (*fields_)(x);
      if (b == wide || b == 10 || b == 12) maps.push_back(x);
    }
    return maps;
  }

  void fold() override
  {
    for (auto& block : blocks_)
      for (auto& unit : block) unit.fold();
    if (fields_) fields_->fold();
  }

 private:
  static constexpr std::size_t wide = 7;

  std::array<std::vector<convolution_unit>, 13> blocks_;
  std::optional<receptive_field_block> fields_;  // in place of block `wide`
};

}  // namespace retinue
