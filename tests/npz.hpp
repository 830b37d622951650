// SPDX-License-Identifier: Apache-2.0
// Reads the arrays of an uncompressed .npz: a zip archive of stored .npy members, C order.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace retinue::test {

struct array {
  std::string type;  ///< numpy's letter codes: f4 f8 i8 u1 b1
  std::vector<std::int64_t> shape;
  std::vector<char> bytes;

  /// The values, which must have been stored as exactly this type.
  template <class T>
  [[nodiscard]] std::vector<T> as() const
  {
    const char kind = std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
    const bool boolean = std::is_same_v<T, std::uint8_t> && type == "b1";
    if (!boolean && type != std::string(1, kind) + std::to_string(sizeof(T)))
      throw std::runtime_error("the array holds " + type + ", not what the test asked for");
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
};

class npz {
 public:
  explicit npz(const std::filesystem::path& file)
  {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot open " + file.string());
    const std::vector<char> all((std::istreambuf_iterator<char>(in)), {});
    const auto u16 = [&](std::size_t at) { return read<std::uint16_t>(all, at); };
    const auto u32 = [&](std::size_t at) { return read<std::uint32_t>(all, at); };
    std::size_t end = all.size() - 22;
    while (u32(end) != 0x06054b50) --end;
    std::size_t entry = u32(end + 16);
    for (int left = u16(end + 10); left > 0; --left) {
      if (u16(entry + 10) != 0) throw std::runtime_error("a compressed member in " + file.string());
      const std::size_t size = u32(entry + 20), name_length = u16(entry + 28),
                        header = u32(entry + 42);
      std::string name(all.data() + entry + 46, name_length);
      const std::size_t data = header + 30 + u16(header + 26) + u16(header + 28);
      if (name.ends_with(".npy")) name.resize(name.size() - 4);
      arrays_[name] = parse({all.begin() + static_cast<std::ptrdiff_t>(data),
                             all.begin() + static_cast<std::ptrdiff_t>(data + size)});
      entry += 46 + name_length + u16(entry + 30) + u16(entry + 32);
    }
  }

  [[nodiscard]] bool has(const std::string& name) const { return arrays_.contains(name); }
  [[nodiscard]] const array& operator[](const std::string& name) const
  {
    const auto found = arrays_.find(name);
    if (found == arrays_.end()) throw std::runtime_error("no array named " + name);
    return found->second;
  }
  [[nodiscard]] const std::map<std::string, array>& arrays() const { return arrays_; }

 private:
  template <class T>
  static T read(const std::vector<char>& from, std::size_t at)
  {
    T value;
    std::memcpy(&value, &from.at(at), sizeof(T));
    return value;
  }

  static array parse(const std::vector<char>& npy)
  {
    const std::size_t header = read<std::uint16_t>(npy, 8);
    const std::string text(npy.data() + 10, header);
    std::smatch found;
    array a;
    if (!std::regex_search(text, found, std::regex("'descr': '[<|]([a-zA-Z][0-9]+)'")))
      throw std::runtime_error("an array of a type that this reader does not know: " + text);
    a.type = found[1];
    if (text.find("'fortran_order': False") == std::string::npos)
      throw std::runtime_error("an array in Fortran order");
    std::regex_search(text, found, std::regex("'shape': \\(([^)]*)\\)"));
    const std::string shape = found[1];
    const std::regex number("[0-9]+");
    for (std::sregex_iterator i(shape.begin(), shape.end(), number), none; i != none; ++i)
      a.shape.push_back(std::stoll(i->str()));
    a.bytes.assign(npy.begin() + static_cast<std::ptrdiff_t>(10 + header), npy.end());
    return a;
  }

  std::map<std::string, array> arrays_;
};

}  // namespace retinue::test
