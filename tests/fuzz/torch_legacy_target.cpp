// SPDX-License-Identifier: Apache-2.0
// Files of torch.save as they are: either form, though only the legacy one gets past the CRC-32 of
// its members.
#include "state_laws.hpp"

#include <retinue/weights/pytorch.hpp>

using namespace retinue;
using namespace retinue::fuzz;

// The reader's own limit is 16 times the file or 1 MiB, for each of two copies of its names.
const std::size_t fuzz::memory_per_byte = 700;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  const auto whole = bytes_of(text_of(bytes, size));
  reads("made.pth: ", [&] { hold_state_laws(read_pytorch(whole, "made.pth")); });
  return 0;
}
