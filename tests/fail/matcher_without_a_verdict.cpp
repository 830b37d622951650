// expected: a matcher must be callable with
// SPDX-License-Identifier: Apache-2.0
// A matcher must fill an assignment: one that returns a number is none.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

struct mine {
#ifdef CORRECTED
  void operator()(const retinue::anchor_layout& anchors, std::span<const retinue::box<float>>,
                  std::span<const std::uint8_t>, retinue::assignment& out)
  {
    out.verdicts.assign(anchors.size(), retinue::verdict::negative);
    out.truths.assign(anchors.size(), 0);
  }
#else
  int operator()(const retinue::anchor_layout&, std::span<const retinue::box<float>>) { return 0; }
#endif
};

template void retinue::sampler<retinue::host_backend, mine, retinue::softmax_labels,
                               retinue::hard_negatives, retinue::centre_size_coder>::
operator()(retinue::host_backend&, const retinue::anchor_layout&,
           const retinue::host_backend::table<retinue::centre_box<float>>&,
           const retinue::outputs<retinue::host_backend>&, const retinue::truth_boxes&,
           retinue::samples<retinue::host_backend>&);
