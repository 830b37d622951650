// SPDX-License-Identifier: Apache-2.0
// Landmark schemas: how many points an object has, and which point each becomes in a mirror.
//
// A schema is a type. `count` may be 0 (plain boxes); `dimension` is 2, or 3 for meshes; `mirror`
// names, for each point, the point whose place it takes when the picture is flipped left to right,
// so mirror[mirror[k]] == k. Left and right are the image's, not the subject's. A third coordinate
// is a depth in the unit of x, everywhere: pixels along x where x is in pixels, and shares of the
// picture's width where x is one. Whatever scales x scales it too; nothing shifts or mirrors it.
//
//   struct triangle {                                       // a schema of yours
//     static constexpr std::size_t count = 3, dimension = 2;
//     static constexpr std::array<std::size_t, 3> mirror{1, 0, 2};
//   };
#pragma once

#include <retinue/geometry.hpp>  // record

#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace retinue {

namespace detail {
template <std::size_t N>
consteval bool is_involution(const std::array<std::size_t, N>& permutation)
{
  for (std::size_t k = 0; k < N; ++k)
    if (permutation[k] >= N || permutation[permutation[k]] != k) return false;
  return true;
}
}  // namespace detail

/// Write `count`, `dimension` and `mirror`; a `names` array of string_views is optional.
template <class S>
concept landmark_schema = requires {
  { S::count } -> std::convertible_to<std::size_t>;
  { S::dimension } -> std::convertible_to<std::size_t>;
  { S::mirror } -> std::convertible_to<std::array<std::size_t, S::count>>;
} && (S::dimension == 2 || S::dimension == 3) && detail::is_involution(S::mirror);

namespace detail {
/// The identity, with the two points of each pair swapped.
template <std::size_t N>
consteval std::array<std::size_t, N> mirror_of(
    std::initializer_list<std::pair<std::size_t, std::size_t>> swapped)
{
  std::array<std::size_t, N> mirror{};
  for (std::size_t k = 0; k < N; ++k) mirror[k] = k;
  for (auto [a, b] : swapped) {
    mirror[a] = b;
    mirror[b] = a;
  }
  return mirror;
}
}  // namespace detail

namespace schemas {

/// N points that stay what they are in a mirror; for N = 0, plain boxes.
template <std::size_t N, std::size_t Dimension = 2>
struct points {
  static constexpr std::size_t count = N, dimension = Dimension;
  static constexpr std::array<std::size_t, N> mirror = detail::mirror_of<N>({});
};

/// Plain boxes.
using none = points<0>;

/// Two eyes, the nose, two mouth corners: RetinaFace, MTCNN, ArcFace.
struct face5 {
  static constexpr std::size_t count = 5, dimension = 2;
  static constexpr std::array<std::size_t, 5> mirror{1, 0, 2, 4, 3};
  static constexpr std::array<std::string_view, 5> names{"left eye", "right eye", "nose",
                                                         "left mouth corner", "right mouth corner"};
};

/// The corners of a licence plate, in order around it, the first two on one horizontal side.
struct plate4 {
  static constexpr std::size_t count = 4, dimension = 2;
  static constexpr std::array<std::size_t, 4> mirror{1, 0, 3, 2};
};

/// The 68 points of Multi-PIE, 300-W and dlib.
struct face68 {
  static constexpr std::size_t count = 68, dimension = 2;
  static constexpr std::array<std::size_t, 68> mirror = detail::mirror_of<68>(
      {{0, 16},  {1, 15},  {2, 14},  {3, 13},  {4, 12},  {5, 11},  {6, 10},  {7, 9},  // jaw
       {17, 26}, {18, 25}, {19, 24}, {20, 23}, {21, 22},                              // brows
       {31, 35}, {32, 34},                                                            // nostrils
       {36, 45}, {37, 44}, {38, 43}, {39, 42}, {40, 47}, {41, 46},                    // eyes
       {48, 54}, {49, 53}, {50, 52}, {55, 59}, {56, 58}, {60, 64}, {61, 63}, {65, 67}});  // mouth
};

/// The 98 points of WFLW.
struct wflw98 {
  static constexpr std::size_t count = 98, dimension = 2;
  static constexpr std::array<std::size_t, 98> mirror = detail::mirror_of<98>(
      {{0, 32},  {1, 31},  {2, 30},  {3, 29},  {4, 28},  {5, 27},  {6, 26},  {7, 25},
       {8, 24},  {9, 23},  {10, 22}, {11, 21}, {12, 20}, {13, 19}, {14, 18}, {15, 17},  // contour
       {33, 46}, {34, 45}, {35, 44}, {36, 43}, {37, 42}, {38, 50}, {39, 49}, {40, 48},
       {41, 47},                                                                        // brows
       {55, 59}, {56, 58},                                                              // nostrils
       {60, 72}, {61, 71}, {62, 70}, {63, 69}, {64, 68}, {65, 75}, {66, 74}, {67, 73},  // eyes
       {76, 82}, {77, 81}, {78, 80}, {83, 87}, {84, 86}, {88, 92}, {89, 91}, {93, 95},  // mouth
       {96, 97}});                                                                      // pupils
};

/// The 17 body keypoints of COCO.
struct coco17 {
  static constexpr std::size_t count = 17, dimension = 2;
  static constexpr std::array<std::size_t, 17> mirror{0,  2, 1,  4,  3,  6,  5,  8, 7,
                                                      10, 9, 12, 11, 14, 13, 16, 15};
  static constexpr std::array<std::string_view, 17> names{
      "nose",           "left eye",   "right eye",   "left ear",   "right ear",   "left shoulder",
      "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist", "left hip",
      "right hip",      "left knee",  "right knee",  "left ankle", "right ankle"};
};

/// Schemas, for programs that learn the number of landmarks from a file.
template <class... Schemas>
struct list {};

}  // namespace schemas
}  // namespace retinue

