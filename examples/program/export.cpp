// SPDX-License-Identifier: Apache-2.0
// The programs that write a trained network as ONNX: retinaface_export, ssd_export.
//
// any_runtime.cpp detects from the file alone; so can any other runtime: docs/export.md.
#include "family.hpp"
#include "main.hpp"
#include "network.hpp"
#include "numbers.hpp"
#include "progress.hpp"
#include "written.hpp"

#include <retinue/config.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/models/onnx.hpp>
#include <retinue/weights/onnx.hpp>
#include <retinue/weights/read_weights.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  std::filesystem::path out;
  std::vector<int> size;  // height and width, or nothing
};

arguments parse(CLI::App& app, const program_words& words, int count, char** values)
{
  arguments a;
  a.network.kind = kind_named(words.kind);
  a.network.add_weights_to(app);
  app.add_option("-o,--out", a.out, "The file to write, as faces.onnx")
      ->check(any_name())
      ->required();
  app.add_option("--size", a.size,
                 "Height and width of the pictures, for runtimes that are quicker with one size")
      ->expected(2)
      ->check(number_in(16, 20000));
  app.footer(
      "Without --size pictures may have any size whose sides are multiples of the deepest stride; "
      "an SSD sees\nsquares of one size. A batch may have any length. The file holds the "
      "configuration too, from which\nany_runtime knows the rest.\n" +
      a.network.weights_footer() + "\nExit codes: 0 written, 2 nothing could be done." +
      to_try(makes_weights(words.kind),
             words.name + " --weights drawn/weights.safetensors --out drawn.onnx"));
  app.parse(count, values);
  return a;
}

/// What the network is used to, unless it is asked for something else.
onnx_pictures pictures_of(const arguments& a, const network_config& config)
{
  onnx_pictures pictures;
  if (!a.size.empty()) {
    pictures.size = {a.size[0], a.size[1]};
  } else if (const int side = square_side(config); side > 0) {
    pictures.size = {side, side};
  } else {
    pictures.multiple = 1;
    for (std::size_t l = 0; l < config.anchors.levels(); ++l)
      pictures.multiple = std::max(pictures.multiple, config.anchors.stride(l));
  }
  return pictures;
}

std::string in_words(const onnx_pictures& pictures)
{
  return pictures.size == extent2{}
             ? "pictures of any size, sides multiples of " + std::to_string(pictures.multiple)
             : "pictures of " + std::to_string(pictures.size.width) + " x " +
                   std::to_string(pictures.size.height);
}

void write(const arguments& a)
{
  const std::vector<written_file> written{{"--out", a.out}};
  check_written(a.network.files(), written);
  check_ending(written[0], ".onnx");
  const state_dict weights = read_weights(a.network.weights);
  const network_config config = a.network.choose(weights);
  const onnx_pictures pictures = pictures_of(a, config);
  if (retinue::progress_bar::is_terminal())
    std::cerr << "tracing the network and writing " << retinue::detail::printable(a.out.string())
              << ", which may take minutes\n";
  with_network(config, [&]<class Network>(std::shared_ptr<Network> network) {
    load(*network, weights);
    onnx_model model = onnx_of(*network, pictures);
    model.weights.metadata[std::string(config_metadata_key)] = to_json(config);
    write_onnx(a.out, model);
    std::cerr << retinue::detail::printable(a.out.string()) << ": " << model.nodes.size()
              << " operators, for " << in_words(pictures) << "\n";
  });
}

}  // namespace

int export_program(const program_words& words, int count, char** values)
{
  CLI::App app(words.what, words.name);
  return run_program(app, [&] {
    write(parse(app, words, count, values));
    return 0;
  });
}
