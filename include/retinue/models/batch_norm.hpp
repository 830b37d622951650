// SPDX-License-Identifier: Apache-2.0
// Batch normalization, the statistics of whose batches several processes can share.
//
//   y = gamma (x - m) / sd + beta     m, sd of each channel, over the batch of all processes
//
//   from each process   n, sum x, sum x^2            in doubles
//   and back            sum g, sum g y0              y0 = (x - m) / sd, g the slope by gamma y0
//   slope by x          (g - mean g - y0 mean(g y0)) / sd
//
// (Ioffe 2015, section 3; the sums over processes as Peng 2018, MegDet, section 3.3.) Alone it is
// LibTorch's own, under the names of LibTorch's own.
#pragma once

#include <retinue/models/process_group.hpp>  // process_group

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace retinue {

namespace detail {

/// (C) as (1, C, 1, 1).
[[nodiscard]] inline at::Tensor by_channel(const at::Tensor& x)
{
  return x.view({1, -1, 1, 1});
}

struct shared_normalization : torch::autograd::Function<shared_normalization> {
  /// x (B, C, H, W) of one process, and what all have summed up: n, mean and 1 / sd (C).
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& mean, const at::Tensor& by_sd, double count,
                            std::int64_t group)
  {
    const at::Tensor normal = (x - by_channel(mean)) * by_channel(by_sd);
    context->save_for_backward({normal, by_sd});
    context->saved_data["count"] = count;
    context->saved_data["group"] = group;
    return normal;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& by_normal)
  {
    const auto saved = context->get_saved_variables();
    const at::Tensor &normal = saved[0], &by_sd = saved[1];
    const at::Tensor& g = by_normal[0];
    const at::Tensor sums = at::stack(
        {g.sum({0, 2, 3}, false, at::kDouble), (g * normal).sum({0, 2, 3}, false, at::kDouble)});
    reinterpret_cast<process_group*>(context->saved_data["group"].toInt())->sum(sums);
    const at::Tensor means = (sums / context->saved_data["count"].toDouble()).to(g.scalar_type());
    const at::Tensor slope =
        (g - by_channel(means[0]) - normal * by_channel(means[1])) * by_channel(by_sd);
    return {slope, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace detail

/// Batch normalization, of the own batch or of those of all processes.
class shared_batch_normImpl
    : public torch::nn::NormImplBase<2, shared_batch_normImpl, torch::nn::BatchNormOptions> {
 public:
  explicit shared_batch_normImpl(std::int64_t channels)
      : NormImplBase(torch::nn::BatchNormOptions(channels))
  {
  }

  /// From now on statistics are of the batches of all processes; null: of the own batch. The group
  /// outlives what is done with this module.
  void share(process_group* with) { group_ = with; }

  /// (B, C, H, W), to the same.
  at::Tensor forward(const at::Tensor& x)
  {
    if (is_training()) num_batches_tracked += 1;
    const double share = *options.momentum();  // of this batch in the running statistics
    if (!group_ || group_->size() == 1 || !is_training())
      return at::batch_norm(x, weight, bias, running_mean, running_var, is_training(), share,
                            options.eps(), at::globalContext().userEnabledCuDNN());
    const at::Tensor values = x.to(weight.scalar_type());
    const std::int64_t channels = values.size(1);
    at::Tensor sums = at::empty({2 * channels + 1}, values.options().dtype(at::kDouble));
    {
      const torch::NoGradGuard no_gradients;
      const auto [variance, mean] = at::var_mean(values, {0, 2, 3}, false);
      const at::Tensor m = mean.to(at::kDouble);
      const auto own = static_cast<double>(values.numel() / channels);
      sums.slice(0, 0, channels).copy_(m * own);
      sums.slice(0, channels, 2 * channels).copy_((variance.to(at::kDouble) + m * m) * own);
      sums[2 * channels].fill_(own);
      group_->sum(sums);
    }
    const auto count = sums[2 * channels].item<double>();
    const at::Tensor mean = sums.slice(0, 0, channels) / count;
    const at::Tensor variance =
        (sums.slice(0, channels, 2 * channels) / count - mean.square()).clamp_min(0);
    {
      const torch::NoGradGuard no_gradients;
      const double unbiased = count / std::max(count - 1, 1.0);
      running_mean.lerp_(mean.to(running_mean.scalar_type()), share);
      running_var.lerp_((variance * unbiased).to(running_var.scalar_type()), share);
    }
    const at::Tensor by_sd = (variance + options.eps()).rsqrt().to(values.scalar_type());
    const at::Tensor normal = detail::shared_normalization::apply(
        values, mean.to(values.scalar_type()), by_sd, count,
        static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(group_)));
    return (normal * detail::by_channel(weight) + detail::by_channel(bias)).to(x.scalar_type());
  }

 protected:
  void _check_input_dim(const at::Tensor&) override {}  // at::batch_norm's

 private:
  process_group* group_ = nullptr;
};
/// The module as a handle, as those of LibTorch are passed around.
TORCH_MODULE(shared_batch_norm);

/// Has all batch normalization in a network share its statistics with these processes.
inline void share_statistics(torch::nn::Module& network, process_group* with)
{
  for (const auto& module : network.modules())
    if (auto* norm = module->as<shared_batch_normImpl>()) norm->share(with);
}

}  // namespace retinue
