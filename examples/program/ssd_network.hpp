// SPDX-License-Identifier: Apache-2.0
// The SSD that --weights, --config and --preset describe.
#pragma once

#include <retinue/config.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/models/load.hpp>
#include <retinue/models/ssd_detector.hpp>
#include <retinue/weights/read_weights.hpp>

#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssd_arguments {
  std::filesystem::path weights, config;
  std::string preset;

  void add_to(CLI::App& app)
  {
    app.add_option("-w,--weights", weights,
                   "Weights: safetensors of ssd_train, or a PyTorch checkpoint (.pth, .pt, .tar)")
        ->required();
    auto* file = app.add_option("--config", config, "JSON file that describes the network");
    std::vector<std::string_view> names;
    for (const auto& p : retinue::ssd_presets()) names.push_back(p.name);
    app.add_option("--preset", preset,
                   "Describe it by name instead: " + retinue::detail::listed(names))
        ->excludes(file);
  }

  /// What --help says of them at its end.
  static constexpr const char* footer =
      "Weights of ssd_train bring their own configuration. Pictures are stretched to the square\n"
      "that it names.\n\n";

  [[nodiscard]] retinue::ssd_config choose(const retinue::state_dict& from) const
  {
    if (!config.empty()) return retinue::read_ssd_config(config);
    if (!preset.empty()) return retinue::find_ssd_preset(preset);
    const auto said = from.metadata.find(std::string(retinue::config_metadata_key));
    if (said == from.metadata.end())
      retinue::fail(weights.string(),
                    ": brings no configuration; --config or --preset describes the network");
    return retinue::parse_ssd_config(said->second, "metadata of " + weights.string());
  }
};

/// The network of a configuration with these weights, ready to detect.
[[nodiscard]] inline retinue::ssd_detector detector_of(const retinue::ssd_config& config,
                                                       const retinue::state_dict& weights)
{
  const auto network = std::make_shared<retinue::ssd>(retinue::network_options(config));
  retinue::load(*network, weights);
  return {network, retinue::decoding_of(config)};
}

/// The square that pictures are stretched to.
[[nodiscard]] inline int side_of(const retinue::ssd_config& config)
{
  return config.input.long_side > 0 ? config.input.long_side : config.anchors.design_side;
}
