// SPDX-License-Identifier: Apache-2.0
// The form in which a trained network is run: in evaluation mode, without gradients; and, where it
// can be folded, with batch normalization folded into the convolutions, activations in place and
// weights packed for the machine.
//
//   const runner run(*net);
//   const network_outputs said = run(images);    // as net->forward(images) in eval mode
#pragma once

#include <retinue/error.hpp>           // fail
#include <retinue/landmarks.hpp>       // landmark_schema
#include <retinue/models/load.hpp>     // copy_state
#include <retinue/models/network.hpp>  // foldable, joined

#include <torch/torch.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace retinue {

/// A copy of a network, of its structure and its values. Throws where none can be made.
template <detection_network Network>
[[nodiscard]] std::shared_ptr<Network> copy_of(const Network& trained)
{
  if constexpr (requires { Network(trained.options()); }) {
    auto copy = std::make_shared<Network>(trained.options());
    copy_state(trained, *copy);
    return copy;
  } else {
    std::shared_ptr<torch::nn::Module> copy;
    try {
      copy = trained.clone();
    } catch (const std::exception&) {
      fail("no copy can be made of ", trained.name(),
           ": give it options() and a constructor from them, or derive it from "
           "torch::nn::Cloneable");
    }
    return std::dynamic_pointer_cast<Network>(copy);
  }
}

/// Who says of images what a network says of them. Its `schema` is the network's.
template <class R>
concept network_runner = requires(const R& run, const at::Tensor& images) {
  requires landmark_schema<typename R::schema>;
  { run(images) } -> std::same_as<network_outputs>;
};

/// Calls from several threads at once are safe, if those of the network's forward are.
template <detection_network Network>
class runner {
 public:
  using schema = typename Network::schema;

  /// Owns a copy, which later changes of the trained network do not reach. Runs on the device and
  /// in the precision of the network's parameters. Throws where no copy can be made of a network.
  explicit runner(const Network& trained) : runner(copy_of(trained)) {}

  /// Takes the network over: it is to be trained no more.
  explicit runner(std::shared_ptr<Network> trained) : network_(std::move(trained))
  {
    network_->eval();
    if constexpr (foldable<Network>) network_->fold();
    // glibc gives back what is freed beyond twice the largest block that it ever mapped, and maps
    // of a network fetched anew at each call, page by page, cost a quarter of its time. A block
    // that is never touched lifts that to 62 MB: enough for MobileNet on a million pixels.
    static_cast<void>(at::empty({31 << 20}, at::kByte));
  }

  /// What `Network::forward` gives in eval mode, to rounding.
  [[nodiscard]] network_outputs operator()(const at::Tensor& images) const
  {
    // Not NoGradGuard: with that, LibTorch 2.6 finds max_pool2d of a packed tensor ambiguous.
    const at::AutoDispatchBelowADInplaceOrView without_gradients;
    if (images.dim() != 4 || !images.is_cpu()) return network_->forward(images);
    const std::int64_t batch = images.size(0), pixels = images.size(2) * images.size(3);
    const std::int64_t at_once =
        std::max<std::int64_t>(1, pixels_at_once / std::max<std::int64_t>(1, pixels));
    if (batch <= at_once) return network_->forward(images);
    std::vector<network_outputs> parts;
    for (std::int64_t i = 0; i < batch; i += at_once)
      parts.push_back(network_->forward(images.slice(0, i, std::min(i + at_once, batch))));
    return joined(parts);
  }

 private:
  /// On a CPU, a batch whose maps do not fit the caches takes longer than its images one by one.
  static constexpr std::int64_t pixels_at_once = 640 * 640;

  std::shared_ptr<Network> network_;
};

}  // namespace retinue
