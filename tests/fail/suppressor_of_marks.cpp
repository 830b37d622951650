// expected: a suppressor must be callable with
// SPDX-License-Identifier: Apache-2.0
// A suppressor gives rows, best first, not a mark for each box.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine {
  mine(float, std::size_t) {}
#ifdef CORRECTED
  kept_rows operator()(std::span<const box<float>>, std::span<const float>) { return {}; }
#else
  std::vector<bool> operator()(std::span<const box<float>>, std::span<const float>) { return {}; }
#endif
};

template class retinue::detector<schemas::none, host_backend, square_anchors, centre_size_coder,
                                 mine>;
