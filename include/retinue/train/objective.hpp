// SPDX-License-Identifier: Apache-2.0
// What a detector is trained for: anchors laid out as the network's maps are, truths matched to
// them, and the loss of both.
#pragma once

#include <retinue/anchors/layout.hpp>          // anchor_layout
#include <retinue/anchors/square_anchors.hpp>  // the anchors by default
#include <retinue/losses/libtorch.hpp>         // fused_multibox_loss, tensor_terms
#include <retinue/losses/targets.hpp>          // image_targets, truth_matcher
#include <retinue/losses/truth_reading.hpp>    // target_reader
#include <retinue/matchers.hpp>                // overlap_matcher
#include <retinue/models/heads.hpp>            // predictions

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// What the sums over a batch are divided by. Known before any of its images has been through the
/// network, they let it go through in parts, whose losses then add up to that of the whole.
struct batch_counts {
  std::size_t images = 0, positives = 0, with_landmarks = 0;  ///< the last two: anchors
};

template <landmark_schema Schema, class Loss = fused_multibox_loss<Schema>,
          matcher Match = overlap_matcher, anchor_source Anchors = square_anchors>
class objective {
 public:
  explicit objective(Anchors anchors, Match match = Match::retinaface(),
                     const typename Loss::settings& settings = {})
      : anchors_(std::move(anchors)), match_(std::move(match)), settings_(settings), loss_(settings)
  {
  }

  /// The truths of each image, in fractions of its sides; all images are of one size.
  [[nodiscard]] tensor_terms operator()(const predictions& said, extent2 image,
                                        std::span<const std::vector<instance<Schema>>> truths)
  {
    match(image, said.maps, truths);
    return loss_(layout_.anchors(), tensor_outputs{said.offsets, said.logits, said.landmarks},
                 std::span<const image_targets<Schema>>(targets_));
  }

  /// Of a part of a batch: what it adds to the terms of the whole.
  [[nodiscard]] tensor_terms operator()(const predictions& said, extent2 image,
                                        std::span<const std::vector<instance<Schema>>> truths,
                                        const batch_counts& whole)
  {
    tensor_terms terms = (*this)(said, image, truths);
    const auto share = [&](std::size_t of_part, std::size_t of_whole) {
      return settings_.divisor(of_part, truths.size()) / settings_.divisor(of_whole, whole.images);
    };
    const double positives = share(terms.positives, whole.positives);
    terms.box = terms.box * positives;
    terms.label = terms.label * positives;
    terms.landmark = terms.landmark * share(terms.with_landmarks, whole.with_landmarks);
    detail::weigh(settings_, terms);
    return terms;
  }

  /// The counts of a batch; `maps` are those that the network says of any part of it.
  [[nodiscard]] batch_counts count(extent2 image, const std::vector<extent2>& maps,
                                   std::span<const std::vector<instance<Schema>>> truths)
  {
    match(image, maps, truths);
    batch_counts counts{truths.size(), 0, 0};
    for (std::size_t b = 0; b < targets_.size(); ++b) {
      read_(targets_[b], layout_.anchors().size(), settings_.classes, b, settings_.reading);
      counts.positives += read_.positives().size();
      for (const positive_anchor& p : read_.positives())
        counts.with_landmarks += read_.has_landmarks(targets_[b], p);
    }
    return counts;
  }

 private:
  void match(extent2 image, const std::vector<extent2>& maps,
             std::span<const std::vector<instance<Schema>>> truths)
  {
    if (image != image_ || maps != maps_) {
      layout_ = anchor_layout(anchors_, image, maps);
      image_ = image;
      maps_ = maps;
    }
    targets_.resize(truths.size());
    for (std::size_t i = 0; i < truths.size(); ++i)
      match_(layout_, std::span<const instance<Schema>>(truths[i]), targets_[i]);
  }

  Anchors anchors_;
  truth_matcher<Match> match_;
  typename Loss::settings settings_;
  Loss loss_;
  target_reader read_;
  extent2 image_{};
  std::vector<extent2> maps_;
  anchor_layout layout_;
  std::vector<image_targets<Schema>> targets_;
};

}  // namespace retinue
