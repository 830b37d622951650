// SPDX-License-Identifier: Apache-2.0
// Labelled pictures at hand: those that a data set names, or scenes that are drawn on demand.
//
//   picture_set<schemas::face5> set = pictures_of(read_retinaface_labels<schemas::face5>(file));
//   labelled_picture<schemas::face5> first = set.read(0, 0);
#pragma once

#include <retinue/data/sample.hpp>  // data_set
#include <retinue/data/scenes.hpp>  // draw_faces, draw_shapes
#include <retinue/geometry.hpp>     // extent2
#include <retinue/image/files.hpp>  // read_image
#include <retinue/instance.hpp>     // instance

#include <opencv2/core.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// 8-bit BGR, and what is in it, in pixels.
template <landmark_schema Schema>
struct labelled_picture {
  std::string name;
  cv::Mat picture;
  std::vector<instance<Schema>> instances;
  std::vector<double> areas{};  ///< as those of a sample
};

/// Reads picture i of an epoch: a file, or a scene drawn anew. Many threads call it at once; what
/// cannot be read throws `error`, by name.
template <class R, class Schema>
concept picture_reader = requires(const R& read, std::uint64_t epoch, std::size_t i) {
  { read(epoch, i) } -> std::same_as<labelled_picture<Schema>>;
};

/// Pictures from anywhere, and the names of their classes, from label 1.
template <landmark_schema Schema>
struct picture_set {
  std::size_t count = 0;
  std::function<labelled_picture<Schema>(std::uint64_t epoch, std::size_t i)> read;
  std::vector<std::string> classes;            ///< empty where the set names none
  std::vector<std::string> skipped;            ///< why each truth that was left out was
  std::vector<std::filesystem::path> files{};  ///< of each picture; empty where scenes are drawn
};

/// The pictures of a data set, the same in every epoch.
template <landmark_schema Schema>
[[nodiscard]] picture_set<Schema> pictures_of(data_set<Schema> set)
{
  const auto kept = std::make_shared<const data_set<Schema>>(std::move(set));
  std::vector<std::filesystem::path> files;
  for (const auto& sample : kept->samples) files.push_back(sample.path);
  return {kept->samples.size(),
          [kept](std::uint64_t, std::size_t i) -> labelled_picture<Schema> {
            const auto& from = kept->samples[i];
            return {from.path.string(), read_image(from.path), from.instances, from.areas};
          },
          kept->classes, kept->skipped, std::move(files)};
}

namespace detail {

template <landmark_schema Schema, class Draw>
[[nodiscard]] picture_set<Schema> drawn_pictures(std::uint64_t seed, std::size_t count, Draw draw)
{
  return {count,
          [=](std::uint64_t epoch, std::size_t i) -> labelled_picture<Schema> {
            scene<Schema> drawn = draw(seed, epoch * count + i);
            return {"scene-" + std::to_string(i), drawn.picture, std::move(drawn.instances)};
          },
          {},
          {}};
}

/// Objects up to most of the picture.
[[nodiscard]] inline scene_options scenes_of_side(int side)
{
  return {.size = {side, side}, .largest = 0.6 * side};
}

}  // namespace detail

/// `count` scenes with faces, drawn anew in each epoch.
[[nodiscard]] inline picture_set<schemas::face5> drawn_faces(std::uint64_t seed, std::size_t count,
                                                             int side)
{
  auto set = detail::drawn_pictures<schemas::face5>(
      seed, count, [how = detail::scenes_of_side(side)](std::uint64_t s, std::uint64_t i) {
        return draw_faces(s, i, how);
      });
  set.classes = {"face"};
  return set;
}

/// `count` scenes with discs, triangles, crosses and rings, drawn anew in each epoch.
[[nodiscard]] inline picture_set<schemas::none> drawn_shapes(std::uint64_t seed, std::size_t count,
                                                             int side)
{
  auto set = detail::drawn_pictures<schemas::none>(
      seed, count, [how = detail::scenes_of_side(side)](std::uint64_t s, std::uint64_t i) {
        return draw_shapes(s, i, how);
      });
  set.classes.assign(shape_classes.begin(), shape_classes.end());
  return set;
}

}  // namespace retinue
