// SPDX-License-Identifier: Apache-2.0
// What a training begins with: weights of a detector, or of a body that was trained to classify.
//
//   body.stage1..., fpn..., ClassHead...    a detector: what fits is taken; parts of another shape,
//                                           as heads for other landmarks, begin anew
//   stage1... or layer1..., fc...           a classifier: the body is taken, the rest is not
//
// `body.` is what the network calls its body: `vgg.` in an SSD of that body.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/load.hpp>         // load
#include <retinue/weights/state_dict.hpp>  // state_dict

#include <torch/torch.h>

#include <algorithm>
#include <string>
#include <vector>

namespace retinue {

/// The names of the network that begin anew, as they stood. `file` is for messages. Throws, with
/// nothing taken, where the body does not fit.
template <class Network>
std::vector<std::string> begin_from(Network& network, const state_dict& weights,
                                    const std::string& file)
{
  std::string prefix;
  for (const auto& part : network.named_children())
    if (part.value() == network.backbone()) prefix = part.key() + ".";
  const auto in_body = [&](const auto& entry) { return entry.first.starts_with(prefix); };
  const bool detector = std::any_of(weights.begin(), weights.end(), in_body);
  state_dict body;
  for (const auto& entry : weights)
    if (detector && in_body(entry))
      body.insert(entry.first.substr(prefix.size()), entry.second);
    else if (!detector)
      body.insert(entry.first, entry.second);

  auto& backbone = *network.backbone();
  for (const auto& [name, tensor] : detail::named_state(backbone)) {
    if (name.ends_with("num_batches_tracked")) continue;
    const host_tensor* found = body.find(name);
    if (!found) fail(file, ": has no ", name, " for the body of this network");
    if (tensor.sizes() != at::IntArrayRef(found->shape))
      fail(file, ": ", name, " has the shape ", text_of(found->shape),
           ", the body of this network ", text_of(tensor.sizes().vec()));
  }
  if (detector) {
    auto report = load(network, weights, /*strict=*/false);
    report.missing.insert(report.missing.end(), report.misshaped.begin(), report.misshaped.end());
    return report.missing;
  }
  load(backbone, body, /*strict=*/false);
  std::vector<std::string> anew;
  for (const auto& [name, tensor] : detail::named_state(network))
    if (!name.starts_with(prefix)) anew.push_back(name);
  return anew;
}

}  // namespace retinue
