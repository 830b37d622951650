// SPDX-License-Identifier: Apache-2.0
// Networks as ONNX, run by OpenCV, against the networks themselves.
#include <retinue/config.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/models/onnx.hpp>
#include <retinue/models/resnet.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/models/ssd.hpp>
#include <retinue/models/towers.hpp>
// After torch, whose headers define CHECK.
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/runtimes/opencv.hpp>
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "refusal.hpp"
#include "shared.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace retinue;
using retinue::test::refusal_of;
using face_net = retinaface<schemas::face5>;
using published_net = configured_network<schemas::face5>;

/// Statistics and scales as if trained: neither 0 nor 1, and never degenerate.
void pretend_to_be_trained(torch::nn::Module& net)
{
  const torch::NoGradGuard no_gradients;
  for (auto& entry : net.named_buffers()) {
    if (entry.key().ends_with("running_mean")) entry.value().uniform_(-0.5, 0.5);
    if (entry.key().ends_with("running_var")) entry.value().uniform_(0.5, 2);
  }
  for (auto& entry : net.named_parameters())
    if (entry.value().dim() == 1) entry.value().uniform_(0.2, 1);
  net.eval();
}

class in_opencv {
 public:
  explicit in_opencv(const onnx_model& model)
  {
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() /
        ("retinue-onnx-export-" + std::to_string(::getpid()) + ".onnx");
    write_onnx(file, model);
    run_.emplace(file);
    std::filesystem::remove(file);  // it is read once
  }

  network_outputs operator()(const at::Tensor& images)
  {
    const at::Tensor x = images.contiguous();
    network_outputs said;
    for (const runtime_array& each :
         (*run_)({x.data_ptr<float>(),
                  static_cast<std::size_t>(x.size(0)),
                  {static_cast<int>(x.size(2)), static_cast<int>(x.size(3))}})) {
      const at::Tensor copy =
          at::from_blob(const_cast<float*>(each.values.get()), each.shape).clone();
      if (each.name == "scores") said.scores = copy;
      if (each.name == "boxes") said.boxes = copy;
      if (each.name == "points") said.points = copy;
      if (each.name == "quality") said.quality = copy;
    }
    return said;
  }

 private:
  std::optional<opencv_runtime> run_;
};

/// The largest difference, as a share of the largest value; 1 where a part is missing.
double distance(const network_outputs& a, const network_outputs& b)
{
  const auto ours = retinue::detail::named_parts(a), theirs = retinue::detail::named_parts(b);
  if (ours.size() != theirs.size()) return 1;
  double most = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const at::Tensor &x = ours[i].second, &y = theirs[i].second;
    if (ours[i].first != theirs[i].first || x.sizes() != y.sizes()) return 1;
    most = std::max(most, (x - y).abs().max().item<double>() / x.abs().max().item<double>());
  }
  return most;
}

template <class Network>
void agrees(const Network& net, const onnx_pictures& pictures,
            const std::vector<std::array<std::int64_t, 3>>& inputs)
{
  const torch::NoGradGuard no_gradients;
  in_opencv theirs(onnx_of(net, pictures));
  const runner<Network> ours(net);
  for (const auto [batch, height, width] : inputs) {
    INFO(batch << " x " << height << " x " << width);
    const at::Tensor images = torch::randn({batch, 3, height, width}) * 60;
    CHECK(distance(ours(images), theirs(images)) < 2e-5);
  }
}

bool contains(const std::string& text, const std::string& part)
{
  return text.find(part) != std::string::npos;
}

/// A network of a user's, without a body, a pyramid or a folded form: one conv, then `rest`, whose
/// map becomes scores, and boxes beside.
template <int Operators>
struct of_mine : torch::nn::Cloneable<of_mine<Operators>> {
  using schema = schemas::none;

