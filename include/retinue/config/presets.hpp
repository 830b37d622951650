// SPDX-License-Identifier: Apache-2.0
// The configurations of the public checkpoints.
//
// No name of a weight tells the slope of the activations or the sizes of the anchors: the wrong
// ones load without complaint and still find some faces, which is why each preset says whose it is.
#pragma once

#include <retinue/config/detector_config.hpp>  // detector_config
#include <retinue/config/nearest.hpp>          // nearest, listed
#include <retinue/detail/file.hpp>             // quoted
#include <retinue/error.hpp>                   // fail

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// A configuration with a name, and which weights it belongs to.
struct preset {
  std::string_view name, what;
  detector_config config;
};

[[nodiscard]] inline std::span<const preset> presets()
{
  static const auto all = [] {
    std::array<preset, 4> made{
        {{"mobilenet0.25-small-faces",
          "the public mobilenet0.25_Final checkpoint: ReLU, anchors of 10 to 256 pixels; the "
          "weights alone cannot be told from mobilenet0.25, which finds fewer faces with them",
          {}},
         {"mobilenet0.25",
          "weights trained by the reference code as it stands: LeakyReLU 0.1, anchors of 16 to 512 "
          "pixels; weights of the same names may want mobilenet0.25-small-faces instead",
          {}},
         {"resnet50",
          "the public Resnet50_Final checkpoint: ResNet-50, 256 channels, ReLU, anchors of 16 to "
          "512 pixels; no name of a weight tells the slope or the sizes",
          {}},
         {"plate-mobilenet0.25",
          "licence plates with their four corners: LeakyReLU 0.1, anchors of 16 to 512 pixels; no "
          "name of a weight tells the slope or the sizes",
          {}}}};
    auto& [small_faces, mobilenet, resnet, plate] = made;
    small_faces.config.anchors = square_anchors::retinaface_small_faces();
    mobilenet.config.body_slope = mobilenet.config.neck_slope = 0.1;
    resnet.config.body = "resnet50";
    resnet.config.channels = 256;
    plate.config = mobilenet.config;
    plate.config.classes = {"plate"};
    plate.config.landmarks = 4;
    for (auto& p : made) p.config.name = p.name;
    return made;
  }();
  return all;
}

namespace detail {
template <class Preset>
[[nodiscard]] const auto& preset_named(std::string_view name, std::span<const Preset> all)
{
  std::vector<std::string_view> names;
  for (const auto& p : all) {
    if (p.name == name) return p.config;
    names.push_back(p.name);
  }
  const auto meant = detail::nearest(name, names);
  fail("there is no preset ", detail::quoted(name),
       meant.empty() ? std::string() : "; did you mean " + std::string(meant) + "?",
       meant.empty() ? "; expected one of " : " The presets are ", detail::listed(names));
}
}  // namespace detail

/// Throws where there is none of that name, and says which come near.
[[nodiscard]] inline const detector_config& find_preset(std::string_view name)
{
  return detail::preset_named(name, presets());
}

}  // namespace retinue
