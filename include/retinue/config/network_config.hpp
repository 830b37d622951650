// SPDX-License-Identifier: Apache-2.0
// What a file of weights does not say about its network, for networks of any kind.
//
// A kind of yours: a struct like those below, an alternative of any_form, what it begins with in
// standard_config, its keys in config/json.hpp, and its network in models/any_network.hpp.
#pragma once

#include <retinue/anchors/any_anchors.hpp>  // any_anchors
#include <retinue/config/bodies.hpp>        // known_bodies
#include <retinue/detect.hpp>               // detect_options
#include <retinue/formulas/coders.hpp>      // centre_size_coder
#include <retinue/image/pixel_format.hpp>   // pixel_format
#include <retinue/labels/any_labels.hpp>    // any_labels
#include <retinue/models/extra_layer.hpp>   // extra_layer

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retinue {

/// What a RetinaFace has behind its body.
struct retinaface_form {
  static constexpr std::string_view kind = "retinaface";
  static constexpr bool landmarks = true;  ///< whether it may have some
  static constexpr bool square = false;    ///< whether its pictures are stretched to a square
  /// The keys that its configurations alone have.
  static constexpr std::array<std::string_view, 2> signs{"network.channels", "network.neck_slope"};

  std::int64_t channels = 64;  ///< of pyramid and context; a multiple of 4
  double slope = 0;            ///< of LeakyReLU there; 0 is ReLU
};

/// What an SSD has behind its body.
struct ssd_form {
  static constexpr std::string_view kind = "ssd";
  static constexpr bool landmarks = false;
  static constexpr bool square = true;
  static constexpr std::array<std::string_view, 2> signs{"network.extras", "anchors.design_side"};

  std::vector<extra_layer> extras = ssd300_extras();
};

/// Any kind of network.
using any_form = std::variant<retinaface_form, ssd_form>;

/// A network and what is done with its outputs. As it stands: a RetinaFace, `mobilenet0.25` with
/// ReLU.
struct network_config {
  std::string name;                             ///< of the preset or the file
  std::string body = "mobilenet_v1_0.25";       ///< one of known_bodies
  double body_slope = 0;                        ///< of its LeakyReLU; 0 is ReLU
  any_form form;                                ///< what stands behind the body
  std::vector<std::string> classes = {"face"};  ///< without the background
  std::size_t landmarks = 5;                    ///< points per object; 0: plain boxes
  any_anchors anchors = square_anchors::retinaface();
  any_labels labels;
  centre_size_coder coder;
  pixel_format input;
  detect_options detect;
  bool inclusive_pixels = false;  ///< compatibility: both pixels of a side count in suppression
};

/// The name of the kind.
[[nodiscard]] inline std::string_view kind_of(const network_config& config)
{
  return std::visit([](const auto& form) { return form.kind; }, config.form);
}

/// The side of the square that pictures are stretched to, in pixels; 0: they keep their shape.
[[nodiscard]] inline int square_side(const network_config& config)
{
  if (!std::visit([](const auto& form) { return form.square; }, config.form)) return 0;
  if (config.input.long_side > 0) return config.input.long_side;
  const auto* const designed = std::get_if<default_boxes>(&config.anchors.source);
  return designed ? designed->design_side : 0;
}

/// The twenty classes of PASCAL VOC, in the order of the alphabet.
[[nodiscard]] inline std::vector<std::string> voc_classes()
{
  return {"aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",      "car",
          "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",    "motorbike",
          "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};
}

namespace detail {

/// What a configuration of that kind is where it says nothing.
[[nodiscard]] inline network_config standard_of(const retinaface_form&)
{
  return {};
}

/// SSD300 of the paper.
[[nodiscard]] inline network_config standard_of(const ssd_form& form)
{
  network_config c;
  c.body = "vgg16";
  c.form = form;
  c.classes = voc_classes();
  c.landmarks = 0;
  c.anchors = default_boxes::ssd300();
  c.input = {.channels = "rgb", .mean = {123, 117, 104}, .long_side = 300};
  c.detect = {.score = 0.01f, .candidates = 5000, .overlap = 0.45f, .keep = 200, .clip = true};
  return c;
}

}  // namespace detail

/// What a configuration of that kind is where it says nothing: any_form(ssd_form()) is SSD300.
[[nodiscard]] inline network_config standard_config(const any_form& kind)
{
  return std::visit([]<class Form>(const Form&) { return detail::standard_of(Form()); }, kind);
}

}  // namespace retinue
