// SPDX-License-Identifier: Apache-2.0
// The 1x1 convolutions that say something of each anchor. P is the number of anchors, the sum over
// levels of height * width * anchors.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {

/// Channels (B, anchors * width, H, W) to rows (B, H * W * anchors, width).
[[nodiscard]] inline at::Tensor rows_of(const at::Tensor& map, std::int64_t width)
{
  return map.permute({0, 2, 3, 1}).reshape({map.size(0), -1, width});
}

/// The bias of logits whose sigmoids say so at first; where `prior` is 0 it stays as it is.
inline void say_first(double prior, at::Tensor bias)
{
  if (prior > 0) torch::nn::init::constant_(std::move(bias), std::log(prior / (1 - prior)));
}

}  // namespace detail

/// One kind of prediction: for each level, a 1x1 convolution to `width` numbers an anchor. Its
/// parameters are named 0.conv1x1.weight, ..., from the finest level.
class head : public torch::nn::Module {
 public:
  /// `anchors` of a cell of each level.
  head(const std::vector<std::int64_t>& anchors, std::int64_t channels, std::int64_t width)
      : width_(width)
  {
    for (std::size_t i = 0; i < anchors.size(); ++i) {
      auto level = std::make_shared<torch::nn::Module>();
      convolutions_.push_back(level->register_module(
          "conv1x1", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, anchors[i] * width, 1))));
      register_module(std::to_string(i), std::move(level));
    }
  }

  /// The rows (B, H * W * anchors, width) of one level's map (B, channels, H, W).
  [[nodiscard]] at::Tensor forward(std::size_t level, const at::Tensor& map)
  {
    return detail::rows_of(convolutions_[level](map), width_);
  }

  [[nodiscard]] const torch::nn::Conv2dImpl& convolution(std::size_t level) const
  {
    return *convolutions_[level];
  }

 private:
  std::int64_t width_;
  std::vector<torch::nn::Conv2d> convolutions_;
};

}  // namespace retinue
