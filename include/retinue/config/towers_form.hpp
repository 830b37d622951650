// SPDX-License-Identifier: Apache-2.0
// RetinaNet, FCOS and GFL in a configuration: two towers behind a pyramid, which all levels share.
//
//   RetinaNet   "anchors": {"kind": "ratios", ...}   "coder": {"kind": "deltas"}
//   FCOS        "anchors": {"kind": "points", ...}   "coder": {"kind": "distances"}
//               "labels": "sigmoid_times_quality"    "network": {"group_norm": true}
//   GFL         as FCOS, with "labels": "sigmoid", and in "network" {"bins": 17}
#pragma once

#include <retinue/anchors/ratio_anchors.hpp>     // retinanet
#include <retinue/config/bodies.hpp>             // find_body
#include <retinue/config/rules.hpp>              // between
#include <retinue/formulas/deltas.hpp>           // delta_coder
#include <retinue/formulas/distances.hpp>        // distance_coder
#include <retinue/formulas/focal.hpp>            // sigmoid_focal
#include <retinue/formulas/residual.hpp>         // l1
#include <retinue/labels/sigmoid.hpp>            // sigmoid_labels
#include <retinue/losses/every_negative.hpp>     // every_negative
#include <retinue/matchers/overlap_matcher.hpp>  // overlap_matcher

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace retinue {

/// What such a network has behind its body. Levels beyond the body's are made of the coarsest.
struct towers_form {
  static constexpr std::string_view kind = "towers";
  static constexpr std::array<std::string_view, 2> signs{"network.depth", "network.bins"};

  std::int64_t channels = 256;  ///< of the pyramid and the towers
  int depth = 4;                ///< convolutions in a tower
  bool upward = false;          ///< whether a path leads up again, as in PANet
  bool group_norm = false;      ///< of 32 groups, behind each convolution of a tower
  std::int64_t bins = 0;        ///< of the distribution of a side; 0: its distance itself

  /// RetinaNet over ResNet-50, for one class of objects.
  template <class Config>
  static void begin(Config& c)
  {
    c.body = "resnet50";
    c.classes = {"object"};
    c.landmarks = 0;
    c.anchors = ratio_anchors::retinanet();
    c.labels.policy = sigmoid_labels<>();
    c.coder = delta_coder{};
    c.learn.match = overlap_matcher::retinanet().how();
    c.learn.label = sigmoid_focal{};
    c.learn.box = l1{};
    c.learn.negatives = every_negative{};
    c.learn.weights.box = 1;
    c.input = {
        .channels = "rgb", .mean = {123.675, 116.28, 103.53}, .scale = {58.395, 57.12, 57.375}};
    c.detect = {.score = 0.05f, .candidates = 1000, .overlap = 0.5f, .keep = 100, .clip = true};
  }

  template <class Fields, class Form>
  static void describe(Fields& network, Form& form)
  {
    network("channels", form.channels, detail::between{1, 4096});
    network("depth", form.depth, detail::between{0, 64});
    network("upward", form.upward, detail::yes_or_no{});
    network("group_norm", form.group_norm, detail::yes_or_no{});
    network("bins", form.bins, detail::between{0, 256});
  }

  template <class Config, class Refuse>
  void check(const Config& c, const Refuse& refuse) const
  {
    if (group_norm && channels % 32 != 0)
      refuse("network.channels", " is ", channels,
             ", expected a multiple of 32, the groups of network.group_norm");
    if (bins == 1) refuse("network.bins", " is 1, expected 0, or 2 or more");
    if (bins > 0 && !std::holds_alternative<distance_coder>(c.coder.choice))
      refuse("network.bins", " is ", bins,
             ", which are of distances: expected distances for coder.kind");
    const auto* const body = find_body(c.body);
    int before = 0;
    for (std::size_t l = 0; l < c.anchors.levels(); ++l) {
      const int stride = c.anchors.stride(l);
      // Each map is half as large as the one before it, whether the body has it or it is made.
      if (l > 0 && stride != 2 * before)
        refuse(c.anchors.stride_key(l), " is ", stride, ", expected ", 2 * before,
               ", twice the one before it");
      if (l == 0 || stride <= body->coarsest() ? !body->offers(stride) : before < body->coarsest())
        refuse(c.anchors.stride_key(l), " is ", stride, ", which ", c.body, " does not offer");
      if (c.anchors.per_cell(l) != c.anchors.per_cell(0))
        refuse(c.anchors.level_key(l), " has ", c.anchors.per_cell(l),
               " anchors in a cell and the first level has ", c.anchors.per_cell(0),
               ", expected as many: all levels share their towers");
      before = stride;
    }
    if (before < body->coarsest())
      refuse("anchors", ": their last stride is ", before, ", expected ", body->coarsest(),
             " or more, the coarsest of ", c.body);
  }
};

}  // namespace retinue
