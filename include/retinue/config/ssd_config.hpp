// SPDX-License-Identifier: Apache-2.0
// What a file of weights does not say about an SSD, and its usual forms by name.
#pragma once

#include <retinue/anchors/default_boxes.hpp>  // default_boxes
#include <retinue/config/presets.hpp>         // preset_named
#include <retinue/detect.hpp>                 // detect_options
#include <retinue/formulas/coders.hpp>        // centre_size_coder
#include <retinue/image/pixel_format.hpp>     // pixel_format
#include <retinue/models/extra_layer.hpp>     // extra_layer

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// The twenty classes of PASCAL VOC, in the order of the alphabet.
[[nodiscard]] inline std::vector<std::string> voc_classes()
{
  return {"aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",      "car",
          "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",    "motorbike",
          "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};
}

/// The bodies that it may name.
inline constexpr std::array<std::string_view, 2> ssd_bodies{"vgg16", "mobilenet_v1_0.25"};

/// An SSD and what is done with its predictions. As it stands: SSD300 of the paper.
struct ssd_config {
  std::string name;            ///< of the preset or the file
  std::string body = "vgg16";  ///< one of ssd_bodies
  std::vector<extra_layer> extras = ssd300_extras();
  std::vector<std::string> classes = voc_classes();  ///< without the background
  default_boxes anchors = default_boxes::ssd300();
  centre_size_coder coder;
  pixel_format input{.channels = "rgb", .mean = {123, 117, 104}, .long_side = 300};
  detect_options detect{
      .score = 0.01f, .candidates = 5000, .overlap = 0.45f, .keep = 200, .clip = true};
  bool inclusive_pixels = false;  ///< compatibility: both pixels of a side count in suppression
};

/// A configuration with a name, and which network it is.
struct ssd_preset {
  std::string_view name, what;
  ssd_config config;
};

[[nodiscard]] inline std::span<const ssd_preset> ssd_presets()
{
  static const auto all = [] {
    std::array<ssd_preset, 3> made{
        {{"ssd300-vgg16", "the paper's network for 300 pixels: 8,732 default boxes", {}},
         {"ssd512-vgg16", "the paper's network for 512 pixels: 24,564 default boxes", {}},
         {"ssd320-mobilenet0.25",
          "a network of an eighteenth of the weights, for 320 pixels and objects from 5 % of them: "
          "12,802 default boxes",
          {}}}};
    auto& [vgg300, vgg512, mobilenet] = made;
    vgg512.config.anchors = default_boxes::ssd512();
    vgg512.config.extras = ssd512_extras();
    mobilenet.config.body = "mobilenet_v1_0.25";
    mobilenet.config.extras = {{64, 128}, {64, 128}, {64, 128}};
    mobilenet.config.anchors = {.design_side = 320,
                                .level = {{8, 22.4, 48, {2, 3}},
                                          {16, 48, 105.6, {2, 3}},
                                          {32, 105.6, 163.2, {2, 3}},
                                          {64, 163.2, 220.8, {2, 3}},
                                          {128, 220.8, 278.4, {2}},
                                          {256, 278.4, 336, {2}}}};
    mobilenet.config.input = {};
    for (auto& p : made) {
      p.config.name = p.name;
      p.config.input.long_side = p.config.anchors.design_side;
    }
    return made;
  }();
  return all;
}

/// Throws where there is none of that name, and says which come near.
[[nodiscard]] inline const ssd_config& find_ssd_preset(std::string_view name)
{
  return detail::preset_named(name, ssd_presets());
}

}  // namespace retinue
