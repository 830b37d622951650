// SPDX-License-Identifier: Apache-2.0
// What a training run is told, and what it says when it ends.
#pragma once

#include <retinue/models/process_group.hpp>  // process_group
#include <retinue/train/observer.hpp>        // training_observer
#include <retinue/train/precision.hpp>       // precision
#include <retinue/train/step_recorder.hpp>   // step_recorder
#include <retinue/weights/state_dict.hpp>    // state_dict

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace retinue {

/// What a training run is told.
struct training_settings {
  std::int64_t epochs = 1;
  std::size_t batch = 32;                  ///< samples of an update, of all processes together
  std::size_t parts = 1;                   ///< in which they go through the network: less memory,
                                           ///< the same loss; batch statistics are each part's
  std::size_t workers = 2;                 ///< threads that load
  std::uint64_t seed = 1;                  ///< of the order; the source has its own
  double clip = 0;                         ///< the largest norm of a gradient; 0: any
  double average = 0;                      ///< decay of the moving average; 0: none
  precision compute = precision::float32;  ///< of convolutions
  double scale = 0;             ///< the first of a loss_scale; 0: none, or 65536 with float16
  bool freeze_body = false;     ///< statistics and all
  std::int64_t save_every = 0;  ///< updates; 0: an epoch's
  std::size_t keep = 3;         ///< checkpoints
  std::string config{};         ///< as JSON, for the metadata of all files
  at::Device device = at::kCPU;
  /// After how many updates the numbers of the log are fetched from the device, lines and all that
  /// is told of them then coming together. Of 1, the host waits for each update, and where a number
  /// is not finite it says which sample does it; of more, an update whose gradient is not finite is
  /// not made, and ends the run when it is seen.
  std::size_t fetch_every = 1;
  /// Records what the device does in an update, and plays it again; null: each is launched anew.
  /// Outlives the run. Numbers are fetched as with `fetch_every` above 1. A batch that is smaller,
  /// for samples that cannot be read, is launched.
  step_recorder* recorder = nullptr;
  training_observer* observer = nullptr;  ///< is told what happens; outlives the run
  process_group* group = nullptr;  ///< all processes that train; outlives the run. Their settings
                                   ///< are alike but for workers, device and observer
  bool share_statistics = false;   ///< of batch normalization with the group: of the whole batch

  /// Called with the weights at the end of each epoch. The higher, the better.
  std::function<double(const state_dict& weights)> validate{};
};

/// What a run came to.
struct training_report {
  std::int64_t step = 0, steps = 0;  ///< updates made, of how many
  std::size_t skipped = 0;           ///< samples that could not be read, in this process
  std::optional<double> best;        ///< validation
  int signal = 0;                    ///< by which it was stopped, or 0

  [[nodiscard]] bool finished() const { return step >= steps; }
};

}  // namespace retinue
