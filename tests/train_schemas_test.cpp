// SPDX-License-Identifier: Apache-2.0
// Training for any number of landmarks, and on batches of every kind.
#include "catch.hpp"
#include "shared.hpp"

#include <retinue/augment.hpp>
#include <retinue/augment/presets.hpp>
#include <retinue/backend/host_blocks.hpp>
#include <retinue/config.hpp>
#include <retinue/data/imglab.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/evaluate/voc.hpp>
#include <retinue/losses/libtorch_team.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/models/load.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/configured_objective.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/trainer.hpp>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

using namespace retinue;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, which goes with the test.
struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_schemas_" + std::to_string(::getpid()));
  scratch() { fs::remove_all(path); }
  ~scratch() { fs::remove_all(path); }
};

template <landmark_schema Schema>
std::shared_ptr<retinaface<Schema>> small_network()
{
  torch::manual_seed(5);
  retinaface_options options;
  options.body = [] { return std::make_shared<mobilenet_v1>(0.125); };
  options.channels = 16;
  return std::make_shared<retinaface<Schema>>(options);
}

template <landmark_schema Schema>
auto small_trainer(const fs::path& folder, std::int64_t epochs, std::size_t batch)
{
  training_settings settings{.epochs = epochs, .batch = batch, .workers = 0};
  auto of = small_network<Schema>();
  return trainer(of, objective<multibox_settings<Schema>>(square_anchors::retinaface()), adamw(*of),
                 folder, settings);
}

/// An object of that side, in fractions, with its landmarks on a spiral from its centre.
template <landmark_schema Schema>
instance<Schema> object_at(float x, float y, float side)
{
  instance<Schema> truth;
  truth.bounds = {x, y, x + side, y + side};
  for (std::size_t k = 0; k < Schema::count; ++k) {
    const float turn = 0.4f * float(k), far = 0.5f * side * float(k + 1) / float(Schema::count);
    truth.points.points[k] = {x + side / 2 + far * std::cos(turn),
                              y + side / 2 + far * std::sin(turn)};
    truth.visible[k] = k % 5 != 4;
  }
  return truth;
}

/// Noise of 64 x 64, in every epoch the same, and the truths that `of` gives sample i.
template <landmark_schema Schema>
struct noise_with {
  using schema = Schema;
  std::function<std::vector<instance<Schema>>(std::size_t i)> of;

  [[nodiscard]] std::size_t size() const { return 4; }
  training_sample<Schema> operator()(std::uint64_t, std::size_t i) const
  {
    keyed_random random(7, 0, i);
    training_sample<Schema> made{std::to_string(i), {64, 64}, std::vector<float>(3 * 64 * 64), {}};
    for (float& v : made.planes) v = static_cast<float>(random.uniform(-100, 100));
    made.truths = of(i);
    return made;
  }
};

bool all_finite(const std::vector<log_line>& lines)
{
  for (const auto& l : lines) {
    for (const auto& term : l.terms)
      if (!std::isfinite(term.value)) return false;
    if (l.terms.size() != 3 || !std::isfinite(l.total) || !std::isfinite(l.gradient)) return false;
  }
  return !lines.empty();
}

}  // namespace

