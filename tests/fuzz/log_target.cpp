// SPDX-License-Identifier: Apache-2.0
// The log of a training: what is read of it is written, and read again as the same.
#include "target.hpp"

#include <retinue/train/log.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const memory_file made;
  const auto& file = made.holding(text_of(bytes, size));
  const auto text_in = [&](std::string& text) {
    return reads(file.string(), [&] {
      for (const auto& line : read_log(file)) text += to_json(line) + "\n";
    });
  };
  std::string once, twice;
  if (!text_in(once)) return 0;
  made.holding(once);
  law((text_in(twice) && once == twice) || starving, "what is written is read", once);
  return 0;
}
