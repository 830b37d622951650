// SPDX-License-Identifier: Apache-2.0
// The loss of a detector that regresses boxes and landmarks from anchors and names what is there.
//
//   box        sum over positives of smooth_l1(code - encode(truth))                     / N
//              or, for a loss of how boxes lie, of giou_loss(decode(code), truth);
//              or of both, as of distribution_loss
//   label      sum over positives and mined negatives of the label policy's cost         / N
//   landmark   sum over positives, their visible points, of smooth_l1(x) + smooth_l1(y)  / M
//              or, for a loss of all points where they lie, of keypoint_loss(decode(code), truth)
//   quality    where the head has such a part: the binary cross-entropy of it, against
//              what the quality policy says of a positive, and 0 of a negative           / N
//   total      2 box + label + landmark + quality
//
// N is the number of positives of the batch, M of those with a visible landmark; neither is ever
// less than 1. RetinaFace is a softmax over two columns and 7 : 1 (Deng 2019, eq. 1; seeds 000 to
// 003), SSD one over 21, no landmarks and 3 : 1 (Liu 2016, eq. 1 to 3; seed 004).
//
// One text for every backend: in host memory a term carries the slopes of the rows that it sums,
// over tensors autograd has them.
#pragma once

#include <retinue/backend.hpp>                       // tensor_backend
#include <retinue/error.hpp>                         // fail
#include <retinue/formulas/coders.hpp>               // coder
#include <retinue/formulas/distribution_focal.hpp>   // coded_box_loss
#include <retinue/formulas/dual.hpp>                 // dual
#include <retinue/formulas/keypoint_similarity.hpp>  // points_loss
#include <retinue/formulas/overlap_losses.hpp>       // overlap_loss
#include <retinue/formulas/residual.hpp>             // smooth_l1
#include <retinue/labels/softmax.hpp>                // softmax_labels
#include <retinue/losses/costs.hpp>                  // box_loss, box_cost
#include <retinue/losses/hard_negatives.hpp>         // negative_mining
#include <retinue/losses/quality.hpp>                // quality_policy
#include <retinue/losses/samples.hpp>                // samples
#include <retinue/losses/truths.hpp>                 // truth_batch
#include <retinue/outputs.hpp>                       // outputs

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace retinue {

/// What the sums are divided by.
enum class normalisation : std::uint8_t {
  positives,  ///< N and M above
  images,     ///< the images of the batch, so that crowded ones count for more
};

/// How much the box of a positive counts, beside its truth's weight. Where boxes differ in that,
/// their term is divided by the sum of it, which is never less than 1 either.
enum class box_weighing : std::uint8_t {
  alike,       ///< as much as any other
  by_quality,  ///< by the score that it is to be called with: TOOD, VarifocalNet, YOLOv8
  by_score,    ///< by the best score that it has, which learns nothing from it: GFL
};

/// How much each term counts in the total.
struct multibox_weights {
  double box = 2, label = 1, landmark = 1, quality = 1;
};

template <tensor_backend B, landmark_schema Schema, class Coder, class Mining, class BoxLoss,
          class LandmarkLoss, class Labels, class Quality>
class multibox_loss;

/// What a multibox loss and its sampling are made of: a coder of the schema, negative_mining, a
/// box_loss, a landmark_loss, learnable_labels and a quality_policy.
template <landmark_schema Schema, class Coder = centre_size_coder, class Mining = hard_negatives,
          class BoxLoss = smooth_l1, class LandmarkLoss = smooth_l1, class Labels = softmax_labels,
          class Quality = matched_quality>
struct multibox_settings {
  static_assert(detail::expect_coder<Coder, Schema>() && detail::expect_mining<Mining>() &&
                detail::expect_box_loss<BoxLoss, Coder>() &&
                detail::expect_landmark_loss<LandmarkLoss, Schema>() &&
                detail::expect_learnable_labels<Labels>() && detail::expect_quality<Quality>());

  using schema = Schema;
  template <tensor_backend B, class Match>
  using sampler_over = sampler<B, Match, Labels, Mining, Coder>;
  template <tensor_backend B>
  using loss_over = multibox_loss<B, Schema, Coder, Mining, BoxLoss, LandmarkLoss, Labels, Quality>;

  std::size_t classes = 1;  ///< of objects
  Coder code{};
  Mining mining{};
  BoxLoss box{};
  LandmarkLoss landmark{};
  multibox_weights weights{};
  normalisation divide_by = normalisation::positives;
  box_weighing weigh_boxes = box_weighing::alike;
  truth_reading reading = truth_reading::classes;
  Labels labels{};
  Quality quality{};

  /// Throws where there is no class of objects, where a weight is below 0, and where the labels do
  /// not suit so many classes.
  void check() const
  {
    if (classes < 1) fail("a loss has no class of objects, expected one or more");
    const multibox_weights& w = weights;
    if (!(w.box >= 0 && w.label >= 0 && w.landmark >= 0 && w.quality >= 0))
      fail("the weights of a loss are ", w.box, ", ", w.label, ", ", w.landmark, ", ", w.quality,
           ", expected none below 0");
    if constexpr (requires { labels.check(classes); }) labels.check(classes);
  }
  /// The divisor of a sum over so many anchors.
  [[nodiscard]] double divisor(std::size_t anchors, std::size_t images) const
  {
    const std::size_t count = divide_by == normalisation::images ? images : anchors;
    return static_cast<double>(std::max<std::size_t>(count, 1));
  }

  /// Compatibility: seeds 000, 001 and 003 as they are, A2 and A3 and unclean truths included.
  [[nodiscard]] static multibox_settings reference()
    requires std::same_as<Mining, hard_negatives>
  {
    return {.mining = hard_negatives::reference(), .reading = truth_reading::reference};
  }
  /// Seed 004, without its division by 0: weights 1 : 1 and 3 negatives to a positive.
  [[nodiscard]] static multibox_settings ssd(std::size_t classes = 20)
    requires std::same_as<Mining, hard_negatives>
  {
    return {.classes = classes, .mining = hard_negatives::ssd(), .weights = {.box = 1}};
  }
};

/// Which part of the outputs a term is learnt by.
enum class output_part : std::uint8_t { scores, boxes, points, quality };

/// One term: its sum is divided and weighed by whoever adds terms up.
template <tensor_backend B>
struct summed_term {
  std::string_view name;
  output_part part{};
  double weight = 1, divisor = 1;
  typename B::cost cost;
};

/// What the sums over a batch are divided by. Known before any of its images has been through the
/// network, they let it go through in parts, whose losses then add up to that of the whole.
struct batch_counts {
  std::size_t images = 0, positives = 0, with_landmarks = 0;  ///< the last two: anchors
};

/// What a batch costs, term by term, and the anchors that took part.
template <tensor_backend B>
struct loss_terms {
  std::vector<summed_term<B>> terms;
  std::size_t positives = 0, negatives = 0, with_landmarks = 0;
};

/// Its buffers are reused, and one copy serves one thread at a time.
template <tensor_backend B, landmark_schema Schema, class Coder = centre_size_coder,
          class Mining = hard_negatives, class BoxLoss = smooth_l1, class LandmarkLoss = smooth_l1,
          class Labels = softmax_labels, class Quality = matched_quality>
class multibox_loss {
 public:
  using settings = multibox_settings<Schema, Coder, Mining, BoxLoss, LandmarkLoss, Labels, Quality>;
  static constexpr std::size_t box_width = box_code_t<Coder>::width,
                               landmark_width = landmark_code_t<Coder, Schema>::width;

  multibox_loss() : multibox_loss(settings{}) {}
  explicit multibox_loss(const settings& s) : settings_(s) { s.check(); }

  [[nodiscard]] const settings& chosen() const { return settings_; }

  /// The terms of a batch; they last until the next call. `anchors` are (1, N). Of a part of a
  /// batch, `whole` has the counts. Throws where a part of the outputs is of another shape than
  /// they, the truths and the schema want; and of a part of a batch whose boxes are to be weighed,
  /// which are divided by the sum of the weights.
  const loss_terms<B>& operator()(B& b,
                                  const typename B::template table<centre_box<float>>& anchors,
                                  const outputs<B>& said, const truth_batch<Schema>& truths,
                                  const samples<B>& chosen, const batch_counts* whole = nullptr)
  {
    check(said, truths.images(), anchors.shape().rows);
    names_.clear();
    said_.positives = chosen.positives.size();
    said_.negatives = chosen.negatives.size();
    said_.with_landmarks = 0;
    b.put(truths.boxes(), 1, boxes_);
    b.divide(chosen.positives, std::max<std::size_t>(chosen.anchors, 1), images_, own_anchors_);
    const double divisor = whole ? settings_.divisor(whole->positives, whole->images)
                                 : settings_.divisor(said_.positives, chosen.images);
    const multibox_weights& w = settings_.weights;

    auto& box_term = term(b, "box", output_part::boxes, box_width, w.box, divisor);
    const auto codes = b.template as<box_code_t<Coder>>(said.boxes, "boxes");
    const bool alike = settings_.weigh_boxes == box_weighing::alike;
    if (!alike && whole)
      fail("the boxes of a part of a batch were to be weighed, whose divisor is the whole's");
    if (!alike) box_term.divisor = weigh(b, said, codes, anchors, chosen);
    b.add_cost(detail::box_cost<Coder, BoxLoss>{settings_.code, settings_.box}, box_term.cost,
               b.gather(codes, chosen.positives), b.gather(boxes_, chosen.truths),
               b.gather(anchors, own_anchors_), alike ? chosen.want : weighed_);

    auto& label_term =
        term(b, "label", output_part::scores, said.scores.numbers(), w.label, divisor);
    const wanted<float> nothing{0, 0, 1};
    b.put(std::span<const wanted<float>>(&nothing, 1), 1, background_);
    constexpr bool as_matched = std::same_as<Quality, matched_quality>;
    detail::with_policy(settings_.labels, [&]<class Policy>(const Policy& held) {
      const detail::label_cost<Policy> label{held};
      b.add_cost(label, label_term.cost, b.gather(said.scores, chosen.negatives), background_);
      if constexpr (as_matched)
        b.add_cost(label, label_term.cost, b.gather(said.scores, chosen.positives), chosen.want);
      else
        b.add_cost(label, label_term.cost, b.gather(said.scores, chosen.positives),
                   rated<false>(b, codes, anchors, chosen));
    });

    add_landmarks(b, anchors, said, truths, chosen, whole);
    if (said.quality.shape().rows > 0) {
      auto& quality_term = term(b, "quality", output_part::quality, 1, w.quality, divisor);
      if (settings_.quality.of_negatives)
        b.add_cost(detail::quality_cost{}, quality_term.cost,
                   b.gather(said.quality, chosen.negatives), background_);
      if constexpr (as_matched)
        b.add_cost(detail::quality_cost{}, quality_term.cost,
                   b.gather(said.quality, chosen.positives), chosen.want);
      else
        b.add_cost(detail::quality_cost{}, quality_term.cost,
                   b.gather(said.quality, chosen.positives),
                   rated<true>(b, codes, anchors, chosen));
    }
    said_.terms.resize(names_.size());
    return said_;
  }

 private:
  /// The next of the terms, cleared. Those before it may move.
  summed_term<B>& term(B& b, std::string_view name, output_part part, std::size_t width,
                       double weight, double divisor)
  {
    if (said_.terms.size() == names_.size()) said_.terms.emplace_back();
    summed_term<B>& next = said_.terms[names_.size()];
    names_.push_back(name);
    next.name = name, next.part = part, next.weight = weight, next.divisor = divisor;
    b.clear(next.cost, width);
    return next;
  }

  /// What positives should say, with the quality of the policy.
  template <bool OfPart, class Codes>
  const auto& rated(B& b, const Codes& codes,
                    const typename B::template table<centre_box<float>>& anchors,
                    const samples<B>& chosen)
  {
    b.map(detail::rated_of<Coder, Quality, OfPart>{settings_.code, settings_.quality}, rated_,
          b.gather(codes, chosen.positives), b.gather(boxes_, chosen.truths),
          b.gather(anchors, own_anchors_), chosen.want);
    return rated_;
  }

  /// Fills weighed_: what positives should say, with the weight that their boxes have. Returns what
  /// these are divided by.
  template <class Codes>
  double weigh(B& b, const outputs<B>& said, const Codes& codes,
               const typename B::template table<centre_box<float>>& anchors,
               const samples<B>& chosen)
  {
    const detail::weigh_box<Labels> weigh{settings_.labels,
                                          settings_.weigh_boxes == box_weighing::by_score};
    const auto scores = b.gather(said.scores, chosen.positives);
    if constexpr (std::same_as<Quality, matched_quality>)
      b.map(weigh, weighed_, scores, chosen.want);
    else
      b.map(weigh, weighed_, scores, rated<false>(b, codes, anchors, chosen));
    if (said_.positives == 0) return 1;
    b.total(detail::weight_of{}, sums_, weighed_);
    b.fetch(sums_, host_sums_);
    return std::max(static_cast<double>(host_sums_[0].value), 1.0);
  }

  void add_landmarks(B& b, const typename B::template table<centre_box<float>>& anchors,
                     const outputs<B>& said, const truth_batch<Schema>& truths,
                     const samples<B>& chosen, const batch_counts* whole)
  {
    auto& t =
        term(b, "landmark", output_part::points, landmark_width, settings_.weights.landmark, 1);
    if constexpr (Schema::count > 0) {
      b.put(truths.points(), 1, points_);
      b.map(detail::any_visible{}, visible_, b.gather(points_, chosen.truths));
      b.compact(visible_, seen_);
      b.gather(chosen.positives, seen_, seen_rows_);
      b.gather(chosen.truths, seen_, seen_truths_);
      b.gather(own_anchors_, seen_, seen_anchors_);
      said_.with_landmarks = seen_.size();
      t.divisor = whole ? settings_.divisor(whole->with_landmarks, whole->images)
                        : settings_.divisor(said_.with_landmarks, chosen.images);
      const auto codes = b.template as<landmark_code_t<Coder, Schema>>(said.points, "landmarks");
      b.add_cost(detail::landmark_cost<Coder, LandmarkLoss>{settings_.code, settings_.landmark},
                 t.cost, b.gather(codes, seen_rows_), b.gather(points_, seen_truths_),
                 b.gather(boxes_, seen_truths_), b.gather(anchors, seen_anchors_),
                 b.gather(chosen.want, seen_));
    } else {
      static_cast<void>(anchors), static_cast<void>(said), static_cast<void>(truths);
      t.divisor = settings_.divisor(0, whole ? whole->images : chosen.images);
    }
  }

  void check(const outputs<B>& said, std::size_t images, std::size_t anchors) const
  {
    const auto expect = [&](const typename B::output& part, const char* what, std::size_t numbers) {
      const table_shape shape = part.shape();
      if (shape.images != images || shape.rows != anchors || part.numbers() != numbers)
        fail("the ", what, " of a loss have the shape (", shape.images, ", ", shape.rows, ", ",
             part.numbers(), "), expected (", images, ", ", anchors, ", ", numbers, ")");
    };
    expect(said.boxes, "boxes", box_width);
    expect(said.scores, "scores", settings_.labels.columns(settings_.classes));
    if constexpr (landmark_width > 0) expect(said.points, "landmarks", landmark_width);
    if (said.quality.shape().rows > 0) expect(said.quality, "quality", 1);
  }

  settings settings_;
  loss_terms<B> said_;
  std::vector<std::string_view> names_;
  typename B::template table<truth_bounds<float>> boxes_;
  typename B::template table<truth_points<float, Schema>> points_;
  typename B::template table<wanted<float>> background_, rated_, weighed_;
  typename B::template table<number<float>> sums_;
  std::vector<number<float>> host_sums_;
  typename B::template table<number<float>> visible_;
  typename B::list images_, own_anchors_, seen_, seen_rows_, seen_truths_, seen_anchors_;
};

}  // namespace retinue
