// expected: a matcher must be callable with
// SPDX-License-Identifier: Apache-2.0
// A matcher that looks at what the network says is given all of it, not the scores alone.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

using namespace retinue;

struct all_negative {
  template <class T>
  assigned<T> operator()(const centre_box<T>& anchor) const
  {
    const T none = anchor.w - anchor.w;
    return {none, none, none, none};
  }
};

struct mine {
  template <tensor_backend B, label_policy Labels>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>&,
#ifdef CORRECTED
                 const said_of_image<B, Labels>&,
#else
                 const typename B::output&, const Labels&,
#endif
                 typename B::template table<assigned<float>>& out) const
  {
    b.map(all_negative{}, out, anchors);
  }
};

template void sampler<host_backend, mine, softmax_labels, hard_negatives,
                      centre_size_coder>::operator()(host_backend&, const anchor_layout&,
                                                     const host_backend::table<centre_box<float>>&,
                                                     const outputs<host_backend>&,
                                                     const truth_boxes&, samples<host_backend>&);