TEMPLATE_TEST_CASE("a network for any number of landmarks learns, is written and read", "",
                   schemas::none, schemas::points<1>, schemas::plate4, schemas::face5,
                   schemas::face68, schemas::wflw98)
{
  const scratch room;
  const noise_with<TestType> source{
      [](std::size_t i) { return std::vector{object_at<TestType>(0.1f * float(i), 0.3f, 0.4f)}; }};
  small_trainer<TestType>(room.path, 16, 4)(source, constant_rate{5e-3});
  const auto lines = read_log(room.path / "log.jsonl");
  REQUIRE(lines.size() == 16);
  CHECK(all_finite(lines));
  CHECK(lines[15].total < 0.9 * lines[0].total);
  CHECK((*lines[0].term("landmark") > 0) == (TestType::count > 0));
  if (TestType::count > 0) CHECK(*lines[15].term("landmark") < *lines[0].term("landmark"));

  auto again = small_trainer<TestType>(room.path, 17, 4);
  CHECK(again.resume() == 16);
  const state_dict weights = read_safetensors(room.path / "weights.safetensors");
  CHECK((weights.find("LandmarkHead.0.conv1x1.weight") != nullptr) == (TestType::count > 0));
  auto loaded = small_network<TestType>();
  CHECK(load(*loaded, weights).complete());
  for (const auto& [name, tensor] : state_of(*loaded)) {
    const bool same = tensor.bytes == again.weights().find(name)->bytes;
    if (!same) FAIL(name << " is not what was written");
  }
  CHECK(again(source, constant_rate{5e-3}).finished());
}

TEMPLATE_TEST_CASE("batches of nothing, of crowds and of single pixels stay finite, and teach", "",
                   schemas::none, schemas::face5)
{
  using truths = std::vector<instance<TestType>>;
  struct kind {
    const char* name;
    std::function<truths(std::size_t)> of;
    bool has_positives;
  };
  const float pixel = 1.0f / 64;
  const std::vector<kind> kinds{
      {"nothing", [](std::size_t) { return truths(); }, false},
      {"some have nothing",
       [](std::size_t i) {
         return i % 2 ? truths() : truths{object_at<TestType>(0.2f, 0.3f, 0.4f)};
       },
       true},
      {"512 truths in one image",
       [](std::size_t i) {
         truths all;
         for (std::size_t t = 0; i == 0 && t < 512; ++t)
           all.push_back(object_at<TestType>(0.025f * float(t % 32), 0.05f * float(t / 32),
                                             0.1f + 0.0003f * float(t)));
         return all;
       },
       true},
      {"single pixels",
       [&](std::size_t i) {
         return truths{object_at<TestType>(pixel * float(i), 0, pixel),
                       object_at<TestType>(1 - pixel, 1 - pixel, pixel)};
       },
       false}};  // no anchor comes near them
  const scratch room;
  for (const kind& k : kinds) {
    INFO(k.name);
    const fs::path folder = room.path / k.name;
    small_trainer<TestType>(folder, 3, 2)(noise_with<TestType>{k.of}, constant_rate{1e-2});
    const auto lines = read_log(folder / "log.jsonl");
    REQUIRE(lines.size() == 6);
    CHECK(all_finite(lines));
    bool positives = false;
    for (const auto& l : lines) {
      CHECK(l.gradient > 0);
      positives = positives || l.positives > 0;
    }
    CHECK(positives == k.has_positives);
  }
}

namespace {

/// What a network of a configuration may say of one picture, at random; and the same again.
template <class Schema>
struct said_twice {
  network_outputs one, same;

  said_twice(const network_config& config, extent2 size)
  {
    network_outputs shape;
    {
      const torch::NoGradGuard no_gradients;
      shape = std::make_shared<configured_network<Schema>>(config)->forward(
          at::zeros({1, 3, size.height, size.width}));
    }
    torch::manual_seed(1);
    one.maps = same.maps = shape.maps;
    const auto draw = [](const tensor_output& like, tensor_output& a, tensor_output& b) {
      if (!like.values.defined()) return;
      a.values = at::randn_like(like.values).requires_grad_();
      b.values = a.values.detach().clone().requires_grad_();
    };
    draw(shape.scores, one.scores, same.scores);
    draw(shape.boxes, one.boxes, same.boxes);
    draw(shape.points, one.points, same.points);
    draw(shape.quality, one.quality, same.quality);
  }

