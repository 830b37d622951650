// SPDX-License-Identifier: Apache-2.0
// Other people's detectors with their weights, through the one configuration: every tensor loaded,
// outputs as their own code gives them, and the faces of a photo.
//
// Fingerprints and detections were made by a re-statement of each model in PyTorch 1.13 on the same
// input, which agreed with the networks here in every bit of every output. They hold to rounding.
#include <retinue/config.hpp>
#include <retinue/formulas/overlap.hpp>
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/models/load.hpp>
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "shared.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace retinue;

/// The sum of all magnitudes, and one that every exchange of two numbers changes.
struct fingerprint {
  double size, order;
};

fingerprint of(const at::Tensor& values)
{
  const at::Tensor v = values.to(at::kDouble).flatten();
  const at::Tensor weight = at::arange(v.numel(), at::kDouble).remainder(97) - 48;
  return {v.abs().sum().item<double>(), (v * weight).sum().item<double>()};
}

void check_like(const tensor_output& part, const fingerprint& expected)
{
  if (expected.size == 0) {
    CHECK_FALSE(part.values.defined());
    return;
  }
  REQUIRE(part.values.defined());
  const fingerprint found = of(part.values);
  CHECK(std::abs(found.size - expected.size) < 1e-5 * expected.size);
  CHECK(std::abs(found.order - expected.order) < 1e-4 * expected.size);
}

/// A picture of 128 x 96 pixels that has all values, less the mean, in the network's scale.
at::Tensor pattern(double scale)
{
  const auto along = [](std::int64_t count, std::int64_t dim) {
    std::vector<std::int64_t> shape(3, 1);
    shape[static_cast<std::size_t>(dim)] = count;
    return at::arange(count, at::kDouble).reshape(shape);
  };
  const at::Tensor c = along(3, 0), y = along(96, 1), x = along(128, 2);
  const at::Tensor value = (37 * c + 11 * y + 5 * x + (x * y).remainder(61)).remainder(256);
  return ((value - 128) / scale).to(at::kFloat).unsqueeze(0);
}

struct published {
  const char *preset, *file;
  std::int64_t parameters;
  double scale;
  fingerprint boxes, scores, points, quality;
  std::size_t found;  ///< in ulfg_3.jpg at 640 x 480 pixels, with scores above 1/2
  float score;        ///< of the best of them
  box<float> bounds;  ///< in the photo's 1024 x 768
};

const std::vector<published> all_published{{"mobilenet0.25-small-faces",
                                            "retinaface_mobilenet0.25_Final.pth",
                                            426'608,
                                            1,
                                            {1221.8062, -986.25969},
                                            {3065.2208, -50.934862},
                                            {5439.1852, -2039.4971},
                                            {},
                                            5,
                                            0.9996f,
                                            {549.08f, 225.04f, 633.36f, 335.89f}},
                                           {"plate-mobilenet0.25",
                                            "plate_ccpd_epoch20_4lm.pth",
                                            425'828,
                                            1,
                                            {753.06936, -179.62601},
                                            {5305.7635, -20.140178},
                                            {3696.6607, -259.26661},
                                            {},
                                            0,
                                            0,
                                            {}},
                                           {"retinaface68",
                                            "retinaface68_stage5_epoch121.pt",
                                            392'462,
                                            1,
                                            {888.77301, 1031.6439},
                                            {7501.7314, -667.06929},
                                            {53854.906, -3844.3081},
                                            {},
                                            2,
                                            0.9885f,
                                            {735.84f, 217.41f, 846.65f, 329.02f}},
                                           {"retinaface-rfb",
                                            "retinaface_RBF_Final.pth",
                                            359'592,
                                            1,
                                            {2120.2169, -11144.273},
                                            {3663.0008, -151.22092},
                                            {11967.139, -8386.4048},
                                            {},
                                            5,
                                            0.9999f,
                                            {548.94f, 228.30f, 633.42f, 338.10f}},
                                           {"retinaface-slim",
                                            "retinaface_slim_Final.pth",
                                            343'488,
                                            1,
                                            {2384.344, -10803.487},
                                            {2970.0166, 155.59836},
                                            {13126.669, 7491.2087},
                                            {},
                                            5,
                                            0.9999f,
                                            {405.70f, 250.51f, 483.61f, 354.69f}},
                                           {"ultra-light-rfb",
                                            "ulfg_version-RFB-320.pth",
                                            276'292,
                                            128,
                                            {3452.6924, -4186.4296},
                                            {2035.1193, -62.632711},
                                            {},
                                            {},
                                            5,
                                            1,
                                            {304.40f, 179.96f, 378.41f, 278.83f}},
                                           {"yunet-s",
                                            "yunet_s.pth",
                                            54'608,
                                            1,
                                            {1124.2075, -958.86062},
                                            {142.42138, -227.82357},
                                            {2780.427, -489.6288},
                                            {3611.6968, 19093.479},
                                            5,
                                            0.8642f,
                                            {186.77f, 239.17f, 251.61f, 321.36f}}};

/// Calls visit(schema) where the test is compiled for it.
template <class Visit>
void with_schema(std::size_t landmarks, Visit&& visit)
{
  if (landmarks == 0) visit(schemas::none());
  if (landmarks == 4) visit(schemas::plate4());
  if (landmarks == 5) visit(schemas::face5());
  if (landmarks == 68) visit(schemas::face68());
}

}  // namespace

