// SPDX-License-Identifier: Apache-2.0
// Average precision as the official tool of WIDER FACE computes it, for easy, medium and hard.
//
// The number depends on conventions of that tool (MATLAB), which are copied:
//   scores        are stretched to 0 to 1 by the least and the greatest of the whole set, which are
//                 rounded to single precision: the least detection may fall below 0, and out
//   the curve     has 1000 points, at stretched scores of .999, .998 ... 0
//   overlap       is computed in whole numbers, as the truth's boxes are: the corners of the
//                 intersection and the sum of the areas are rounded, both end pixels of a side
//                 count (while x2 = x + w), and a ratio is 0 or 1: the first truth that reaches .5
//                 is chosen
//   subsets       a truth outside the subset is ignored, never a reason to leave its image out
//   empty images  false alarms in an image without a single truth do not count
// The Python port that most papers use rounds nothing and chooses the best truth: up to 3e-4 apart.
#pragma once

#include <retinue/error.hpp>              // fail
#include <retinue/evaluate/curve.hpp>     // precision_recall, curve_of, area_under
#include <retinue/evaluate/inputs.hpp>    // scored_boxes, best_first
#include <retinue/evaluate/matching.hpp>  // judge, best_of_all, first_of_enough

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// Easy, medium and hard, in this order wherever there are three of something.
inline constexpr std::array<std::string_view, 3> wider_subsets{"easy", "medium", "hard"};

/// A face to be found.
struct wider_truth {
  box<double> bounds{};          ///< pixels of the original picture
  std::array<bool, 3> counts{};  ///< in which subsets it is to be found
};

/// In which numbers overlaps are computed.
enum class wider_arithmetic {
  whole_pixels,  ///< of the official tool
  inclusive,     ///< of its Python port: both end pixels of a side count, nothing is rounded
  continuous     ///< sides from x1 to x2
};

/// What WIDER FACE's evaluation leaves to its implementations; as it stands, the official tool's.
struct wider_protocol {
  double overlap = 0.5;           ///< a hit overlaps by at least this
  std::size_t thresholds = 1000;  ///< points of the curve; 0: one for each detection
  wider_arithmetic arithmetic = wider_arithmetic::whole_pixels;
  bool skip_empty_images = true;  ///< images without any truth are left out

  [[nodiscard]] static constexpr wider_protocol python_port()
  {
    return {0.5, 1000, wider_arithmetic::inclusive, true};
  }

  /// The same question without conventions.
  [[nodiscard]] static constexpr wider_protocol clean()
  {
    return {0.5, 0, wider_arithmetic::continuous, false};
  }

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << "WIDER FACE: average precision at overlap " << overlap << ", ";
    if (thresholds)
      text << thresholds << " thresholds on scores stretched over the whole set";
    else
      text << "every score a threshold";
    switch (arithmetic) {
      case wider_arithmetic::whole_pixels:
        text << ", overlaps in whole pixels";
        break;
      case wider_arithmetic::inclusive:
        text << ", sides count both end pixels";
        break;
      case wider_arithmetic::continuous:
        text << ", sides are continuous";
        break;
    }
    text << ", images without truths " << (skip_empty_images ? "left out" : "count");
    return text.str();
  }
};

namespace detail {
/// iou as MATLAB computes it where one of two operands is a whole number: so is the result.
[[nodiscard]] inline double whole_pixel_iou(const box<double>& found, const box<double>& truth)
{
  const box<double> shared{
      std::round(std::max(found.x1, truth.x1)), std::round(std::max(found.y1, truth.y1)),
      std::round(std::min(found.x2, truth.x2)), std::round(std::min(found.y2, truth.y2))};
  const double w = inclusive_pixels::length(shared.x1, shared.x2);
  const double h = inclusive_pixels::length(shared.y1, shared.y2);
  if (w <= 0 || h <= 0) return 0;
  const double areas = std::round(area<inclusive_pixels>(found) + area<inclusive_pixels>(truth));
  return w * h / (areas - w * h);
}
}  // namespace detail

/// Average precision in each subset.
struct wider_result {
  /// One subset.
  struct of_subset {
    double ap = 0;
    std::size_t truths = 0;
    precision_recall curve;
  };
  wider_protocol protocol;
  std::array<of_subset, 3> subsets;  ///< as in wider_subsets
  std::size_t images = 0, detections = 0;

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << protocol.describe() << "; " << images << " images, " << detections << " detections\n";
    text.setf(std::ios::fixed);
    text.precision(4);
    for (std::size_t s = 0; s < subsets.size(); ++s)
      text << "  " << wider_subsets[s] << ": " << subsets[s].ap << " (" << subsets[s].truths
           << " truths)\n";
    return text.str();
  }
};

/// WIDER FACE's measure: images are added one by one, the result is asked for at the end.
class wider_evaluation {
 public:
  /// Throws where the overlap is not above 0 and at most 1.
  explicit wider_evaluation(wider_protocol protocol = {}) : protocol_(protocol)
  {
    if (!(protocol.overlap > 0 && protocol.overlap <= 1))
      fail("WIDER FACE's overlap is ", protocol.overlap, ", expected more than 0 and at most 1");
  }

