// SPDX-License-Identifier: Apache-2.0
// What each ingredient of a recipe gives: the same body and pyramid, the same pictures and as many
// updates, several seeds each, and a table of mean and spread.
//
//   base       two squares a cell; offsets, smooth L1; softmax, the background a column; matched by
//              overlap; 7 negatives to a positive, the hardest; weights averaged over updates
//   atss       matched by a threshold of each truth's own
//   focal      a sigmoid a class and focal loss, of all negatives
//   giou       1 - giou of the boxes
//   wing       landmarks by wing loss (of data that have them)
//   zoom-out   crops up to twice the short side of a picture
//   mosaic     half of the pictures are four at once
//   mixup      half are seen through another
//   last       the last weights, no average
//   modern     a point a cell; distances, 1 - giou; a sigmoid a class, quality focal; matched by
//              what the network says (SimOTA); all negatives
//
//   compare_recipes --data synthetic --epochs 12 --seeds 1 2 3
//   compare_recipes --data BCCD --subset trainval --test test --epochs 20 --recipes base modern
//   compare_recipes --data synthetic --landmarks 5 --recipes base wing --ledger runs.jsonl
//
// Each row is a type or a line of `recipes_of`. The trainer, the objective, the detector and the
// evaluation are the same code for all.
#include "program/find_in.hpp"
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/pictures.hpp"
#include "program/process.hpp"
#include "program/progress.hpp"
#include "program/shown_training.hpp"
#include "program/written.hpp"

#include <retinue/evaluate.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/every_negative.hpp>
#include <retinue/matchers.hpp>
#include <retinue/models/network_detector.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/train/initial_weights.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/schedules.hpp>
#include <retinue/train/trainer.hpp>
#include <retinue/weights/read_weights.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace retinue;

namespace {

const std::vector<std::string> names{"base",     "atss",   "focal", "giou", "wing",
                                     "zoom-out", "mosaic", "mixup", "last", "modern"};

struct arguments {
  std::string data = "synthetic", subset = "trainval", test = "test", init, out = "recipes";
  std::vector<std::string> recipes;
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::filesystem::path ledger;
  std::int64_t epochs = 12;
  std::size_t batch = 16, scenes = 1024, landmarks = 0;
  int size = 256, test_size = 0, threads = 0;
  double rate = 2e-3;

  /// Crops show objects larger than pictures do, so these are scaled up for what was learnt.
  [[nodiscard]] int measured_at() const
  {
    if (test_size > 0) return test_size;
    return data == synthetic ? 3 * size / 2 : 2 * size;
  }
  [[nodiscard]] bool asks_for(const std::string& recipe) const
  {
    return recipes.empty() || std::ranges::find(recipes, recipe) != recipes.end();
  }
};

/// What is no type: how pictures vary beyond RetinaFace's crops, and the decay of averaged weights.
struct manner {
  std::vector<std::string> augment;
  double average = 0.995;
};

template <landmark_schema Schema>
struct base {
  using settings = multibox_settings<Schema>;
  square_anchors anchors = square_anchors::retinaface();
  overlap_matcher match = overlap_matcher::retinaface();

  static retinaface_options network(std::int64_t classes) { return {.classes = classes + 1}; }
  [[nodiscard]] auto find(const detect_options& options) const
  {
    return decoding<>{.anchors = anchors, .options = options};
  }
};
template <landmark_schema Schema>
struct atss : base<Schema> {
  adaptive_matcher match = adaptive_matcher::atss();
};
template <landmark_schema Schema>
struct giou : base<Schema> {
  using settings = multibox_settings<Schema, centre_size_coder, hard_negatives, giou_loss>;
};
template <landmark_schema Schema>
struct by_wing : base<Schema> {
  using settings = multibox_settings<Schema, centre_size_coder, hard_negatives, smooth_l1, wing>;
};
template <landmark_schema Schema>
struct focal : base<Schema> {
  using labels = sigmoid_labels<sigmoid_focal>;
  using settings =
      multibox_settings<Schema, centre_size_coder, every_negative, smooth_l1, smooth_l1, labels>;

  static retinaface_options network(std::int64_t classes)
  {
    return {.classes = classes, .prior = 0.01};
  }
  [[nodiscard]] auto find(const detect_options& options) const
  {
    return decoding<square_anchors, centre_size_coder, labels>{.anchors = this->anchors,
                                                               .options = options};
  }
};
template <landmark_schema Schema>
struct modern {
  using labels = sigmoid_labels<quality_focal>;
  using settings =
      multibox_settings<Schema, distance_coder, every_negative, giou_loss, smooth_l1, labels>;
  square_anchors anchors{.level = {{8, {8}}, {16, {16}}, {32, {32}}}};  // points and their strides
  dynamic_k_matcher match = dynamic_k_matcher::sim_ota();

