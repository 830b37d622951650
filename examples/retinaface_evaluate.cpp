// SPDX-License-Identifier: Apache-2.0
// Says how good a network is on labelled pictures: average precision, and error of landmarks.
//
//   retinaface_evaluate --weights run/weights.safetensors --data faces/val --curve curve.png
//
// Every figure is printed with the protocol it was measured by. Pictures are decoded by the class
// that retinaface_detect decodes by.
#include "program/evaluation.hpp"
#include "program/main.hpp"
#include "program/network.hpp"
#include "program/process.hpp"

#include <retinue/config.hpp>
#include <retinue/weights/read_weights.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>

using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  evaluation_arguments evaluation;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.network.add_to(app);
  a.evaluation.add_to(app);
  app.footer(network_arguments::footer() + "\n" + evaluation_arguments::exit_codes);
  app.parse(count, values);
  return a;
}

int evaluate(arguments a)
{
  prepare_process(a.evaluation.threads);
  const state_dict weights = read_weights(a.network.weights);
  detector_config config = a.network.choose(weights);
  a.evaluation.settle(config.landmarks > 0, config.detect);
  std::size_t failed = 0;
  with_landmarks(config.landmarks, [&]<class Schema>(Schema) {
    auto detect = detector_of<Schema>(config, weights);
    const auto fit = [&](extent2 size) { return a.network.fit(size, config.input); };
    failed = evaluation_run(a.evaluation, evaluated{a.network.weights.string(), detect, config, fit,
                                                    a.network.size_in_words(config.input)})();
  });
  return failed > 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Says how good a network is on labelled pictures.", "retinaface_evaluate");
  return run_program(app, [&] { return evaluate(parse(app, count, values)); });
}
