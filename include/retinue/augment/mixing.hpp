// SPDX-License-Identifier: Apache-2.0
// Augmentation of more than one picture: decided first, then applied, as of one.
//
//   stage.others                           how many pictures it needs beside the first
//   stage.draw(random, sizes, truths)      -> mixing    looks at the truths, changes nothing
//   mixing.size_after(sizes)               -> size      of what comes out
//   mixing.map(truths, sizes)              -> truths    of what comes out: from all pictures
//   apply(mixing, pictures, to)                         the pixels: augment/pixels.hpp
//
// Pictures are named by their place: the first is the one that a sample is about. The pictures come
// from data/mixed_pictures.hpp, ahead of any pipeline, whose stages then see one picture.
#pragma once

#include <retinue/augment/transform.hpp>  // random_source
#include <retinue/error.hpp>              // fail

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace retinue {

/// What was decided for some pictures. Write these two for instances of any schema.
template <class M, class Schema = schemas::face5>
concept mixing = requires(const M& m, std::span<const std::vector<instance<Schema>>> truths,
                          std::span<const extent2> sizes) {
  { m.size_after(sizes) } -> std::same_as<extent2>;
  { m.map(truths, sizes) } -> std::same_as<std::vector<instance<Schema>>>;
};

/// Decides. Yours is accepted as a source of samples if it says how many `others` it needs, and
/// draw, const, gives a mixing. No truth may count for more than it did.
template <class S, class Random = keyed_random, class Schema = schemas::face5>
concept mixing_stage = requires(const S& stage, Random& random, std::span<const extent2> sizes,
                                std::span<const std::vector<instance<Schema>>> truths) {
  { S::others } -> std::convertible_to<std::size_t>;
  { stage.draw(random, sizes, truths) } -> mixing<Schema>;
};

namespace detail {

template <class Schema>
void shift(std::vector<instance<Schema>>& instances, float x, float y)
{
  for (auto& i : instances) {
    i.bounds = {i.bounds.x1 + x, i.bounds.y1 + y, i.bounds.x2 + x, i.bounds.y2 + y};
    map_points(i, [&](std::size_t, auto& p) {
      p[0] += x;
      p[1] += y;
    });
  }
}

template <class Schema>
void append(std::vector<instance<Schema>>& to, const std::vector<instance<Schema>>& from)
{
  to.insert(to.end(), from.begin(), from.end());
}

/// A picture of at least one pixel, of which `what` is made.
inline void check_picture(extent2 size, const char* what)
{
  if (size.width < 1 || size.height < 1)
    fail(what, " was given a picture of ", size.width, " x ", size.height, " pixels");
}

/// The least size of about the same shape that covers `part`.
[[nodiscard]] inline extent2 covering(extent2 picture, extent2 part)
{
  const double scale =
      std::max(double(part.width) / picture.width, double(part.height) / picture.height);
  const auto side = [&](int of, int least) {
    return std::max(least, static_cast<int>(std::lround(scale * of)));
  };
  return {side(picture.height, part.height), side(picture.width, part.width)};
}

}  // namespace detail
}  // namespace retinue
