// SPDX-License-Identifier: Apache-2.0
// What the detection pipeline must do on every backend.
#pragma once

#include "catch.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <retinue/detect.hpp>
#include <retinue/error.hpp>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace retinue::test {

/// Raw outputs on the host; a test file per backend turns them into that backend's views.
template <class Schema>
struct raw_outputs {
  std::size_t classes = 2;
  std::vector<float> scores, boxes, points;
  std::size_t images = 1;
};

/// The public checkpoint's raw outputs, its detections by the reference, through our pipeline.
template <class Backend, class View>
void check_against_reference(const View& view)
{
  using face5 = schemas::face5;
  const npz golden(shared("golden/detect_phillies_640.npz"));
  const raw_outputs<face5> raw{2, golden["conf"].as<float>(), golden["loc"].as<float>(),
                               golden["landms"].as<float>(), 1};
  const double resize = golden["resize"].as<double>()[0];
  const frame image{{390, 640}, {624, 1024}, resize, resize};
  auto detect = reference_detector<face5, Backend>(square_anchors::retinaface_small_faces());
  const auto found = detect(view(raw), image);

  const auto dets = golden["dets"].as<float>();
  const auto rows = golden["det_prior_idx"].as<std::int64_t>();
  REQUIRE(found.size() == rows.size());
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    REQUIRE(detect.anchor_rows()[i] == rows[i]);
    const float* const want = &dets[i * 15];
    for (std::size_t c = 0; c < 4; ++c)
      worst = std::max(worst, std::abs(double(found[i].bounds[c]) - double(want[c])));
    for (std::size_t c = 0; c < 10; ++c)
      worst = std::max(worst, std::abs(double(found[i].points[c]) - double(want[5 + c])));
    REQUIRE(found[i].score == want[4]);
  }
  CHECK(worst <= 1e-3);
}

/// Random outputs of a small pyramid, three classes.
template <class Schema>
raw_outputs<Schema> random_outputs(std::size_t anchors, std::size_t classes, unsigned seed)
{
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> unit(0, 1);
  raw_outputs<Schema> raw{classes, {}, {}, {}, 1};
  for (std::size_t i = 0; i < anchors * classes; ++i) raw.scores.push_back(unit(random));
  for (std::size_t i = 0; i < anchors * 4; ++i) raw.boxes.push_back(normal(random));
  for (std::size_t i = 0; i < anchors * Schema::count * Schema::dimension; ++i)
    raw.points.push_back(normal(random));
  return raw;
}

/// The pipeline against the same steps written out, row by row.
template <class Schema, class Backend, class View>
void check_against_definition(const View& view, std::size_t classes)
{
  const auto source = square_anchors::retinaface();
  const frame image{{96, 160}, {240, 320}, 0.5, 0.4};
  const auto anchors = make_anchors(source, image.input);
  const auto raw = random_outputs<Schema>(anchors.size(), classes, 9);
  const detect_options options{
      .score = 0.7f, .candidates = 150, .overlap = 0.3f, .keep = 60, .clip = true};
  detector<Schema, Backend> detect(source, options);
  const auto found = detect(view(raw), image);

  struct candidate {
    float score;
    std::size_t row;
    std::int32_t label;
    box<float> bounds;
    landmarks<float, Schema> points;
  };
  std::vector<candidate> all, kept;
  for (std::size_t row = 0; row < anchors.size(); ++row)
    for (std::size_t label = 1; label < classes; ++label)
      if (const float score = raw.scores[row * classes + label]; score > options.score) {
        offsets<float> o{};
        for (std::size_t c = 0; c < 4; ++c) o[c] = raw.boxes[row * 4 + c];
        box<float> b = centre_size_coder().decode(o, anchors[row]);
        b = {b.x1 * 320, b.y1 * 240, b.x2 * 320, b.y2 * 240};
        landmark_offsets<float, Schema> p;
        for (std::size_t c = 0; c < p.width; ++c) p[c] = raw.points[row * p.width + c];
        auto points = centre_size_coder().decode(p, anchors[row]);
        for (auto& point : points.points) point[0] *= 320, point[1] *= 240;
        all.push_back({score, row, static_cast<std::int32_t>(label), b, points});
      }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  REQUIRE(all.size() > options.candidates);
  all.resize(options.candidates);
  for (const candidate& c : all)
    if (std::none_of(kept.begin(), kept.end(), [&](const candidate& k) {
          return k.label == c.label && iou(k.bounds, c.bounds) > options.overlap;
        }))
      kept.push_back(c);
  REQUIRE(kept.size() > options.keep);
  kept.resize(options.keep);

  REQUIRE(found.size() == kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    CAPTURE(i);
    CHECK(found[i].score == kept[i].score);
    CHECK(found[i].label == kept[i].label);
    CHECK(detect.anchor_rows()[i] == kept[i].row);
    const auto b = clip(kept[i].bounds, 320.0f, 240.0f);
    for (std::size_t c = 0; c < 4; ++c) CHECK(std::abs(found[i].bounds[c] - b[c]) < 1e-2f);
    for (std::size_t c = 0; c < kept[i].points.width; ++c)
      CHECK(std::abs(found[i].points[c] - kept[i].points[c]) < 1e-2f);
  }
}

/// A batch gives what its images give alone.
template <class Backend, class View>
void check_batches(const View& view)
{
  using face5 = schemas::face5;
  const auto source = square_anchors::retinaface();
  const frame image = frame::unscaled({64, 96});
  const std::vector<frame> images{image, {{64, 96}, {128, 96}, 1, 0.5}, image};
  const std::size_t rows = make_anchors(source, image.input).size();
  raw_outputs<face5> together{2, {}, {}, {}, 3};
  std::vector<raw_outputs<face5>> alone;
  for (unsigned i = 0; i < 3; ++i) {
    alone.push_back(random_outputs<face5>(rows, 2, i));
    const auto add = [](std::vector<float>& to, const std::vector<float>& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    add(together.scores, alone[i].scores);
    add(together.boxes, alone[i].boxes);
    add(together.points, alone[i].points);
  }
  detector<face5, Backend> detect(source, {.score = 0.5f});
  std::vector<std::vector<detection<face5>>> found;
  detect(view(together), images, found);
  REQUIRE(found.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    detector<face5, Backend> fresh(source, {.score = 0.5f});
    const auto expected = fresh(view(alone[i]), images[i]);
    REQUIRE(expected.size() == found[i].size());
    REQUIRE(!expected.empty());
    for (std::size_t k = 0; k < expected.size(); ++k) {
      CHECK(expected[k].bounds == found[i][k].bounds);
      CHECK(expected[k].points == found[i][k].points);
    }
  }
  CHECK_THROWS_AS(detect(view(together), std::span(images).first(2), found), error);
  CHECK_THROWS_AS(detect(view(together), image), error);
}

/// A network whose maps are not those of the anchors.
template <class Backend, class View>
void check_mismatch(const View& view)
{
  const auto raw = random_outputs<schemas::none>(100, 2, 1);
  detector<schemas::none, Backend> detect(square_anchors::retinaface());
  CHECK_THROWS_AS(detect(view(raw), frame::unscaled({64, 64})), error);
}

}  // namespace retinue::test
