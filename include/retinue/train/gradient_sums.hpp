// SPDX-License-Identifier: Apache-2.0
// Gradients added up over processes while the backward pass still runs: as soon as all parameters
// of a bucket have theirs, the bucket is under way.
//
// Buckets are filled with the last parameters first, in about the order in which their gradients
// come (Li 2020, PyTorch Distributed, section 3.2), and leave in that order, whatever came first:
// all processes have to ask for the same sums in the same order.
#pragma once

#include <retinue/models/process_group.hpp>  // process_group

#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace retinue {

/// Adds gradients up over processes, bucket by bucket, while the backward pass runs.
class gradient_sums {
 public:
  /// `bytes` a bucket, about. The parameters and the group outlive it.
  gradient_sums(std::vector<at::Tensor> parameters, process_group& with,
                std::size_t bytes = std::size_t{1} << 20)
      : parameters_(std::move(parameters)), with_(with), bucket_of_(parameters_.size())
  {
    std::size_t room = 0;
    for (std::size_t i = parameters_.size(); i-- > 0;) {
      const std::size_t size = parameters_[i].nbytes();
      const bool other = !buckets_.empty() &&
                         parameters_[i].dtype() != parameters_[buckets_.back().members[0]].dtype();
      if (buckets_.empty() || room + size > bytes || other) {
        buckets_.emplace_back();
        room = 0;
      }
      bucket_of_[i] = buckets_.size() - 1;
      buckets_.back().members.push_back(i);
      room += size;
    }
    for (bucket& b : buckets_) {
      std::int64_t numbers = 0;
      for (const std::size_t i : b.members) numbers += parameters_[i].numel() + 1;
      b.flat = at::empty({numbers}, parameters_[b.members[0]].options().requires_grad(false));
    }
    for (std::size_t i = 0; i < parameters_.size(); ++i) watch(i);
  }
  gradient_sums(const gradient_sums&) = delete;
  gradient_sums& operator=(const gradient_sums&) = delete;
  ~gradient_sums()
  {
    for (const auto& [node, key] : hooks_) node->del_post_hook(key);
  }

  /// Before the backward pass after which the gradients are whole.
  void begin()
  {
    for (bucket& b : buckets_) b.missing = b.members.size();
    next_ = 0;
    under_way_ = true;
  }

  /// After it: every gradient is the sum of all processes'; one that nobody has stays without.
  void finish()
  {
    under_way_ = false;
    const torch::NoGradGuard no_gradients;
    for (; next_ < buckets_.size(); ++next_) send(buckets_[next_]);
    for (bucket& b : buckets_) {
      b.arrived();
      std::int64_t at = 0;
      for (const std::size_t i : b.members) {
        at::Tensor& p = parameters_[i];
        const std::int64_t numbers = p.numel();
        const at::Tensor sum = b.flat.slice(0, at, at + numbers).view(p.sizes());
        if (p.grad().defined())
          at::Tensor(p.grad()).copy_(sum);
        else if (b.flat[at + numbers].item<double>() > 0)
          p.mutable_grad() = sum.clone();
        at += numbers + 1;
      }
    }
  }

 private:
  struct bucket {
    std::vector<std::size_t> members;
    at::Tensor flat;  ///< of each member its gradient, and 1 if it has one
    std::size_t missing = 0;
    std::function<void()> arrived;
  };

  /// Has bucket of parameter i leave when that has its gradient, and all others of the bucket.
  void watch(std::size_t i)
  {
    using torch::autograd::variable_list;
    auto node = torch::autograd::impl::grad_accumulator(parameters_[i]);
    const auto key = node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, i](const variable_list& outputs, const variable_list&) {
          if (under_way_) came(i);
          return outputs;
        }));
    hooks_.emplace_back(std::move(node), key);
  }

  void came(std::size_t i)
  {
    const torch::NoGradGuard no_gradients;
    --buckets_[bucket_of_[i]].missing;
    while (next_ < buckets_.size() && buckets_[next_].missing == 0) send(buckets_[next_++]);
  }

  void send(bucket& b)
  {
    std::int64_t at = 0;
    for (const std::size_t i : b.members) {
      const at::Tensor& p = parameters_[i];
      const std::int64_t numbers = p.numel();
      at::Tensor own = b.flat.slice(0, at, at + numbers);
      if (p.grad().defined())
        own.copy_(p.grad().reshape({-1}));
      else
        own.zero_();
      b.flat[at + numbers].fill_(p.grad().defined() ? 1.0 : 0.0);
      at += numbers + 1;
    }
    b.arrived = with_.begin_sum(b.flat);
  }

  std::vector<at::Tensor> parameters_;
  process_group& with_;
  std::vector<std::size_t> bucket_of_;
  std::vector<bucket> buckets_;
  std::size_t next_ = 0;
  bool under_way_ = false;
  std::vector<std::pair<std::shared_ptr<torch::autograd::Node>, std::uintptr_t>> hooks_;
};

}  // namespace retinue
