// SPDX-License-Identifier: Apache-2.0
// Trains a RetinaFace: on labelled photos, or on scenes that it draws itself.
//
//   retinaface_train --data synthetic --size 192 --epochs 20 --out run
//   retinaface_evaluate --weights run/weights.safetensors --data synthetic --scene-size 192
//   retinaface_detect --weights run/weights.safetensors --image photo.jpg --overlay found.jpg
#include "program/data.hpp"
#include "program/find_in.hpp"
#include "program/main.hpp"
#include "program/network.hpp"
#include "program/numbers.hpp"
#include "program/training.hpp"

#include <retinue/augment/presets.hpp>
#include <retinue/config.hpp>
#include <retinue/error.hpp>
#include <retinue/evaluate/voc.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/trainer.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

struct arguments : training_arguments {
  int long_side = 0;  ///< kept in the network's configuration
};

template <class Arguments>
auto fields_of(Arguments& a)
{
  return [&a](const auto& field) { run_fields(a, field); };
}

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-d,--data", a.data, data_help);
  app.add_option("--validate", a.validate,
                 "Other data of the same forms: its AP is printed after each epoch, and the best "
                 "weights are kept. 64 scenes of their own with 'synthetic'");
  std::vector<std::string_view> names;
  for (const preset& p : presets()) names.push_back(p.name);
  add_training_arguments(app, a,
                         retinue::detail::listed(names) + " (default: mobilenet0.25 with ReLU)");
  app.add_option(
         "--long-side", a.long_side,
         "The longer side that pictures will be scaled to when the network is validated and "
         "used, unless another is asked for (default: --size to validate, then their own)")
      ->check(number_in(16, 20000));
  app.footer(
      "The folder of a run holds weights.safetensors (for retinaface_detect), best.safetensors,\n"
      "checkpoints/, log.jsonl, curves.png and the options. Ctrl-C saves and ends; --resume goes "
      "on\n"
      "as if nothing had happened, on the CPU to the last bit with the same --threads.\n\n"
      "Exit codes: 0 trained to the end, 1 stopped by a signal and saved, 2 nothing could be "
      "done.");
  app.parse(count, values);
  take_kept_arguments(app, a, fields_of(a));
  if (a.data.empty())
    fail("--data is missing: labelled pictures, or 'synthetic'; --help says more");
  return a;
}

detector_config config_of(const arguments& a)
{
  detector_config config;
  config.name = "retinaface";
  if (!a.config.empty()) config = read_config(a.config);
  if (!a.preset.empty()) config = find_preset(a.preset);
  if (a.long_side > 0) config.input.long_side = a.long_side;
  return config;
}

template <landmark_schema Schema>
picture_set<Schema> open(const arguments& a, const std::string& data, std::uint64_t seed,
                         std::size_t scenes)
{
  data_argument from;
  from.data = data;
  if (data == a.data) from.images = a.images;
  from.strict = a.strict;
  from.scenes = scenes;
  from.seed = seed;
  from.side = a.size;
  return open_pictures<Schema>(from);
}

/// AP at overlap 0.5 of weights, on pictures scaled as the configuration says, or else to `side`.
template <landmark_schema Schema>
double precision_of(const state_dict& weights, const detector_config& config,
                    const picture_set<Schema>& set, int side)
{
  auto detect = detector_of<Schema>(config, weights);
  voc_evaluation evaluation({.inclusive_pixels = false});
  std::vector<std::vector<detection<Schema>>> found;
  if (config.input.long_side > 0) side = config.input.long_side;
  for (std::size_t i = 0; i < set.count; ++i) {
    const auto from = set.read(0, i);
    find_in(detect, from.picture, fit_long_side({from.picture.rows, from.picture.cols}, side),
            config.input, found);
    evaluation.add(found[0], from.instances);
  }
  return evaluation.result().mean.value_or(0);
}

template <landmark_schema Schema>
int train(const arguments& a, const detector_config& config)
{
  torch::manual_seed(a.seed);
  auto network = std::make_shared<retinaface<Schema>>(network_options(config));
  prepare_network(*network, a);
  shown_training shown;
  auto settings = settings_of(a, to_json(config), shown);

  const auto set = open<Schema>(a, a.data, a.seed, a.scenes);
  const augmented_source<Schema, decltype(set.read), decltype(retinaface_augmentation(0))> source(
      set.count, set.read, retinaface_augmentation(a.size), config.input, a.seed);

  picture_set<Schema> held_out;
  if (!a.validate.empty() || a.data == synthetic)
    held_out = open<Schema>(a, a.validate.empty() ? synthetic : a.validate, ~a.seed, 64);
  if (held_out.count > 0)
    settings.validate = [&](const state_dict& weights) {
      const double ap = precision_of(weights, config, held_out, a.size);
      std::printf("AP at overlap 0.5 on %zu held-out pictures: %.4f\n", held_out.count, ap);
      std::fflush(stdout);
      return ap;
    };

  multibox_settings<Schema> loss;
  loss.classes = config.classes.size();
  loss.code = config.coder;
  trainer run(network, objective(config.anchors, loss, overlap_matcher::retinaface()),
              optimizer_of(a, *network), a.out, settings);
  return train(a, run, source, settings.config, fields_of(a)).finished() ? 0 : 1;
}

int train_any(const arguments& a)
{
  prepare_process(a.threads);
  const detector_config config = config_of(a);
  int code = 2;
  with_landmarks(config.landmarks, [&]<class Schema>(Schema) { code = train<Schema>(a, config); });
  return code;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Trains a RetinaFace: on labelled photos, or on scenes that it draws itself.",
               "retinaface_train");
  return run_program(app, [&] { return train_any(parse(app, count, values)); });
}
