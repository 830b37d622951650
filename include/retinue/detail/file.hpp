// SPDX-License-Identifier: Apache-2.0
// A whole file in memory, a file replaced in one step, and foreign text made fit for a message.
#pragma once

#include <retinue/error.hpp>  // fail

#include <fcntl.h>   // open
#include <unistd.h>  // write, fsync

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace retinue::detail {

static_assert(std::endian::native == std::endian::little, "weights are read as little endian");

using byte_view = std::span<const std::byte>;

/// The number at `at`, which must lie inside: at + sizeof(T) <= from.size().
template <class T>
[[nodiscard]] T little_endian(byte_view from, std::size_t at)
{
  T value;
  std::memcpy(&value, from.data() + at, sizeof(T));
  return value;
}

[[nodiscard]] inline std::string_view characters(byte_view bytes)
{
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What a file says, in quotes, shortened, and with nothing in it that a terminal would obey.
[[nodiscard]] inline std::string quoted(std::string_view text)
{
  constexpr std::size_t most = 100;
  std::string shown = "\"";
  for (const char c : text.substr(0, most)) shown += c < ' ' || c > '~' ? '?' : c;
  return shown + (text.size() > most ? "...\"" : "\"");
}

/// The first bytes of a file: at most `most`. Folders, pipes and devices are refused.
[[nodiscard]] inline std::vector<std::byte> read_file(const std::filesystem::path& file,
                                                      std::uintmax_t most = UINTMAX_MAX)
{
  std::error_code trouble;
  const auto status = std::filesystem::status(file, trouble);
  if (!std::filesystem::exists(status)) fail(file.string(), ": no such file");
  if (!std::filesystem::is_regular_file(status))
    fail(file.string(), ": not a file but a folder, pipe or device");
  const auto there = std::filesystem::file_size(file, trouble);
  std::ifstream in(file, std::ios::binary);
  if (trouble || !in) fail(file.string(), ": cannot be opened for reading");
  std::vector<std::byte> bytes;
  const auto size = std::min<std::uintmax_t>(there, most);
  try {
    bytes.resize(size);
  } catch (const std::exception&) {
    fail(file.string(), ": its ", size, " bytes do not fit in memory");
  }
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    fail(file.string(), ": only ", in.gcount(), " of its ", size, " bytes could be read");
  return bytes;
}

/// Closes and, unless it was renamed, removes the file beside the one to be replaced.
struct unfinished_file {
  std::string name;
  int descriptor = -1;

  unfinished_file() = default;
  unfinished_file(const unfinished_file&) = delete;
  unfinished_file& operator=(const unfinished_file&) = delete;
  ~unfinished_file()
  {
    if (descriptor >= 0) ::close(descriptor);
    if (!name.empty()) ::unlink(name.c_str());
  }
};

/// Writes the parts to a file beside `file`, has them on the disk, and only then renames it: a
/// reader, or a machine that loses its power, sees the old bytes or the new ones.
inline void replace_file(const std::filesystem::path& file, std::span<const byte_view> parts)
{
  static std::atomic<unsigned> count{0};
  const auto refuse = [&](const char* what) {
    const int number = errno;
    fail(file.string(), ": cannot ", what, ": ", std::generic_category().message(number));
  };
  unfinished_file beside;
  std::string name;
  do {
    name = file.string() + "." + std::to_string(::getpid()) + "-" + std::to_string(count++) +
           ".unfinished";
    beside.descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (beside.descriptor < 0 && errno == EEXIST);
  if (beside.descriptor < 0) refuse("be created");
  beside.name = name;
  for (byte_view left : parts)
    while (!left.empty()) {
      const auto written = ::write(beside.descriptor, left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) refuse("be written");
      left = left.subspan(static_cast<std::size_t>(written));
    }
  if (::fsync(beside.descriptor) != 0) refuse("be brought to the disk");
  if (::rename(name.c_str(), file.c_str()) != 0) refuse("be renamed into place");
  beside.name.clear();
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {  // the new name too; where a folder cannot be synced, the file still is
    ::fsync(directory);
    ::close(directory);
  }
}

}  // namespace retinue::detail

namespace retinue {

/// Writes a text, whole or not at all: a reader sees the old one or the new one.
inline void write_text(const std::filesystem::path& file, std::string_view text)
{
  const std::array<detail::byte_view, 1> parts{std::as_bytes(std::span(text))};
  detail::replace_file(file, parts);
}

}  // namespace retinue
