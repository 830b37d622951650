// SPDX-License-Identifier: Apache-2.0
// What a file of weights does not say about its network, for networks of any kind.
//
// A kind of yours is a struct like config/ssd_form.hpp, which says what a configuration begins
// with, its keys and what they may be; it is an alternative of any_form here, and its network is
// included by models/any_network.hpp.
#pragma once

#include <retinue/anchors/any_anchors.hpp>     // any_anchors
#include <retinue/config/bodies.hpp>           // known_bodies
#include <retinue/config/learning.hpp>         // learning_config
#include <retinue/config/retinaface_form.hpp>  // the kinds
#include <retinue/config/ssd_form.hpp>
#include <retinue/config/towers_form.hpp>
#include <retinue/config/yunet_form.hpp>
#include <retinue/detect.hpp>              // detect_options
#include <retinue/formulas/any_coder.hpp>  // any_coder
#include <retinue/image/pixel_format.hpp>  // pixel_format
#include <retinue/labels/any_labels.hpp>   // any_labels

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retinue {

/// The kinds of networks that a configuration may describe.
using any_form = std::variant<retinaface_form, ssd_form, yunet_form, towers_form>;

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
  any_coder coder;
  learning_config learn;  ///< how it is trained
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
  if (!config.input.square) return 0;
  if (config.input.long_side > 0) return config.input.long_side;
  const auto* const designed = std::get_if<default_boxes>(&config.anchors.source);
  return designed ? designed->design_side : 0;
}

/// The probability that sigmoids say at first of every class, so that the many negatives do not
/// drown the few positives (Lin 2017, section 4.1); 0 of a softmax: it begins as it comes.
[[nodiscard]] inline double prior_of(const network_config& config)
{
  return config.labels.columns(0) > 0 ? 0 : 0.01;
}

/// What a configuration of that kind is where it says nothing: any_form(ssd_form()) is SSD300.
[[nodiscard]] inline network_config standard_config(const any_form& kind)
{
  network_config c;
  std::visit(
      [&]<class Form>(const Form&) {
        c.form = Form();
        Form::begin(c);
      },
      kind);
  return c;
}

}  // namespace retinue
