// SPDX-License-Identifier: Apache-2.0
// What a training run tells while it goes on. The trainer draws and prints nothing: whoever wants
// to see it derives an observer.
//
//   struct printed : training_observer {
//     void updated(const log_line& line) override { std::cout << to_json(line) << "\n"; }
//   };
//   printed shown;
//   trainer run(network, aim, sgd(*network), "runs/1", {.observer = &shown});
#pragma once

#include <retinue/train/log.hpp>  // log_line

#include <cstdint>
#include <string>

namespace retinue {

/// Derive from it, and say what is to happen. The thread that trains calls; what a call throws ends
/// the run.
class training_observer {
 public:
  virtual ~training_observer() = default;

  /// Before the first update: `step` of `steps` updates are done.
  virtual void began(std::int64_t /*step*/, std::int64_t /*steps*/) {}
  /// After each update, its line of the log.
  virtual void updated(const log_line& /*line*/) {}
  /// A sample was left out; the sentence names it and says why.
  virtual void skipped(const std::string& /*sentence*/) {}
  /// Validation begins, which takes its time.
  virtual void validating(std::int64_t /*step*/) {}
  /// After validation, at update `step`; `best` where no score before was as high.
  virtual void validated(std::int64_t /*step*/, double /*score*/, bool /*best*/) {}
  /// A checkpoint of update `step` is on the disk.
  virtual void saved(std::int64_t /*step*/) {}
  /// Something was found damaged, and the run goes on without it.
  virtual void warned(const std::string& /*sentence*/) {}
};

}  // namespace retinue
