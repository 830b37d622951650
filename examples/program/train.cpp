// SPDX-License-Identifier: Apache-2.0
// The programs that train: on labelled photos, or on scenes that they draw themselves.
#include "evaluation.hpp"
#include "family.hpp"
#include "find_in.hpp"
#include "main.hpp"
#include "network.hpp"
#include "numbers.hpp"
#include "pictures.hpp"
#include "processes.hpp"
#include "progress.hpp"
#include "training.hpp"
#include "written.hpp"

#include <retinue/config.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/error.hpp>
#include <retinue/evaluate/results_json.hpp>
#include <retinue/evaluate/voc.hpp>
#include <retinue/image/files.hpp>
#include <retinue/train/configured_objective.hpp>
#include <retinue/train/trainer.hpp>
#if RETINUE_TRAINS_BY_PROGRAMS
#include <retinue/backend/libtorch_team.hpp>
#include <retinue/losses/libtorch_team.hpp>
#include <retinue/train/cuda_graph.hpp>
#endif

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

struct arguments : training_arguments {
  std::string subset, test, test_images;  // of the run, where its figures are asked for
  int long_side = 0;                      // kept in the network's configuration
  std::string json;                       // of the process
  bool figures = false;
};

template <class Arguments>
auto fields_of(Arguments& a)
{
  return [&a](const auto& field) {
    run_fields(a, field);
    if (!a.figures) return;
    field("subset", a.subset);
    field("test", a.test);
    field("test-images", a.test_images);
  };
}

void check_graph(const arguments& a)
{
  if (!a.device.starts_with("cuda")) fail("--graph is for --device cuda, not for ", a.device);
#if !RETINUE_TRAINS_BY_PROGRAMS
  fail("--graph wants kernels for CUDA, without which this program was built: see docs/cuda.md");
#endif
}

void refuse_idle_options(const CLI::App& app, const arguments& a)
{
  const bool several = a.world > 0 || std::getenv("WORLD_SIZE");
  refuse_idle(app, "--rank", several, "--world");
  refuse_idle(app, "--meet", several, "--world");
  refuse_idle(app, "--strict", a.data != synthetic, "labelled pictures");
  refuse_idle(app, "--scenes", a.data == synthetic, "'synthetic'");
  refuse_idle(app, "--milestones", a.schedule == "step", "--schedule step");
  refuse_idle(app, "--plain-epochs", !a.augment.empty(), "--augment");
  if (!a.augment.empty() && a.plain_epochs >= a.epochs)
    fail("--plain-epochs is ", a.plain_epochs, ", which leaves --augment none of ", a.epochs,
         " epochs");
  refuse_idle(app, "--validate-images", !a.validate.empty(), "--validate");
  if (!a.figures) return;
  refuse_idle(app, "--test-images", !a.test.empty(), "--test");
  refuse_idle(app, "--subset", is_voc(a.data), "a folder of PASCAL VOC's form");
}

arguments parse(CLI::App& app, const training_words& words, int count, char** values)
{
  arguments a;
  a.preset = words.preset;
  a.size = words.size;
  a.epochs = words.epochs;
  a.schedule = words.schedule;
  a.subset = words.subset;
  a.figures = words.figures;
  app.add_option("-d,--data", a.data, data_help);
  if (words.figures)
    app.add_option("--subset", a.subset, "Of a folder of PASCAL VOC's form")->capture_default_str();
  app.add_option("--validate", a.validate,
                 "Other data, or another subset of the folder: their AP is printed after each "
                 "epoch, and the best weights are kept. 64 scenes of their own with 'synthetic'");
  app.add_option("--validate-images", a.validate_images,
                 "Folder of the pictures of --validate, if it is not the usual one")
      ->check(any_name());
  if (words.figures) {
    app.add_option("--test", a.test,
                   "The same for the figures at the end, of the last weights (default: those of "
                   "--validate)");
    app.add_option("--test-images", a.test_images, "The same of --test")->check(any_name());
    app.add_option("--json", a.json,
                   "Write the figures at the end to this file, too ('-': standard output)")
        ->check(any_name());
  }
  add_training_arguments(app, a, names_of_presets(kind_named(words.kind)) + words.preset_note);
  if (words.long_side)
    app.add_option(
           "--long-side", a.long_side,
           "The longer side that pictures will be scaled to when the network is validated and "
           "used, unless another is asked for (default: --size to validate, then their own)")
        ->check(number_in(16, 20000));
  app.footer("The folder of a run holds weights.safetensors" + words.weights_for +
             ", best.safetensors,\ncheckpoints/, log.jsonl, curves.png" +
             (words.figures ? ", precision_recall.png" : "") +
             " and the options. Ctrl-C saves and ends;\n--resume goes on as if nothing had "
             "happened, on the CPU to the last bit with the same --threads.\n\n"
             "Exit codes: 0 trained to the end, 1 stopped by a signal and saved, 2 nothing could "
             "be done." +
             to_try(makes_weights(words.kind), words.name + " --resume drawn"));
  app.parse(count, values);
  if (a.resume.empty()) refuse_idle_options(app, a);
  take_kept_arguments(app, a, fields_of(a), {"--json"});
  if (std::error_code none; a.resume.empty()) {
    a.began_in = fs::current_path(none).string();
    if (retinue::detail::printable(a.began_in) != a.began_in) a.began_in.clear();  // JSON has none
  }
  if (a.data.empty())
    fail("--data is missing: labelled pictures, or 'synthetic'; --help says more");
  if (a.graph) check_graph(a);
  if (a.resume.empty() && a.freeze_body && a.init.empty())
    fail("--freeze-body leaves the body as --init has it, and there is no --init");
  if (!a.json.empty() && a.validate.empty() && a.test.empty() && a.data != synthetic)
    fail("--json is for the figures of --validate or --test, and there is neither");
  const std::vector<fs::path> read{a.data, a.init, a.config, a.validate, a.test};
  check_written(read, std::vector<written_file>{{"--json", a.json}});
  std::vector<written_file> written{{"--json", a.json}};
  for (const char* file : files_of_run) written.push_back({"--out", in_run(a, file)});
  refuse_to_replace({}, written);
  if (a.resume.empty()) refuse_to_overwrite(a, read);
  return a;
}

