// SPDX-License-Identifier: Apache-2.0
// Processes that train one network together, each with a part of every batch: what they ask of one
// another. How it travels is a matter of the class that is derived: train/gloo_group.hpp goes over
// LibTorch's own, a test over the memory that threads share.
#pragma once

#include <ATen/Tensor.h>

#include <functional>

namespace retinue {

/// Every process makes the same calls in the same order; each throws `error` where another process
/// has ended.
class process_group {
 public:
  virtual ~process_group() = default;

  [[nodiscard]] virtual int rank() const = 0;  ///< 0 to size() - 1
  [[nodiscard]] virtual int size() const = 0;  ///< 1 or more

  /// Begins to add a contiguous tensor up over all processes, in place and to the same bits in
  /// each. Until the function that it returns has been called, nobody touches the tensor.
  [[nodiscard]] virtual std::function<void()> begin_sum(const at::Tensor& of) = 0;

  /// The contiguous tensor of process 0 in all, in place.
  virtual void take_first(const at::Tensor& into) = 0;

  /// Adds a contiguous tensor up over all processes, in place, and waits until that is done.
  void sum(const at::Tensor& of) { begin_sum(of)(); }
};

}  // namespace retinue