  of_mine() { reset(); }
  void reset() override
  {
    entry = this->register_module(
        "entry", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 8, 3).stride(2).padding(1)));
    norm = this->register_module("norm", torch::nn::BatchNorm2d(8));
    slopes = this->register_parameter("slopes", at::linspace(0.1, 0.8, 8));
    twice = this->register_module(
        "twice",
        torch::nn::Conv2d(
            torch::nn::Conv2dOptions(8, 8, 3).padding(2).dilation(2).groups(4).bias(false)));
    boxes = this->register_module("boxes", torch::nn::Conv2d(8, 4, 1));
  }
  network_outputs forward(const at::Tensor& images)
  {
    const at::Tensor x = norm(entry(images));
    const at::Tensor y = rest(x);
    network_outputs said;
    said.scores = y.permute({0, 2, 3, 1}).reshape({y.size(0), -1, y.size(1)});
    said.boxes = boxes(x).flatten(2).transpose(1, 2).contiguous();
    return said;
  }
  at::Tensor rest(const at::Tensor& x)
  {
    if constexpr (Operators == 0) {
      const at::Tensor t = at::prelu(x, slopes) + at::silu(twice(x)) * 0.5;
      return at::tanh(t) - at::sigmoid(x) / 3;
    } else if constexpr (Operators == 1) {
      const auto halves = x.chunk(2, 1);
      return at::cat({at::relu6(halves[1]), at::clamp(halves[0], -0.5, 0.5), x.slice(1, 2, 6)}, 1);
    } else if constexpr (Operators == 2) {
      const at::Tensor pooled = at::max_pool2d(x, 2, 2, 0, 1, true);
      return at::upsample_nearest2d(at::avg_pool2d(pooled, 3, 1, 1, false, false),
                                    {pooled.size(2) * 2, pooled.size(3) * 2});
    } else if constexpr (Operators == 3) {
      return x * at::sigmoid(at::adaptive_avg_pool2d(x, {1, 1}));
    } else if constexpr (Operators == 4) {
      return at::softmax(x, 1);  // not the last axis
    } else if constexpr (Operators == 5) {
      return at::gelu(x);
    } else if constexpr (Operators == 8) {
      return at::avg_pool2d(x, 3, 1, 1);  // counts its padding
    } else if constexpr (Operators == 6) {
      return at::upsample_nearest2d(x, {x.size(2) + 8, x.size(3) + 8});
    } else {
      return x * at::arange(x.size(3), at::kFloat).reshape({1, 1, 1, -1});
    }
  }

  torch::nn::Conv2d entry{nullptr}, twice{nullptr}, boxes{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};
  at::Tensor slopes;
};

template <int Operators>
of_mine<Operators> mine()
{
  of_mine<Operators> net;
  pretend_to_be_trained(net);
  return net;
}

}  // namespace

TEST_CASE("a RetinaFace says the same in OpenCV, for pictures of any size and batches")
{
  torch::manual_seed(1);
  for (const double slope : {0.0, 0.1}) {
    retinaface_options options;
    options.slope = slope;
    options.body = [slope] { return std::make_shared<mobilenet_v1>(0.25, slope); };
    face_net net(options);
    pretend_to_be_trained(net);
    agrees(net, {}, {{1, 128, 160}, {2, 64, 96}, {1, 64, 64}, {3, 224, 64}});
  }
  retinaface_options options;
  options.levels = {{4, 2}, {8, 2}, {16, 1}, {32, 3}};
  options.channels = 16;
  options.classes = 4;
  options.body = [] { return std::make_shared<resnet>(resnet_shape{{1, 1, 1, 1}}); };
  retinaface<schemas::none> deep(options);
  pretend_to_be_trained(deep);
  agrees(deep, {}, {{1, 128, 160}, {2, 64, 96}});
}

TEST_CASE("a file of one size needs no multiples")
{
  torch::manual_seed(2);
  face_net net;
  pretend_to_be_trained(net);
  for (const extent2 size : {extent2{71, 45}, extent2{97, 250}, extent2{64, 64}})
    agrees(net, {.size = size}, {{1, size.height, size.width}, {2, size.height, size.width}});
  const onnx_model model = onnx_of(net, {.size = {71, 45}});
  const std::vector<std::variant<std::int64_t, std::string>> shape{"batch", 3, 71, 45};
  CHECK((model.inputs.at(0).shape == shape));
}

