// SPDX-License-Identifier: Apache-2.0
// The network that --weights, --config and --preset describe, who runs it, and how it sees
// pictures.
#pragma once

#include "family.hpp"
#include "numbers.hpp"
#include "written.hpp"

#include <retinue/config.hpp>
#include <retinue/detail/cores.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/error.hpp>
#include <retinue/frame.hpp>
#include <retinue/models/any_network.hpp>
#include <retinue/models/any_runner.hpp>
#include <retinue/models/load.hpp>
#include <retinue/runtimes/installed.hpp>
#include <retinue/runtimes/onnx_network.hpp>
#include <retinue/weights/read_weights.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The presets of one kind; of SSD, which finds boxes of any classes, all that have no landmarks.
[[nodiscard]] inline std::vector<retinue::preset> presets_of(const retinue::any_form& kind)
{
  const bool boxes = std::holds_alternative<retinue::ssd_form>(kind);
  std::vector<retinue::preset> all;
  for (const retinue::preset& p : retinue::presets())
    if (p.config.form.index() == kind.index() || (boxes && p.config.landmarks == 0))
      all.push_back(p);
  return all;
}

[[nodiscard]] inline std::string names_of_presets(const retinue::any_form& kind)
{
  std::vector<std::string_view> names;
  for (const retinue::preset& p : presets_of(kind)) names.push_back(p.name);
  return retinue::detail::listed(names);
}

/// How a picture of this size becomes the network's input. Where the configuration says nothing of
/// it, the longer side has `otherwise` pixels.
[[nodiscard]] inline retinue::frame frame_of(const retinue::network_config& config,
                                             retinue::extent2 size, int otherwise)
{
  if (const int side = retinue::square_side(config); side > 0)
    return retinue::stretched(size, side);
  const int side = config.input.long_side;
  return retinue::fit_long_side(size, side > 0 ? side : otherwise);
}

/// The network with these weights, taken over by its detector.
template <retinue::detection_network Network>
[[nodiscard]] retinue::configured_detector<Network> detector_of(
    std::shared_ptr<Network> network, const retinue::network_config& config,
    const retinue::state_dict& weights)
{
  retinue::load(*network, weights);
  return {std::move(network), retinue::decoding_of(config)};
}

/// A network whose file was read: weights that LibTorch runs, or an ONNX file for a runtime.
struct opened_network {
  retinue::network_config config;
  std::optional<retinue::onnx_network> file;  ///< of ONNX
  std::optional<retinue::any_runtime> runtime;
  retinue::state_dict weights;

  template <retinue::landmark_schema Schema>
  [[nodiscard]] retinue::any_runner<Schema> runner()
  {
    if (runtime) return retinue::runtime_runner<Schema>(*file, *runtime);
    using network = retinue::configured_network<Schema>;
    auto made = std::make_shared<network>(config);
    retinue::load(*made, weights);
    weights = {};
    return retinue::runner<network>(std::move(made));
  }

  /// Calls visit(detector), whoever runs the network. The configuration may have been changed
  /// meanwhile in how outputs become detections.
  template <class Visit>
  void with_detector(Visit&& visit)
  {
    retinue::with_landmarks(config, [&]<class Schema>(Schema) {
      retinue::configured_detector<retinue::any_runner<Schema>> detect(
          runner<Schema>(), retinue::decoding_of(config));
      visit(detect);
    });
  }
};

struct network_arguments {
  retinue::any_form kind;
  std::filesystem::path weights, config;
  std::string preset, runtime;
  int long_side = 0;
  bool original_size = false;

  static constexpr int longest_by_default = 1600;

  /// What is read.
  [[nodiscard]] std::vector<std::filesystem::path> files() const { return {weights, config}; }

  void add_to(CLI::App& app)
  {
    add_weights_to(app, true);
    auto* side = app.add_option("--long-side", long_side,
                                "Scale pictures so that the longer side has N pixels")
                     ->check(number_in(16, 20000));
    app.add_flag("--original-size", original_size, "Do not scale, however large the picture")
        ->excludes(side);
    app.add_option("--runtime", runtime,
                   "Who runs an ONNX file: " + names_of_runtimes() + " (default: the first)");
  }

