// SPDX-License-Identifier: Apache-2.0
// What every target of this folder is: a function of some bytes that ends the process where a law
// does not hold. libFuzzer calls it with bytes that it makes up, replay.cpp with those of a corpus.
#pragma once

#include <retinue/detail/file.hpp>  // byte_view
#include <retinue/error.hpp>        // error

#include <sys/mman.h>  // memfd_create
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace retinue::fuzz {

/// Of a target: bytes of memory that each byte of an input may cost at the most, beside 4 MiB.
extern const std::size_t memory_per_byte;

/// While requests of memory are refused: what is read twice may be refused once.
inline bool starving = false;

inline void law(bool holds, const char* what, std::string_view said = "")
{
  if (holds) return;
  std::fprintf(stderr, "broken: %s: <%s>\n", what, std::string(said).c_str());
  std::abort();
}

/// Runs `read`, and returns whether it was not refused. A refusal is one sentence of moderate
/// length that begins with `source` and holds nothing that a terminal would obey.
template <class Read>
bool reads(std::string_view source, const Read& read)
{
  try {
    read();
    return true;
  } catch (const error& e) {
    const std::string_view said = e.what();
    law(said.starts_with(source), "a refusal begins with what is refused", said);
    law(said.size() < source.size() + 2000, "a refusal is of moderate length", said.substr(0, 200));
    law(std::ranges::none_of(said, [](unsigned char c) { return c < 0x20 || c == 0x7f; }),
        "a refusal is one line of plain text", said);
    return false;
  }
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size)
{
  return {reinterpret_cast<const char*>(bytes), size};
}
[[nodiscard]] inline detail::byte_view bytes_of(std::string_view text)
{
  return std::as_bytes(std::span(text));
}

/// What stands between lines of `%%`: for readers of more than one file.
[[nodiscard]] inline std::vector<std::string_view> parts_of(std::string_view text)
{
  constexpr std::string_view line = "\n%%\n";
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(line);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + line.size());
  }
}

/// A file in memory that has a name, for readers that open theirs. One for the whole process.
class memory_file {
 public:
  memory_file() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC))
  {
    if (descriptor_ < 0) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() { ::close(descriptor_); }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// Its path, once it holds nothing but the bytes.
  const std::filesystem::path& holding(std::string_view bytes) const
  {
    if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) std::abort();
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written <= 0) std::abort();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return path_;
  }

 private:
  int descriptor_;
  std::filesystem::path path_;
};

/// Numbers out of an input, for targets that are not readers; zeros after its end.
class draws {
 public:
  draws(const std::uint8_t* bytes, std::size_t size) : left_(bytes, size) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  template <class T>
  [[nodiscard]] T any()
  {
    T value{};
    const std::size_t n = std::min(sizeof(T), left_.size());
    if (n > 0) std::memcpy(&value, left_.data(), n);
    left_ = left_.subspan(n);
    return value;
  }
  /// 0 to n - 1.
  [[nodiscard]] std::size_t below(std::size_t n) { return any<std::uint8_t>() % n; }

 private:
  std::span<const std::uint8_t> left_;
};

}  // namespace retinue::fuzz
