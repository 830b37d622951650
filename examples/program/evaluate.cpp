// SPDX-License-Identifier: Apache-2.0
// The programs that say how good a network is on labelled pictures: average precision, and error of
// landmarks. Every figure is printed with the protocol it was measured by; pictures are decoded by
// the class that the programs that detect decode by.
#include "evaluation.hpp"
#include "family.hpp"
#include "main.hpp"
#include "network.hpp"
#include "process.hpp"

#include <retinue/config.hpp>
#include <retinue/weights/read_weights.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <memory>
#include <utility>

using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  evaluation_arguments evaluation;
};

arguments parse(CLI::App& app, const program_words& words, int count, char** values)
{
  arguments a;
  a.network.kind = kind_named(words.kind);
  a.network.add_to(app);
  a.evaluation.add_to(app);
  app.footer(a.network.footer() + "\n" + evaluation_arguments::exit_codes +
             to_try(makes_weights(words.kind),
                    words.name + " --weights drawn/weights.safetensors --data synthetic "
                                 "--scenes 16 --scene-size 64 --curve curve.png"));
  app.parse(count, values);
  a.evaluation.check_idle(app);
  return a;
}

int evaluate(arguments a)
{
  prepare_process(a.evaluation.threads);
  opened_network network = a.network.open();
  a.evaluation.settle(network.config.landmarks > 0, network.config.detect);
  bool well = false;
  network.with_detector([&](auto& detect) {
    const auto fit = [&](extent2 size) { return a.network.fit(size, network); };
    well =
        evaluation_run(a.evaluation, evaluated{a.network.weights.string(), detect, network.config,
                                               fit, a.network.size_in_words(network)})();
  });
  return well ? 0 : 1;
}

}  // namespace

int evaluate_program(const program_words& words, int count, char** values)
{
  CLI::App app(words.what, words.name);
  return run_program(app, [&] { return evaluate(parse(app, words, count, values)); });
}
