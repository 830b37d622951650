// SPDX-License-Identifier: Apache-2.0
// A recorder whose notes are a CUDA graph. Offered where LibTorch was built with CUDA.
#pragma once

#include <retinue/backend/libtorch_team.hpp>  // RETINUE_HAS_TORCH_CUDA
#include <retinue/train/step_recorder.hpp>    // step_recorder

#if RETINUE_HAS_TORCH_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <functional>
#include <optional>

namespace retinue {

/// Notes what a CUDA device does, in a graph with memory of its own.
class cuda_graph_recorder : public step_recorder {
 public:
  /// Without a number: of the device that is current.
  explicit cuda_graph_recorder(at::Device on = at::kCUDA) : on_(on) {}

  [[nodiscard]] bool serves(at::Device device) const override
  {
    return device.is_cuda() && device.index() == on_.index();
  }

  void record(const std::function<void()>& step) override
  {
    const c10::cuda::CUDAGuard device(on_);
    graph_.reset();  // before its memory is asked for anew
    graph_.emplace();
    const auto learns = c10::cuda::getCurrentCUDAStream();
    const auto beside = c10::cuda::getStreamFromPool();  // the default stream cannot be noted
    at::cuda::CUDAEvent before;
    before.record(learns);
    before.block(beside);
    const c10::cuda::CUDAStreamGuard now(beside);
    // Threads that load may ask CUDA for what they like meanwhile.
    graph_->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      step();
    } catch (...) {
      graph_->capture_end();
      throw;
    }
    graph_->capture_end();
  }

  void play() override
  {
    const c10::cuda::CUDAGuard device(on_);
    graph_->replay();
  }

 private:
  at::Device on_;
  std::optional<at::cuda::CUDAGraph> graph_;
};

}  // namespace retinue
#endif
