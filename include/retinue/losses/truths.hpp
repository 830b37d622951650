// SPDX-License-Identifier: Apache-2.0
// The truths of a batch as a table: what each positive anchor should say.
//
// Boxes and points are fractions of the image's sides, as the anchors are.
#pragma once

#include <retinue/backend/table.hpp>  // number, record
#include <retinue/error.hpp>          // fail
#include <retinue/geometry.hpp>       // box
#include <retinue/instance.hpp>       // instance
#include <retinue/landmarks.hpp>      // landmarks

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// How the label and the landmarks of a truth are read.
enum class truth_reading : std::uint8_t {
  /// A label is a class, 1 and up. Landmarks count point by point, where they are visible. An
  /// anchor whose truth has no area is ignored: its offsets would be infinite.
  classes,
  /// Compatibility (A2, B2): every label but 0 is class 1, and 0 is background. A truth below 0
  /// has no landmarks, any other has all, visible or not. Infinite offsets are taken as they come.
  reference,
};

/// Where a truth is and what: label 0 where anchors that answer for it are background, -1 where
/// they are to be ignored.
template <class T>
struct truth_bounds {
  using value_type = T;
  template <class U>
  using rebind = truth_bounds<U>;
  static constexpr std::size_t width = 5;

  box<T> bounds;
  T label;

  RETINUE_HD constexpr T& operator[](std::size_t i) { return i < 4 ? bounds[i] : label; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i < 4 ? bounds[i] : label;
  }
};
static_assert(record<truth_bounds<float>>);

/// Its landmarks, and for each point 1 where it is learnt from, else 0.
template <class T, landmark_schema Schema>
struct truth_points {
  using value_type = T;
  template <class U>
  using rebind = truth_points<U, Schema>;
  static constexpr std::size_t of_points = landmarks<T, Schema>::width;
  static constexpr std::size_t width = of_points + Schema::count;

  landmarks<T, Schema> points;
  std::array<T, Schema::count> visible;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i < of_points ? points[i] : visible[i - of_points];
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i < of_points ? points[i] : visible[i - of_points];
  }
};
static_assert(record<truth_points<float, schemas::face5>>);

/// The truths of several images, one after the other, but for their landmarks.
class truth_boxes {
 public:
  [[nodiscard]] std::size_t images() const { return first_.size() - 1; }
  [[nodiscard]] std::size_t size() const { return bounds_.size(); }
  /// Where the truths of an image begin.
  [[nodiscard]] std::size_t first(std::size_t image) const { return first_[image]; }
  [[nodiscard]] std::span<const truth_bounds<float>> boxes() const { return boxes_; }

  /// How much each counts.
  [[nodiscard]] std::span<const number<float>> weights() const { return weights_; }

  /// Of one image: its truths, their bounds alone, and which are to be ignored; none are where that
  /// is empty.
  [[nodiscard]] std::span<const truth_bounds<float>> boxes(std::size_t image) const
  {
    return part(boxes_, image);
  }
  [[nodiscard]] std::span<const box<float>> bounds(std::size_t image) const
  {
    return part(bounds_, image);
  }
  [[nodiscard]] std::span<const std::uint8_t> ignore(std::size_t image) const
  {
    const auto marks = part(ignore_, image);
    return std::find(marks.begin(), marks.end(), 1) == marks.end() ? std::span<const std::uint8_t>()
                                                                   : marks;
  }

 protected:
  template <class T>
  [[nodiscard]] std::span<const T> part(const std::vector<T>& all, std::size_t image) const
  {
    return {all.data() + first_[image], first_[image + 1] - first_[image]};
  }

  std::vector<truth_bounds<float>> boxes_;
  std::vector<box<float>> bounds_;
  std::vector<std::uint8_t> ignore_;
  std::vector<number<float>> weights_;
  std::vector<std::size_t> first_{0};
};

