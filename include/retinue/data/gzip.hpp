// SPDX-License-Identifier: Apache-2.0
// What a .gz file holds (RFC 1952). Readers of text that are given gunzip take .gz files as well as
// plain ones:
//
//   read_retinaface_labels<schemas::face5>("label.txt.gz", {.decode = gunzip})
//   read_wider_truth("wider_val_gt.txt.gz", gunzip)
#pragma once

#include <retinue/detail/file.hpp>  // byte_view
#include <retinue/detail/text.hpp>  // text_decoder
#include <retinue/error.hpp>        // fail

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

namespace retinue {

/// All members of a .gz file, one after the other. `name` is for messages. Throws where the bytes
/// are no such file, or end early.
[[nodiscard]] inline std::string gunzip(detail::byte_view bytes, std::string_view name)
{
  struct stream : z_stream {
    stream() : z_stream{}
    {
      constexpr int gzip_of_any_window = 16 + MAX_WBITS;
      if (inflateInit2(this, gzip_of_any_window) != Z_OK) throw std::bad_alloc();
    }
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() { inflateEnd(this); }
  } z;
  constexpr std::size_t most_at_once = std::size_t{1} << 30;  // zlib counts in 32 bits
  std::string out;
  std::array<char, 65536> buffer;
  bool member_ended = false;
  for (detail::byte_view left = bytes; !member_ended || !left.empty();) {
    if (member_ended) inflateReset(&z);
    const auto given = static_cast<uInt>(std::min(left.size(), most_at_once));
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(left.data()));  // is only read
    z.avail_in = given;
    z.next_out = reinterpret_cast<Bytef*>(buffer.data());
    z.avail_out = static_cast<uInt>(buffer.size());
    const int result = inflate(&z, Z_NO_FLUSH);
    left = left.subspan(given - z.avail_in);
    out.append(buffer.data(), buffer.size() - z.avail_out);
    member_ended = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_BUF_ERROR) fail(name, ": the gzip file ends early");
    if (result != Z_OK && !member_ended)
      fail(name, ": not a gzip file as it should be, near byte ", bytes.size() - left.size(), " (",
           z.msg ? z.msg : "it asks for a dictionary", ")");
  }
  return out;
}

static_assert(std::is_convertible_v<decltype(&gunzip), text_decoder>);

}  // namespace retinue
