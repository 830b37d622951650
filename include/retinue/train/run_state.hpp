// SPDX-License-Identifier: Apache-2.0
// All that decides how a run goes on, and so what a checkpoint holds of it.
#pragma once

#include <retinue/config/guess.hpp>         // config_metadata_key
#include <retinue/detail/json_text.hpp>     // parse_json
#include <retinue/error.hpp>                // fail
#include <retinue/models/load.hpp>          // named_state, state_of
#include <retinue/train/ema.hpp>            // moving_average
#include <retinue/train/named_tensors.hpp>  // put, take
#include <retinue/train/optimizers.hpp>     // optimizer
#include <retinue/train/precision.hpp>      // loss_scale
#include <retinue/train/settings.hpp>       // training_settings
#include <retinue/train/side_by_side.hpp>   // lay_side_by_side
#include <retinue/train/together.hpp>       // together
#include <retinue/weights/state_dict.hpp>   // state_dict

#include <torch/torch.h>
#include <nlohmann/json.hpp>  // numbers that are read back as they were

#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace retinue::detail {

template <class Network, optimizer Optimizer>
struct run_state {
  std::shared_ptr<Network> network;
  Optimizer optimize;
  std::optional<moving_average> average{};
  std::optional<loss_scale> scale{};
  std::int64_t step = 0;         // updates made
  std::optional<double> best{};  // validation
  std::string order{};           // the seed, the samples and the batches with which it began

  /// All weights lie side by side, and what the optimizer keeps of them: an update is then a few
  /// calls, not some of each parameter. So do the channels of a pixel, in weights and images: a
  /// step of MobileNet 0.25 on a processor then takes two thirds of the time.
  void lay_out()
  {
    const auto lay = [](const named_tensors& named) {
      std::vector<at::Tensor> tensors;
      for (const auto& [name, tensor] : named) tensors.push_back(tensor);
      lay_side_by_side(tensors);
    };
    lay(named_state(*network));
    lay(optimize.state());
  }

  /// From the weights that all processes have.
  void begin(const training_settings& s)
  {
    if (s.average > 0) average.emplace(*network, s.average);
    if (s.scale > 0 || s.compute == precision::float16)
      scale.emplace(s.scale > 0 ? loss_scale::settings{.first = s.scale} : loss_scale::settings{});
  }

  /// What other programs load: the average, or the network where there is none.
  [[nodiscard]] state_dict weights(const std::string& config) const
  {
    state_dict all = average ? average->weights() : state_of(*network);
    if (!config.empty()) all.metadata[std::string(config_metadata_key)] = config;
    return all;
  }

  [[nodiscard]] state_dict kept(const std::string& config)
  {
    state_dict state;
    retinue::put(named_state(*network), "network/", state);
    retinue::put(optimize.state(), "optimizer/", state);
    if (average) retinue::put(average->state(), "average/", state);
    state.metadata[std::string(config_metadata_key)] = config;
    state.metadata[order_key] = order;
    if (scale)
      state.metadata[scale_key] = nlohmann::json{scale->value(), scale->good_updates()}.dump();
    if (best) mark_best(state);
    return state;
  }
  /// Says in the metadata of weights how they validated.
  void mark_best(state_dict& weights) const
  {
    weights.metadata[best_key] = nlohmann::json(best.value()).dump();
  }

  /// The inverse, but for the update. `file` begins what it throws.
  void go_on_from(const state_dict& state, const std::filesystem::path& file)
  {
    try {
      retinue::take(named_state(*network), "network/", state);
      retinue::take(optimize.state(), "optimizer/", state);
      if (average) retinue::take(average->state(), "average/", state);
      if (const auto found = state.metadata.find(best_key); found != state.metadata.end())
        best = number_of(found->second);
      order = state.metadata.at(order_key);
      if (scale) {
        const auto said = parse_json<nlohmann::json>(state.metadata.at(scale_key), scale_key);
        scale->set(said->at(0).template get<double>(), said->at(1).template get<std::int64_t>());
      }
    } catch (const error& e) {
      fail(file.string(), ": ", e.what());
    } catch (const std::exception&) {
      fail(file.string(), ": its metadata is not that of a training");
    }
  }

  /// All of it that decides what comes next becomes that of process 0.
  void take_first(const together& all)
  {
    all.take_first(named_state(*network));
    all.take_first(optimize.state());
    if (average) all.take_first(average->state());
    const at::Tensor numbers = at::zeros({3}, at::kDouble);
    double* const n = numbers.template data_ptr<double>();
    n[0] = static_cast<double>(step);
    if (scale) n[1] = scale->value(), n[2] = static_cast<double>(scale->good_updates());
    all.take_first(numbers);
    step = static_cast<std::int64_t>(n[0]);
    if (scale) scale->set(n[1], static_cast<std::int64_t>(n[2]));
  }

  /// A sentence of what is not finite, for a step can leave what no loss has seen yet; or nothing.
  [[nodiscard]] std::optional<std::string> not_finite()
  {
    const auto first = [](const named_tensors& tensors,
                          const char* whose) -> std::optional<std::string> {
      for (const auto& [name, tensor] : tensors)
        if (!at::isfinite(tensor).all().template item<bool>())
          return std::string(whose) + " " + name + " is not finite";
      return std::nullopt;
    };
    if (auto found = first(named_state(*network), "the network's")) return found;
    if (auto found = first(optimize.state(), "the optimizer's")) return found;
    return average ? first(average->state(), "the average's") : std::nullopt;
  }

 private:
  static constexpr const char *best_key = "retinue.best", *order_key = "retinue.order",
                              *scale_key = "retinue.loss_scale";

  /// Whatever the locale of the process says of commas.
  static double number_of(const std::string& text)
  {
    double number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, trouble] = std::from_chars(text.data(), last, number);
    if (trouble != std::errc() || end != last || !std::isfinite(number))
      fail("the best validation is ", in_quotes(text), ", expected a number");
    return number;
  }
};

}  // namespace retinue::detail
