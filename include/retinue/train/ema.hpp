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
#include <retinue/weights/state_dict.hpp>   // state_dict

#include <torch/torch.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// The exponential moving average of a network's parameters.
class moving_average {
 public:
  /// Begins with the values of this moment, on their device. `decay` from 0 up to but without 1.
  moving_average(const torch::nn::Module& of, double decay)
      : decay_(decay), values_(detail::named_state(of))
  {
    if (!(decay >= 0 && decay < 1))
      fail("the decay of a moving average is ", decay, ", expected 0 or more, and less than 1");
    for (const auto& [name, tensor] : values_)
      averages_.emplace_back(name, tensor.detach().clone());
  }

  /// After update number `update`, from 0.
  void operator()(std::int64_t update)
  {
    const torch::NoGradGuard no_gradients;
    const auto n = static_cast<double>(update);
    const double d = std::min(decay_, (1 + n) / (10 + n));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      at::Tensor& average = averages_[i].second;
      if (average.is_floating_point())
        average.lerp_(values_[i].second.detach(), 1 - d);
      else
        average.copy_(values_[i].second);
    }
  }

  /// Under the names of the network.
  [[nodiscard]] const named_tensors& state() const { return averages_; }

  /// A copy, as `load` takes it.
  [[nodiscard]] state_dict weights() const
  {
    state_dict all;
    put(averages_, "", all);
    return all;
  }

 private:
  double decay_;
  named_tensors values_, averages_;
};

}  // namespace retinue
