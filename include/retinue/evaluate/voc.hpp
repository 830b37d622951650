// SPDX-License-Identifier: Apache-2.0
// Average precision as PASCAL VOC defines it, for each class and in the mean.
//
// A detection chooses the truth that overlaps most; a second one on the same truth is a false
// alarm; one on a difficult truth counts for nothing. Everingham 2010, section 4.2.
#pragma once

#include <retinue/error.hpp>              // fail
#include <retinue/evaluate/curve.hpp>     // precision_recall
#include <retinue/evaluate/inputs.hpp>    // scored_boxes, labelled_boxes, for_each_class
#include <retinue/evaluate/matching.hpp>  // judge, best_of_all

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// How precision over recall becomes one number.
enum class voc_area { eleven_points, all_points };

/// What changed in VOC's evaluation over the years.
struct voc_protocol {
  double overlap = 0.5;                  ///< a hit overlaps by at least this; > 0, at most 1
  voc_area area = voc_area::all_points;  ///< all points since 2010, eleven before
  bool inclusive_pixels = true;  ///< a side from pixel 3 to pixel 5 is 3 long, as in VOC's own tool

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << "VOC: average precision at overlap " << overlap << ", "
         << (area == voc_area::all_points ? "area under all points" : "mean of eleven points")
         << ", sides " << (inclusive_pixels ? "count both end pixels" : "are continuous")
         << ", difficult truths ignored";
    return text.str();
  }
};

/// Average precision by class, and its mean.
struct voc_result {
  /// One class.
  struct of_class {
    std::int32_t label = 0;
    double ap = 0;  ///< 0 where a class has detections, but no truth that counts
    std::size_t truths = 0, detections = 0;
    precision_recall curve;
  };
  voc_protocol protocol;
  std::vector<of_class> classes;  ///< by label
  std::optional<double> mean;     ///< over classes that have truths; nothing if none has
  std::size_t images = 0;

  /// `names` are those of the classes from label 1; without one a class goes by its label.
  [[nodiscard]] std::string describe(std::span<const std::string> names = {}) const
  {
    std::ostringstream text;
    text << protocol.describe() << "; " << images << " images\n";
    for (const of_class& c : classes)
      text << "  " << name_of(c.label, names) << ": " << c.ap << " (" << c.truths << " truths, "
           << c.detections << " detections)\n";
    if (mean) text << "  mean: " << *mean << "\n";
    return text.str();
  }
  [[nodiscard]] static std::string name_of(std::int32_t label, std::span<const std::string> names)
  {
    const auto at = static_cast<std::size_t>(label) - 1;  // far beyond them where it is 0 or less
    return at < names.size() ? names[at] : "class " + std::to_string(label);
  }
};

/// PASCAL VOC's measure: images are added one by one, the result is asked for at the end.
class voc_evaluation {
 public:
  /// Throws where the overlap is not above 0 and at most 1.
  explicit voc_evaluation(voc_protocol protocol = {}) : protocol_(protocol)
  {
    if (!(protocol.overlap > 0 && protocol.overlap <= 1))
      fail("VOC's overlap is ", protocol.overlap, ", expected more than 0 and at most 1");
  }

  /// One image. Detections in any order. Throws where a box or a score is not finite.
  void add(const scored_boxes auto& detections, const labelled_boxes auto& truths)
  {
    for_each_class(detections, truths, images_, [&](const class_of_image& c) {
      states_.clear();
      kept& of_label = classes_[c.label];
      for (const auto& t : c.truths) {
        states_.push_back({.ignore = t.ignore});
        of_label.truths += !t.ignore;
      }
      overlaps_.fill(c.detection_boxes, c.truths.size(), [&](const box<double>& d, std::size_t g) {
        return protocol_.inclusive_pixels ? iou<inclusive_pixels>(d, c.truth_boxes[g])
                                          : iou(d, c.truth_boxes[g]);
      });
      judge(overlaps_, c.detections.size(), states_, protocol_.overlap, best_of_all(), judged_);
      for (std::size_t d = 0; d < judged_.size(); ++d)
        of_label.detections.push_back({c.detections[d].score, judged_[d].what});
    });
    ++images_;
  }

  [[nodiscard]] voc_result result() const
  {
    voc_result all{.protocol = protocol_, .classes = {}, .mean = {}, .images = images_};
    double sum = 0;
    std::size_t with_truths = 0;
    for (const auto& [label, of_label] : classes_) {
      voc_result::of_class c{label, 0, of_label.truths, of_label.detections.size(),
                             curve_of(of_label.detections, of_label.truths)};
      if (c.truths) {
        c.ap = protocol_.area == voc_area::all_points ? area_under(c.curve)
                                                      : mean_precision_at(c.curve, eleven);
        sum += c.ap;
        ++with_truths;
      }
      all.classes.push_back(std::move(c));
    }
    if (with_truths) all.mean = sum / static_cast<double>(with_truths);
    return all;
  }

 private:
  struct kept {
    std::vector<judged> detections;
    std::size_t truths = 0;
  };
  // Multiples of 0.1 as all the tools round them: 3 of 10 truths do not reach 3 * 0.1.
  static constexpr std::array<double, 11> eleven = [] {
    std::array<double, 11> recalls{};
    for (std::size_t i = 0; i < recalls.size(); ++i) recalls[i] = static_cast<double>(i) * 0.1;
    return recalls;
  }();

  voc_protocol protocol_;
  std::map<std::int32_t, kept> classes_;
  std::size_t images_ = 0;
  std::vector<truth_state> states_;
  overlap_table overlaps_;
  std::vector<judgement> judged_;
};

}  // namespace retinue
