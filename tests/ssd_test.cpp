// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "refusal.hpp"
#include "shared.hpp"

#include <retinue/anchors/layout.hpp>
#include <retinue/augment/presets.hpp>
#include <retinue/config.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/error.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/initial_weights.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/weights/read_weights.hpp>
#include <retinue/weights/safetensors.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

using namespace retinue;
using retinue::test::refusal_of;

namespace {

default_boxes& boxes_of(network_config& config)
{
  return std::get<default_boxes>(config.anchors.source);
}

ssd_options options_of(const network_config& config)
{
  return network_options(config, std::get<ssd_form>(config.form));
}

/// A network of four shapes over a MobileNet, for 96 pixels.
network_config small_config()
{
  network_config config = find_preset("ssd320-mobilenet0.25");
  config.classes.assign(shape_classes.begin(), shape_classes.end());
  boxes_of(config).design_side = 96;
  for (auto& level : boxes_of(config).level) {
    level.size *= 0.3;
    level.next_size *= 0.3;
  }
  return config;
}

ssd made(const network_config& config)
{
  torch::manual_seed(4);
  return ssd(options_of(config));
}

/// Heads that say something else of every anchor.
void sharpen(ssd& network)
{
  const torch::NoGradGuard no_gradients;
  for (auto& p : network.named_parameters())
    if (p.key().starts_with("conf.") || p.key().starts_with("loc.")) p.value().normal_(0, 0.3);
}

std::int64_t parameters_of(const ssd& network)
{
  std::int64_t count = 0;
  for (const auto& p : network.parameters()) count += p.numel();
  return count;
}

bool same(const at::Tensor& a, const at::Tensor& b)
{
  return a.sizes() == b.sizes() && a.equal(b);
}

void check_says(const std::string& sentence, const std::string& part)
{
  INFO(sentence);
  CHECK(sentence.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("the networks of the paper: rows, maps, classes, parameters and their names")
{
  struct expected {
    const char* preset;
    int side;
    std::int64_t rows, parameters;
    std::vector<int> maps;
  };
  for (const auto& e :
       {expected{"ssd300-vgg16", 300, 8732, 26'285'486, {38, 19, 10, 5, 3, 1}},
        expected{"ssd512-vgg16", 512, 24'564, 27'188'676, {64, 32, 16, 8, 4, 2, 1}}}) {
    INFO(e.preset);
    ssd network(options_of(find_preset(e.preset)));
    network.eval();
    CHECK(parameters_of(network) == e.parameters);
    const torch::NoGradGuard inference;
    const network_outputs p = network.forward(at::zeros({1, 3, e.side, e.side}));
    CHECK(p.boxes.values.sizes() == at::IntArrayRef({1, e.rows, 4}));
    CHECK(p.scores.values.sizes() == at::IntArrayRef({1, e.rows, 21}));
    CHECK_FALSE(p.points.values.defined());
    REQUIRE(p.maps.size() == e.maps.size());
    for (std::size_t l = 0; l < e.maps.size(); ++l)
      CHECK(p.maps[l] == extent2{e.maps[l], e.maps[l]});
    CHECK(anchor_count(find_preset(e.preset).anchors, p.maps) == std::size_t(e.rows));
    const auto named = network.named_parameters();
    for (const char* name :
         {"vgg.0.weight", "vgg.21.bias", "vgg.28.weight", "vgg.31.weight", "vgg.33.bias",
          "L2Norm.weight", "extras.0.weight", "extras.7.bias", "loc.5.weight", "conf.0.bias"})
      CHECK(named.contains(name));
    CHECK(named["vgg.31.weight"].sizes() == at::IntArrayRef({1024, 512, 3, 3}));
    CHECK(named["extras.1.weight"].sizes() == at::IntArrayRef({512, 256, 3, 3}));
    CHECK(named["conf.1.weight"].sizes() == at::IntArrayRef({6 * 21, 1024, 3, 3}));
    CHECK(named["L2Norm.weight"][17].item<float>() == 20.0f);
  }
}

TEST_CASE("a cell's vector is scaled to the length of the weight")
{
  unit_length scale(8, 20);
  const at::Tensor x = at::randn({2, 8, 3, 5});
  const at::Tensor lengths = scale.forward(x).norm(2, 1);
  CHECK((lengths - 20).abs().max().item<float>() <= 1e-4f);
  CHECK(scale.forward(at::zeros({1, 8, 1, 1})).abs().max().item<float>() == 0.0f);
}

TEST_CASE("rows stand in the order of the anchors")
{
  // Each head says its own number and nothing of the picture: rows tell level and anchor of a cell.
  const network_config config = small_config();
  ssd network = made(config);
  network.eval();
  const torch::NoGradGuard inference;
  for (auto& p : network.named_parameters())
    if (p.key().starts_with("loc.")) {
      const std::int64_t level = p.key()[4] - '0';
      if (p.key().ends_with("weight"))
        p.value().zero_();
      else
        p.value().copy_(at::arange(p.value().numel()) + 1000 * level);
    }
  const network_outputs p = network.forward(at::randn({1, 3, 96, 72}));
  const anchor_layout layout(config.anchors, {96, 72}, p.maps);
  REQUIRE(p.boxes.values.size(1) == std::int64_t(layout.size()));
  const auto said = p.boxes.values.accessor<float, 3>();
  for (std::size_t l = 0; l < layout.levels().size(); ++l) {
    const auto& level = layout.levels()[l];
    for (std::size_t i = 0; i < level.rows * level.columns * level.per_cell; ++i)
      for (std::size_t c = 0; c < 4; ++c)
        if (said[0][std::int64_t(level.first + i)][std::int64_t(c)] !=
            float(1000 * l + 4 * (i % level.per_cell) + c))
          FAIL("level " << l << ", anchor " << i << " of it, component " << c);
  }
}

TEST_CASE("a few updates on drawn shapes lower the loss")
{
  const network_config config = small_config();
  ssd network = made(config);
  objective aim(config.anchors, multibox_settings<schemas::none>::ssd(config.classes.size()),
                overlap_matcher::ssd());
  const auto shapes = drawn_shapes(3, 8, 96);
  const augmented_source<schemas::none, decltype(shapes.read), decltype(ssd_augmentation(0))>
      source(shapes.count, shapes.read, ssd_augmentation(96), config.input, 5);
  at::Tensor images = at::empty({8, 3, 96, 96});
  std::vector<std::vector<instance<schemas::none>>> truths;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto sample = source(0, i);
    std::memcpy(images[std::int64_t(i)].data_ptr<float>(), sample.planes.data(),
                sample.planes.size() * sizeof(float));
    truths.push_back(sample.truths);
  }
  sgd optimize(network);
  network.train();
  double first = 0, last = 0;
  for (std::int64_t update = 0; update < 12; ++update) {
    network.zero_grad();
    const tensor_terms terms = aim(network.forward(images), {96, 96}, truths);
    CHECK(terms.positives > 0);
    CHECK(terms["landmark"].item<double>() == 0);
    last = terms.total.item<double>();
    REQUIRE(std::isfinite(last));
    if (update == 0) first = last;
    terms.total.backward();
    optimize(update, 5e-3);
  }
  INFO(first << " to " << last);
  CHECK(last < 0.7 * first);
}

TEST_CASE("a file of weights is all that is needed to run the network again")
{
  const network_config config = small_config();
  ssd network = made(config);
  network.eval();
  const auto file = std::filesystem::temp_directory_path() /
                    ("retinue_ssd_" + std::to_string(::getpid()) + ".safetensors");
  state_dict weights = state_of(network);
  weights.metadata[std::string(config_metadata_key)] = to_json(config);
  write_safetensors(file, weights);
  const state_dict back = read_weights(file);
  std::filesystem::remove(file);

  const network_config read =
      parse_config(back.metadata.at(std::string(config_metadata_key)), "weights");
  CHECK(to_json(read) == to_json(config));
  ssd again(options_of(read));
  load(again, back);
  again.eval();
  const torch::NoGradGuard inference;
  const at::Tensor images = at::randn({2, 3, 96, 96});
  const network_outputs a = network.forward(images), b = again.forward(images);
  CHECK(same(a.boxes.values, b.boxes.values));
  CHECK(same(a.scores.values, b.scores.values));
}

TEST_CASE("the detector finds what decoding by hand finds")
{
  network_config config = small_config();
  config.detect = {.score = 0.3f, .candidates = 100000, .overlap = 0.45f, .keep = 40, .clip = true};
  ssd network = made(config);
  sharpen(network);
  network.eval();
  const torch::NoGradGuard inference;
  const at::Tensor images = 60 * at::randn({2, 3, 96, 96});
  const frame how = stretched({48, 192}, 96);
  const std::vector<frame> frames{how, how};
  configured_detector<ssd> detect(network, decoding_of(config));
  std::vector<configured_detector<ssd>::detections> found;
  detect(images, frames, found);
  REQUIRE(found.size() == 2);

  const network_outputs said = detect.predict(images);  // folded; as the network's to rounding
  const network_outputs trained = network.forward(images);
  CHECK((said.boxes.values - trained.boxes.values).abs().max().item<float>() <=
        1e-3f * trained.boxes.values.abs().max().item<float>());
  const at::Tensor scores = said.scores.values.softmax(-1);
  const auto anchors = make_anchors(config.anchors, {96, 96}, said.maps);
  for (std::int64_t image = 0; image < 2; ++image) {
    struct candidate {
      box<float> bounds;
      float score;
      std::int32_t label;
    };
    std::vector<candidate> all, kept;
    for (std::size_t row = 0; row < anchors.size(); ++row)
      for (std::int32_t label = 1; label <= 4; ++label) {
        const auto at = scores[image][std::int64_t(row)];
        const float score = at[label].item<float>();
        if (!(score > config.detect.score)) continue;
        const at::Tensor o = said.boxes.values[image][std::int64_t(row)];
        const box<float> b =
            config.coder.decode(offsets<float>{o[0].item<float>(), o[1].item<float>(),
                                               o[2].item<float>(), o[3].item<float>()},
                                anchors[row]);
        all.push_back({{b.x1 * 192, b.y1 * 48, b.x2 * 192, b.y2 * 48}, score, label});
      }
    std::ranges::stable_sort(all, std::greater<>(), &candidate::score);
    for (const candidate& c : all)
      if (kept.size() < config.detect.keep && std::ranges::none_of(kept, [&](const candidate& k) {
            return k.label == c.label && iou(k.bounds, c.bounds) > config.detect.overlap;
          }))
        kept.push_back(c);
    const auto& ours = found[std::size_t(image)];
    REQUIRE(all.size() > kept.size());
    REQUIRE(ours.size() == kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const box<float> b = clip(kept[i].bounds, 192.0f, 48.0f);
      CHECK(ours[i].label == kept[i].label);
      CHECK(std::abs(ours[i].score - kept[i].score) <= 1e-6f);
      for (std::size_t c = 0; c < 4; ++c) CHECK(std::abs(ours[i].bounds[c] - b[c]) <= 1e-3f);
    }
  }
}

TEST_CASE("an SSD begins with an SSD of other classes, or with a body trained to classify")
{
  const network_config config = small_config();
  network_config two = config;
  two.classes = {"a", "b"};
  ssd from = made(config);
  ssd to(options_of(two));
  const auto anew = begin_from(to, state_of(from), "f");
  CHECK(anew.size() == 12);
  for (const auto& name : anew) CHECK(name.starts_with("conf."));
  CHECK(same(to.named_parameters()["loc.2.weight"], from.named_parameters()["loc.2.weight"]));

  vgg16 classifier;
  ssd paper(options_of(find_preset("ssd300-vgg16")));
  begin_from(paper, state_of(classifier), "f");
  CHECK(
      same(paper.named_parameters()["vgg.31.weight"], classifier.named_parameters()["31.weight"]));
  check_says(refusal_of([&] { begin_from(paper, state_of(from), "f"); }), "f: has no 0.weight");
}

TEST_CASE("the public MobileNet begins an SSD", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  ssd network = made(small_config());
  const auto weights = read_weights(test::shared("weights/mobilenetV1X0.25_pretrain.tar"));
  const auto anew = begin_from(network, weights, "f");
  CHECK(std::ranges::none_of(anew, [](const auto& name) { return name.starts_with("body."); }));
  CHECK(network.named_parameters()["body.stage1.0.0.weight"].abs().sum().item<float>() > 1);
}

TEST_CASE("levels and layers that do not fit are refused, and pictures that are too small")
{
  network_config config = find_preset("ssd300-vgg16");
  boxes_of(config).level.pop_back();
  check_says(refusal_of([&] { ssd(options_of(config)); }),
             "an SSD of 5 levels, of which its body gives 2, has 4 extra layers: expected 3");
  boxes_of(config).level[0].stride = 4;
  check_says(refusal_of([&] { ssd(options_of(config)); }), "has stride 4");
  ssd small(options_of(find_preset("ssd300-vgg16")));
  check_says(refusal_of([&] { static_cast<void>(small.forward(at::zeros({1, 3, 96, 96}))); }),
             "images of 96 x 96 pixels leave extra layer 2");
  check_says(refusal_of([&] { static_cast<void>(small.forward(at::zeros({3, 96, 96}))); }),
             "expected (B, 3, H, W)");
}

TEST_CASE("an SSD is not taken for a RetinaFace")
{
  ssd network = made(small_config());
  state_dict weights = state_of(network);
  check_says(refusal_of([&] { static_cast<void>(guess_config(weights, "f")); }),
             "f seems to be an SSD, by the name \"conf.0.weight\", and no name tells the anchors' "
             "sizes: a configuration must, in anchors.levels");
  check_says(refusal_of([&] { check_weights(find_preset("mobilenet0.25"), weights, "f"); }),
             "f seems to be an SSD, by the name \"conf.0.weight\"; expected a RetinaFace");
  weights.metadata[std::string(config_metadata_key)] = to_json(small_config());
  const guess own = guess_config(weights, "f");
  CHECK(kind_of(own.config) == "ssd");
  CHECK(to_json(own.config) == to_json(small_config()));
  CHECK_NOTHROW(check_weights(own.config, weights, "f"));
}

TEST_CASE("configurations are read, written and refused by their keys")
{
  std::size_t seen = 0;
  for (const auto& p : presets()) {
    const auto* const form = std::get_if<ssd_form>(&p.config.form);
    if (!form) continue;
    ++seen;
    auto back = parse_config(to_json(p.config), "f.json");
    CHECK(to_json(back).size() > 200);
    CHECK(back.anchors.levels() == p.config.anchors.levels());
    CHECK(std::get<ssd_form>(back.form).separable == form->separable);
    CHECK(std::get<ssd_form>(back.form).extras.size() == form->extras.size());
    network_config named = back;
    named.name = p.config.name;
    CHECK(to_json(named) == to_json(p.config));
  }
  CHECK(seen == 7);
  const auto refused = [](const char* text) {
    return refusal_of([&] { static_cast<void>(parse_config(text, "f.json", ssd_form())); });
  };
  check_says(refused(R"({"preset": "ssd300-vgg"})"), "did you mean ssd300-vgg16?");
  check_says(
      refused(R"({"network": {"body": "vgg19"}})"),
      "f.json: line 1, column 22: network.body is \"vgg19\", expected one of mobilenet_v1_0.25");
  check_says(refused(R"({"classes": ["a", "a"]})"),
             "classes[1] is \"a\", which stands there twice");
  check_says(refused(R"({"anchors": {"levels": [{"stride": 8, "ratios": [2]}]}})"),
             "anchors.levels[0] has no size and next_size");
  auto changed = parse_config(
      R"({"preset": "ssd512-vgg16", "classes": ["cell"], "detect": {"score": 0.2}})", "f.json");
  CHECK(boxes_of(changed).design_side == 512);
  CHECK(changed.classes.size() == 1);
  CHECK(changed.detect.score == 0.2f);
}
