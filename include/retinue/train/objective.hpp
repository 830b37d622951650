// SPDX-License-Identifier: Apache-2.0
// What a detector is trained for: anchors laid out as the network's maps are, truths matched to
// them, and the loss of both.
#pragma once

#include <retinue/anchors/layout.hpp>          // anchor_layout
#include <retinue/anchors/square_anchors.hpp>  // the anchors by default
#include <retinue/losses/libtorch.hpp>         // fused_multibox_loss, tensor_terms
#include <retinue/losses/targets.hpp>          // image_targets, truth_matcher
#include <retinue/matchers.hpp>                // overlap_matcher
#include <retinue/models/heads.hpp>            // predictions

#include <span>
#include <utility>
#include <vector>

namespace retinue {

template <landmark_schema Schema, class Loss = fused_multibox_loss<Schema>,
          matcher Match = overlap_matcher, anchor_source Anchors = square_anchors>
class objective {
 public:
  explicit objective(Anchors anchors, Match match = Match::retinaface(),
                     const typename Loss::settings& settings = {})
      : anchors_(std::move(anchors)), match_(std::move(match)), loss_(settings)
  {
  }

  /// The truths of each image, in fractions of its sides; all images are of one size.
  [[nodiscard]] tensor_terms operator()(const predictions& said, extent2 image,
                                        std::span<const std::vector<instance<Schema>>> truths)
  {
    if (image != image_ || said.maps != maps_) {
      layout_ = anchor_layout(anchors_, image, said.maps);
      image_ = image;
      maps_ = said.maps;
    }
    targets_.resize(truths.size());
    for (std::size_t i = 0; i < truths.size(); ++i)
      match_(layout_, std::span<const instance<Schema>>(truths[i]), targets_[i]);
    return loss_(layout_.anchors(), tensor_outputs{said.offsets, said.logits, said.landmarks},
                 std::span<const image_targets<Schema>>(targets_));
  }

 private:
  Anchors anchors_;
  truth_matcher<Match> match_;
  Loss loss_;
  extent2 image_{};
  std::vector<extent2> maps_;
  anchor_layout layout_;
  std::vector<image_targets<Schema>> targets_;
};

}  // namespace retinue
