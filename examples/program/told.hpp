// SPDX-License-Identifier: Apache-2.0
// What was found, told while the work goes on: as a table for people, or as lines of JSON.
#pragma once

#include "sources.hpp"
#include "written.hpp"

#include <retinue/data/detections_json.hpp>
#include <retinue/detail/file.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/detection.hpp>
#include <retinue/error.hpp>
#include <retinue/error_in_text.hpp>
#include <retinue/geometry.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// What was found in one picture, as to_json() has it, with the moment of a frame:
///   {"image": "a.avi", "frame": 12, "seconds": 0.48, "width": 640, ...}
template <retinue::landmark_schema Schema>
[[nodiscard]] nlohmann::ordered_json json_of(const taken_picture& picture, retinue::extent2 size,
                                             std::span<const retinue::detection<Schema>> found,
                                             std::span<const std::string_view> classes)
{
  auto all = retinue::to_json(picture.from.string(), size, found, classes);
  if (!picture.when) return all;
  nlohmann::ordered_json dated;
  dated["image"] = std::move(all["image"]);
  dated["frame"] = picture.when->frame;
  dated["seconds"] = picture.when->seconds;
  for (auto& [key, value] : all.items())
    if (key != "image") dated[key] = std::move(value);
  return dated;
}

/// A line for each picture, in a file or on the standard output, there as soon as it is written.
class json_lines {
 public:
  /// Nowhere where there is no name.
  explicit json_lines(std::filesystem::path file) : file_(std::move(file))
  {
    if (file_.empty() || file_ == standard_output) return;
    errno = 0;
    to_file_.open(file_, std::ios::binary | std::ios::trunc);
    if (!to_file_) refuse();
  }

  void add(const nlohmann::ordered_json& one)
  {
    if (file_.empty()) return;
    std::ostream& to = file_ == standard_output ? std::cout : to_file_;
    errno = 0;
    to << one.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
    to.flush();
    if (!to) refuse();
  }

 private:
  [[noreturn]] void refuse() const
  {
    retinue::fail("--json-lines ", file_.string(), ": cannot be written",
                  retinue::detail::reason(errno));
  }

  std::filesystem::path file_;
  std::ofstream to_file_;
};

/// A row for each detection, in pixels; one for a picture without any.
///
///   picture                               object      score       x       y   width  height
///   clip.avi, frame 12, 0.48 s            face       0.9981   102.4    87.0    60.2    81.5
class detection_table {
 public:
  static constexpr int name_columns = 36, class_columns = 12;

  template <retinue::landmark_schema Schema>
  [[nodiscard]] std::string rows(const std::string& name,
                                 std::span<const retinue::detection<Schema>> found,
                                 std::span<const std::string> classes)
  {
    std::string text;
    if (!std::exchange(begun_, true)) {
      text += cell("picture", name_columns) + cell("object", class_columns);
      for (const char* title : {"score", "x", "y", "width", "height"}) text += number("%8s", title);
      text += "\n";
    }
    if (found.empty()) text += cell(name, name_columns) + "none\n";
    for (const auto& d : found) {
      const auto label = static_cast<std::size_t>(std::max(d.label, 0));
      text +=
          cell(name, name_columns) +
          cell(label >= 1 && label <= classes.size() ? classes[label - 1] : std::to_string(d.label),
               class_columns) +
          number("%8.4f", double(d.score));
      const auto& b = d.bounds;
      for (const float v : {b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1})
        text += number("%8.1f", double(v));
      text += "\n";
    }
    return text;
  }

 private:
  template <class T>
  [[nodiscard]] static std::string number(const char* format, T value)
  {
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
  }
  /// As wide as that, and a space; of longer text the end, which tells names apart.
  [[nodiscard]] static std::string cell(const std::string& text, int columns)
  {
    std::string shown = retinue::detail::printable(text);
    std::size_t width = retinue::detail::columns_of(shown);
    const auto most = static_cast<std::size_t>(columns);
    if (width > most) {
      while (width + 3 > most) {
        shown.erase(0, retinue::detail::utf8_length(shown));
        width = retinue::detail::columns_of(shown);
      }
      shown.insert(0, "...");
      width += 3;
    }
    return shown + std::string(most - width + 1, ' ');
  }

  bool begun_ = false;
};
