// SPDX-License-Identifier: Apache-2.0
// The network that --weights, --config and --preset describe, and pictures sent through it.
#pragma once

#include "numbers.hpp"

#include <retinue/config.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/models/detector.hpp>
#include <retinue/models/load.hpp>
#include <retinue/weights/read_weights.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

struct network_arguments {
  std::filesystem::path weights, config;
  std::string preset;
  int long_side = 0;
  bool original_size = false;

  static constexpr int longest_by_default = 1600;

  void add_to(CLI::App& app)
  {
    app.add_option("-w,--weights", weights,
                   "Weights: a PyTorch checkpoint (.pth, .pt, .tar) or safetensors")
        ->required();
    auto* file = app.add_option("--config", config, "JSON file that describes the network");
    app.add_option("--preset", preset, "Describe the network by name instead; see below")
        ->excludes(file);
    auto* side = app.add_option("--long-side", long_side,
                                "Scale pictures so that the longer side has N pixels")
                     ->check(number_in(16, 20000));
    app.add_flag("--original-size", original_size, "Do not scale, however large the picture")
        ->excludes(side);
  }

  /// What --help says of them at its end.
  [[nodiscard]] static std::string footer()
  {
    std::string text =
        "Without --long-side or --original-size a picture is scaled as the network's configuration "
        "says; where\nit says nothing, a picture keeps its size unless a side exceeds " +
        std::to_string(longest_by_default) +
        " pixels.\nWithout --config or --preset the network is guessed from the "
        "weights.\n\nPresets:\n";
    for (const retinue::preset& p : retinue::presets())
      text += "  " + std::string(p.name) + "\n      " + std::string(p.what) + "\n";
    return text;
  }

  /// Tells on the standard error stream what was guessed.
  [[nodiscard]] retinue::detector_config choose(const retinue::state_dict& from) const
  {
    retinue::detector_config chosen;
    if (!config.empty()) {
      chosen = retinue::read_config(config);
    } else if (!preset.empty()) {
      chosen = retinue::find_preset(preset);
    } else {
      retinue::guess guessed = retinue::guess_config(from, weights.string());
      std::cerr << retinue::detail::printable(guessed.why) << "\n";
      chosen = std::move(guessed.config);
    }
    retinue::check_weights(chosen, from, weights.string());
    return chosen;
  }

  /// How a picture of this size is scaled, to be what the network is used to.
  [[nodiscard]] retinue::frame fit(retinue::extent2 size, const retinue::pixel_format& input) const
  {
    const int longer = std::max(size.height, size.width);
    return retinue::fit_long_side(size, original_size   ? longer
                                        : long_side > 0 ? long_side
                                        : input.long_side > 0
                                            ? input.long_side
                                            : std::min(longer, longest_by_default));
  }
  [[nodiscard]] std::string size_in_words(const retinue::pixel_format& input) const
  {
    const int side = long_side > 0 ? long_side : input.long_side;
    if (original_size) return "in their own size";
    if (side > 0) return "the longer side scaled to " + std::to_string(side);
    return "in their own size up to " + std::to_string(longest_by_default);
  }
};

/// The network of a configuration with these weights, ready to detect.
template <retinue::landmark_schema Schema>
[[nodiscard]] retinue::retinaface_detector<Schema> detector_of(
    const retinue::detector_config& config, const retinue::state_dict& weights)
{
  const auto network =
      std::make_shared<retinue::retinaface<Schema>>(retinue::network_options(config));
  retinue::load(*network, weights);
  return {network, retinue::decoding_of(config)};
}

/// Calls visit(Schema) with the landmark schema of that many points.
template <class Visit>
void with_landmarks(std::size_t count, Visit&& visit)
{
  if (!retinue::with_schema_of(count, visit))
    retinue::fail("the network has ", count,
                  " landmarks; this program is compiled for 0, 1, 4, 5, 17, 68 and 98: add a "
                  "schema to retinue::schemas::shipped");
}