  static retinaface_options network(std::int64_t classes)
  {
    return {.levels = {{8, 1}, {16, 1}, {32, 1}}, .classes = classes, .prior = 0.01};
  }
  [[nodiscard]] auto find(const detect_options& options) const
  {
    return decoding<square_anchors, distance_coder, labels>{
        .anchors = anchors, .coder = {.logarithmic = true}, .options = options};
  }
};

/// AP at an overlap of half, COCO's AP, the error of landmarks; absent ones are missing.
using figures = std::map<std::string, double>;

template <class Detector, landmark_schema Schema>
figures measure(Detector& detect, const picture_set<Schema>& test, int side)
{
  voc_evaluation voc({.inclusive_pixels = false});
  coco_evaluation coco;
  landmark_evaluation<Schema> marks;
  std::vector<std::vector<detection<Schema>>> found;
  progress_bar bar("measure", test.count);
  for (std::size_t i = 0; i < test.count; ++i) {
    bar.update(i);
    const auto from = test.read(0, i);
    const frame how = fit_long_side({from.picture.rows, from.picture.cols}, side);
    if (find_in(detect, from.picture, how, pixel_format(), found) > 0)
      fail(from.name, ": there are detections that are not finite");
    voc.add(found[0], from.instances);
    coco.add(found[0], from.instances);
    if constexpr (Schema::count > 0) marks.add(found[0], from.instances);
  }
  figures all{{"AP@.5", voc.result().mean.value_or(0)},
              {"COCO AP", coco.result().figures[0].value.value_or(0)}};
  if (const auto error = marks.result().mean; Schema::count > 0 && error) all["NME"] = *error;
  return all;
}

template <landmark_schema Schema>
struct pictures_of_both {
  picture_set<Schema> train, test;
};

/// Whether a run was stopped there, which then goes on. Throws where one was begun otherwise.
bool is_begun(const std::filesystem::path& folder, const std::string& options)
{
  const auto told = folder / "recipe.json";
  const bool begun = !std::filesystem::is_empty(folder / "checkpoints");
  if (begun) {
    std::ifstream in(told);
    std::string line;
    if (!std::getline(in, line) || line != options)
      fail(folder.string(), " holds a run with other options, expected another --out");
  } else {
    write_text(told, options + "\n");
  }
  return begun;
}

template <class Recipe, landmark_schema Schema>
figures train(const arguments& a, const std::filesystem::path& folder, const std::string& options,
              const manner& how, std::uint64_t seed, const pictures_of_both<Schema>& pictures)
{
  shown_training shown(true, folder.filename().string());
  const Recipe recipe;
  torch::manual_seed(seed);
  const auto classes = pictures.train.classes.size();
  auto network =
      std::make_shared<retinaface<Schema>>(Recipe::network(static_cast<std::int64_t>(classes)));
  if (!a.init.empty()) begin_from(*network, read_weights(a.init), a.init);
  typename Recipe::settings loss;
  loss.classes = classes;
  if constexpr (requires { loss.code.logarithmic; }) loss.code.logarithmic = true;
  const auto source = varied(pictures.train, recipe::retinaface, {.names = how.augment}, a.size,
                             pixel_format(), seed);
  const auto steps = a.epochs * static_cast<std::int64_t>(pictures.train.count /
                                                          std::min(a.batch, pictures.train.count));
  trainer run(network, objective(recipe.anchors, loss, recipe.match), adamw(*network), folder,
              {.epochs = a.epochs,
               .batch = a.batch,
               .seed = seed,
               .clip = 10,
               .average = how.average,
               .save_every = steps,
               .observer = &shown});
  if (is_begun(folder, options)) run.resume();
  const auto done = run(source, warmed_up<cosine_rate>{{a.rate, 0, steps}, 50});
  if (!done.finished())
    fail(folder.string(), ": stopped by signal ", done.signal, " after ", done.step, " of ",
         done.steps, " updates; the same command goes on");
  retinaface<Schema> last(network->options());
  load(last, run.weights());
  network_detector<retinaface<Schema>, decltype(recipe.find({}))> detect(
      last, recipe.find({.score = 0.02f, .overlap = 0.5f}));
  return measure(detect, pictures.test, a.measured_at());
}

/// Runs that are kept as lines of JSON, so that a comparison goes on where it was left.
class ledger {
 public:
  explicit ledger(std::filesystem::path file) : file_(std::move(file))
  {
    if (file_.empty()) return;
    check_written({}, std::vector<written_file>{{"--ledger", file_, true}});
    std::ifstream in(file_);
    if (!in && std::filesystem::exists(file_)) fail(file_.string(), ": cannot be read");
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      try {
        const auto run = nlohmann::json::parse(line);
        known_[run.at("run").dump()] = run.at("figures").get<figures>();
      } catch (const nlohmann::json::exception&) {
        fail(file_.string(), ":", number, ": expected a run as this program writes it");
      }
    }
  }

