// SPDX-License-Identifier: Apache-2.0
// Matchers by their definitions, and against what the peers assign, over every backend of host
// memory and over the archetype.
#include "catch.hpp"
#include "host_backends.hpp"
#include "matcher_laws.hpp"
#include "npz.hpp"
#include "shared.hpp"

using namespace retinue;

TEMPLATE_TEST_CASE("matching by predictions equals its definitions", "", RETINUE_TEST_BACKENDS)
{
  test::check_predictive_matching<TestType>();
}

TEMPLATE_TEST_CASE("adaptive matching serves any backend", "", RETINUE_TEST_BACKENDS)
{
  test::check_adaptive_sampling<TestType>();
}

TEMPLATE_TEST_CASE("matching by overlap equals MMDetection's golden assignments", "[shared]",
                   RETINUE_TEST_BACKENDS)
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/assign.npz"));
  CHECK(test::check_golden_overlaps<TestType>(golden) >= 36);
  CHECK(test::check_torchvision_matcher<TestType>(golden) >= 20);
}

TEMPLATE_TEST_CASE("matching by predictions equals the peers' golden assignments", "[shared]",
                   RETINUE_TEST_BACKENDS)
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/assign.npz")),
      ultra(test::shared("golden/families/assign_ultra.npz"));
  CHECK(test::check_dynamic_k<TestType>(golden) >= 6);
  CHECK(test::check_soft_label<TestType>(golden) >= 6);
  CHECK(test::check_tood<TestType>(golden) >= 6);
  CHECK(test::check_ultralytics<TestType>(ultra) >= 20);
  CHECK(test::check_uniform<TestType>(golden) >= 6);
  CHECK(test::check_one_to_one<TestType>(golden) >= 6);
}

TEST_CASE("adaptive matching equals MMDetection's golden assignments", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/assign.npz"));
  CHECK(test::check_adaptive(golden) >= 12);
}
