// SPDX-License-Identifier: Apache-2.0
// dlib's imglab, with five parts, with none, and with the classes given.
#include "truths.hpp"

#include <retinue/data/imglab.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const memory_file made;
  const auto& file = made.holding(text_of(bytes, size));
  const std::string source = file.string();
  check_reader(source,
               [&](const read_options& how) { return read_imglab<schemas::face5>(file, how); });
  check_reader(source, [&](const read_options& how) {
    return read_imglab<schemas::none>(file, how, {"face", "plate"});
  });
  return 0;
}
