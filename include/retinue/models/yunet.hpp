// SPDX-License-Identifier: Apache-2.0
// YuNet (Wu et al. 2023): a small body, a pyramid of separable units, and for each level a unit for
// classes, for boxes, for landmarks and for whether there is an object at all.
//
//   images -> backbone -> neck -> multi_level_cls, _bbox, _kps, _obj
//
//   l_i = lateral_i(c_i + nearest(l_{i+1}, size of c_i))      the coarsest has nothing above it
//
// Scores are sigmoids of classes times those of the quality (sigmoid_times_quality); boxes and
// landmarks are in strides from a corner of the cell. Parameters are named as in the public
// checkpoints: backbone.model0.conv1.weight, neck.lateral_convs.0.conv1.weight,
// bbox_head.multi_level_cls.0.conv1.weight, ...
#pragma once

#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/error.hpp>                  // fail
#include <retinue/models/bodies.hpp>          // body_named
#include <retinue/models/head.hpp>            // rows_of
#include <retinue/models/network.hpp>         // network_layers
#include <retinue/models/yunet_body.hpp>      // yunet_unit

#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// What a YuNet is built from. As it stands: YuNet-s.
struct yunet_options {
  /// Makes the body, anew for each network; its maps have as many channels each.
  std::function<std::shared_ptr<retinue::body>()> body = [] {
    return std::make_shared<yunet_body>();
  };
  std::int64_t classes = 1;  ///< columns of the scores: of sigmoids
  int shared = 0;            ///< units of each level that all its heads read through
  double prior = 0.01;       ///< what class and objectness say at first
};

/// Any YuNet, compiled once for all schemas; `landmark_width` numbers an anchor are theirs.
class yunet_layers : public network_layers {
 public:
  /// Throws where the maps of the body differ in their channels, and where there are no columns of
  /// scores.
  yunet_layers(yunet_options options, std::int64_t landmark_width)
      : options_(std::move(options)), body_(register_module("backbone", options_.body()))
  {
    const auto maps = body_->maps();
    const std::int64_t channels = maps.front().channels;
    for (const body_map& map : maps)
      if (map.channels != channels)
        fail("the neck of a YuNet adds maps of one number of channels, its body gives ", channels,
             " and ", map.channels);
    if (options_.classes < 1)
      fail("a YuNet of ", options_.classes, " columns of scores: expected 1 or more");

    torch::nn::Module& laterals = name_part(name_part(*this, "neck"), "lateral_convs");
    torch::nn::Module& heads = name_part(*this, "bbox_head");
    if (options_.shared > 0) {
      torch::nn::Module& shared = name_part(heads, "multi_level_share_convs");
      for (std::size_t l = 0; l < maps.size(); ++l) {
        torch::nn::Module& level = name_part(shared, std::to_string(l));
        auto& units = shared_.emplace_back();
        for (int i = 0; i < options_.shared; ++i)
          units.emplace_back(name_part(level, std::to_string(i)), channels, channels);
      }
    }
    widths_ = {options_.classes, 4, landmark_width, 1};
    constexpr std::array names{"multi_level_cls", "multi_level_bbox", "multi_level_kps",
                               "multi_level_obj"};
    for (std::size_t l = 0; l < maps.size(); ++l)
      laterals_.emplace_back(name_part(laterals, std::to_string(l)), channels, channels);
    for (std::size_t h = 0; h < names.size(); ++h) {
      if (widths_[h] == 0) continue;
      torch::nn::Module& head = name_part(heads, names[h]);
      for (std::size_t l = 0; l < maps.size(); ++l)
        heads_[h].emplace_back(name_part(head, std::to_string(l)), channels, widths_[h],
                               /*activated=*/false);
      const bool says_scores = h == 0 || h + 1 == names.size();
      for (const auto& parameter : head.named_parameters())
        if (says_scores && parameter.key().ends_with("conv2.bias"))
          detail::say_first(options_.prior, parameter.value());
    }
  }

  [[nodiscard]] const std::shared_ptr<retinue::body>& backbone() const override { return body_; }

  /// Images (B, 3, H, W); of the public weights BGR from 0 to 255. Throws where they are of another
  /// shape.
  [[nodiscard]] network_outputs forward(const at::Tensor& images) override
  {
    if (images.dim() != 4 || images.size(1) != 3 || images.numel() == 0)
      fail("a YuNet was given images of shape ", c10::str(images.sizes()),
           ": expected (B, 3, H, W)");
    auto maps = body_->forward(images);
    network_outputs p;
    std::array<std::vector<at::Tensor>, 4> said;
    for (std::size_t l = maps.size(); l-- > 0;) {
      if (l + 1 < maps.size()) {
        const at::Tensor fine = detail::plain(maps[l]);
        maps[l] = at::upsample_nearest2d(detail::plain(maps[l + 1]), {fine.size(2), fine.size(3)})
                      .add_(fine);
      }
      maps[l] = laterals_[l](maps[l]);
    }
    for (std::size_t l = 0; l < maps.size(); ++l) {
      at::Tensor x = maps[l];
      if (!shared_.empty())
        for (auto& unit : shared_[l]) x = unit(x);
      for (std::size_t h = 0; h < said.size(); ++h)
        if (widths_[h] > 0)
          said[h].push_back(detail::rows_of(detail::plain(heads_[h][l](x)), widths_[h]));
      const at::Tensor size = detail::plain(x);
      p.maps.push_back({static_cast<int>(size.size(2)), static_cast<int>(size.size(3))});
    }
    p.scores = at::cat(said[0], 1);
    p.boxes = at::cat(said[1], 1);
    if (widths_[2] > 0) p.points = at::cat(said[2], 1);
    p.quality = at::cat(said[3], 1);
    return p;
  }

  void fold() override
  {
    body_->fold();
    for (auto& unit : laterals_) unit.fold();
    for (auto& level : shared_)
      for (auto& unit : level) unit.fold();
    for (auto& head : heads_)
      for (auto& unit : head) unit.fold();
  }

 private:
  yunet_options options_;
  std::shared_ptr<retinue::body> body_;
  std::array<std::int64_t, 4> widths_{};  // of classes, boxes, landmarks, quality
  std::vector<yunet_unit> laterals_;
  std::vector<std::vector<yunet_unit>> shared_;
  std::array<std::vector<yunet_unit>, 4> heads_;
};

/// The network of a configuration. Throws where the parts do not fit together, as `yunet_layers`
/// says.
[[nodiscard]] inline std::shared_ptr<network_layers> layers_of(const network_config& config,
                                                               const yunet_form& form,
                                                               std::int64_t landmark_width)
{
  yunet_options options;
  options.body = body_named(config.body, config.body_slope);
  options.classes = static_cast<std::int64_t>(config.labels.columns(config.classes.size()));
  options.shared = form.shared;
  return std::make_shared<yunet_layers>(std::move(options), landmark_width);
}

}  // namespace retinue
