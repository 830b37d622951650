// expected: labels to be learnt must have wrong
// SPDX-License-Identifier: Apache-2.0
// Probabilities are read, but nothing can be learnt from them: of what are they the softmax?
#include <retinue/backend/host.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>

using namespace retinue;

#ifdef CORRECTED
using labels = softmax_labels;
#else
using labels = given_labels;
#endif
template class retinue::multibox_loss<host_backend, schemas::none, centre_size_coder,
                                      hard_negatives, smooth_l1, smooth_l1, labels>;
