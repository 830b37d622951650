// SPDX-License-Identifier: Apache-2.0
// Landmark schemas of a user's, for programs of ours: docs/data.md shows one.
#pragma once

#include <array>
#include <cstddef>

namespace users {

/// A hand: the wrist and the tips of five fingers. A mirrored left hand is a right one, so that
/// each point keeps its name.
struct hand6 {
  static constexpr std::size_t count = 6, dimension = 2;
  static constexpr std::array<std::size_t, 6> mirror{0, 1, 2, 3, 4, 5};
};

/// A kite, whose second and fourth corners change places in a mirror.
struct kite4 {
  static constexpr std::size_t count = 4, dimension = 2;
  static constexpr std::array<std::size_t, 4> mirror{0, 3, 2, 1};
};

}  // namespace users

namespace retinue::schemas {

using more = list<users::hand6, users::kite4, points<21>>;

}  // namespace retinue::schemas
