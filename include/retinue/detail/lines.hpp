// SPDX-License-Identifier: Apache-2.0
// A text line by line, its fields one by one; what is wrong is refused by file and line.
#pragma once

#include <retinue/detail/file.hpp>  // in_quotes
#include <retinue/error.hpp>        // fail

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace retinue::detail {

/// The text must outlive it. Lines end in \n or \r\n; fields are parted by spaces and tabs.
class line_reader {
 public:
  line_reader(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  /// Goes to the next line; false at the end of the text.
  bool next()
  {
    if (at_ >= text_.size()) return false;
    const auto end = std::min(text_.find('\n', at_), text_.size());
    line_ = text_.substr(at_, end - at_);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    left_ = line_;
    at_ = end + 1;
    ++number_;
    return true;
  }

  [[nodiscard]] std::string_view line() const { return line_; }

  /// Whether the line holds no further field.
  [[nodiscard]] bool done()
  {
    left_.remove_prefix(std::min(left_.find_first_not_of(" \t"), left_.size()));
    return left_.empty();
  }

  /// The next field; `what` is what was expected, for the message.
  std::string_view word(std::string_view what)
  {
    if (done()) refuse("the line ends where ", what, " was expected");
    const std::string_view field = left_.substr(0, left_.find_first_of(" \t"));
    left_.remove_prefix(field.size());
    return field;
  }

  template <class T>
    requires std::integral<T> || std::floating_point<T>
  T number(std::string_view what)
  {
    const std::string_view field = word(what);
    T value{};
    const auto [end, trouble] = std::from_chars(field.data(), field.data() + field.size(), value);
    bool right = trouble == std::errc() && end == field.data() + field.size();
    if constexpr (std::is_floating_point_v<T>) right = right && std::isfinite(value);
    if (!right)
      refuse(in_quotes(field), " stands where ", what, " was expected, a ",
             std::is_floating_point_v<T> ? "finite number" : "whole number");
    return value;
  }

  void end_of_line()
  {
    if (!done()) refuse("nothing was expected after the last field, but ", in_quotes(left_));
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const
  {
    fail(file_, ":", number_, ": ", parts...);
  }

 private:
  std::string_view text_, line_, left_;
  std::string file_;
  std::size_t at_ = 0, number_ = 0;
};

}  // namespace retinue::detail
