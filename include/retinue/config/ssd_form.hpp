// SPDX-License-Identifier: Apache-2.0
// An SSD in a configuration.
#pragma once

#include <retinue/anchors/default_boxes.hpp>     // ssd300
#include <retinue/config/rules.hpp>              // between
#include <retinue/losses/hard_negatives.hpp>     // hard_negatives
#include <retinue/matchers/overlap_matcher.hpp>  // overlap_matcher
#include <retinue/models/extra_layer.hpp>        // extra_layer

#include <array>
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

/// What an SSD has behind its body.
struct ssd_form {
  static constexpr std::string_view kind = "ssd";
  static constexpr std::array<std::string_view, 2> signs{"network.extras", "anchors.design_side"};

  std::vector<extra_layer> extras = ssd300_extras();
  /// Whether 3x3 convolutions of extra layers and heads see each channel alone, with a 1x1 behind
  /// them; those of the coarsest level's heads do not.
  bool separable = false;

  /// SSD300 of the paper.
  template <class Config>
  static void begin(Config& c)
  {
    c.body = "vgg16";
    c.classes = voc_classes();
    c.landmarks = 0;
    c.anchors = default_boxes::ssd300();
    c.input = {.channels = "rgb", .mean = {123, 117, 104}, .long_side = 300, .square = true};
    c.learn.match = overlap_matcher::ssd().how();
    c.learn.negatives = hard_negatives::ssd().wanted();
    c.learn.weights.box = 1;
    c.detect = {.score = 0.01f, .candidates = 5000, .overlap = 0.45f, .keep = 200, .clip = true};
  }

  template <class Fields, class Form>
  static void describe(Fields& network, Form& form)
  {
    network.list("extras", form.extras, [](auto& layer, auto& e) {
      layer("inner", e.inner, detail::between{1, 4096});
      layer("out", e.out, detail::between{1, 4096});
      layer("kernel", e.kernel, detail::between{1, 16});
      layer("stride", e.stride, detail::between{1, 16});
      layer("padding", e.padding, detail::between{0, 8});
    });
    network("separable", form.separable, detail::yes_or_no{});
  }

  /// Whether levels and layers fit, the network says itself.
  template <class Config, class Refuse>
  void check(const Config&, const Refuse&) const
  {
  }
};

}  // namespace retinue
