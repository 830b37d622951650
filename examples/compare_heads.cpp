// SPDX-License-Identifier: Apache-2.0
// Two heads on one body, one pyramid, the same pictures and as many updates: what RetinaFace and
// SSD learn by, and a modern one.
//
//                multibox                            modern
//   anchors      two squares a cell, 16 to 512       a point a cell
//   boxes        offsets, smooth L1                  distances of the sides, 1 - giou
//   labels       softmax, the background a column    a sigmoid a class, quality focal
//   matched      by overlap                          by what the network says (SimOTA)
//   negatives    7 to a positive, the hardest        all
//
//   compare_heads --data synthetic --epochs 12 --seeds 1 2 3
//   compare_heads --data BCCD --subset trainval --test test --epochs 20
//
// Everything else, the trainer, the objective, the detector and the evaluation, is the same code.
#include "program/data.hpp"
#include "program/find_in.hpp"
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/process.hpp"
#include "program/written.hpp"

#include <retinue/augment/presets.hpp>
#include <retinue/evaluate.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/every_negative.hpp>
#include <retinue/matchers/dynamic_k.hpp>
#include <retinue/models/network_detector.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/initial_weights.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/schedules.hpp>
#include <retinue/train/trainer.hpp>
#include <retinue/weights/read_weights.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace retinue;
using none = schemas::none;

namespace {

struct arguments {
  std::string data = "synthetic", subset = "trainval", test = "test", init, out = "heads";
  std::vector<std::string> heads{"multibox", "modern"};
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::int64_t epochs = 12;
  std::size_t batch = 16, scenes = 1024;
  int size = 256, threads = 0;
  double rate = 2e-3;
};

struct multibox {
  static constexpr const char* name = "multibox";
  using settings = multibox_settings<none>;
  square_anchors anchors = square_anchors::retinaface();
  overlap_matcher match = overlap_matcher::retinaface();

  static retinaface_options network(std::int64_t classes) { return {.classes = classes + 1}; }
  [[nodiscard]] auto find(const detect_options& options) const
  {
    return decoding<>{.anchors = anchors, .options = options};
  }
};

struct modern {
  static constexpr const char* name = "modern";
  using settings = multibox_settings<none, distance_coder, every_negative, giou_loss, smooth_l1,
                                     sigmoid_labels<quality_focal>>;
  square_anchors anchors{.level = {{8, {8}}, {16, {16}}, {32, {32}}}};  // points and their strides
  dynamic_k_matcher match = dynamic_k_matcher::sim_ota();

