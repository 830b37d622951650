// SPDX-License-Identifier: Apache-2.0
// The network that a configuration describes, of whatever kind, and its detector.
//
//   with_network(config, [&]<class Network>(std::shared_ptr<Network> network) {
//     load(*network, weights);
//     configured_detector<Network> detect(network, decoding_of(config));
//   });
//
// A kind of yours: include its header here, which has a class derived from network_layers and a
// function layers_of that makes it (models/yunet.hpp is one).
#pragma once

#include <retinue/config/network_config.hpp>    // network_config
#include <retinue/error.hpp>                    // fail
#include <retinue/landmarks.hpp>                // with_schema_of
#include <retinue/models/network.hpp>           // network_layers
#include <retinue/models/network_detector.hpp>  // network_detector
#include <retinue/models/retinaface.hpp>        // the kinds
#include <retinue/models/ssd.hpp>
#include <retinue/models/towers.hpp>
#include <retinue/models/yunet.hpp>
#include <retinue/suppress/any_greedy.hpp>  // any_greedy_suppressor

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

namespace retinue {

/// The network that a configuration describes, of whatever kind, for objects of a schema. Its
/// parameters have the names that the kind gives them.
///
/// Whatever its kind, it is one type: programs are compiled for each schema, not for each kind.
template <landmark_schema Schema>
class configured_network : public torch::nn::Module {
 public:
  using schema = Schema;

  explicit configured_network(network_config config)
      : config_(std::move(config)),
        layers_(std::visit(
            [this](const auto& form) {
              return layers_of(config_, form,
                               static_cast<std::int64_t>(Schema::count * Schema::dimension));
            },
            config_.form))
  {
    for (const auto& part : layers_->named_children()) register_module(part.key(), part.value());
  }

  [[nodiscard]] const network_config& options() const { return config_; }
  [[nodiscard]] const std::shared_ptr<body>& backbone() const { return layers_->backbone(); }
  [[nodiscard]] network_outputs forward(const at::Tensor& images)
  {
    return layers_->forward(images);
  }
  void fold() { layers_->fold(); }

 private:
  network_config config_;
  std::shared_ptr<network_layers> layers_;
};

/// Calls visit(schema) with the schema of its landmarks. Throws where the program is not compiled
/// for their number.
template <class Visit>
void with_landmarks(const network_config& config, Visit&& visit)
{
  if (!with_schema_of(config.landmarks, visit))
    fail("the network has ", config.landmarks, " landmarks; this program is compiled for ",
         counts_of(schemas::shipped{}),
         ": others are given by RETINUE_MORE_SCHEMAS, see docs/data.md");
}

/// Calls visit(network) with a new one that has this schema, a std::shared_ptr. Throws where its
/// parts do not fit together.
template <landmark_schema Schema, class Visit>
void with_network(const network_config& config, Visit&& visit)
{
  visit(std::make_shared<configured_network<Schema>>(config));
}

/// The same with the schema that the configuration says. Throws where `with_landmarks` does, too.
template <class Visit>
void with_network(const network_config& config, Visit&& visit)
{
  with_landmarks(config, [&]<class Schema>(Schema) { with_network<Schema>(config, visit); });
}

/// How its outputs become detections, as the configuration says.
[[nodiscard]] inline auto decoding_of(const network_config& config)
{
  return decoding<any_anchors, any_coder, any_labels, any_greedy_suppressor>{
      config.anchors, config.coder, config.labels, config.detect,
      any_greedy_suppressor(
          config.detect.overlap, config.detect.keep,
          config.inclusive_pixels ? side_length::both_pixels : side_length::between)};
}

/// A trained network of a configuration, or a runner of it, with its post-processing.
template <class Network>
using configured_detector =
    network_detector<Network, decltype(decoding_of(std::declval<const network_config&>()))>;

}  // namespace retinue
