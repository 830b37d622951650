// SPDX-License-Identifier: Apache-2.0
// RetinaNet (Lin et al. 2017), FCOS (Tian et al. 2019), GFL (Li et al. 2020): a body, a pyramid,
// and two towers of 3x3 convolutions, which all levels share.
//
//   images -> backbone.body -> backbone.fpn -> classification tower -> cls_logits
//                                           -> regression tower     -> bbox_reg, bbox_ctrness
//
//   towers_options()                   RetinaNet: 9 anchors a cell, offsets
//   towers_options::fcos(classes)      a point in each cell, distances, and a quality
//   code = 68                          GFL: 17 numbers for each side
//
// Scores are for sigmoid_labels, those with a quality for times_quality. How boxes are coded a
// detector's or an objective's coder says. Parameters are named as torchvision's.
#pragma once

#include <retinue/config/network_config.hpp>  // network_config, towers_form
#include <retinue/error.hpp>                  // fail
#include <retinue/landmarks.hpp>              // landmark_schema
#include <retinue/models/bodies.hpp>          // body_named
#include <retinue/models/body.hpp>            // body
#include <retinue/models/convolution.hpp>     // name_part
#include <retinue/models/head.hpp>            // rows_of
#include <retinue/models/network.hpp>         // network_layers
#include <retinue/models/pyramid.hpp>         // pyramid
#include <retinue/models/resnet.hpp>          // the body by default

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// What `towers` is built from. As it stands: RetinaNet over ResNet-50 with COCO's 91 columns.
struct towers_options {
  /// Makes the body, anew for each network.
  std::function<std::shared_ptr<retinue::body>()> body = [] { return std::make_shared<resnet>(); };
  std::int64_t finest = 8;  ///< the stride of the body's first map that is taken
  std::int64_t channels = 256;
  int further = 2;            ///< levels behind the body's
  bool upward = false;        ///< whether a path leads up again: see pyramid
  int depth = 4;              ///< convolutions in a tower
  std::int64_t anchors = 9;   ///< in each cell
  std::int64_t classes = 91;  ///< columns of the scores: of sigmoids
  std::int64_t code = 4;      ///< numbers that say a box, as the coder has them
  std::int64_t bins = 0;      ///< where the code is four distributions of so many, and only their
                              ///< means are to be said, four distances; 0: what is said is the code
  bool group_norm = false;    ///< of 32 groups, behind each convolution of a tower
  bool quality = false;       ///< whether the regression tower says one, too
  double prior = 0.01;        ///< the probability of every class at first (RetinaNet, section 4.1)

  /// FCOS: one point in each cell, group normalization, and the centre-ness beside.
  [[nodiscard]] static towers_options fcos(std::int64_t classes = 91)
  {
    towers_options o;
    o.anchors = 1;
    o.classes = classes;
    o.group_norm = o.quality = true;
    return o;
  }
};

/// Any of them, compiled once for all schemas; `landmark_width` numbers an anchor are theirs.
class towers_layers : public network_layers {
 public:
  /// Throws where there are no anchors, columns of scores or numbers of a box, where the code is
  /// not four times the bins, and where the body has no map of stride `finest` or more.
  towers_layers(towers_options options, std::int64_t landmark_width)
      : options_(std::move(options)), landmark_width_(landmark_width)
  {
    if (options_.bins > 0 && options_.code != 4 * options_.bins)
      fail("towers for a code of ", options_.code,
           " numbers were to say the means of four "
           "distributions of ",
           options_.bins, ": expected ", 4 * options_.bins, " numbers");
    if (options_.classes < 1 || options_.anchors < 1 || options_.code < 1)
      fail("towers for ", options_.anchors, " anchors a cell, ", options_.classes,
           " columns of scores and ", options_.code, " numbers a box: expected 1 or more of each");
    if (options_.bins > 0) bins_ = at::arange(options_.bins, at::kFloat);
    torch::nn::Module& backbone = name_part(*this, "backbone");
    body_ = backbone.register_module("body", options_.body());
    std::vector<body_map> taken;
    const auto offered = body_->maps();
    for (std::size_t i = 0; i < offered.size(); ++i)
      if (offered[i].stride >= options_.finest) {
        taken.push_back(offered[i]);
        places_.push_back(i);
      }
    if (taken.empty()) fail("the body gives no map of stride ", options_.finest, " or more");
    pyramid_ = backbone.register_module(
        "fpn",
        std::make_shared<pyramid>(taken, options_.channels, options_.further, options_.upward));

    torch::nn::Module& head = name_part(*this, "head");
    torch::nn::Module& classify = name_part(head, "classification_head");
    torch::nn::Module& regress = name_part(head, "regression_head");
    add_tower(classify, class_tower_);
    add_tower(regress, box_tower_);
    logits_ = last(classify, "cls_logits", options_.classes);
    detail::say_first(options_.prior, logits_->bias);
    boxes_ = last(regress, "bbox_reg", options_.code);
    if (options_.quality) quality_ = last(regress, "bbox_ctrness", 1);
    if (landmark_width > 0) landmarks_ = last(regress, "landmarks", landmark_width);
  }

  [[nodiscard]] const towers_options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<retinue::body>& backbone() const override { return body_; }

