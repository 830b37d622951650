// SPDX-License-Identifier: Apache-2.0
// A configuration as JSON. Every key is optional; with "preset" the others change that preset.
//
//   {"preset": "mobilenet0.25",
//    "network": {"body": "resnet50", "channels": 256, "body_slope": 0, "neck_slope": 0},
//    "classes": ["face"], "landmarks": 5,
//    "anchors": {"levels": [{"stride": 8, "sizes": [16, 32]}, ...], "clip": false},
//    "coder": {"centre": 0.1, "size": 0.2, "largest_log": 4.1},        null: exp is not clamped
//    "input": {"channels": "bgr", "mean": [104, 117, 123], "scale": [1, 1, 1],
//              "long_side": 0},
//    "detect": {"score": 0.02, "candidates": 5000, "overlap": 0.4, "keep": 750, "clip": false,
//               "suppression": "continuous"}}                          or "inclusive_pixels"
#pragma once

#include <retinue/config/detector_config.hpp>  // detector_config
#include <retinue/config/fields.hpp>           // json_reader, json_writer
#include <retinue/config/presets.hpp>          // find_preset
#include <retinue/detail/file.hpp>             // read_file
#include <retinue/error.hpp>                   // fail

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace retinue {

namespace detail {

/// Config, or const Config: one description serves reading and writing.
template <class C, class Config>
concept form_of = std::same_as<std::remove_const_t<C>, Config>;

/// What every detector has behind its network.
template <class Fields, class Config>
void describe_finding(Fields& fields, Config& c)
{
  constexpr double many = 1'000'000;
  fields.group("coder", [&](auto& coder) {
    coder("centre", c.coder.centre, between{0, 100, true});
    coder("size", c.coder.size, between{0, 100, true});
    coder("largest_log", c.coder.largest_log, between{0, 80, true, true});
  });
  fields.group("input", [&](auto& input) {
    input("channels", c.input.channels, one_of{{"bgr", "rgb"}});
    input("mean", c.input.mean, between{-many, many});
    input("scale", c.input.scale, between{0, many, true});
    input("long_side", c.input.long_side, between{0, 20000});
  });
  fields.group("detect", [&](auto& detect) {
    detect("score", c.detect.score, between{0, 1});
    detect("candidates", c.detect.candidates, between{1, 1000 * many});
    detect("overlap", c.detect.overlap, between{0, 1});
    detect("keep", c.detect.keep, between{1, 1000 * many});
    detect("clip", c.detect.clip, yes_or_no{});
    detect("suppression", c.inclusive_pixels, one_of{{"continuous", "inclusive_pixels"}});
  });
}

/// The one place where keys stand.
template <class Fields, form_of<detector_config> Config>
void describe(Fields& fields, Config& c)
{
  one_of bodies;
  for (const auto& body : known_bodies) bodies.words.push_back(body.name);
  constexpr double many = 1'000'000;

  fields("name", c.name, some_text{});
  fields.group("network", [&](auto& network) {
    network("body", c.body, bodies);
    network("channels", c.channels, between{4, 4096});
    network("body_slope", c.body_slope, between{0, 1});
    network("neck_slope", c.neck_slope, between{0, 1});
  });
  fields("classes", c.classes, some_text{});
  fields("landmarks", c.landmarks, between{0, 1000});
  fields.group("anchors", [&](auto& anchors) {
    anchors.list("levels", c.anchors.level, [](auto& level, auto& l) {
      level("stride", l.stride, between{1, 1024});
      level("sizes", l.sizes, between{0, many, true});
    });
    anchors("clip", c.anchors.clip, yes_or_no{});
  });
  describe_finding(fields, c);
}

inline void check_classes(const std::vector<std::string>& classes, const std::string& where)
{
  std::set<std::string_view> names;
  for (const auto& name : classes)
    if (!names.insert(name).second) fail(where, ": classes has ", detail::quoted(name), " twice");
}

/// What no single key can tell.
inline void check_together(const detector_config& c, const std::string& where)
{
  if (c.channels % 4 != 0)
    fail(where, ": network.channels is ", c.channels, ", expected a multiple of 4");
  const auto body = std::find_if(known_bodies.begin(), known_bodies.end(),
                                 [&](const known_body& b) { return b.name == c.body; });
  int finer = 0;
  for (std::size_t l = 0; l < c.anchors.level.size(); ++l) {
    const auto& [stride, sizes] = c.anchors.level[l];
    const std::string path = where + ": anchors.levels[" + std::to_string(l) + "]";
    if (std::find(body->strides.begin(), body->strides.end(), stride) == body->strides.end())
      fail(path, ".stride is ", stride, ", which ", c.body, " does not offer");
    if (stride <= finer)
      fail(path, ".stride is ", stride, ", expected more than the ", finer, " before it");
    if (sizes.empty()) fail(path, ".sizes is missing, expected a list of sides in pixels");
    finer = stride;
  }
  check_classes(c.classes, where);
}

/// Throws for what stands at byte `at`, or for the end of the text.
[[noreturn]] inline void refuse_json(std::string_view text, std::size_t at,
                                     const std::string& where)
{
  const auto before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto column = at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  fail(where, ": line ", line, ", column ", column, ": this is not JSON, ",
       at < text.size() ? "at " + detail::quoted(text.substr(at, 20)) : "it ends too early");
}

/// The JSON in a text; in no object a key stands twice, and nothing lies deeper than `deepest`.
[[nodiscard]] inline json parse_strictly(const std::string& source_text, const std::string& where)
{
  constexpr int deepest = 20;
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > deepest) fail(where, ": nested deeper than ", deepest, " lists and objects");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(parsed.get_ref<const std::string&>()).second)
      fail(where, ": the key ", detail::quoted(parsed.get_ref<const std::string&>()),
           " stands twice in one object");
    return true;
  };
  // The parser takes a zero byte for the end, whatever stands behind it.
  if (const auto zero = source_text.find('\0'); zero != source_text.npos)
    refuse_json(source_text, zero, where);
  try {
    return json::parse(source_text, watch);
  } catch (const json::parse_error& e) {
    refuse_json(source_text, std::min(e.byte > 0 ? e.byte - 1 : 0, source_text.size()), where);
  } catch (const json::exception&) {
    fail(where, ": holds a number that is too large for any use");
  }
}

/// A configuration in a text, over the preset that it names, if any.
template <class Config, class FindPreset>
[[nodiscard]] Config parse_as(const std::string& text, const std::string& where,
                              const FindPreset& preset_of)
{
  const json parsed = parse_strictly(text, where);
  json_reader fields(parsed, where);
  Config config;
  std::string base;
  fields("preset", base, some_text{});
  if (!base.empty()) {
    try {
      config = preset_of(base);
    } catch (const error& e) {
      fail(where, ": preset: ", e.what());
    }
  }
  config.name = where;
  describe(fields, config);
  fields.finish();
  return config;
}

template <class Config>
[[nodiscard]] std::string written(const Config& config)
{
  json_writer fields;
  describe(fields, config);
  return fields.written.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace detail

/// The configuration in a text; `where` begins every message: a file's name, or "metadata of FILE".
[[nodiscard]] inline detector_config parse_config(const std::string& text, const std::string& where)
{
  const auto config = detail::parse_as<detector_config>(text, where, find_preset);
  detail::check_together(config, where);
  return config;
}

[[nodiscard]] inline detector_config read_config(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return parse_config(std::string(detail::characters(bytes)), file.string());
}

/// All of it, indented; parse_config gives the same configuration back.
[[nodiscard]] inline std::string to_json(const detector_config& config)
{
  return detail::written(config);
}

}  // namespace retinue
