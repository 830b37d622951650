// SPDX-License-Identifier: Apache-2.0
#include <retinue/formulas/coordinate.hpp>

#include <complex>
#include <string>

namespace {

using retinue::coordinate, retinue::scalar_of_t;

// Numbers.
static_assert(coordinate<float> && coordinate<double, double> && coordinate<long double>);
static_assert(!coordinate<int> && !coordinate<bool> && !coordinate<unsigned long>);
static_assert(!coordinate<float, double>, "a float scaled by a double is rounded");
static_assert(coordinate<double, float>);

// What is no number at all, or has no order.
static_assert(!coordinate<std::string> && !coordinate<float*> && !coordinate<void>);
static_assert(!coordinate<std::complex<float>, float>);
static_assert(!coordinate<const float&>);

// A type of a user's own has its functions beside it. What each of the others lacks is its name.
enum class lacks { nothing, log, minimum, scaling, copy };

template <lacks Lacking>
struct column {
  column() = default;
  column(const column&)
    requires(Lacking != lacks::copy)
  = default;
  column& operator=(const column&) = default;

  friend column operator+(const column&, const column&) { return {}; }
  friend column operator-(const column&, const column&) { return {}; }
  friend column operator*(const column&, const column&) { return {}; }
  friend column operator/(const column&, const column&) { return {}; }
  friend column operator+(const column&, float) { return {}; }
  friend column operator*(const column&, float) { return {}; }
  friend column operator/(const column&, float)
    requires(Lacking != lacks::scaling)
  {
    return {};
  }
  friend column exp(const column&) { return {}; }
  friend column log(const column&)
    requires(Lacking != lacks::log)
  {
    return {};
  }
  friend column sqrt(const column&) { return {}; }
  friend column abs(const column&) { return {}; }
  friend column atan(const column&) { return {}; }
  friend column minimum(const column&, const column&)
    requires(Lacking != lacks::minimum)
  {
    return {};
  }
  friend column maximum(const column&, const column&) { return {}; }
};

static_assert(coordinate<column<lacks::nothing>>);
static_assert(!coordinate<column<lacks::log>>);
static_assert(!coordinate<column<lacks::minimum>>);
static_assert(!coordinate<column<lacks::scaling>>);
static_assert(!coordinate<column<lacks::copy>>);

static_assert(std::same_as<scalar_of_t<float>, float> && std::same_as<scalar_of_t<double>, double>);
static_assert(std::same_as<scalar_of_t<column<lacks::nothing>>, float>);

static_assert(retinue::minimum_of(1.0f, 2.0f) == 1.0f && retinue::maximum_of(1.0f, 2.0f) == 2.0f);
static_assert(retinue::minimum_of(-1.0, -2.0) == -2.0 && retinue::maximum_of(-1.0, -2.0) == -1.0);

}  // namespace
