// SPDX-License-Identifier: Apache-2.0
// A feature pyramid (Lin et al. 2016) of any number of levels, numbered from 1, the finest.
//
//   p_n = output_n(c_n)                                           the coarsest
//   p_i = merge_i(output_i(c_i) + nearest(p_{i+1}, size of c_i))  the finer ones, downwards
//
// output is 1x1, merge is 3x3; both with batch normalization and an activation. Upsampling goes to
// the finer map's real size, so that images need not be multiples of the strides.
#pragma once

#include <retinue/models/body.hpp>         // body_map
#include <retinue/models/convolution.hpp>  // convolution_unit

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

namespace retinue {

/// The pyramid of a RetinaFace (Lin 2017): each map is merged with the coarser one, enlarged.
class fpn : public torch::nn::Module {
 public:
  /// Reduces the maps of a body to `channels` each. `bias`: of the convolutions, besides.
  fpn(const std::vector<body_map>& maps, std::int64_t channels, double slope, bool bias = false)
  {
    for (std::size_t i = 0; i < maps.size(); ++i)
      outputs_.emplace_back(
          name_part(*this, "output" + std::to_string(i + 1)), "0", "1",
          convolution_shape{.in = maps[i].channels, .out = channels, .kernel = 1, .bias = bias},
          slope);
    for (std::size_t i = 0; i + 1 < maps.size(); ++i)
      merges_.emplace_back(name_part(*this, "merge" + std::to_string(i + 1)), "0", "1",
                           convolution_shape{.in = channels, .out = channels, .bias = bias}, slope);
  }

  /// One map per level, (B, channels, H_i, W_i) from (B, C_i, H_i, W_i).
  [[nodiscard]] std::vector<at::Tensor> forward(const std::vector<at::Tensor>& maps)
  {
    std::vector<at::Tensor> levels;
    for (std::size_t i = 0; i < outputs_.size(); ++i) levels.push_back(outputs_[i](maps[i]));
    for (std::size_t i = merges_.size(); i-- > 0;) {
      const at::Tensor fine = detail::plain(levels[i]);
      at::Tensor coarse =
          at::upsample_nearest2d(detail::plain(levels[i + 1]), {fine.size(2), fine.size(3)});
      levels[i] = merges_[i](coarse.add_(fine));
    }
    return levels;
  }

  void fold()
  {
    for (auto& unit : outputs_) unit.fold();
    for (auto& unit : merges_) unit.fold();
  }

 private:
  std::vector<convolution_unit> outputs_, merges_;
};

}  // namespace retinue
