// SPDX-License-Identifier: Apache-2.0
// What an ONNX file says of itself, and which of a network's outputs is what, by a runtime that
// says what it is told.
#include <retinue/backend/host.hpp>
#include <retinue/config.hpp>
#include <retinue/frame.hpp>
#include <retinue/runtimes/installed.hpp>
#include <retinue/runtimes/onnx_network.hpp>
#include <retinue/weights/onnx.hpp>
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "torch_file.hpp"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace retinue;
using namespace retinue::test;
namespace fs = std::filesystem;

namespace {

/// A file that is removed again.
struct written {
  fs::path path;

  explicit written(const onnx_model& model)
      : path(fs::temp_directory_path() /
             ("retinue-network-" + std::to_string(::getpid()) + ".onnx"))
  {
    write_onnx(path, model);
  }
  written(const written&) = delete;
  written& operator=(const written&) = delete;
  ~written() { fs::remove(path); }
};

/// Faces with five landmarks, of inputs whose size the file leaves open.
onnx_model faces()
{
  onnx_model model;
  model.inputs = {{"images", {"batch", 3, "height", "width"}}};
  model.outputs = {{"scores", {"batch", "rows", 2}},
                   {"boxes", {"batch", "rows", 4}},
                   {"points", {"batch", "rows", 10}}};
  return model;
}

network_config small_faces()
{
  network_config config;
  config.name = "mine";
  config.anchors = square_anchors::retinaface_small_faces();
  return config;
}

runtime_array array(std::string name, std::vector<std::int64_t> shape)
{
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return {std::move(name), std::move(shape), retinue::detail::shared_copy(values.data(), count)};
}

/// Says what it is told.
struct told_runtime {
  std::vector<runtime_array> told;

  std::vector<runtime_array> operator()(const image_planes&) const { return told; }
};
static_assert(network_runtime<told_runtime>);

std::string refusal(std::vector<runtime_array> told, std::size_t images = 1,
                    part_widths widths = {.scores = 2, .points = 10})
{
  return sentence([&] { return find_parts(std::move(told), widths, images, "f.onnx"); });
}

std::string opening(const onnx_model& model, const network_config* config = nullptr)
{
  const written file(model);
  std::string said =
      sentence([&] { return config ? onnx_network(file.path, *config) : onnx_network(file.path); });
  const auto at = said.find(file.path.string());
  return at == std::string::npos ? said : said.replace(at, file.path.string().size(), "F");
}

}  // namespace

TEST_CASE("a file tells its inputs, its outputs and who made them")
{
  onnx_model model = faces();
  model.inputs.push_back({"w", {2}});  // as files of before 2019 have their weights
  const std::vector<float> two{1, 2};
  model.weights.insert("w", tensor_of<float>(dtype::f32, {2}, two));
  model.nodes = {{"Conv", {"images", "w"}, {"a"}}, {"Conv", {"images", "w"}, {"b"}},
                 {"Reshape", {"a", "w"}, {"c"}},   {"Concat", {"c", "b"}, {"d"}},
                 {"Softmax", {"d"}, {"scores"}},   {"Transpose", {"d"}, {"boxes"}},
                 {"Sigmoid", {"a"}, {"e"}},        {"Concat", {"e", "b"}, {"points"}}};
  const onnx_signature file = onnx_signature_of(onnx_bytes(model), "made.onnx");
  REQUIRE(file.inputs.size() == 1);
  CHECK(file.inputs[0].name == "images");
  CHECK((file.inputs[0].shape == model.inputs[0].shape));
  REQUIRE(file.outputs.size() == 3);
  CHECK((file.outputs[2].shape == model.outputs[2].shape));
  CHECK(file.made_by.at("scores") == "Softmax");
  CHECK(file.made_by.at("boxes") == "Conv");
  CHECK(file.made_by.at("points").empty());  // of two sorts

  model.nodes = {
      {"Reshape", {"b"}, {"a"}}, {"Reshape", {"a"}, {"b"}}, {"Identity", {"b"}, {"boxes"}}};
  CHECK(onnx_signature_of(onnx_bytes(model), "made.onnx").made_by.at("boxes").empty());
}

