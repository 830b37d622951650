// SPDX-License-Identifier: Apache-2.0
// Whoever runs a trained network: LibTorch, by models/runner.hpp, or a runtime with an ONNX file.
//
//   any_runner<schemas::face5> run = runtime_runner<schemas::face5>(network, runtime);
//   network_detector<any_runner<schemas::face5>, Decoding> detect(run, how);
#pragma once

#include <retinue/error.hpp>                  // fail
#include <retinue/landmarks.hpp>              // landmark_schema
#include <retinue/models/network.hpp>         // network_outputs
#include <retinue/models/runner.hpp>          // network_runner
#include <retinue/runtimes/installed.hpp>     // any_runtime
#include <retinue/runtimes/onnx_network.hpp>  // onnx_network

#include <torch/torch.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace retinue {

/// Runs the network of an ONNX file on tensors of the processor.
template <landmark_schema Schema>
class runtime_runner {
 public:
  using schema = Schema;

  /// Throws where the network has other landmarks.
  runtime_runner(onnx_network network, any_runtime runtime)
      : network_(std::move(network)), runtime_(std::move(runtime))
  {
    if (network_.config().landmarks != Schema::count)
      fail(network_.file().string(), ": the network has ", network_.config().landmarks,
           " landmarks, and was asked for ", Schema::count);
  }

  /// What the network says of images (B, 3, H, W), which are padded where the file wants multiples.
  /// Throws where they are of another shape, and where the runtime cannot run on them.
  [[nodiscard]] network_outputs operator()(const at::Tensor& images) const
  {
    if (images.dim() != 4 || images.size(1) != 3 || images.numel() == 0)
      fail(network_.file().string(), " was given images of shape ", c10::str(images.sizes()),
           ": expected (B, 3, H, W)");
    const at::Tensor planes = images.to(at::kCPU, at::kFloat).contiguous();
    const runtime_parts said = network_.run(
        runtime_,
        image_planes{planes.data_ptr<float>(),
                     static_cast<std::size_t>(planes.size(0)),
                     {static_cast<int>(planes.size(2)), static_cast<int>(planes.size(3))}});
    return {tensor_of(said.scores),
            tensor_of(said.boxes),
            tensor_of(said.points),
            tensor_of(said.quality),
            {}};
  }

 private:
  /// A view that holds what it views.
  [[nodiscard]] static tensor_output tensor_of(const part_rows& part)
  {
    if (!part.values) return {};
    const auto extent = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    return tensor_output(at::from_blob(
        const_cast<float*>(part.values.get()),
        {extent(part.images), extent(part.rows), extent(part.columns)},
        [held = part.values](void*) mutable { held.reset(); }, at::kFloat));
  }

  onnx_network network_;
  any_runtime runtime_;
};

/// A runner of whatever kind: one type for all, so that programs are compiled once for a schema.
template <landmark_schema Schema>
class any_runner {
 public:
  using schema = Schema;

  /// Keeps the runner.
  template <network_runner Runner>
    requires(!std::same_as<Runner, any_runner>)
  any_runner(Runner run) : run_(std::move(run))  // NOLINT: it is meant to convert
  {
  }

  /// What the network says of images (B, 3, H, W).
  [[nodiscard]] network_outputs operator()(const at::Tensor& images) const { return run_(images); }

 private:
  std::function<network_outputs(const at::Tensor&)> run_;
};

}  // namespace retinue
