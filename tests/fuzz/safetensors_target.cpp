// SPDX-License-Identifier: Apache-2.0
// Files of safetensors: `{` first, they have no length, and it is put before the header, which ends
// with its line; otherwise they are taken as they are.
#include "state_laws.hpp"

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 400;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  const auto given = text_of(bytes, size);
  std::string file(given);
  if (given.starts_with('{')) {
    const auto end = std::min(given.find('\n'), given.size());
    const std::uint64_t length = end;
    file.clear();
    for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(length >> shift);
    file += given.substr(0, end);
    file += given.substr(std::min(end + 1, given.size()));
  }
  reads("made.safetensors: ",
        [&] { hold_state_laws(read_safetensors(bytes_of(file), "made.safetensors")); });
  return 0;
}
