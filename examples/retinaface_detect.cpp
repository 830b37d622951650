// SPDX-License-Identifier: Apache-2.0
// Finds faces, or whatever the weights were trained for, in pictures.
//
//   retinaface_detect --weights mobilenet0.25_Final.pth --image photo.jpg --overlay found.jpg
//
// Everything but the network is a template of the core: see any_runtime.cpp for the same detections
// without LibTorch.
#include "program/detection.hpp"
#include "program/main.hpp"
#include "program/network.hpp"

#include <retinue/config.hpp>
#include <retinue/weights/read_weights.hpp>

#include <CLI/CLI.hpp>

using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  detection_arguments pictures;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.network.add_to(app);
  a.pictures.add_to(app);
  app.footer(network_arguments::footer() + "\n" + detection_arguments::exit_codes);
  app.parse(count, values);
  return a;
}

bool detect_all(const arguments& a)
{
  const auto pictures = prepare(a.pictures);
  const state_dict weights = read_weights(a.network.weights);
  detector_config config = a.network.choose(weights);
  a.pictures.change(config.detect);
  bool well = false;
  with_landmarks(config.landmarks, [&]<class Schema>(Schema) {
    auto detect = detector_of<Schema>(config, weights);
    const auto fit = [&](extent2 size) { return a.network.fit(size, config.input); };
    well = detection_run(a.pictures, detect, config.input, config.classes, fit)(pictures);
  });
  return well;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Finds faces, or whatever the weights were trained for, in pictures.",
               "retinaface_detect");
  return run_program(app, [&] { return detect_all(parse(app, count, values)) ? 0 : 1; });
}
