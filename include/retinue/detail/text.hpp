// SPDX-License-Identifier: Apache-2.0
// A text file in memory: a plain one, or a .gz for those who pass what unpacks it.
//
//   read_text(file)              plain; a .gz is refused with a sentence
//   read_text(file, gunzip)      either; gunzip is that of <retinue/data/gzip.hpp>
#pragma once

#include <retinue/detail/file.hpp>  // byte_view, read_file
#include <retinue/error.hpp>        // fail

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace retinue {

/// Turns the bytes of a packed file into its text; `name` is for messages. What is not packed so is
/// refused.
using text_decoder = std::string (*)(detail::byte_view bytes, std::string_view name);

/// The decoder of those who have none.
[[nodiscard]] inline std::string refuse_packed(detail::byte_view, std::string_view name)
{
  fail(name,
       ": compressed by gzip, which is not read here: unpack it first, or pass gunzip of "
       "<retinue/data/gzip.hpp> (retinue::zlib)");
}

namespace detail {

/// The first bytes say what a file is, not its name. The mark that some editors put before UTF-8 is
/// no part of the text.
[[nodiscard]] inline std::string read_text(const std::filesystem::path& file,
                                           text_decoder unpack = refuse_packed)
{
  const auto bytes = read_file(file);
  const bool packed =
      bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
  std::string text = packed ? unpack(bytes, file.string()) : std::string(characters(bytes));
  constexpr std::string_view mark = "\xef\xbb\xbf";
  if (text.starts_with(mark)) text.erase(0, mark.size());
  return text;
}

}  // namespace detail
}  // namespace retinue
