// expected: is_involution
// SPDX-License-Identifier: Apache-2.0
// Two flips must put each point back; this mirror sends 0 to 1, 1 to 2 and 2 to 0.
#include <retinue/landmarks.hpp>

struct triangle {
  static constexpr std::size_t count = 3, dimension = 2;
#ifdef CORRECTED
  static constexpr std::array<std::size_t, 3> mirror{1, 0, 2};
#else
  static constexpr std::array<std::size_t, 3> mirror{1, 2, 0};
#endif
};

retinue::landmarks<float, triangle> marks{};
