// SPDX-License-Identifier: Apache-2.0
#include <retinue/landmarks.hpp>

#include <type_traits>

namespace {

using retinue::landmark_offsets, retinue::landmark_schema, retinue::landmarks, retinue::rebind_t;
namespace schemas = retinue::schemas;

// Shipped schemas, and any number of points in two or three dimensions.
static_assert(landmark_schema<schemas::none> && landmark_schema<schemas::face5> &&
              landmark_schema<schemas::plate4> && landmark_schema<schemas::face68> &&
              landmark_schema<schemas::wflw98> && landmark_schema<schemas::coco17>);
static_assert(landmark_schema<schemas::points<1>> && landmark_schema<schemas::points<468, 3>>);
static_assert(!landmark_schema<schemas::points<5, 1>> && !landmark_schema<schemas::points<5, 4>>);

}  // namespace

// One of a user's own, and what it may lack or get wrong.
namespace users {

struct triangle {
  static constexpr std::size_t count = 3, dimension = 2;
  static constexpr std::array<std::size_t, 3> mirror{1, 0, 2};
};
struct no_dimension {
  static constexpr std::size_t count = 3;
  static constexpr std::array<std::size_t, 3> mirror{1, 0, 2};
};
struct no_mirror {
  static constexpr std::size_t count = 3, dimension = 2;
};
struct mirror_too_short {
  static constexpr std::size_t count = 3, dimension = 2;
  static constexpr std::array<std::size_t, 2> mirror{1, 0};
};
struct mirror_out_of_range {
  static constexpr std::size_t count = 3, dimension = 2;
  static constexpr std::array<std::size_t, 3> mirror{0, 1, 3};
};
struct mirror_of_no_return {
  static constexpr std::size_t count = 3, dimension = 2;
  static constexpr std::array<std::size_t, 3> mirror{1, 2, 0};
};

}  // namespace users

namespace {

using namespace users;

static_assert(landmark_schema<triangle>);
static_assert(!landmark_schema<no_dimension> && !landmark_schema<no_mirror> &&
              !landmark_schema<mirror_too_short> && !landmark_schema<mirror_out_of_range> &&
              !landmark_schema<mirror_of_no_return> && !landmark_schema<int>);

// Landmarks are records: as wide as their points, rebound with their schema.
static_assert(landmarks<float, schemas::face5>::width == 10);
static_assert(landmarks<float, schemas::none>::width == 0);
static_assert(landmarks<float, schemas::points<468, 3>>::width == 1404);
static_assert(
    std::same_as<rebind_t<landmarks<float, triangle>, double>, landmarks<double, triangle>>);
static_assert(!std::is_convertible_v<landmark_offsets<float, triangle>, landmarks<float, triangle>>,
              "what the network regresses is no position");

constexpr landmarks<int, triangle> marks{{{{1, 2}, {3, 4}, {5, 6}}}};
static_assert(marks[0] == 1 && marks[1] == 2 && marks[4] == 5 && marks[5] == 6);

}  // namespace
