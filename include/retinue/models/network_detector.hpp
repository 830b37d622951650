// SPDX-License-Identifier: Apache-2.0
// A trained network with its post-processing: from a batch of images to detections. Training's
// evaluation and the programs that deploy a network decode through this one class.
#pragma once

#include <retinue/backend/eigen.hpp>  // the post-processing runs on the host
#include <retinue/detect.hpp>         // detector, frame
#include <retinue/error.hpp>          // fail
#include <retinue/models/folded.hpp>  // folded
#include <retinue/models/heads.hpp>   // predictions

#include <torch/torch.h>

#include <concepts>
#include <cstddef>
#include <span>
#include <variant>
#include <vector>

namespace retinue {

/// What a configuration says of decoding; the rest is its network's.
template <class C, class Anchors>
concept decoding_config = requires(const C& c) {
  { c.anchors } -> std::convertible_to<Anchors>;
  { c.coder } -> std::convertible_to<centre_size_coder>;
  { c.detect } -> std::convertible_to<detect_options>;
  { c.inclusive_pixels } -> std::convertible_to<bool>;
};

/// Network is retinaface<Schema>, ssd, or one of yours that has a `schema` and gives predictions.
template <foldable Network, anchor_source Anchors>
class network_detector {
 public:
  using schema = typename Network::schema;
  using detections = std::vector<detection<schema>>;

  /// Keeps a folded copy of the network.
  template <decoding_config<Anchors> Config>
  network_detector(const Network& trained, const Config& config)
      : network_(trained), find_(finder(config))
  {
  }

  /// What the network says of images (B, 3, H, W), prepared as the configuration's input says.
  [[nodiscard]] predictions predict(const at::Tensor& images) const { return network_(images); }

  /// found[i] are the detections of image i, in pixels of its original picture, best first.
  void find(const predictions& said, std::span<const frame> images, std::vector<detections>& found)
  {
    const at::Tensor scores = on_host(said.scores());
    const at::Tensor boxes = on_host(said.offsets), points = on_host(said.landmarks);
    const auto batch = static_cast<std::size_t>(scores.size(0));
    const auto rows = static_cast<std::size_t>(scores.size(1));
    const auto classes = static_cast<std::size_t>(scores.size(2));
    if (batch != images.size())
      fail("predictions of ", batch, " images came with ", images.size(), " frames");
    found.resize(batch);
    for (std::size_t i = 0; i < batch; ++i) {
      const auto of = [&](const at::Tensor& t) {
        return t.data_ptr<float>() + i * rows * static_cast<std::size_t>(t.size(2));
      };
      const prediction<eigen_backend, schema> one{
          {of(scores), rows, classes}, {of(boxes), rows}, {of(points), rows}};
      std::visit(
          [&](auto& detect) {
            const auto all = detect(one, images[i], said.maps);
            found[i].assign(all.begin(), all.end());
          },
          find_);
    }
  }

  void operator()(const at::Tensor& images, std::span<const frame> frames,
                  std::vector<detections>& found)
  {
    find(predict(images), frames, found);
  }

 private:
  template <class Lengths>
  using detector_by =
      detector<schema, eigen_backend, Anchors, centre_size_coder, greedy_suppressor<Lengths>>;
  using any_detector = std::variant<detector_by<continuous>, detector_by<inclusive_pixels>>;

  template <class Config>
  static any_detector finder(const Config& config)
  {
    if (config.inclusive_pixels)
      return detector_by<inclusive_pixels>(config.anchors, config.detect, config.coder);
    return detector_by<continuous>(config.anchors, config.detect, config.coder);
  }

  static at::Tensor on_host(const at::Tensor& t)
  {
    return t.detach().to(at::kCPU, at::kFloat).contiguous();
  }

  folded<Network> network_;
  any_detector find_;
};

}  // namespace retinue
