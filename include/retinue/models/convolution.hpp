// SPDX-License-Identifier: Apache-2.0
// A convolution, its batch normalization and its activation: as trained, and as run.
//
//   f(v) = v for v > 0, and slope * v below
//
//   trained   y = f(gamma * (w * x - mean) / sd + beta)          sd = sqrt(var + eps)
//   folded    y = f(w' * x + b')       w' = w * gamma / sd,   b' = beta - mean * gamma / sd
//
// A convolution's own bias, where it has one, is a part of the folded one, too.
//
// Folded on a CPU, the weights are packed for oneDNN, which applies a relu while it writes a map.
// Maps are plain tensors whose channels lie together, cell by cell (channels last): nothing is laid
// out anew between one convolution and the next, and few channels are not padded to a register's.
//
// Without oneDNN, on another device or in another precision the same folded weights go through
// ATen's own convolution.
#pragma once

#include <retinue/models/batch_norm.hpp>  // shared_batch_norm

#include <ATen/core/dispatch/Dispatcher.h>  // oneDNN's convolutions have no function in C++
#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// What a square convolution is made of. The padding keeps the size of the map (but for strides).
struct convolution_shape {
  std::int64_t in, out;     ///< channels
  std::int64_t kernel = 3;  ///< odd
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  std::int64_t dilation = 1;
  bool bias = false;  ///< beside that of the normalization, as some checkpoints have it

  [[nodiscard]] std::int64_t padding() const { return dilation * (kernel - 1) / 2; }
};

namespace activation {
inline constexpr double relu = 0;    ///< slope below zero
inline constexpr double linear = 1;  ///< no activation
}  // namespace activation

namespace detail {

/// x as a plain tensor: a body of a user's may give maps in an opaque layout of oneDNN.
[[nodiscard]] inline at::Tensor plain(const at::Tensor& x)
{
  return x.is_mkldnn() ? x.to_dense() : x;
}

/// f(x), in place where x is no part of a graph.
[[nodiscard]] inline at::Tensor activate(at::Tensor x, double slope)
{
  if (slope == activation::linear) return x;
  if (slope == activation::relu) return torch::relu_(x);
  return torch::leaky_relu_(x, slope);
}

/// An operator of LibTorch that has no function in C++; nothing where this build is without it.
[[nodiscard]] inline std::optional<c10::OperatorHandle> find_operator(const char* name)
{
  if (const auto found = c10::Dispatcher::singleton().findSchema({name, ""})) return *found;
  return std::nullopt;
}

/// A convolution with a bias and an activation, packed for the machine that its weights lie on.
class packed_convolution {
 public:
  /// weight (out, in / groups, k, k), bias (out).
  packed_convolution(at::Tensor weight, at::Tensor bias, std::int64_t stride, std::int64_t groups,
                     double slope, std::int64_t dilation = 1)
      : weight_(weight.contiguous()),
        bias_(bias.contiguous()),
        stride_(stride),
        padding_(dilation * (weight.size(2) - 1) / 2),
        groups_(groups),
        dilation_(dilation),
        slope_(slope)
  {
    if (!weight.is_cpu() || weight.scalar_type() != at::kFloat ||
        !at::globalContext().hasMKLDNN() || !at::globalContext().userEnabledMkldnn())
      return;
    const auto pack = find_operator("mkldnn_prepacked::conv2d_prepack");
    if (!pack || !find_operator(run_packed)) return;
    using integers = std::vector<std::int64_t>;
    // For maps of this side. Those of others have some weights reordered at each call, which takes
    // less than a hundredth of the time of a MobileNet.
    constexpr std::int64_t side = 80;
    torch::jit::Stack stack{weight_.contiguous(at::MemoryFormat::ChannelsLast),
                            bias_,
                            integers{stride_, stride_},
                            integers{padding_, padding_},
                            integers{dilation_, dilation_},
                            groups_,
                            integers{1, weight.size(1) * groups_, side, side},
                            std::string(slope_ == activation::relu ? "relu" : "none")};
    pack->callBoxed(&stack);
    packed_ = stack.at(0);
    weight_ = bias_ = at::Tensor();
  }

