// SPDX-License-Identifier: Apache-2.0
// Suppression in a program that knows neither Eigen nor LibTorch.
#include <retinue/suppress.hpp>

#include <array>

int main()
{
  const std::array<retinue::box<float>, 3> boxes{{{0, 0, 10, 10}, {1, 1, 11, 11}, {20, 0, 30, 10}}};
  const std::array<float, 3> scores{0.8f, 0.9f, 0.7f};
  retinue::greedy_suppressor<> suppress(0.4f);
  const auto kept = suppress(boxes, scores);
  return kept.rows.size() == 2 && kept.rows[0] == 1 && kept.rows[1] == 2 ? 0 : 1;
}
