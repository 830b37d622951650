// SPDX-License-Identifier: Apache-2.0
// The networks against golden maps, the folded form against the network, and loading by name.
#include <retinue/config/json.hpp>
#include <retinue/formulas/distributions.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/models/load.hpp>
#include <retinue/models/mobilenet_v1.hpp>
#include <retinue/models/resnet.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/models/runner.hpp>
#include <retinue/models/squeeze.hpp>
#include <retinue/models/threads.hpp>
#include <retinue/models/towers.hpp>
#include <retinue/train/ordered_queue.hpp>
// After torch, whose headers define CHECK.
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "npz.hpp"
#include "refusal.hpp"
#include "shared.hpp"

#include <sched.h>  // sched_getaffinity

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace {

using namespace retinue;
using retinue::test::refusal_of;
using face_net = retinaface<schemas::face5>;

retinaface_options options_of(double slope)
{
  retinaface_options options;
  options.slope = slope;
  options.body = [slope] { return std::make_shared<mobilenet_v1>(0.25, slope); };
  return options;
}

retinaface_options resnet_options()
{
  retinaface_options options;
  options.channels = 256;
  options.body = [] { return std::make_shared<resnet>(); };
  return options;
}

/// Statistics and scales as if trained: neither 0 nor 1, and never degenerate.
template <class Module>
void pretend_to_be_trained(Module& net)
{
  const torch::NoGradGuard no_gradients;
  for (auto& entry : net.named_buffers()) {
    if (entry.key().ends_with("running_mean")) entry.value().uniform_(-0.5, 0.5);
    if (entry.key().ends_with("running_var")) entry.value().uniform_(0.3, 2);
  }
  for (auto& entry : net.named_parameters())
    if (entry.value().dim() == 1) entry.value().uniform_(0.2, 1.5);
  net.eval();
}

double distance(const at::Tensor& a, const at::Tensor& b)
{
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().template item<double>();
}

double distance(const network_outputs& a, const network_outputs& b)
{
  if (a.maps != b.maps) return std::numeric_limits<double>::infinity();
  return std::max({distance(a.boxes.values, b.boxes.values),
                   distance(a.scores.values, b.scores.values),
                   distance(a.points.values, b.points.values)});
}

at::Tensor golden(const test::npz& file, const std::string& name)
{
  const auto& array = file[name];
  const auto values = array.as<float>();
  return at::tensor(at::ArrayRef<float>(values)).reshape(array.shape);
}

template <class Module>
std::int64_t parameter_count(const Module& net)
{
  std::int64_t count = 0;
  for (const auto& p : net.parameters()) count += p.numel();
  return count;
}

bool contains(const std::string& text, const std::string& part)
{
  return text.find(part) != std::string::npos;
}

/// Forces the path of machines without oneDNN while it lives.
struct without_mkldnn {
  without_mkldnn() { at::globalContext().setUserEnabledMkldnn(false); }
  ~without_mkldnn() { at::globalContext().setUserEnabledMkldnn(true); }
  without_mkldnn(const without_mkldnn&) = delete;
  without_mkldnn& operator=(const without_mkldnn&) = delete;
};

std::shared_ptr<face_net> public_net(double slope)
{
  auto net = std::make_shared<face_net>(options_of(slope));
  load(*net, read_weights(test::shared("weights/retinaface_mobilenet0.25_Final.pth")));
  net->eval();
  return net;
}

}  // namespace

