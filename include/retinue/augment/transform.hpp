// SPDX-License-Identifier: Apache-2.0
// Decided first, then applied: a stage draws a transform, and the transform does the rest.
//
//   stage.draw(random, size, instances)   -> transform   looks at the instances, changes nothing
//   transform.size_after(size)            -> size        of the picture
//   transform.map(instances, size)                       boxes and landmarks together
//   apply(transform, picture, to)                        the pixels: augment/pixels.hpp
//
// Coordinates are continuous pixels: pixel (x, y) covers x to x + 1. The third coordinate of a
// landmark is a length in pixels along x, and scaled as those are. A transform is a small value:
// what was decided can be printed, kept, and applied again. A stage whose settings make no sense is
// refused when it draws, in one sentence.
#pragma once

#include <retinue/error.hpp>      // fail
#include <retinue/geometry.hpp>   // extent2
#include <retinue/instance.hpp>   // instance
#include <retinue/landmarks.hpp>  // schemas
#include <retinue/random.hpp>     // random_source

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

/// What was decided for one picture. Write these two for instances of any schema.
template <class T, class Schema = schemas::face5>
concept transform = requires(const T& t, extent2 size, std::vector<instance<Schema>>& instances) {
  { t.size_after(size) } -> std::same_as<extent2>;
  t.map(instances, size);
};

/// Decides. Yours is accepted in a pipeline if draw, const, gives a transform.
template <class S, class Random = keyed_random, class Schema = schemas::face5>
concept augmentation_stage = requires(const S& stage, Random& random, extent2 size,
                                      std::span<const instance<Schema>> instances) {
  { stage.draw(random, size, instances) } -> transform<Schema>;
};

namespace detail {
/// Who draws of a stage ends a mistake in this sentence.
template <class S, class Random, class Schema>
[[nodiscard]] consteval bool expect_stage()
{
  static_assert(
      augmentation_stage<S, Random, Schema>,
      "a stage of augmentation must have draw(random, size, instances), const, a template "
      "over the source of random numbers, for instances of the schema that is drawn for, which "
      "gives a transform with size_after(size) and map(instances, size), both const: see "
      "retinue/augment/transform.hpp");
  return true;
}
}  // namespace detail

/// What becomes of a landmark that leaves the picture. The reference moves it to the edge and
/// trains on it as if it were there.
enum class edge_landmarks { hide, clamp };

/// Blue, green, red of what a transform fills in.
using fill_colour = std::array<std::uint8_t, 3>;
inline constexpr fill_colour mean_colour{104, 117, 123};  ///< 0 after the mean is subtracted

namespace detail {

inline void check_probability(double probability, std::string_view of)
{
  if (!(probability >= 0 && probability <= 1))
    fail("the probability of ", of, " is ", probability, ", expected 0 to 1");
}

/// Both numbers from `from` to `to`, the first no more than the second.
inline void check_range(double least, double most, double from, double to, std::string_view of)
{
  if (!(least >= from && least <= most && most <= to))
    fail(of, " are drawn from ", least, " to ", most, ", expected a range within ", from, " to ",
         to);
}

template <class Map, class Schema>
void map_points(instance<Schema>& of, Map map)
{
  for (std::size_t k = 0; k < Schema::count; ++k)
    if (of.visible[k]) map(k, of.points.points[k]);
}

/// A picture of `size` shows instances whose centre lies inside it; their boxes are cut at its
/// edges, and landmarks beyond them are hidden or moved there.
template <class Schema>
void keep_inside(std::vector<instance<Schema>>& instances, extent2 size, edge_landmarks landmarks)
{
  const auto w = static_cast<float>(size.width), h = static_cast<float>(size.height);
  std::erase_if(instances, [&](const instance<Schema>& i) {
    const float cx = (i.bounds.x1 + i.bounds.x2) / 2, cy = (i.bounds.y1 + i.bounds.y2) / 2;
    return !(0 < cx && cx < w && 0 < cy && cy < h);
  });
  for (auto& i : instances) {
    i.bounds = clip(i.bounds, w, h);
    map_points(i, [&](std::size_t k, auto& p) {
      const float x = std::clamp(p[0], 0.f, w), y = std::clamp(p[1], 0.f, h);
      if (landmarks == edge_landmarks::hide && (x != p[0] || y != p[1])) {
        i.visible[k] = false;
        p = {};
      } else {
        p[0] = x;
        p[1] = y;
      }
    });
  }
}

}  // namespace detail
}  // namespace retinue
