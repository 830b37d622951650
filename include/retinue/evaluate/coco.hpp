// SPDX-License-Identifier: Apache-2.0
// The twelve figures of COCO, equal to those of pycocotools.
//
//   AP                 mean over classes, over overlaps .50, .55 ... .95, over recalls 0, .01 ... 1
//                      of the envelope of precision
//   AP50, AP75         the same at that overlap alone
//   AR1, AR10, AR100   mean over classes and overlaps of the recall, given so many detections of an
//                      image and class
//   small              truths of up to 32^2 square pixels; others are ignored, and so is a
//                      detection of another size that found nothing
//   medium, large      the same of 32^2 to 96^2, and from 96^2
//
// Best 100 detections an image and class. A crowd is ignored, takes any number of detections, and
// overlaps by the share of the detection that lies in it.
#pragma once

#include <retinue/evaluate/curve.hpp>     // curve_of, mean_precision_at
#include <retinue/evaluate/inputs.hpp>    // for_each_class
#include <retinue/evaluate/matching.hpp>  // judge, best_of_free

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// What COCO's evaluation leaves open; as it stands, pycocotools' own.
struct coco_protocol {
  std::array<std::size_t, 3> detections{1, 10, 100};  ///< best of an image and class; ascending
  std::array<double, 2> sides{32, 96};  ///< of a square between small and medium, medium and large

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << "COCO: average precision over overlaps 0.5:0.05:0.95 and 101 recalls, at most "
         << detections[2] << " detections an image and class, medium from " << sides[0] << "^2 to "
         << sides[1] << "^2 square pixels, crowds ignored";
    return text.str();
  }
};

/// COCO's twelve figures, and the average precision of each class.
struct coco_result {
  /// One of the twelve.
  struct figure {
    std::string_view name;
    std::optional<double> value;  ///< nothing, where pycocotools says -1: no truth of that size
  };
  /// The average precision of one class, over all overlaps.
  struct of_class {
    std::int32_t label = 0;
    double ap = 0;
  };
  coco_protocol protocol;
  std::array<figure, 12> figures;  ///< in pycocotools' order
  std::vector<of_class> classes;   ///< those that have truths which count, by label
  std::size_t images = 0;

  /// Throws `error` if there is no figure of that name.
  [[nodiscard]] std::optional<double> operator[](std::string_view name) const
  {
    for (const figure& f : figures)
      if (f.name == name) return f.value;
    fail("COCO has no figure \"", name, "\"; the first is ", figures[0].name);
  }

  [[nodiscard]] std::string describe() const
  {
    std::ostringstream text;
    text << protocol.describe() << "; " << images << " images\n";
    for (const figure& f : figures) {
      text << "  " << f.name << ": ";
      if (f.value)
        text << *f.value << "\n";
      else
        text << "no truth\n";
    }
    return text.str();
  }
};

/// COCO's measure: images are added one by one, the result is asked for at the end.
class coco_evaluation {
 public:
  /// Throws where the numbers of detections do not ascend, or where the first is 0.
  explicit coco_evaluation(coco_protocol protocol = {}) : protocol_(protocol)
  {
    if (protocol.detections[0] == 0 || !std::ranges::is_sorted(protocol.detections))
      fail("COCO's numbers of detections are ", protocol.detections[0], ", ",
           protocol.detections[1], ", ", protocol.detections[2], ", expected 1 or more, ascending");
  }

  /// One image; pycocotools takes them by ascending id, which decides between equal scores. A
  /// truth's `area`, where it has such a member, decides its size, else the area of its box. Throws
  /// where a box or a score is not finite.
  void add(const scored_boxes auto& detections, const labelled_boxes auto& truths)
  {
    for_each_class(detections, truths, images_, [&](class_of_image& c) {
      truth_areas_.clear();
      for (std::size_t g = 0; g < c.truths.size(); ++g) {
        const auto& truth = truths[c.truths[g].row];
        if constexpr (requires { truth.area; })
          truth_areas_.push_back(static_cast<double>(truth.area));
        else
          truth_areas_.push_back(area(c.truth_boxes[g]));
      }
      add_class(c);
    });
    ++images_;
  }

