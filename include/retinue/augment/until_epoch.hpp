// SPDX-License-Identifier: Apache-2.0
// A stage that is switched off in the last epochs, so that a network ends on pictures as it will
// meet them (Ge et al. 2021: the last 15 of 300 without mosaic and mixup).
//
//   augmentation train{until_epoch{random_affine{}, 85}, random_resize{{640, 640}}};
#pragma once

#include <retinue/augment/transform.hpp>  // augmentation_stage

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// A random_source that knows the epoch of its key, as keyed_random does.
template <class R>
concept source_of_an_epoch = random_source<R> && requires(const R& r) {
  { r.epoch() } -> std::same_as<std::uint64_t>;
};

/// A transform, or none.
template <class Transform>
struct perhaps {
  std::optional<Transform> drawn;

  [[nodiscard]] extent2 size_after(extent2 size) const
  {
    return drawn ? drawn->size_after(size) : size;
  }
  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 size) const
  {
    if (drawn) drawn->map(instances, size);
  }
};

/// The stage, in epochs before `epoch`. What comes out must be of one size all the same: so the
/// last stage, which resizes, is no such stage.
template <augmentation_stage Stage>
struct until_epoch {
  Stage stage;
  std::uint64_t epoch = 0;

  until_epoch(Stage of, std::uint64_t end) : stage(std::move(of)), epoch(end) {}

  template <source_of_an_epoch Random, class Schema>
  [[nodiscard]] auto draw(Random& random, extent2 size,
                          std::span<const instance<Schema>> instances) const
  {
    perhaps<decltype(stage.draw(random, size, instances))> drawn;
    if (random.epoch() < epoch) drawn.drawn = stage.draw(random, size, instances);
    return drawn;
  }
};

}  // namespace retinue
