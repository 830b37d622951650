// expected: a label policy must have what
// SPDX-License-Identifier: Apache-2.0
// Whoever selects rows asks from which logit on a score can be above the floor.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine {
  static std::string_view what() { return "scores times a hundred"; }
  static std::size_t columns(std::size_t classes) { return classes; }
  template <class Row>
  auto score(const Row& x, std::size_t k) const
  {
    return x[k] / 100;
  }
  template <class Row>
  auto logit(const Row& x, std::size_t k) const
  {
    return x[k] / 1;
  }
#ifdef CORRECTED
  float least_logit(float floor) const { return 100 * floor; }
#endif
};

template class retinue::detector<schemas::none, host_backend, square_anchors, centre_size_coder,
                                 greedy_suppressor<>, mine>;
