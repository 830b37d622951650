// SPDX-License-Identifier: Apache-2.0
// How a network is trained, in a configuration: which anchors learn which truths, and what is
// summed. All of it is read where a network is used, too, and changes nothing there.
//
//   "matcher"        {"kind": "overlap", "positive": 0.35, "negative": 0.35, "force": "best",
//                     "floor": 0.2, "ignore": 0.5, "background": 0}
//                    {"kind": "atss", "per_level": 9}
//                    {"kind": "dynamic_k", "bid": "hard", "radius": 2.5, "candidates": 10,
//                     "class_weight": 1, "iou_weight": 3}            SimOTA; "soft" is RTMDet's
//                    {"kind": "task_aligned", "candidates": 13, "score_power": 1,
//                     "overlap_power": 6, "complete": false}
//   "label_loss"     {"kind": "cross_entropy", "smoothing": 0}       of a softmax or of sigmoids
//                    {"kind": "focal", "alpha": 0.25, "gamma": 2}    of sigmoids, like the next
//                    {"kind": "quality_focal", "beta": 2}
//                    {"kind": "varifocal", "alpha": 0.75, "gamma": 2}
//   "box_loss"       {"kind": "smooth_l1", "beta": 1}, "l1", "balanced_l1"          of the code
//                    {"kind": "giou"}, "iou", "log_iou", "square_iou", "diou", "ciou", "eiou",
//                    "siou"
//   "landmark_loss"  {"kind": "smooth_l1", "beta": 1}, "l1", "balanced_l1"
//                    {"kind": "wing", "width": 10, "epsilon": 2}
//   "negatives"      {"kind": "hard", "ratio": 7, "added": 0, "least": 32}
//                    {"kind": "every"}
//                    {"kind": "random", "total": 256, "share": 0.5, "all_positives": false}
//   "quality"        with which score a positive is to be called: as the "matcher" says, or as
//                    its box overlaps the truth: "overlap". A part beside the scores learns the
//                    same, or whether there is an object, or how central the anchor lies:
//                    "overlap_and_objectness", "centre"
//   "weigh_boxes"    how much the box of a positive counts: "alike", "by_quality", "by_score"
#pragma once

#include <retinue/config/rules.hpp>          // between
#include <retinue/formulas/any_losses.hpp>   // any_box_loss
#include <retinue/labels/any_labels.hpp>     // any_labels
#include <retinue/losses/any_negatives.hpp>  // any_negatives
#include <retinue/losses/any_quality.hpp>    // rated_by
#include <retinue/losses/multibox.hpp>       // multibox_weights
#include <retinue/matchers/any_matcher.hpp>  // any_matcher

#include <concepts>
#include <string_view>
#include <type_traits>
#include <variant>

namespace retinue {

/// Cross-entropy of a softmax over all columns, or of the sigmoid of each.
struct cross_entropy_loss {
  static constexpr std::string_view kind = "cross_entropy";  ///< in a configuration

