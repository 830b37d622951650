// SPDX-License-Identifier: Apache-2.0
// The files that overlays are written to: one for each picture, and none of them a picture that
// went in.
#pragma once

#include <retinue/detail/printable.hpp>
#include <retinue/error.hpp>
#include <retinue/image/files.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// A file, whatever name leads to it.
using file_identity = std::pair<dev_t, ino_t>;

/// Throws where one of `written` is a picture that went in.
inline void refuse_to_draw_over(std::span<const std::filesystem::path> pictures,
                                std::span<const std::filesystem::path> written)
{
  struct stat found{};
  std::set<file_identity> read;
  for (const auto& picture : pictures)
    if (::stat(picture.c_str(), &found) == 0) read.emplace(found.st_dev, found.st_ino);
  for (const auto& file : written)
    if (::stat(file.c_str(), &found) == 0 && read.contains({found.st_dev, found.st_ino}))
      retinue::fail("--overlay would draw over the picture ", file.string(),
                    ", expected another file or folder");
}

/// The name that a picture's overlay has, unless another picture took it.
[[nodiscard]] inline std::filesystem::path overlay_name(const std::filesystem::path& picture)
{
  const std::filesystem::path name = picture.filename();
  return retinue::is_image_name(name) ? name : std::filesystem::path(name.string() + ".png");
}

/// In a folder, one file for each picture, in their order: those of one name, from several folders,
/// are numbered from the second. Throws where one of them is a picture that went in.
[[nodiscard]] inline std::vector<std::filesystem::path> overlay_files(
    const std::filesystem::path& folder, std::span<const std::filesystem::path> pictures)
{
  std::set<std::filesystem::path> names, taken;
  for (const auto& picture : pictures) names.insert(overlay_name(picture));
  std::vector<std::filesystem::path> files;
  for (const auto& picture : pictures) {
    const std::filesystem::path first = overlay_name(picture);
    std::filesystem::path name = first;
    for (std::size_t number = 2; taken.contains(name) || (name != first && names.contains(name));
         ++number)
      name = first.stem().string() + "-" + std::to_string(number) + first.extension().string();
    taken.insert(name);
    files.push_back(folder / name);
  }
  refuse_to_draw_over(pictures, files);
  return files;
}

/// For the user, where a file's name does not tell whose overlay it is; empty where it does.
[[nodiscard]] inline std::string overlay_note(const std::filesystem::path& file,
                                              const std::filesystem::path& picture)
{
  if (file.filename() == overlay_name(picture)) return {};
  return retinue::detail::printable(file.string() + " shows " + picture.string());
}
