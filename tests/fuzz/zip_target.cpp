// SPDX-License-Identifier: Apache-2.0
// An archive gives members that lie inside it, each with the CRC-32 that it is said to have.
#include "target.hpp"

#include <retinue/weights/zip.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 100;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  const auto whole = bytes_of(text_of(bytes, size));
  reads("made.pth: ", [&] {
    const zip_archive archive("made.pth", whole);
    for (const auto& entry : archive.all()) {
      const auto& [name, member] = entry;
      law(member.bytes.data() >= whole.data() &&
              member.bytes.data() + member.bytes.size() <= whole.data() + whole.size(),
          "a member lies in its archive", name);
      if (reads("made.pth: ", [&] { static_cast<void>(archive[entry.first]); }))
        law(detail::crc32(member.bytes) == member.crc && member.method == 0,
            "a member is as stored", name);
    }
  });
  return 0;
}
