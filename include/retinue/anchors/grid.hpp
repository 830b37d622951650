// SPDX-License-Identifier: Apache-2.0
// The concept of an anchor source, and the algorithm that writes all its anchors.
#pragma once

#include <retinue/error.hpp>     // fail
#include <retinue/geometry.hpp>  // centre_box, extent2

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace retinue {

namespace detail {
/// How many strides cover so many pixels.
[[nodiscard]] constexpr int ceil_cells(int pixels, double stride)
{
  const double cells = pixels / stride;
  const int whole = static_cast<int>(cells);
  return whole + (whole < cells);
}
}  // namespace detail

/// The sides of an anchor, as fractions of the image's.
struct anchor_sides {
  double width = 0, height = 0;
};

/// An anchor source of your own: write these. Axes are independent, so that a map of H x W cells
/// costs H + W centres; `extent` is the image's length in pixels along the axis asked for.
///   levels()                            how many feature maps
///   cells(level, extent)                how many cells such a map has along an axis of the image
///   per_cell(level)                     how many anchors share a centre
///   centre(level, cell, extent)         the centre of a cell along an axis, a fraction
///   sides(level, anchor, image)         the sides of an anchor, fractions
///   clipped()                           whether cx, cy, w, h are clamped to 0..1
template <class A>
concept anchor_source =
    requires(const A& a, std::size_t level, std::size_t anchor, int pixels, extent2 image) {
      { a.levels() } -> std::convertible_to<std::size_t>;
      { a.cells(level, pixels) } -> std::convertible_to<int>;
      { a.per_cell(level) } -> std::convertible_to<std::size_t>;
      { a.centre(level, pixels, pixels) } -> std::convertible_to<double>;
      { a.sides(level, anchor, image) } -> std::convertible_to<anchor_sides>;
      { a.clipped() } -> std::convertible_to<bool>;
    };

namespace detail {
/// Who takes a source of anchors ends a mistake in this sentence.
template <class A>
[[nodiscard]] consteval bool expect_anchor_source()
{
  static_assert(anchor_source<A>,
                "an anchor source must have levels(), cells(level, extent), per_cell(level), "
                "centre(level, cell, extent), sides(level, anchor, image) and clipped(), all "
                "const: see retinue/anchors/grid.hpp");
  return true;
}
}  // namespace detail

/// The map sizes that a network padded as the reference's makes of an image: every level's
/// ceil(side / stride). Ask the network instead where it may differ.
template <anchor_source A>
[[nodiscard]] constexpr std::vector<extent2> map_sizes(const A& source, extent2 image)
{
  std::vector<extent2> maps(source.levels());
  for (std::size_t level = 0; level < maps.size(); ++level)
    maps[level] = {source.cells(level, image.height), source.cells(level, image.width)};
  return maps;
}

/// How many anchors those maps have in all. Throws where a map has a negative side.
template <anchor_source A>
[[nodiscard]] constexpr std::size_t anchor_count(const A& source, std::span<const extent2> maps)
{
  std::size_t count = 0;
  for (std::size_t level = 0; level < maps.size(); ++level) {
    const auto [height, width] = maps[level];
    if (height < 0 || width < 0)
      fail("the feature map of level ", level, " has ", width, " x ", height,
           " cells, expected no negative number");
    count +=
        static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * source.per_cell(level);
  }
  return count;
}

/// Writes every anchor of the image over `out`, computed in double and rounded once to T. Storage
/// is reused, so a second call for the same sizes allocates nothing. Throws where a side of the
/// image is not positive, where there are not as many maps as levels, or where a map has a negative
/// side.
template <class T, anchor_source A>
constexpr void make_anchors(const A& source, extent2 image, std::span<const extent2> maps,
                            std::vector<centre_box<T>>& out)
{
  if (image.height <= 0 || image.width <= 0)
    fail("anchors for an image of ", image.width, " x ", image.height,
         " pixels: both sides must be positive");
  if (maps.size() != source.levels())
    fail("the network has ", maps.size(), " feature maps, the anchors are made for ",
         source.levels(), " levels");
  out.resize(anchor_count(source, maps));

  const auto rounded = [clipped = source.clipped()](double v) {
    return clipped ? static_cast<T>(v < 0 ? 0.0 : v > 1 ? 1.0 : v) : static_cast<T>(v);
  };
  centre_box<T>* next = out.data();
  for (std::size_t level = 0; level < maps.size(); ++level) {
    const auto [rows, columns] = maps[level];
    const std::size_t per_cell = source.per_cell(level);
    if (rows == 0 || columns == 0 || per_cell == 0) continue;

    // The first row is computed; every further one differs from it in cy alone.
    centre_box<T>* const first = next;
    const T top = rounded(source.centre(level, 0, image.height));
    for (std::size_t k = 0; k < per_cell; ++k) {
      const anchor_sides sides = source.sides(level, k, image);
      first[k] = {T(0), top, rounded(sides.width), rounded(sides.height)};
    }
    for (int j = 0; j < columns; ++j) {
      const T cx = rounded(source.centre(level, j, image.width));
      for (std::size_t k = 0; k < per_cell; ++k, ++next) *next = {cx, top, first[k].w, first[k].h};
    }
    const std::size_t row = static_cast<std::size_t>(columns) * per_cell;
    for (int i = 1; i < rows; ++i) {
      const T cy = rounded(source.centre(level, i, image.height));
      for (std::size_t n = 0; n < row; ++n, ++next)
        *next = {first[n].cx, cy, first[n].w, first[n].h};
    }
  }
}

/// The anchors of an image, from the map sizes that the network really has. Throws as the one
/// above.
template <class T = float, anchor_source A>
[[nodiscard]] constexpr std::vector<centre_box<T>> make_anchors(const A& source, extent2 image,
                                                                std::span<const extent2> maps)
{
  std::vector<centre_box<T>> anchors;
  make_anchors(source, image, maps, anchors);
  return anchors;
}

/// The anchors of an image, from map sizes by `map_sizes`. Throws where a side of the image is not
/// positive.
template <class T = float, anchor_source A>
[[nodiscard]] constexpr std::vector<centre_box<T>> make_anchors(const A& source, extent2 image)
{
  return make_anchors<T>(source, image, map_sizes(source, image));
}

/// The same where the compiler knows all sizes; Count is their number, `make_anchors(...).size()`.
/// g++ 12 computes it, clang 14 does not. Does not compile where Count is another.
template <std::size_t Count, class T = float, anchor_source A>
[[nodiscard]] consteval std::array<centre_box<T>, Count> anchor_table(const A& source,
                                                                      extent2 image)
{
  const std::vector<centre_box<T>> all = make_anchors<T>(source, image);
  if (all.size() != Count) fail("anchors were counted wrongly");
  std::array<centre_box<T>, Count> table{};
  std::copy(all.begin(), all.end(), table.begin());
  return table;
}

}  // namespace retinue
