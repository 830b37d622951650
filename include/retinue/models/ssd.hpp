// SPDX-License-Identifier: Apache-2.0
// SSD (Liu et al. 2016): a body, coarser maps behind it, and a 3x3 convolution over every map for
// boxes, one for classes, and one for landmarks where there are any.
//
//   images -> body -> extra layers        loc, conf and landm over each map that has anchors
//
//   auto net = std::make_shared<ssd>();                 // VGG-16, 300 pixels, 21 classes
//   const network_outputs p = net->forward(images);         // 8,732 rows
//
// A level takes the body's map of its stride, where there is one; those that follow take the extra
// layers in turn. Parameters of the default form are named as in the common PyTorch ports:
// vgg.0.weight, L2Norm.weight, extras.0.weight, loc.0.weight, conf.0.weight; of separable layers
// the two steps are named 0 and 2: loc.0.0.weight, loc.0.2.weight.
//
// The Ultra-Light face detectors, and the RetinaFaces RFB and slim, are SSDs with separable layers.
#pragma once

#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/error.hpp>                  // fail
#include <retinue/landmarks.hpp>              // landmark_schema
#include <retinue/models/bodies.hpp>          // body_named, levels_of
#include <retinue/models/body.hpp>            // body
#include <retinue/models/convolution.hpp>     // name_part
#include <retinue/models/extra_layer.hpp>     // extra_layer
#include <retinue/models/head.hpp>            // rows_of
#include <retinue/models/network.hpp>         // network_layers
#include <retinue/models/vgg16.hpp>           // the body by default

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// Scales the length of each cell's vector to 1, then each channel by a weight that is learnt: maps
/// near the picture have far larger values than coarse ones (Liu et al. 2015, ParseNet).
class unit_length : public torch::nn::Module {
 public:
  explicit unit_length(std::int64_t channels, double weight = 20)
      : weight_(register_parameter("weight", at::full({channels}, weight)))
  {
  }

  /// (B, channels, H, W) to the same.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const
  {
    constexpr double tiny = 1e-10;  // for cells of zeros
    return x / (x.pow(2).sum(1, true).sqrt() + tiny) * weight_.reshape({1, -1, 1, 1});
  }

 private:
  at::Tensor weight_;
};

/// What an SSD is built from. As it stands: SSD300 of the paper.
struct ssd_options {
  /// Makes the body, anew for each network.
  std::function<std::shared_ptr<retinue::body>()> body = [] { return std::make_shared<vgg16>(); };
  std::string body_name = "vgg";  ///< its part of the parameters' names
  bool unit_length = true;        ///< of the finest map, which VGG leaves without normalization
  std::vector<extra_layer> extras = ssd300_extras();
  bool separable = false;  ///< see ssd_form
  /// Finest first; those of the extra layers name the strides that these give.
  std::vector<anchored_level> levels = {{8, 4}, {16, 6}, {32, 6}, {64, 6}, {100, 4}, {300, 4}};
  std::int64_t classes = 21;  ///< columns of the scores: of softmax, one for the background
  double prior = 0;           ///< what sigmoids say at first of every class; 0: as they come
};

