// SPDX-License-Identifier: Apache-2.0
// What a network says of its anchors, and the 1x1 convolutions that say it.
//
// Rows are anchors in one order everywhere: level, row, column, anchor of the cell. P is their
// number, the sum over levels of height * width * anchors.
#pragma once

#include <retinue/geometry.hpp>  // extent2

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// What a detection network says of B images, C classes (0 is the background), K landmarks.
struct predictions {
  at::Tensor offsets;         ///< (B, P, 4)
  at::Tensor logits;          ///< (B, P, C)
  at::Tensor landmarks;       ///< (B, P, dimension * K): offsets too; P rows of width 0 for K = 0
  std::vector<extent2> maps;  ///< the size of each level's map: what anchors are laid out from

  /// Probabilities (B, P, C): the softmax of the logits.
  [[nodiscard]] at::Tensor scores() const
  {
    if (logits.size(-1) != 2) return logits.softmax(-1);
    const at::Tensor d = logits.select(-1, 1) - logits.select(-1, 0);
    return at::sigmoid(at::stack({-d, d}, -1));  // the same, nine times as fast
  }
};

/// The predictions of several batches of images of one size as those of one batch, in their order.
[[nodiscard]] inline predictions joined(const std::vector<predictions>& parts)
{
  std::vector<at::Tensor> offsets, logits, landmarks;
  for (const auto& part : parts) {
    offsets.push_back(part.offsets);
    logits.push_back(part.logits);
    landmarks.push_back(part.landmarks);
  }
  return {at::cat(offsets), at::cat(logits), at::cat(landmarks), parts.front().maps};
}

namespace detail {

/// Channels (B, anchors * width, H, W) to rows (B, H * W * anchors, width).
[[nodiscard]] inline at::Tensor rows_of(const at::Tensor& map, std::int64_t width)
{
  return map.permute({0, 2, 3, 1}).reshape({map.size(0), -1, width});
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

  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] const torch::nn::Conv2dImpl& convolution(std::size_t level) const
  {
    return *convolutions_[level];
  }

 private:
  std::int64_t width_;
  std::vector<torch::nn::Conv2d> convolutions_;
};

}  // namespace retinue
