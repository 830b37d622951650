// SPDX-License-Identifier: Apache-2.0
// The types of Eigen that hold many values of one coordinate.
#include <retinue/formulas/coordinate.hpp>
#include <retinue/geometry.hpp>

#include <Eigen/Core>

namespace {

using retinue::coordinate, retinue::scalar_of_t;

static_assert(coordinate<Eigen::Array<float, 16, 1>> && coordinate<Eigen::ArrayXf>);
static_assert(coordinate<Eigen::Array<double, 8, 1>, double> && coordinate<Eigen::ArrayXd, double>);
static_assert(!coordinate<Eigen::VectorXf>, "a matrix has no exp of each element");

static_assert(std::same_as<scalar_of_t<Eigen::ArrayXd>, double>);
static_assert(retinue::record<retinue::box<Eigen::Array<float, 16, 1>>>);

}  // namespace
