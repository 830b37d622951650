// SPDX-License-Identifier: Apache-2.0
// Configurations by name: those of the public checkpoints, and those of SSD's paper.
//
// No name of a weight tells the slope of the activations or the sizes of the anchors: the wrong
// ones load without complaint and still find some faces, which is why each preset says whose it is.
#pragma once

#include <retinue/config/nearest.hpp>         // nearest, listed
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/detail/file.hpp>            // in_quotes
#include <retinue/error.hpp>                  // fail

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// What weights have that are of one network and of no other: a convolution of that name, with so
/// many rows. 0: any; -1: there is none of that name.
struct weight_sign {
  std::string_view name;
  std::int64_t rows = 0;
};

/// A configuration with a name, and which network it is.
struct preset {
  std::string_view name, what;
  network_config config;
  std::vector<weight_sign> signs;  ///< empty: weights do not tell it by their names alone
};

/// Those of one kind stand together.
[[nodiscard]] inline std::span<const preset> presets()
{
  static const auto all = [] {
    const auto retinaface = standard_config(retinaface_form()), boxes = standard_config(ssd_form()),
               yunet = standard_config(yunet_form()), towers = standard_config(towers_form());
    std::vector<preset> made;
    const auto add = [&](std::string_view name, std::string_view what, const network_config& base,
                         const auto& change, std::vector<weight_sign> signs = {}) {
      made.push_back({name, what, base, std::move(signs)});
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
    add("faces-mobilenet0.25", "to be trained: ReLU, anchors of 16 to 512 pixels, matched by ATSS",
        retinaface, [](network_config& c) { c.learn.match = adaptive_matcher::settings{}; });
    add("landmarks-mobilenet0.25",
        "to be trained where landmarks are to be close: faces-mobilenet0.25 with wing loss, for "
        "which a short training finds fewer faces",
        retinaface, [](network_config& c) {
          c.learn.match = adaptive_matcher::settings{};
          c.learn.landmark = wing{};
        });
    add("points-mobilenet0.25",
        "to be trained on boxes of any classes, by squares of 256 pixels for pictures of 512: a "
        "point in each cell, distances by 1 - giou, sigmoids by quality focal loss, matched by "
        "SimOTA",
        retinaface, [](network_config& c) {
          c.landmarks = 0;
          c.anchors = point_anchors{.strides = {8, 16, 32}};
          c.coder = distance_coder{.logarithmic = true};
          c.labels.policy = sigmoid_labels<>{};
          c.learn.match = dynamic_k_matcher::sim_ota().how();
          c.learn.label = quality_focal{};
          c.learn.box = giou_loss{};
          c.learn.negatives = every_negative{};
          c.input.long_side = 512;
          c.detect.overlap = 0.5f;
        });
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
    add("retinaface68",
        "the public checkpoint of 68 landmarks: pyramid of 32 channels, three anchors a cell of 16 "
        "to 406 pixels, RGB as it is",
        retinaface,
        [](network_config& c) {
          auto& form = std::get<retinaface_form>(c.form);
          form.channels = 32;
          form.context = 64;
          form.neck_bias = true;
          c.landmarks = 68;
          c.anchors = square_anchors::retinaface68();
          c.input = {.channels = "rgb", .mean = {0, 0, 0}};
          c.detect.overlap = 0.3f;
        },
        {{"fpn.output1.0.weight", 32}, {"LandmarkHead.0.conv1x1.weight", 408}});
    add("ssd300-vgg16", "the paper's network for 300 pixels: 8,732 default boxes", boxes,
        [](network_config&) {});
    add("ssd512-vgg16", "the paper's network for 512 pixels: 24,564 default boxes", boxes,
        [](network_config& c) {
          c.anchors = default_boxes::ssd512();
          c.form = ssd_form{ssd512_extras()};
          c.input.long_side = 512;
        });
    add("ssd320-mobilenet0.25",
        "a network of an eighteenth of the weights, for 320 pixels and objects from 5 % of them: "
        "12,802 default boxes",
        boxes, [](network_config& c) {
          c.body = "mobilenet_v1_0.25";
          c.form = ssd_form{{{64, 128}, {64, 128}, {64, 128}}};
          c.anchors = default_boxes{.design_side = 320,
                                    .level = {{8, 22.4, 48, {2, 3}},
                                              {16, 48, 105.6, {2, 3}},
                                              {32, 105.6, 163.2, {2, 3}},
                                              {64, 163.2, 220.8, {2, 3}},
                                              {128, 220.8, 278.4, {2}},
                                              {256, 278.4, 336, {2}}}};
          c.input = {.long_side = 320, .square = true};
        });
    const auto ultra_light = [&](std::string_view body) {
      network_config c = boxes;
      c.body = body;
      c.form = ssd_form{{{64, 256}}, true};
      c.classes = {"face"};
      c.anchors = square_anchors::ultra_light();
      c.input = retinaface.input;
      c.detect = retinaface.detect;
      return c;
    };
    const auto like_retinaface = [&](network_config& c) {
      c.landmarks = 5;
      c.learn = retinaface.learn;
    };
    const auto like_ssd = [](network_config& c) {
      auto& anchors = std::get<square_anchors>(c.anchors.source);
      anchors.clip = anchors.even = true;
      c.input = {
          .channels = "rgb", .mean = {127, 127, 127}, .scale = {128, 128, 128}, .long_side = 640};
      c.detect.overlap = 0.3f;
      c.detect.clip = true;
    };
    constexpr std::string_view slim = "body.7.3.weight", rfb = "body.7.branch0.0.conv.weight",
                               landmarks = "landm.0.2.weight", coarsest = "conf.3.weight";
    add("retinaface-rfb",
        "the public RBF_Final checkpoint: a body with a receptive field block, four levels of 3, "
        "2, 2 and 3 anchors, 10 to 256 pixels",
        ultra_light("ultra_light_rfb"), like_retinaface, {{rfb}, {landmarks, 30}, {coarsest, 6}});
    add("retinaface-slim", "the public slim_Final checkpoint: the same without that block",
        ultra_light("ultra_light_slim"), like_retinaface, {{slim}, {landmarks, 30}, {coarsest, 6}});
    add("ultra-light-rfb",
        "the public version-RFB-320 and -640 checkpoints: faces as boxes alone, from pictures "
        "whose longer side has 640 pixels",
        ultra_light("ultra_light_rfb"), like_ssd, {{rfb}, {landmarks, -1}, {coarsest, 6}});
    add("ultra-light-slim",
        "the public version-slim-320 and -640 checkpoints: the same without the receptive fields",
        ultra_light("ultra_light_slim"), like_ssd, {{slim}, {landmarks, -1}, {coarsest, 6}});
    constexpr std::string_view early = "backbone.model1.conv2.conv1.weight",
                               points = "bbox_head.multi_level_kps.0.conv1.weight",
                               shared = "bbox_head.multi_level_share_convs.0.0.conv1.weight";
    add("yunet-s", "the public yunet_s checkpoint: points without anchors, class times objectness",
        yunet, [](network_config&) {}, {{early, 32}, {points, 10}, {shared, -1}});
    add("yunet-n",
        "the public yunet_n checkpoint: the same with 64 channels early and one unit that the "
        "heads of a level share",
        yunet,
        [](network_config& c) {
          c.body = "yunet_n";
          std::get<yunet_form>(c.form).shared = 1;
        },
        {{early, 64}, {points, 10}, {shared, 64}});
    add("retinanet-resnet50",
        "to be trained: RetinaNet of the paper, nine anchors in each cell of five levels, sigmoids "
        "by focal loss",
        towers, [](network_config&) {});
    const auto with_points = [](network_config& c) {
      c.anchors = point_anchors::fcos();
      c.coder = distance_coder{};
      c.learn.match = dynamic_k_matcher::sim_ota().how();
      c.learn.box = giou_loss{};
      std::get<towers_form>(c.form).group_norm = true;
    };
    add("fcos-resnet50",
        "to be trained: the network of FCOS, a point in each cell, distances, and how central it "
        "lies; matched by SimOTA, not by ranges of sizes",
        towers, [&](network_config& c) {
          with_points(c);
          c.labels.policy = times_quality<>{.root = true};
          c.learn.quality = rated_by::centre;
        });
    add("gfl-resnet50",
        "to be trained: the network of GFL, whose sides are distributions; scores learn the "
        "overlap "
        "by quality focal loss; matched by SimOTA, not by ATSS",
        towers, [&](network_config& c) {
          with_points(c);
          std::get<towers_form>(c.form).bins = 17;
          c.learn.label = quality_focal{};
          c.learn.quality = rated_by::overlap;
          c.learn.weigh_boxes = box_weighing::by_score;
          c.learn.weights = {.box = 2};
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
  fail("there is no preset ", detail::in_quotes(name),
       meant.empty() ? std::string() : "; did you mean " + std::string(meant) + "?",
       meant.empty() ? "; expected one of " : " The presets are ", detail::listed(names));
}

}  // namespace retinue
