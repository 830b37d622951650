// SPDX-License-Identifier: Apache-2.0
// The pyramids of RetinaNet, FCOS and PANet: convolutions with a bias and without normalization, as
// torchvision and MMDetection have them.
//
//   m_i = lateral_i(c_i) + nearest(m_{i+1}, size of c_i)     the coarsest has nothing above it
//   p_i = output_i(m_i)
//   p_n+1 = further(p_n), p_n+2 = further(relu(p_n+1))       3x3 by two
//
// Where a path leads up again (Liu et al. 2018), before the further levels:
//
//   q_1 = p'_1,  q_i+1 = p'_i+1 + down_i(q_i)                p' is output_i(m_i), down a 3x3 by two
//   p_1 = q_1,   p_i+1 = upward_i(q_i+1)
//
// Parameters are named as torchvision's: inner_blocks.0.0, layer_blocks.0.0, extra_blocks.p6; those
// of the path up are downsample_convs.0 and pafpn_convs.0.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/body.hpp>         // body_map
#include <retinue/models/convolution.hpp>  // name_part, plain

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace retinue {

/// A feature pyramid, as at the top of this header.
class pyramid : public torch::nn::Module {
 public:
  /// Of a body's maps, to `channels` each, with `further` coarser levels behind them. Throws where
  /// there is no map.
  pyramid(const std::vector<body_map>& maps, std::int64_t channels, int further = 2,
          bool upward = false)
  {
    if (maps.empty()) fail("a pyramid needs at least one map");
    torch::nn::Module& inner = name_part(*this, "inner_blocks");
    torch::nn::Module& layers = name_part(*this, "layer_blocks");
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const std::string number = std::to_string(i);
      laterals_.push_back(conv(name_part(inner, number), "0", maps[i].channels, channels, 1, 1));
      outputs_.push_back(conv(name_part(layers, number), "0", channels, channels, 3, 1));
    }
    if (upward && maps.size() > 1) {
      torch::nn::Module& down = name_part(*this, "downsample_convs");
      torch::nn::Module& up = name_part(*this, "pafpn_convs");
      for (std::size_t i = 0; i + 1 < maps.size(); ++i) {
        down_.push_back(conv(down, std::to_string(i), channels, channels, 3, 2));
        upward_.push_back(conv(up, std::to_string(i), channels, channels, 3, 1));
      }
    }
    if (further > 0) {
      torch::nn::Module& extra = name_part(*this, "extra_blocks");
      for (int i = 0; i < further; ++i) {
        std::string name = "p";
        name += std::to_string(6 + i);
        further_.push_back(conv(extra, name, channels, channels, 3, 2));
      }
    }
  }

  /// A map for each of the body's, the finest first, then the further ones.
  [[nodiscard]] std::vector<at::Tensor> forward(const std::vector<at::Tensor>& maps)
  {
    std::vector<at::Tensor> levels(laterals_.size());
    for (std::size_t i = levels.size(); i-- > 0;) {
      levels[i] = laterals_[i](detail::plain(maps[i]));
      if (i + 1 < levels.size())
        levels[i] = levels[i] +
                    at::upsample_nearest2d(levels[i + 1], {levels[i].size(2), levels[i].size(3)});
    }
    for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = outputs_[i](levels[i]);
    for (std::size_t i = 0; i < down_.size(); ++i)
      levels[i + 1] = levels[i + 1] + down_[i](levels[i]);
    for (std::size_t i = 0; i < upward_.size(); ++i) levels[i + 1] = upward_[i](levels[i + 1]);
    for (std::size_t i = 0; i < further_.size(); ++i)
      levels.push_back(further_[i](i == 0 ? levels.back() : at::relu(levels.back())));
    return levels;
  }

 private:
  static torch::nn::Conv2d conv(torch::nn::Module& owner, const std::string& name, std::int64_t in,
                                std::int64_t out, std::int64_t kernel, std::int64_t stride)
  {
    auto made = owner.register_module(
        name,
        torch::nn::Conv2d(
            torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding((kernel - 1) / 2)));
    torch::nn::init::kaiming_uniform_(made->weight, 1);
    torch::nn::init::zeros_(made->bias);
    return made;
  }

  std::vector<torch::nn::Conv2d> laterals_, outputs_, down_, upward_, further_;
};

}  // namespace retinue