TEST_CASE("networks have the parameters of the public ones")
{
  const auto small = std::make_shared<face_net>();
  CHECK(parameter_count(*small) == 426'608);
  CHECK(parameter_count(*std::make_shared<face_net>(resnet_options())) == 27'293'600);
  // torchvision's resnet50 less its fc, and MobileNet's 4,231,976 less its fc of 1,025,000.
  CHECK(parameter_count(*std::make_shared<resnet>()) == 25'557'032 - 2'049'000);
  CHECK(parameter_count(*std::make_shared<resnet>(resnet_shape::of_18())) == 11'689'512 - 513'000);
  CHECK(parameter_count(*std::make_shared<resnet>(resnet_shape::of_34())) == 21'797'672 - 513'000);
  CHECK(parameter_count(*std::make_shared<mobilenet_v1>(1.0)) == 4'231'976 - 1'025'000);

  const auto names = small->named_parameters();
  for (const char* name :
       {"body.stage1.0.0.weight", "body.stage1.1.3.weight", "body.stage3.1.4.bias",
        "fpn.output3.0.weight", "fpn.merge2.1.bias", "ssh1.conv3X3.0.weight",
        "ssh3.conv7x7_3.1.weight", "ClassHead.0.conv1x1.bias", "BboxHead.2.conv1x1.weight",
        "LandmarkHead.1.conv1x1.weight"}) {
    INFO(name);
    CHECK(names.contains(name));
  }
  const auto deep = std::make_shared<face_net>(resnet_options())->named_parameters();
  for (const char* name : {"body.conv1.weight", "body.bn1.bias", "body.layer1.0.conv1.weight",
                           "body.layer4.0.downsample.0.weight", "body.layer4.0.downsample.1.bias",
                           "body.layer3.5.bn3.weight"}) {
    INFO(name);
    CHECK(deep.contains(name));
  }
  CHECK_FALSE(deep.contains("body.layer4.1.downsample.0.weight"));
}

TEST_CASE("RetinaNet and FCOS have torchvision's parameters, by number and by name")
{
  // torchvision's bodies have their normalization frozen: it counts as no parameter there.
  constexpr std::int64_t frozen = 53'120;
  const towers<schemas::none> retinanet;
  CHECK(parameter_count(retinanet) == 34'014'999 + frozen);
  const towers<schemas::none> fcos(towers_options::fcos());
  CHECK(parameter_count(fcos) == 32'269'600 + frozen);
  const auto names = retinanet.named_parameters();
  for (const char* name :
       {"backbone.body.layer1.0.conv1.weight", "backbone.fpn.inner_blocks.2.0.bias",
        "backbone.fpn.layer_blocks.0.0.weight", "backbone.fpn.extra_blocks.p7.weight",
        "head.classification_head.conv.3.0.weight", "head.classification_head.cls_logits.bias",
        "head.regression_head.conv.0.0.bias", "head.regression_head.bbox_reg.weight"}) {
    INFO(name);
    CHECK(names.contains(name));
  }
  const auto others = fcos.named_parameters();
  for (const char* name :
       {"head.classification_head.conv.9.weight", "head.classification_head.conv.10.weight",
        "head.regression_head.bbox_ctrness.bias"}) {
    INFO(name);
    CHECK(others.contains(name));
  }
}

TEST_CASE("towers say of every level what their options ask for, and all of them learn")
{
  torch::manual_seed(5);
  towers_options options = towers_options::fcos(3);
  options.body = [] { return std::make_shared<resnet>(resnet_shape{{1, 1, 1, 1}, false}); };
  options.channels = 64;  // two in a group: a bias then tells
  options.depth = 2;
  options.code = 68;
  options.upward = true;
  towers<schemas::plate4> net(options);
  const auto p = net.forward(torch::randn({2, 3, 65, 130}));
  CHECK((p.maps == std::vector<extent2>{{9, 17}, {5, 9}, {3, 5}, {2, 3}, {1, 2}}));
  const std::int64_t rows = 9 * 17 + 5 * 9 + 3 * 5 + 2 * 3 + 2;
  CHECK(p.scores.values.sizes() == at::IntArrayRef({2, rows, 3}));
  CHECK(p.boxes.values.sizes() == at::IntArrayRef({2, rows, 68}));
  CHECK(p.points.values.sizes() == at::IntArrayRef({2, rows, 8}));
  CHECK(p.quality.values.sizes() == at::IntArrayRef({2, rows, 1}));
  // Before anything is learnt, every class has the probability that was asked for.
  CHECK(std::abs(p.scores.values.sigmoid().mean().item<double>() - 0.01) < 0.003);
  (p.scores.values.sum() + p.boxes.values.square().sum() + p.points.values.square().sum() +
   p.quality.values.square().sum())
      .backward();
  for (const auto& entry : net.named_parameters()) {
    INFO(entry.key());
    REQUIRE(entry.value().grad().defined());
    CHECK(entry.value().grad().abs().max().item<double>() > 0);
  }
  pretend_to_be_trained(net);
  const torch::NoGradGuard no_gradients;
  const auto images = torch::randn({1, 3, 64, 64});
  const auto expected = net.forward(images);
  CHECK(distance(runner(net)(images), expected) <
        1e-4 * expected.boxes.values.abs().max().item<double>());

  options.finest = 64;
  CHECK(contains(refusal_of([&] { towers<schemas::none> none(options); }), "stride 64 or more"));
}

TEST_CASE("towers of a configuration say distances, whether they regress those or distributions")
{
  torch::manual_seed(5);
  auto config = parse_config(R"({"kind": "towers", "classes": ["a", "b"],
    "network": {"body": "mobilenet_v1_0.25", "channels": 32, "depth": 1, "bins": 9},
    "anchors": {"kind": "points", "strides": [8, 16, 32, 64]},
    "labels": "sigmoid_times_quality", "coder": {"kind": "distances"}})",
                             "test");
  configured_network<schemas::plate4> net(config);
  net.eval();
  const torch::NoGradGuard no_gradients;
  const at::Tensor images = torch::randn({2, 3, 64, 96});
  const auto said = net.forward(images);
  const std::int64_t rows = 8 * 12 + 4 * 6 + 2 * 3 + 1 * 2;
  CHECK(said.scores.values.sizes() == at::IntArrayRef({2, rows, 2}));
  CHECK(said.boxes.values.sizes() == at::IntArrayRef({2, rows, 4}));
  CHECK(said.points.values.sizes() == at::IntArrayRef({2, rows, 8}));
  CHECK(said.quality.values.sizes() == at::IntArrayRef({2, rows, 1}));

  // What the same weights say as distributions decodes to the same boxes.
  towers_options raw;
  raw.body = body_named(config.body, 0);
  raw.channels = 32, raw.depth = 1, raw.further = 1, raw.anchors = 1;
  raw.classes = 2, raw.code = 36, raw.quality = true;
  towers<schemas::plate4> same(raw);
  CHECK(load(same, state_of(net)).complete());
  same.eval();
  const at::Tensor codes = same.forward(images).boxes.values.contiguous();
  const auto anchors = make_anchors(config.anchors, {64, 96});
  REQUIRE(anchors.size() == std::size_t(rows));
  double most = 0;
  for (std::size_t a = 0; a < anchors.size(); ++a) {
    distributions<float, 9> code;
    offsets<float> mean;
    for (std::size_t i = 0; i < code.width; ++i) code[i] = codes.data_ptr<float>()[36 * a + i];
    for (std::size_t i = 0; i < 4; ++i)
      mean[i] = said.boxes.values[0][std::int64_t(a)][std::int64_t(i)].item<float>();
    const auto expected = distribution_coder<9>().decode(code, anchors[a]);
    const auto found = config.coder.decode(mean, anchors[a]);
    for (std::size_t i = 0; i < 4; ++i)
      most = std::max(most, double(std::abs(found[i] - expected[i])));
  }
  CHECK(most < 1e-5);

  config.form = towers_form{.channels = 32, .depth = 1};  // and without distributions
  CHECK(configured_network<schemas::none>(config).forward(images).boxes.values.size(2) == 4);
  towers_options wrong;
  wrong.bins = 9;
  CHECK(contains(refusal_of([&] { towers<schemas::none> none(wrong); }), "expected 36 numbers"));
}

TEST_CASE("a path up joins each level with the finer ones, and squeezing scales channels")
{
  const torch::NoGradGuard no_gradients;
  // MMDetection's PAFPN over ResNet-50: laterals, 4 outputs, 3 down, 3 up.
  pyramid paths({{4, 256}, {8, 512}, {16, 1024}, {32, 2048}}, 256, 0, true);
  CHECK(parameter_count(paths) == 984'064 + 10 * 590'080);
  pyramid plain({{8, 4}, {16, 4}}, 4, 0), up({{8, 4}, {16, 4}}, 4, 0, true);
  auto same = up.named_parameters();
  for (const auto& entry : plain.named_parameters()) same[entry.key()].copy_(entry.value());
  const std::vector<at::Tensor> maps{torch::randn({1, 4, 6, 7}), torch::randn({1, 4, 3, 4})};
  const auto a = plain.forward(maps), b = up.forward(maps);
  CHECK(distance(a[0], b[0]) == 0);
  const auto conv = [&](const at::Tensor& x, const std::string& name, int stride) {
    return at::conv2d(x, same[name + ".weight"], same[name + ".bias"], stride, 1);
  };
  CHECK(distance(b[1], conv(a[1] + conv(a[0], "downsample_convs.0", 2), "pafpn_convs.0", 1)) <
        1e-6);

  squeeze_excitation squeeze(16, 4);
  CHECK(parameter_count(squeeze) == 2 * 16 * 4 + 4 + 16);
  const auto x = torch::rand({2, 16, 3, 5}) + 0.1;
  const auto scale = squeeze.forward(x) / x;
  CHECK(distance(scale, scale.slice(2, 0, 1).slice(3, 0, 1).expand_as(scale)) < 1e-6);
  CHECK(scale.min().item<double>() > 0);
  CHECK(scale.max().item<double>() < 1);
  for (auto& p : squeeze.parameters()) p.zero_();
  CHECK(distance(squeeze.forward(x), x / 2) < 1e-6);
}

TEST_CASE("schema, classes, anchors and levels decide the shapes of the predictions")
{
  const torch::NoGradGuard no_gradients;
  retinaface_options options;
  options.levels = {{8, 3}, {32, 1}};
  options.classes = 4;
  const auto plain = std::make_shared<retinaface<schemas::none>>(options);
  plain->eval();
  const auto p = plain->forward(torch::rand({2, 3, 71, 45}));
  CHECK((p.maps == std::vector<extent2>{{9, 6}, {3, 2}}));
  const std::int64_t rows = 9 * 6 * 3 + 3 * 2;
  CHECK(p.boxes.values.sizes() == at::IntArrayRef({2, rows, 4}));
  CHECK(p.scores.values.sizes() == at::IntArrayRef({2, rows, 4}));
  CHECK_FALSE(p.points.values.defined());
  CHECK(distance(at::softmax(p.scores.values, -1), at::softmax(p.scores.values, -1)) == 0);
  CHECK_FALSE(plain->named_parameters().contains("LandmarkHead.0.conv1x1.weight"));
  CHECK(distance(runner(*plain)(torch::zeros({1, 3, 40, 40})),
                 plain->forward(torch::zeros({1, 3, 40, 40}))) < 1e-4);

  const auto mesh = std::make_shared<retinaface<schemas::points<7, 3>>>();
  mesh->eval();
  const auto q = mesh->forward(torch::rand({1, 3, 1, 1}));
  CHECK((q.maps == std::vector<extent2>{{1, 1}, {1, 1}, {1, 1}}));
  CHECK(q.points.values.sizes() == at::IntArrayRef({1, 6, 21}));
  CHECK(distance(at::softmax(q.scores.values, -1), at::softmax(q.scores.values, -1)) < 1e-6);

  auto four = resnet_options();
  four.levels = {{4, 2}, {8, 2}, {16, 2}, {32, 2}};
  four.body = [] { return std::make_shared<resnet>(resnet_shape{{1, 1, 1, 1}}); };
  const auto deep = std::make_shared<face_net>(four);
  deep->eval();
  CHECK((deep->forward(torch::rand({1, 3, 65, 33})).maps ==
         std::vector<extent2>{{17, 9}, {9, 5}, {5, 3}, {3, 2}}));
  CHECK(deep->named_parameters().contains("fpn.merge3.0.weight"));
  CHECK(deep->named_parameters().contains("ssh4.conv3X3.0.weight"));
}

TEST_CASE("rows run by level, row, column, anchor")
{
  // Heads that answer with the position of the cell: their one input channel is set by hand.
  auto probe = std::make_shared<head>(std::vector<std::int64_t>{2}, 1, 3);
  const torch::NoGradGuard no_gradients;
  for (auto& entry : probe->named_parameters()) {
    if (entry.key() == "0.conv1x1.weight") entry.value().fill_(1);
    if (entry.key() == "0.conv1x1.bias") entry.value().copy_(torch::arange(6) * 0.01);
  }
  const auto map = torch::arange(6, at::kFloat).reshape({1, 1, 2, 3});  // 3 * row + column
  const auto rows = probe->forward(0, map);
  REQUIRE(rows.sizes() == at::IntArrayRef({1, 12, 3}));
  for (int cell = 0; cell < 6; ++cell)
    for (int anchor = 0; anchor < 2; ++anchor)
      for (int k = 0; k < 3; ++k) {
        const double expected = cell + 0.01 * (3 * anchor + k);
        CHECK(std::abs(rows[0][2 * cell + anchor][k].item<double>() - expected) < 1e-6);
      }
}

TEST_CASE("what cannot be built is refused in a sentence")
{
  retinaface_options options;
  options.levels = {};
  CHECK(contains(refusal_of([&] { face_net net(options); }), "at least one level"));
  options.levels = {{8, 2}, {64, 2}};
  CHECK(contains(refusal_of([&] { face_net net(options); }), "stride 64"));
  options.levels = {{16, 2}, {8, 2}};
  CHECK(contains(refusal_of([&] { face_net net(options); }), "finest first: 8 16 32"));
  options.levels = {{8, 0}};
  CHECK(contains(refusal_of([&] { face_net net(options); }), "0 anchors"));
  options = {};
  options.classes = 0;
  CHECK(contains(refusal_of([&] { face_net net(options); }), "1 or more"));
  options = {};
  options.channels = 30;
  CHECK(contains(refusal_of([&] { face_net net(options); }), "multiple of 4"));
  CHECK(contains(refusal_of([] { mobilenet_v1 body(0); }), "0 times"));
  const auto net = std::make_shared<face_net>();
  CHECK(
      contains(refusal_of([&] { (void)net->forward(torch::rand({3, 64, 64})); }), "(B, 3, H, W)"));
  CHECK(contains(refusal_of([&] { (void)net->forward(torch::rand({1, 1, 64, 64})); }),
                 "[1, 1, 64, 64]"));
  CHECK(contains(refusal_of([&] { (void)net->forward(torch::rand({1, 3, 0, 64})); }), "shape"));
  CHECK(contains(refusal_of([&] { (void)runner (*net)(torch::rand({3, 0, 64})); }), "shape"));
  CHECK(contains(refusal_of([&] { (void)net->forward(torch::ones({1, 3, 8, 8}, at::kByte)); }),
                 "floating point"));
}

TEST_CASE("every parameter takes part in training")
{
  const auto net = std::make_shared<face_net>(options_of(0.1));
  net->train();
  const auto p = net->forward(torch::randn({2, 3, 64, 64}));
  (p.boxes.values.square().sum() + p.scores.values.square().sum() + p.points.values.square().sum())
      .backward();
  for (const auto& entry : net->named_parameters()) {
    INFO(entry.key());
    REQUIRE(entry.value().grad().defined());
    CHECK(entry.value().grad().abs().max().item<double>() > 0);
  }
}

TEST_CASE("the folded form gives what the network gives")
{
  torch::manual_seed(1);
  const torch::NoGradGuard no_gradients;
  const auto images = torch::randn({3, 3, 71, 45});
  for (const double slope : {0.0, 0.1, 0.5}) {
    INFO("slope " << slope);
    const auto net = std::make_shared<face_net>(options_of(slope));
    pretend_to_be_trained(*net);
    const auto expected = net->forward(images);
    const double tolerance = 1e-5 * expected.boxes.values.abs().max().item<double>();
    CHECK(distance(runner(*net)(images), expected) < tolerance);
    {
      const without_mkldnn there;
      CHECK(distance(runner(*net)(images), expected) < tolerance);
    }
    net->to(at::kDouble);
    CHECK(distance(runner(*net)(images.to(at::kDouble)), net->forward(images.to(at::kDouble))) <
          1e-9 * tolerance * 1e5);
  }
  auto options = resnet_options();
  options.body = [] { return std::make_shared<resnet>(resnet_shape{{2, 1, 2, 1}}); };
  const auto deep = std::make_shared<face_net>(options);
  pretend_to_be_trained(*deep);
  const auto expected = deep->forward(images);
  const double tolerance = 1e-5 * expected.boxes.values.abs().max().item<double>();
  CHECK(distance(runner(*deep)(images), expected) < tolerance);
  const without_mkldnn there;
  CHECK(distance(runner(*deep)(images), expected) < tolerance);
}

TEST_CASE("the folded form depends on neither threads, batch, strides nor later training")
{
  torch::manual_seed(2);
  const torch::NoGradGuard no_gradients;
  const auto net = std::make_shared<face_net>();
  pretend_to_be_trained(*net);
  const runner run(*net);
  const auto images = torch::randn({4, 3, 96, 160});
  CHECK(use_threads(1) == 1);
  CHECK(at::get_num_threads() == 1);
  const auto expected = run(images);
  const double tolerance = 1e-6 * expected.boxes.values.abs().max().item<double>();
  CHECK(use_threads(2) == 2);
  CHECK(at::get_num_threads() == 2);
  CHECK(distance(run(images), expected) < tolerance);
  CHECK(use_threads() >= 1);
  for (int i = 0; i < 4; ++i) {
    const auto one = run(images.slice(0, i, i + 1));
    CHECK(distance(one.boxes.values[0], expected.boxes.values[i]) < tolerance);
    CHECK(distance(one.points.values[0], expected.points.values[i]) < tolerance);
  }
  CHECK(distance(run(images.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2})), expected) <
        tolerance);
  network_outputs there;  // a call from another thread, at the same time
  std::thread other([&] { there = run(images); });
  const auto here = run(images);
  other.join();
  CHECK(distance(here, expected) < tolerance);
  CHECK(distance(there, expected) < tolerance);
  const auto large = torch::randn({3, 3, 640, 320});  // more than is run at once
  const auto parts = run(large);
  CHECK((parts.maps == std::vector<extent2>{{80, 40}, {40, 20}, {20, 10}}));
  CHECK(distance(parts, net->forward(large)) < 20 * tolerance);
  for (auto& p : net->parameters()) p.zero_();
  CHECK(distance(run(images), expected) < tolerance);
  CHECK_FALSE(run(images).boxes.values.requires_grad());
}

