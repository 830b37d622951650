// SPDX-License-Identifier: Apache-2.0
// Finds the objects of an SSD's classes in pictures.
//
//   ssd_train --data synthetic --out run
//   ssd_detect --weights run/weights.safetensors --image photos --overlay found
#include "program/detection.hpp"
#include "program/main.hpp"
#include "program/ssd_network.hpp"

#include <CLI/CLI.hpp>

#include <string>

using namespace retinue;

namespace {

struct arguments {
  ssd_arguments network;
  detection_arguments pictures;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.network.add_to(app);
  a.pictures.add_to(app);
  app.footer(std::string(ssd_arguments::footer) + detection_arguments::exit_codes);
  app.parse(count, values);
  return a;
}

bool detect_all(const arguments& a)
{
  const auto pictures = prepare(a.pictures);
  const state_dict weights = read_weights(a.network.weights);
  ssd_config config = a.network.choose(weights);
  a.pictures.change(config.detect);
  auto detect = detector_of(config, weights);
  const auto fit = [side = side_of(config)](extent2 size) { return stretched(size, side); };
  return detection_run(a.pictures, detect, config.input, config.classes, fit)(pictures);
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Finds the objects of an SSD's classes in pictures.", "ssd_detect");
  return run_program(app, [&] { return detect_all(parse(app, count, values)) ? 0 : 1; });
}
