// SPDX-License-Identifier: Apache-2.0
// The RetinaFace that a configuration describes, and its detector.
#pragma once

#include <retinue/config/detector_config.hpp>   // detector_config
#include <retinue/error.hpp>                    // fail
#include <retinue/models/mobilenet_v1.hpp>      // the bodies by name
#include <retinue/models/network_detector.hpp>  // network_detector
#include <retinue/models/resnet.hpp>
#include <retinue/models/retinaface.hpp>    // retinaface
#include <retinue/suppress/any_greedy.hpp>  // any_greedy_suppressor

#include <cstdint>
#include <memory>

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

/// How its outputs become detections, as the configuration says.
[[nodiscard]] inline auto decoding_of(const detector_config& config)
{
  return decoding<square_anchors, centre_size_coder, softmax_labels, any_greedy_suppressor>{
      config.anchors,
      config.coder,
      {},
      config.detect,
      any_greedy_suppressor(config.inclusive_pixels, config.detect.overlap, config.detect.keep)};
}

/// A trained RetinaFace with its post-processing.
template <landmark_schema Schema>
using retinaface_detector =
    network_detector<retinaface<Schema>, decltype(decoding_of(detector_config()))>;

}  // namespace retinue
