// SPDX-License-Identifier: Apache-2.0
// Every family over the backends of host memory, and over one that offers what the concept asks for
// and nothing else.
#include "catch.hpp"
#include "detect_laws.hpp"
#include "formula_laws.hpp"
#include "host_backends.hpp"
#include "npz.hpp"
#include "shared.hpp"

using namespace retinue;

TEMPLATE_TEST_CASE("the few things done to tables", "", RETINUE_TEST_BACKENDS)
{
  test::check_primitives<TestType>();
}

TEMPLATE_TEST_CASE("selection takes what a full sort of all scores takes", "",
                   RETINUE_TEST_BACKENDS)
{
  test::check_all_selections<TestType>();
}

TEMPLATE_TEST_CASE("suppression by class", "", RETINUE_TEST_BACKENDS)
{
  test::check_suppression<TestType>();
}

TEMPLATE_TEST_CASE("matching over tables gives what the grid of anchors gives", "",
                   RETINUE_TEST_BACKENDS)
{
  test::check_matching<TestType>();
}

TEMPLATE_TEST_CASE("matching, reading and mining sample the same rows", "", RETINUE_TEST_BACKENDS)
{
  test::check_sampling<TestType>();
}

namespace {
using archetype = test::archetype_backend;

const auto as_archetype = [](const auto& raw) {
  const table_shape shape{raw.images, raw.scores.size() / raw.classes / raw.images};
  const std::size_t points = raw.points.size() / shape.size();
  return outputs<archetype>{archetype::output({raw.scores.data(), shape, raw.classes}),
                            archetype::output({raw.boxes.data(), shape, 4}),
                            archetype::output({raw.points.data(), shape, points})};
};
}  // namespace

TEMPLATE_TEST_CASE("a whole detector runs on what the concept asks for", "", RETINUE_TEST_SCHEMAS)
{
  test::check_against_definition<TestType, archetype>(as_archetype, 2);
  test::check_against_definition<TestType, archetype>(as_archetype, 4);
}

TEST_CASE("a whole loss runs on what the concept asks for, and comes to the same")
{
  using face5 = schemas::face5;
  using settings = multibox_settings<face5>;
  const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  auto batch = test::random_batch<face5>(layout, 2, {5, 0, 11});
  for (auto& image : batch.truths)
    for (std::size_t t = 0; t < image.size(); ++t) image[t].weight = 0.25f * float(t % 4);
  const auto expected = test::batch_loss<settings>()(layout, batch);
  test::laboratory<archetype> lab;
  truth_batch<face5> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  const table_shape shape{3, layout.size()};
  outputs<archetype> said;
  said.scores = archetype::output({batch.logits.data(), shape, 2});
  said.boxes = archetype::output({batch.offsets.data(), shape, 4});
  said.points = archetype::output({batch.landmarks.data(), shape, 10});
  archetype::calls.clear();
  settings::sampler_over<archetype, test::overlap_in_tables> sample({}, {}, hard_negatives(), {});
  settings::loss_over<archetype> loss;
  archetype::table<centre_box<float>> anchors;
  lab.b.put(layout.anchors(), 1, anchors);
  samples<archetype> chosen;
  sample(lab.b, layout, anchors, said, truths, chosen);
  const auto& terms = loss(lab.b, anchors, said, truths, chosen);
  REQUIRE(terms.terms.size() == 3);
  const auto value = [&](std::size_t i) {
    return terms.terms[i].cost.sum() / terms.terms[i].divisor;
  };
  CHECK(terms.positives == expected.positives);
  CHECK(terms.negatives == expected.negatives);
  CHECK(std::abs(value(0) - expected.box) < 1e-6);
  CHECK(std::abs(value(1) - expected.label) < 1e-6);
  CHECK(std::abs(value(2) - expected.landmark) < 1e-6);
  for (const char* used :
       {"as", "put", "map", "most", "best", "compact", "gather", "append", "scatter", "divide",
        "rows_of", "count", "across", "clear", "add_cost"}) {
    CAPTURE(used);
    CHECK(archetype::calls[used] > 0);
  }
  CHECK(archetype::calls["fetch"] == 0);  // nothing comes to the host in a step
}
