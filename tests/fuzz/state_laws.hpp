// SPDX-License-Identifier: Apache-2.0
// What holds of weights from whatever file: shapes have their bytes, and what is written as
// safetensors is read again.
#pragma once

#include "target.hpp"

#include <retinue/weights/safetensors.hpp>
#include <retinue/weights/state_dict.hpp>

namespace retinue::fuzz {

inline void hold_state_laws(const state_dict& state)
{
  for (const auto& [name, tensor] : state) {
    law(tensor.bytes.size() == static_cast<std::size_t>(tensor.count()) * size_of(tensor.type),
        "a tensor has the bytes of its shape", name);
    law(state.find(name) == &tensor, "a tensor is found by its name", name);
  }
  static const memory_file file;
  const auto& path = file.holding({});
  // Refused are names that are not UTF-8, and one that safetensors keep for themselves.
  if (!reads(path.string(), [&] { write_safetensors(path, state); })) return;
  state_dict again;
  if (!reads(path.string(), [&] { again = read_safetensors(path); }))
    return law(starving, "what is written is read");
  law(again.size() == state.size() && again.metadata == state.metadata, "what is written is read");
  auto at = again.begin();
  for (const auto& [name, tensor] : state) {
    law(at->first == name && at->second.type == tensor.type && at->second.shape == tensor.shape &&
            at->second.bytes == tensor.bytes,
        "a tensor is read as it was written", name);
    ++at;
  }
}

}  // namespace retinue::fuzz
