// SPDX-License-Identifier: Apache-2.0
// A box of 16 rows, there and back: retinue and Eigen in one program.
#include <retinue/geometry.hpp>

#include <Eigen/Core>

int main()
{
  using packet = Eigen::Array<float, 16, 1>;
  const retinue::box<packet> b{packet::Zero(), packet::Zero(), packet::Constant(4),
                               packet::Constant(2)};
  const retinue::box<packet> again = retinue::to_corners(retinue::to_centre(b));
  return (again.x2 == b.x2).all() && (again.y2 == b.y2).all() ? 0 : 1;
}
