// SPDX-License-Identifier: Apache-2.0
// A device whose tensors ATen refuses to mix with those of host memory: CUDA where there is one,
// else LibTorch's lazy tensors, which the processor computes.
#pragma once

#include <ATen/record_function.h>
#include <torch/csrc/lazy/ts_backend/ts_backend_impl.h>
#include <torch/torch.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace retinue::test {

inline at::Device another_device()
{
  if (torch::cuda::is_available()) return at::kCUDA;
  [[maybe_unused]] static const bool once = (torch::lazy::InitTorchScriptBackend(), true);
  return {at::kLazy, 0};
}

/// While it lives, counts the tensors of more than one number that this thread brings from a device
/// to the host by a call of its own. What a device cannot compute, it may bring there itself.
class tensors_that_leave {
 public:
  explicit tensors_that_leave(at::Device device)
  {
    from() = device.type();
    left() = 0;
    calls().clear();
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&enter, &leave)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  tensors_that_leave(const tensors_that_leave&) = delete;
  tensors_that_leave& operator=(const tensors_that_leave&) = delete;
  ~tensors_that_leave() { at::removeCallback(handle_); }

  [[nodiscard]] std::size_t count() const { return left(); }

 private:
  static at::DeviceType& from()
  {
    static at::DeviceType type = at::kCPU;
    return type;
  }
  static std::size_t& left()
  {
    static std::size_t number = 0;
    return number;
  }
  /// Those that are in work, one within the other.
  static std::vector<std::string>& calls()
  {
    static std::vector<std::string> names;
    return names;
  }

  static std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& call)
  {
    calls().push_back(call.name());
    return nullptr;
  }
  static void leave(const at::RecordFunction& call, at::ObserverContext*)
  {
    if (calls().empty()) return;
    const std::string name = calls().back();
    calls().pop_back();
    if (name != "aten::_to_copy") return;
    for (const std::string& around : calls())
      if (around != "aten::to") return;
    const auto inputs = call.inputs();
    const auto& outputs = call.outputs();
    if (inputs.empty() || outputs.empty() || !inputs[0].isTensor() || !outputs[0].isTensor())
      return;
    const at::Tensor given = inputs[0].toTensor(), made = outputs[0].toTensor();
    if (given.device().type() == from() && made.is_cpu() && made.numel() > 1) ++left();
  }

  at::CallbackHandle handle_;
};

}  // namespace retinue::test