TEST_CASE("the folded form runs where the network's parameters are")
{
  if (!torch::cuda::is_available()) {
    std::cout << "skipped: no CUDA device\n";
    return;
  }
  const torch::NoGradGuard no_gradients;
  const auto net = std::make_shared<face_net>(options_of(0.1));
  pretend_to_be_trained(*net);
  const auto images = torch::randn({2, 3, 71, 45});
  const auto expected = net->forward(images);
  net->to(at::kCUDA);
  const auto p = runner(*net)(images.to(at::kCUDA));
  CHECK(p.boxes.values.is_cuda());
  CHECK(distance(p.boxes.values.cpu(), expected.boxes.values) <
        1e-3 * expected.boxes.values.abs().max().item<double>());
}

TEST_CASE("weights go in and out by name")
{
  const auto net = std::make_shared<face_net>(), other = std::make_shared<face_net>();
  pretend_to_be_trained(*net);
  const state_dict all = state_of(*net);
  CHECK(all.size() == 300);
  CHECK(load(*other, all).complete());
  other->eval();
  const auto images = torch::randn({1, 3, 40, 40});
  CHECK(distance(net->forward(images), other->forward(images)) == 0);

  // Other precisions are converted, counters may be absent.
  state_dict halves;
  for (const auto& [name, tensor] : all) {
    if (name.ends_with("num_batches_tracked")) continue;
    const at::Tensor half = retinue::detail::view_of(tensor).to(at::kHalf);
    host_tensor copy{dtype::f16, tensor.shape, std::vector<std::byte>(half.nbytes())};
    std::memcpy(copy.bytes.data(), half.data_ptr(), copy.bytes.size());
    halves.insert(name, std::move(copy));
  }
  CHECK(load(*other, halves).complete());
  const auto bias = other->named_parameters()["BboxHead.0.conv1x1.bias"];
  CHECK(bias.scalar_type() == at::kFloat);
  CHECK(distance(bias, net->named_parameters()["BboxHead.0.conv1x1.bias"].to(at::kHalf)) == 0);
}

