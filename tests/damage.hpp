// SPDX-License-Identifier: Apache-2.0
// Damages bytes as a disk, a cable or an enemy would: the same way for the same random numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <span>
#include <string>

namespace retinue::test {

using namespace std::string_literals;

/// Numbers at which readers go wrong, as they lie in files of either byte order, or as text.
inline const std::array<std::string, 14> telling_numbers{"\xff\xff\xff\xff\xff\xff\xff\x7f"s,
                                                         "\0\0\0\0\0\0\0\x80"s,
                                                         "\xff\xff\xff\xff\xff\xff\xff\xff"s,
                                                         "\0\0\0\0\0\0\0\0"s,
                                                         "\0\0\0\0\0\0\0\x40"s,
                                                         "\xff\xff\xff\x7f"s,
                                                         "\x7f\xff\xff\xff"s,
                                                         "\0\0\0\x80"s,
                                                         "\x80\0\0\0"s,
                                                         "\xff\xff"s,
                                                         "\0\0"s,
                                                         "\0\0\x01\0"s,
                                                         "99999999999999999999"s,
                                                         "-1 "s};

/// One to four changes: bits, bytes, telling numbers, `marks` of the form, cuts, and pieces that
/// are repeated, moved or removed. Half of them among the first `sensitive` bytes, which decide
/// most, and a quarter among the last 2000.
[[nodiscard]] inline std::string damaged(std::string bytes, std::mt19937& random,
                                         std::size_t sensitive,
                                         std::span<const std::string> marks = {})
{
  const auto below = [&](std::size_t n) { return n ? random() % n : 0; };
  const auto place = [&] {
    const std::size_t n = bytes.size();
    switch (below(4)) {
      case 0:
        return below(n);
      case 1:
        return n - 1 - below(std::min<std::size_t>(n, 2000));
      default:
        return below(std::min(n, sensitive));
    }
  };
  const auto put = [&](std::size_t at, const std::string& what) {
    bytes.replace(at, std::min(what.size(), bytes.size() - at), what);
  };
  for (auto changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = place(), length = std::min(1 + below(40), bytes.size() - at);
    switch (below(marks.empty() ? 7 : 8)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        put(at, telling_numbers[below(telling_numbers.size())]);
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 5:
        bytes.insert(place(), bytes.substr(at, length));
        break;
      case 6:
        bytes.erase(at, length);
        break;
      default:
        put(at, marks[below(marks.size())]);
        break;
    }
  }
  return bytes;
}

}  // namespace retinue::test
