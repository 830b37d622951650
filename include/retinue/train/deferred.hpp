// SPDX-License-Identifier: Apache-2.0
// An update of which nothing comes to the host: whether it is made, the scale of the loss and the
// numbers of the log are decided on the device, and many updates' numbers are fetched in one copy.
#pragma once

#include <retinue/train/log.hpp>            // log_line
#include <retinue/train/named_tensors.hpp>  // named_tensors
#include <retinue/train/optimizers.hpp>     // detail::norm_of
#include <retinue/train/precision.hpp>      // loss_scale
#include <retinue/train/side_by_side.hpp>   // each_run, gathered_gradients

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// Tensors as they were, to be taken back on the device where it says so.
class kept_tensors {
 public:
  void keep(const std::vector<at::Tensor>& tensors)
  {
    each_run(
        [&](const at::Tensor& t) {
          now_.push_back(t);
          before_.push_back(t.detach().clone());
        },
        tensors);
  }
  void keep(const named_tensors& named)
  {
    std::vector<at::Tensor> tensors;
    for (const auto& [name, tensor] : named) tensors.push_back(tensor);
    keep(tensors);
  }

  /// Leaves the tensors as they are where `go`, one truth value, is true; else as they were.
  void undo_unless(const at::Tensor& go)
  {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < now_.size(); ++i) now_[i].copy_(at::where(go, now_[i], before_[i]));
  }

 private:
  std::vector<at::Tensor> now_, before_;
};

/// A loss_scale on the device, which decides as that does.
class device_loss_scale {
 public:
  device_loss_scale(const loss_scale& from, at::Device device)
      : value_(at::full({}, from.value(), at::TensorOptions(at::kDouble).device(device))),
        good_(at::full({}, from.good_updates(), at::TensorOptions(at::kLong).device(device))),
        patience_(from.patience())
  {
  }

  [[nodiscard]] const at::Tensor& value() const { return value_; }
  [[nodiscard]] const at::Tensor& good_updates() const { return good_; }

  /// After the gradients of an update, of which `finite` says whether all of them were.
  void after(const at::Tensor& finite)
  {
    const torch::NoGradGuard no_gradients;
    const at::Tensor falls = finite.logical_not().logical_and(value_ > 1);
    const at::Tensor none = at::zeros_like(good_),
                     good = at::where(finite, good_ + 1, at::where(falls, none, good_));
    const at::Tensor rises = finite.logical_and(good == patience_);
    value_.copy_(at::where(rises, value_ * 2, at::where(falls, value_ / 2, value_)));
    good_.copy_(at::where(rises, none, good));
  }

 private:
  at::Tensor value_, good_;
  std::int64_t patience_;
};

/// The norm of all gradients together, (), where they are; where it exceeds `most`, they are scaled
/// down to that, there.
[[nodiscard]] inline at::Tensor clip_on_device(const std::vector<at::Tensor>& parameters,
                                               double most, at::Device device)
{
  const torch::NoGradGuard no_gradients;
  const auto gradients = gathered_gradients(parameters);
  const at::Tensor norm = detail::norm_of(gradients);
  if (!norm.defined()) return at::zeros({}, at::TensorOptions(at::kFloat).device(device));
  const at::Tensor factor = at::where(norm > most, most / norm, at::ones_like(norm));
  each_run([&](at::Tensor g) { g.mul_(factor.to(g.scalar_type())); }, gradients);
  return norm;
}

/// The line of an update whose numbers are still on the device.
struct deferred_line {
  log_line line;
  std::string samples;  ///< their names
  at::Tensor numbers;   ///< terms, total, positives, gradient; 1 where the update was made; 1 where
                        ///< that it was not ends the run; of a scale its value and good updates
};

}  // namespace retinue
