// expected: a network and what it is trained for must have one schema
// SPDX-License-Identifier: Apache-2.0
// A network of five landmarks is not trained for four.
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/trainer.hpp>

using namespace retinue;

struct mine : torch::nn::Module {
  using schema = schemas::plate4;
  network_outputs forward(const at::Tensor&) { return {}; }
};

#ifdef CORRECTED
using learnt = schemas::plate4;
#else
using learnt = schemas::face5;
#endif
template class retinue::trainer<mine, objective<multibox_settings<learnt>>, adamw>;