/// The pictures that are trained on.
data_argument data_of(const arguments& a)
{
  data_argument from;
  from.data = a.data;
  from.images = a.images;
  from.strict = a.strict;
  from.subset = a.subset;
  from.scenes = a.scenes;
  from.seed = a.seed;
  from.side = a.size;
  return from;
}

/// Throws where none of the first pictures can be read: before training, not after an epoch of it.
template <landmark_schema Schema>
void try_first(const picture_set<Schema>& set, const std::string& data)
{
  std::string why;
  const std::size_t tried = std::min<std::size_t>(set.count, 8);
  for (std::size_t i = 0; i < tried; ++i) try {
      static_cast<void>(set.read(0, i));
      return;
    } catch (const error& e) {
      why = e.what();
    }
  if (tried > 0) fail(data, ": none of the first ", tried, " pictures can be read: ", why);
}

/// Pictures that are not: other data, or of a folder of PASCAL VOC's form another subset.
template <landmark_schema Schema>
picture_set<Schema> held_out(const arguments& a, const std::string& named,
                             const std::string& images, const std::vector<std::string>& classes)
{
  if (named.empty() && a.data != synthetic) return {};
  data_argument from = data_of(a);
  from.seed = ~a.seed;
  from.scenes = 64;
  const bool voc = is_voc(a.data);
  if (named == synthetic && !images.empty())
    fail("--validate-images and --test-images: drawn scenes have no folder of pictures");
  // A subset is what was no file where the run began.
  const fs::path began_in = fs::is_directory(a.began_in) ? a.began_in : "";
  if (!named.empty() && voc && named != synthetic && !fs::exists(began_in / named)) {
    from.subset = named;
    if (!images.empty()) from.images = images;
  } else if (!named.empty()) {
    if (named != a.data || !images.empty()) from.images = images;
    from.data = named;
    from.subset = "val";
  }
  auto set = with_labels_of(classes, labelled_pictures<Schema>(from), from.data);
  try_first(set, from.data);
  return set;
}

/// VOC's figures of weights.
template <class Network>
voc_result evaluate(const Network& like, const state_dict& weights, const network_config& config,
                    const picture_set<typename Network::schema>& set, int side)
{
  auto detect = detector_of(std::make_shared<Network>(like.options()), config, weights);
  voc_evaluation evaluation({.inclusive_pixels = false});
  std::vector<std::vector<detection<typename Network::schema>>> found;
  std::size_t unread = 0, lost = 0;
  progress_bar bar("validate", set.count);
  for (std::size_t i = 0; i < set.count; ++i) try {
      bar.update(i);
      const auto from = set.read(0, i);
      const frame how = frame_of(config, {from.picture.rows, from.picture.cols}, side);
      lost += find_in(detect, from.picture, how, config.input, found);
      evaluation.add(found[0], from.instances);
    } catch (const error& e) {
      bar.clear();
      std::cerr << "skipped: " << e.what() << "\n";
      ++unread;
    }
  bar.clear();
  if (unread == set.count) fail("none of the ", unread, " held-out pictures could be read");
  if (lost > 0) std::cerr << lost << " detections are left out, for they are not finite\n";
  return evaluation.result();
}

