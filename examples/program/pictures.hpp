// SPDX-License-Identifier: Apache-2.0
// The pictures that a program trains on. Files, pixels and labels become samples in a part that is
// compiled apart from networks (pictures.cpp): neither needs the other.
#pragma once

#include "augmentation.hpp"
#include "data.hpp"

#include <retinue/data/pictures.hpp>
#include <retinue/image/pixel_format.hpp>
#include <retinue/landmarks.hpp>
#include <retinue/train/samples.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

/// Whose way of varying pictures.
enum class recipe { retinaface, ssd };

/// Samples of any recipe.
template <retinue::landmark_schema Schema>
struct training_samples {
  using schema = Schema;

  std::size_t count = 0;
  std::function<retinue::training_sample<Schema>(std::uint64_t epoch, std::size_t i)> read;

  [[nodiscard]] std::size_t size() const { return count; }
  [[nodiscard]] retinue::training_sample<Schema> operator()(std::uint64_t epoch,
                                                            std::size_t i) const
  {
    return read(epoch, i);
  }
};

/// open_pictures() of data.hpp, for every schema that is shipped.
template <retinue::landmark_schema Schema>
[[nodiscard]] retinue::picture_set<Schema> labelled_pictures(const data_argument& from);

/// Squares of `side` pixels, varied by the recipe and by what is asked for on top. Throws where one
/// does not go with the other.
template <retinue::landmark_schema Schema>
[[nodiscard]] training_samples<Schema> varied(const retinue::picture_set<Schema>& set, recipe how,
                                              const augmentation_argument& more, int side,
                                              const retinue::pixel_format& format,
                                              std::uint64_t seed);
