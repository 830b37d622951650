// SPDX-License-Identifier: Apache-2.0
// The log of a run: one JSON object a line, one line an update.
//
//   {"step": 12, "epoch": 0, "rate": 0.001, "box": 1.2, "label": 2.3, "landmark": 3.4,
//    "total": 8.1, "gradient": 5.6, "positives": 210, "images_per_second": 34.5}
#pragma once

#include <retinue/detail/file.hpp>  // read_file, write_text
#include <retinue/error.hpp>        // fail

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// What one update did.
struct log_line {
  std::int64_t step = 0, epoch = 0;  ///< both from 0
  double rate = 0;
  double box = 0, label = 0, landmark = 0, total = 0;  ///< loss
  double gradient = 0;                                 ///< its norm, before clipping
  std::int64_t positives = 0;                          ///< anchors
  double images_per_second = 0;
};

namespace detail {
/// The one place where keys stand.
template <class Line, class Field>
void log_fields(Line& line, const Field& field)
{
  field("step", line.step);
  field("epoch", line.epoch);
  field("rate", line.rate);
  field("box", line.box);
  field("label", line.label);
  field("landmark", line.landmark);
  field("total", line.total);
  field("gradient", line.gradient);
  field("positives", line.positives);
  field("images_per_second", line.images_per_second);
}
}  // namespace detail

[[nodiscard]] inline std::string to_json(const log_line& line)
{
  nlohmann::ordered_json made;
  detail::log_fields(line, [&](const char* key, const auto& value) { made[key] = value; });
  return made.dump();
}

/// The lines of a log. A last line without an end is what a killed process left: it is not read.
[[nodiscard]] inline std::vector<log_line> read_log(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  std::istringstream in{std::string(detail::characters(bytes))};
  std::vector<log_line> lines;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text) && !in.eof(); ++number) try {
      const auto parsed = nlohmann::json::parse(text);
      log_line line;
      detail::log_fields(line, [&](const char* key, auto& value) { parsed.at(key).get_to(value); });
      lines.push_back(line);
    } catch (const nlohmann::json::exception&) {
      fail(file.string(), ": line ", number, " is no line of a training log");
    }
  return lines;
}

/// Adds lines to the log of a run that begins, or goes on, at update `step`: what an earlier
/// process logged of later updates is taken away, as those are done again.
class log_writer {
 public:
  log_writer(const std::filesystem::path& file, std::int64_t step)
  {
    std::string kept;
    if (std::filesystem::exists(file))
      for (const log_line& line : read_log(file))
        if (line.step < step) kept += to_json(line) + "\n";
    write_text(file, kept);
    out_.open(file, std::ios::app);
    if (!out_) fail(file.string(), ": cannot be opened for writing");
    name_ = file.string();
  }

  void add(const log_line& line)
  {
    out_ << to_json(line) << '\n' << std::flush;  // at once: a reader may follow it
    if (!out_) fail(name_, ": cannot be written");
  }

 private:
  std::ofstream out_;
  std::string name_;
};

}  // namespace retinue
