// SPDX-License-Identifier: Apache-2.0
// Foreign text made fit for a terminal: names of files and what files say may hold escape
// sequences.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace retinue::detail {

/// Bytes of the first character of a text that is not empty, where that is whole UTF-8 (RFC 3629);
/// otherwise 0.
[[nodiscard]] inline std::size_t utf8_length(std::string_view text)
{
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  if (length > 2) {  // longer than need be, a half of a pair, or past the last character
    const unsigned second = byte(1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
      return 0;
  }
  return length;
}

/// The text with '?' for each byte or character that a terminal would obey or cannot show: control
/// characters, those that turn the direction of writing, and what is not UTF-8. Ends of lines and
/// tabs become spaces.
[[nodiscard]] inline std::string printable(std::string_view text)
{
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view one = text.substr(0, length == 0 ? 1 : length);
    const bool blank = one == "\n" || one == "\r" || one == "\t";
    const bool control = length == 1 && (one[0] < ' ' || one[0] == '\x7f');
    const bool high_control = length == 2 && one[0] == '\xC2' && one[1] < '\xA0';
    const bool turning = length == 3 && ((one >= "\u200E" && one <= "\u200F") ||
                                         (one >= "\u2028" && one <= "\u202E") ||
                                         (one >= "\u2066" && one <= "\u2069"));
    if (blank)
      shown += ' ';
    else if (length == 0 || control || high_control || turning)
      shown += '?';
    else
      shown += one;
    text.remove_prefix(one.size());
  }
  return shown;
}

}  // namespace retinue::detail