TEST_CASE("weights that are no numbers are refused by name, and nothing is loaded")
{
  const auto net = std::make_shared<face_net>();
  const auto before = state_of(*net);
  for (const float bad : {NAN, HUGE_VALF}) {
    std::vector<float> values(8, 7.f);
    values[5] = bad;
    state_dict odd;
    for (const auto& [name, tensor] : before)
      if (name == "BboxHead.0.conv1x1.bias")
        odd.insert(name, tensor_of<float>(dtype::f32, {8}, std::span(values)));
      else
        odd.insert(name, tensor);
    CHECK(refusal_of([&] { load(*net, odd); }) ==
          "the weights BboxHead.0.conv1x1.bias are not all finite numbers");
  }
  const auto bias = net->named_parameters()["BboxHead.0.conv1x1.bias"];
  CHECK(distance(bias, retinue::detail::view_of(*before.find("BboxHead.0.conv1x1.bias"))) == 0);
}

TEST_CASE("weights that do not fit are refused by name, and nothing is loaded")
{
  const auto net = std::make_shared<face_net>();
  const auto before = state_of(*net);
  const std::vector<float> values(16, 7.f);
  state_dict odd;
  for (const auto& [name, tensor] : before) {
    if (name == "BboxHead.0.conv1x1.weight") continue;
    if (name == "ClassHead.0.conv1x1.bias")
      odd.insert(name, tensor_of<float>(dtype::f32, {2, 2}, std::span(values).first(4)));
    else if (name == "BboxHead.0.conv1x1.bias")
      odd.insert(name, tensor_of<float>(dtype::f32, {8}, std::span(values).first(8)));
    else
      odd.insert(name, tensor);
  }
  odd.insert("fc.bias", tensor_of<float>(dtype::f32, {16}, std::span(values)));

  const std::string sentence = refusal_of([&] { load(*net, odd); });
  CHECK(contains(sentence, "1 missing: BboxHead.0.conv1x1.weight"));
  CHECK(contains(sentence, "1 unexpected: fc.bias"));
  CHECK(contains(sentence, "ClassHead.0.conv1x1.bias ((2, 2) of f32, expected (4))"));
  const auto bias = [&] { return net->named_parameters()["BboxHead.0.conv1x1.bias"]; };
  CHECK(distance(bias(), retinue::detail::view_of(*before.find("BboxHead.0.conv1x1.bias"))) == 0);

  const load_report report = load(*net, odd, false);
  CHECK_FALSE(report.complete());
  CHECK((report.missing == std::vector<std::string>{"BboxHead.0.conv1x1.weight"}));
  CHECK((report.unexpected == std::vector<std::string>{"fc.bias"}));
  CHECK(report.misshaped.size() == 1);
  CHECK(distance(bias(), torch::full({8}, 7.f)) == 0);

  // Whole numbers are no weights, however they are shaped.
  state_dict whole;
  const std::vector<std::int64_t> integers(8, 1);
  whole.insert("BboxHead.0.conv1x1.bias",
               tensor_of<std::int64_t>(dtype::i64, {8}, std::span(integers)));
  CHECK(load(*net, whole, false).misshaped.size() == 1);
  const std::string empty = refusal_of([&] { load(*net, state_dict()); });
  CHECK(contains(empty, "253 missing: "));
  CHECK(contains(empty, " and 250 more"));
}