/// Any SSD, compiled once for all schemas; `landmark_width` numbers an anchor are theirs.
class ssd_layers : public network_layers {
 public:
  /// Throws where there are no columns of scores, where the body does not offer the first level's
  /// stride, and where the levels behind its maps are not as many as the extra layers.
  ssd_layers(ssd_options options, std::int64_t landmark_width)
      : options_(std::move(options)), widths_{4, options_.classes, landmark_width}
  {
    if (options_.classes < 1)
      fail("an SSD of ", options_.classes, " columns of scores: expected 1 or more");
    body_ = register_module(options_.body_name, options_.body());
    std::vector<std::int64_t> channels = take_maps();
    if (options_.unit_length)
      finest_ = register_module("L2Norm", std::make_shared<retinue::unit_length>(channels[0]));

    torch::nn::Module& extras = name_part(*this, "extras");
    std::int64_t in = body_->maps().back().channels;
    for (const extra_layer& e : options_.extras) {
      add(extras, extras_, torch::nn::Conv2dOptions(in, e.inner, 1), false);
      add(extras, extras_,
          torch::nn::Conv2dOptions(e.inner, e.out, e.kernel).stride(e.stride).padding(e.padding),
          options_.separable);
      channels.push_back(in = e.out);
    }
    constexpr std::array names{"loc", "conf", "landm"};
    std::array<torch::nn::Module*, 3> owners{};
    for (std::size_t h = 0; h < names.size(); ++h)
      if (widths_[h] > 0) owners[h] = &name_part(*this, names[h]);
    for (std::size_t l = 0; l < channels.size(); ++l)
      for (std::size_t h = 0; h < names.size(); ++h)
        if (widths_[h] > 0)
          add(*owners[h], heads_[h],
              torch::nn::Conv2dOptions(channels[l], options_.levels[l].anchors * widths_[h], 3)
                  .padding(1),
              options_.separable && l + 1 < channels.size());
    for (const steps_of_layer& scores : heads_[1])
      detail::say_first(options_.prior, scores.steps.back()->bias);
  }

  [[nodiscard]] const ssd_options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<retinue::body>& backbone() const override { return body_; }

  /// Images (B, 3, H, W), floating point, channels and scale as trained. Sides other than those
  /// that the anchors were designed for will do, if they leave the last maps something to shrink.
  /// Throws where they do not, and where images are of another shape.
  [[nodiscard]] network_outputs forward(const at::Tensor& images) override
  {
    if (images.dim() != 4 || images.size(1) != 3 || images.numel() == 0)
      fail("an SSD was given images of shape ", c10::str(images.sizes()),
           ": expected (B, 3, H, W)");
    network_outputs p;
    std::array<std::vector<at::Tensor>, 3> said;
    for (const at::Tensor& map : features(images)) {
      const std::size_t l = p.maps.size();
      p.maps.push_back({static_cast<int>(map.size(2)), static_cast<int>(map.size(3))});
      for (std::size_t h = 0; h < said.size(); ++h)
        if (widths_[h] > 0) said[h].push_back(detail::rows_of(heads_[h][l](map), widths_[h]));
    }
    p.boxes = at::cat(said[0], 1);
    p.scores = at::cat(said[1], 1);
    if (widths_[2] > 0) p.points = at::cat(said[2], 1);
    return p;
  }

  void fold() override { body_->fold(); }  // the rest has no batch normalization

 private:
  /// A convolution, or one of each channel alone with a 1x1 behind it; ReLUs stand between.
  struct steps_of_layer {
    std::vector<torch::nn::Conv2d> steps;

    [[nodiscard]] at::Tensor operator()(const at::Tensor& x)
    {
      at::Tensor y = steps.front()(x);
      for (std::size_t i = 1; i < steps.size(); ++i) y = steps[i](y.relu_());
      return y;
    }
  };

  /// Decides which maps the levels take; the channels of those that are the body's.
  std::vector<std::int64_t> take_maps()
  {
    const auto& levels = options_.levels;
    std::vector<std::int64_t> channels;
    const auto offered = body_->maps();
    for (std::size_t place = 0; place < offered.size(); ++place)
      if (channels.size() < levels.size() &&
          levels[channels.size()].stride == offered[place].stride) {
        places_.push_back(place);
        channels.push_back(offered[place].channels);
      }
    if (channels.empty())
      fail("the first level of an SSD has stride ", levels.empty() ? 0 : levels[0].stride,
           ", which its body does not offer");
    if (channels.size() + options_.extras.size() != levels.size())
      fail("an SSD of ", levels.size(), " levels, of which its body gives ", channels.size(),
           ", has ", options_.extras.size(), " extra layers: expected ",
           levels.size() - channels.size());
    return channels;
  }