  /// Without what is said of pictures, and of ONNX files where they are not taken.
  void add_weights_to(CLI::App& app, bool runs_onnx = false)
  {
    app.add_option("-w,--weights", weights,
                   "Weights: a PyTorch checkpoint (.pth, .pt, .tar) or safetensors" +
                       std::string(runs_onnx ? ", or an ONNX file" : ""))
        ->check(any_name())
        ->required();
    auto* file = app.add_option("--config", config, "JSON file that describes the network")
                     ->check(any_name());
    app.add_option(
           "--preset", preset,
           "Describe the network by name instead: " + names_of_presets(kind) + "; see below")
        ->excludes(file);
  }

  /// What --help says of them at its end.
  [[nodiscard]] std::string footer() const
  {
    std::string text =
        "Without --long-side or --original-size a picture is scaled as the network's configuration "
        "says; where\nit says nothing, a picture keeps its size unless a side exceeds " +
        std::to_string(longest_by_default) +
        " pixels. An SSD sees squares,\nto which pictures are stretched.\n";
    return text + weights_footer();
  }
  [[nodiscard]] std::string weights_footer() const
  {
    std::string text =
        "Without --config or --preset the network is what the weights say, or guessed from "
        "them.\n\nPresets:\n";
    for (const retinue::preset& p : retinue::presets())
      text += "  " + std::string(p.name) + "\n      " + std::string(p.what) + "\n";
    return text;
  }

  [[nodiscard]] static std::string names_of_runtimes()
  {
    std::vector<std::string_view> names;
    for (const auto& each : retinue::installed_runtimes()) names.push_back(each.name);
    return names.empty() ? "this program has none" : retinue::detail::listed(names);
  }

  /// Reads the file. After the process was set up: a runtime has as many threads as LibTorch.
  [[nodiscard]] opened_network open() const
  {
    opened_network network;
    if (!retinue::is_onnx(weights)) {
      if (!runtime.empty())
        retinue::fail("--runtime ", runtime, ": ", weights.string(), " is not an ONNX file");
      network.weights = retinue::read_weights(weights);
      network.config = choose(network.weights);
      return network;
    }
    if (config.empty() && preset.empty())
      network.file.emplace(weights);
    else
      network.file.emplace(weights, described());
    network.config = network.file->config();
    look(network.config);
    // The threads of a runtime begin with the cores of the one that makes them.
    retinue::detail::stay_on(retinue::detail::allowed_cores());
    network.runtime = retinue::open_runtime(runtime, weights, at::get_num_threads());
    return network;
  }

  /// By --config or --preset.
  [[nodiscard]] retinue::network_config described() const
  {
    return config.empty() ? retinue::find_preset(preset) : retinue::read_config(config, kind);
  }

  /// What --long-side and --original-size change.
  void look(retinue::network_config& chosen) const
  {
    if (const int side = retinue::square_side(chosen); original_size && side > 0)
      retinue::fail("--original-size: the network sees squares of ", side, " pixels");
    if (long_side > 0 || original_size) chosen.input.long_side = long_side;
  }

  /// Tells on the standard error stream what was guessed.
  [[nodiscard]] retinue::network_config choose(const retinue::state_dict& from) const
  {
    retinue::network_config chosen;
    if (!config.empty() || !preset.empty()) {
      chosen = described();
    } else {
      retinue::guess guessed = retinue::guess_config(from, weights.string());
      if (!guessed.why.empty()) std::cerr << retinue::detail::printable(guessed.why) << "\n";
      chosen = std::move(guessed.config);
    }
    retinue::check_weights(chosen, from, weights.string());
    look(chosen);
    return chosen;
  }

  /// How a picture of this size is scaled, to be what the network that was opened is used to.
  [[nodiscard]] retinue::frame fit(retinue::extent2 size, const opened_network& network) const
  {
    const int longer = std::max(size.height, size.width);
    const retinue::frame how = frame_of(
        network.config, size, original_size ? longer : std::min(longer, longest_by_default));
    return network.file ? network.file->fit(how) : how;
  }
  [[nodiscard]] std::string size_in_words(const opened_network& network) const
  {
    const retinue::network_config& chosen = network.config;
    if (network.file && network.file->size() != retinue::extent2{})
      return "scaled into inputs of " + std::to_string(network.file->size().width) + " x " +
             std::to_string(network.file->size().height);
    if (const int side = retinue::square_side(chosen); side > 0)
      return "stretched to squares of " + std::to_string(side);
    if (original_size) return "in their own size";
    if (const int side = chosen.input.long_side; side > 0)
      return "the longer side scaled to " + std::to_string(side);
    return "in their own size up to " + std::to_string(longest_by_default);
  }
};
