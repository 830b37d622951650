// SPDX-License-Identifier: Apache-2.0
// The loss of a detector that regresses boxes and landmarks from anchors and names what is there.
//
//   box        sum over positives of smooth_l1(offsets - encode(truth))                  / N
//              or, for a loss of how boxes lie, of giou_loss(decode(offsets), truth)
//   label      sum over positives and mined negatives of the softmax cross-entropy       / N
//   landmark   sum over positives, their visible points, of smooth_l1(x) + smooth_l1(y)  / M
//   total      2 box + label + landmark
//
// N is the number of positives of the batch, M of those with a visible landmark; neither is ever
// less than 1. RetinaFace is two classes and 7 : 1 (Deng 2019, eq. 1; seeds 000 to 003), SSD is 21
// classes, no landmarks and 3 : 1 (Liu 2016, eq. 1 to 3; seed 004).
//
// Value and gradient come from one pass over host memory: only the anchors chosen have a gradient.
#pragma once

#include <retinue/error.hpp>                    // fail
#include <retinue/formulas/coders.hpp>          // coder
#include <retinue/formulas/cross_entropy.hpp>   // softmax_cross_entropy
#include <retinue/formulas/dual.hpp>            // as_inputs
#include <retinue/formulas/overlap_losses.hpp>  // overlap_loss
#include <retinue/formulas/residual.hpp>        // smooth_l1
#include <retinue/losses/hard_negatives.hpp>    // negative_mining
#include <retinue/losses/log_odds.hpp>          // log_odds
#include <retinue/losses/targets.hpp>           // image_targets
#include <retinue/losses/truth_reading.hpp>     // the positives of an image

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// What the sums are divided by.
enum class normalisation : std::uint8_t {
  positives,  ///< N and M above
  images,     ///< the images of the batch, so that crowded ones count for more
};

/// What a box may cost: by its offsets, one by one, or by how it lies on its truth. Decoded boxes
/// are fractions of the image's sides: diou_loss and ciou_loss take it for a square.
template <class L>
concept box_loss = residual_loss<L> || overlap_loss<L>;

/// How much each term counts in the total.
struct multibox_weights {
  double box = 2, label = 1, landmark = 1;
};

template <landmark_schema Schema, coder<Schema> Coder = centre_size_coder,
          negative_mining Mining = hard_negatives, box_loss BoxLoss = smooth_l1,
          residual_loss LandmarkLoss = smooth_l1>
struct multibox_settings {
  std::size_t classes = 2;  ///< with the background, which is class 0
  Coder code{};
  Mining mining{};
  BoxLoss box{};
  LandmarkLoss landmark{};
  multibox_weights weights{};
  normalisation divide_by = normalisation::positives;
  truth_reading reading = truth_reading::classes;

  /// Throws what is wrong with them.
  void check() const
  {
    if (classes < 2)
      fail("a multibox loss has ", classes, " classes, expected the background and at least one");
    if (!(weights.box >= 0 && weights.label >= 0 && weights.landmark >= 0))
      fail("the weights of a multibox loss are ", weights.box, ", ", weights.label, ", ",
           weights.landmark, ", expected none below 0");
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
  [[nodiscard]] static multibox_settings ssd(std::size_t classes = 21)
    requires std::same_as<Mining, hard_negatives>
  {
    return {.classes = classes, .mining = hard_negatives::ssd(), .weights = {1, 1, 1}};
  }
};

/// What a network said of B images: (B, anchors, 4), (B, anchors, classes) and (B, anchors, W),
/// where W is the schema's count x dimension.
struct multibox_outputs {
  const float* offsets = nullptr;
  const float* logits = nullptr;
  const float* landmarks = nullptr;  ///< not read where the schema has no landmarks
};

/// Of the same shapes: where the gradient of the total goes. Null is skipped.
struct multibox_gradients {
  float* offsets = nullptr;
  float* logits = nullptr;
  float* landmarks = nullptr;
};

struct multibox_terms {
  double box = 0, label = 0, landmark = 0, total = 0;
  std::size_t positives = 0, negatives = 0, with_landmarks = 0;  ///< anchors that took part
};

/// The gradient of one term by its input, where it is not 0.
struct row_gradients {
  std::size_t width = 0;
  double divisor = 1;
  std::vector<std::int64_t> rows;  ///< of the batch: image x anchors + anchor; each at most once
  std::vector<float> values;       ///< (rows, width), to be divided

  /// All of (count, width), the zeros included.
  void write(double weight, float* out, std::size_t count) const
  {
    const auto scale = static_cast<float>(weight / divisor);
    std::fill_n(out, count * width, 0.0f);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      float* const row = out + static_cast<std::size_t>(rows[i]) * width;
      for (std::size_t c = 0; c < width; ++c) row[c] = scale * values[i * width + c];
    }
  }
  float* add(std::size_t row)
  {
    rows.push_back(static_cast<std::int64_t>(row));
    values.resize(values.size() + width);
    return values.data() + values.size() - width;
  }
  void clear(std::size_t row_width)
  {
    width = row_width;
    rows.clear();
    values.clear();
  }
};

/// On host memory, one thread; its buffers are reused, and one copy serves one thread at a time.
template <landmark_schema Schema, coder<Schema> Coder = centre_size_coder,
          negative_mining Mining = hard_negatives, box_loss BoxLoss = smooth_l1,
          residual_loss LandmarkLoss = smooth_l1>
