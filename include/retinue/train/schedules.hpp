// SPDX-License-Identifier: Apache-2.0
// Learning rates as functions of the step alone, so that a resumed run goes on exactly where it
// stood: nothing is counted, nothing is kept.
//
//   step      base * gamma^(milestones passed)                      seeds 000 to 003
//   cosine    last + (base - last) (1 + cos(pi step / steps)) / 2   Loshchilov 2017, eq. 5
//   warm-up   in a straight line from factor * schedule             Goyal 2017, 2.2
//
// A step is one update of the weights. Epochs are turned into steps by whoever knows their length.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <numbers>
#include <vector>

namespace retinue {

/// A schedule of your own: the learning rate of update number `step`, from 0.
template <class S>
concept schedule = requires(const S& s, std::int64_t step) {
  { s(step) } -> std::convertible_to<double>;
};

/// The same rate in every update.
struct constant_rate {
  double rate = 1e-3;
  double operator()(std::int64_t) const { return rate; }
};

/// A rate that falls by a factor at each milestone.
struct step_rate {
  double base = 1e-3, gamma = 0.1;
  /// Steps, rising; from each one on the rate is gamma times what it was.
  std::vector<std::int64_t> milestones;
  double operator()(std::int64_t step) const
  {
    const auto passed =
        std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin();
    return base * std::pow(gamma, static_cast<double>(passed));
  }
};

/// Half a cosine from `base` to `last` (Loshchilov 2017, SGDR, eq. 5, without restarts).
struct cosine_rate {
  double base = 1e-3, last = 0;
  std::int64_t steps = 1;  ///< > 0; from there on the rate is `last`
  double operator()(std::int64_t step) const
  {
    const double done =
        std::clamp(static_cast<double>(step) / static_cast<double>(steps), 0.0, 1.0);
    return last + (base - last) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }
};

/// Any schedule after a warm-up: the rate reaches the schedule's own at `steps`.
template <schedule Inner>
struct warmed_up {
  Inner inner;
  std::int64_t steps = 0;
  double factor = 1e-3;  ///< of the schedule's rate at step 0; 0 to 1
  double operator()(std::int64_t step) const
  {
    if (step >= steps) return inner(step);
    const double done = static_cast<double>(step) / static_cast<double>(steps);
    return inner(step) * (factor + (1 - factor) * done);
  }
};

static_assert(schedule<step_rate> && schedule<warmed_up<cosine_rate>>);

}  // namespace retinue
