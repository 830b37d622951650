// SPDX-License-Identifier: Apache-2.0
// The log of a run: one JSON object a line, one line an update.
//
//   {"step": 12, "epoch": 0, "rate": 0.001, "box": 1.2, "label": 2.3, "landmark": 3.4,
//    "total": 8.1, "gradient": 5.6, "positives": 210, "images_per_second": 34.5}
//
// Between rate and total stand the terms of the loss, whatever it calls them.
#pragma once

#include <retinue/detail/file.hpp>       // read_file, write_text
#include <retinue/detail/json_text.hpp>  // json, json_tree, parse_json
#include <retinue/error.hpp>             // error, fail

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// A part of a loss, by name: "box", "label" and the like.
struct loss_term {
  std::string name;
  double value = 0;
};

/// What one update did.
struct log_line {
  std::int64_t step = 0, epoch = 0;  ///< both from 0
  double rate = 0;
  std::vector<loss_term> terms{};  ///< of the loss, in its order, before they are weighed
  double total = 0;                ///< of the terms, weighed
  double gradient = 0;             ///< its norm, before clipping
  std::int64_t positives = 0;      ///< anchors
  double images_per_second = 0;

  /// The term of that name, or nothing where the loss has none.
  [[nodiscard]] std::optional<double> term(std::string_view name) const
  {
    const auto found = std::ranges::find(terms, name, &loss_term::name);
    return found == terms.end() ? std::nullopt : std::optional(found->value);
  }
};

namespace detail {
/// The one place where keys stand. `terms` is called where those of the loss have theirs.
template <class Line, class Field, class Terms>
void log_fields(Line& line, const Field& field, const Terms& terms)
{
  field("step", line.step);
  field("epoch", line.epoch);
  field("rate", line.rate);
  terms();
  field("total", line.total);
  field("gradient", line.gradient);
  field("positives", line.positives);
  field("images_per_second", line.images_per_second);
}

/// The number under a key of a log line; nothing where there is none, where an integer is no count
/// or has other digits than an integer, or where a fraction is not finite.
template <class T>
[[nodiscard]] std::optional<T> logged_number(const json& value)
{
  if constexpr (std::integral<T>) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
  } else if (!value.is_number() || !std::isfinite(value.get<double>())) {
    return std::nullopt;
  }
  return value.get<T>();
}

/// A line as to_json writes it, or nothing.
[[nodiscard]] inline std::optional<log_line> parse_log_line(const std::string& text)
{
  json_tree<json> tree;
  try {
    tree = parse_json<json>(text, "");
  } catch (const error&) {
    return std::nullopt;
  }
  const json& parsed = *tree;
  if (!parsed.is_object()) return std::nullopt;
  log_line line;
  bool whole = true;
  std::vector<std::string_view> others;
  log_fields(
      line,
      [&]<class T>(const char* key, T& value) {
        others.emplace_back(key);
        const auto at = parsed.find(key);
        const auto number = at == parsed.end() ? std::nullopt : logged_number<T>(*at);
        whole = whole && number.has_value();
        value = number.value_or(T{});
      },
      [] {});
  for (const auto& [key, value] : parsed.items()) {
    if (std::ranges::find(others, key) != others.end()) continue;
    const auto number = logged_number<double>(value);
    whole = whole && number.has_value();
    line.terms.push_back({key, number.value_or(0)});
  }
  return whole ? std::optional(line) : std::nullopt;
}
}  // namespace detail

/// A line of the log: one JSON object, in which terms are keyed by their names.
[[nodiscard]] inline std::string to_json(const log_line& line)
{
  detail::json_tree<detail::json> tree;
  detail::json& made = *tree;
  made = detail::json::object();  // null, where it becomes one without memory, ends the process
  detail::log_fields(
      line, [&](const char* key, const auto& value) { made[key] = value; },
      [&] {
        for (const loss_term& term : line.terms) made[term.name] = term.value;
      });
  return made.dump();
}

/// What a log says. A last line without an end is what a killed process left: it is not read. Nor
/// are damaged lines after which no good one comes, as a loss of power may leave them; `damaged` is
/// then the number of the first, from 1. Throws where one stands between good ones.
[[nodiscard]] inline std::vector<log_line> read_log(const std::filesystem::path& file,
                                                    std::optional<std::size_t>* damaged = nullptr)
{
  const auto bytes = detail::read_file(file);
  std::istringstream in{std::string(detail::characters(bytes))};
  std::vector<log_line> lines;
  std::optional<std::size_t> bad;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text) && !in.eof(); ++number) {
    const auto line = detail::parse_log_line(text);
    if (line && bad) fail(file.string(), ": line ", *bad, " is no line of a training log");
    if (line)
      lines.push_back(*line);
    else if (!bad)
      bad = number;
  }
  if (damaged) *damaged = bad;
  return lines;
}

/// Adds lines to the log of a run that begins, or goes on, at update `step`: what an earlier
/// process logged of later updates is taken away, as those are done again.
class log_writer {
 public:
  /// Goes on with the file behind that update. Throws where it has a bad line between good ones,
  /// and where it cannot be read or written.
  log_writer(const std::filesystem::path& file, std::int64_t step)
  {
    std::string kept;
    if (std::filesystem::exists(file))
      for (const log_line& line : read_log(file, &damaged_))
        if (line.step < step) {
          kept += to_json(line) + "\n";
          told_ = line.step + 1;
        }
    write_text(file, kept);
    out_.open(file, std::ios::app);
    if (!out_) fail(file.string(), ": cannot be opened for writing");
    name_ = file.string();
  }

  /// The line from which on the former log was damaged, and is dropped; from 1.
  [[nodiscard]] std::optional<std::size_t> damaged() const { return damaged_; }

  /// Before which update the lines of the earlier ones end: `step`, unless some were lost.
  [[nodiscard]] std::int64_t told() const { return told_; }

  /// One more line, which is in the file when this returns. Throws where it cannot be written.
  void add(const log_line& line)
  {
    out_ << to_json(line) << '\n' << std::flush;  // at once: a reader may follow it
    if (!out_) fail(name_, ": cannot be written");
  }

 private:
  std::ofstream out_;
  std::string name_;
  std::optional<std::size_t> damaged_;
  std::int64_t told_ = 0;
};

}  // namespace retinue
