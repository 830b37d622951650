// SPDX-License-Identifier: Apache-2.0
// The SSD that a configuration describes, and its detector.
#pragma once

#include <retinue/config/ssd_config.hpp>        // ssd_config
#include <retinue/error.hpp>                    // fail
#include <retinue/models/mobilenet_v1.hpp>      // the bodies by name
#include <retinue/models/network_detector.hpp>  // network_detector
#include <retinue/models/ssd.hpp>               // ssd
#include <retinue/models/vgg16.hpp>
#include <retinue/suppress/any_greedy.hpp>  // any_greedy_suppressor

#include <cstdint>
#include <memory>

namespace retinue {

/// The network that a configuration describes.
[[nodiscard]] inline ssd_options network_options(const ssd_config& config)
{
  ssd_options options;
  if (config.body == "mobilenet_v1_0.25") {
    options.body = [] { return std::make_shared<mobilenet_v1>(); };
    options.body_name = "body";
    options.unit_length = false;
  } else if (config.body != "vgg16") {
    fail("the network's body is '", config.body, "', expected vgg16 or mobilenet_v1_0.25");
  }
  options.extras = config.extras;
  options.anchors = config.anchors;
  options.classes = static_cast<std::int64_t>(config.classes.size()) + 1;
  return options;
}

/// How its outputs become detections, as the configuration says.
[[nodiscard]] inline auto decoding_of(const ssd_config& config)
{
  return decoding<default_boxes, centre_size_coder, softmax_labels, any_greedy_suppressor>{
      config.anchors,
      config.coder,
      {},
      config.detect,
      any_greedy_suppressor(config.inclusive_pixels, config.detect.overlap, config.detect.keep)};
}

/// A trained SSD with its post-processing.
using ssd_detector = network_detector<ssd, decltype(decoding_of(ssd_config()))>;

/// How a picture becomes the input: stretched to a square of the configuration's long side.
[[nodiscard]] inline frame stretched(extent2 original, int side)
{
  return {{side, side}, original, double(side) / original.width, double(side) / original.height};
}

}  // namespace retinue
