// SPDX-License-Identifier: Apache-2.0
// .gz files.
#include "target.hpp"

#include <retinue/data/gzip.hpp>

using namespace retinue;
using namespace retinue::fuzz;

// Deflate makes at most 1032 bytes of one; a growing string holds them twice, and half again.
const std::size_t fuzz::memory_per_byte = 4 * 1032;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  reads("made.gz: ", [&] {
    const std::string text = gunzip(bytes_of(text_of(bytes, size)), "made.gz");
    law(text.size() <= 1032 * size, "deflate makes at most 1032 bytes of one");
  });
  return 0;
}
