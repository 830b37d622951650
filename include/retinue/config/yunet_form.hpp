// SPDX-License-Identifier: Apache-2.0
// A YuNet (Wu et al. 2023) in a configuration.
#pragma once

#include <retinue/anchors/square_anchors.hpp>   // points
#include <retinue/config/bodies.hpp>            // find_body
#include <retinue/config/rules.hpp>             // between
#include <retinue/formulas/coders.hpp>          // centre_size_coder
#include <retinue/formulas/overlap_losses.hpp>  // eiou_loss
#include <retinue/formulas/residual.hpp>        // smooth_l1
#include <retinue/labels/quality.hpp>           // times_quality
#include <retinue/losses/any_quality.hpp>       // rated_by
#include <retinue/losses/every_negative.hpp>    // every_negative
#include <retinue/matchers/dynamic_k.hpp>       // dynamic_k_matcher

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace retinue {

/// What a YuNet has behind its body.
struct yunet_form {
  static constexpr std::string_view kind = "yunet";
  static constexpr std::array<std::string_view, 1> signs{"network.shared"};

  int shared = 0;  ///< units of each level that all its heads read through

  /// Points at the corners of cells, scores that are class times objectness, all in strides.
  template <class Config>
  static void begin(Config& c)
  {
    c.body = "yunet_s";
    c.anchors = square_anchors::points({8, 16, 32}, 0);
    c.labels.policy = times_quality<>();
    c.coder = centre_size_coder{.centre = 1, .size = 1};
    c.learn.match = dynamic_k_matcher::sim_ota().how();
    c.learn.box = eiou_loss{};
    c.learn.landmark = smooth_l1{.beta = 1. / 9};
    c.learn.negatives = every_negative{};
    c.learn.quality = rated_by::overlap_and_objectness;
    c.learn.weights = {.box = 5, .landmark = 0.1};
    c.input = {.mean = {0, 0, 0}};
    c.detect.overlap = 0.45f;
  }

  template <class Fields, class Form>
  static void describe(Fields& network, Form& form)
  {
    network("shared", form.shared, detail::between{0, 16});
  }

  template <class Config, class Refuse>
  void check(const Config& c, const Refuse& refuse) const
  {
    for (std::size_t l = 0; l < c.anchors.levels(); ++l) {
      if (const int stride = c.anchors.stride(l); !find_body(c.body)->offers(stride))
        refuse(c.anchors.stride_key(l), " is ", stride, ", which ", c.body, " does not offer");
      if (c.anchors.per_cell(l) != 1)
        refuse(c.anchors.level_key(l), " has ", c.anchors.per_cell(l),
               " in a cell, expected one: a YuNet has a point in each cell");
    }
  }
};

}  // namespace retinue
