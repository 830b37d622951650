// SPDX-License-Identifier: Apache-2.0
// Where processes that train together find each other.
#pragma once

#include <retinue/error.hpp>  // fail

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

namespace retinue {

/// Where processes find each other, and which of them this one is.
struct meeting {
  std::string host = "127.0.0.1";  ///< of process 0, as all can reach it
  std::uint16_t port = 29500;      ///< on which process 0 listens
  int rank = 0, size = 1;
  std::chrono::milliseconds arrival = std::chrono::minutes(5);    ///< for those that are to come
  std::chrono::milliseconds patience = std::chrono::minutes(30);  ///< for a silent process: it may
                                                                  ///< be validating
};

namespace detail {

/// A whole number of the environment, or nothing where the variable is not set.
[[nodiscard]] inline std::optional<int> number_of_environment(const char* name, int least, int most)
{
  const char* const text = std::getenv(name);
  if (!text) return std::nullopt;
  const std::string value = text;
  int number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  if (read.ec != std::errc() || read.ptr != value.data() + value.size() || number < least ||
      number > most)
    fail("the environment's ", name, " is '", value, "', expected a whole number from ", least,
         " to ", most);
  return number;
}

}  // namespace detail

/// By RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; alone where there is no
/// WORLD_SIZE. Throws where one of the numbers is none, or out of its range.
[[nodiscard]] inline meeting meeting_of_environment()
{
  meeting m;
  m.size = detail::number_of_environment("WORLD_SIZE", 1, 1 << 20).value_or(1);
  m.rank = detail::number_of_environment("RANK", 0, m.size - 1).value_or(0);
  if (const char* const host = std::getenv("MASTER_ADDR")) m.host = host;
  if (const auto port = detail::number_of_environment("MASTER_PORT", 1, 65535))
    m.port = static_cast<std::uint16_t>(*port);
  return m;
}

}  // namespace retinue
