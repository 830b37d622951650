// SPDX-License-Identifier: Apache-2.0
// How a camera was held, as EXIF tells it: read here for PNG and WebP, which not every OpenCV
// turns.
//
//   EXIF   a TIFF header, then a directory of entries of 12 bytes; tag 0x0112 is a number 1 to 8
//   PNG    chunks of length (big endian), name, bytes, check sum; EXIF stands under eXIf
//   WebP   chunks of name, length (little endian), bytes, padded to even; EXIF stands under EXIF
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace retinue::detail {

/// The number at `at`; 0 where it does not lie inside.
[[nodiscard]] inline std::uint32_t number_at(std::string_view bytes, std::size_t at,
                                             std::size_t size, bool little)
{
  if (at > bytes.size() || size > bytes.size() - at) return 0;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i)
    number = number << 8 | static_cast<unsigned char>(bytes[at + (little ? size - 1 - i : i)]);
  return number;
}

/// 1 to 8; 1, which is upright, where the block tells none.
[[nodiscard]] inline int exif_orientation(std::string_view exif)
{
  using namespace std::string_view_literals;
  constexpr std::uint32_t tag = 0x0112, entry = 12;
  if (exif.starts_with("Exif\0\0"sv)) exif.remove_prefix(6);  // as in a JPEG: some tools keep it
  const bool little = exif.starts_with("II*\0"sv);
  if (!little && !exif.starts_with("MM\0*"sv)) return 1;
  const std::size_t directory = number_at(exif, 4, 4, little);
  const std::size_t entries = number_at(exif, directory, 2, little);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + entry * i;
    if (at >= exif.size()) return 1;
    if (number_at(exif, at, 2, little) != tag) continue;
    const auto told = number_at(exif, at + 8, 2, little);
    return told >= 1 && told <= 8 ? static_cast<int>(told) : 1;
  }
  return 1;
}

[[nodiscard]] inline int png_orientation(std::string_view file)
{
  for (std::size_t at = 8; at < file.size();) {  // after the signature
    const std::size_t length = number_at(file, at, 4, false);
    const std::string_view chunk = file.substr(std::min(at + 4, file.size()));
    if (chunk.starts_with("eXIf")) return exif_orientation(chunk.substr(4, length));
    if (length > file.size() - at) return 1;  // or the next place would wrap round
    at += 12 + length;
  }
  return 1;
}

[[nodiscard]] inline int webp_orientation(std::string_view file)
{
  for (std::size_t at = 12; at < file.size();) {  // after RIFF, the length, and WEBP
    const std::size_t length = number_at(file, at + 4, 4, true);
    const std::string_view chunk = file.substr(at);
    if (chunk.starts_with("EXIF") && chunk.size() > 8)
      return exif_orientation(chunk.substr(8, length));
    if (length > file.size() - at) return 1;
    at += 8 + length + length % 2;
  }
  return 1;
}

}  // namespace retinue::detail
