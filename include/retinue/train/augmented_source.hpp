// SPDX-License-Identifier: Apache-2.0
// Training samples from labelled pictures, wherever those come from, by a pipeline of augmentation.
//
//   picture, instances in pixels -> augmentation -> planes, truths as fractions of the sides
#pragma once

#include <retinue/augment/pipeline.hpp>  // augmentation
#include <retinue/augment/pixels.hpp>    // apply
#include <retinue/data/pictures.hpp>     // labelled_picture, picture_reader
#include <retinue/image/planes.hpp>      // to_planes
#include <retinue/train/samples.hpp>     // training_sample

#include <opencv2/core.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// Labelled pictures, augmented and written as samples: a source for the trainer.
template <landmark_schema Schema, picture_reader<Schema> Read, class Augmentation>
class augmented_source {
 public:
  using schema = Schema;

  /// `augment` must bring all pictures to one size.
  augmented_source(std::size_t count, Read read, Augmentation augment, pixel_format format,
                   std::uint64_t seed)
      : count_(count),
        read_(std::move(read)),
        augment_(std::move(augment)),
        format_(std::move(format)),
        seed_(seed)
  {
  }

  [[nodiscard]] std::size_t size() const { return count_; }

  [[nodiscard]] training_sample<Schema> operator()(std::uint64_t epoch, std::size_t i) const
  {
    thread_local augmentation_buffers buffers;
    labelled_picture<Schema> from = read_(epoch, i);
    const auto plan = augment_.draw(keyed_random(seed_, epoch, i),
                                    {from.picture.rows, from.picture.cols}, from.instances);
    const cv::Mat seen = apply(plan, from.picture, buffers);
    training_sample<Schema> made{
        std::move(from.name), {seen.rows, seen.cols}, {}, std::move(from.instances)};
    made.planes.resize(3 * seen.total());
    to_planes(seen, format_, made.planes.data());
    const auto w = static_cast<float>(seen.cols), h = static_cast<float>(seen.rows);
    for (auto& truth : made.truths) {
      auto& b = truth.bounds;
      b = {b.x1 / w, b.y1 / h, b.x2 / w, b.y2 / h};
      for (auto& p : truth.points.points) {
        p[0] /= w;
        p[1] /= h;
        if constexpr (Schema::dimension == 3) p[2] /= w;
      }
    }
    return made;
  }

 private:
  std::size_t count_;
  Read read_;
  Augmentation augment_;
  pixel_format format_;
  std::uint64_t seed_;
};

}  // namespace retinue
