// SPDX-License-Identifier: Apache-2.0
// A trained RetinaFace with its post-processing: from a batch of images to detections. Training's
// evaluation and the programs that deploy a network decode through this one class.
#pragma once

#include <retinue/backend/eigen.hpp>              // the post-processing runs on the host
#include <retinue/detect.hpp>                     // detector, frame
#include <retinue/io/config/detector_config.hpp>  // detector_config
#include <retinue/models/folded.hpp>              // folded
#include <retinue/models/mobilenet_v1.hpp>        // the bodies by name
#include <retinue/models/resnet.hpp>
#include <retinue/models/retinaface.hpp>  // retinaface

#include <torch/torch.h>

#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

/// The network that a configuration describes.
[[nodiscard]] inline retinaface_options network_options(const detector_config& config)
{
  retinaface_options options;
  const double slope = config.body_slope;
  if (config.body == "mobilenet_v1_0.25")
    options.body = [slope] { return std::make_shared<mobilenet_v1>(0.25, slope); };
  else if (config.body == "resnet50")
    options.body = [] { return std::make_shared<resnet>(); };
  else
    fail("the network's body is '", config.body, "', expected mobilenet_v1_0.25 or resnet50");
  options.levels.clear();
  for (const square_level& level : config.anchors.level)
    options.levels.push_back({level.stride, static_cast<std::int64_t>(level.sizes.size())});
  options.channels = config.channels;
  options.classes = static_cast<std::int64_t>(config.classes.size()) + 1;
  options.slope = config.neck_slope;
  return options;
}

template <landmark_schema Schema>
class retinaface_detector {
 public:
  /// Keeps a folded copy of the network.
  retinaface_detector(const retinaface<Schema>& trained, const detector_config& config)
      : network_(trained), find_(finder(config))
  {
  }

  /// What the network says of images (B, 3, H, W), prepared as the configuration's input says.
  [[nodiscard]] predictions predict(const at::Tensor& images) const { return network_(images); }

  /// found[i] are the detections of image i, in pixels of its original picture, best first.
  void find(const predictions& said, std::span<const frame> images,
            std::vector<std::vector<detection<Schema>>>& found)
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
      const prediction<eigen_backend<>, Schema> one{
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
                  std::vector<std::vector<detection<Schema>>>& found)
  {
    find(predict(images), frames, found);
  }

 private:
  template <class Lengths>
  using detector_by = detector<Schema, eigen_backend<>, square_anchors, centre_size_coder,
                               greedy_suppressor<Lengths>>;
  using any_detector = std::variant<detector_by<continuous>, detector_by<inclusive_pixels>>;

  static any_detector finder(const detector_config& config)
  {
    if (config.inclusive_pixels)
      return detector_by<inclusive_pixels>(config.anchors, config.detect, config.coder);
    return detector_by<continuous>(config.anchors, config.detect, config.coder);
  }

  static at::Tensor on_host(const at::Tensor& t)
  {
    return t.detach().to(at::kCPU, at::kFloat).contiguous();
  }

  folded<retinaface<Schema>> network_;
  any_detector find_;
};

}  // namespace retinue
