// SPDX-License-Identifier: Apache-2.0
// What a network is trained for, as its configuration says.
//
// Whatever the configuration chooses, it is one type for each schema: programs are compiled once,
// and ask which matcher, label policy or loss it is once a call.
#pragma once

#include <retinue/anchors/any_anchors.hpp>       // any_anchors
#include <retinue/config/network_config.hpp>     // network_config
#include <retinue/error.hpp>                     // fail
#include <retinue/formulas/any_losses.hpp>       // any_binary_cost
#include <retinue/formulas/coders.hpp>           // centre_size_coder
#include <retinue/formulas/residual.hpp>         // smooth_l1
#include <retinue/labels/any_learnable.hpp>      // any_learnable_labels
#include <retinue/labels/softmax.hpp>            // softmax_labels
#include <retinue/losses/any_multibox.hpp>       // any_multibox_settings
#include <retinue/losses/any_negatives.hpp>      // any_negatives
#include <retinue/losses/any_quality.hpp>        // any_quality
#include <retinue/losses/hard_negatives.hpp>     // hard_negatives
#include <retinue/losses/multibox.hpp>           // multibox_settings
#include <retinue/matchers/any_matcher.hpp>      // any_matcher
#include <retinue/matchers/overlap_matcher.hpp>  // overlap_matcher
#include <retinue/train/objective.hpp>           // objective

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

/// The objective of any configuration; of blocks, for a device on which programs learn.
template <landmark_schema Schema, class Blocks = no_blocks>
using configured_objective =
    objective<any_multibox_settings<Schema>, any_matcher, any_anchors, Blocks>;

/// How the labels of a configuration are learnt. Classes may count differently, by a weight each,
/// the background first, where labels are softmax; none: all count as 1. Throws where labels are
/// given, from which nothing is learnt; where labels are softmax and their loss is no
/// cross-entropy; and where there are weights and labels are not softmax, or one is below 0.
[[nodiscard]] inline any_learnable_labels learnable_labels_of(const network_config& config,
                                                              std::vector<double> class_weights)
{
  if (std::holds_alternative<given_labels>(config.labels.policy))
    fail(
        "the labels of the configuration are given, from which nothing is learnt: expected "
        "softmax, sigmoid or sigmoid_times_quality");
  const bool softmax = std::holds_alternative<softmax_labels>(config.labels.policy);
  if (!softmax && !class_weights.empty())
    fail("there are ", class_weights.size(), " weights of classes and labels read as ",
         config.labels.what(), ", expected softmax");
  return std::visit(
      [&]<class Loss>(const Loss& loss) -> any_learnable_labels {
        if constexpr (std::is_same_v<Loss, cross_entropy_loss>) {
          if (softmax) return {{weighted_softmax_labels(std::move(class_weights), loss.smoothing)}};
          return {{sigmoid_labels<any_binary_cost>{{binary_cross_entropy{}}}}};
        } else {
          if (softmax)
            fail("labels are softmax and their loss is ", Loss::kind, ", expected cross_entropy");
          return {{sigmoid_labels<any_binary_cost>{{loss}}}};
        }
      },
      config.learn.label);
}

/// What the network of a configuration is trained for. Draws, where there are any, are of `seed`.
/// Throws as `learnable_labels_of` does, and what is wrong with the settings.
template <landmark_schema Schema, class Blocks = no_blocks>
[[nodiscard]] configured_objective<Schema, Blocks> objective_of(
    const network_config& config, std::uint64_t seed, std::vector<double> class_weights = {})
{
  const learning_config& how = config.learn;
  any_negatives::settings negatives = how.negatives;
  if (auto* const drawn = std::get_if<random_negatives::settings>(&negatives)) drawn->seed = seed;
  return configured_objective<Schema, Blocks>(
      config.anchors,
      {.classes = config.classes.size(),
       .code = config.coder,
       .mining = any_negatives(negatives),
       .box = {how.box},
       .landmark = {how.landmark},
       .weights = how.weights,
       .weigh_boxes = how.weigh_boxes,
       .labels = learnable_labels_of(config, std::move(class_weights)),
       .quality = any_quality(how.quality)},
      any_matcher(how.match));
}

/// The objective of the papers' own parts: softmax with mined negatives, smooth L1 losses of
/// centre-size offsets, and matching by overlap.
template <landmark_schema Schema, class Blocks = no_blocks>
using standard_objective =
    objective<multibox_settings<Schema>, overlap_matcher, any_anchors, Blocks>;

/// The same as objective_of by programs that know these parts at compile time, and so take fewer
/// registers; nothing where the configuration or the classes' weights ask for other parts.
template <landmark_schema Schema, class Blocks>
[[nodiscard]] std::optional<standard_objective<Schema, Blocks>> standard_objective_of(
    const network_config& config, const std::vector<double>& class_weights = {})
{
  const learning_config& how = config.learn;
  const auto* const code = std::get_if<centre_size_coder>(&config.coder.choice);
  const auto* const match = std::get_if<overlap_matcher::settings>(&how.match);
  const auto* const label = std::get_if<cross_entropy_loss>(&how.label);
  const auto* const box = std::get_if<smooth_l1>(&how.box);
  const auto* const landmark = std::get_if<smooth_l1>(&how.landmark);
  const auto* const negatives = std::get_if<hard_negatives::settings>(&how.negatives);
  if (!code || !match || !label || !box || !landmark || !negatives || !class_weights.empty() ||
      !std::holds_alternative<softmax_labels>(config.labels.policy) ||
      how.quality != rated_by::matcher || how.weigh_boxes != box_weighing::alike)
    return {};
  return standard_objective<Schema, Blocks>(config.anchors,
                                            {.classes = config.classes.size(),
                                             .code = *code,
                                             .mining = hard_negatives(*negatives),
                                             .box = *box,
                                             .landmark = *landmark,
                                             .weights = how.weights,
                                             .labels = {.smoothing = label->smoothing}},
                                            overlap_matcher(*match));
}

}  // namespace retinue