  [[nodiscard]] coco_result result() const
  {
    coco_result all{.protocol = protocol_, .figures = {}, .classes = {}, .images = images_};
    mean_over ap[sizes], ap50, ap75, recall[sizes], recall_of_best[2];
    for (const auto& [label, c] : classes_) {
      for (std::size_t size = 0; size < sizes; ++size) {
        if (c.truths[size] == 0) continue;
        mean_over own;
        for (std::size_t t = 0; t < overlap_count; ++t) {
          const precision_recall curve = curve_of_best(c, size, t, protocol_.detections[2]);
          const double precision = mean_precision_at(curve, recalls());
          own.add(precision);
          ap[size].add(precision);
          recall[size].add(last_recall(curve));
          if (size != every_size) continue;
          if (t == 0) ap50.add(precision);
          if (t == 5) ap75.add(precision);
          for (std::size_t m = 0; m < 2; ++m)
            recall_of_best[m].add(last_recall(curve_of_best(c, size, t, protocol_.detections[m])));
        }
        if (size == every_size) all.classes.push_back({label, *own.value()});
      }
    }
    all.figures = {{{"AP", ap[0].value()},
                    {"AP50", ap50.value()},
                    {"AP75", ap75.value()},
                    {"AP small", ap[1].value()},
                    {"AP medium", ap[2].value()},
                    {"AP large", ap[3].value()},
                    {"AR1", recall_of_best[0].value()},
                    {"AR10", recall_of_best[1].value()},
                    {"AR100", recall[0].value()},
                    {"AR small", recall[1].value()},
                    {"AR medium", recall[2].value()},
                    {"AR large", recall[3].value()}}};
    return all;
  }

 private:
  static constexpr std::size_t sizes = 4, every_size = 0, overlap_count = 10;

  struct kept {
    std::vector<double> scores;
    std::vector<std::size_t> places;  // among the detections of the image and class, from 0
    std::array<std::array<std::vector<outcome>, overlap_count>, sizes> outcomes;
    std::array<std::size_t, sizes> truths{};
  };

  class mean_over {
   public:
    void add(double v)
    {
      sum_ += v;
      ++count_;
    }
    [[nodiscard]] std::optional<double> value() const
    {
      if (count_ == 0) return std::nullopt;
      return sum_ / static_cast<double>(count_);
    }

   private:
    double sum_ = 0;
    std::size_t count_ = 0;
  };

  // Both grids as numpy's linspace rounds them: a recall may lie on a grid point.
  static double overlap(std::size_t t)
  {
    return t + 1 == overlap_count ? 0.95 : 0.5 + static_cast<double>(t) * ((0.95 - 0.5) / 9);
  }
  static const std::array<double, 101>& recalls()
  {
    static const auto grid = [] {
      std::array<double, 101> r{};
      for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<double>(i) * 0.01;
      return r;
    }();
    return grid;
  }

  [[nodiscard]] bool of_size(std::size_t size, double pixels) const
  {
    const double small = protocol_.sides[0] * protocol_.sides[0];
    const double large = protocol_.sides[1] * protocol_.sides[1];
    switch (size) {
      case 1:
        return pixels <= small;
      case 2:
        return pixels >= small && pixels <= large;
      case 3:
        return pixels >= large;
      default:
        return true;
    }
  }

  void add_class(class_of_image& c)
  {
    const std::size_t most = std::min(c.detections.size(), protocol_.detections[2]);
    c.detection_boxes.resize(most);
    overlaps_.fill(c.detection_boxes, c.truths.size(), [&](const box<double>& d, std::size_t g) {
      return c.truths[g].ignore ? iof(d, c.truth_boxes[g]) : iou(d, c.truth_boxes[g]);
    });
    kept& of_label = classes_[c.label];
    for (std::size_t d = 0; d < most; ++d) {
      of_label.scores.push_back(c.detections[d].score);
      of_label.places.push_back(d);
    }
    for (std::size_t size = 0; size < sizes; ++size) {
      states_.clear();
      for (std::size_t g = 0; g < c.truths.size(); ++g) {
        const bool crowd = c.truths[g].ignore;
        states_.push_back({.ignore = crowd || !of_size(size, truth_areas_[g]), .crowd = crowd});
        of_label.truths[size] += !states_.back().ignore;
      }
      for (std::size_t t = 0; t < overlap_count; ++t) {
        for (truth_state& state : states_) state.taken = false;
        judge(overlaps_, most, states_, overlap(t), best_of_free(), judged_);
        for (std::size_t d = 0; d < most; ++d)
          of_label.outcomes[size][t].push_back(
              !judged_[d].truth && !of_size(size, area(c.detection_boxes[d])) ? outcome::neither
                                                                              : judged_[d].what);
      }
    }
  }

  [[nodiscard]] static precision_recall curve_of_best(const kept& c, std::size_t size,
                                                      std::size_t t, std::size_t most)
  {
    std::vector<judged> detections;
    for (std::size_t d = 0; d < c.scores.size(); ++d)
      if (c.places[d] < most) detections.push_back({c.scores[d], c.outcomes[size][t][d]});
    return curve_of(std::move(detections), c.truths[size]);
  }

  [[nodiscard]] static double last_recall(const precision_recall& curve)
  {
    return curve.recall.empty() ? 0 : curve.recall.back();
  }

  coco_protocol protocol_;
  std::map<std::int32_t, kept> classes_;
  std::size_t images_ = 0;
  std::vector<double> truth_areas_;
  overlap_table overlaps_;
  std::vector<truth_state> states_;
  std::vector<judgement> judged_;
};

}  // namespace retinue
