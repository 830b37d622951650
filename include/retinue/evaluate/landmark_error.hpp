// SPDX-License-Identifier: Apache-2.0
// How far the landmarks of what was found lie from the truth: the normalised mean error (NME).
//
//   error of a pair = mean over visible points of |found - truth| / scale
//   NME             = mean over pairs
//   scale           = sqrt(w h) of the truth's box, or the distance of the truth's eyes
//
// A pair is a truth and the detection that found it, by VOC's matching. A truth that was not found
// has no error: it is counted beside the figure, which says nothing without that count.
#pragma once

#include <retinue/detection.hpp>          // detection
#include <retinue/error.hpp>              // fail
#include <retinue/evaluate/inputs.hpp>    // for_each_class
#include <retinue/evaluate/matching.hpp>  // judge, best_of_all
#include <retinue/instance.hpp>           // instance
#include <retinue/landmarks.hpp>          // schemas

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace retinue {

/// The two points whose distance is the inter-ocular distance: a member `eyes` of your schema, or a
/// specialization. Of contours, the outer corners, as 300-W and WFLW measure.
template <landmark_schema Schema>
inline constexpr std::optional<std::array<std::size_t, 2>> eye_points = [] {
  std::optional<std::array<std::size_t, 2>> eyes;
  if constexpr (requires { Schema::eyes; }) eyes = Schema::eyes;
  return eyes;
}();
template <>
inline constexpr std::optional<std::array<std::size_t, 2>> eye_points<schemas::face5>{{{0, 1}}};
template <>
inline constexpr std::optional<std::array<std::size_t, 2>> eye_points<schemas::face68>{{{36, 45}}};
template <>
inline constexpr std::optional<std::array<std::size_t, 2>> eye_points<schemas::wflw98>{{{60, 72}}};
template <>
inline constexpr std::optional<std::array<std::size_t, 2>> eye_points<schemas::coco17>{{{1, 2}}};

/// What a distance is divided by: sqrt(w h) of the truth's box, or the distance of its eyes.
enum class landmark_scale { box_size, inter_ocular };

/// Which pairs count, and what distances are divided by.
struct landmark_protocol {
  landmark_scale scale = landmark_scale::box_size;
  double overlap = 0.5;  ///< of the boxes of a pair, at least
  double score = 0;      ///< detections below are left out
  double failure = 0.1;  ///< a pair with a greater error has failed

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << "NME: mean distance of visible landmarks by "
         << (scale == landmark_scale::box_size ? "sqrt(w h) of the truth's box"
                                               : "the distance of the truth's eyes")
         << ", pairs of boxes that overlap by " << overlap << ", scores from " << score
         << ", failed beyond " << failure;
    return text.str();
  }
};

/// The errors of a set; shares of the scale, not per cent.
struct landmark_result {
  landmark_protocol protocol;
  std::optional<double> mean;    ///< the NME; nothing without a pair
  std::optional<double> failed;  ///< share of pairs whose error exceeds protocol.failure
  std::vector<double> errors;    ///< of each pair, ascending
  std::vector<std::optional<double>> points;  ///< the mean of each landmark, in the schema's order
  std::size_t truths = 0;                     ///< with a visible landmark, and not ignored
  std::size_t missed = 0;                     ///< of those, not found
  std::size_t unscaled = 0;  ///< found, but without a scale: an empty box, or no two eyes

  /// The share of pairs whose error is at most `error`: the cumulative error curve.
  [[nodiscard]] double share_within(double error) const
  {
    const auto within = std::ranges::upper_bound(errors, error) - errors.begin();
    return errors.empty() ? 0 : static_cast<double>(within) / static_cast<double>(errors.size());
  }

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << protocol.describe() << "\n  NME: ";
    if (mean)
      text << *mean << " over " << errors.size() << " pairs, "
           << std::lround(*failed * static_cast<double>(errors.size())) << " of them failed";
    else
      text << "no pair";
    text << "; " << missed << " of " << truths << " truths not found";
    if (unscaled) text << ", " << unscaled << " without a scale";
    text << "\n";
    return text.str();
  }
};

/// The error of landmarks: images are added one by one, the result is asked for at the end.
template <landmark_schema Schema>
class landmark_evaluation {
 public:
  /// Throws where the overlap is not above 0 and at most 1, and where distances are divided by that
  /// of the eyes and the schema does not say which those are: see `eye_points`.
  explicit landmark_evaluation(landmark_protocol protocol = {}) : protocol_(protocol)
  {
    if (protocol.scale == landmark_scale::inter_ocular && !eye_points<Schema>)
      fail("the landmark schema of ", Schema::count,
           " points does not say which are the eyes: specialize retinue::eye_points");
    if (!(protocol.overlap > 0 && protocol.overlap <= 1))
      fail("the overlap of pairs is ", protocol.overlap, ", expected more than 0 and at most 1");
  }

