// SPDX-License-Identifier: Apache-2.0
// A whole file in memory, a file replaced in one step, and foreign text made fit for a message.
#pragma once

#include <retinue/detail/printable.hpp>  // printable
#include <retinue/error.hpp>             // fail

#include <dirent.h>    // opendir
#include <fcntl.h>     // open
#include <sys/file.h>  // flock
#include <sys/stat.h>  // fstat
#include <unistd.h>    // write, fsync

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace retinue::detail {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "weights are read on machines of either order of bytes, and of no mixed one");

using byte_view = std::span<const std::byte>;

/// The number at `at`, which must lie inside: at + sizeof(T) <= from.size().
template <class T>
[[nodiscard]] T little_endian(byte_view from, std::size_t at)
{
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), from.data() + at, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<T>(bytes);
}

/// Numbers of `size` bytes each, from little endian to this machine's order or back.
inline void reorder([[maybe_unused]] std::span<std::byte> numbers,
                    [[maybe_unused]] std::size_t size)
{
  if constexpr (std::endian::native == std::endian::big)
    for (std::size_t at = 0; at + size <= numbers.size(); at += size)
      std::ranges::reverse(numbers.subspan(at, size));
}

/// The same numbers in little endian: as they are, or where this machine is big endian a copy,
/// which `kept` holds.
[[nodiscard]] inline byte_view in_little_endian(byte_view numbers,
                                                [[maybe_unused]] std::size_t size,
                                                [[maybe_unused]] std::vector<std::byte>& kept)
{
  if constexpr (std::endian::native == std::endian::big) {
    kept.assign(numbers.begin(), numbers.end());
    reorder(kept, size);
    return kept;
  }
  return numbers;
}

