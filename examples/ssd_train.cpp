// SPDX-License-Identifier: Apache-2.0
// Trains an SSD of any classes: on labelled photos, or on shapes that it draws itself.
//
//   ssd_train --data VOC2007 --subset trainval --test test --preset ssd300-vgg16 --out run
//   ssd_train --data synthetic --epochs 20 --out run
#include "program/data.hpp"
#include "program/evaluation.hpp"
#include "program/find_in.hpp"
#include "program/main.hpp"
#include "program/ssd_network.hpp"
#include "program/training.hpp"

#include <retinue/augment/presets.hpp>
#include <retinue/config.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/error.hpp>
#include <retinue/evaluate/results_json.hpp>
#include <retinue/evaluate/voc.hpp>
#include <retinue/image/files.hpp>
#include <retinue/models/ssd_detector.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/trainer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

using none = schemas::none;

struct arguments : training_arguments {
  std::string subset = "trainval", test;  // of the run
  std::string json;                       // of the process
};

template <class Arguments>
auto fields_of(Arguments& a)
{
  return [&a](const auto& field) {
    run_fields(a, field);
    field("subset", a.subset);
    field("test", a.test);
  };
}

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.preset = "ssd320-mobilenet0.25";
  a.size = 0;  // as the configuration says
  a.epochs = 120;
  a.schedule = "cosine";
  app.add_option("-d,--data", a.data, data_help);
  app.add_option("--subset", a.subset, "Of a folder of PASCAL VOC's form")->capture_default_str();
  app.add_option("--validate", a.validate,
                 "Another subset of the folder, or other data: their AP is printed after each "
                 "epoch, and the best weights are kept. 64 scenes of their own with 'synthetic'");
  app.add_option("--test", a.test,
                 "The same for the figures at the end, of the last weights (default: those of "
                 "--validate)");
  app.add_option("--json", a.json, "Write the figures at the end to this file, too");
  std::vector<std::string_view> names;
  for (const auto& p : ssd_presets()) names.push_back(p.name);
  add_training_arguments(app, a, retinue::detail::listed(names));
  app.footer(
      "The folder of a run holds weights.safetensors, best.safetensors, checkpoints/, log.jsonl,\n"
      "curves.png, precision_recall.png and the options. Ctrl-C saves and ends; --resume goes on "
      "as if\nnothing had happened, on the CPU to the last bit with the same --threads.\n\n"
      "Exit codes: 0 trained to the end, 1 stopped by a signal and saved, 2 nothing could be "
      "done.");
  app.parse(count, values);
  take_kept_arguments(app, a, fields_of(a), {"--json"});
  if (a.data.empty())
    fail("--data is missing: labelled pictures, or 'synthetic'; --help says more");
  return a;
}

data_argument data_of(const arguments& a, std::size_t scenes)
{
  data_argument from;
  from.data = a.data;
  from.images = a.images;
  from.strict = a.strict;
  from.subset = a.subset;
  from.scenes = scenes;
  from.seed = a.seed;
  from.side = a.size;
  return from;
}

/// Pictures that are not trained on: a subset of the same folder, or other data.
picture_set<none> held_out(const arguments& a, const std::string& named,
                           const std::vector<std::string>& classes)
{
  if (named.empty() && a.data != synthetic) return {};
  data_argument from = data_of(a, 64);
  from.seed = ~a.seed;
  if (!named.empty() && (a.data == synthetic || fs::exists(named))) {
    from.data = named;
    from.images.clear();
    from.subset = "val";
  } else if (!named.empty()) {
    from.subset = named;
  }
  return with_labels_of(classes, open_pictures<none>(from), from.data);
}

/// VOC's figures of weights.
voc_result evaluate(const state_dict& weights, const ssd_config& config,
                    const picture_set<none>& set)
{
  auto detect = detector_of(config, weights);
  voc_evaluation evaluation({.inclusive_pixels = false});
  std::vector<ssd_detector::detections> found;
  for (std::size_t i = 0; i < set.count; ++i) {
    const auto from = set.read(0, i);
    const frame how = stretched({from.picture.rows, from.picture.cols}, side_of(config));
    find_in(detect, from.picture, how, config.input, found);
    evaluation.add(found[0], from.instances);
  }
  return evaluation.result();
}

/// Prints the figures, draws the curves, and writes both where they were asked for.
void report(const arguments& a, const voc_result& result, const std::vector<std::string>& classes)
{
  std::cout << result.describe(printable_names(classes)) << std::flush;
  draw_curves(in_run(a, "precision_recall.png"), "precision and recall", lines_of(result, classes));
  if (!a.json.empty()) write_text(a.json, to_json(result, classes).dump(2) + "\n");
}

int train(arguments a)
{
  prepare_process(a.threads);
  ssd_config config = a.config.empty() ? find_ssd_preset(a.preset) : read_ssd_config(a.config);
  if (a.size == 0) a.size = config.input.long_side;
  if (a.size == 0) a.size = config.anchors.design_side;
  config.input.long_side = a.size;
  auto set = open_pictures<none>(data_of(a, a.scenes));
  if (a.config.empty())  // the classes of a preset are its paper's
    config.classes = set.classes.empty() ? std::vector<std::string>{"object"} : set.classes;
  set = with_labels_of(config.classes, std::move(set), a.data);
  const auto validation = held_out(a, a.validate, config.classes);
  const auto test = held_out(a, a.test.empty() ? a.validate : a.test, config.classes);

  torch::manual_seed(a.seed);
  auto network = std::make_shared<ssd>(network_options(config));
  prepare_network(*network, a);
  shown_training shown;
  auto settings = settings_of(a, to_json(config), shown);
  if (validation.count > 0)
    settings.validate = [&](const state_dict& weights) {
      const double ap = evaluate(weights, config, validation).mean.value_or(0);
      std::printf("AP at overlap 0.5 on %zu held-out pictures: %.4f\n", validation.count, ap);
      std::fflush(stdout);
      return ap;
    };

  auto loss = multibox_settings<none>::ssd(config.classes.size());
  loss.code = config.coder;
  const objective aim(config.anchors, loss, overlap_matcher::ssd());
  const augmented_source<none, decltype(set.read), decltype(ssd_augmentation(0))> source(
      set.count, set.read, ssd_augmentation(a.size), config.input, a.seed);
  trainer run(network, aim, optimizer_of(a, *network), a.out, settings);
  const auto done = train(a, run, source, settings.config, fields_of(a));
  if (!done.finished()) return 1;
  if (test.count > 0) report(a, evaluate(run.weights(), config, test), config.classes);
  return 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app(
      "Trains an SSD of any classes: on labelled photos, or on shapes that it draws itself.",
      "ssd_train");
  return run_program(app, [&] { return train(parse(app, count, values)); });
}
