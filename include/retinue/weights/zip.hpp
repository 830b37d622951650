// SPDX-License-Identifier: Apache-2.0
// Finds the members of a ZIP archive that stores them uncompressed, as torch.save does.
//
// The central directory at the end says what there is (with ZIP64's wider fields where it points to
// them); each member's own header says where its bytes begin. Nothing is believed unchecked: all
// must lie inside the file, apart from each other, under different names, and have their CRC-32.
#pragma once

#include <retinue/detail/file.hpp>  // byte_view, in_quotes

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue::detail {

/// CRC-32 as ZIP has it (polynomial edb88320, reflected), eight bytes a step.
[[nodiscard]] inline std::uint32_t crc32(byte_view bytes)
{
  static constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0u);
      t[0][i] = c;
    }
    for (std::size_t k = 1; k < 8; ++k)
      for (std::size_t i = 0; i < 256; ++i) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 255];
    return t;
  }();
  std::uint32_t c = ~0u;
  std::size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    const std::uint64_t word = little_endian<std::uint64_t>(bytes, at) ^ c;
    c = 0;
    for (std::size_t k = 0; k < 8; ++k) c ^= tables[7 - k][(word >> (8 * k)) & 255];
  }
  for (; at < bytes.size(); ++at)
    c = (c >> 8) ^ tables[0][(c ^ std::to_integer<std::uint32_t>(bytes[at])) & 255];
  return ~c;
}

}  // namespace retinue::detail

namespace retinue {

/// The members of an archive held in memory, which must outlive this.
class zip_archive {
 public:
  /// Errors begin with `source`. Throws where the bytes are no such archive, or where members
  /// overlap.
  zip_archive(std::string source, detail::byte_view bytes)
      : source_(std::move(source)), bytes_(bytes)
  {
    const directory found = find_directory();
    std::vector<extent> extents;
    std::uint64_t at = found.begin;
    for (std::uint64_t i = 0; i < found.count; ++i) at = read_entry(at, found, extents);
    std::sort(extents.begin(), extents.end());
    for (std::size_t i = 1; i < extents.size(); ++i)
      if (extents[i].first < extents[i - 1].second)
        refuse("two members overlap at byte ", extents[i].first);
  }

  /// A file of the archive.
  struct member {
    detail::byte_view bytes;  ///< as they lie in the file
    std::uint32_t crc;        ///< CRC-32 of what was stored
    std::uint16_t method;     ///< 0: stored; anything else: compressed
    bool encrypted;
  };
  using members = std::map<std::string_view, member, std::less<>>;

  /// Sorted by name.
  [[nodiscard]] const members& all() const { return members_; }

  /// The bytes of a stored member, whose CRC-32 is checked here. Throws where there is none of that
  /// name, and where it is compressed, encrypted or damaged.
  [[nodiscard]] detail::byte_view operator[](std::string_view name) const
  {
    const auto at = members_.find(name);
    if (at == members_.end()) refuse("the archive has no member ", detail::in_quotes(name));
    const member& found = at->second;
    if (found.encrypted) refuse(detail::in_quotes(name), " is encrypted");
    if (found.method != 0)
      refuse(detail::in_quotes(name), " is compressed (method ", found.method,
             "), and only stored members are read, as torch.save writes them");
    if (detail::crc32(found.bytes) != found.crc)
      refuse("the member ", detail::in_quotes(name),
             " is not what its CRC-32 says; the file is damaged, or was saved with "
             "torch.serialization.set_crc32_options(False)");
    return found.bytes;
  }

 private:
  using extent = std::pair<std::uint64_t, std::uint64_t>;  // begin, end

  struct directory {
    std::uint64_t begin, end, count;
  };

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const
  {
    fail(source_, ": not a ZIP archive that can be read: ", parts...);
  }

