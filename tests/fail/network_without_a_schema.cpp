// expected: a network to be trained is a torch::nn::Module with a landmark schema
// SPDX-License-Identifier: Apache-2.0
// How many landmarks a network finds is part of its type.
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/trainer.hpp>

using namespace retinue;

struct mine : torch::nn::Module {
#ifdef CORRECTED
  using schema = schemas::none;
#endif
  network_outputs forward(const at::Tensor&) { return {}; }
};

template class retinue::trainer<mine, objective<multibox_settings<schemas::none>>, adamw>;