[[nodiscard]] inline std::string_view characters(byte_view bytes)
{
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What a file says, in quotes, shortened, and with nothing in it that a terminal would obey.
[[nodiscard]] inline std::string in_quotes(std::string_view text)
{
  constexpr std::size_t most = 100;
  std::size_t end = std::min(text.size(), most);
  while (end < text.size() && end + 3 > most && (text[end] & 0xC0) == 0x80) --end;  // whole ones
  return '"' + printable(text.substr(0, end)) + (end < text.size() ? "...\"" : "\"");
}

/// The end of a sentence: what the system says of an error, or nothing where it said none.
[[nodiscard]] inline std::string reason(int number)
{
  return number == 0 ? std::string() : ": " + std::generic_category().message(number);
}

/// What a name leads to, or that there is nothing. Throws where that cannot be told: for want of
/// permission, or because links lead in a circle.
[[nodiscard]] inline std::filesystem::file_status status_of(const std::filesystem::path& named)
{
  std::error_code trouble;
  const auto status = std::filesystem::status(named, trouble);
  if (trouble == std::errc::too_many_symbolic_link_levels)
    fail(named.string(), ": its symbolic links lead nowhere");
  if (status.type() == std::filesystem::file_type::none)
    fail(named.string(), ": cannot be looked at", reason(trouble.value()));
  return status;
}

/// A file that is opened once and read from its beginning on, as far as somebody needs it. Folders,
/// pipes and devices are refused.
class opened_file {
 public:
  explicit opened_file(const std::filesystem::path& file) : name_(file.string())
  {
    std::error_code trouble;
    const auto status = status_of(file);
    if (!std::filesystem::exists(status))
      fail(name_, std::filesystem::is_symlink(std::filesystem::symlink_status(file, trouble))
                      ? ": a symbolic link to nothing"
                      : ": no such file");
    if (!std::filesystem::is_regular_file(status))
      fail(name_, ": not a file but a folder, pipe or device");
    size_ = std::filesystem::file_size(file, trouble);
    errno = 0;
    in_.open(file, std::ios::binary);
    if (!in_) fail(name_, ": cannot be opened for reading", reason(errno));
    if (trouble) fail(name_, ": cannot be looked at", reason(trouble.value()));
  }

  [[nodiscard]] std::uintmax_t size() const { return size_; }

  /// Its first bytes: at most `most`.
  [[nodiscard]] byte_view first(std::uintmax_t most)
  {
    const auto begun = bytes_.size();
    const auto end = std::max<std::uintmax_t>(begun, std::min(size_, most));
    try {
      if (end > bytes_.max_size()) throw std::bad_alloc();  // of 32 bits
      bytes_.resize(static_cast<std::size_t>(end));
    } catch (const std::exception&) {
      fail(name_, ": its ", end, " bytes do not fit in memory");
    }
    if (!in_.read(reinterpret_cast<char*>(bytes_.data() + begun),
                  static_cast<std::streamsize>(end - begun)))
      fail(name_, ": only ", begun + static_cast<std::size_t>(in_.gcount()), " of its ", end,
           " bytes could be read");
    return byte_view(bytes_).first(
        static_cast<std::size_t>(std::min<std::uintmax_t>(bytes_.size(), most)));
  }

  /// All of them; the file is done with.
  [[nodiscard]] std::vector<std::byte> all() &&
  {
    static_cast<void>(first(size_));
    return std::move(bytes_);
  }

 private:
  std::string name_;
  std::uintmax_t size_ = 0;
  std::ifstream in_;
  std::vector<std::byte> bytes_;
};

/// All bytes of a file. Folders, pipes and devices are refused.
[[nodiscard]] inline std::vector<std::byte> read_file(const std::filesystem::path& file)
{
  return opened_file(file).all();
}

/// A file that is written beside the one that it will replace, locked by its writer for as long as
/// that lives. Closed and, unless it was renamed, removed at the end.
struct unfinished_file {
  static constexpr std::string_view ending = ".unfinished";

  std::string name;
  int descriptor = -1;

  unfinished_file() = default;
  unfinished_file(const unfinished_file&) = delete;
  unfinished_file& operator=(const unfinished_file&) = delete;
  ~unfinished_file()
  {
    if (!name.empty()) ::unlink(name.c_str());
    if (descriptor >= 0) ::close(descriptor);
  }

  /// Makes it beside `file`; false, with errno, where that cannot be.
  [[nodiscard]] bool make(const std::filesystem::path& file)
  {
    static std::atomic<unsigned> count{0};
    for (;;) {
      std::string fresh = file.string() + "." + std::to_string(::getpid()) + "-" +
                          std::to_string(count++) + std::string(ending);
      descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor < 0 && errno == EEXIST) continue;
      if (descriptor < 0) return false;
      // Where files cannot be locked, remove_abandoned() cannot lock this one either, and leaves
      // it.
      ::flock(descriptor, LOCK_EX);
      struct stat now{};
      if (::fstat(descriptor, &now) != 0 || now.st_nlink > 0) {
        name = std::move(fresh);  // to copy it could throw, and leave the file
        return true;
      }
      ::close(descriptor);  // taken for abandoned before the lock was held
    }
  }
};

/// Calls each(name) for all that a folder holds; false, with errno, where it cannot be read. The
/// iterators of std::filesystem end the process where there is no memory for them (libstdc++ 12).
template <class Each>
[[nodiscard]] bool each_entry(const std::filesystem::path& folder, const Each& each)
{
  const auto close = [](DIR* opened) { ::closedir(opened); };
  const std::unique_ptr<DIR, decltype(close)> opened(::opendir(folder.c_str()), close);
  if (!opened) return false;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(opened.get());
    if (!entry) return errno == 0;
    each(std::string_view(entry->d_name));
  }
}

/// Removes what killed processes left unfinished in a folder. What a living process writes, this
/// one or another, stays.
inline void remove_abandoned(const std::filesystem::path& folder)
{
  // Of a folder that cannot be read, nothing is removed.
  static_cast<void>(each_entry(folder, [&](std::string_view name) {
    if (!name.ends_with(unfinished_file::ending)) return;
    const auto file = folder / name;
    const int left = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (left < 0) return;
    if (::flock(left, LOCK_EX | LOCK_NB) == 0) ::unlink(file.c_str());
    ::close(left);
  }));
}

