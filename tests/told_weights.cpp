// SPDX-License-Identifier: Apache-2.0
// Says of each checkpoint that is named what is read of it, a line of JSON each: for
// torch_reads.py.
#include <retinue/error.hpp>
#include <retinue/weights/pytorch.hpp>
#include <retinue/weights/safetensors.hpp>
#include <retinue/weights/state_dict.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <string_view>

using namespace retinue;

int main(int count, char** names)
{
  for (int k = 1; k < count; ++k) {
    nlohmann::ordered_json told{{"file", names[k]}};
    try {
      const bool safe = std::string_view(names[k]).ends_with(".safetensors");
      auto& tensors = told["tensors"] = nlohmann::ordered_json::object();
      for (const auto& [name, tensor] :
           safe ? read_safetensors(names[k]) : read_pytorch(names[k])) {
        std::string hex;
        for (const std::byte b : tensor.bytes)
          for (const unsigned half :
               {static_cast<unsigned>(b) >> 4, static_cast<unsigned>(b) & 15u})
            hex += "0123456789abcdef"[half];
        tensors[name] = {std::string(name_of(tensor.type)), tensor.shape, hex};
      }
    } catch (const error& e) {
      told.erase("tensors");
      told["refused"] = e.what();
    }
    std::puts(told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
}
