// SPDX-License-Identifier: Apache-2.0
#include <retinue/geometry.hpp>

#include <type_traits>

namespace {

using retinue::box, retinue::box_like, retinue::centre_box, retinue::record, retinue::rebind_t;

static_assert(record<box<float>> && record<centre_box<double>> && record<box<int>>);
static_assert(std::same_as<rebind_t<box<float>, double>, box<double>>);
static_assert(std::is_aggregate_v<box<float>> && std::is_trivially_copyable_v<box<float>>);
static_assert(!std::is_convertible_v<centre_box<float>, box<float>> &&
                  !std::is_convertible_v<box<float>, centre_box<float>>,
              "corners and centres are never mixed silently");

// A record of a user's own, and what it may lack.
template <class T>
struct interval {
  using value_type = T;
  template <class U>
  using rebind = interval<U>;
  static constexpr std::size_t width = 2;
  T from, to;
  T& operator[](std::size_t i) { return i == 0 ? from : to; }
  const T& operator[](std::size_t i) const { return i == 0 ? from : to; }
};
template <class T>
struct no_width {
  using value_type = T;
  template <class U>
  using rebind = no_width<U>;
  T& operator[](std::size_t);
  const T& operator[](std::size_t) const;
};
struct rebinds_to_another {
  using value_type = float;
  template <class U>
  using rebind = interval<U>;
  static constexpr std::size_t width = 2;
  float& operator[](std::size_t);
  const float& operator[](std::size_t) const;
};
template <class T>
struct reads_copies {
  using value_type = T;
  template <class U>
  using rebind = reads_copies<U>;
  static constexpr std::size_t width = 2;
  T& operator[](std::size_t);
  T operator[](std::size_t) const;
};
static_assert(record<interval<float>>);
static_assert(!record<no_width<float>> && !record<rebinds_to_another> &&
              !record<reads_copies<float>> && !record<float>);

}  // namespace

// Boxes of a user's own are seen as ours by a to_corners beside them.
namespace users {

struct rectangle {
  int left, top, width, height;
};
retinue::box<float> to_corners(const rectangle&);

struct without_to_corners {
  float x1, y1, x2, y2;
};
struct corners_of_another_kind {};
rectangle to_corners(const corners_of_another_kind&);

}  // namespace users

namespace {

static_assert(box_like<box<float>> && box_like<centre_box<double>> && box_like<users::rectangle>);
static_assert(!box_like<users::without_to_corners> && !box_like<users::corners_of_another_kind> &&
              !box_like<float>);

}  // namespace