TEST_CASE("a file says itself what it finds, unless another configuration is given")
{
  onnx_model model = faces();
  CHECK(opening(model) ==
        "F: an ONNX network that does not say what it finds: a configuration or a preset must");
  network_config config = small_faces();
  config.detect.overlap = 0.3f;
  model.weights.metadata[std::string(config_metadata_key)] = to_json(config);
  const written file(model);
  CHECK(is_onnx(file.path));
  CHECK(onnx_network(file.path).config().detect.overlap == 0.3f);
  CHECK(onnx_network(file.path, small_faces()).config().detect.overlap == 0.4f);
  CHECK(sentence([&] { return read_weights(file.path); }) ==
        file.path.string() + ": an ONNX model, which a runtime reads, not weights of PyTorch");
}

TEST_CASE("probabilities that a file makes itself are not made again")
{
  const auto policy = [](const char* maker, const char* output, std::int64_t columns,
                         any_labels labels, std::size_t classes) {
    onnx_model model;
    model.inputs = {{"x", {1, 3, "h", "w"}}};
    model.outputs = {{output, {1, "n", columns}}, {"boxes", {1, "n", 4}}};
    model.nodes = {{"Conv", {"x"}, {"a"}}, {maker, {"a"}, {"b"}}, {"Identity", {"b"}, {output}}};
    network_config config = small_faces();
    config.landmarks = 0;
    config.labels = labels;
    config.classes.assign(classes, "thing");
    const written file(model);
    return onnx_network(file.path, config).config().labels.what();
  };
  const any_labels softmax{softmax_labels()}, sigmoid{sigmoid_labels<>()};
  CHECK(policy("Softmax", "scores", 2, softmax, 1) == given_labels().what());
  CHECK(policy("Softmax", "confs", 21, softmax, 20) == given_labels().what());
  CHECK(policy("Sigmoid", "scores", 3, sigmoid, 3) == given_labels{.background = false}.what());
  CHECK(policy("Relu", "scores", 2, softmax, 1) == softmax.what());
  CHECK(policy("Sigmoid", "centres", 5, sigmoid, 3) == sigmoid.what());  // not as wide as scores
}

TEST_CASE("a picture becomes what a file takes")
{
  const network_config config = small_faces();
  const auto fit = [&](std::int64_t height, std::int64_t width, extent2 picture) {
    onnx_model model = faces();
    if (height > 0) model.inputs[0].shape = {1, 3, height, width};
    const written file(model);
    return onnx_network(file.path, config).fit(picture);
  };
  CHECK((fit(0, 0, {100, 150}).input == extent2{128, 160}));
  CHECK((fit(0, 0, {96, 160}).input == extent2{96, 160}));
  CHECK(fit(0, 0, {100, 150}).scale_x == 1);
  for (const extent2 picture : {extent2{100, 150}, {1000, 150}, {5, 2000}, {480, 640}, {1, 1}}) {
    const frame how = fit(480, 640, picture);
    const extent2 content = how.content();
    CHECK((how.input == extent2{480, 640}));
    CHECK((content.height == 480 || content.width == 640));
    CHECK(std::abs(content.width / how.scale_x - picture.width) < 1e-9);
    CHECK(std::abs(content.height / how.scale_y - picture.height) < 1e-9);
  }
  network_config square = standard_config(ssd_form());
  onnx_model model = faces();
  model.outputs = {};
  model.inputs[0].shape = {1, 3, 300, 300};
  const written file(model);
  const frame how = onnx_network(file.path, square).fit(extent2{100, 600});
  CHECK((how.input == extent2{300, 300}));
  CHECK(how.scale_x == 0.5);
  CHECK(how.scale_y == 3);
}

