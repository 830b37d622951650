// SPDX-License-Identifier: Apache-2.0
// What is wrong at one place of a text, with that place to look at.
//
//   f.json: line 2, column 23: detect.keep is 0, expected a whole number from 1 to 1000000000
//     2 |   "detect": {"keep": 0}
//       |                      ^
#pragma once

#include <retinue/detail/printable.hpp>  // printable, utf8_length
#include <retinue/error.hpp>             // error

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace retinue {

namespace detail {

/// A line of a text and a column in it, both from 1; columns are characters, and so is each byte
/// that is of none.
struct text_place {
  std::size_t line = 1, column = 1;
  std::string_view before, after;  ///< the line, up to that place and from it on
};

/// Where byte `at` of a text stands; `at` may be its end.
[[nodiscard]] inline text_place place_in(std::string_view text, std::size_t at)
{
  text_place place;
  place.before = text.substr(0, at);
  place.line +=
      static_cast<std::size_t>(std::count(place.before.begin(), place.before.end(), '\n'));
  place.before.remove_prefix(place.before.rfind('\n') + 1);  // npos + 1 is 0
  place.after = text.substr(at, text.find('\n', at) - at);
  if (place.after.ends_with('\r')) place.after.remove_suffix(1);
  for (std::string_view left = place.before; !left.empty(); ++place.column)
    left.remove_prefix(std::max<std::size_t>(utf8_length(left), 1));
  return place;
}

/// Columns that the first character of a printable text takes on a terminal: none where it is drawn
/// over the one before, two where it is wide (Unicode, UAX #11; the blocks, not each exception).
[[nodiscard]] inline std::size_t terminal_width(std::string_view text)
{
  const std::size_t length = utf8_length(text);
  char32_t point = static_cast<unsigned char>(text[0]) & (length == 1 ? 0x7Fu : 0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i)
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  const auto within = [&](char32_t first, char32_t last) {
    return point >= first && point <= last;
  };
  if (within(0x300, 0x36F) || within(0x200B, 0x200D) || within(0xFE00, 0xFE0F) || point == 0xFEFF)
    return 0;
  const bool wide = within(0x1100, 0x115F) || within(0x2E80, 0x303E) || within(0x3041, 0xA4CF) ||
                    within(0xAC00, 0xD7A3) || within(0xF900, 0xFAFF) || within(0xFE30, 0xFE6F) ||
                    within(0xFF00, 0xFF60) || within(0xFFE0, 0xFFE6) || within(0x1F300, 0x1F64F) ||
                    within(0x1F900, 0x1F9FF) || within(0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}
[[nodiscard]] inline std::size_t columns_of(std::string_view printable_text)
{
  std::size_t columns = 0;
  for (; !printable_text.empty(); printable_text.remove_prefix(utf8_length(printable_text)))
    columns += terminal_width(printable_text);
  return columns;
}

/// The line, as much of it as a terminal has room for, and a caret below the place.
[[nodiscard]] inline std::string excerpt_at(const text_place& place)
{
  constexpr std::size_t left_columns = 60, all_columns = 76, bytes = 4 * all_columns;
  std::string_view before = place.before, after = place.after;
  bool cut = before.size() > bytes, goes_on = after.size() > bytes;
  if (cut) before.remove_prefix(before.size() - bytes);
  while (cut && !before.empty() && (before[0] & 0xC0) == 0x80) before.remove_prefix(1);
  if (goes_on) after = after.substr(0, bytes);

  std::string shown = printable(before), rest = printable(after);
  for (; columns_of(shown) > left_columns; cut = true) shown.erase(0, utf8_length(shown));
  if (cut) shown.insert(0, "...");
  const std::size_t column = columns_of(shown);
  std::size_t kept = 0;
  for (std::size_t room = all_columns - std::min(column, all_columns); kept < rest.size();) {
    const std::string_view left = std::string_view(rest).substr(kept);
    const std::size_t width = terminal_width(left);
    if (width > room) break;
    room -= width;
    kept += utf8_length(left);
  }
  goes_on = goes_on || kept < rest.size();
  rest.resize(kept);
  const std::string number = std::to_string(place.line);
  return "  " + number + " | " + shown + rest + (goes_on ? "..." : "") + "\n  " +
         std::string(number.size(), ' ') + " | " + std::string(column, ' ') + "^";
}

}  // namespace detail

/// An error whose sentence names a line and a column of a text. What it shows of that text is no
/// part of the sentence, so that a log has one line for it.
class error_in_text : public error {
 public:
  /// The sentence, and the place that it names.
  error_in_text(const std::string& sentence, const detail::text_place& place)
      : error(sentence),
        line_(place.line),
        column_(place.column),
        excerpt_(std::make_shared<const std::string>(detail::excerpt_at(place)))
  {
  }

  [[nodiscard]] std::size_t line() const noexcept { return line_; }      ///< from 1
  [[nodiscard]] std::size_t column() const noexcept { return column_; }  ///< from 1, in characters

  /// The line and a caret below that column: two lines for a terminal, without an end of line.
  [[nodiscard]] const std::string& excerpt() const noexcept { return *excerpt_; }

 private:
  std::size_t line_, column_;
  std::shared_ptr<const std::string> excerpt_;  // an exception must be copied without a throw
};

/// Throws `error_in_text` for byte `at` of the text that `where` names, with the parts joined as
/// fail() does it.
template <class... Parts>
[[noreturn]] void fail_at(std::string_view text, std::size_t at, const std::string& where,
                          const Parts&... parts)
{
  const detail::text_place place = detail::place_in(text, at);
  using part = detail::sentence_part;
  throw error_in_text(
      detail::sentence_of({part(where), part(": line "), part(place.line), part(", column "),
                           part(place.column), part(": "), part(parts)...}),
      place);
}

}  // namespace retinue