  static void add(torch::nn::Module& owner, std::vector<steps_of_layer>& to,
                  const torch::nn::Conv2dOptions& options, bool separable)
  {
    const std::string number = std::to_string(to.size());
    steps_of_layer& made = to.emplace_back();
    const auto step = [&](torch::nn::Module& of, const std::string& name,
                          const torch::nn::Conv2dOptions& shape) {
      auto& conv = made.steps.emplace_back(of.register_module(name, torch::nn::Conv2d(shape)));
      torch::nn::init::xavier_uniform_(conv->weight);
      torch::nn::init::zeros_(conv->bias);
    };
    if (!separable) return step(owner, number, options);
    torch::nn::Module& part = name_part(owner, number);
    const std::int64_t in = options.in_channels();
    step(part, "0", torch::nn::Conv2dOptions(options).out_channels(in).groups(in));
    step(part, "2", torch::nn::Conv2dOptions(in, options.out_channels(), 1));
  }

  /// The map of each level, plain.
  std::vector<at::Tensor> features(const at::Tensor& images)
  {
    const auto all = body_->forward(images);
    std::vector<at::Tensor> maps;
    for (const std::size_t place : places_) maps.push_back(detail::plain(all[place]));
    at::Tensor x = detail::plain(all.back());
    if (finest_) maps[0] = finest_->forward(maps[0]);
    for (std::size_t e = 0; e < options_.extras.size(); ++e) {
      const extra_layer& layer = options_.extras[e];
      if (std::min(x.size(2), x.size(3)) + 2 * layer.padding < layer.kernel)
        fail("images of ", images.size(3), " x ", images.size(2), " pixels leave extra layer ", e,
             " of an SSD a map of ", x.size(3), " x ", x.size(2), ": too small for its kernel of ",
             layer.kernel);
      x = extras_[2 * e + 1](extras_[2 * e](x).relu_()).relu_();
      maps.push_back(x);
    }
    return maps;
  }

  ssd_options options_;
  std::array<std::int64_t, 3> widths_;  // of boxes, classes, landmarks
  std::shared_ptr<retinue::body> body_;
  std::vector<std::size_t> places_;  // which of the body's maps the first levels take
  std::shared_ptr<retinue::unit_length> finest_;
  std::vector<steps_of_layer> extras_;
  std::array<std::vector<steps_of_layer>, 3> heads_;
};

/// An SSD for objects of a schema.
template <landmark_schema Schema>
class ssd_of : public ssd_layers {
 public:
  using schema = Schema;

  explicit ssd_of(ssd_options options = {})
      : ssd_layers(std::move(options), Schema::count * Schema::dimension)
  {
  }
};

/// The paper's has no landmarks.
using ssd = ssd_of<schemas::none>;

/// What the SSD of a configuration is built from. Throws where there is no body of that name.
[[nodiscard]] inline ssd_options network_options(const network_config& config, const ssd_form& form)
{
  const known_body* const known = find_body(config.body);
  ssd_options options;
  options.body = body_named(config.body, config.body_slope);
  if (known) options.body_name = known->part;
  options.unit_length = known && !known->normalized;
  options.extras = form.extras;
  options.separable = form.separable;
  options.levels = levels_of(config.anchors);
  options.classes = static_cast<std::int64_t>(config.labels.columns(config.classes.size()));
  options.prior = prior_of(config);
  return options;
}
/// The SSD of a configuration, `landmark_width` numbers an anchor for landmarks. Throws where its
/// parts do not fit together.
[[nodiscard]] inline std::shared_ptr<network_layers> layers_of(const network_config& config,
                                                               const ssd_form& form,
                                                               std::int64_t landmark_width)
{
  return std::make_shared<ssd_layers>(network_options(config, form), landmark_width);
}

}  // namespace retinue