// A header of yours, which includes none of ours, makes `retinue::schemas::more` a list of yours.
// Programs then know these, too, and of one number of landmarks yours.
#ifdef RETINUE_MORE_SCHEMAS
#include RETINUE_MORE_SCHEMAS
#else
namespace retinue::schemas {
/// None but those that are shipped.
using more = list<>;
}  // namespace retinue::schemas
#endif

namespace retinue {

namespace detail {
template <class... Yours, class... Ours>
consteval auto joined(schemas::list<Yours...>, schemas::list<Ours...>)
{
  static_assert((landmark_schema<Yours> && ...) && ((Yours::dimension == 2) && ...),
                "each of RETINUE_MORE_SCHEMAS must have count, a dimension of 2 and mirror: see "
                "retinue/landmarks.hpp");
  return schemas::list<Yours..., Ours...>();
}
}  // namespace detail

namespace schemas {

/// Yours, and those above.
using shipped = decltype(detail::joined(
    more(), list<none, points<1>, plate4, face5, coco17, face68, wflw98>()));

}  // namespace schemas

/// How many landmarks those of a list have, for messages: "0, 1 and 5".
template <class... Schemas>
[[nodiscard]] std::string counts_of(schemas::list<Schemas...>)
{
  std::string text;
  std::size_t left = sizeof...(Schemas);
  ((text += std::to_string(Schemas::count), text += --left == 0 ? ""
                                                    : left == 1 ? " and "
                                                                : ", "),
   ...);
  return text;
}

/// Calls visit(schema) with the schema of `count` points on the list; false if there is none. Each
/// schema of the list is compiled into the program.
template <class Visit, class... Schemas>
constexpr bool with_schema_of(std::size_t count, Visit&& visit, schemas::list<Schemas...>)
{
  return ((Schemas::count == count && (visit(Schemas{}), true)) || ...);
}
/// The same of those that are shipped.
template <class Visit>
constexpr bool with_schema_of(std::size_t count, Visit&& visit)
{
  return with_schema_of(count, visit, schemas::shipped{});
}

/// Points laid out by a schema: x of the first, y of the first, x of the second, ... Kind keeps
/// positions and offsets apart, so that one cannot be passed for the other.
template <class T, landmark_schema Schema, class Kind>
struct point_set {
  using value_type = T;
  template <class U>
  using rebind = point_set<U, Schema, Kind>;
  static constexpr std::size_t count = Schema::count, dimension = Schema::dimension;
  static constexpr std::size_t width = count * dimension;

  std::array<std::array<T, dimension>, count> points{};

  RETINUE_HD constexpr T& operator[](std::size_t i) { return points[i / dimension][i % dimension]; }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return points[i / dimension][i % dimension];
  }
  friend bool operator==(const point_set&, const point_set&) = default;
};

namespace detail {
struct positions;
struct regressed;

/// One of the points of a schema, as a schema of its own.
template <class Schema>
using one_point = schemas::points<1, Schema::dimension>;
}  // namespace detail

/// Where the points of one object lie, in the unit of its box; a depth in that of x.
template <class T, landmark_schema Schema>
using landmarks = point_set<T, Schema, detail::positions>;

/// What the network regresses for them, without unit.
template <class T, landmark_schema Schema>
using landmark_offsets = point_set<T, Schema, detail::regressed>;

static_assert(record<landmarks<float, schemas::face5>> && record<landmarks<float, schemas::none>>);

}  // namespace retinue