TEST_CASE("the public weights give the golden maps", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const torch::NoGradGuard no_gradients;
  const test::npz file(test::shared("golden/net_small.npz"));
  int compared = 0;
  for (const auto& [kind, slope] : {std::pair{"relu", 0.0}, std::pair{"leaky", 0.1}}) {
    const auto net = public_net(slope);
    const runner run(*net);
    for (const char* input : {"rand_b2_64x96", "kids_b1_192x256", "odd_b1_71x45"}) {
      const auto images = golden(file, std::string(input) + "/input");
      const auto near = [&](const at::Tensor& ours, const std::string& name) {
        INFO(input << "/" << kind << "/" << name);
        CHECK(distance(ours, golden(file, std::string(input) + "/" + kind + "/" + name)) < 1e-4);
        ++compared;
      };
      const auto maps = net->features(images);
      std::int64_t row = 0;
      const auto p = net->forward(images);
      for (std::size_t i = 0; i < 3; ++i) {
        const std::string n = std::to_string(i);
        near(maps.body[i], "body" + std::to_string(i + 1));
        near(maps.pyramid[i], "fpn" + n);
        near(maps.context[i], "ssh" + n);
        const std::int64_t end = row + 2 * p.maps[i].height * p.maps[i].width;
        near(p.boxes.values.slice(1, row, end), "bbox" + n);
        near(p.scores.values.slice(1, row, end), "class" + n);
        near(p.points.values.slice(1, row, end), "landm" + n);
        row = end;
      }
      for (const auto& q : {p, run(images)}) {
        near(q.boxes.values, "loc");
        near(q.scores.values, "conf_logits");
        near(at::softmax(q.scores.values, -1), "conf_softmax");
        near(q.points.values, "landms");
      }
    }
  }
  CHECK(compared == 2 * 3 * (3 * 6 + 2 * 4));
}