/// Writes all parts; false, with errno, where that cannot be.
[[nodiscard]] inline bool write_all(int descriptor, std::span<const byte_view> parts)
{
  for (byte_view left : parts)
    while (!left.empty()) {
      const auto written = ::write(descriptor, left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      left = left.subspan(static_cast<std::size_t>(written));
    }
  return true;
}

/// Where a name leads through symbolic links, to a file or to where one will be. `descriptor` is
/// one of this process where the name is that of such, as /dev/stdout; otherwise -1.
struct write_target {
  std::filesystem::path file;
  int descriptor = -1;
};

[[nodiscard]] inline write_target target_of(const std::filesystem::path& named)
{
  constexpr int most_links = 40;  // as Linux
  write_target found{named};
  std::error_code trouble;
  for (int links = 0; std::filesystem::is_symlink(found.file, trouble); ++links) {
    if (links == most_links) fail(named.string(), ": its symbolic links lead nowhere");
    if (std::filesystem::equivalent(found.file.parent_path(), "/proc/self/fd", trouble)) {
      const std::string number = found.file.filename().string();
      const char* const end = number.data() + number.size();
      if (std::from_chars(number.data(), end, found.descriptor).ptr == end) return found;
    }
    const auto next = std::filesystem::read_symlink(found.file, trouble);
    if (trouble) fail(named.string(), ": its symbolic link cannot be read: ", trouble.message());
    found.file = found.file.parent_path() / next;
  }
  return found;
}

/// Writes the parts to a file beside `file`, has them on the disk, and only then renames it: a
/// reader, or a machine that loses its power, sees the old bytes or the new ones. A symbolic link
/// stays, and the file that it leads to is replaced; a pipe or a character device, /dev/stdout
/// among them, is written to as it stands. Throws `error` for folders and all else.
inline void replace_file(const std::filesystem::path& file, std::span<const byte_view> parts)
{
  const auto refuse = [&](const char* what) {
    const int number = errno;
    fail(file.string(), ": cannot ", what, ": ", std::generic_category().message(number));
  };
  const write_target target = target_of(file);
  std::error_code trouble;
  const auto type = std::filesystem::status(file, trouble).type();
  if (target.descriptor >= 0 || type == std::filesystem::file_type::fifo ||
      type == std::filesystem::file_type::character) {
    unfinished_file straight;
    straight.descriptor = target.descriptor >= 0
                              ? ::fcntl(target.descriptor, F_DUPFD_CLOEXEC, 0)
                              : ::open(target.file.c_str(), O_WRONLY | O_CLOEXEC);
    if (straight.descriptor < 0) refuse("be opened for writing");
    if (!write_all(straight.descriptor, parts)) refuse("be written");
    return;
  }
  if (type == std::filesystem::file_type::directory)
    fail(file.string(), ": a folder, where a file was to be written");
  if (type != std::filesystem::file_type::regular &&
      type != std::filesystem::file_type::not_found && type != std::filesystem::file_type::none)
    fail(file.string(), ": neither a file nor a pipe or character device, and is not written to");
  unfinished_file beside;
  if (!beside.make(target.file)) refuse("be created");
  if (!write_all(beside.descriptor, parts)) refuse("be written");
  if (::fsync(beside.descriptor) != 0) refuse("be brought to the disk");
  if (::rename(beside.name.c_str(), target.file.c_str()) != 0) refuse("be renamed into place");
  beside.name.clear();
  const auto folder =
      target.file.has_parent_path() ? target.file.parent_path() : std::filesystem::path(".");
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {  // the new name too; where a folder cannot be synced, the file still is
    ::fsync(directory);
    ::close(directory);
  }
}

}  // namespace retinue::detail

namespace retinue {

/// Writes a text, whole or not at all: a reader sees the old one or the new one. Links, pipes and
/// devices are taken as replace_file() says.
inline void write_text(const std::filesystem::path& file, std::string_view text)
{
  const std::array<detail::byte_view, 1> parts{std::as_bytes(std::span(text))};
  detail::replace_file(file, parts);
}

}  // namespace retinue
