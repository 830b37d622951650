// SPDX-License-Identifier: Apache-2.0
// What the programs that match see of a batch: anchors and truths.
#pragma once

#include <retinue/anchors/near.hpp>   // level_grid
#include <retinue/backend/table.hpp>  // number
#include <retinue/compiler.hpp>       // RETINUE_HD
#include <retinue/geometry.hpp>       // centre_box
#include <retinue/losses/truths.hpp>  // truth_bounds

#include <cstddef>
#include <cstdint>

namespace retinue {

/// Anchors as plain data; what it points to lies where the program runs.
struct anchor_view {
  const centre_box<float>* anchors = nullptr;  ///< (count), fractions of the image's sides
  const level_grid* levels = nullptr;          ///< (level_count)
  std::uint32_t count = 0, level_count = 0;
};

/// The truths of a batch, images one after the other.
struct truth_view {
  const truth_bounds<float>* truths = nullptr;
  const std::uint8_t* ignore = nullptr;    ///< 1 for those to be ignored; null: none is
  const std::uint32_t* first = nullptr;    ///< (images + 1): where those of an image begin
  const number<float>* weights = nullptr;  ///< how much each counts in a loss; null: 1

  /// Of which of so many images truth t of the batch is.
  [[nodiscard]] RETINUE_HD std::size_t image_of(std::size_t t, std::size_t images) const
  {
    std::size_t low = 0, high = images;
    while (high - low > 1) {
      const std::size_t middle = (low + high) / 2;
      (first[middle] <= t ? low : high) = middle;
    }
    return low;
  }
};

}  // namespace retinue