TEST_CASE("the public weights give the golden predictions of a photo", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const torch::NoGradGuard no_gradients;
  const test::npz file(test::shared("golden/detect_phillies_640.npz"));
  const auto net = public_net(activation::relu);
  const auto images = golden(file, "input");
  for (const auto& p : {net->forward(images), runner(*net)(images)}) {
    CHECK(distance(p.boxes.values[0], golden(file, "loc")) < 1e-4);
    CHECK(distance(at::softmax(p.scores.values, -1)[0], golden(file, "conf")) < 1e-4);
    CHECK(distance(p.points.values[0], golden(file, "landms")) < 1e-4);
  }
}

TEST_CASE("a checkpoint with four landmarks runs through the same templates", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const torch::NoGradGuard no_gradients;
  const auto weights = read_weights(test::shared("weights/plate_ccpd_epoch20_4lm.pth"));
  const auto net = std::make_shared<retinaface<schemas::plate4>>();
  CHECK(load(*net, weights).complete());
  net->eval();
  const auto p = runner(*net)(torch::randn({2, 3, 120, 200}) * 60);
  const std::int64_t rows = 2 * (15 * 25 + 8 * 13 + 4 * 7);
  CHECK(p.boxes.values.sizes() == at::IntArrayRef({2, rows, 4}));
  CHECK(p.scores.values.sizes() == at::IntArrayRef({2, rows, 2}));
  CHECK(p.points.values.sizes() == at::IntArrayRef({2, rows, 8}));
  for (const auto& t : {p.boxes.values, p.scores.values, p.points.values})
    CHECK(t.isfinite().all().item<bool>());
  const std::string sentence = refusal_of([&] { load(*std::make_shared<face_net>(), weights); });
  CHECK(contains(sentence, "LandmarkHead.0.conv1x1.weight ((16, 64, 1, 1) of f32, expected"));
}

