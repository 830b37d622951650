// SPDX-License-Identifier: Apache-2.0
// What a network is trained for, as its configuration says.
//
// Whatever the configuration chooses, it is one type for each schema: programs are compiled once,
// and ask which matcher, label policy or loss it is once a call.
#pragma once

#include <retinue/anchors/any_anchors.hpp>    // any_anchors
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/error.hpp>                  // fail
#include <retinue/formulas/any_coder.hpp>     // any_coder
#include <retinue/formulas/any_losses.hpp>    // any_box_loss
#include <retinue/labels/any_learnable.hpp>   // any_learnable_labels
#include <retinue/losses/any_negatives.hpp>   // any_negatives
#include <retinue/losses/any_quality.hpp>     // any_quality
#include <retinue/losses/multibox.hpp>        // multibox_settings
#include <retinue/matchers/any_matcher.hpp>   // any_matcher
#include <retinue/train/objective.hpp>        // objective

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

/// The settings of any configuration whose network finds objects of this schema.
template <landmark_schema Schema>
using configured_settings = multibox_settings<Schema, any_coder, any_negatives, any_box_loss,
                                              any_residual_loss, any_learnable_labels, any_quality>;

/// The objective of any configuration.
template <landmark_schema Schema>
using configured_objective = objective<configured_settings<Schema>, any_matcher, any_anchors>;

/// How the labels of a configuration are learnt. Classes may count differently, by a weight each,
/// the background first, where labels are softmax; none: all count as 1.
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
template <landmark_schema Schema>
[[nodiscard]] configured_objective<Schema> objective_of(const network_config& config,
                                                        std::uint64_t seed,
                                                        std::vector<double> class_weights = {})
{
  const learning_config& how = config.learn;
  any_negatives::settings negatives = how.negatives;
  if (auto* const drawn = std::get_if<random_negatives::settings>(&negatives)) drawn->seed = seed;
  return configured_objective<Schema>(
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

}  // namespace retinue
