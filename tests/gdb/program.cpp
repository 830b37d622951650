// SPDX-License-Identifier: Apache-2.0
// What gdb is shown in printers.cmake.
#include <retinue/backend/table.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/landmarks.hpp>

#include <array>
#include <vector>

using namespace retinue;

namespace {
void stop_here()
{
  asm volatile("" ::: "memory");
}
}  // namespace

int main()
{
  const box<float> corners{1, 2.5f, 30, 0.3f};
  const centre_box<double> centre{8, 9, 4, 2};
  const extent2 size{480, 640};
  const landmarks<float, schemas::plate4> points{{{{1, 2}, {3, 4}, {5, 6}, {7, 8}}}};
  const std::vector<box<float>> records{{1, 2, 3, 4}, {5, 6, 7, 8}};
  const columns<box<float>> table{records};
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const rows<offsets<float>> view(numbers.data(), table_shape{1, 3},
                                  transposed(table_shape{1, 3}, 4));
  const std::array<table_block<float>, 2> levels{
      {{numbers.data(), {1, 2}, {4, 2, 1}}, {numbers.data() + 4, {1, 1}, {2, 2, 1}}}};
  const number_rows leveled(levels, 2);
  stop_here();
  return corners.x1 + centre.cx + size.width + points.points[0][0] + table[0].x1 + view[0].dx +
                     leveled[0][0] >
                 0
             ? 0
             : 1;
}