TEST_CASE("published detectors load to the last tensor and say what their own code says",
          "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto photo = read_image(test::shared("data/photos/ulfg_3.jpg"));
  const frame how = fit_long_side({photo.rows, photo.cols}, 640);
  for (const published& p : all_published) {
    CAPTURE(p.preset);
    const auto weights = read_weights(test::shared(std::string("weights/") + p.file));
    network_config config = guess_config(weights, p.file).config;
    CHECK(config.name == p.preset);
    CHECK_NOTHROW(check_weights(config, weights, p.file));
    config.detect.score = 0.5f;
    bool visited = false;
    with_schema(config.landmarks, [&]<class Schema>(Schema) {
      visited = true;
      auto network = std::make_shared<configured_network<Schema>>(config);
      REQUIRE(load(*network, weights).complete());
      network->eval();
      std::int64_t parameters = 0;
      for (const auto& each : network->parameters()) parameters += each.numel();
      CHECK(parameters == p.parameters);

      const torch::NoGradGuard inference;
      const auto said = network->forward(pattern(p.scale));
      check_like(said.boxes, p.boxes);
      check_like(said.scores, p.scores);
      check_like(said.points, p.points);
      check_like(said.quality, p.quality);

      at::Tensor input = at::empty({1, 3, how.input.height, how.input.width});
      to_input(photo, how, config.input, input.data_ptr<float>());
      configured_detector<configured_network<Schema>> detect(network, decoding_of(config));
      std::vector<std::vector<detection<Schema>>> found;
      detect(input, std::span(&how, 1), found);
      REQUIRE(found.size() == 1);
      REQUIRE(found[0].size() == p.found);
      if (p.found == 0) return;  // a photo of faces, and a detector of plates
      // Two may score the same to rounding, so the best is looked for by its place.
      const auto at = std::ranges::find_if(
          found[0], [&](const auto& d) { return iou(d.bounds, p.bounds) > 0.95f; });
      REQUIRE(at != found[0].end());
      const detection<Schema>& best = *at;
      CHECK(std::abs(best.score - p.score) < 5e-3f);
      if constexpr (Schema::count == 5)
        for (const auto& point : best.points.points) {
          CHECK(point[0] > best.bounds.x1);
          CHECK(point[0] < best.bounds.x2);
          CHECK(point[1] > best.bounds.y1);
          CHECK(point[1] < best.bounds.y2);
        }
    });
    CHECK(visited);
  }
}

TEST_CASE("networks of a configuration are folded, copied and trained whatever their kind is")
{
  torch::manual_seed(3);
  for (const char* name : {"retinaface68", "retinaface-rfb", "retinaface-slim", "ultra-light-rfb",
                           "yunet-s", "yunet-n"}) {
    INFO(name);
    network_config config = find_preset(name);
    const bool boxes = config.landmarks == 0;
    config.landmarks = boxes ? 0 : 4;
    with_schema(config.landmarks, [&]<class Schema>(Schema) {
      configured_network<Schema> network(config);
      {
        const torch::NoGradGuard no_gradients;
        for (auto& entry : network.named_buffers()) {
          if (entry.key().ends_with("running_mean")) entry.value().uniform_(-0.5, 0.5);
          if (entry.key().ends_with("running_var")) entry.value().uniform_(0.5, 2);
        }
      }
      network.eval();
      const at::Tensor images = torch::randn({2, 3, 71, 45});  // no multiples of the strides
      network_outputs expected;
      {
        const torch::NoGradGuard inference;
        expected = network.forward(images);
        const auto folded = runner(network)(images);
        const auto near = [](const tensor_output& a, const tensor_output& b) {
          return a.values.defined() == b.values.defined() &&
                 (!a.values.defined() || at::allclose(a.values, b.values, 1e-3, 1e-3));
        };
        CHECK(near(folded.scores, expected.scores));
        CHECK(near(folded.boxes, expected.boxes));
        CHECK(near(folded.points, expected.points));
        CHECK(near(folded.quality, expected.quality));
      }
      CHECK(anchor_count(config.anchors, expected.maps) ==
            static_cast<std::size_t>(expected.boxes.values.size(1)));
      CHECK((expected.maps == map_sizes(config.anchors, {71, 45})));
      CHECK(expected.points.values.defined() == !boxes);
      CHECK(expected.quality.values.defined() == retinue::detail::reads_quality(config.labels));

      network.train();
      const auto said = network.forward(torch::randn({2, 3, 96, 64}));
      at::Tensor sum = said.boxes.values.square().sum() + said.scores.values.square().sum();
      if (said.points.values.defined()) sum = sum + said.points.values.square().sum();
      if (said.quality.values.defined()) sum = sum + said.quality.values.square().sum();
      sum.backward();
      for (const auto& entry : network.named_parameters()) {
        INFO(entry.key());
        CHECK(entry.value().grad().defined());
      }
    });
  }
}

TEST_CASE("published numbers of parameters")
{
  const auto count = [](const char* name) {
    std::int64_t parameters = 0;
    for (const auto& p : configured_network<schemas::face5>(find_preset(name)).parameters())
      parameters += p.numel();
    return parameters;
  };
  CHECK(count("yunet-s") == 54'608);  // Wu et al. 2023, table 2
  CHECK(count("yunet-n") == 75'856);
  network_config uneven = find_preset("yunet-s");
  uneven.body = "mobilenet_v1_0.25";
  CHECK_THROWS_WITH(configured_network<schemas::face5>(uneven),
                    "the neck of a YuNet adds maps of one number of channels, its body gives 64 "
                    "and 128");
}