  double smoothing = 0;  ///< of a softmax: see softmax_labels
};

/// How a network is trained. As it stands: as a RetinaFace is.
struct learning_config {
  any_matcher::settings match;
  std::variant<cross_entropy_loss, sigmoid_focal, quality_focal, varifocal> label;
  any_box_loss::one_of box;
  any_residual_loss::one_of landmark;
  any_negatives::settings negatives;
  rated_by quality = rated_by::matcher;
  box_weighing weigh_boxes = box_weighing::alike;
  multibox_weights weights;
};

namespace detail {

/// Calls visit(member) with each member that is one of several kinds.
template <std::same_as<learning_config> Learning, class Visit>
void for_each_choice(const Visit& visit)
{
  visit(&Learning::match);
  visit(&Learning::label);
  visit(&Learning::box);
  visit(&Learning::landmark);
  visit(&Learning::negatives);
}

/// R, or const R: one description serves reading and writing.
template <class C, class R>
concept described_as = std::same_as<std::remove_const_t<C>, R>;

template <class Fields, described_as<overlap_settings> Settings>
void describe(Fields& matcher, Settings& s)
{
  matcher("positive", s.positive, between{0, 1, true});
  matcher("negative", s.negative, between{0, 1, true});
  matcher("force", s.force,
          one_of{{"none", "best", "ties", "reference", "last_ties", "last_best"}});
  matcher("floor", s.floor, between{0, 1});
  matcher("ignore", s.ignore, between{0, 1});
  matcher("background", s.background, between{0, 1});
}
template <class Fields, described_as<adaptive_matcher::settings> Settings>
void describe(Fields& matcher, Settings& s)
{
  matcher("per_level", s.per_level, between{1, 1000});
}
template <class Fields, described_as<dynamic_k_matcher::settings> Settings>
void describe(Fields& matcher, Settings& s)
{
  matcher("bid", s.bid, one_of{{"hard", "soft"}});
  matcher("radius", s.radius, between{0, 1000, true});
  matcher("candidates", s.candidates, between{1, 1000});
  matcher("class_weight", s.class_weight, between{0, 1000});
  matcher("iou_weight", s.iou_weight, between{0, 1000});
}
template <class Fields, described_as<aligned_matcher::settings> Settings>
void describe(Fields& matcher, Settings& s)
{
  matcher("candidates", s.candidates, between{1, 1000});
  matcher("score_power", s.score_power, between{0, 16});
  matcher("overlap_power", s.overlap_power, between{0, 16, true});
  matcher("complete", s.complete, yes_or_no{});
}

template <class Fields, described_as<cross_entropy_loss> Loss>
void describe(Fields& label, Loss& l)
{
  label("smoothing", l.smoothing, between{0, 1});
}
template <class Fields, described_as<sigmoid_focal> Loss>
void describe(Fields& label, Loss& l)
{
  label("alpha", l.alpha, between{-1, 1});
  label("gamma", l.gamma, between{0, 10});
}
template <class Fields, described_as<quality_focal> Loss>
void describe(Fields& label, Loss& l)
{
  label("beta", l.beta, between{0, 10});
}
template <class Fields, described_as<varifocal> Loss>
void describe(Fields& label, Loss& l)
{
  label("alpha", l.alpha, between{0, 10});
  label("gamma", l.gamma, between{0, 10});
}

template <class Fields, described_as<smooth_l1> Loss>
void describe(Fields& residual, Loss& l)
{
  residual("beta", l.beta, between{0, 1000, true});
}
template <class Fields, described_as<balanced_l1> Loss>
void describe(Fields& residual, Loss& l)
{
  residual("alpha", l.alpha, between{0, 10, true});
  residual("gamma", l.gamma, between{0, 10, true});
  residual("beta", l.beta, between{0, 1000, true});
}
template <class Fields, described_as<wing> Loss>
void describe(Fields& residual, Loss& l)
{
  residual("width", l.width, between{0, 1000, true});
  residual("epsilon", l.epsilon, between{0, 1000, true});
}
/// What has no settings of its own.
template <class Fields, class Loss>
  requires(std::is_empty_v<Loss> || overlap_loss<Loss>)
void describe(Fields&, Loss&)
{
}

template <class Fields, described_as<hard_negatives::settings> Settings>
void describe(Fields& negatives, Settings& s)
{
  negatives("ratio", s.ratio, between{0, 1'000'000});
  negatives("added", s.added, between{0, 1'000'000});
  negatives("least", s.least, between{0, 1'000'000});
}
template <class Fields, described_as<random_negatives::settings> Settings>
void describe(Fields& negatives, Settings& s)
{
  negatives("total", s.total, between{1, 1'000'000});
  negatives("share", s.share, between{0, 1});
  negatives("all_positives", s.all_positives, yes_or_no{});
}

template <class Fields, described_as<learning_config> Config>
void describe(Fields& fields, Config& c)
{
  const auto choice = [&](const char* key, auto& of) {
    fields.group(key, [&](auto& inner) {
      inner("kind", of, a_kind{});
      std::visit([&](auto& one) { describe(inner, one); }, of);
    });
  };
  choice("matcher", c.match);
  choice("label_loss", c.label);
  choice("box_loss", c.box);
  choice("landmark_loss", c.landmark);
  choice("negatives", c.negatives);
  fields("quality", c.quality, one_of{{"matcher", "overlap", "overlap_and_objectness", "centre"}});
  fields("weigh_boxes", c.weigh_boxes, one_of{{"alike", "by_quality", "by_score"}});
  fields.group("loss_weights", [&](auto& weights) {
    constexpr between weight{0, 1000};
    weights("box", c.weights.box, weight);
    weights("label", c.weights.label, weight);
    weights("landmark", c.weights.landmark, weight);
    weights("quality", c.weights.quality, weight);
  });
}

/// What no single key can tell; refuse(path, parts...) throws, of what has that path.
template <class Config, class Refuse>
void check_learning(const Config& config, const Refuse& refuse)
{
  const learning_config& c = config.learn;
  if (const auto* const by = std::get_if<overlap_settings>(&c.match)) {
    if (by->negative > by->positive)
      refuse("matcher.negative", " is ", by->negative, ", expected no more than the ", by->positive,
             " of matcher.positive");
    if (by->background > by->negative)
      refuse("matcher.background", " is ", by->background, ", expected no more than the ",
             by->negative, " of matcher.negative");
  }
  const auto* const entropy = std::get_if<cross_entropy_loss>(&c.label);
  const bool softmax = std::holds_alternative<softmax_labels>(config.labels.policy),
             given = std::holds_alternative<given_labels>(config.labels.policy);
  if (softmax && !entropy)
    refuse("label_loss.kind", " is ", std::visit([](const auto& l) { return l.kind; }, c.label),
           ", which is of sigmoids: expected cross_entropy where labels are softmax");
  if (!softmax && !given && entropy && entropy->smoothing > 0)
    refuse("label_loss.smoothing", " is ", entropy->smoothing,
           ", expected 0 where labels are no softmax");
  if (c.quality > rated_by::overlap && !config.labels.reads_quality())
    refuse("quality",
           ": its part beside the scores is not there: expected sigmoid_times_quality "
           "for labels");
}

}  // namespace detail

}  // namespace retinue
