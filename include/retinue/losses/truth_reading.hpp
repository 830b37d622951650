// SPDX-License-Identifier: Apache-2.0
// From an assignment to the positives that a loss sums over, by one of two readings of the truths.
#pragma once

#include <retinue/backend/table.hpp>   // row_index
#include <retinue/error.hpp>           // fail
#include <retinue/geometry.hpp>        // box
#include <retinue/losses/targets.hpp>  // image_targets
#include <retinue/matchers.hpp>        // verdict

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

enum class truth_reading : std::uint8_t {
  /// A label is a class, 1 to classes - 1. Landmarks count point by point, where they are visible.
  /// An anchor whose truth has no area is ignored: its offsets would be infinite.
  classes,
  /// Compatibility (A2, B2): every label but 0 is class 1, and 0 is background. A truth below 0
  /// has no landmarks, any other has all, visible or not. Infinite offsets are taken as they come.
  reference,
};

/// An anchor, the truth it answers for and what it should be called.
struct positive_anchor {
  row_index anchor = 0, truth = 0;
  std::uint32_t label = 1;
};

/// Reads one image at a time; its buffers are reused.
class target_reader {
 public:
  /// `image` and `classes` are those of the batch, for the error message.
  template <landmark_schema Schema>
  void operator()(const image_targets<Schema>& of, std::size_t anchors, std::size_t classes,
                  std::size_t image, truth_reading reading)
  {
    reading_ = reading;
    const assignment& assigned = of.assigned;
    if (assigned.verdicts.size() != anchors || assigned.truths.size() != anchors)
      fail("image ", image, " of the batch has verdicts on ", assigned.verdicts.size(),
           " anchors, expected ", anchors);
    labels_.clear();
    for (std::size_t t = 0; t < of.truths.size(); ++t)
      labels_.push_back(label_of(of.truths[t], t, classes, image));

    verdicts_.assign(assigned.verdicts.begin(), assigned.verdicts.end());
    positives_.clear();
    each_positive(assigned.verdicts, [&](std::size_t a) {
      const row_index truth = assigned.truths[a];
      if (truth >= of.truths.size())
        fail("image ", image, " of the batch assigns an anchor to truth ", truth, " of ",
             of.truths.size());
      if (labels_[truth] > 0)
        positives_.push_back(
            {static_cast<row_index>(a), truth, static_cast<std::uint32_t>(labels_[truth])});
      else
        verdicts_[a] = labels_[truth] == background ? verdict::negative : verdict::ignored;
    });
  }

  [[nodiscard]] std::span<const verdict> verdicts() const { return verdicts_; }
  [[nodiscard]] std::span<const positive_anchor> positives() const { return positives_; }

  template <landmark_schema Schema>
  [[nodiscard]] bool has_landmarks(const image_targets<Schema>& of, const positive_anchor& p) const
  {
    const instance<Schema>& truth = of.truths[p.truth];
    if (Schema::count == 0) return false;
    if (reading_ == truth_reading::reference) return truth.label > 0;
    return std::any_of(truth.visible.begin(), truth.visible.end(), [](bool seen) { return seen; });
  }
  /// Of a truth that has landmarks.
  template <landmark_schema Schema>
  [[nodiscard]] bool is_visible(const instance<Schema>& truth, std::size_t point) const
  {
    return reading_ == truth_reading::reference || truth.visible[point];
  }

 private:
  static constexpr std::int32_t background = 0, without_area = -1;

  template <landmark_schema Schema>
  std::int32_t label_of(const instance<Schema>& truth, std::size_t t, std::size_t classes,
                        std::size_t image) const
  {
    if (reading_ == truth_reading::reference) return truth.label != 0 ? 1 : background;
    if (truth.ignore) return without_area;
    if (truth.label < 1 || static_cast<std::size_t>(truth.label) >= classes)
      fail("truth ", t, " of image ", image, " of the batch has label ", truth.label,
           ", expected 1 to ", classes - 1);
    const box<float>& b = truth.bounds;
    const float w = b.x2 - b.x1, h = b.y2 - b.y1;
    if (!(w > 0 && h > 0 && std::isfinite(w) && std::isfinite(h))) return without_area;
    for (std::size_t k = 0; k < Schema::count; ++k)
      for (const float x : truth.points.points[k])
        if (truth.visible[k] && !std::isfinite(x))
          fail("landmark ", k, " of truth ", t, " of image ", image, " of the batch lies at ", x,
               " but is marked visible");
    return truth.label;
  }

  truth_reading reading_ = truth_reading::classes;
  std::vector<std::int32_t> labels_;  // (truths)
  std::vector<verdict> verdicts_;     // (anchors)
  std::vector<positive_anchor> positives_;
};

}  // namespace retinue
