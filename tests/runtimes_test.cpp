// SPDX-License-Identifier: Apache-2.0
// Every runtime that there is, behind the detector: the detections are the LibTorch network's, to
// 1e-3 pixels.
#include <retinue/config.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/models/any_runner.hpp>
#include <retinue/models/onnx.hpp>
// After torch, whose headers define CHECK.
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "refusal.hpp"
#include "shared.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace retinue;
using retinue::test::refusal_of;
namespace fs = std::filesystem;

namespace {

using faces = schemas::face5;
using face_network = configured_network<faces>;
using face_detector = configured_detector<any_runner<faces>>;

/// A file that is removed again, of a network with its configuration.
struct written {
  fs::path path;

  template <class Network>
  written(const Network& network, const network_config& config, const onnx_pictures& pictures)
      : path(fs::temp_directory_path() /
             ("retinue-runtimes-" + std::to_string(::getpid()) + ".onnx"))
  {
    onnx_model model = onnx_of(network, pictures);
    model.weights.metadata[std::string(config_metadata_key)] = to_json(config);
    write_onnx(path, model);
  }
  written(const written&) = delete;
  written& operator=(const written&) = delete;
  ~written() { fs::remove(path); }
};

/// What is not there is said aloud.
void tell_absent()
{
  for (const std::string_view name : {"onnxruntime", "openvino", "opencv"})
    if (std::ranges::find(installed_runtimes(), name, &installed_runtime::name) ==
        installed_runtimes().end())
      std::cout << "skipped: this build has no runtime " << name << "\n";
}

double distance(const at::Tensor& ours, const at::Tensor& theirs)
{
  if (ours.sizes() != theirs.sizes()) return 1e9;
  return (ours - theirs).abs().max().item<double>() / ours.abs().max().item<double>();
}

}  // namespace

TEST_CASE("every runtime says what the network says, of any size and batch")
{
  tell_absent();
  torch::manual_seed(1);
  const network_config config = find_preset("mobilenet0.25-small-faces");
  auto network = std::make_shared<face_network>(config);
  network->eval();
  const runner<face_network> ours(*network);
  const written file(*network, config, {});
  for (const installed_runtime& each : installed_runtimes()) {
    INFO(each.name);
    const runtime_runner<faces> theirs(onnx_network(file.path), each.open(file.path, 1));
    network_outputs held;  // what a runtime said stays, whatever it says later
    at::Tensor first;
    for (const auto& [batch, height, width] :
         std::vector<std::array<std::int64_t, 3>>{{1, 64, 96}, {2, 64, 96}, {1, 128, 64}}) {
      const at::Tensor images = torch::randn({batch, 3, height, width}) * 60;
      const network_outputs a = ours(images), b = theirs(images);
      CHECK(distance(a.scores.values, b.scores.values) < 2e-5);
      CHECK(distance(a.boxes.values, b.boxes.values) < 2e-5);
      CHECK(distance(a.points.values, b.points.values) < 2e-5);
      CHECK(!b.quality.values.defined());
      if (!first.defined()) {
        held = b;
        first = a.boxes.values;
      }
    }
    CHECK(distance(first, held.boxes.values) < 2e-5);
  }
}

TEST_CASE("a runner is one type, whoever runs the network, and refuses what is not its network")
{
  torch::manual_seed(2);
  const network_config config = find_preset("mobilenet0.25-small-faces");
  auto network = std::make_shared<face_network>(config);
  network->eval();
  const written file(*network, config, {.size = {64, 64}});
  const onnx_network of_file(file.path);
  for (const installed_runtime& each : installed_runtimes()) {
    INFO(each.name);
    const any_runner<faces> run = runtime_runner<faces>(of_file, each.open(file.path, 1));
    face_detector detect(run, decoding_of(config));
    std::vector<face_detector::detections> found;
    const std::vector<frame> frames{frame::unscaled({64, 64})};
    detect(torch::randn({1, 3, 64, 64}), frames, found);
    CHECK(found.size() == 1);
    CHECK(refusal_of([&] {
            static_cast<void>(run(torch::randn({1, 3, 96, 64})));
          }).starts_with(file.path.string() + ": "));
    CHECK(refusal_of([&] { static_cast<void>(run(torch::randn({3, 64, 64}))); }) ==
          file.path.string() + " was given images of shape [3, 64, 64]: expected (B, 3, H, W)");
  }
  CHECK(refusal_of([&] {
          static_cast<void>(runtime_runner<schemas::none>(
              of_file,
              any_runtime([](const image_planes&) { return std::vector<runtime_array>(); })));
        }) == file.path.string() + ": the network has 5 landmarks, and was asked for 0");
}

