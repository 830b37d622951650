// expected: an anchor source must have levels
// SPDX-License-Identifier: Apache-2.0
// Anchors of one size must say it all the same.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine {
  std::size_t levels() const { return 1; }
  int cells(std::size_t, int pixels) const { return pixels / 16; }
  std::size_t per_cell(std::size_t) const { return 1; }
  double centre(std::size_t, int cell, int extent) const { return 16.0 * cell / extent; }
#ifdef CORRECTED
  anchor_sides sides(std::size_t, std::size_t, extent2 image) const
  {
    return {32.0 / image.width, 32.0 / image.height};
  }
#endif
  bool clipped() const { return false; }
};

template class retinue::detector<schemas::none, host_backend, mine>;
