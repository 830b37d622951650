// SPDX-License-Identifier: Apache-2.0
// What a file of weights does not say about its network.
#pragma once

#include <retinue/anchors.hpp>             // square_anchors
#include <retinue/detect.hpp>              // detect_options
#include <retinue/formulas/coders.hpp>     // centre_size_coder
#include <retinue/image/pixel_format.hpp>  // pixel_format

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// The bodies that a configuration may name, and the strides of the maps that they offer.
struct known_body {
  std::string_view name;
  std::array<int, 4> strides;  ///< rising; 0 is none
};
inline constexpr std::array<known_body, 2> known_bodies{
    {{"mobilenet_v1_0.25", {8, 16, 32, 0}}, {"resnet50", {4, 8, 16, 32}}}};

/// A RetinaFace and what is done with its predictions. As it stands: `mobilenet0.25` with ReLU.
struct detector_config {
  std::string name;                             ///< of the preset or the file
  std::string body = "mobilenet_v1_0.25";       ///< one of known_bodies
  std::int64_t channels = 64;                   ///< of pyramid and context; a multiple of 4
  double body_slope = 0, neck_slope = 0;        ///< of LeakyReLU; 0 is ReLU
  std::vector<std::string> classes = {"face"};  ///< without the background
  std::size_t landmarks = 5;                    ///< points per object; 0: plain boxes
  square_anchors anchors = square_anchors::retinaface();
  centre_size_coder coder;
  pixel_format input;
  detect_options detect;
  bool inclusive_pixels = false;  ///< compatibility: both pixels of a side count in suppression
};

}  // namespace retinue