class multibox_loss {
 public:
  using settings = multibox_settings<Schema, Coder, Mining, BoxLoss, LandmarkLoss>;
  using targets = std::span<const image_targets<Schema>>;
  static constexpr std::size_t landmark_width = Schema::count * Schema::dimension;

  multibox_loss() : multibox_loss(settings{}) {}
  explicit multibox_loss(const settings& s) : settings_(s) { s.check(); }

  [[nodiscard]] const settings& chosen() const { return settings_; }

  /// The terms, and where `out` points, the gradient of their total.
  multibox_terms operator()(std::span<const centre_box<float>> anchors,
                            const multibox_outputs& predicted, targets images,
                            const multibox_gradients& out = {})
  {
    const std::size_t n = anchors.size(), rows = n * images.size();
    box_.clear(4);
    label_.clear(settings_.classes);
    landmark_.clear(landmark_width);
    multibox_terms sums;
    for (std::size_t b = 0; b < images.size(); ++b) add(anchors, predicted, images[b], b, sums);

    box_.divisor = label_.divisor = settings_.divisor(sums.positives, images.size());
    landmark_.divisor = settings_.divisor(sums.with_landmarks, images.size());
    sums.box /= box_.divisor;
    sums.label /= label_.divisor;
    sums.landmark /= landmark_.divisor;
    const multibox_weights& w = settings_.weights;
    sums.total = w.box * sums.box + w.label * sums.label + w.landmark * sums.landmark;
    if (out.offsets) box_.write(w.box, out.offsets, rows);
    if (out.logits) label_.write(w.label, out.logits, rows);
    if (out.landmarks) landmark_.write(w.landmark, out.landmarks, rows);
    return sums;
  }

  /// Of the last call, without the weights.
  [[nodiscard]] const row_gradients& box_gradients() const { return box_; }
  [[nodiscard]] const row_gradients& label_gradients() const { return label_; }
  [[nodiscard]] const row_gradients& landmark_gradients() const { return landmark_; }

 private:
  void add(std::span<const centre_box<float>> anchors, const multibox_outputs& predicted,
           const image_targets<Schema>& image, std::size_t b, multibox_terms& sums)
  {
    const std::size_t n = anchors.size(), first = b * n, classes = settings_.classes;
    read_(image, n, classes, b, settings_.reading);
    odds_.resize(n);
    log_odds(predicted.logits + first * classes, n, classes, odds_.data());
    settings_.mining(odds_, read_.verdicts(), read_.positives().size(), negatives_);
    sums.positives += read_.positives().size();
    sums.negatives += negatives_.size();

    const auto add_label = [&](std::size_t row, std::size_t label) {
      const std::span<const float> x(predicted.logits + row * classes, classes);
      const std::span<float> slope(label_.add(row), classes);
      sums.label += static_cast<double>(softmax_cross_entropy(x, label, slope));
    };
    for (const row_index a : negatives_) add_label(first + a, 0);
    for (const positive_anchor& p : read_.positives()) {
      const std::size_t row = first + p.anchor;
      const instance<Schema>& truth = image.truths[p.truth];
      add_label(row, p.label);
      sums.box +=
          box_cost(predicted.offsets + row * 4, truth.bounds, anchors[p.anchor], box_.add(row));
      if (read_.has_landmarks(image, p)) {
        ++sums.with_landmarks;
        add_landmarks(predicted.landmarks + row * landmark_width, truth, anchors[p.anchor], row,
                      sums);
      }
    }
  }

  /// Of one positive; the slopes by its offsets are written.
  double box_cost(const float* predicted, const box<float>& truth, const centre_box<float>& anchor,
                  float* slope) const
  {
    if constexpr (residual_loss<BoxLoss>) {
      return residuals(settings_.box, predicted, settings_.code.encode(truth, anchor), 0, 4, slope);
    } else {
      const offsets<float> said{predicted[0], predicted[1], predicted[2], predicted[3]};
      const auto found = settings_.code.decode(as_inputs(said), as_constants<4>(anchor));
      const auto cost = settings_.box(found, as_constants<4>(truth));
      std::ranges::copy(cost.slope, slope);
      return static_cast<double>(cost.value);
    }
  }

  void add_landmarks(const float* predicted, const instance<Schema>& truth,
                     const centre_box<float>& anchor, std::size_t row, multibox_terms& sums)
  {
    const auto want = settings_.code.encode(truth.points, anchor);
    float* const slope = landmark_.add(row);
    constexpr std::size_t d = Schema::dimension;
    for (std::size_t k = 0; k < Schema::count; ++k)
      if (read_.is_visible(truth, k))
        sums.landmark += residuals(settings_.landmark, predicted, want, k * d, k * d + d, slope);
  }

  /// The sum over components begin to end; their slopes are written.
  template <class Loss, class Record>
  static double residuals(const Loss& loss, const float* predicted, const Record& want,
                          std::size_t begin, std::size_t end, float* slope)
  {
    double sum = 0;
    for (std::size_t c = begin; c < end; ++c) {
      const float d = predicted[c] - want[c];
      sum += static_cast<double>(loss.value(d));
      slope[c] = loss.slope(d);
    }
    return sum;
  }

  settings settings_;
  target_reader read_;
  std::vector<float> odds_;  // (anchors)
  std::vector<row_index> negatives_;
  row_gradients box_, label_, landmark_;
};

}  // namespace retinue
