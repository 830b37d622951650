// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "count_allocations.hpp"
#include "detect_laws.hpp"
#include "formula_laws.hpp"

#include <retinue/backend/eigen.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

namespace {
using backend = eigen_backend;

template <class Schema>
outputs<backend> view(const test::raw_outputs<Schema>& raw)
{
  const table_shape shape{raw.images, raw.scores.size() / raw.classes / raw.images};
  return {{raw.scores.data(), shape, raw.classes},
          {raw.boxes.data(), shape, 4},
          {raw.points.data(), shape, Schema::count * Schema::dimension}};
}

const auto as_views = [](const auto& raw) { return view(raw); };
}  // namespace

TEST_CASE("detections equal the reference's: rows, order, boxes, landmarks (Eigen)", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  test::check_against_reference<backend>(as_views);
}

TEMPLATE_TEST_CASE("the pipeline is what its steps say (Eigen)", "", RETINUE_TEST_SCHEMAS)
{
  test::check_against_definition<TestType, backend>(as_views, 2);
  test::check_against_definition<TestType, backend>(as_views, 4);
}

TEST_CASE("a depth is found in pixels along x")
{
  using mesh = schemas::points<1, 3>;
  const centre_size_coder code;
  const centre_box<float> anchor{0.5f, 0.5f, 0.2f, 0.4f};
  const landmarks<float, mesh> truth{{{{0.25f, 0.75f, 0.125f}}}};  // fractions of 320 x 80 pixels
  const detail::decode_to_pixels<centre_size_coder> to_pixels{code, 320, 80};
  const auto found = to_pixels(code.encode(truth, anchor), anchor).points[0];
  CHECK(std::abs(found[0] - 80) < 1e-3f);
  CHECK(std::abs(found[1] - 60) < 1e-3f);
  CHECK(std::abs(found[2] - 40) < 1e-3f);
}

TEST_CASE("a batch gives what its images give alone (Eigen)")
{
  test::check_batches<backend>(as_views);
}

TEST_CASE("outputs that do not fit the anchors are refused (Eigen)")
{
  test::check_mismatch<backend>(as_views);
}

TEST_CASE("decoding and suppressing allocate nothing after the first image")
{
  const auto source = square_anchors::retinaface();
  const frame image = frame::unscaled({320, 320});
  const auto raw =
      test::random_outputs<schemas::face5>(make_anchors(source, image.input).size(), 3, 4);
  detector<schemas::face5, backend> detect(source, {.score = 0.2f});
  const auto said = view(raw);
  const std::size_t found = detect(said, image).size();
  const std::size_t before = test::allocations();
  std::size_t again = 0;
  for (int i = 0; i < 10; ++i) again = detect(said, image).size();
  CHECK(test::allocations() == before);
  CHECK(again == found);
  CHECK(found > 100);
  CHECK(before > 0);  // the count works
}

TEST_CASE("anchors are not computed again for the same image size, and are for another")
{
  const auto source = square_anchors::retinaface();
  detector<schemas::none, backend> detect(source, {.score = 0.5f});
  for (const extent2 size : {extent2{64, 64}, extent2{32, 96}, extent2{64, 64}}) {
    const auto raw = test::random_outputs<schemas::none>(make_anchors(source, size).size(), 2, 8);
    detector<schemas::none, backend> fresh(source, {.score = 0.5f});
    const auto expected = fresh(view(raw), frame::unscaled(size));
    const auto found = detect(view(raw), frame::unscaled(size));
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].bounds == expected[i].bounds);
  }
}

TEST_CASE("soft suppression and a coder of one's own take part in the pipeline")
{
  const auto source = square_anchors::retinaface();
  const frame image = frame::unscaled({64, 64});
  const auto raw =
      test::random_outputs<schemas::none>(make_anchors(source, image.input).size(), 2, 2);
  detector<schemas::none, backend, square_anchors, centre_size_coder, soft_suppressor<>> detect(
      source, {.score = 0.5f}, {}, {}, soft_suppressor<>(gaussian_decay{0.5f}, 0.3f));
  const auto found = detect(view(raw), image);
  REQUIRE(found.size() > 1);
  for (std::size_t i = 1; i < found.size(); ++i) CHECK(found[i - 1].score >= found[i].score);
  CHECK(found.back().score >= 0.3f);
}
