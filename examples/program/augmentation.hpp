// SPDX-License-Identifier: Apache-2.0
// How the programs vary pictures beyond the recipe of a kind of network, by name:
//
//   zoom-out   crops up to twice the short side of the picture
//   mosaic     half of the pictures become four at once
//   mixup      half are seen through another one
//   paste      half get objects of another one
//   degrade    out of focus, in the dark, sent around: each a third of the pictures
//
// A new one is a line of `more_augmentations`, and what it does stands below.
#pragma once

#include <retinue/augment.hpp>
#include <retinue/data/mixed_pictures.hpp>
#include <retinue/data/pictures.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

inline const std::vector<std::string> more_augmentations{"zoom-out", "mosaic", "mixup", "paste",
                                                         "degrade"};

struct augmentation_argument {
  std::vector<std::string> names;
  /// The first epoch without any of them but zoom-out.
  std::uint64_t until = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] bool has(const char* name) const
  {
    return std::ranges::find(names, name) != names.end();
  }
};

inline CLI::Option* add_augmentation_option(CLI::App& app, std::vector<std::string>& names)
{
  return app
      .add_option("--augment", names,
                  "Vary pictures further: zoom-out, mosaic, mixup, paste, degrade; several at once "
                  "(default: none)")
      ->check(CLI::IsMember(more_augmentations))
      ->delimiter(',');
}

/// The pictures mixed with each other, where that is asked for; `side` is what they will become.
template <retinue::landmark_schema Schema>
[[nodiscard]] retinue::picture_set<Schema> mixed_as_asked(retinue::picture_set<Schema> set,
                                                          const augmentation_argument& a, int side,
                                                          std::uint64_t seed)
{
  const auto mix = [&](const char* name, auto stage, std::uint64_t own) {
    if (a.has(name))
      set = retinue::mixed(std::move(set), std::move(stage),
                           {.seed = seed + own, .probability = 0.5, .until = a.until});
  };
  mix("paste", retinue::random_paste(), 1);
  mix("mosaic", retinue::random_mosaic{{2 * side, 2 * side}}, 2);
  mix("mixup", retinue::random_mixup(), 3);
  return set;
}

/// A pipeline that goes on after its pictures have the network's size.
template <class Pipeline>
[[nodiscard]] auto degraded_as_asked(const Pipeline& pipeline, const augmentation_argument& a)
{
  using namespace retinue;
  const double chance = a.has("degrade") ? 1. / 3 : 0;
  return pipeline.then(until_epoch{random_blur{.probability = chance}, a.until},
                       until_epoch{random_noise{.probability = chance}, a.until},
                       until_epoch{random_jpeg{.probability = chance}, a.until});
}