TEST_CASE("inputs and outputs that are no detector's are refused, and named")
{
  const network_config config = small_faces();
  onnx_model model = faces();
  model.inputs[0].shape = {"batch", 1, 28, 28};
  CHECK(opening(model, &config) ==
        "F: its input images is (batch, 1, 28, 28), expected images (batch, 3, height, width)");
  model.inputs[0].shape = {"batch", 784};
  CHECK(opening(model, &config) ==
        "F: its input images is (batch, 784), expected images (batch, 3, height, width)");
  model.inputs.push_back({"sizes", {2}});
  CHECK(opening(model, &config) ==
        "F: the network has 2 inputs, expected one, of images (batch, 3, height, width)");
  model = faces();
  model.outputs[2].shape[2] = 8;
  CHECK(opening(model, &config) ==
        "F: its output points is (batch, rows, 8), expected (batch, anchors, 10)");
}

TEST_CASE("parts are found by their names, or by their widths")
{
  const auto named = find_parts({array("boxes", {2, 6, 4}), array("scores", {2, 6, 4}),
                                 array("points", {2, 6, 10}), array("more", {1})},
                                {.scores = 4, .points = 10}, 2, "f.onnx");
  CHECK(named.scores.columns == 4);
  CHECK(named.scores.values != named.boxes.values);
  CHECK(!named.quality.values);

  const auto said =
      find_parts({array("bboxes", {1, 6, 4}), array("confs", {1, 6, 2}), array("lmks", {6, 10})},
                 {.scores = 2, .points = 10}, 1, "f.onnx");
  const auto view = said.view<host_backend>();
  CHECK((view.scores.shape() == table_shape{1, 6}));
  CHECK(view.boxes(0, 3)[1] == 13);
  CHECK(view.points.numbers() == 10);
  CHECK((view.quality.shape() == table_shape{1, 0}));

  // One that has a name is not taken for another that has none.
  const auto rest = find_parts({array("boxes", {1, 6, 4}), array("classes", {1, 6, 4})},
                               {.scores = 4}, 1, "f.onnx");
  CHECK(rest.scores.values != rest.boxes.values);
}

TEST_CASE("outputs that are no parts are refused in one sentence with their shapes")
{
  CHECK(refusal({array("scores", {1, 6, 3}), array("boxes", {1, 6, 4})}) ==
        "f.onnx: its output scores is (1, 6, 3), expected (1, anchors, 2)");
  CHECK(refusal({array("scores", {1, 6, 2}), array("boxes", {1, 4, 6})}) ==
        "f.onnx: its output boxes is (1, 4, 6), expected (1, anchors, 4)");
  CHECK(refusal({array("scores", {1, 6, 2})}, 2) ==
        "f.onnx: its output scores is (1, 6, 2), expected (2, anchors, 2)");
  CHECK(refusal({array("a", {1, 6, 2}), array("b", {1, 6, 4})}) ==
        "f.onnx: its outputs are a (1, 6, 2), b (1, 6, 4), none of which is (1, anchors, 10) for "
        "points");
  CHECK(refusal({array("a", {1, 6, 2}), array("b", {1, 6, 2})}) ==
        "f.onnx: its outputs are a (1, 6, 2), b (1, 6, 2), two of which are (1, anchors, 2) for "
        "scores");
  CHECK(refusal({array("a", {2})}) ==
        "f.onnx: its outputs are a (2), none of which is (1, anchors, 2) for scores");
}

TEST_CASE("a runtime of a user's runs a network like any other")
{
  const network_config config = small_faces();
  const written file(faces());
  const onnx_network network(file.path, config);
  any_runtime run(told_runtime{
      {array("scores", {1, 42, 2}), array("boxes", {1, 42, 4}), array("points", {1, 42, 10})}});
  const runtime_parts said = network.run(run, {nullptr, 1, {32, 32}});
  CHECK(said.points.rows == 42);
  told_runtime wrong{{array("scores", {1, 42, 9})}};
  CHECK(sentence([&] { return network.run(wrong, {nullptr, 1, {32, 32}}); }) ==
        file.path.string() + ": its output scores is (1, 42, 9), expected (1, anchors, 2)");
}