  [[nodiscard]] const figures* find(const nlohmann::json& run) const
  {
    const auto at = known_.find(run.dump());
    return at == known_.end() ? nullptr : &at->second;
  }
  void add(const nlohmann::json& run, const figures& said)
  {
    known_[run.dump()] = said;
    if (file_.empty()) return;
    std::ofstream out(file_, std::ios::app);
    out << nlohmann::json{{"run", run}, {"figures", said}}.dump() << "\n" << std::flush;
    if (!out) fail(file_.string(), ": cannot be written");
  }

 private:
  std::filesystem::path file_;
  std::map<std::string, figures> known_;
};

/// "mean +- standard deviation" of each figure, in its order.
std::string summary(const std::vector<figures>& runs)
{
  std::string text;
  for (const auto& [name, first] : runs[0]) {
    double sum = 0, squares = 0, n = 0;
    for (const figures& run : runs)
      if (const auto at = run.find(name); at != run.end())
        sum += at->second, squares += at->second * at->second, ++n;
    const double spread = n > 1 ? std::sqrt(std::max(0.0, (squares - sum * sum / n) / (n - 1))) : 0;
    char cell[64];
    std::snprintf(cell, sizeof cell, " %.4f +- %.4f |", sum / n, spread);
    text += cell;
  }
  return text;
}

template <landmark_schema Schema>
class comparison {
 public:
  comparison(const arguments& a, pictures_of_both<Schema> pictures)
      : arguments_(a), pictures_(std::move(pictures)), kept_(a.ledger)
  {
  }

  template <template <class> class Recipe>
  void row(const std::string& name, const manner& how = {})
  {
    if (!arguments_.asks_for(name)) return;
    std::vector<figures> runs;
    for (const std::uint64_t seed : arguments_.seeds) {
      const auto& a = arguments_;
      nlohmann::json run{{"recipe", name},
                         {"seed", seed},
                         {"data", a.data},
                         {"subset", a.subset},
                         {"epochs", a.epochs},
                         {"batch", a.batch},
                         {"size", a.size},
                         {"scenes", a.scenes},
                         {"rate", a.rate},
                         {"init", a.init},
                         {"landmarks", Schema::count}};
      const auto folder = std::filesystem::path(a.out) / (name + "-" + std::to_string(seed));
      const std::string options = run.dump();
      run["test"] = a.test;
      run["test_size"] = a.measured_at();
      if (const figures* known = kept_.find(run)) {
        runs.push_back(*known);
      } else {
        runs.push_back(train<Recipe<Schema>>(a, folder, options, how, seed, pictures_));
        kept_.add(run, runs.back());
      }
      std::printf("%-9s seed %llu:", name.c_str(), static_cast<unsigned long long>(seed));
      for (const auto& [figure, value] : runs.back())
        std::printf("  %s %.4f", figure.c_str(), value);
      std::printf("\n");
      std::fflush(stdout);
    }
    if (table_.empty()) {
      table_ = "| recipe |";
      std::string rule = "\n|---|";
      for (const auto& [figure, value] : runs[0]) table_ += " " + figure + " |", rule += "---|";
      table_ += rule + "\n";
    }
    table_ += "| " + name + " |" + summary(runs) + "\n";
  }

  [[nodiscard]] const std::string& table() const { return table_; }

 private:
  const arguments& arguments_;
  pictures_of_both<Schema> pictures_;
  ledger kept_;
  std::string table_;
};

