// SPDX-License-Identifier: Apache-2.0
// What a program is about to write, looked at before any work: nothing that went in is replaced,
// and what could not be written is said at once.
#pragma once

#include <retinue/detail/file.hpp>
#include <retinue/error.hpp>

#include <sys/stat.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
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
  std::set<std::filesystem::path> names;
  for (const written_file& file : written) {
    if (file.is_none()) continue;
    const auto& [option, name] = file;
    const auto one = identity_of(name);
    if (one && kept.contains(*one))
      retinue::fail(option, " would replace ", name.string(),
                    ", which is read, expected another file or folder");
    if (!names.insert(std::filesystem::weakly_canonical(name)).second)
      retinue::fail(option, " would replace ", name.string(), ", which another option writes");
  }
}

/// The same for files named one by one, whose folders must be there.
inline void check_written(std::span<const std::filesystem::path> read,
                          std::span<const written_file> written)
{
  for (const written_file& file : written) {
    if (file.is_none()) continue;
    const auto& [option, name] = file;
    const std::filesystem::path folder = name.parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder))
      retinue::fail(option, " ", name.string(), ": there is no folder ", folder.string());
    if (std::filesystem::is_directory(name))
      retinue::fail(option, " ", name.string(), ": a folder, expected a file");
  }
  refuse_to_replace(read, written);
}

/// Makes the folder that an option names, if it is not there.
inline void make_folder(const std::string& option, const std::filesystem::path& folder)
{
  std::error_code trouble;
  std::filesystem::create_directories(folder, trouble);
  if (!std::filesystem::is_directory(folder))
    retinue::fail(option, " ", folder.string(), ": the folder cannot be made",
                  trouble ? ": " + trouble.message() : std::string());
}
