// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "count_allocations.hpp"
#include "detect_laws.hpp"
#include "formula_laws.hpp"

#include <retinue/anchors/layout.hpp>
#include <retinue/backend/eigen.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>
#include <retinue/detect_programs.hpp>
#include <retinue/labels/quality.hpp>
#include <retinue/suppress/soft.hpp>

#include <cstddef>
#include <span>
#include <vector>

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

TEST_CASE("a quality is one number a row, and no floor below 0 leaves a row out")
{
  using none = schemas::none;
  const square_anchors one{.level = {{32, {32}}}};
  detector<none, host_backend, square_anchors, centre_size_coder, greedy_suppressor<>,
           times_quality<>>
      find(one, {.score = -1}, {}, {}, {.root = true});
  const std::vector<float> scores{3, -9, 4, -9}, boxes(4), quality{1, 1};
  const table_shape shape{1, 1};
  outputs<host_backend> said{.scores = {scores.data(), shape, 1},
                             .boxes = {boxes.data(), shape, 4}};
  said.quality = {quality.data(), shape, 1};
  const frame how = frame::unscaled({32, 32});
  CHECK(find(said, how).size() == 1);
  const std::vector<float> low{-9};
  said.scores = {low.data(), shape, 1};
  CHECK(find(said, how).size() == 1);
  said.quality = {quality.data(), shape, 2};
  CHECK_THROWS_WITH(find(said, how), "the quality has 2 numbers a row, expected 1");
}

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

TEMPLATE_TEST_CASE(
    "outputs that are transposed, strided or parted by level are found in as those of "
    "one block are",
    "", host_backend, eigen_backend)
{
  const auto source = square_anchors::retinaface();
  const frame image = frame::unscaled({96, 128});
  constexpr std::size_t images = 2;
  const anchor_layout layout(source, image.input);
  const table_shape shape{images, layout.size()};
  using face5 = schemas::face5;
  const auto raw = test::random_outputs<face5>(shape.size(), 3, 7);
  const std::size_t numbers[] = {raw.classes, 4, 10};
  const std::vector<float>* const arrays[] = {&raw.scores, &raw.boxes, &raw.points};
  detector<face5, TestType> detect(source, {.score = 0.3f, .overlap = 0.4f});
  const auto found = [&](const auto& view_of) {
    std::vector<std::vector<detection<face5>>> all;
    const outputs<TestType> said{view_of(0), view_of(1), view_of(2)};
    for (std::size_t b = 0; b < images; ++b) {
      const outputs<TestType> one{said.scores.image(b), said.boxes.image(b), said.points.image(b)};
      const auto of_image = detect(one, image);
      all.emplace_back(of_image.begin(), of_image.end());
    }
    return all;
  };
  const auto expected =
      found([&](std::size_t p) { return number_rows(arrays[p]->data(), shape, numbers[p]); });
  REQUIRE(expected[0].size() > 10);
  REQUIRE(expected[0].size() + expected[1].size() > 20);
  const auto check = [&](const auto& again) {
    for (std::size_t b = 0; b < images; ++b) {
      REQUIRE(again[b].size() == expected[b].size());
      for (std::size_t i = 0; i < again[b].size(); ++i) {
        CHECK(again[b][i].bounds == expected[b][i].bounds);
        CHECK(again[b][i].score == expected[b][i].score);
        CHECK(again[b][i].points == expected[b][i].points);
      }
    }
  };

  // All first numbers of an image, then all second ones.
  std::vector<float> turned[3];
  // Two rows apart, a number of somebody else's between any two, and images the other way round.
  std::vector<float> spread[3];
  // One block a level, of all images.
  std::vector<float> parts[3];
  std::vector<table_block<float>> levels[3];
  const auto map_rows = {16 * 12 * 2, 8 * 6 * 2, 4 * 3 * 2};
  for (std::size_t p = 0; p < 3; ++p) {
    const std::size_t w = numbers[p], n = shape.rows;
    const auto at = [&](std::size_t b, std::size_t i, std::size_t c) {
      return (*arrays[p])[(b * n + i) * w + c];
    };
    turned[p].resize(images * n * w);
    spread[p].assign(images * n * w * 4, -7);
    parts[p].reserve(images * n * w);
    for (std::size_t b = 0; b < images; ++b)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t c = 0; c < w; ++c) {
          turned[p][(b * w + c) * n + i] = at(b, i, c);
          spread[p][(((images - 1 - b) * n + i) * w + c) * 4] = at(b, i, c);
        }
    std::size_t first = 0;
    for (const int rows : map_rows) {
      const table_shape level{images, static_cast<std::size_t>(rows)};
      levels[p].push_back({parts[p].data() + parts[p].size(), level, contiguous(level, w)});
      for (std::size_t b = 0; b < images; ++b)
        for (std::size_t i = 0; i < level.rows; ++i)
          for (std::size_t c = 0; c < w; ++c) parts[p].push_back(at(b, first + i, c));
      first += level.rows;
    }
    REQUIRE(first == n);
  }
  check(found([&](std::size_t p) {
    return number_rows(turned[p].data(), shape, numbers[p], transposed(shape, numbers[p]));
  }));
  check(found([&](std::size_t p) {
    const auto row = static_cast<std::ptrdiff_t>(numbers[p] * 4);
    const auto one = static_cast<std::ptrdiff_t>(shape.rows) * row;
    return number_rows(spread[p].data() + one, shape, numbers[p],
                       {.image = -one, .row = row, .number = 4});
  }));
  check(found([&](std::size_t p) {
    return number_rows(std::span<const table_block<float>>(levels[p]), numbers[p]);
  }));
}

TEST_CASE("a frame that tells nothing, and a part that is not there, are refused as such")
{
  using face5 = schemas::face5;
  detector<face5, backend> detect(square_anchors::retinaface());
  const auto raw = test::random_outputs<face5>(
      make_anchors(square_anchors::retinaface(), {64, 64}).size(), 2, 1);
  auto said = view(raw);
  for (const double scale : {0.0, -1.0, double(NAN), double(HUGE_VALF)}) {
    CHECK_THROWS_WITH(
        detect(said, frame{{64, 64}, {64, 64}, 1, scale}),
        Catch::Contains("a frame of an input of 64 x 64 pixels with the scales 1 and"));
    CHECK_THROWS_AS(picture_scale::of(frame{{64, 64}, {64, 64}, scale, 1}), error);
  }
  CHECK_THROWS_WITH(detect(said, frame{{0, 64}, {64, 64}, 1, 1}),
                    Catch::Contains("expected a pixel or more"));
  said.points = {};
  CHECK_THROWS_WITH(detect(said, frame::unscaled({64, 64})),
                    "the outputs have no landmarks, which this detector reads");
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
