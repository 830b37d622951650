// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run, as files of safetensors in one folder:
//
//   step-000001200.safetensors   all that a run needs to go on from update 1200
//
// Each is written beside its place and renamed into it, so that whenever the process or the machine
// ends, the newest file of that name is whole; no pointer to it has to be kept. Its metadata holds
// its update and a checksum: a byte that flips on the disk, or a file under another name, is seen.
#pragma once

#include <retinue/detail/file.hpp>          // remove_abandoned
#include <retinue/error.hpp>                // fail
#include <retinue/weights/safetensors.hpp>  // read_safetensors, write_safetensors
#include <retinue/weights/zip.hpp>          // crc32

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {
/// Of all that the state says, but for the checksum that its metadata may hold: 8 hexadecimals.
[[nodiscard]] inline std::string checksum_of(const state_dict& state, std::string_view but_for)
{
  const auto of = [](byte_view bytes) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(crc32(bytes)));
    return std::string(digits.data());
  };
  std::string text;
  std::vector<std::byte> turned;
  for (const auto& [key, value] : state.metadata)
    if (key != but_for) text += key + '\0' + value + '\0';
  for (const auto& [name, tensor] : state)
    text += name + '\0' + std::string(name_of(tensor.type)) + text_of(tensor.shape) +
            of(in_little_endian(tensor.bytes, size_of(tensor.type), turned));
  return of(std::as_bytes(std::span(text)));
}
}  // namespace detail

/// The checkpoints of one run: the newest few, and the best.
class checkpoint_folder {
 public:
  /// Keeps the last `keep` of them, at least 1. Makes the folder. Throws where it cannot be made.
  explicit checkpoint_folder(std::filesystem::path folder, std::size_t keep = 3)
      : folder_(std::move(folder)), keep_(std::max<std::size_t>(keep, 1))
  {
    std::error_code trouble;
    std::filesystem::create_directories(folder_, trouble);
    if (trouble) fail(folder_.string(), ": the folder cannot be made: ", trouble.message());
  }

  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }

  /// The updates for which there is a checkpoint, rising. Throws where the folder cannot be read.
  [[nodiscard]] std::vector<std::int64_t> steps() const
  {
    std::vector<std::int64_t> found;
    if (!detail::each_entry(folder_, [&](std::string_view name) {
          if (const auto step = step_of(name)) found.push_back(*step);
        })) {
      const int number = errno;
      fail(folder_.string(),
           ": the folder cannot be read: ", std::generic_category().message(number));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  [[nodiscard]] std::filesystem::path file_of(std::int64_t step) const
  {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%09lld", static_cast<long long>(step));
    return folder_ / (std::string(prefix) + digits + std::string(suffix));
  }

  /// Writes one, then removes those beyond the last `keep`, and what a killed process, but not a
  /// living one, left unfinished. Update and checksum are added to the metadata. Throws where it
  /// cannot be written, or another one not be removed.
  void write(std::int64_t step, state_dict state) const
  {
    state.metadata[step_key] = std::to_string(step);
    state.metadata[checksum_key] = detail::checksum_of(state, checksum_key);
    write_safetensors(file_of(step), state);
    auto all = steps();
    while (all.size() > keep_) {
      remove(file_of(all.front()));
      all.erase(all.begin());
    }
    detail::remove_abandoned(folder_);
  }

  /// What was written for an update. Throws where the file is not that, to the last bit.
  [[nodiscard]] state_dict read(std::int64_t step) const
  {
    const auto file = file_of(step);
    state_dict state = read_safetensors(file);
    const auto said = [&](const char* key) -> const std::string& {
      const auto at = state.metadata.find(key);
      if (at == state.metadata.end())
        fail(file.string(), ": its metadata lacks ", key, ", as no checkpoint's does");
      return at->second;
    };
    if (said(checksum_key) != detail::checksum_of(state, checksum_key))
      fail(file.string(), ": its checksum is not that of what it holds: it is damaged");
    if (said(step_key) != std::to_string(step))
      fail(file.string(), ": it is the checkpoint of update ", said(step_key));
    return state;
  }

  /// Renames one so that it is none any more, for whoever wants to look into it. Returns the name.
  /// Throws where it cannot be renamed.
  std::filesystem::path set_aside(std::int64_t step) const
  {
    const auto file = file_of(step);
    auto aside = file;
    aside += ".damaged";
    std::error_code trouble;
    std::filesystem::rename(file, aside, trouble);
    if (trouble) fail(file.string(), ": cannot be renamed: ", trouble.message());
    return aside;
  }

  /// The newest, or nothing where there is none. Throws where the folder cannot be read.
  [[nodiscard]] std::optional<std::int64_t> latest() const
  {
    const auto all = steps();
    return all.empty() ? std::nullopt : std::optional(all.back());
  }

 private:
  static constexpr std::string_view prefix = "step-", suffix = ".safetensors";
  static constexpr const char *step_key = "retinue.step", *checksum_key = "retinue.checksum";

  static std::optional<std::int64_t> step_of(std::string_view name)
  {
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
    name.remove_prefix(prefix.size());
    name.remove_suffix(std::min(suffix.size(), name.size()));
    std::int64_t step = 0;
    const auto [end, trouble] = std::from_chars(name.data(), name.data() + name.size(), step);
    if (trouble != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return step;
  }

  static void remove(const std::filesystem::path& file)
  {
    std::error_code trouble;
    std::filesystem::remove(file, trouble);
    if (trouble) fail(file.string(), ": cannot be removed: ", trouble.message());
  }

  std::filesystem::path folder_;
  std::size_t keep_;
};

}  // namespace retinue