/// Prints the figures, draws the curves, and writes both where they were asked for.
void report(const arguments& a, const voc_result& result, const std::vector<std::string>& classes)
{
  print_beside(a.json, result.describe(printable_names(classes)));
  write_precision_recall(in_run(a, "precision_recall.png"), "precision and recall",
                         lines_of(result, classes));
  write_json(a.json, to_json(result, classes).dump(2) + "\n");
}

template <class Network>
int train_network(const arguments& a, const network_config& config,
                  std::shared_ptr<Network> network,
                  const picture_set<typename Network::schema>& set, process_group* group)
{
  using schema = typename Network::schema;
  const auto validation = held_out<schema>(a, a.validate, a.validate_images, config.classes);
  auto test = validation;
  if (!a.test.empty()) test = held_out<schema>(a, a.test, a.test_images, config.classes);

  prepare_network(*network, a);
  const bool writes = !group || group->rank() == 0;
  shown_training shown(writes);
  auto settings = settings_of(a, to_json(config), shown, group);
  if (validation.count > 0)
    settings.validate = [&](const state_dict& weights) {
      const auto ap = evaluate(*network, weights, config, validation, a.size).mean;
      std::FILE* const to = words_beside(a.json);
      if (ap)
        std::fprintf(to, "AP at overlap 0.5 on %zu held-out pictures: %.4f\n", validation.count,
                     *ap);
      else
        std::fprintf(to, "no AP, for the %zu held-out pictures have no truth\n", validation.count);
      std::fflush(to);
      return ap.value_or(std::numeric_limits<double>::quiet_NaN());
    };

  const recipe pictures =
      std::holds_alternative<ssd_form>(config.form) ? recipe::ssd : recipe::retinaface;
  const auto source = varied(set, pictures, augmentation_of(a), a.size, config.input, a.seed);
#if RETINUE_TRAINS_BY_PROGRAMS
  cuda_graph_recorder graph(settings.device);
  if (a.graph) settings.recorder = &graph;
#endif
  const auto train_for = [&](auto aim) {
    trainer run(network, std::move(aim), optimizer_of(a, *network), a.out, settings);
    const auto done = train(a, run, source, settings.config, writes, fields_of(a));
    if (!done.finished()) return 1;
    if (writes && a.figures && test.count > 0)
      report(a, evaluate(*network, run.weights(), config, test, a.size), config.classes);
    return 0;
  };
#if RETINUE_TRAINS_BY_PROGRAMS
  if (settings.device.is_cuda()) {
    if (auto aim = standard_objective_of<schema, torch_cuda_blocks>(config, a.class_weights))
      return train_for(std::move(*aim));
    return train_for(objective_of<schema, torch_cuda_blocks>(config, a.seed, a.class_weights));
  }
#endif
  return train_for(objective_of<schema>(config, a.seed, a.class_weights));
}

network_config config_of(arguments& a, const any_form& kind)
{
  network_config config = standard_config(kind);
  config.name = kind_of(config);
  if (!a.config.empty())
    config = read_config(a.config, kind);
  else if (!a.preset.empty())
    config = find_preset(a.preset);
  const int square = square_side(config);
  if (a.size == 0) a.size = square > 0 ? square : 640;
  if (square > 0)
    config.input.long_side = a.size;
  else if (a.long_side > 0)
    config.input.long_side = a.long_side;
  return config;
}

int train_any(arguments a, const any_form& kind)
{
  const meeting where = meeting_of(a);
  prepare_process(a.threads > 0 ? a.threads : threads_of(where));
  network_config config = config_of(a, kind);
  const auto group = meet(where, a);
  if (group) check_options_alike(a, *group, fields_of(a));
  int code = 2;
  with_landmarks(config, [&]<class Schema>(Schema) {
    auto set = labelled_pictures<Schema>(data_of(a));
    // The classes of a preset are its paper's; of faces they are those that its landmarks are of.
    if (a.config.empty() && config.landmarks == 0)
      config.classes = set.classes.empty() ? std::vector<std::string>{"object"} : set.classes;
    set = with_labels_of(config.classes, std::move(set), a.data);
    if (set.count == 0) fail("--data ", a.data, ": there is no labelled picture to train on");
    // What is written has to be read again.
    static_cast<void>(
        parse_config(to_json(config), "the configuration with the classes of " + a.data));
    if (group) check_alike(a, *group, "the configuration " + config.name, to_json(config));
    try_first(set, a.data);
    torch::manual_seed(a.seed);
    with_network<Schema>(config, [&]<class Network>(std::shared_ptr<Network> network) {
      code = train_network(a, config, std::move(network), set, group.get());
    });
  });
  return code;
}

}  // namespace

int train_program(const training_words& words, int count, char** values)
{
  // Whoever reads what is printed may go: the training does not.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app(words.what, words.name);
  return run_program(
      app, [&] { return train_any(parse(app, words, count, values), kind_named(words.kind)); });
}
