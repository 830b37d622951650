// SPDX-License-Identifier: Apache-2.0
// What a .gz file holds: RFC 1952 around RFC 1951, with both checks at the end of each member.
//
// A prefix code is read through one table of 2^longest entries, by the next bits of the stream.
#pragma once

#include <retinue/error.hpp>    // fail
#include <retinue/io/file.hpp>  // byte_view, little_endian, read_file

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retinue::detail {

class inflater {
 public:
  /// `from` begins with a deflate stream. `name` is for messages.
  inflater(byte_view from, std::string_view name) : from_(from), name_(name) {}

  /// Appends what the stream holds to `out`; returns how many bytes the stream takes.
  std::size_t operator()(std::string& out)
  {
    begin_ = out.size();
    bool last = false;
    while (!last) {
      last = take(1) != 0;
      switch (take(2)) {
        case 0:
          stored(out);
          break;
        case 1:
          coded(out, fixed_codes());
          break;
        case 2:
          coded(out, read_codes());
          break;
        default:
          refuse("a block of a kind that does not exist");
      }
    }
    return at_ - held_ / 8;  // whole bytes that were fetched, but not needed
  }

 private:
  struct entry {
    std::uint16_t symbol = 0;
    std::uint8_t length = 0;  // 0: no code begins so
  };
  struct code {
    unsigned longest = 0;
    std::vector<entry> table;
  };
  struct codes {
    code literals, distances;
  };

  [[noreturn]] void refuse(const char* what) const
  {
    fail(name_, ": the compressed data have ", what, " near byte ", at_);
  }

  /// The next n bits, n <= 15, as if zeros followed the end.
  [[nodiscard]] std::uint32_t peek(unsigned n)
  {
    while (held_ < n && at_ < from_.size()) {
      bits_ |= std::uint64_t{std::to_integer<std::uint8_t>(from_[at_++])} << held_;
      held_ += 8;
    }
    return static_cast<std::uint32_t>(bits_ & ((std::uint64_t{1} << n) - 1));
  }

  void drop(unsigned n)
  {
    if (held_ < n) fail(name_, ": the compressed data end within a block");
    bits_ >>= n;
    held_ -= n;
  }

  std::uint32_t take(unsigned n)
  {
    const std::uint32_t value = peek(n);
    drop(n);
    return value;
  }

  unsigned symbol(const code& c)
  {
    const entry e = c.table[peek(c.longest)];
    if (e.length == 0) refuse("a code that stands for nothing");
    drop(e.length);
    return e.symbol;
  }

  void stored(std::string& out)
  {
    drop(held_ % 8);
    const std::uint32_t low = take(8), size = low | take(8) << 8;
    const std::uint32_t low_check = take(8), check = low_check | take(8) << 8;
    if ((size ^ check) != 0xffff) refuse("a stored block whose two sizes differ");
    for (std::uint32_t i = 0; i < size; ++i) out.push_back(static_cast<char>(take(8)));
  }

  /// Codes of one length are consecutive numbers, in the symbols' order, shorter ones first; the
  /// stream holds them from their highest bit on.
  code make_code(std::span<const std::uint8_t> lengths) const
  {
    std::array<unsigned, 16> count{}, next{};
    for (const std::uint8_t length : lengths) ++count[length];
    count[0] = 0;
    code c;
    unsigned first = 0;
    for (unsigned length = 1; length < 16; ++length) {
      first = (first + count[length - 1]) << 1;
      next[length] = first;
      if (first + count[length] > 1U << length) refuse("more codes of a length than there can be");
      if (count[length]) c.longest = length;
    }
    c.table.resize(std::size_t{1} << c.longest);
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      const unsigned length = lengths[s];
      if (length == 0) continue;
      std::size_t reversed = 0;
      for (unsigned bit = 0, number = next[length]++; bit < length; ++bit, number >>= 1)
        reversed = reversed << 1 | (number & 1);
      for (std::size_t i = reversed; i < c.table.size(); i += std::size_t{1} << length)
        c.table[i] = {static_cast<std::uint16_t>(s), static_cast<std::uint8_t>(length)};
    }
    return c;
  }

  [[nodiscard]] codes fixed_codes() const
  {
    std::array<std::uint8_t, 288> literals{};
    for (std::size_t s = 0; s < literals.size(); ++s)
      literals[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
    std::array<std::uint8_t, 30> distances{};
    distances.fill(5);
    return {make_code(literals), make_code(distances)};
  }

  [[nodiscard]] codes read_codes()
  {
    const std::size_t literals = take(5) + 257, distances = take(5) + 1, meta = take(4) + 4;
    constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                 11, 4,  12, 3, 13, 2, 14, 1, 15};
    std::array<std::uint8_t, 19> meta_lengths{};
    for (std::size_t i = 0; i < meta; ++i)
      meta_lengths[order[i]] = static_cast<std::uint8_t>(take(3));
    const code lengths_code = make_code(meta_lengths);
    std::vector<std::uint8_t> lengths;
    while (lengths.size() < literals + distances) {
      const unsigned s = symbol(lengths_code);
      if (s < 16) {
        lengths.push_back(static_cast<std::uint8_t>(s));
        continue;
      }
      if (s == 16 && lengths.empty()) refuse("a repetition of nothing");
      const std::uint8_t repeated = s == 16 ? lengths.back() : std::uint8_t{0};
      const std::uint32_t times = s == 16 ? 3 + take(2) : s == 17 ? 3 + take(3) : 11 + take(7);
      lengths.insert(lengths.end(), times, repeated);
    }
    if (lengths.size() > literals + distances) refuse("more code lengths than codes");
    const std::span<const std::uint8_t> all(lengths);
    return {make_code(all.first(literals)), make_code(all.subspan(literals))};
  }

  void coded(std::string& out, const codes& c)
  {
    constexpr std::array<std::uint16_t, 29> length_base{3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                                        15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                                        67, 83, 99, 115, 131, 163, 195, 227, 258};
    while (true) {
      const unsigned s = symbol(c.literals);
      if (s < 256) {
        out.push_back(static_cast<char>(s));
        continue;
      }
      if (s == 256) return;
      if (s > 285) refuse("a length that does not exist");
      const unsigned l = s - 257;
      const unsigned more = l < 8 || l == 28 ? 0 : (l - 4) / 4;
      const std::size_t length = length_base[l] + take(more);
      const unsigned d = symbol(c.distances);
      if (d > 29) refuse("a distance that does not exist");
      const unsigned further = d < 2 ? 0 : d / 2 - 1;
      const std::size_t base = d < 2 ? d + 1 : (std::size_t{2 + d % 2} << further) + 1;
      const std::size_t distance = base + take(further);
      if (distance > out.size() - begin_) refuse("a distance that reaches before the beginning");
      for (std::size_t i = 0; i < length; ++i) out.push_back(out[out.size() - distance]);
    }
  }

  byte_view from_;
  std::string_view name_;
  std::size_t at_ = 0, begin_ = 0;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

/// The check of gzip and zip: the polynomial 0xedb88320, bits reversed.
[[nodiscard]] inline std::uint32_t crc32(std::string_view text)
{
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < t.size(); ++i) {
      t[i] = i;
      for (int bit = 0; bit < 8; ++bit) t[i] = t[i] >> 1 ^ (t[i] & 1 ? 0xedb88320U : 0U);
    }
    return t;
  }();
  std::uint32_t crc = 0xffffffff;
  for (const char c : text) crc = crc >> 8 ^ table[(crc ^ static_cast<std::uint8_t>(c)) & 0xff];
  return ~crc;
}

