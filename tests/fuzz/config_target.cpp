// SPDX-License-Identifier: Apache-2.0
// Configurations: what is read is written, and read again as the same.
#include "target.hpp"

#include <retinue/config.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 2000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  const std::string text(text_of(bytes, size));
  reads("made.json: ", [&] {
    const std::string written = to_json(parse_config(text, "made.json"));
    law(to_json(parse_config(written, "again.json")) == written, "what is written is read",
        written);
  });
  return 0;
}
