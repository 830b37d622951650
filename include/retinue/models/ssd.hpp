// SPDX-License-Identifier: Apache-2.0
// SSD (Liu et al. 2016): a body, coarser maps behind it, and two 3x3 convolutions over every map.
//
//   images -> body -> extra layers        loc and conf over each map that has default boxes
//
//   auto net = std::make_shared<ssd>();                 // VGG-16, 300 pixels, 21 classes
//   const network_outputs p = net->forward(images);         // 8,732 rows
//
// A level takes the body's map of its stride, where there is one; those that follow take the extra
// layers in turn. Parameters of the default form are named as in the common PyTorch ports:
// vgg.0.weight, L2Norm.weight, extras.0.weight, loc.0.weight, conf.0.weight.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/landmarks.hpp>           // schemas::none
#include <retinue/models/body.hpp>         // body
#include <retinue/models/convolution.hpp>  // name_part
#include <retinue/models/extra_layer.hpp>  // extra_layer
#include <retinue/models/head.hpp>         // rows_of
#include <retinue/models/network.hpp>      // network_outputs
#include <retinue/models/vgg16.hpp>        // the body by default

#include <torch/torch.h>

#include <algorithm>
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

/// What `ssd` is built from. As it stands: SSD300 of the paper.
struct ssd_options {
  /// Makes the body, anew for each network.
  std::function<std::shared_ptr<retinue::body>()> body = [] { return std::make_shared<vgg16>(); };
  std::string body_name = "vgg";  ///< its part of the parameters' names
  bool unit_length = true;        ///< of the finest map, which VGG leaves without normalization
  std::vector<extra_layer> extras = ssd300_extras();
  /// Finest first; those of the extra layers name the strides that these give.
  std::vector<anchored_level> levels = {{8, 4}, {16, 6}, {32, 6}, {64, 6}, {100, 4}, {300, 4}};
  std::int64_t classes = 21;  ///< columns of the scores: of softmax, one for the background
};

/// SSD (Liu 2016) over any body.
class ssd : public torch::nn::Module {
 public:
  using schema = schemas::none;

  explicit ssd(ssd_options options = {}) : options_(std::move(options))
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
      add(extras, extras_, torch::nn::Conv2dOptions(in, e.inner, 1));
      add(extras, extras_,
          torch::nn::Conv2dOptions(e.inner, e.out, e.kernel).stride(e.stride).padding(e.padding));
      channels.push_back(in = e.out);
    }
    torch::nn::Module &loc = name_part(*this, "loc"), &conf = name_part(*this, "conf");
    for (std::size_t l = 0; l < channels.size(); ++l) {
      const std::int64_t anchors = options_.levels[l].anchors;
      const auto over = [&](std::int64_t width) {
        return torch::nn::Conv2dOptions(channels[l], anchors * width, 3).padding(1);
      };
      add(loc, boxes_, over(4));
      add(conf, classes_, over(options_.classes));
    }
  }

  [[nodiscard]] const ssd_options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<retinue::body>& backbone() const { return body_; }

  /// Images (B, 3, H, W), floating point, channels and scale as trained. Sides other than those
  /// that the anchors were designed for will do, if they leave the last maps something to shrink.
  [[nodiscard]] network_outputs forward(const at::Tensor& images)
  {
    if (images.dim() != 4 || images.size(1) != 3 || images.numel() == 0)
      fail("an SSD was given images of shape ", images.sizes(), ": expected (B, 3, H, W)");
    network_outputs p;
    std::vector<at::Tensor> offsets, logits;
    for (const at::Tensor& map : features(images)) {
      const std::size_t l = p.maps.size();
      p.maps.push_back({static_cast<int>(map.size(2)), static_cast<int>(map.size(3))});
      offsets.push_back(detail::rows_of(boxes_[l](map), 4));
      logits.push_back(detail::rows_of(classes_[l](map), options_.classes));
    }
    p.boxes = at::cat(offsets, 1);
    p.scores = at::cat(logits, 1);
    return p;
  }

  /// Goes over to the folded form for good; `runner` makes one and leaves the network as it is.
  void fold() { body_->fold(); }  // the rest has no batch normalization

 private:
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

  static void add(torch::nn::Module& owner, std::vector<torch::nn::Conv2d>& to,
                  const torch::nn::Conv2dOptions& options)
  {
    to.push_back(owner.register_module(std::to_string(to.size()), torch::nn::Conv2d(options)));
    torch::nn::init::xavier_uniform_(to.back()->weight);
    torch::nn::init::zeros_(to.back()->bias);
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
  std::shared_ptr<retinue::body> body_;
  std::vector<std::size_t> places_;  // which of the body's maps the first levels take
  std::shared_ptr<retinue::unit_length> finest_;
  std::vector<torch::nn::Conv2d> extras_, boxes_, classes_;
};

}  // namespace retinue
