// SPDX-License-Identifier: Apache-2.0
// The truths of a batch as a table: what each positive anchor should say.
//
// Boxes and points are fractions of the image's sides, as the anchors are.
#pragma once

#include <retinue/backend/table.hpp>  // record
#include <retinue/error.hpp>          // fail
#include <retinue/geometry.hpp>       // box
#include <retinue/instance.hpp>       // instance
#include <retinue/landmarks.hpp>      // landmarks

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

enum class truth_reading : std::uint8_t {
  /// A label is a class, 1 and up. Landmarks count point by point, where they are visible. An
  /// anchor whose truth has no area is ignored: its offsets would be infinite.
  classes,
  /// Compatibility (A2, B2): every label but 0 is class 1, and 0 is background. A truth below 0
  /// has no landmarks, any other has all, visible or not. Infinite offsets are taken as they come.
  reference,
};

/// One truth: its box, its label (0 where anchors that answer for it are background, -1 where they
/// are ignored), its points, and for each point 1 where it is learnt from.
template <class T, landmark_schema Schema>
struct truth_row {
  using value_type = T;
  template <class U>
  using rebind = truth_row<U, Schema>;
  static constexpr std::size_t points_width = landmarks<T, Schema>::width;
  static constexpr std::size_t width = 5 + points_width + Schema::count;

  box<T> bounds;
  T label;
  landmarks<T, Schema> points;
  std::array<T, Schema::count> visible;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i < 4                  ? bounds[i]
           : i == 4               ? label
           : i < 5 + points_width ? points[i - 5]
                                  : visible[i - 5 - points_width];
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i < 4                  ? bounds[i]
           : i == 4               ? label
           : i < 5 + points_width ? points[i - 5]
                                  : visible[i - 5 - points_width];
  }
};

namespace detail {

/// `t` and `image` are its place in the batch, for the message; classes are those of objects.
template <landmark_schema Schema>
[[nodiscard]] truth_row<float, Schema> read_truth_row(const instance<Schema>& truth, std::size_t t,
                                                      std::size_t classes, std::size_t image,
                                                      truth_reading reading)
{
  truth_row<float, Schema> row{truth.bounds, 0, truth.points, {}};
  if (reading == truth_reading::reference) {
    row.label = truth.label != 0 ? 1.0f : 0.0f;
    row.visible.fill(truth.label > 0 ? 1.0f : 0.0f);
    return row;
  }
  for (std::size_t k = 0; k < Schema::count; ++k) row.visible[k] = truth.visible[k] ? 1.0f : 0.0f;
  row.label = -1;
  if (truth.ignore) return row;
  if (truth.label < 1 || static_cast<std::size_t>(truth.label) > classes)
    fail("truth ", t, " of image ", image, " of the batch has label ", truth.label,
         ", expected 1 to ", classes);
  const box<float>& b = truth.bounds;
  const float w = b.x2 - b.x1, h = b.y2 - b.y1;
  if (!(w > 0 && h > 0 && std::isfinite(w) && std::isfinite(h))) return row;
  for (std::size_t k = 0; k < Schema::count; ++k)
    for (const float x : truth.points.points[k])
      if (truth.visible[k] && !std::isfinite(x))
        fail("landmark ", k, " of truth ", t, " of image ", image, " of the batch lies at ", x,
             " but is marked visible");
  row.label = static_cast<float>(truth.label);
  return row;
}

}  // namespace detail

/// The truths of several images, one after the other.
template <landmark_schema Schema>
class truth_batch {
 public:
  /// Reads another batch; buffers are reused. Throws where a truth cannot be learnt from. An image
  /// is any range of instances.
  template <class Images>
  void read(const Images& images, std::size_t classes, truth_reading reading)
  {
    rows_.clear(), ignore_.clear();
    first_.assign(1, 0);
    for (std::size_t i = 0; i < std::size(images); ++i) {
      for (const instance<Schema>& truth : images[i]) {
        rows_.push_back(
            detail::read_truth_row(truth, rows_.size() - first_[i], classes, i, reading));
        ignore_.push_back(truth.ignore);
      }
      first_.push_back(rows_.size());
    }
  }

  [[nodiscard]] std::size_t images() const { return first_.size() - 1; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  /// Where the truths of an image begin.
  [[nodiscard]] std::size_t first(std::size_t image) const { return first_[image]; }
  [[nodiscard]] std::span<const truth_row<float, Schema>> rows() const { return rows_; }
  [[nodiscard]] std::span<const truth_row<float, Schema>> rows(std::size_t image) const
  {
    return std::span(rows_).subspan(first_[image], first_[image + 1] - first_[image]);
  }
  /// Which of them are to be ignored.
  [[nodiscard]] std::span<const std::uint8_t> ignore(std::size_t image) const
  {
    return std::span(ignore_).subspan(first_[image], first_[image + 1] - first_[image]);
  }

 private:
  std::vector<truth_row<float, Schema>> rows_;
  std::vector<std::uint8_t> ignore_;
  std::vector<std::size_t> first_{0};
};

}  // namespace retinue
