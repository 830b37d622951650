// SPDX-License-Identifier: Apache-2.0
// Pictures that are made of several: a reader over a reader, whose pictures are mixed by a mosaic,
// a mixup, a paste, or a stage of yours.
//
//   set = mixed(std::move(set), random_mosaic{{640, 640}}, {.seed = 1, .probability = 0.5});
//   set = mixed(std::move(set), random_mixup{}, {.seed = 2, .until = 85});
//
// What is mixed with picture i in an epoch, and how, is drawn from (seed, epoch, i): it depends on
// nothing else. A set that is mixed once more wants another seed.
#pragma once

#include <retinue/augment/mixing.hpp>  // mixing_stage
#include <retinue/augment/pixels.hpp>  // apply
#include <retinue/data/pictures.hpp>   // labelled_picture, picture_reader, picture_set
#include <retinue/random.hpp>          // keyed_random

#include <opencv2/core.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// When pictures are mixed, and by which random numbers.
struct mixing_options {
  std::uint64_t seed = 1;
  double probability = 1;  ///< that a picture is mixed at all
  std::uint64_t until = std::numeric_limits<std::uint64_t>::max();  ///< the first epoch without
};

/// Reads pictures, each mixed by a stage with others that the same reader reads.
template <landmark_schema Schema, picture_reader<Schema> Read, mixing_stage Stage>
class mixed_pictures {
 public:
  /// `read` reads `count` pictures, of which the others are taken. Throws where the probability is
  /// not 0 to 1.
  mixed_pictures(std::size_t count, Read read, Stage stage, const mixing_options& options)
      : count_(count), read_(std::move(read)), stage_(std::move(stage)), options_(options)
  {
    detail::check_probability(options.probability, "a picture mixed with others");
  }

  [[nodiscard]] labelled_picture<Schema> operator()(std::uint64_t epoch, std::size_t i) const
  {
    // A fork that no stage of a pipeline has, which may begin with the same seed.
    keyed_random random = keyed_random(options_.seed, epoch, i).fork(~std::uint32_t{0});
    if (epoch >= options_.until || !random.chance(options_.probability)) return read_(epoch, i);
    constexpr std::size_t all = Stage::others + 1;
    std::array<cv::Mat, all> pictures;
    std::array<extent2, all> sizes;
    std::array<std::vector<instance<Schema>>, all> truths;
    std::string names;
    for (std::size_t k = 0; k < all; ++k) {
      auto one = read_(epoch, k == 0 ? i : another_than(i, random));
      names += (k == 0 ? "" : " + ") + one.name;
      sizes[k] = {one.picture.rows, one.picture.cols};
      pictures[k] = std::move(one.picture);
      truths[k] = std::move(one.instances);
    }
    const std::span<const extent2> seen(sizes);
    const std::span<const std::vector<instance<Schema>>> labelled(truths);
    const auto drawn = stage_.draw(random, seen, labelled);
    labelled_picture<Schema> made{std::move(names), {}, drawn.map(labelled, seen)};
    apply(drawn, std::span<const cv::Mat>(pictures), made.picture);
    return made;
  }

 private:
  /// Of a single picture, itself.
  [[nodiscard]] std::size_t another_than(std::size_t i, keyed_random& random) const
  {
    if (count_ < 2) return i;
    return (i + 1 + random.below(static_cast<std::uint32_t>(count_ - 1))) % count_;
  }

  std::size_t count_;
  Read read_;
  Stage stage_;
  mixing_options options_;
};

/// The same set, its pictures mixed.
template <landmark_schema Schema, mixing_stage Stage>
[[nodiscard]] picture_set<Schema> mixed(picture_set<Schema> set, Stage stage,
                                        const mixing_options& options = {})
{
  set.read = mixed_pictures<Schema, decltype(set.read), Stage>(set.count, std::move(set.read),
                                                               std::move(stage), options);
  return set;
}

}  // namespace retinue
