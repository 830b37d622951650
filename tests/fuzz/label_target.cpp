// SPDX-License-Identifier: Apache-2.0
// label.txt with five landmarks, with one, and with none.
#include "truths.hpp"

#include <retinue/data/retinaface_labels.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

namespace {
template <class Schema>
void check(const std::filesystem::path& file)
{
  check_reader(file.string(), [&](read_options how) {
    how.images = "images";
    return read_retinaface_labels<Schema>(file, how);
  });
}
}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const memory_file made;
  const auto& file = made.holding(text_of(bytes, size));
  check<schemas::face5>(file);
  check<schemas::points<1>>(file);
  check<schemas::none>(file);
  return 0;
}
