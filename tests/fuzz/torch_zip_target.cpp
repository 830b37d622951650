// SPDX-License-Identifier: Apache-2.0
// The ZIP form of torch.save around parts of any content, under a CRC-32 that fits, for without it
// nothing would reach the pickle:
//
//   object  %%  storage 0  %%  storage 1  %% ...     of one of two forms, as the first byte is odd
#include "../torch_file.hpp"
#include "state_laws.hpp"

#include <retinue/weights/pytorch.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  const auto parts = parts_of(text_of(bytes, size));
  test::named_bytes members{{"made/data.pkl", std::string(parts[0])}};
  for (std::size_t i = 1; i < parts.size(); ++i)
    members.emplace_back("made/data/" + std::to_string(i - 1), std::string(parts[i]));
  const std::string file = test::zip_file(members, size > 0 && bytes[0] % 2 != 0);
  reads("made.pth: ", [&] { hold_state_laws(read_pytorch(bytes_of(file), "made.pth")); });
  return 0;
}