  /// (B, in, H, W) to (B, out, ceil(H / stride), ceil(W / stride)). Records no gradients.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const
  {
    const at::Tensor given = plain(x);
    if (packed_.isNone())
      return activate(at::conv2d(given, weight_, bias_, stride_, padding_, dilation_, groups_),
                      slope_);
    static const c10::OperatorHandle run = *find_operator(run_packed);
    torch::jit::Stack stack{given.contiguous(at::MemoryFormat::ChannelsLast), packed_};
    run.callBoxed(&stack);
    at::Tensor y = stack.at(0).toTensor();
    return slope_ == activation::relu ? y : activate(std::move(y), slope_);
  }

 private:
  static constexpr const char* run_packed = "mkldnn_prepacked::conv2d_run";

  at::Tensor weight_, bias_;  // none where they are packed
  c10::IValue packed_;        // weights and bias, in oneDNN's own layout
  std::int64_t stride_, padding_, groups_, dilation_;
  double slope_;
};

}  // namespace detail

/// A convolution, then batch normalization, then an activation. The parts belong to `owner`, under
/// names of its choice: this is how the names of a checkpoint come about. A unit whose
/// normalization has no name is without it, and has a bias.
class convolution_unit {
 public:
  convolution_unit(torch::nn::Module& owner, const std::string& convolution_name,
                   const std::string& norm_name, const convolution_shape& shape, double slope)
      : shape_(shape),
        slope_(slope),
        convolution_(owner.register_module(
            convolution_name,
            torch::nn::Conv2d(torch::nn::Conv2dOptions(shape.in, shape.out, shape.kernel)
                                  .stride(shape.stride)
                                  .padding(shape.padding())
                                  .groups(shape.groups)
                                  .dilation(shape.dilation)
                                  .bias(shape.bias || norm_name.empty()))))
  {
    if (!norm_name.empty()) norm_ = owner.register_module(norm_name, shared_batch_norm(shape.out));
  }

  /// (B, in, H, W) to (B, out, ceil(H / stride), ceil(W / stride)).
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x)
  {
    if (packed_) return (*packed_)(x);
    at::Tensor y = convolution_(x);
    return detail::activate(norm_ ? norm_(y) : std::move(y), slope_);
  }

  /// From now on the folded form runs, with the weights and statistics of this moment. The parts
  /// that were trained are let go.
  void fold()
  {
    if (packed_) return;
    const torch::NoGradGuard inference;
    at::Tensor weight = convolution_->weight, bias = convolution_->bias;
    if (norm_) {
      const at::Tensor scale =
          norm_->weight / torch::sqrt(norm_->running_var + norm_->options.eps());
      weight = weight * scale.reshape({-1, 1, 1, 1});
      bias = norm_->bias +
             (bias.defined() ? bias - norm_->running_mean : -norm_->running_mean) * scale;
    }
    packed_.emplace(weight, bias, shape_.stride, shape_.groups, slope_, shape_.dilation);
    convolution_ = nullptr;
    norm_ = nullptr;
  }

  /// As it is trained; null once it is folded.
  [[nodiscard]] torch::nn::Conv2d& convolution() { return convolution_; }

 private:
  convolution_shape shape_;
  double slope_;
  torch::nn::Conv2d convolution_{nullptr};
  shared_batch_norm norm_{nullptr};
  std::optional<detail::packed_convolution> packed_;
};

/// A child of `owner` that only carries a part of a parameter's name.
[[nodiscard]] inline torch::nn::Module& name_part(torch::nn::Module& owner, const std::string& name)
{
  return *owner.register_module(name, std::make_shared<torch::nn::Module>());
}

/// Adds a separable block (Howard et al. 2017): a 3x3 convolution of each channel alone, then a 1x1
/// convolution over them. In `block` they are named 0, 1 and 3, 4, the activation counted.
inline void add_separable(std::vector<convolution_unit>& to, torch::nn::Module& block,
                          std::int64_t in, std::int64_t out, std::int64_t stride, double slope)
{
  to.emplace_back(block, "0", "1",
                  convolution_shape{.in = in, .out = in, .stride = stride, .groups = in}, slope);
  to.emplace_back(block, "3", "4", convolution_shape{.in = in, .out = out, .kernel = 1}, slope);
}

}  // namespace retinue