/// The same with their landmarks.
template <landmark_schema Schema>
class truth_batch : public truth_boxes {
 public:
  /// Reads another batch; buffers are reused. An image is any range of instances. Throws
  /// where a weight is below 0 or not finite, a label not 1 to `classes`, a visible landmark not
  /// finite, or all truths many times larger than an image; by the reference's reading, never.
  template <class Images>
  void read(const Images& images, std::size_t classes, truth_reading reading)
  {
    boxes_.clear(), points_.clear(), bounds_.clear(), ignore_.clear(), weights_.clear();
    first_.assign(1, 0);
    for (std::size_t i = 0; i < std::size(images); ++i) {
      for (const instance<Schema>& truth : images[i]) {
        const auto [label, points] =
            read_one(truth, bounds_.size() - first_[i], classes, i, reading);
        boxes_.push_back({truth.bounds, label});
        points_.push_back(points);
        bounds_.push_back(truth.bounds);
        ignore_.push_back(truth.ignore);
        weights_.push_back({truth.weight});
      }
      first_.push_back(bounds_.size());
    }
    if (reading == truth_reading::classes) refuse_pixels();
  }

  [[nodiscard]] std::span<const truth_points<float, Schema>> points() const { return points_; }

 private:
  /// Truths in pixels would match nothing, and nobody would say so.
  void refuse_pixels() const
  {
    constexpr float most = 8;  // images, in width and height
    const truth_bounds<float>* first = nullptr;
    for (const auto& truth : boxes_) {
      if (truth.label < 1) continue;
      const box<float>& b = truth.bounds;
      if (!(b.x2 - b.x1 > most && b.y2 - b.y1 > most)) return;
      if (!first) first = &truth;
    }
    if (first)
      fail("all truths of the batch are many times larger than an image, the first ",
           first->bounds.x2 - first->bounds.x1, " x ", first->bounds.y2 - first->bounds.y1,
           ": expected fractions of the image's sides, so pixels are divided by these");
  }

  /// Its label and its points. `t` and `image` are its place in the batch, for the message.
  static std::pair<float, truth_points<float, Schema>> read_one(const instance<Schema>& truth,
                                                                std::size_t t, std::size_t classes,
                                                                std::size_t image,
                                                                truth_reading reading)
  {
    truth_points<float, Schema> points{truth.points, {}};
    if (reading == truth_reading::reference) {
      points.visible.fill(truth.label > 0 ? 1.0f : 0.0f);
      return {truth.label != 0 ? 1.0f : 0.0f, points};
    }
    for (std::size_t k = 0; k < Schema::count; ++k) {
      points.visible[k] = truth.visible[k] ? 1.0f : 0.0f;
      // Where it lies means nothing, but no number times 0 is 0.
      if (!truth.visible[k]) points.points.points[k] = {};
    }
    if (!(truth.weight >= 0 && std::isfinite(truth.weight)))
      fail("truth ", t, " of image ", image, " of the batch has weight ", truth.weight,
           ", expected 0 or more");
    if (truth.ignore) return {-1.0f, points};
    if (truth.label < 1 || static_cast<std::size_t>(truth.label) > classes)
      fail("truth ", t, " of image ", image, " of the batch has label ", truth.label,
           ", expected 1 to ", classes);
    const box<float>& b = truth.bounds;
    const float w = b.x2 - b.x1, h = b.y2 - b.y1;
    if (!(w > 0 && h > 0 && std::isfinite(w) && std::isfinite(h))) return {-1.0f, points};
    for (std::size_t k = 0; k < Schema::count; ++k)
      for (const float x : truth.points.points[k])
        if (truth.visible[k] && !std::isfinite(x))
          fail("landmark ", k, " of truth ", t, " of image ", image, " of the batch lies at ", x,
               " but is marked visible");
    return {static_cast<float>(truth.label), points};
  }

  std::vector<truth_points<float, Schema>> points_;
};

}  // namespace retinue
