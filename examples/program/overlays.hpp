// SPDX-License-Identifier: Apache-2.0
// The files that overlays are written to: one for each picture, and none of them a picture that
// went in.
#pragma once

#include "written.hpp"

#include <retinue/detail/printable.hpp>
#include <retinue/image/files.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

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
  std::vector<written_file> written;
  for (const auto& file : files) written.push_back({"--overlay", file});
  refuse_to_replace(pictures, written);
  return files;
}

/// For the user, where a file's name does not tell whose overlay it is; empty where it does.
[[nodiscard]] inline std::string overlay_note(const std::filesystem::path& file,
                                              const std::filesystem::path& picture)
{
  if (file.filename() == overlay_name(picture)) return {};
  return retinue::detail::printable(file.string() + " shows " + picture.string());
}