  /// Of two losses of each; `found` is of the first.
  void check(const tensor_terms& found, const tensor_terms& want)
  {
    const auto expected = want.total.template item<double>();
    CHECK(std::abs(found.total.template item<double>() - expected) < 1e-5 * std::abs(expected));
    found.total.backward();
    want.total.backward();
    const auto alike = [](const tensor_output& a, const tensor_output& b) {
      return !a.values.defined() || at::allclose(a.values.grad(), b.values.grad(), 1e-4, 1e-6);
    };
    CHECK(alike(one.boxes, same.boxes));
    CHECK(alike(one.scores, same.scores));
    if (Schema::count > 0) CHECK(alike(one.points, same.points));
    CHECK(alike(one.quality, same.quality));
  }
};

template <class Schema>
std::vector<std::vector<instance<Schema>>> one_truth()
{
  std::vector<std::vector<instance<Schema>>> truths(1);
  truths[0].emplace_back().bounds = {0.2f, 0.3f, 0.6f, 0.8f};
  truths[0].back().visible.fill(true);
  return truths;
}

}  // namespace

TEST_CASE("a configuration of the papers' parts is learnt by programs of these")
{
  const extent2 size{320, 320};
  std::size_t by_programs = 0;
  for (const preset& p : presets()) {
    const network_config& config = p.config;
    with_landmarks(config, [&]<class Schema>(Schema) {
      auto ours = standard_objective_of<Schema, host_blocks>(config);
      const bool standard = std::holds_alternative<softmax_labels>(config.labels.policy) &&
                            std::holds_alternative<centre_size_coder>(config.coder.choice) &&
                            std::holds_alternative<overlap_matcher::settings>(config.learn.match) &&
                            std::holds_alternative<smooth_l1>(config.learn.box);
      CAPTURE(p.name);
      CHECK(ours.has_value() == standard);
      if (!ours) return;
      ++by_programs;
      CHECK_FALSE(standard_objective_of<Schema, host_blocks>(config, {1, 2}).has_value());
      auto other = config;
      other.learn.match = adaptive_matcher::settings{};
      CHECK_FALSE(standard_objective_of<Schema, host_blocks>(other).has_value());
      other = config;
      other.learn.box = giou_loss{};
      CHECK_FALSE(standard_objective_of<Schema, host_blocks>(other).has_value());

      auto by_tables = objective_of<Schema>(config, 1);
      said_twice<Schema> said(config, size);
      const auto truths = one_truth<Schema>();
      said.check((*ours)(said.one, size, truths), by_tables(said.same, size, truths));
    });
  }
  CHECK(by_programs >= 2);
}

TEST_CASE("any configuration is learnt by programs, but for what none are written of")
{
  using none = schemas::none;
  const extent2 size{320, 320};
  std::set<std::size_t> matchers;
  std::vector<preset> tried(presets().begin(), presets().end());
  for (const any_matcher::settings& match : {any_matcher::settings(aligned_matcher::settings{}),
                                             any_matcher::settings(adaptive_matcher::settings{})}) {
    tried.push_back({"points", "by another matcher", find_preset("points-mobilenet0.25"), {}});
    tried.back().config.learn.match = match;
  }
  for (const preset& p : tried) {
    if (p.config.landmarks != 0) continue;  // of landmarks there are team_objective and team_fibres
    const network_config& config = p.config;
    CAPTURE(p.name);
    auto ours = objective_of<none, host_blocks>(config, 1);
    auto by_tables = objective_of<none>(config, 1);
    CHECK(ours.by_programs());
    CHECK_FALSE(by_tables.by_programs());
    said_twice<none> said(config, size);
    const auto truths = one_truth<none>();
    said.check(ours(said.one, size, truths), by_tables(said.same, size, truths));
    CHECK(ours.sends());
    matchers.insert(config.learn.match.index());

    auto other = config;
    other.learn.negatives = random_negatives::settings{};
    auto drawn = objective_of<none, host_blocks>(other, 1);
    CHECK_FALSE(drawn.by_programs());
    said_twice<none> again(config, size);
    again.check(drawn(again.one, size, truths),
                objective_of<none>(other, 1)(again.same, size, truths));
    CHECK_FALSE(drawn.sends());
  }
  CHECK(matchers.size() == 4);
}

