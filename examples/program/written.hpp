// SPDX-License-Identifier: Apache-2.0
// What a program is about to write, looked at before any work: nothing that went in is replaced,
// and what could not be written is said at once.
#pragma once

#include <retinue/detail/file.hpp>
#include <retinue/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

/// Admits the name of a file or of a folder, but not the empty one.
[[nodiscard]] inline CLI::Validator any_name()
{
  return {[](const std::string& name) {
            return name.empty() ? std::string(
                                      "an empty name was given, expected that of a file "
                                      "or of a folder")
                                : std::string();
          },
          ""};
}

/// What --json writes to where it is not given the name of a file.
inline constexpr const char* standard_output = "-";

/// Where words for people go: where the standard output is asked for JSON, it has nothing else.
[[nodiscard]] inline std::FILE* words_beside(const std::filesystem::path& json)
{
  return json == standard_output ? stderr : stdout;
}
inline void print_beside(const std::filesystem::path& json, const std::string& words)
{
  std::fputs(words.c_str(), words_beside(json));
  std::fflush(words_beside(json));
}

/// To the file, or to the standard output; nowhere where there is no name.
inline void write_json(const std::filesystem::path& json, const std::string& text)
{
  if (json == standard_output)
    std::fputs(text.c_str(), stdout);
  else if (!json.empty())
    retinue::write_text(json, text);
}

/// A file, whatever name leads to it.
using file_identity = std::pair<dev_t, ino_t>;

/// Of a regular file; of none where nothing, a folder or a device has that name.
[[nodiscard]] inline std::optional<file_identity> identity_of(const std::filesystem::path& file)
{
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  return file_identity(found.st_dev, found.st_ino);
}

/// A file that will be written, and the option that names it; none where the name is empty, or JSON
/// is to be written to the standard output.
struct written_file {
  std::string option;
  std::filesystem::path name;
  bool in_place = false;  ///< not replaced as a whole: one that is there needs no other beside it

  [[nodiscard]] bool is_none() const
  {
    return name.empty() || (option.starts_with("--json") && name == standard_output);
  }
};

/// Throws where one of `written` is one of `read` or another of `written`.
inline void refuse_to_replace(std::span<const std::filesystem::path> read,
                              std::span<const written_file> written)
{
  std::set<file_identity> kept;
  for (const auto& file : read)
    if (const auto one = identity_of(file)) kept.insert(*one);
  std::map<std::filesystem::path, std::string> names;
  for (const written_file& file : written) {
    if (file.is_none()) continue;
    const auto& [option, name, in_place] = file;
    const auto one = identity_of(name);
    if (one && kept.contains(*one))
      retinue::fail(option, " would replace ", name.string(),
                    ", which is read, expected another file or folder");
    // Where a folder of it cannot be looked at, the name as it was given has to do.
    std::error_code trouble;
    auto whole = std::filesystem::weakly_canonical(name, trouble);
    if (trouble) whole = name.lexically_normal();
    const auto [first, fresh] = names.emplace(std::move(whole), option);
    if (!fresh)
      retinue::fail(option, " would replace ", name.string(), ", which ", first->second,
                    " writes, expected another name");
  }
}

/// Whether that is a pipe, a device or an open descriptor, as /dev/stdout, which is written to as
/// it stands.
[[nodiscard]] inline bool is_stream(const std::filesystem::path& name)
{
  const auto status = retinue::detail::status_of(name);
  return (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) ||
         retinue::detail::target_of(name).descriptor >= 0;
}

/// How a file's name ends, in small letters.
[[nodiscard]] inline std::string ending_of(const std::filesystem::path& name)
{
  std::string ending = name.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending;
}

/// Throws where a file's name does not end as what is written to it, in letters of either case: a
/// photo that was named by mistake is not replaced by a text.
inline void check_ending(const written_file& file, std::string_view expected)
{
  if (file.is_none() || is_stream(file.name)) return;
  if (ending_of(file.name) != expected)
    retinue::fail(file.option, " ", file.name.string(),
                  ": cannot be written in this form, expected ", expected);
}

/// Throws where no file can be made in the folder ("": the one of the process). `what` stands
/// before that.
inline void refuse_read_only(const std::string& what, const std::filesystem::path& folder)
{
  const std::string name = folder.empty() ? "." : folder.string();
  if (::faccessat(AT_FDCWD, name.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    retinue::fail(what, ": the folder ", name, " cannot be written to",
                  retinue::detail::reason(errno));
}

/// Throws where the file could be neither made nor replaced.
inline void refuse_read_only(const written_file& file)
{
  if (is_stream(file.name)) return;
  if (file.in_place && std::filesystem::exists(retinue::detail::status_of(file.name))) return;
  refuse_read_only(file.option + " " + file.name.string(),
                   retinue::detail::target_of(file.name).file.parent_path());
}

/// Throws where JSON would take the place of a label or a picture in a folder that is read.
inline void refuse_labels(std::span<const std::filesystem::path> read, const written_file& file)
{
  namespace fs = std::filesystem;
  if (!file.option.starts_with("--json") || !identity_of(file.name)) return;
  constexpr std::array endings{".txt", ".xml", ".jpg", ".jpeg", ".png", ".bmp"};
  if (std::ranges::find(endings, ending_of(file.name)) == endings.end()) return;
  std::error_code trouble;
  const fs::path name = fs::canonical(file.name, trouble);
  for (const fs::path& folder : read) {
    if (trouble || !fs::is_directory(folder, trouble)) continue;
    const fs::path root = fs::canonical(folder, trouble);
    if (!trouble &&
        std::mismatch(root.begin(), root.end(), name.begin(), name.end()).first == root.end())
      retinue::fail(file.option, " would replace ", file.name.string(), " of ", folder.string(),
                    ", which is read, expected another file");
  }
}

/// The same as refuse_to_replace() for files named one by one, which it must be possible to write.
inline void check_written(std::span<const std::filesystem::path> read,
                          std::span<const written_file> written)
{
  for (const written_file& file : written) {
    if (file.is_none()) continue;
    refuse_labels(read, file);
    const auto& [option, name, in_place] = file;
    const std::filesystem::path folder = name.parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(retinue::detail::status_of(folder)))
      retinue::fail(option, " ", name.string(), ": there is no folder ", folder.string());
    if (std::filesystem::is_directory(retinue::detail::status_of(name)))
      retinue::fail(option, " ", name.string(), ": a folder, expected a file");
    refuse_read_only(file);
  }
  refuse_to_replace(read, written);
}

/// Makes the folder that an option names, if it is not there.
inline void make_folder(const std::string& option, const std::filesystem::path& folder)
{
  std::error_code trouble, absent;
  std::filesystem::create_directories(folder, trouble);
  if (!std::filesystem::is_directory(folder, absent))
    retinue::fail(option, " ", folder.string(), ": the folder cannot be made",
                  trouble ? ": " + trouble.message() : std::string());
  refuse_read_only(option + " " + folder.string(), folder);
}
