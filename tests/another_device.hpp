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
  /// One that is in work, and whether its first input lies on the device: newer versions show
  /// inputs at the beginning alone.
  struct call_in_work {
    std::string name;
    bool from_device;
  };
  /// One within the other.
  static std::vector<call_in_work>& calls()
  {
    static std::vector<call_in_work> all;
    return all;
  }

  static std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& call)
  {
    const auto inputs = call.inputs();
    calls().push_back({call.name(), !inputs.empty() && inputs[0].isTensor() &&
                                        inputs[0].toTensor().defined() &&
                                        inputs[0].toTensor().device().type() == from()});
    return nullptr;
  }
  static void leave(const at::RecordFunction& call, at::ObserverContext*)
  {
    if (calls().empty()) return;
    const call_in_work done = calls().back();
    calls().pop_back();
    if (done.name != "aten::_to_copy" || !done.from_device) return;
    for (const call_in_work& around : calls())
      if (around.name != "aten::to") return;
    const auto& outputs = call.outputs();
    if (outputs.empty() || !outputs[0].isTensor()) return;
    const at::Tensor made = outputs[0].toTensor();
    if (made.is_cpu() && made.numel() > 1) ++left();
  }

  at::CallbackHandle handle_;
};

}  // namespace retinue::test
