// SPDX-License-Identifier: Apache-2.0
// What several passes found in one picture, made one: of the picture itself, of its mirror image,
// of other sizes of it (test-time augmentation), or of several networks.
//
//   unmirrored   what was found in a mirrored picture, in the picture itself
//   merged       by fusion, or what is a source_suppressor, too: boxes, landmarks and scores of
//                those that agree become their means
//                by any other suppressor: the best of all passes stay
//
// Detections are in pixels of the original picture, so that passes of other sizes need nothing.
#pragma once

#include <retinue/detection.hpp>            // detection
#include <retinue/landmarks.hpp>            // landmark_schema
#include <retinue/suppress/fusion.hpp>      // box_fusion
#include <retinue/suppress/per_class.hpp>   // per_class_suppressor
#include <retinue/suppress/suppressor.hpp>  // suppressor

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

/// Found in a picture that was mirrored left to right: where it is in the picture of that width.
template <landmark_schema Schema>
[[nodiscard]] detection<Schema> unmirrored(const detection<Schema>& found, float width)
{
  detection<Schema> d = found;
  d.bounds.x1 = width - found.bounds.x2;
  d.bounds.x2 = width - found.bounds.x1;
  for (std::size_t k = 0; k < Schema::count; ++k) {
    d.points.points[k] = found.points.points[Schema::mirror[k]];
    d.points.points[k][0] = width - d.points.points[k][0];
  }
  return d;
}

/// Its buffers are reused: one merger serves one thread at a time.
template <landmark_schema Schema, class Way = box_fusion>
  requires suppressor<Way>
class merger {
 public:
  explicit merger(Way way = Way()) : way_(std::move(way)) {}

  /// One list of detections a pass, each best first or not. The result, best first, lasts until the
  /// next call. A fusion has a weight for each pass. Throws where it has fewer.
  template <class Passes>
  std::span<const detection<Schema>> operator()(const Passes& passes)
  {
    all_.clear(), boxes_.clear(), scores_.clear(), labels_.clear(), sources_.clear();
    std::size_t source = 0;
    for (const auto& pass : passes) {
      for (const detection<Schema>& d : pass) {
        all_.push_back(d);
        boxes_.push_back(d.bounds);
        scores_.push_back(d.score);
        labels_.push_back(d.label);
        sources_.push_back(source);
      }
      ++source;
    }
    const kept_rows kept = run();
    merged_.clear();
    for (std::size_t k = 0; k < kept.rows.size(); ++k) {
      detection<Schema> d = all_[kept.rows[k]];
      d.score = kept.scores[k];
      if (!kept.boxes.empty()) d.bounds = kept.boxes[k];
      merged_.push_back(d);
    }
    if constexpr (fuses && Schema::count > 0) fuse_points();
    return merged_;
  }

 private:
  static constexpr bool fuses = source_suppressor<Way>;
  using by_class =
      std::conditional_t<fuses || class_suppressor<Way>, Way, per_class_suppressor<Way>>;

  kept_rows run()
  {
    const std::span<const box<float>> boxes(boxes_);
    if constexpr (fuses)
      return way_.fuse(boxes, scores_, labels_, sources_);
    else
      return way_(boxes, scores_, labels_);
  }

  /// Each point becomes the mean of those of its group, by the weights of their boxes.
  void fuse_points()
  {
    using points = landmarks<double, Schema>;
    sums_.assign(merged_.size(), points{});
    weights_.assign(merged_.size(), 0.0);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const row_index group = way_.groups()[i];
      if (group == Way::nowhere) continue;
      const auto w = static_cast<double>(way_.weights()[i]);
      weights_[group] += w;
      for (std::size_t c = 0; c < points::width; ++c)
        sums_[group][c] += w * static_cast<double>(all_[i].points[c]);
    }
    for (std::size_t k = 0; k < merged_.size(); ++k)
      for (std::size_t c = 0; c < points::width; ++c)
        merged_[k].points[c] = static_cast<float>(sums_[k][c] / weights_[k]);
  }

  by_class way_;
  std::vector<detection<Schema>> all_, merged_;
  std::vector<box<float>> boxes_;
  std::vector<float> scores_;
  std::vector<std::int32_t> labels_;
  std::vector<std::size_t> sources_;
  std::vector<landmarks<double, Schema>> sums_;
  std::vector<double> weights_;
};

}  // namespace retinue