  /// One image. Detections in any order; their labels do not matter. Throws where a box or a score
  /// is not finite.
  void add(const scored_boxes auto& detections, std::span<const wider_truth> truths)
  {
    const auto rows = detail::best_first(detections, images_);
    truth_boxes_.clear();
    for (std::size_t g = 0; g < truths.size(); ++g)
      truth_boxes_.push_back(detail::checked(truths[g].bounds, "truth", g, images_));
    boxes_.clear();
    for (const std::size_t row : rows)
      boxes_.push_back(detail::checked(detections[row].bounds, "detection", row, images_));
    overlaps_.fill(boxes_, truths.size(), [&](const box<double>& d, std::size_t g) {
      switch (protocol_.arithmetic) {
        case wider_arithmetic::whole_pixels:
          return detail::whole_pixel_iou(d, truth_boxes_[g]);
        case wider_arithmetic::inclusive:
          return iou<inclusive_pixels>(d, truth_boxes_[g]);
        default:
          return iou(d, truth_boxes_[g]);
      }
    });
    const bool left_out = protocol_.skip_empty_images && truths.empty();
    const std::size_t before = scores_.size();
    for (const std::size_t row : rows)
      scores_.push_back(static_cast<double>(detections[row].score));
    for (std::size_t s = 0; s < wider_subsets.size(); ++s) {
      states_.clear();
      for (const wider_truth& t : truths) {
        states_.push_back({.ignore = !t.counts[s]});
        truths_[s] += t.counts[s];
      }
      if (protocol_.arithmetic == wider_arithmetic::whole_pixels)
        judge(overlaps_, boxes_.size(), states_, protocol_.overlap, first_of_enough(), judged_);
      else
        judge(overlaps_, boxes_.size(), states_, protocol_.overlap, best_of_all(), judged_);
      outcomes_[s].resize(before, outcome::neither);
      for (const judgement& j : judged_)
        outcomes_[s].push_back(left_out ? outcome::neither : j.what);
    }
    ++images_;
  }

  [[nodiscard]] wider_result result() const
  {
    wider_result all{
        .protocol = protocol_, .subsets = {}, .images = images_, .detections = scores_.size()};
    for (std::size_t s = 0; s < wider_subsets.size(); ++s) {
      auto& subset = all.subsets[s];
      subset.truths = truths_[s];
      subset.curve = protocol_.thresholds ? at_thresholds(s) : at_every_score(s);
      subset.ap = area_under(subset.curve);
    }
    return all;
  }

 private:
  [[nodiscard]] precision_recall at_every_score(std::size_t s) const
  {
    std::vector<judged> detections(scores_.size());
    for (std::size_t d = 0; d < scores_.size(); ++d) detections[d] = {scores_[d], outcomes_[s][d]};
    return curve_of(std::move(detections), truths_[s]);
  }

  [[nodiscard]] precision_recall at_thresholds(std::size_t s) const
  {
    const std::size_t points = protocol_.thresholds;
    std::vector<std::size_t> hits(points), claims(points);  // that appear at each threshold
    const score_range range = range_of_scores();
    for (std::size_t d = 0; d < scores_.size(); ++d) {
      if (outcomes_[s][d] == outcome::neither) continue;
      const std::size_t t = first_threshold(range.stretch(scores_[d]));
      if (t == points) continue;
      ++claims[t];
      hits[t] += outcomes_[s][d] == outcome::hit;
    }
    precision_recall curve;
    std::size_t hits_so_far = 0, claims_so_far = 0;
    for (std::size_t t = 0; t < points; ++t)
      curve.add(hits_so_far += hits[t], claims_so_far += claims[t], truths_[s]);
    return curve;
  }

  struct score_range {
    double least = 0, greatest = 0;

    /// The tool divides 0 by 0 where all scores are equal; here they are all the greatest.
    [[nodiscard]] double stretch(double score) const
    {
      return greatest > least ? (score - least) / (greatest - least) : 1;
    }
  };

  [[nodiscard]] score_range range_of_scores() const
  {
    if (scores_.empty()) return {};
    const auto [least, greatest] = std::ranges::minmax_element(scores_);
    if (protocol_.arithmetic != wider_arithmetic::whole_pixels) return {*least, *greatest};
    return {static_cast<double>(static_cast<float>(*least)),
            static_cast<double>(static_cast<float>(*greatest))};
  }

  [[nodiscard]] double threshold(std::size_t t) const
  {
    return 1 - static_cast<double>(t + 1) / static_cast<double>(protocol_.thresholds);
  }

  /// The first that a stretched score reaches, or their number if none. Guessed, then set right: a
  /// score that the text gives as .997 must fall on the tool's side of 1 - 3 / 1000.
  [[nodiscard]] std::size_t first_threshold(double score) const
  {
    const std::size_t all = protocol_.thresholds;
    const double guess = std::floor((1 - score) * static_cast<double>(all));
    auto t = static_cast<std::size_t>(std::clamp(guess, 0.0, static_cast<double>(all - 1)));
    while (t > 0 && score >= threshold(t - 1)) --t;
    while (t < all && score < threshold(t)) ++t;
    return t;
  }

  wider_protocol protocol_;
  std::size_t images_ = 0;
  std::vector<double> scores_;
  std::array<std::vector<outcome>, 3> outcomes_;
  std::array<std::size_t, 3> truths_{};
  std::vector<box<double>> boxes_, truth_boxes_;
  overlap_table overlaps_;
  std::vector<truth_state> states_;
  std::vector<judgement> judged_;
};

}  // namespace retinue
