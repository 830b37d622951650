// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run, as files of safetensors in one folder:
//
//   step-000001200.safetensors   all that a run needs to go on from update 1200
//
// Each is written beside its place and renamed into it, so that whenever the process or the machine
// ends, the newest file of that name is whole; no pointer to it has to be kept.
#pragma once

#include <retinue/detail/file.hpp>          // remove_abandoned
#include <retinue/error.hpp>                // fail
#include <retinue/weights/safetensors.hpp>  // write_safetensors

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace retinue {

class checkpoint_folder {
 public:
  /// Keeps the last `keep` of them, at least 1. Makes the folder.
  explicit checkpoint_folder(std::filesystem::path folder, std::size_t keep = 3)
      : folder_(std::move(folder)), keep_(std::max<std::size_t>(keep, 1))
  {
    std::error_code trouble;
    std::filesystem::create_directories(folder_, trouble);
    if (trouble) fail(folder_.string(), ": the folder cannot be made: ", trouble.message());
  }

  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }

  /// The updates for which there is a checkpoint, rising.
  [[nodiscard]] std::vector<std::int64_t> steps() const
  {
    std::vector<std::int64_t> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (const auto step = step_of(entry.path().filename().string())) found.push_back(*step);
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
  /// living one, left unfinished.
  void write(std::int64_t step, const state_dict& state) const
  {
    write_safetensors(file_of(step), state);
    auto all = steps();
    while (all.size() > keep_) {
      remove(file_of(all.front()));
      all.erase(all.begin());
    }
    detail::remove_abandoned(folder_);
  }

  /// The newest, or nothing where there is none.
  [[nodiscard]] std::optional<std::int64_t> latest() const
  {
    const auto all = steps();
    return all.empty() ? std::nullopt : std::optional(all.back());
  }

 private:
  static constexpr std::string_view prefix = "step-", suffix = ".safetensors";

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
