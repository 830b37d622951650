// SPDX-License-Identifier: Apache-2.0
// What a number among the arguments may be. CLI::Range lets "nan" pass.
#pragma once

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

/// Admits a number from `least` to `most`, both included: a whole one where they are.
template <class T>
  requires std::integral<T> || std::floating_point<T>
[[nodiscard]] CLI::Validator number_in(T least, T most)
{
  std::ostringstream range;
  range.precision(12);  // no 1e+06
  range << least << " to " << most;
  const auto check = [least, most, expected = range.str()](const std::string& text) {
    T number{};
    const char* const begin = text.data() + text.starts_with('+');
    const auto [end, trouble] = std::from_chars(begin, text.data() + text.size(), number);
    bool right = trouble == std::errc() && end == text.data() + text.size();
    if constexpr (std::floating_point<T>) right = right && std::isfinite(number);
    if (right && number >= least && number <= most) return std::string();
    return "\"" + text + "\" was given, expected " +
           (std::integral<T> ? "a whole number from " : "a number from ") + expected;
  };
  return CLI::Validator(check, range.str());
}

/// Admits a number of threads. Four for each core are more than any work here gains by; far more
/// keep each other, and the rest of the machine, from working. Small machines may try 16.
[[nodiscard]] inline CLI::Validator thread_count()
{
  const auto cores = static_cast<int>(std::min(std::thread::hardware_concurrency(), 4096u));
  return number_in(1, std::max(16, 4 * cores));
}

/// Admits what chooses random numbers.
[[nodiscard]] inline CLI::Validator any_seed()
{
  return number_in(std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
}
