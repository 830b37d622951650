// SPDX-License-Identifier: Apache-2.0
// Bad input is refused with one sentence: the file, line or key, the value, and what was expected.
#pragma once

#include <retinue/detail/printable.hpp>  // printable

#include <concepts>
#include <sstream>
#include <stdexcept>
#include <string>

namespace retinue {

/// Thrown at the edges (readers, configs, shapes of what a network gave), never in a hot loop.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// Of literals of all lengths one type, so that sentences of one form are compiled once.
inline const char* sentence_part(const char* part)
{
  return part;
}
template <class Part>
  requires(!std::convertible_to<const Part&, const char*>)
const Part& sentence_part(const Part& part)
{
  return part;
}

template <class... Parts>
[[nodiscard, gnu::cold, gnu::noinline]] std::string sentence_of_parts(const Parts&... parts)
{
  std::ostringstream sentence;
  sentence.exceptions(std::ios::badbit);  // or a stream without memory cuts the sentence short
  (sentence << ... << parts);
  return printable(sentence.str());
}

template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void throw_sentence(const Parts&... parts)
{
  throw error(sentence_of_parts(parts...));
}

}  // namespace detail

/// Throws `error` with the parts joined as a stream prints them, made fit for a terminal: a part
/// may be the name of a file, which anybody chooses.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts)
{
  detail::throw_sentence(detail::sentence_part(parts)...);
}

}  // namespace retinue
