// SPDX-License-Identifier: Apache-2.0
// A text file in memory: a plain one, or a .gz in a program that includes <retinue/data/gzip.hpp>.
#pragma once

#include <retinue/detail/file.hpp>  // byte_view, read_file
#include <retinue/error.hpp>        // fail

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace retinue::detail {

/// What unpacks a .gz, whose `name` is for messages. <retinue/data/gzip.hpp> sets it before main.
inline std::string (*unpack_gzip)(byte_view bytes, std::string_view name) = nullptr;

/// The first bytes say what a file is, not its name.
[[nodiscard]] inline std::string read_text(const std::filesystem::path& file)
{
  const auto bytes = read_file(file);
  const bool packed =
      bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
  if (!packed) return std::string(characters(bytes));
  if (!unpack_gzip)
    fail(file.string(),
         ": compressed by gzip, which this program does not read: unpack it first, or include "
         "<retinue/data/gzip.hpp> of retinue::zlib");
  return unpack_gzip(bytes, file.string());
}

}  // namespace retinue::detail
