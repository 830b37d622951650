// SPDX-License-Identifier: Apache-2.0
// Tensors by name: what a network, its average and its optimizer keep, and a checkpoint holds.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/load.hpp>         // host_copy, view_of
#include <retinue/weights/state_dict.hpp>  // state_dict

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// The tensors themselves, not copies.
using named_tensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Adds copies to `state`, each under prefix + name. Throws where a name is taken, and where
/// `state` cannot hold a type of elements.
inline void put(const named_tensors& tensors, const std::string& prefix, state_dict& state)
{
  for (const auto& [name, tensor] : tensors) state.insert(prefix + name, detail::host_copy(tensor));
}

/// The inverse: every tensor takes its values from `state`, bit for bit. Throws, with nothing
/// changed, where one is missing or of another shape or type.
inline void take(const named_tensors& tensors, const std::string& prefix, const state_dict& state)
{
  const torch::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : tensors) {
    const host_tensor* from = state.find(prefix + name);
    if (!from) fail("the checkpoint has no ", prefix + name, ": it is of another network or setup");
    if (tensor.sizes() != at::IntArrayRef(from->shape) ||
        tensor.scalar_type() != detail::scalar_type_of(from->type))
      fail("the checkpoint's ", prefix + name, " has the shape ", text_of(from->shape), " of ",
           name_of(from->type), ", expected ", text_of(tensor.sizes().vec()), " of ",
           c10::toString(tensor.scalar_type()));
  }
  for (const auto& [name, tensor] : tensors)
    at::Tensor(tensor).copy_(detail::view_of(*state.find(prefix + name)));
}

}  // namespace retinue
