// SPDX-License-Identifier: Apache-2.0
// An update of which nothing comes to the host: whether it is made, the scale of the loss and the
// numbers of the log are decided on the device, and many updates' numbers are fetched in one copy.
#pragma once

#include <retinue/train/log.hpp>            // log_line
#include <retinue/train/named_tensors.hpp>  // named_tensors
#include <retinue/train/precision.hpp>      // loss_scale

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// Tensors as they were, to be taken back on the device where it says so.
class kept_tensors {
 public:
  void keep(const at::Tensor& tensor)
  {
    const torch::NoGradGuard no_gradients;
    now_.push_back(tensor);
    before_.push_back(tensor.detach().clone());
  }
  void keep(const named_tensors& tensors)
  {
    for (const auto& [name, tensor] : tensors) keep(tensor);
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
    good_ = at::where(finite, good_ + 1, at::where(falls, at::zeros_like(good_), good_));
    const at::Tensor rises = finite.logical_and(good_ == patience_);
    value_ = at::where(rises, value_ * 2, at::where(falls, value_ / 2, value_));
    good_ = at::where(rises, at::zeros_like(good_), good_);
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
  std::vector<at::Tensor> norms;
  for (const at::Tensor& p : parameters)
    if (p.grad().defined()) norms.push_back(p.grad().norm().to(at::kFloat));
  if (norms.empty()) return at::zeros({}, at::TensorOptions(at::kFloat).device(device));
  const at::Tensor norm = at::stack(norms).norm();
  const at::Tensor factor = at::where(norm > most, most / norm, at::ones_like(norm));
  for (const at::Tensor& p : parameters)
    if (p.grad().defined()) at::Tensor(p.grad()).mul_(factor.to(p.grad().scalar_type()));
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
