// SPDX-License-Identifier: Apache-2.0
// WFLW's lists. A line has 98 points: those that an input lacks are put before it, so that a few
// bytes reach what comes after them.
#include "truths.hpp"

#include <retinue/data/wflw.hpp>

using namespace retinue;
using namespace retinue::fuzz;

const std::size_t fuzz::memory_per_byte = 1000;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  static const std::string points = [] {
    std::string text;
    for (int i = 0; i < 196; ++i) text += "7 ";
    return text;
  }();
  static const memory_file made;
  auto left = text_of(bytes, size);
  std::string text;
  while (!left.empty() && text.size() < 100'000) {
    const auto line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(line.size() + 1, left.size()));
    if (line.starts_with('+')) text += points;
    text += line.substr(line.starts_with('+') ? 1 : 0);
    text += '\n';
  }
  const auto& file = made.holding(text);
  check_reader(file.string(), [&](read_options how) {
    how.images = "images";
    return read_wflw(file, how);
  });
  return 0;
}
