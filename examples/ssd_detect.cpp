// SPDX-License-Identifier: Apache-2.0
// Finds the objects of an SSD's classes in pictures.
//
//   ssd_train --data synthetic --out run
//   ssd_detect --weights run/weights.safetensors --image photos --overlay found
#include "program/detection.hpp"
#include "program/main.hpp"

#include <retinue/error.hpp>
#include <retinue/io/config.hpp>
#include <retinue/io/weights.hpp>
#include <retinue/models/load.hpp>
#include <retinue/models/ssd_detector.hpp>

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace retinue;

namespace {

struct arguments {
  std::filesystem::path weights, config;
  std::string preset;
  detection_arguments pictures;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-w,--weights", a.weights,
                 "Weights: safetensors of ssd_train, or a PyTorch checkpoint (.pth, .pt, .tar)")
      ->required();
  auto* config = app.add_option("--config", a.config, "JSON file that describes the network");
  std::vector<std::string_view> names;
  for (const auto& p : ssd_presets()) names.push_back(p.name);
  app.add_option("--preset", a.preset,
                 "Describe it by name instead: " + retinue::detail::listed(names))
      ->excludes(config);
  a.pictures.add_to(app);
  app.footer(
      std::string("Weights of ssd_train bring their own configuration. Pictures are stretched "
                  "to the square\nthat it names.\n\n") +
      detection_arguments::exit_codes);
  app.parse(count, values);
  return a;
}

ssd_config config_of(const arguments& a, const state_dict& weights)
{
  if (!a.config.empty()) return read_ssd_config(a.config);
  if (!a.preset.empty()) return find_ssd_preset(a.preset);
  const auto said = weights.metadata.find(std::string(config_metadata_key));
  if (said == weights.metadata.end())
    fail(a.weights.string(),
         ": brings no configuration; --config or --preset describes the network");
  return parse_ssd_config(said->second, "metadata of " + a.weights.string());
}

bool detect_all(const arguments& a)
{
  const auto pictures = prepare(a.pictures);
  const state_dict weights = read_weights(a.weights);
  ssd_config config = config_of(a, weights);
  a.pictures.change(config.detect);
  ssd network(network_options(config));
  load(network, weights);
  network.eval();
  ssd_detector detect(network, config);
  const int side = config.input.long_side > 0 ? config.input.long_side : config.anchors.design_side;
  const auto fit = [side](extent2 size) { return stretched(size, side); };
  return detection_run(a.pictures, detect, config.input, config.classes, fit)(pictures);
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Finds the objects of an SSD's classes in pictures.", "ssd_detect");
  return run_program(app, [&] { return detect_all(parse(app, count, values)) ? 0 : 1; });
}
