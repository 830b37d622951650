// SPDX-License-Identifier: Apache-2.0
// Which network a file's names and shapes tell: lines `name extent extent ...`, of tensors without
// elements. What is guessed fits the weights that it was guessed from.
#include "target.hpp"

#include <retinue/config.hpp>
#include <retinue/detail/lines.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 2000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  state_dict weights;
  detail::line_reader lines(text_of(bytes, size), "lines");
  while (lines.next()) {
    if (lines.done()) continue;
    const std::string name(lines.word("a name"));
    host_tensor tensor;
    reads("lines:", [&] {
      while (!lines.done()) tensor.shape.push_back(lines.number<std::int64_t>("an extent"));
    });
    if (!weights.find(name)) weights.insert(name, std::move(tensor));
  }
  reads("made.pth", [&] {
    const guess made = guess_config(weights, "made.pth");
    check_weights(made.config, weights, "again.pth");
    const std::string text = to_json(made.config);
    law(to_json(parse_config(text, "again")) == text, "a guess is a configuration", text);
  });
  return 0;
}
