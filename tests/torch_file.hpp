// SPDX-License-Identifier: Apache-2.0
// Files of torch.save, put together byte by byte, as right or as wrong as a test wants them.
#pragma once

#include <retinue/weights/zip.hpp>  // crc32

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue::test {

using namespace std::string_literals;

/// The bytes of a number, little endian.
template <class T>
std::string bytes_of(T number)
{
  std::string made(reinterpret_cast<const char*>(&number), sizeof(T));
  if constexpr (std::endian::native == std::endian::big) std::reverse(made.begin(), made.end());
  return made;
}

inline std::string bytes_of(const std::vector<float>& numbers)
{
  std::string made;
  for (const float number : numbers) made += bytes_of(number);
  return made;
}

inline detail::byte_view view(std::string_view bytes)
{
  return std::as_bytes(std::span(bytes));
}

/// What `read` throws, or nothing where it does not throw. Anything but `error` passes through.
template <class Read>
std::string sentence(Read read)
{
  try {
    static_cast<void>(read());
  } catch (const error& e) {
    return e.what();
  }
  return {};
}

/// Whether a refusal names its file and says this. Prints it where it does not.
inline bool says(const std::string& refusal, const std::string& words)
{
  const bool said = refusal.starts_with("made.pth: ") && refusal.find(words) != std::string::npos &&
                    refusal.find('\n') == std::string::npos;
  if (!said)
    std::fprintf(stderr, "refused with <%s>, without <%s>\n", refusal.c_str(), words.c_str());
  return said;
}

namespace pickled {

inline std::string text(std::string_view s)
{
  return "X"s + bytes_of(static_cast<std::uint32_t>(s.size())) + std::string(s);
}

inline std::string integer(std::int64_t n)
{
  if (n >= INT32_MIN && n <= INT32_MAX) return "J"s + bytes_of(static_cast<std::int32_t>(n));
  return "\x8a\x08"s + bytes_of(n);
}

inline std::string integers(const std::vector<std::int64_t>& numbers)
{
  std::string made = "(";
  for (const auto n : numbers) made += integer(n);
  return made + "t";
}

inline std::string global(std::string_view module, std::string_view name)
{
  return "c"s + std::string(module) + "\n"s + std::string(name) + "\n";
}

/// A stream of protocol 2.
inline std::string stream(const std::string& opcodes)
{
  return "\x80\x02"s + opcodes + ".";
}

inline const std::string ordered_dict = global("collections", "OrderedDict") + ")R";

struct tensor {
  std::string name;
  std::vector<std::int64_t> shape, strides;
  std::int64_t offset = 0;
  std::string storage = "0", type = "FloatStorage";
  std::int64_t elements = 12;  ///< of the storage
  std::string part = "N";      ///< of the storage: the legacy form's sixth item

  [[nodiscard]] std::string rebuilt() const
  {
    return global("torch._utils", "_rebuild_tensor_v2") + "(("s + text("storage") +
           global("torch", type) + text(storage) + text("cpu") + integer(elements) + part + "tQ"s +
           integer(offset) + integers(shape) + integers(strides) + "\x89"s + ordered_dict + "tR";
  }
};

/// An OrderedDict of them.
inline std::string dictionary(const std::vector<tensor>& tensors)
{
  std::string made = ordered_dict + "(";
  for (const auto& t : tensors) made += text(t.name) + t.rebuilt();
  return made + "u";
}

}  // namespace pickled

using named_bytes = std::vector<std::pair<std::string, std::string>>;

inline std::string legacy_head()
{
  return "\x80\x02\x8a\nl\xfc\x9c"
         "F\xf9 j\xa8P\x19."s +
         "\x80\x02M\xe9\x03."s + pickled::stream("}"s + pickled::text("little_endian") + "\x88s");
}

/// The legacy form: an object's opcodes, and storages of 4-byte elements.
inline std::string legacy_file(const std::string& object, const named_bytes& storages)
{
  std::string made = legacy_head() + pickled::stream(object), keys = "](", data;
  for (const auto& [key, bytes] : storages) {
    keys += pickled::text(key);
    data += bytes_of(static_cast<std::int64_t>(bytes.size() / 4)) + bytes;
  }
  return made + pickled::stream(keys + "e") + data;
}

/// An archive of stored members; with `wide`, sizes and places stand in ZIP64 records.
inline std::string zip_file(const named_bytes& members, bool wide = false)
{
  std::string made, directory;
  const auto u16 = [](std::size_t n) { return bytes_of(static_cast<std::uint16_t>(n)); };
  const auto u32 = [](std::size_t n) { return bytes_of(static_cast<std::uint32_t>(n)); };
  const auto u64 = [](std::size_t n) { return bytes_of(static_cast<std::uint64_t>(n)); };
  const std::string all_ones = u32(0xffffffff);
  for (const auto& [name, bytes] : members) {
    const std::string crc = u32(detail::crc32(view(bytes))), size = u32(bytes.size());
    const std::string extra =
        wide ? u16(1) + u16(24) + u64(bytes.size()) + u64(bytes.size()) + u64(made.size()) : "";
    directory += "PK\1\2"s + u16(45) + u16(45) + u16(0) + u16(0) + u32(0) + crc +
                 (wide ? all_ones + all_ones : size + size) + u16(name.size()) + u16(extra.size()) +
                 u16(0) + u16(0) + u16(0) + u32(0) + (wide ? all_ones : u32(made.size())) + name +
                 extra;
    made += "PK\3\4"s + u16(45) + u16(0) + u16(0) + u32(0) + crc + size + size + u16(name.size()) +
            u16(0) + name + bytes;
  }
  const std::size_t begin = made.size(), count = members.size();
  made += directory;
  if (wide) {
    const std::size_t record = made.size();
    made += "PK\6\6"s + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(count) + u64(count) +
            u64(directory.size()) + u64(begin);
    made += "PK\6\7"s + u32(0) + u64(record) + u32(1);
    return made + "PK\5\6"s + u16(0) + u16(0) + u16(0xffff) + u16(0xffff) + all_ones + all_ones +
           u16(0);
  }
  return made + "PK\5\6"s + u16(0) + u16(0) + u16(count) + u16(count) + u32(directory.size()) +
         u32(begin) + u16(0);
}

/// The ZIP form.
inline std::string torch_zip(const std::string& object, const named_bytes& storages,
                             bool wide = false)
{
  named_bytes members{{"made/data.pkl", pickled::stream(object)}, {"made/version", "3\n"}};
  for (const auto& [key, bytes] : storages) members.emplace_back("made/data/"s + key, bytes);
  return zip_file(members, wide);
}

}  // namespace retinue::test
