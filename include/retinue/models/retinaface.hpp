// SPDX-License-Identifier: Apache-2.0
// RetinaFace (Deng et al. 2019): body, feature pyramid, a context module per level, three heads.
//
//   images -> body -> fpn -> ssh -> ClassHead, BboxHead, LandmarkHead
//
//   auto net = std::make_shared<retinaface<schemas::face5>>();      // MobileNet 0.25, as published
//   load(*net, read_weights("mobilenet0.25.pth"));
//   net->eval();
//   const network_outputs p = net->forward(images);
//
// Parameters are named as in the public checkpoints. Which activation a checkpoint was trained with
// no name tells: the wrong slope loads without complaint, and even finds faces.
#pragma once

#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/error.hpp>                  // fail
#include <retinue/landmarks.hpp>              // landmark_schema
#include <retinue/models/bodies.hpp>          // body_named, levels_of
#include <retinue/models/body.hpp>            // body
#include <retinue/models/fpn.hpp>             // fpn
#include <retinue/models/head.hpp>            // head
#include <retinue/models/mobilenet_v1.hpp>    // the body by default
#include <retinue/models/network.hpp>         // network_outputs
#include <retinue/models/ssh.hpp>             // ssh

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace retinue {

/// What `retinaface` is built from. As it stands: the public network of 426,608 parameters.
struct retinaface_options {
  /// Makes the body, anew for each network.
  std::function<std::shared_ptr<retinue::body>()> body = [] {
    return std::make_shared<mobilenet_v1>();
  };
  /// Finest first, each of a stride that the body offers.
  std::vector<anchored_level> levels = {{8, 2}, {16, 2}, {32, 2}};
  std::int64_t channels = 64;  ///< of the pyramid
  std::int64_t context = 0;    ///< channels of the context, a multiple of 4; 0: as the pyramid has
  std::int64_t classes = 2;    ///< columns of the scores: of softmax, one for the background
  /// The probability that sigmoids say at first of every class, so that the many negatives do not
  /// drown the few positives (Lin 2017, section 4.1); 0: as they come.
  double prior = 0;
  double slope = activation::relu;  ///< of pyramid and context; the body has its own
  bool neck_bias = false;           ///< whether their convolutions have a bias, too
};

/// The maps on the way, one per level, the finest first.
struct feature_maps {
  std::vector<at::Tensor> body, pyramid, context;  ///< (B, channels, H, W)
};

/// Any RetinaFace, compiled once for all schemas; `landmark_width` numbers an anchor are theirs.
class retinaface_layers : public network_layers {
 public:
  /// Throws where there are no levels, where one has no anchors or a stride that the body does not
  /// offer in that order, where the context is no multiple of 4, where there are no columns of
  /// scores, and where the prior is not at least 0 and less than 1.
  retinaface_layers(retinaface_options options, std::int64_t landmark_width)
      : options_(std::move(options)), landmark_width_(landmark_width)
  {
    if (options_.levels.empty()) fail("a RetinaFace needs at least one level");
    if (options_.classes < 1)
      fail("a RetinaFace of ", options_.classes, " columns of scores: expected 1 or more");
    if (!(options_.prior >= 0 && options_.prior < 1))
      fail("the prior of a RetinaFace is ", options_.prior,
           ", expected 0 or more, and less than 1");
    body_ = register_module("body", options_.body());
    std::vector<body_map> taken;
    std::vector<std::int64_t> anchors;
    for (const auto& level : options_.levels) {
      if (level.anchors < 1) fail("a level with ", level.anchors, " anchors a cell");
      taken.push_back(map_of_stride(level.stride, taken.empty() ? 0 : taken.back().stride));
      anchors.push_back(level.anchors);
    }
    pyramid_ = register_module(
        "fpn", std::make_shared<fpn>(taken, options_.channels, options_.slope, options_.neck_bias));
    const std::int64_t context = options_.context > 0 ? options_.context : options_.channels;
    for (std::size_t i = 0; i < taken.size(); ++i)
      contexts_.push_back(register_module(
          "ssh" + std::to_string(i + 1),
          std::make_shared<ssh>(options_.channels, context, options_.slope, options_.neck_bias)));
    const auto add_head = [&](const char* name, std::int64_t width) {
      return register_module(name, std::make_shared<head>(anchors, context, width));
    };
    classes_ = add_head("ClassHead", options_.classes);
    for (std::size_t i = 0; i < taken.size(); ++i)
      detail::say_first(options_.prior, classes_->convolution(i).bias);
    boxes_ = add_head("BboxHead", 4);
    if (landmark_width_ > 0) landmarks_ = add_head("LandmarkHead", landmark_width_);
  }

  [[nodiscard]] const retinaface_options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<retinue::body>& backbone() const override { return body_; }

  /// The maps that the heads read, and those that led to them. `images` as in `forward`. Throws
  /// where they are of another shape or not floating point.
  [[nodiscard]] feature_maps features(const at::Tensor& images)
  {
    if (images.dim() != 4 || images.size(1) != 3 || images.numel() == 0)
      fail("a RetinaFace was given images of shape ", c10::str(images.sizes()),
           ": expected (B, 3, H, W)");
    if (!at::isFloatingType(images.scalar_type()))
      fail("a RetinaFace was given images of ", c10::toString(images.scalar_type()),
           "s: expected floating point");
    feature_maps maps;
    const auto all = body_->forward(images);
    for (const std::size_t place : places_) maps.body.push_back(all[place]);
    maps.pyramid = pyramid_->forward(maps.body);
    for (std::size_t i = 0; i < contexts_.size(); ++i)
      maps.context.push_back(contexts_[i]->forward(maps.pyramid[i]));
    return maps;
  }

  /// Images (B, 3, H, W), of any size, channels and scale as trained (the public weights: BGR from
  /// 0 to 255, less (104, 117, 123)). Throws as `features` does.
  [[nodiscard]] network_outputs forward(const at::Tensor& images) override
  {
    const feature_maps maps = features(images);
    std::vector<at::Tensor> offsets, logits, landmarks;
    network_outputs p;
    for (std::size_t i = 0; i < maps.context.size(); ++i) {
      const at::Tensor& map = maps.context[i];
      p.maps.push_back({static_cast<int>(map.size(2)), static_cast<int>(map.size(3))});
      if (folded_heads_.empty()) {
        offsets.push_back(boxes_->forward(i, map));
        logits.push_back(classes_->forward(i, map));
        if (landmarks_) landmarks.push_back(landmarks_->forward(i, map));
      } else {
        const at::Tensor all = detail::plain(folded_heads_[i](map));
        const std::int64_t n = options_.levels[i].anchors;
        const auto parts =
            all.split_with_sizes({n * 4, n * options_.classes, n * landmark_width_}, 1);
        offsets.push_back(detail::rows_of(parts[0], 4));
        logits.push_back(detail::rows_of(parts[1], options_.classes));
        if (landmarks_) landmarks.push_back(detail::rows_of(parts[2], landmark_width_));
      }
    }
    p.boxes = at::cat(offsets, 1);
    p.scores = at::cat(logits, 1);
    if (landmarks_) p.points = at::cat(landmarks, 1);
    return p;
  }

  /// Goes over to the folded form for good; `runner` makes one and leaves the network as it is.
  void fold() override
  {
    const torch::NoGradGuard inference;
    body_->fold();
    pyramid_->fold();
    for (auto& context : contexts_) context->fold();
    for (std::size_t i = 0; i < options_.levels.size(); ++i) {  // one convolution for all heads
      std::vector<at::Tensor> weights, biases;
      for (const auto& h : {boxes_, classes_, landmarks_})
        if (h) {
          weights.push_back(h->convolution(i).weight);
          biases.push_back(h->convolution(i).bias);
        }
      folded_heads_.emplace_back(at::cat(weights), at::cat(biases), 1, 1, activation::linear);
    }
  }

 private:
  body_map map_of_stride(std::int64_t stride, std::int64_t finer)
  {
    const auto offered = body_->maps();
    for (std::size_t place = 0; place < offered.size(); ++place)
      if (offered[place].stride == stride && stride > finer) {
        places_.push_back(place);
        return offered[place];
      }
    std::ostringstream strides;
    for (const auto& map : offered) strides << ' ' << map.stride;
    fail("a level of stride ", stride,
         ": expected the body's strides, finest first:", strides.str());
  }

  retinaface_options options_;
  std::int64_t landmark_width_;
  std::shared_ptr<retinue::body> body_;
  std::vector<std::size_t> places_;  // which of the body's maps each level takes
  std::shared_ptr<fpn> pyramid_;
  std::vector<std::shared_ptr<ssh>> contexts_;
  std::shared_ptr<head> classes_, boxes_, landmarks_;  // landmarks_ is null where there are none
  std::vector<detail::packed_convolution> folded_heads_;
};

/// A RetinaFace for objects of a schema.
template <landmark_schema Schema>
class retinaface : public retinaface_layers {
 public:
  using schema = Schema;

  explicit retinaface(retinaface_options options = {})
      : retinaface_layers(std::move(options), Schema::count * Schema::dimension)
  {
  }
};

/// What the RetinaFace of a configuration is built from. Throws where there is no body of that
/// name.
[[nodiscard]] inline retinaface_options network_options(const network_config& config,
                                                        const retinaface_form& form)
{
  retinaface_options options;
  options.body = body_named(config.body, config.body_slope);
  options.levels = levels_of(config.anchors);
  options.channels = form.channels;
  options.context = form.context;
  options.classes = static_cast<std::int64_t>(config.labels.columns(config.classes.size()));
  options.prior = prior_of(config);
  options.slope = form.slope;
  options.neck_bias = form.neck_bias;
  return options;
}
/// The RetinaFace of a configuration, `landmark_width` numbers an anchor for landmarks. Throws
/// where its parts do not fit together.
[[nodiscard]] inline std::shared_ptr<network_layers> layers_of(const network_config& config,
                                                               const retinaface_form& form,
                                                               std::int64_t landmark_width)
{
  return std::make_shared<retinaface_layers>(network_options(config, form), landmark_width);
}

}  // namespace retinue
