// SPDX-License-Identifier: Apache-2.0
// Bad input is refused with one sentence: the file, line or key, the value, and what was expected.
#pragma once

#include <retinue/detail/printable.hpp>  // printable

#include <charconv>
#include <concepts>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace retinue {

/// Thrown at the edges (readers, configs, shapes of what a network gave), never in a hot loop.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// A piece of a sentence: text, a letter or a number. Of all pieces one type, so that sentences
/// are joined by one function, which needs no streams.
class sentence_part {
 public:
  sentence_part(std::string_view text) : kind_(kind::text), text_(text) {}
  template <std::integral Number>
  sentence_part(Number number)
      : kind_(std::same_as<Number, char> ? kind::letter
              : std::is_signed_v<Number> ? kind::integer
                                         : kind::count),
        count_(static_cast<unsigned long long>(number))
  {
  }
  template <std::floating_point Number>
  sentence_part(Number number) : kind_(kind::real), real_(static_cast<double>(number))
  {
  }

  void add_to(std::string& sentence) const
  {
    switch (kind_) {
      case kind::text:
        sentence += text_;
        break;
      case kind::letter:
        sentence += static_cast<char>(count_);
        break;
      case kind::integer:
        sentence += std::to_string(static_cast<long long>(count_));
        break;
      case kind::count:
        sentence += std::to_string(count_);
        break;
      case kind::real: {
        char digits[32];
        const auto end =
            std::to_chars(digits, digits + sizeof digits, real_, std::chars_format::general, 6);
        sentence.append(digits, end.ptr);
      }
    }
  }

 private:
  enum class kind { text, letter, integer, count, real };

  kind kind_;
  std::string_view text_;
  unsigned long long count_ = 0;  // of a negative number its complement
  double real_ = 0;
};

[[nodiscard, gnu::cold, gnu::noinline]] inline std::string sentence_of(
    std::initializer_list<sentence_part> parts)
{
  std::string sentence;
  for (const sentence_part& part : parts) part.add_to(sentence);
  return printable(sentence);
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_sentence(
    std::initializer_list<sentence_part> parts)
{
  throw error(sentence_of(parts));
}

}  // namespace detail

/// Throws `error` with the parts joined: text, letters, whole numbers, and others with six digits.
/// What is said is made fit for a terminal: a part may be the name of a file, which anybody
/// chooses.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts)
{
  detail::throw_sentence({detail::sentence_part(parts)...});
}

}  // namespace retinue