TEST_CASE("a YuNet learns drawn faces: class and objectness, matched by what it says")
{
  using face5 = schemas::face5;
  constexpr int side = 96;
  const scratch room;
  torch::manual_seed(3);
  network_config config = find_preset("yunet-s");
  const auto network = std::make_shared<configured_network<face5>>(config);
  const auto scenes = drawn_faces(5, 8, side);
  auto same_scenes = [&](std::uint64_t, std::size_t i) { return scenes.read(0, i); };
  augmentation augment{random_mirror{}};
  const augmented_source<face5, decltype(same_scenes), decltype(augment)> source(
      scenes.count, same_scenes, augment, config.input, 1);

  const auto found = [&](const state_dict& weights) {
    const auto learnt = std::make_shared<configured_network<face5>>(config);
    load(*learnt, weights);
    configured_detector<configured_network<face5>> detect(learnt, decoding_of(config));
    std::vector<std::vector<detection<face5>>> detections;
    voc_evaluation measured;
    for (std::size_t i = 0; i < scenes.count; ++i) {
      const auto scene = scenes.read(0, i);
      const at::Tensor image = torch::empty({1, 3, side, side});
      to_planes(scene.picture, config.input, image.data_ptr<float>());
      const frame how = frame::unscaled({side, side});
      detect(image, std::span(&how, 1), detections);
      measured.add(detections[0], scene.instances);
    }
    return measured.result().mean.value_or(0);
  };
  const double before = found(state_of(*network));
  trainer run(network, objective_of<face5>(config, 1), adamw(*network), room.path,
              {.epochs = 120, .batch = 8, .workers = 0, .save_every = 1000});
  run(source, cosine_rate{3e-3, 0, 120});
  const auto lines = read_log(room.path / "log.jsonl");
  REQUIRE(lines.size() == 120);
  for (const char* term : {"box", "label", "landmark", "quality"}) {
    INFO(term);
    CHECK(*lines.back().term(term) < 0.8 * *lines.front().term(term));
  }
  const double after = found(run.weights());
  INFO(before << " to " << after);
  CHECK(before < 0.1);
  CHECK(after > 0.6);
}

TEST_CASE("faces of 68 landmarks are read, augmented and mirrored, and teach", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  using schema = schemas::face68;
  const auto set = pictures_of(
      read_imglab<schema>(test::shared("data/dlib_faces/training_with_face_landmarks.xml")));
  const augmented_source<schema, decltype(set.read), decltype(retinaface_augmentation(0))> source(
      set.count, set.read, retinaface_augmentation(128), pixel_format{}, 3);

  std::size_t faces = 0;
  for (std::uint64_t epoch = 0; epoch < 8; ++epoch)
    for (std::size_t i = 0; i < source.size(); ++i)
      for (const auto& face : source(epoch, i).truths) {
        // Point 0 ends the jaw on the left, mirrored or not; 16 on the right; 8 is the chin.
        const auto& p = face.points.points;
        if (!face.visible[0] || !face.visible[16] || !face.visible[8]) continue;
        ++faces;
        CHECK(p[0][0] < p[8][0]);
        CHECK(p[8][0] < p[16][0]);
      }
  CHECK(faces > 20);

  const scratch room;
  small_trainer<schema>(room.path, 10, 2)(source, constant_rate{5e-3});
  const auto lines = read_log(room.path / "log.jsonl");
  CHECK(all_finite(lines));
  const auto landmark_loss = [&](std::size_t first, std::size_t last) {
    double sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += *lines[i].term("landmark");
    return sum / static_cast<double>(last - first);
  };
  REQUIRE(lines.size() >= 20);
  CHECK(landmark_loss(0, 4) > 0);
  CHECK(landmark_loss(lines.size() - 8, lines.size()) < 0.95 * landmark_loss(0, 4));
}