TEST_CASE("a body takes the weights it was trained with on ImageNet", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  auto weights = read_weights(test::shared("weights/mobilenetV1X0.25_pretrain.tar"));
  weights.strip_prefix("module.");
  const auto net = std::make_shared<face_net>();
  const auto report = load(*net->backbone(), weights, false);
  CHECK(report.missing.empty());
  CHECK(report.misshaped.empty());
  CHECK((report.unexpected == std::vector<std::string>{"fc.weight", "fc.bias"}));
}

namespace {

/// Runs a hidden case of this program in a process of its own; whether it passed.
bool passes(const std::string& environment, const std::string& hidden)
{
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  return std::system(("env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY -u OMP_PROC_BIND " + environment +
                      " " + self + " \"" + hidden + "\" >/dev/null")
                         .c_str()) == 0;
}

std::size_t cores_of_this_thread()
{
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  return static_cast<std::size_t>(CPU_COUNT(&set));
}

}  // namespace

TEST_CASE("the process waits briefly", "[.]")
{
  wait_briefly();  // the arguments came with it, or other cases would run
  const char* const spins = std::getenv("GOMP_SPINCOUNT");
  REQUIRE(spins);
  CHECK(spins == std::string("5000"));
}

TEST_CASE("the process waits as its environment says", "[.]")
{
  wait_briefly();
  const char* const spins = std::getenv("GOMP_SPINCOUNT");
  CHECK((!spins || spins == std::string("7")));
}

