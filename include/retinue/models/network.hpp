// SPDX-License-Identifier: Apache-2.0
// The contract of a network: what the trainer, the detector and the programs ask of one.
//
//   struct mine : torch::nn::Module {
//     using schema = schemas::none;                              // what it finds: plain boxes
//     network_outputs forward(const at::Tensor& images);         // (B, 3, H, W)
//   };
//
// What it can do besides is found out by its functions:
//   options(), and a constructor from them    a copy of it can be made
//   fold()                                    it has a form that runs faster and learns no more
//   backbone()                                a part that may begin with weights of its own, and
//                                             be frozen
#pragma once

#include <retinue/backend/libtorch.hpp>  // libtorch_backend
#include <retinue/landmarks.hpp>         // landmark_schema
#include <retinue/models/body.hpp>       // body
#include <retinue/outputs.hpp>           // outputs

#include <torch/torch.h>

#include <concepts>
#include <memory>
#include <vector>

namespace retinue {

/// What a detection network says of B images. Rows are anchors in one order everywhere: level, row,
/// column, anchor of the cell.
using network_outputs = outputs<libtorch_backend>;

/// A network of yours is a torch::nn::Module with a `schema` and a forward(images) that returns
/// network_outputs.
template <class N>
concept detection_network =
    std::derived_from<N, torch::nn::Module> && landmark_schema<typename N::schema> &&
    requires(N& network, const at::Tensor& images) {
      { network.forward(images) } -> std::same_as<network_outputs>;
    };

/// A network, however many landmarks it finds: derive from it, and a configuration can name yours.
class network_layers : public torch::nn::Module {
 public:
  /// Images (B, 3, H, W), floating point.
  [[nodiscard]] virtual network_outputs forward(const at::Tensor& images) = 0;
  /// Goes over to the folded form for good; `runner` makes one and leaves the network as it is.
  virtual void fold() = 0;
  [[nodiscard]] virtual const std::shared_ptr<body>& backbone() const = 0;
};

/// One of which a copy can be made that is then folded.
template <class N>
concept foldable = detection_network<N> && requires(N& network, const N& constant) {
  N(constant.options());
  network.fold();
};

/// One with a part that may begin with weights of its own, and be frozen.
template <class N>
concept has_backbone = requires(const N& network) {
  { network.backbone()->parameters() };
};

/// The outputs of several batches of images of one size as those of one batch, in their order;
/// there is at least one.
[[nodiscard]] inline network_outputs joined(const std::vector<network_outputs>& parts)
{
  const auto join = [&](tensor_output network_outputs::* part) {
    std::vector<at::Tensor> all;
    for (const network_outputs& each : parts)
      if ((each.*part).values.defined()) all.push_back((each.*part).values);
    return all.empty() ? tensor_output() : tensor_output(at::cat(all));
  };
  return {join(&network_outputs::scores), join(&network_outputs::boxes),
          join(&network_outputs::points), join(&network_outputs::quality), parts.front().maps};
}

}  // namespace retinue
