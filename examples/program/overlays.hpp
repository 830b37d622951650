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

/// Names of overlays in a folder, one for each picture: those of one name, from several folders,
/// are numbered from the second.
class overlay_names {
 public:
  overlay_names() = default;

  /// What is already known of the pictures: their names are not given to numbered ones.
  explicit overlay_names(std::span<const std::filesystem::path> pictures)
  {
    for (const auto& picture : pictures) known_.insert(overlay_name(picture));
  }

  [[nodiscard]] std::filesystem::path next(const std::filesystem::path& picture)
  {
    const std::filesystem::path first = overlay_name(picture);
    std::filesystem::path name = first;
    for (std::size_t number = 2; taken_.contains(name) || (name != first && known_.contains(name));
         ++number)
      name = first.stem().string() + "-" + std::to_string(number) + first.extension().string();
    taken_.insert(name);
    return name;
  }

 private:
  std::set<std::filesystem::path> known_, taken_;
};

/// In a folder, one file for each picture, in their order. Throws where one of them is a picture
/// that went in.
[[nodiscard]] inline std::vector<std::filesystem::path> overlay_files(
    const std::filesystem::path& folder, std::span<const std::filesystem::path> pictures)
{
  overlay_names names(pictures);
  std::vector<std::filesystem::path> files;
  for (const auto& picture : pictures) files.push_back(folder / names.next(picture));
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