TEST_CASE("maps of one cell are run, or refused by an OpenCV that misreads them")
{
  torch::manual_seed(6);
  face_net net;
  pretend_to_be_trained(net);
  for (const extent2 size : {extent2{32, 32}, extent2{96, 32}, extent2{32, 96}, extent2{1, 1}}) {
    const onnx_pictures pictures{.size = size.height == 1 ? size : extent2{}};
    if (retinue::detail::opencv_misreads_one_cell)
      CHECK(contains(refusal_of([&] {
                       in_opencv(onnx_of(net, pictures))(
                           torch::zeros({1, 3, size.height, size.width}));
                     }),
                     " misreads maps that are one cell wide or high"));
    else
      agrees(net, pictures, {{1, size.height, size.width}, {2, size.height, size.width}});
  }
  // Convolutions of all channels are right.
  retinaface_options options;
  options.channels = 16;
  options.body = [] { return std::make_shared<resnet>(resnet_shape{{1, 1, 1, 1}}); };
  retinaface<schemas::face5> deep(options);
  pretend_to_be_trained(deep);
  agrees(deep, {}, {{1, 32, 32}, {2, 32, 96}});
}

TEST_CASE("an SSD says the same in OpenCV")
{
  torch::manual_seed(3);
  ssd thick;
  thick.eval();
  agrees(thick, {.size = {300, 300}}, {{1, 300, 300}});  // 4.6 cannot scale cells of a batch

  ssd_options options;
  options.body = [] { return std::make_shared<mobilenet_v1>(0.25); };
  options.unit_length = false;
  options.levels = {{8, 4}, {16, 6}, {32, 6}, {64, 4}, {100, 4}, {300, 4}};
  options.extras = {{16, 32}, {16, 32, 3, 1, 0}, {16, 32, 3, 1, 0}};
  options.classes = 3;
  ssd thin(options);
  pretend_to_be_trained(thin);
  agrees(thin, {.size = {300, 300}}, {{1, 300, 300}, {2, 300, 300}});
}

TEST_CASE("towers whose groups of channels are normalized say the same in OpenCV")
{
  torch::manual_seed(5);
  towers_options options = towers_options::fcos(3);
  options.body = [] { return std::make_shared<mobilenet_v1>(0.125); };
  options.channels = 64;
  options.depth = 2;
  towers<schemas::none> net(options);
  pretend_to_be_trained(net);
  agrees(net, {}, {{1, 128, 160}, {1, 64, 256}});
}

TEST_CASE("a network of a user's is written without a word about it")
{
  torch::manual_seed(4);
  agrees(mine<0>(), {}, {{1, 64, 96}, {2, 32, 64}});
  agrees(mine<1>(), {}, {{1, 64, 96}, {2, 32, 64}});
  agrees(mine<2>(), {}, {{1, 64, 96}, {2, 32, 64}});
  agrees(mine<3>(), {}, {{1, 64, 96}, {2, 32, 64}});
  // Weights that are not folded keep their names.
  const onnx_model model = onnx_of(mine<0>());
  for (const char* name : {"entry.weight", "norm.running_var", "twice.weight", "boxes.bias"})
    CHECK(model.weights.find(name));
}

TEST_CASE("what cannot be written is refused by its name, and for its reason")
{
  const auto says = [](const auto& net, const onnx_pictures& pictures = {}) {
    return refusal_of([&] { static_cast<void>(onnx_of(net, pictures)); });
  };
  CHECK(says(mine<4>()) ==
        "the network cannot be written as ONNX: its operator aten::softmax is "
        "over an axis that is not the last");
  CHECK(says(mine<5>()) ==
        "the network cannot be written as ONNX: its operator aten::gelu has no "
        "translation");
  CHECK(contains(says(mine<8>()), "aten::avg_pool2d counts its padding as cells"));
  CHECK(contains(says(mine<6>()), "aten::upsample_nearest2d enlarges by no whole number"));
  CHECK(contains(says(mine<7>()), "depends on the size of the input"));
  CHECK(says(mine<7>(), {.size = {64, 64}}) == "not refused");
  // Not a multiple of the deepest stride.
  CHECK(contains(says(face_net(), {.multiple = 8}), "enlarges by no whole number"));
  CHECK(at::globalContext().userEnabledMkldnn());
}

TEST_CASE("the network that is written stays as it is")
{
  torch::manual_seed(5);
  face_net net;
  net.train();
  const at::Tensor before = net.parameters()[0].clone();
  static_cast<void>(onnx_of(net));
  CHECK(net.is_training());
  CHECK(at::equal(net.parameters()[0], before));
  CHECK(net.parameters()[0].requires_grad());
}