  /// Images (B, 3, H, W), channels and scale as trained. Throws where they are of another shape.
  [[nodiscard]] network_outputs forward(const at::Tensor& images) override
  {
    if (images.dim() != 4 || images.size(1) != 3 || images.numel() == 0)
      fail("towers were given images of shape ", c10::str(images.sizes()),
           ": expected (B, 3, H, W)");
    const auto all = body_->forward(images);
    std::vector<at::Tensor> maps, scores, boxes, points, quality;
    for (const std::size_t place : places_) maps.push_back(all[place]);
    network_outputs p;
    for (const at::Tensor& level : pyramid_->forward(maps)) {
      p.maps.push_back({static_cast<int>(level.size(2)), static_cast<int>(level.size(3))});
      const at::Tensor c = through(class_tower_, level), b = through(box_tower_, level);
      scores.push_back(detail::rows_of(logits_(c), options_.classes));
      boxes.push_back(detail::rows_of(boxes_(b), options_.code));
      if (landmarks_) points.push_back(detail::rows_of(landmarks_(b), landmark_width_));
      if (quality_) quality.push_back(detail::rows_of(quality_(b), 1));
    }
    p.scores = at::cat(scores, 1);
    p.boxes = at::cat(boxes, 1);
    if (options_.bins > 0) p.boxes = means_of(p.boxes.values);
    if (landmarks_) p.points = at::cat(points, 1);
    if (quality_) p.quality = at::cat(quality, 1);
    return p;
  }

  void fold() override { body_->fold(); }  // nothing else has a normalization that folds

 private:
  /// Of rows (B, N, 4 * bins) the means (B, N, 4), as distribution_coder has them.
  [[nodiscard]] at::Tensor means_of(const at::Tensor& rows) const
  {
    at::Tensor bins = bins_;  // a conversion that does nothing would be one more step to export
    if (bins.device() != rows.device() || bins.scalar_type() != rows.scalar_type())
      bins = bins.to(rows.options());
    const at::Tensor shares = rows.reshape({rows.size(0), -1, 4, options_.bins}).softmax(3);
    return (shares * bins).sum(3);
  }

  struct step {
    torch::nn::Conv2d convolution{nullptr};
    torch::nn::GroupNorm norm{nullptr};
  };

  [[nodiscard]] torch::nn::Conv2d conv(torch::nn::Module& owner, const std::string& name,
                                       std::int64_t out) const
  {
    auto made = owner.register_module(
        name, torch::nn::Conv2d(torch::nn::Conv2dOptions(options_.channels, out, 3).padding(1)));
    torch::nn::init::normal_(made->weight, 0, 0.01);
    torch::nn::init::zeros_(made->bias);
    return made;
  }
  [[nodiscard]] torch::nn::Conv2d last(torch::nn::Module& owner, const std::string& name,
                                       std::int64_t width) const
  {
    return conv(owner, name, options_.anchors * width);
  }

  /// Without a normalization a step is named conv.i.0; with one, both stand in a row with their
  /// ReLU: conv.0, conv.1, conv.3, conv.4, ...
  void add_tower(torch::nn::Module& owner, std::vector<step>& tower) const
  {
    torch::nn::Module& part = name_part(owner, "conv");
    for (int i = 0; i < options_.depth; ++i) {
      step& made = tower.emplace_back();
      if (options_.group_norm) {
        made.convolution = conv(part, std::to_string(3 * i), options_.channels);
        made.norm = part.register_module(
            std::to_string(3 * i + 1),
            torch::nn::GroupNorm(torch::nn::GroupNormOptions(32, options_.channels)));
      } else {
        made.convolution = conv(name_part(part, std::to_string(i)), "0", options_.channels);
      }
    }
  }

  [[nodiscard]] static at::Tensor through(std::vector<step>& tower, at::Tensor x)
  {
    for (step& s : tower) {
      x = s.convolution(x);
      x = s.norm ? at::relu(s.norm(x)) : x.relu_();
    }
    return x;
  }

  towers_options options_;
  std::int64_t landmark_width_;
  std::shared_ptr<retinue::body> body_;
  std::vector<std::size_t> places_;  // which of the body's maps are taken
  std::shared_ptr<pyramid> pyramid_;
  at::Tensor bins_;  // 0, 1, ...
  std::vector<step> class_tower_, box_tower_;
  torch::nn::Conv2d logits_{nullptr}, boxes_{nullptr}, quality_{nullptr}, landmarks_{nullptr};
};

/// RetinaNet, FCOS and their like, for objects of a schema.
template <landmark_schema Schema>
class towers : public towers_layers {
 public:
  using schema = Schema;

  explicit towers(towers_options options = {})
      : towers_layers(std::move(options), Schema::count * Schema::dimension)
  {
  }
};

/// The network of a configuration. Throws where the parts do not fit together, as `towers_layers`
/// says.
[[nodiscard]] inline std::shared_ptr<network_layers> layers_of(const network_config& config,
                                                               const towers_form& form,
                                                               std::int64_t landmark_width)
{
  towers_options options;
  options.body = body_named(config.body, config.body_slope);
  const std::vector<anchored_level> levels = levels_of(config.anchors);
  options.finest = levels.front().stride;
  options.anchors = levels.front().anchors;
  const int coarsest = find_body(config.body)->coarsest();
  options.further = static_cast<int>(
      std::ranges::count_if(levels, [&](const anchored_level& l) { return l.stride > coarsest; }));
  options.channels = form.channels;
  options.depth = form.depth;
  options.upward = form.upward;
  options.group_norm = form.group_norm;
  options.classes = static_cast<std::int64_t>(config.labels.columns(config.classes.size()));
  options.bins = form.bins;
  options.code = form.bins > 0 ? 4 * form.bins : 4;
  options.quality = config.labels.reads_quality();
  return std::make_shared<towers_layers>(std::move(options), landmark_width);
}

}  // namespace retinue