  /// The number at `at`, which may be anywhere.
  template <class T>
  [[nodiscard]] T number(std::uint64_t at) const
  {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T))
      refuse("it points to byte ", at, " of ", bytes_.size(), "; the file is damaged or cut short");
    return detail::little_endian<T>(bytes_, static_cast<std::size_t>(at));
  }

  /// Bytes that are known to lie inside.
  [[nodiscard]] detail::byte_view part(std::uint64_t begin, std::uint64_t size) const
  {
    return bytes_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
  }

  [[nodiscard]] directory find_directory() const
  {
    constexpr std::size_t record = 22, longest_comment = 65535;
    if (bytes_.size() < record) refuse("it is cut short");
    const std::size_t last = bytes_.size() - record;
    for (std::size_t back = 0; back <= std::min(last, longest_comment); ++back) {
      const std::size_t at = last - back;
      if (number<std::uint32_t>(at) != 0x06054b50 || number<std::uint16_t>(at + 20) != back)
        continue;
      if (number<std::uint16_t>(at + 4) != 0) refuse("it is one of several parts");
      directory found{number<std::uint32_t>(at + 16), number<std::uint32_t>(at + 12),
                      number<std::uint16_t>(at + 10)};
      std::uint64_t limit = at;
      if (found.begin == 0xffffffff || found.end == 0xffffffff || found.count == 0xffff) {
        if (at < 20 || number<std::uint32_t>(at - 20) != 0x07064b50)
          refuse("its ZIP64 record is missing");
        limit = number<std::uint64_t>(at - 12);
        if (limit >= at || number<std::uint32_t>(limit) != 0x06064b50)
          refuse("its ZIP64 record is not where it should be");
        found = {number<std::uint64_t>(limit + 48), number<std::uint64_t>(limit + 40),
                 number<std::uint64_t>(limit + 32)};
      }
      if (found.begin > limit || found.end > limit - found.begin)
        refuse("its directory lies outside of it");
      found.end += found.begin;
      return found;
    }
    refuse("it has no directory at its end; the file is cut short");
  }

  /// Reads the entry at `at`, and returns where the next one begins.
  [[nodiscard]] std::uint64_t read_entry(std::uint64_t at, const directory& within,
                                         std::vector<extent>& extents)
  {
    constexpr std::uint64_t fixed = 46, local_fixed = 30;
    if (at > within.end || within.end - at < fixed || number<std::uint32_t>(at) != 0x02014b50)
      refuse("its directory has no entry at byte ", at);
    const std::uint64_t name_size = number<std::uint16_t>(at + 28),
                        extra_size = number<std::uint16_t>(at + 30),
                        next = at + fixed + name_size + extra_size + number<std::uint16_t>(at + 32);
    if (next > within.end) refuse("an entry reaches past the end of its directory");
    const auto name = detail::characters(part(at + fixed, name_size));
    const bool encrypted = number<std::uint16_t>(at + 8) & 1;
    const std::uint16_t method = number<std::uint16_t>(at + 10);

    std::uint64_t size = number<std::uint32_t>(at + 24), packed = number<std::uint32_t>(at + 20),
                  header = number<std::uint32_t>(at + 42);
    widen(at + fixed + name_size, extra_size, {&size, &packed, &header});
    if (method == 0 && size != packed)
      refuse(detail::in_quotes(name), " is stored, yet of ", size, " and of ", packed, " bytes");
    if (header >= within.begin || number<std::uint32_t>(header) != 0x04034b50)
      refuse(detail::in_quotes(name), " does not begin at byte ", header);
    const std::uint64_t data = header + local_fixed + number<std::uint16_t>(header + 26) +
                               number<std::uint16_t>(header + 28);
    if (data > within.begin || packed > within.begin - data)
      refuse(detail::in_quotes(name), " has ", packed, " bytes, more than the file");
    if (number<std::uint16_t>(header + 26) != name_size ||
        detail::characters(part(header + local_fixed, name_size)) != name)
      refuse(detail::in_quotes(name), " has another name at byte ", header);
    extents.emplace_back(header, data + packed);
    const member found{part(data, packed), number<std::uint32_t>(at + 16), method, encrypted};
    if (!members_.emplace(name, found).second)
      refuse("two members have the name ", detail::in_quotes(name));
    return next;
  }

  /// Replaces those fields that say "see the ZIP64 record" by what it says, in its fixed order.
  void widen(std::uint64_t at, std::uint64_t left,
             const std::array<std::uint64_t*, 3>& fields) const
  {
    const auto missing = [](const std::uint64_t* f) { return *f == 0xffffffff; };
    if (std::none_of(fields.begin(), fields.end(), missing)) return;
    while (left >= 4) {
      const std::uint64_t id = number<std::uint16_t>(at), size = number<std::uint16_t>(at + 2);
      if (size > left - 4) break;
      if (id == 1) {
        std::uint64_t from = at + 4;
        for (std::uint64_t* field : fields) {
          if (!missing(field)) continue;
          if (at + 4 + size - from < 8) refuse("a ZIP64 record is too short");
          *field = number<std::uint64_t>(from);
          from += 8;
        }
        return;
      }
      at += 4 + size;
      left -= 4 + size;
    }
    refuse("a member's ZIP64 record is missing");
  }

  std::string source_;
  detail::byte_view bytes_;
  members members_;
};

}  // namespace retinue
