// expected: score and logit of a label policy must be templates over the row
// SPDX-License-Identifier: Apache-2.0
// Rows of scores are read in packets.
#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>

using namespace retinue;

struct mine {
  static std::string_view what() { return "scores times a hundred"; }
  static std::size_t columns(std::size_t classes) { return classes; }
#ifdef CORRECTED
  template <class Row>
  auto score(const Row& x, std::size_t k) const
  {
    return x[k] / 100;
  }
#else
  float score(const number_row<float>& x, std::size_t k) const { return x[k] / 100; }
#endif
  template <class Row>
  auto logit(const Row& x, std::size_t k) const
  {
    return x[k] / 1;
  }
  float least_logit(float floor) const { return 100 * floor; }
};

template class retinue::detector<schemas::none, host_backend, square_anchors, centre_size_coder,
                                 greedy_suppressor<>, mine>;
