// SPDX-License-Identifier: Apache-2.0
#include "pictures.hpp"

#include <retinue/augment/presets.hpp>
#include <retinue/error.hpp>
#include <retinue/train/augmented_source.hpp>

#include <tuple>
#include <utility>

using namespace retinue;

template <landmark_schema Schema>
picture_set<Schema> labelled_pictures(const data_argument& from)
{
  return open_pictures<Schema>(from);
}

template <landmark_schema Schema>
training_samples<Schema> varied(const picture_set<Schema>& set, recipe how,
                                const augmentation_argument& more, int side,
                                const pixel_format& format, std::uint64_t seed)
{
  const auto pictures = mixed_as_asked(set, more, side, seed);
  const auto by = [&](const auto& pipeline) -> training_samples<Schema> {
    auto stages = degraded_as_asked(pipeline, more);
    return {set.count, augmented_source<Schema, decltype(pictures.read), decltype(stages)>(
                           set.count, pictures.read, std::move(stages), format, seed)};
  };
  const bool zooms = more.has("zoom-out");
  if constexpr (Schema::count == 0) {  // SSD has no landmarks
    if (how == recipe::ssd) {
      if (zooms)
        fail("--augment zoom-out is of RetinaFace's crops; SSD's pictures are zoomed out already");
      return by(ssd_augmentation(side));
    }
  }
  return zooms ? by(scrfd_augmentation(side)) : by(retinaface_augmentation(side));
}

namespace {
template <class... Schemas>
constexpr auto compiled(schemas::list<Schemas...>)
{
  return std::tuple{std::pair{&labelled_pictures<Schemas>, &varied<Schemas>}...};
}
}  // namespace

// The parts that are trained link to these.
[[maybe_unused, gnu::used]] static const auto every_schema = compiled(schemas::shipped{});
