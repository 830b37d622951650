// SPDX-License-Identifier: Apache-2.0
// Configurations by name: those of the public checkpoints, and those of SSD's paper.
//
// No name of a weight tells the slope of the activations or the sizes of the anchors: the wrong
// ones load without complaint and still find some faces, which is why each preset says whose it is.
#pragma once

#include <retinue/config/nearest.hpp>         // nearest, listed
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/detail/file.hpp>            // quoted
#include <retinue/error.hpp>                  // fail

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// A configuration with a name, and which network it is.
struct preset {
  std::string_view name, what;
  network_config config;
};

/// Those of one kind stand together.
[[nodiscard]] inline std::span<const preset> presets()
{
  static const auto all = [] {
    const auto retinaface = standard_config(retinaface_form()), ssd = standard_config(ssd_form());
    std::vector<preset> made;
    const auto add = [&](std::string_view name, std::string_view what, const network_config& base,
                         const auto& change) {
      made.push_back({name, what, base});
      change(made.back().config);
      made.back().config.name = name;
    };
    const auto slope_of_leaky = [](network_config& c) {
      c.body_slope = std::get<retinaface_form>(c.form).slope = 0.1;
    };
    add("mobilenet0.25-small-faces",
        "the public mobilenet0.25_Final checkpoint: ReLU, anchors of 10 to 256 pixels; the weights "
        "alone cannot be told from mobilenet0.25, which finds fewer faces with them",
        retinaface,
        [](network_config& c) { c.anchors = square_anchors::retinaface_small_faces(); });
    add("mobilenet0.25",
        "weights trained by the reference code as it stands: LeakyReLU 0.1, anchors of 16 to 512 "
        "pixels; weights of the same names may want mobilenet0.25-small-faces instead",
        retinaface, slope_of_leaky);
    add("resnet50",
        "the public Resnet50_Final checkpoint: ResNet-50, 256 channels, ReLU, anchors of 16 to 512 "
        "pixels; no name of a weight tells the slope or the sizes",
        retinaface, [](network_config& c) {
          c.body = "resnet50";
          std::get<retinaface_form>(c.form).channels = 256;
        });
    add("plate-mobilenet0.25",
        "licence plates with their four corners: LeakyReLU 0.1, anchors of 16 to 512 pixels; no "
        "name of a weight tells the slope or the sizes",
        retinaface, [&](network_config& c) {
          slope_of_leaky(c);
          c.classes = {"plate"};
          c.landmarks = 4;
        });
    add("ssd300-vgg16", "the paper's network for 300 pixels: 8,732 default boxes", ssd,
        [](network_config&) {});
    add("ssd512-vgg16", "the paper's network for 512 pixels: 24,564 default boxes", ssd,
        [](network_config& c) {
          c.anchors = default_boxes::ssd512();
          c.form = ssd_form{ssd512_extras()};
          c.input.long_side = 512;
        });
    add("ssd320-mobilenet0.25",
        "a network of an eighteenth of the weights, for 320 pixels and objects from 5 % of them: "
        "12,802 default boxes",
        ssd, [](network_config& c) {
          c.body = "mobilenet_v1_0.25";
          c.form = ssd_form{{{64, 128}, {64, 128}, {64, 128}}};
          c.anchors = default_boxes{.design_side = 320,
                                    .level = {{8, 22.4, 48, {2, 3}},
                                              {16, 48, 105.6, {2, 3}},
                                              {32, 105.6, 163.2, {2, 3}},
                                              {64, 163.2, 220.8, {2, 3}},
                                              {128, 220.8, 278.4, {2}},
                                              {256, 278.4, 336, {2}}}};
          c.input = {.long_side = 320};
        });
    return made;
  }();
  return all;
}

/// Throws where there is none of that name, and says which come near.
[[nodiscard]] inline const network_config& find_preset(std::string_view name)
{
  std::vector<std::string_view> names;
  for (const preset& p : presets()) {
    if (p.name == name) return p.config;
    names.push_back(p.name);
  }
  const auto meant = detail::nearest(name, names);
  fail("there is no preset ", detail::quoted(name),
       meant.empty() ? std::string() : "; did you mean " + std::string(meant) + "?",
       meant.empty() ? "; expected one of " : " The presets are ", detail::listed(names));
}

}  // namespace retinue
