// SPDX-License-Identifier: Apache-2.0
// What a .gz file holds (RFC 1952). In a program that includes this, every reader of text takes
// .gz files as well as plain ones.
#pragma once

#include <retinue/detail/file.hpp>  // byte_view
#include <retinue/detail/text.hpp>  // unpack_gzip
#include <retinue/error.hpp>        // fail

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>

namespace retinue::detail {

/// All members of a .gz file, one after the other. `name` is for messages.
[[nodiscard]] inline std::string gunzip(byte_view bytes, std::string_view name)
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
  for (byte_view left = bytes; !member_ended || !left.empty();) {
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

inline const bool gzip_is_read = [] {
  unpack_gzip = gunzip;
  return true;
}();

}  // namespace retinue::detail