TEST_CASE("two threads of the process have a core each and those of a queue both", "[.]")
{
  REQUIRE(use_threads(2) == 2);
  REQUIRE(cores_of_this_thread() == 2);
  REQUIRE(bind_threads());
  CHECK(cores_of_this_thread() == 1);
  ordered_queue<std::size_t> queue(0, 1, 1, 1, [](std::size_t) { return cores_of_this_thread(); });
  CHECK(queue.next() == 2);
}

TEST_CASE("other numbers of threads are not bound", "[.]")
{
  use_threads(1);
  CHECK(!bind_threads());
  use_threads(3);
  CHECK(!bind_threads());
}

TEST_CASE("the threads of the process are not bound", "[.]")
{
  use_threads(2);
  CHECK(!bind_threads());
}

TEST_CASE("a program restarts once to wait briefly, unless its environment says how to wait")
{
  CHECK(passes("", "the process waits briefly"));
  CHECK(!passes("", "the process waits as its environment says"));
  CHECK(passes("OMP_WAIT_POLICY=passive", "the process waits as its environment says"));
  CHECK(passes("GOMP_SPINCOUNT=7", "the process waits as its environment says"));
}

TEST_CASE("two threads on two cores are bound, unless the environment binds them")
{
  if (cores_of_this_thread() != 2) {
    WARN("skipped: not two cores");
    return;
  }
  CHECK(passes("", "two threads of the process have a core each and those of a queue both"));
  CHECK(passes("", "other numbers of threads are not bound"));
  CHECK(passes("OMP_PROC_BIND=false", "the threads of the process are not bound"));
}
