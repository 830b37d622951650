// SPDX-License-Identifier: Apache-2.0
// The configuration of an SSD as JSON. Every key is optional; with "preset" the others change that
// preset.
//
//   {"preset": "ssd300-vgg16",
//    "network": {"body": "vgg16", "extras": [
//       {"inner": 256, "out": 512, "kernel": 3, "stride": 2, "padding": 1}, ...]},
//    "classes": ["cat", "dog"],
//    "anchors": {"design_side": 300, "levels": [
//       {"stride": 8, "size": 30, "next_size": 60, "ratios": [2]}, ...], "clip": true},
//    "coder": ..., "input": ..., "detect": ...}              as in a RetinaFace's, see json.hpp
#pragma once

#include <retinue/config/json.hpp>        // parse_as, describe_finding
#include <retinue/config/ssd_config.hpp>  // ssd_config
#include <retinue/error.hpp>              // fail

#include <filesystem>
#include <string>

namespace retinue {

namespace detail {

template <class Fields, form_of<ssd_config> Config>
void describe(Fields& fields, Config& c)
{
  fields("name", c.name, some_text{});
  fields.group("network", [&](auto& network) {
    network("body", c.body, one_of{{ssd_bodies.begin(), ssd_bodies.end()}});
    network.list("extras", c.extras, [](auto& layer, auto& e) {
      layer("inner", e.inner, between{1, 4096});
      layer("out", e.out, between{1, 4096});
      layer("kernel", e.kernel, between{1, 16});
      layer("stride", e.stride, between{1, 16});
      layer("padding", e.padding, between{0, 8});
    });
  });
  fields("classes", c.classes, some_text{});
  fields.group("anchors", [&](auto& anchors) {
    constexpr double large = 100'000;
    anchors("design_side", c.anchors.design_side, between{1, large});
    anchors.list("levels", c.anchors.level, [large](auto& level, auto& l) {
      level("stride", l.stride, between{1, large});
      level("size", l.size, between{0, large, true});
      level("next_size", l.next_size, between{0, large, true});
      level("ratios", l.ratios, between{0, 1000, true});
    });
    anchors("clip", c.anchors.clip, yes_or_no{});
  });
  describe_finding(fields, c);
}

/// What no single key can tell. Whether levels and layers fit, the network itself says.
inline void check_together(const ssd_config& c, const std::string& where)
{
  int finer = 0;
  for (std::size_t l = 0; l < c.anchors.level.size(); ++l) {
    const auto& level = c.anchors.level[l];
    const std::string path = where + ": anchors.levels[" + std::to_string(l) + "]";
    if (level.stride <= finer)
      fail(path, ".stride is ", level.stride, ", expected more than the ", finer, " before it");
    for (const double given : {level.size, level.next_size})
      if (!(given > 0)) fail(path, " has no size and next_size, expected both in pixels");
    finer = level.stride;
  }
  check_classes(c.classes, where);
}

}  // namespace detail

/// The configuration in a text; `where` begins every message: a file's name, or "metadata of FILE".
[[nodiscard]] inline ssd_config parse_ssd_config(const std::string& text, const std::string& where)
{
  const auto config = detail::parse_as<ssd_config>(text, where, find_ssd_preset);
  detail::check_together(config, where);
  return config;
}

[[nodiscard]] inline ssd_config read_ssd_config(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return parse_ssd_config(std::string(detail::characters(bytes)), file.string());
}

/// All of it, indented; parse_ssd_config gives the same configuration back.
[[nodiscard]] inline std::string to_json(const ssd_config& config)
{
  return detail::written(config);
}

}  // namespace retinue
