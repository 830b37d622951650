// SPDX-License-Identifier: Apache-2.0
// A whole detector of your own: body, head and recipe, trained on drawn scenes and evaluated.
//
// Any module of LibTorch that has a schema and this forward is a network. The recipe is put
// together of parts, each of which could be yours, as in the examples before this one.
#include <retinue/augment.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/evaluate/voc.hpp>
#include <retinue/models/network_detector.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/schedules.hpp>
#include <retinue/train/trainer.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

using namespace retinue;
using none = schemas::none;

namespace {
constexpr int side = 96, classes = 4, columns_of_scores = classes + 1;

struct small_detector : torch::nn::Module {
  using schema = none;  // plain boxes

  small_detector()
  {
    int channels = 3;
    for (const int out : {24, 48, 96}) {  // the body: each halves the map
      const auto halve = torch::nn::Conv2dOptions(channels, out, 3).stride(2).padding(1);
      body->push_back(torch::nn::Conv2d(halve)), body->push_back(torch::nn::BatchNorm2d(out));
      body->push_back(torch::nn::ReLU());
      channels = out;
    }
    body->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(96, 96, 5).padding(2)));
    body->push_back(torch::nn::ReLU());
    register_module("body", body), register_module("head", head);
  }
  network_outputs forward(const at::Tensor& images)
  {
    const at::Tensor map = head(body->forward(images));  // (B, 2 * 9, H, W): two anchors a cell
    const at::Tensor rows = map.permute({0, 2, 3, 1}).reshape({map.size(0), -1, 9});
    return {.scores = rows.slice(2, 0, columns_of_scores),
            .boxes = rows.slice(2, columns_of_scores),
            .maps = {{int(map.size(2)), int(map.size(3))}}};
  }

  torch::nn::Sequential body;
  torch::nn::Conv2d head{torch::nn::Conv2dOptions(96, 2 * (columns_of_scores + 4), 1)};
};

// The recipe.
using recipe = multibox_settings<none, centre_size_coder, hard_negatives, giou_loss>;
using finding = decoding<square_anchors, centre_size_coder, softmax_labels>;
const square_anchors anchors{.level = {{8, {20, 40}}}};
const auto augment = augmentation{random_mirror{}, random_colours{}};
constexpr std::int64_t epochs = 40, in_epoch = 16;
}  // namespace

int main()
{
  torch::manual_seed(1);
  const auto scenes = drawn_shapes(1, 16 * in_epoch, side), unseen = drawn_shapes(2, 100, side);
  const augmented_source<none, decltype(scenes.read), decltype(augment)> source(
      scenes.count, scenes.read, augment, {}, 1);

  const auto network = std::make_shared<small_detector>();
  const auto folder = std::filesystem::temp_directory_path() / "retinue_14_detector";
  std::filesystem::remove_all(folder);
  trainer train(network, objective(anchors, recipe{.classes = classes}), adamw(*network), folder,
                {.epochs = epochs, .batch = 16, .workers = 0, .save_every = 1000});
  train(source, cosine_rate{3e-3, 0, epochs * in_epoch});

  network_detector<small_detector, finding> detect(
      network, {.anchors = anchors, .options = {.score = 0.05f}});
  std::vector<std::vector<detection<none>>> found;
  voc_evaluation measured;
  for (std::size_t i = 0; i < unseen.count; ++i) {
    const auto scene = unseen.read(0, i);
    const at::Tensor image = torch::empty({1, 3, side, side});
    to_planes(scene.picture, {}, image.data_ptr<float>());
    const frame how = frame::unscaled({side, side});
    detect(image, std::span(&how, 1), found);
    measured.add(found[0], scene.instances);
  }
  const double ap = measured.result().mean.value_or(0);
  std::fprintf(stderr, "average precision %.3f\n", ap);
  std::printf("average precision over a half: %s\n", ap > 0.5 ? "yes" : "no");
  std::filesystem::remove_all(folder);
}

// Output:
//   average precision over a half: yes
