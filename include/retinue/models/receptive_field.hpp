// SPDX-License-Identifier: Apache-2.0
// A receptive field block (Liu et al. 2018), as the Ultra-Light detectors have it: three branches
// that see the map at different distances, as eyes do, joined and added to a 1x1 of the map.
//
//   branch0      1x1 to c, 3x3 to 2c,              3x3 dilated by 2          c = in / 8
//   branch1      1x1 to c, 3x3 to 2c,              3x3 dilated by 3
//   branch2      1x1 to c, 3x3 to 3c/2, 3x3 to 2c, 3x3 dilated by 5
//   y            relu(scale ConvLinear(branch0, branch1, branch2) + shortcut(x))
//
// Parameters are named as in the checkpoints: branch0.1.conv.weight, ConvLinear.bn.bias, ...
#pragma once

#include <retinue/models/convolution.hpp>  // convolution_unit

#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// The block at the top of this header; its parameters are its owner's.
class receptive_field_block {
 public:
  /// Its parts belong to `owner`. `in` is a multiple of 16.
  receptive_field_block(torch::nn::Module& owner, std::int64_t in, std::int64_t out,
                        double scale = 1)
      : scale_(scale)
  {
    const std::int64_t c = in / 8;
    struct step {
      std::int64_t out, kernel, dilation;
      double slope;
    };
    constexpr double relu = activation::relu, linear = activation::linear;
    const std::array<std::vector<step>, 3> plan{{
        {{c, 1, 1, linear}, {2 * c, 3, 1, relu}, {2 * c, 3, 2, linear}},
        {{c, 1, 1, linear}, {2 * c, 3, 1, relu}, {2 * c, 3, 3, linear}},
        {{c, 1, 1, linear}, {c / 2 * 3, 3, 1, relu}, {2 * c, 3, 1, relu}, {2 * c, 3, 5, linear}},
    }};
    for (std::size_t b = 0; b < plan.size(); ++b) {
      torch::nn::Module& branch = name_part(owner, "branch" + std::to_string(b));
      std::int64_t from = in;
      for (std::size_t i = 0; i < plan[b].size(); ++i) {
        const step& s = plan[b][i];
        branches_[b].emplace_back(
            name_part(branch, std::to_string(i)), "conv", "bn",
            convolution_shape{.in = from, .out = s.out, .kernel = s.kernel, .dilation = s.dilation},
            s.slope);
        from = s.out;
      }
    }
    for (const auto& [name, from] : {std::pair{"ConvLinear", 6 * c}, {"shortcut", in}})
      joins_.emplace_back(name_part(owner, name), "conv", "bn",
                          convolution_shape{.in = from, .out = out, .kernel = 1}, linear);
  }

  /// (B, in, H, W) to (B, out, H, W), plain.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x)
  {
    std::vector<at::Tensor> seen;
    for (auto& branch : branches_) {
      at::Tensor y = x;
      for (auto& unit : branch) y = unit(y);
      seen.push_back(detail::plain(y));
    }
    return detail::plain(joins_[0](at::cat(seen, 1)))
        .mul(scale_)
        .add_(detail::plain(joins_[1](x)))
        .relu_();
  }

  void fold()
  {
    for (auto& branch : branches_)
      for (auto& unit : branch) unit.fold();
    for (auto& unit : joins_) unit.fold();
  }

 private:
  double scale_;
  std::array<std::vector<convolution_unit>, 3> branches_;
  std::vector<convolution_unit> joins_;  // ConvLinear, shortcut
};

}  // namespace retinue
