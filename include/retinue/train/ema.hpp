// SPDX-License-Identifier: Apache-2.0
// The exponential moving average of a network: steadier than its last weights, and mostly better.
//
//   average <- average + (1 - d) (value - average)
//   d = min(decay, (1 + update) / (10 + update))
//
// The rise of d lets the first updates, far from where training leads, be forgotten. Running
// statistics are averaged like weights; counters are copied.
#pragma once

#include <retinue/error.hpp>                // fail
#include <retinue/models/load.hpp>          // named_state
#include <retinue/train/named_tensors.hpp>  // named_tensors, put
#include <retinue/train/side_by_side.hpp>   // lay_side_by_side, each_run
#include <retinue/weights/state_dict.hpp>   // state_dict

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace retinue {

/// The exponential moving average of a network's parameters.
class moving_average {
 public:
  /// Begins with the values of this moment, on their device. `decay` from 0 up to but without 1.
  /// Throws where it is not.
  moving_average(const torch::nn::Module& of, double decay) : decay_(decay)
  {
    if (!(decay >= 0 && decay < 1))
      fail("the decay of a moving average is ", decay, ", expected 0 or more, and less than 1");
    auto state = detail::named_state(of);
    // Counters come last, or they would part what lies side by side.
    std::ranges::stable_partition(state, &at::Tensor::is_floating_point,
                                  &named_tensors::value_type::second);
    for (const auto& [name, tensor] : state) {
      values_.push_back(tensor);
      averages_.push_back(tensor.detach().clone());
      state_.emplace_back(name, averages_.back());
    }
    lay_side_by_side(averages_);
  }

  /// After update number `update`, from 0.
  void operator()(std::int64_t update)
  {
    const at::Device device = values_.empty() ? at::Device(at::kCPU) : values_[0].device();
    (*this)(
        at::full({}, static_cast<double>(update), at::TensorOptions(at::kDouble).device(device)));
  }
  /// The same of a number where the network is: (), float64.
  void operator()(const at::Tensor& update)
  {
    const torch::NoGradGuard no_gradients;
    const at::Tensor d = at::minimum((1 + update) / (10 + update), at::full_like(update, decay_)),
                     share = 1 - d;
    each_run(
        [&](at::Tensor average, const at::Tensor& value) {
          if (average.is_floating_point())
            average.lerp_(value, share.to(average.scalar_type()));
          else
            average.copy_(value);
        },
        averages_, values_);
  }

  /// Under the names of the network, counters last.
  [[nodiscard]] const named_tensors& state() const { return state_; }

  /// A copy, as `load` takes it.
  [[nodiscard]] state_dict weights() const
  {
    state_dict all;
    put(state_, "", all);
    return all;
  }

 private:
  double decay_;
  std::vector<at::Tensor> values_, averages_;
  named_tensors state_;
};

}  // namespace retinue
