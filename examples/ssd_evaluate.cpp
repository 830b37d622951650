// SPDX-License-Identifier: Apache-2.0
// Says how good an SSD is on labelled pictures.
//
//   ssd_evaluate --weights run/weights.safetensors --data VOC2007 --subset test --curve curve.png
#include "program/evaluation.hpp"
#include "program/main.hpp"
#include "program/process.hpp"
#include "program/ssd_network.hpp"

#include <CLI/CLI.hpp>

#include <string>

using namespace retinue;

namespace {

struct arguments {
  ssd_arguments network;
  evaluation_arguments evaluation;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.network.add_to(app);
  a.evaluation.add_to(app);
  app.footer(std::string(ssd_arguments::footer) + evaluation_arguments::exit_codes);
  app.parse(count, values);
  return a;
}

int evaluate(arguments a)
{
  prepare_process(a.evaluation.threads);
  const state_dict weights = read_weights(a.network.weights);
  ssd_config config = a.network.choose(weights);
  a.evaluation.settle(false, config.detect);
  auto detect = detector_of(config, weights);
  const int side = side_of(config);
  const auto fit = [side](extent2 size) { return stretched(size, side); };
  const std::string words = "stretched to squares of " + std::to_string(side);
  const auto failed = evaluation_run(
      a.evaluation, evaluated{a.network.weights.string(), detect, config, fit, words})();
  return failed > 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Says how good an SSD is on labelled pictures.", "ssd_evaluate");
  return run_program(app, [&] { return evaluate(parse(app, count, values)); });
}