[[nodiscard]] inline bool is_gzip(byte_view bytes)
{
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

/// All members of a .gz file, one after the other. `name` is for messages.
[[nodiscard]] inline std::string gunzip(byte_view bytes, std::string_view name)
{
  constexpr std::size_t head = 10, tail = 8;
  constexpr unsigned header_check = 2, extra = 4, file_name = 8, comment = 16, unknown = 0xe0;
  std::string out;
  for (byte_view left = bytes; !left.empty();) {
    const auto need = [&](std::size_t size) {
      if (left.size() < size) fail(name, ": the gzip file ends early");
    };
    need(head);
    const unsigned flags = std::to_integer<unsigned>(left[3]);
    if (!is_gzip(left) || left[2] != std::byte{8} || (flags & unknown))
      fail(name, ": byte ", bytes.size() - left.size(), " does not begin a gzip member");
    std::size_t at = head;
    if (flags & extra) {
      need(at + 2);
      at += 2 + little_endian<std::uint16_t>(left, at);
    }
    for (const unsigned text : {file_name, comment}) {
      if (!(flags & text)) continue;
      while (need(at + 1), left[at] != std::byte{0}) ++at;
      ++at;
    }
    if (flags & header_check) at += 2;
    need(at);
    left = left.subspan(at);
    const std::size_t begin = out.size();
    const std::size_t used = inflater(left, name)(out);
    left = left.subspan(used);
    need(tail);
    const std::string_view member = std::string_view(out).substr(begin);
    if (little_endian<std::uint32_t>(left, 0) != crc32(member) ||
        little_endian<std::uint32_t>(left, 4) != static_cast<std::uint32_t>(member.size()))
      fail(name, ": the unpacked data do not pass the gzip file's check");
    left = left.subspan(tail);
  }
  return out;
}

/// A text file, plain or .gz, as its first bytes say.
[[nodiscard]] inline std::string read_text(const std::filesystem::path& file)
{
  const auto bytes = read_file(file);
  return is_gzip(bytes) ? gunzip(bytes, file.string()) : std::string(characters(bytes));
}

}  // namespace retinue::detail