TEST_CASE("a file that a runtime does not read is refused by its name")
{
  const fs::path path =
      fs::temp_directory_path() / ("retinue-runtimes-no-" + std::to_string(::getpid()) + ".onnx");
  onnx_model model;
  model.inputs = {{"images", {1, 3, 8, 8}}};
  model.outputs = {{"scores", {1, 8, 8}}};
  model.nodes = {{"NoSuchOperator", {"images"}, {"scores"}}};
  write_onnx(path, model);
  for (const installed_runtime& each : installed_runtimes()) {
    INFO(each.name);
    const std::string said = refusal_of([&] { static_cast<void>(each.open(path, 1)); });
    CHECK(said.starts_with(path.string() + ": "));
    CHECK(said.find('\n') == std::string::npos);
  }
  fs::remove(path);
  CHECK(refusal_of([&] {
          static_cast<void>(open_runtime("ncnn", path));
        }).starts_with("the runtime ncnn is unknown, expected one of "));
}

TEST_CASE("every runtime finds the faces that the network finds, to 1e-3 pixels", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  tell_absent();
  network_config config = find_preset("mobilenet0.25-small-faces");
  config.detect.score = 0.1f;
  auto network = std::make_shared<face_network>(config);
  load(*network, read_weights(test::shared("weights/retinaface_mobilenet0.25_Final.pth")));
  network->eval();
  const cv::Mat photo = read_image(test::shared("data/photos/facenet_multiface.jpg"));
  for (const bool one_size : {false, true}) {
    const written file(*network, config, {.size = one_size ? extent2{480, 640} : extent2{}});
    const onnx_network of_file(file.path);
    const std::vector<frame> frames{of_file.fit(extent2{photo.rows, photo.cols})};
    const extent2 size = frames[0].input;
    at::Tensor images = at::empty({1, 3, size.height, size.width});
    to_input(photo, frames[0], config.input, images.data_ptr<float>());
    std::vector<face_detector::detections> ours, theirs;
    face_detector(runner<face_network>(*network), decoding_of(config))(images, frames, ours);
    REQUIRE(ours.at(0).size() >= 6);
    for (const installed_runtime& each : installed_runtimes()) {
      INFO(each.name);
      face_detector detect(runtime_runner<faces>(of_file, each.open(file.path, 2)),
                           decoding_of(of_file.config()));
      detect(images, frames, theirs);
      REQUIRE(theirs.at(0).size() == ours[0].size());
      for (std::size_t i = 0; i < ours[0].size(); ++i) {
        const auto &a = ours[0][i], &b = theirs[0][i];
        CHECK(std::abs(a.score - b.score) < 1e-5);
        for (std::size_t c = 0; c < 4; ++c) CHECK(std::abs(a.bounds[c] - b.bounds[c]) < 1e-3);
        for (std::size_t c = 0; c < 10; ++c) CHECK(std::abs(a.points[c] - b.points[c]) < 1e-3);
      }
    }
  }
}

// Somebody else's exporter: torch.onnx, with outputs of other names, for 640 x 640 pixels.
TEST_CASE("a file of another exporter finds the faces, too", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  network_config config = find_preset("mobilenet0.25-small-faces");
  config.detect.score = 0.5f;
  const fs::path path = test::shared("weights/retinaface_mobilenet0.25_Final.onnx");
  const onnx_network of_file(path, config);
  CHECK((of_file.size() == extent2{640, 640}));
  const cv::Mat photo = read_image(test::shared("data/photos/facenet_multiface.jpg"));
  const std::vector<frame> frames{of_file.fit(extent2{photo.rows, photo.cols})};
  at::Tensor images = at::empty({1, 3, 640, 640});
  to_input(photo, frames[0], config.input, images.data_ptr<float>());
  auto network = std::make_shared<face_network>(config);
  load(*network, read_weights(test::shared("weights/retinaface_mobilenet0.25_Final.pth")));
  network->eval();
  std::vector<face_detector::detections> ours, theirs;
  face_detector(runner<face_network>(network), decoding_of(config))(images, frames, ours);
  REQUIRE(ours.at(0).size() == 6);
  for (const installed_runtime& each : installed_runtimes()) {
    INFO(each.name);
    face_detector detect(runtime_runner<faces>(of_file, each.open(path, 1)),
                         decoding_of(of_file.config()));
    detect(images, frames, theirs);
    REQUIRE(theirs.at(0).size() == 6);
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t c = 0; c < 4; ++c)
        CHECK(std::abs(ours[0][i].bounds[c] - theirs[0][i].bounds[c]) < 1e-3);
  }
}