  /// One image. Detections in any order. Throws where a box, a score, a landmark or a truth's
  /// visible landmark is not finite.
  void add(std::span<const detection<Schema>> detections, std::span<const instance<Schema>> truths)
  {
    for (std::size_t d = 0; d < detections.size(); ++d)
      check("detection", d, detections[d].points, [](std::size_t) { return true; });
    for (std::size_t t = 0; t < truths.size(); ++t)
      check("truth", t, truths[t].points, [&](std::size_t k) { return truths[t].visible[k]; });
    for_each_class(detections, truths, images_++, [&](class_of_image& c) {
      const auto weak = std::ranges::find_if(
          c.detections, [&](const auto& d) { return d.score < protocol_.score; });
      c.detection_boxes.resize(static_cast<std::size_t>(weak - c.detections.begin()));
      states_.clear();
      for (const auto& t : c.truths) states_.push_back({.ignore = t.ignore});
      overlaps_.fill(c.detection_boxes, c.truths.size(),
                     [&](const box<double>& d, std::size_t g) { return iou(d, c.truth_boxes[g]); });
      judge(overlaps_, c.detection_boxes.size(), states_, protocol_.overlap, best_of_all(),
            judged_);
      for (std::size_t g = 0; g < c.truths.size(); ++g) {
        const instance<Schema>& truth = truths[c.truths[g].row];
        if (truth.ignore || std::ranges::find(truth.visible, true) == truth.visible.end()) continue;
        ++truths_;
        missed_ += !states_[g].taken;
      }
      for (std::size_t d = 0; d < judged_.size(); ++d)
        if (judged_[d].what == outcome::hit)
          add_pair(detections[c.detections[d].row], truths[c.truths[*judged_[d].truth].row]);
    });
  }

  [[nodiscard]] landmark_result result() const
  {
    landmark_result all{.protocol = protocol_,
                        .mean = {},
                        .failed = {},
                        .errors = errors_,
                        .points = {},
                        .truths = truths_,
                        .missed = missed_,
                        .unscaled = unscaled_};
    std::ranges::sort(all.errors);
    if (!errors_.empty()) {
      all.mean = std::accumulate(errors_.begin(), errors_.end(), 0.0) /
                 static_cast<double>(errors_.size());
      all.failed = 1 - all.share_within(protocol_.failure);
    }
    for (std::size_t k = 0; k < Schema::count; ++k) {
      all.points.emplace_back();
      if (counts_[k]) all.points[k] = sums_[k] / static_cast<double>(counts_[k]);
    }
    return all;
  }

 private:
  using marks = landmarks<float, Schema>;

  template <class Counts>
  void check(const char* what, std::size_t row, const marks& of, const Counts& counts) const
  {
    for (std::size_t k = 0; k < Schema::count; ++k)
      for (const float x : of.points[k])
        if (counts(k) && !std::isfinite(x))
          fail("image ", images_, ", ", what, " ", row, ": landmark ", k, " lies at ", x,
               ", expected finite numbers");
  }
  static double distance(const marks& a, std::size_t i, const marks& b, std::size_t j)
  {
    double square = 0;
    for (std::size_t axis = 0; axis < Schema::dimension; ++axis) {
      const double apart = double{a.points[i][axis]} - double{b.points[j][axis]};
      square += apart * apart;
    }
    return std::sqrt(square);
  }

  /// 0 where the truth has none.
  [[nodiscard]] double scale_of(const instance<Schema>& truth) const
  {
    if (protocol_.scale == landmark_scale::box_size) {
      const box<float>& b = truth.bounds;
      const double w = double{b.x2} - double{b.x1}, h = double{b.y2} - double{b.y1};
      return w > 0 && h > 0 ? std::sqrt(w * h) : 0;
    }
    if constexpr (eye_points<Schema>.has_value()) {
      constexpr auto eyes = *eye_points<Schema>;
      if (truth.visible[eyes[0]] && truth.visible[eyes[1]])
        return distance(truth.points, eyes[0], truth.points, eyes[1]);
    }
    return 0;
  }

  void add_pair(const detection<Schema>& found, const instance<Schema>& truth)
  {
    const auto visible = std::ranges::count(truth.visible, true);
    if (visible == 0) return;
    const double scale = scale_of(truth);
    if (!(scale > 0)) {
      ++unscaled_;
      return;
    }
    double sum = 0;
    for (std::size_t k = 0; k < Schema::count; ++k) {
      if (!truth.visible[k]) continue;
      const double error = distance(found.points, k, truth.points, k) / scale;
      sum += error;
      sums_[k] += error;
      ++counts_[k];
    }
    errors_.push_back(sum / static_cast<double>(visible));
  }

  landmark_protocol protocol_;
  std::size_t images_ = 0, truths_ = 0, missed_ = 0, unscaled_ = 0;
  std::vector<double> errors_;
  std::array<double, Schema::count> sums_{};
  std::array<std::size_t, Schema::count> counts_{};
  std::vector<truth_state> states_;
  overlap_table overlaps_;
  std::vector<judgement> judged_;
};

}  // namespace retinue
