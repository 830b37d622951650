// SPDX-License-Identifier: Apache-2.0
// What a device does in an update, noted once and done again: a CUDA graph.
//
// A recorded update is launched by one call, however many kernels it has. It reads and writes
// memory that stays where it is, asks for no number, and launches the same each time: what differs
// from update to update is put into that memory before.
#pragma once

#include <ATen/ATen.h>

#include <functional>

namespace retinue {

/// A recorder of your own.
class step_recorder {
 public:
  step_recorder() = default;
  step_recorder(const step_recorder&) = delete;
  step_recorder& operator=(const step_recorder&) = delete;
  virtual ~step_recorder() = default;

  /// Whether it can note what that device does.
  [[nodiscard]] virtual bool serves(at::Device device) const = 0;
  /// Calls the step and notes what it has the device do, which is not done yet; forgets what was
  /// noted before.
  virtual void record(const std::function<void()>& step) = 0;
  /// Has the device do what was noted.
  virtual void play() = 0;
};

}  // namespace retinue
