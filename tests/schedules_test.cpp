// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <retinue/train/schedules.hpp>

using namespace retinue;

namespace {
bool near(double a, double b)
{
  return std::abs(a - b) <= 1e-12 * std::max(1.0, std::abs(b));
}
}  // namespace

TEST_CASE("a step schedule falls at each milestone, and stays")
{
  const step_rate rate{1e-3, 0.1, {190, 220}};
  CHECK(rate(0) == 1e-3);
  CHECK(rate(189) == 1e-3);
  CHECK(near(rate(190), 1e-4));
  CHECK(near(rate(219), 1e-4));
  CHECK(near(rate(220), 1e-5));
  CHECK(near(rate(100000), 1e-5));
}

TEST_CASE("a cosine falls from base to last, half way at half time")
{
  const cosine_rate rate{0.4, 0.2, 100};
  CHECK(near(rate(0), 0.4));
  CHECK(near(rate(50), 0.3));
  CHECK(near(rate(100), 0.2));
  CHECK(near(rate(1000), 0.2));
  for (int step = 1; step <= 100; ++step) CHECK(rate(step) < rate(step - 1));
}

TEST_CASE("a warm-up rises to the schedule and then is the schedule")
{
  const warmed_up<step_rate> rate{{0.1, 0.5, {30}}, 10, 0.2};
  CHECK(near(rate(0), 0.02));
  CHECK(near(rate(5), 0.06));
  CHECK(near(rate(10), 0.1));
  CHECK(near(rate(29), 0.1));
  CHECK(near(rate(30), 0.05));
}
