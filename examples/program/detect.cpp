// SPDX-License-Identifier: Apache-2.0
// The programs that find objects in pictures: retinaface_detect, ssd_detect.
//
// Everything but the network is a template of the core: see any_runtime.cpp for the same detections
// without LibTorch.
#include "detection.hpp"
#include "family.hpp"
#include "main.hpp"
#include "network.hpp"

#include <retinue/config.hpp>
#include <retinue/weights/read_weights.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <utility>

using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  detection_arguments pictures;
};

arguments parse(CLI::App& app, const program_words& words, int count, char** values)
{
  arguments a;
  a.network.kind = kind_named(words.kind);
  a.network.add_to(app);
  a.pictures.add_to(app);
  a.pictures.shapes = words.kind == "ssd";
  app.footer(a.network.footer() + "\n" + detection_arguments::exit_codes +
             to_try(makes_weights(words.kind),
                    words.name + " --weights drawn/weights.safetensors --image synthetic "
                                 "--score 0.2 --table --overlay found"));
  app.parse(count, values);
  refuse_idle(app, "--fps", !a.pictures.video.empty(), "--video");
  return a;
}

bool detect_all(const arguments& a)
{
  const stop_signal stop;
  auto pictures = prepare(a.pictures, stop);
  opened_network network = a.network.open();
  a.pictures.change(network.config.detect);
  bool well = false;
  network.with_detector([&](auto& detect) {
    const auto fit = [&](extent2 size) { return a.network.fit(size, network); };
    well = detection_run(a.pictures, detect, network.config.input, network.config.classes, fit,
                         a.network.files())(pictures, stop);
  });
  return well;
}

}  // namespace

int detect_program(const program_words& words, int count, char** values)
{
  CLI::App app(words.what, words.name);
  return run_program(app, [&] { return detect_all(parse(app, words, count, values)) ? 0 : 1; });
}