template <landmark_schema Schema>
int compare(const arguments& a)
{
  prepare_process(a.threads);
  data_argument from;
  from.data = a.data, from.subset = a.subset, from.scenes = a.scenes, from.side = a.size;
  pictures_of_both<Schema> pictures{labelled_pictures<Schema>(from), {}};
  auto& classes = pictures.train.classes;
  if (classes.empty()) classes = {"object"};
  if (is_voc(a.data))
    from.subset = a.test;
  else if (a.data != synthetic)
    from.data = a.test;
  from.scenes = 200;
  from.seed = 1'000'003;
  pictures.test = with_labels_of(classes, labelled_pictures<Schema>(from), from.data);
  std::printf("%zu pictures, %zu classes, %lld epochs of batches of %zu; measured on %zu others\n",
              pictures.train.count, classes.size(), static_cast<long long>(a.epochs), a.batch,
              pictures.test.count);

  comparison<Schema> rows(a, std::move(pictures));
  rows.template row<base>("base");
  rows.template row<atss>("atss");
  rows.template row<focal>("focal");
  rows.template row<giou>("giou");
  if constexpr (Schema::count > 0) rows.template row<by_wing>("wing");
  for (const char* name : {"zoom-out", "mosaic", "mixup"})
    rows.template row<base>(name, {.augment = {name}});
  rows.template row<base>("last", {.augment = {}, .average = 0});
  rows.template row<modern>("modern");
  std::printf("\n%s", rows.table().c_str());
  return 0;
}

}  // namespace

int main(int count, char** values)
{
  arguments a;
  CLI::App app("Trains by several recipes and compares what they come to.", "compare_recipes");
  app.add_option("-d,--data", a.data, data_help)->capture_default_str();
  app.add_option("--subset", a.subset, "To learn from, of PASCAL VOC's form")
      ->capture_default_str();
  app.add_option("--test", a.test, "To measure on: of PASCAL VOC's form a subset, else other data")
      ->capture_default_str();
  app.add_option("--landmarks", a.landmarks, "Of each object: 5, or 0 for plain boxes")
      ->check(CLI::IsMember({0, 5}))
      ->capture_default_str();
  app.add_option("--init", a.init,
                 "Weights of a body that was trained to classify (default: none)");
  app.add_option("--recipes", a.recipes,
                 "base, atss, focal, giou, wing, zoom-out, mosaic, mixup, last, modern "
                 "(default: all)")
      ->check(CLI::IsMember(names));
  app.add_option("--seeds", a.seeds, "One run of each recipe for every seed")
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
  app.add_option("--test-size", a.test_size,
                 "Pictures are measured with their longer side scaled to this (default: twice "
                 "--size; of 'synthetic', one and a half times)")
      ->check(number_in(16, 20000));
  app.add_option("--scenes", a.scenes, "Scenes of an epoch, with 'synthetic'")
      ->check(number_in(1, 1000000))
      ->capture_default_str();
  app.add_option("--lr", a.rate, "Learning rate")
      ->check(number_in(1e-12, 1000.0))
      ->capture_default_str();
  app.add_option("--ledger", a.ledger,
                 "Keep what each run came to as a line of this file, and do not repeat those that "
                 "it holds")
      ->check(any_name());
  app.add_option("--out", a.out, "Folder of the runs, each in a folder of its own")
      ->check(any_name())
      ->capture_default_str();
  app.add_option("--threads", a.threads, "Processor threads of the network (default: all)")
      ->check(thread_count());
  const std::string quick =
      "compare_recipes --data synthetic --size 64 --scenes 16 --batch 8 --epochs 1 --recipes base ";
  app.footer("Exit codes: 0 done, 2 nothing could be done." +
             to_try(quick + "giou --seeds 1 --out recipes",
                    quick + "wing --landmarks 5 --seeds 1 2 --out with_landmarks"));
  return run_program(app, [&] {
    app.parse(count, values);
    refuse_idle(app, "--subset", is_voc(a.data), "a folder of PASCAL VOC's form");
    refuse_idle(app, "--test", a.data != synthetic, "labelled pictures");
    refuse_idle(app, "--scenes", a.data == synthetic, "'synthetic'");
    if (std::set(a.seeds.begin(), a.seeds.end()).size() != a.seeds.size())
      fail("--seeds names one of them twice, expected each once");
    if (a.landmarks == 0 && std::ranges::find(a.recipes, "wing") != a.recipes.end())
      fail("--recipes wing is of landmarks, expected --landmarks 5");
    static_cast<void>(ledger(a.ledger));  // what is wrong of it is said before pictures are read
    return a.landmarks == 0 ? compare<schemas::none>(a) : compare<schemas::face5>(a);
  });
}