namespace {

using face_detector = configured_detector<published_net>;

struct faces {
  network_config config = find_preset("mobilenet0.25-small-faces");
  std::shared_ptr<published_net> net;
  at::Tensor images;
  std::vector<frame> frames;
  std::vector<std::vector<detection<schemas::face5>>> found;

  faces()
  {
    with_network<schemas::face5>(config, [&]<class Network>(std::shared_ptr<Network> made) {
      if constexpr (std::is_same_v<Network, published_net>) net = std::move(made);
    });
    load(*net, read_weights(test::shared("weights/retinaface_mobilenet0.25_Final.pth")));
    net->eval();
    cv::Mat photo = read_image(test::shared("data/photos/facenet_multiface.jpg"));
    cv::Mat part;
    cv::copyMakeBorder(photo, part, 0, (32 - photo.rows % 32) % 32, 0, (32 - photo.cols % 32) % 32,
                       cv::BORDER_CONSTANT);
    images = at::empty({1, 3, part.rows, part.cols});
    to_planes(part, config.input, images.data_ptr<float>());
    frames = {frame::unscaled({part.rows, part.cols})};
    config.detect.score = 0.1f;
    detector()(images, frames, found);
  }
  [[nodiscard]] face_detector detector() const { return {*net, decoding_of(config)}; }

  /// The detections of somebody else's outputs are ours, to a thousandth of a pixel.
  void check(const network_outputs& said) const
  {
    std::vector<std::vector<detection<schemas::face5>>> theirs;
    detector().find(said, frames, theirs);
    REQUIRE(found.at(0).size() >= 6);
    REQUIRE(theirs.at(0).size() == found[0].size());
    for (std::size_t i = 0; i < found[0].size(); ++i) {
      const auto &a = found[0][i], &b = theirs[0][i];
      CHECK(std::abs(a.score - b.score) < 1e-5);
      for (std::size_t c = 0; c < 4; ++c) CHECK(std::abs(a.bounds[c] - b.bounds[c]) < 1e-3);
      for (std::size_t c = 0; c < 10; ++c) CHECK(std::abs(a.points[c] - b.points[c]) < 1e-3);
    }
  }
};

std::filesystem::path exchange()
{
  const char* folder = std::getenv("RETINUE_ONNX_DIR");
  REQUIRE(folder);
  return folder;
}

}  // namespace

TEST_CASE("OpenCV finds the same faces with real weights, to 1e-3 pixels", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const faces photo;
  for (const bool one_size : {false, true}) {
    const extent2 size = one_size ? photo.frames[0].input : extent2{};
    photo.check(in_opencv(onnx_of(*photo.net, {.size = size}))(photo.images));
  }
}

// For tests/runtimes.py: a file and an input for other runtimes, and what they said of it.
TEST_CASE("writes for other runtimes", "[.write]")
{
  const faces photo;
  const auto folder = exchange();
  std::filesystem::create_directories(folder);
  write_onnx(folder / "any_size.onnx", onnx_of(*photo.net));
  write_onnx(folder / "one_size.onnx", onnx_of(*photo.net, {.size = photo.frames[0].input}));
  std::ofstream to(folder / "images.f32", std::ios::binary);
  to.write(static_cast<const char*>(photo.images.data_ptr()),
           static_cast<std::streamsize>(photo.images.nbytes()));
  std::ofstream(folder / "shape.txt") << photo.images.size(2) << ' ' << photo.images.size(3);
}

TEST_CASE("compares with other runtimes", "[.read]")
{
  const faces photo;
  const std::string runtime = std::getenv("RETINUE_ONNX_RUNTIME");
  const auto part = [&](const std::string& name, std::int64_t width) {
    std::ifstream from(exchange() / (runtime + "." + name), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(from), {}};
    const auto rows = static_cast<std::int64_t>(bytes.size()) / 4 / width;
    at::Tensor values = at::empty({1, rows, width});
    REQUIRE(values.nbytes() == bytes.size());
    std::memcpy(values.data_ptr(), bytes.data(), bytes.size());
    return values;
  };
  network_outputs said;
  said.scores = part("scores", 2);
  said.boxes = part("boxes", 4);
  said.points = part("points", 10);
  photo.check(said);
}