  static retinaface_options network(std::int64_t classes)
  {
    return {.levels = {{8, 1}, {16, 1}, {32, 1}}, .classes = classes, .prior = 0.01};
  }
  [[nodiscard]] auto find(const detect_options& options) const
  {
    return decoding<square_anchors, distance_coder, sigmoid_labels<quality_focal>>{
        .anchors = anchors, .coder = {.logarithmic = true}, .options = options};
  }
};

struct figures {
  double at_half = 0, coco = 0;
};

template <class Detector>
figures measure(Detector& detect, const picture_set<none>& test, int side)
{
  voc_evaluation voc({.inclusive_pixels = false});
  coco_evaluation coco;
  std::vector<std::vector<detection<none>>> found;
  for (std::size_t i = 0; i < test.count; ++i) {
    const auto from = test.read(0, i);
    find_in(detect, from.picture, fit_long_side({from.picture.rows, from.picture.cols}, side),
            pixel_format(), found);
    voc.add(found[0], from.instances);
    coco.add(found[0], from.instances);
  }
  return {voc.result().mean.value_or(0), coco.result().figures[0].value.value_or(0)};
}

template <class Head>
figures train(const arguments& a, const Head& head, std::uint64_t seed,
              const picture_set<none>& pictures, const picture_set<none>& test)
{
  torch::manual_seed(seed);
  const auto classes = pictures.classes.size();
  auto network =
      std::make_shared<retinaface<none>>(Head::network(static_cast<std::int64_t>(classes)));
  if (!a.init.empty()) begin_from(*network, read_weights(a.init), a.init);
  typename Head::settings loss;
  loss.classes = classes;
  if constexpr (requires { loss.code.logarithmic; }) loss.code.logarithmic = true;
  const auto folder =
      std::filesystem::path(a.out) / (std::string(Head::name) + "-" + std::to_string(seed));
  const augmented_source<none, decltype(pictures.read), decltype(retinaface_augmentation(0))>
      source(pictures.count, pictures.read, retinaface_augmentation(a.size), pixel_format(), seed);
  const auto steps =
      a.epochs * static_cast<std::int64_t>(pictures.count / std::min(a.batch, pictures.count));
  if (std::filesystem::exists(folder / "checkpoints"))
    fail(folder.string(), " holds a run already, expected another --out");
  trainer run(network, objective(head.anchors, loss, head.match), adamw(*network), folder,
              {.epochs = a.epochs,
               .batch = a.batch,
               .seed = seed,
               .clip = 10,
               .average = 0.995,
               .save_every = steps});
  run(source, warmed_up<cosine_rate>{{a.rate, 0, steps}, 50});
  retinaface<none> last(network->options());
  load(last, run.weights());
  network_detector<retinaface<none>, decltype(head.find({}))> detect(
      last, head.find({.score = 0.02f, .overlap = 0.5f}));
  return measure(detect, test, a.data == synthetic ? a.size : 2 * a.size);
}

/// A line a seed, and one of their mean and spread.
template <class Head>
void compare(const arguments& a, const Head& head, const picture_set<none>& pictures,
             const picture_set<none>& test)
{
  if (std::ranges::find(a.heads, Head::name) == a.heads.end()) return;
  double sum = 0, squares = 0, coco_sum = 0, coco_squares = 0;
  for (const std::uint64_t seed : a.seeds) {
    const auto [half, coco] = train(a, head, seed, pictures, test);
    std::printf("%-9s seed %-4llu AP@.5 %.4f   COCO AP %.4f\n", Head::name,
                static_cast<unsigned long long>(seed), half, coco);
    std::fflush(stdout);
    sum += half, squares += half * half, coco_sum += coco, coco_squares += coco * coco;
  }
  const auto n = static_cast<double>(a.seeds.size());
  const auto spread = [n](double s, double q) {
    return n > 1 ? std::sqrt(std::max(0.0, (q - s * s / n) / (n - 1))) : 0.0;
  };
  std::printf("%-9s mean      AP@.5 %.4f +- %.4f   COCO AP %.4f +- %.4f\n", Head::name, sum / n,
              spread(sum, squares), coco_sum / n, spread(coco_sum, coco_squares));
}

int compare_all(const arguments& a)
{
  prepare_process(a.threads);
  if (std::set(a.seeds.begin(), a.seeds.end()).size() != a.seeds.size())
    fail("--seeds names one of them twice, expected each once");
  data_argument from;
  from.data = a.data, from.subset = a.subset, from.scenes = a.scenes, from.side = a.size;
  auto pictures = open_pictures<none>(from);
  if (pictures.classes.empty()) pictures.classes = {"object"};
  if (std::filesystem::is_directory(std::filesystem::path(a.data) / "Annotations"))
    from.subset = a.test;
  else if (a.data != synthetic)
    from.data = a.test;
  from.scenes = 200;
  from.seed = 1'000'003;
  const auto test = with_labels_of(pictures.classes, open_pictures<none>(from), from.data);
  std::printf("%zu pictures, %zu classes, %lld epochs of batches of %zu; measured on %zu others\n",
              pictures.count, pictures.classes.size(), static_cast<long long>(a.epochs), a.batch,
              test.count);
  compare(a, multibox(), pictures, test);
  compare(a, modern(), pictures, test);
  return 0;
}

}  // namespace

int main(int count, char** values)
{
  arguments a;
  CLI::App app("Trains two heads on one body and compares what they come to.", "compare_heads");
  app.add_option("-d,--data", a.data, data_help)->capture_default_str();
  app.add_option("--subset", a.subset, "To learn from, of PASCAL VOC's form")
      ->capture_default_str();
  app.add_option("--test", a.test, "To measure on: of PASCAL VOC's form a subset, else other data")
      ->capture_default_str();
  app.add_option("--init", a.init,
                 "Weights of a body that was trained to classify (default: none)");
  app.add_option("--heads", a.heads, "multibox, modern, or both")
      ->check(CLI::IsMember({"multibox", "modern"}))
      ->capture_default_str();
  app.add_option("--seeds", a.seeds, "One run of each head for every seed")
      ->check(any_seed())
      ->capture_default_str();
  app.add_option("--epochs", a.epochs, "Times that every picture is seen")
      ->check(number_in(1, 100000))
      ->capture_default_str();
  app.add_option("--batch", a.batch, "Pictures of an update")
      ->check(number_in(1, 1024))
      ->capture_default_str();
  app.add_option("--size", a.size, "Pictures become squares of this side")
      ->check(number_in(64, 2048))
      ->capture_default_str();
  app.add_option("--scenes", a.scenes, "Scenes of an epoch, with 'synthetic'")
      ->check(number_in(1, 1000000))
      ->capture_default_str();
  app.add_option("--lr", a.rate, "Learning rate")
      ->check(number_in(1e-12, 1000.0))
      ->capture_default_str();
  app.add_option("--out", a.out, "Folder of the runs, each in a folder of its own")
      ->check(any_name())
      ->capture_default_str();
  app.add_option("--threads", a.threads, "Processor threads of the network (default: all)")
      ->check(number_in(1, 1024));
  const std::string quick =
      "compare_heads --data synthetic --size 64 --scenes 16 --batch 8 --epochs 1 ";
  app.footer("Exit codes: 0 done, 2 nothing could be done." +
             to_try(quick + "--out heads", quick + "--seeds 1 2 --out heads_twice"));
  return run_program(app, [&] {
    app.parse(count, values);
    return compare_all(a);
  });
}
