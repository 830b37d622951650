// SPDX-License-Identifier: Apache-2.0
// The form in which a trained network is run: batch normalization folded into the convolutions,
// activations in place, weights packed for the machine, no gradients.
//
//   const folded run(*net);
//   const predictions p = run(images);      // as net->forward(images) in eval mode, to rounding
#pragma once

#include <retinue/models/load.hpp>  // copy_state

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace retinue {

/// A network that can be run folded: it is built from its options, can fold itself, and what it
/// says of two batches can be `joined`.
template <class N>
concept foldable = requires(N& network, const N& constant, const at::Tensor& images) {
  N(constant.options());
  joined(std::vector{network.forward(images)});
  network.fold();
};

/// Owns its weights: it is a copy, which later changes of the trained network do not reach. Calls
/// from several threads at once are safe.
template <foldable Network>
class folded {
 public:
  /// Runs on the device and in the precision of the network's parameters.
  explicit folded(const Network& trained) : network_(std::make_shared<Network>(trained.options()))
  {
    copy_state(trained, *network_);
    network_->eval();
    network_->fold();
    // glibc gives back what is freed beyond twice the largest block that it ever mapped, and maps
    // of a network fetched anew at each call, page by page, cost a quarter of its time. A block
    // that is never touched lifts that to 62 MB: enough for MobileNet on a million pixels.
    static_cast<void>(at::empty({31 << 20}, at::kByte));
  }

  /// What `Network::forward` gives in eval mode, to rounding.
  [[nodiscard]] auto operator()(const at::Tensor& images) const
  {
    // Not NoGradGuard: with that, LibTorch 2.6 finds max_pool2d of a packed tensor ambiguous.
    const at::AutoDispatchBelowADInplaceOrView without_gradients;
    if (images.dim() != 4 || !images.is_cpu()) return network_->forward(images);
    const std::int64_t batch = images.size(0), pixels = images.size(2) * images.size(3);
    const std::int64_t at_once =
        std::max<std::int64_t>(1, pixels_at_once / std::max<std::int64_t>(1, pixels));
    if (batch <= at_once) return network_->forward(images);
    std::vector<decltype(network_->forward(images))> parts;
    for (std::int64_t i = 0; i < batch; i += at_once)
      parts.push_back(network_->forward(images.slice(0, i, std::min(i + at_once, batch))));
    return joined(parts);
  }

  [[nodiscard]] const auto& options() const { return network_->options(); }

 private:
  /// On a CPU, a batch whose maps do not fit the caches takes longer than its images one by one.
  static constexpr std::int64_t pixels_at_once = 640 * 640;

  std::shared_ptr<Network> network_;
};

}  // namespace retinue
