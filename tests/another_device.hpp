// SPDX-License-Identifier: Apache-2.0
// A device whose tensors ATen refuses to mix with those of host memory: CUDA where there is one,
// else LibTorch's lazy tensors, which the processor computes.
#pragma once

#include <torch/csrc/lazy/ts_backend/ts_backend_impl.h>
#include <torch/torch.h>

namespace retinue::test {

inline at::Device another_device()
{
  if (torch::cuda::is_available()) return at::kCUDA;
  [[maybe_unused]] static const bool once = (torch::lazy::InitTorchScriptBackend(), true);
  return {at::kLazy, 0};
}

}  // namespace retinue::test
