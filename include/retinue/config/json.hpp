// SPDX-License-Identifier: Apache-2.0
// A configuration as JSON. Every key is optional; with "preset" the others change that preset.
//
//   {"preset": "mobilenet0.25",
//    "kind": "retinaface",                                    or "ssd", "yunet", "towers"
//    "network": {"body": "resnet50", "body_slope": 0, "channels": 256,
//                "context_channels": 0, "neck_slope": 0,
//                "neck_bias": false},                                   of a RetinaFace
//    "classes": ["face"], "landmarks": 5,
//    "anchors": {"kind": "squares", "clip": false, "offset": 0.5, "even": false,
//                "levels": [{"stride": 8, "sizes": [16, 32]}, ...]},
//    "labels": "softmax",                      or "sigmoid", "sigmoid_times_quality", "given"
//    "root_of_quality": false,         with sigmoid_times_quality: scores are roots of products
//    "coder": {"kind": "centre_size", "centre": 0.1, "size": 0.2,
//              "largest_log": 4.1},                                    null: exp is not clamped
//    "matcher": {"kind": "overlap", "positive": 0.35, "negative": 0.35, "force": "best",
//                "floor": 0.2, "ignore": 0.5, "background": 0},
//    "label_loss": {"kind": "cross_entropy", "smoothing": 0},
//    "box_loss": {"kind": "smooth_l1", "beta": 1},
//    "landmark_loss": {"kind": "smooth_l1", "beta": 1},
//    "negatives": {"kind": "hard", "ratio": 7, "added": 0, "least": 32},
//    "quality": "matcher",        or "overlap", "overlap_and_objectness", "centre"
//    "weigh_boxes": "alike",                                     or "by_quality", "by_score"
//    "loss_weights": {"box": 2, "label": 1, "landmark": 1, "quality": 1},
//    "input": {"channels": "bgr", "mean": [104, 117, 123], "scale": [1, 1, 1],
//              "long_side": 0, "square": false},
//    "detect": {"score": 0.02, "candidates": 5000, "overlap": 0.4, "keep": 750, "clip": false,
//               "suppression": "continuous"}}                           or "inclusive_pixels"
//
// What a kind has in "network" stands in its own header: config/retinaface_form.hpp, ... An SSD has
//
//   {"network": {"body": "vgg16", "separable": false, "extras": [
//       {"inner": 256, "out": 512, "kernel": 3, "stride": 2, "padding": 1}, ...]},
//    "anchors": {"kind": "default_boxes", "design_side": 300, "clip": true, "levels": [
//       {"stride": 8, "size": 30, "next_size": 60, "ratios": [2]}, ...]}}
//
// Anchors and coders of any kind may stand in a network of any kind, if it has levels of that many
// anchors:
//
//   {"kind": "ratios", "levels": [{"stride": 8, "base": 8, "scales": [4, 5.04, 6.35]}, ...],
//    "ratios": [0.5, 1, 2], "offset": 0, "whole": false, "clip": false}
//   {"kind": "points", "strides": [8, 16, 32], "offset": 0.5, "in_cell": 1}
//   {"kind": "listed", "levels": [{"stride": 8, "sides": [{"width": 10, "height": 13}, ...]}, ...],
//    "offset": 0.5, "clip": false}
//   {"kind": "deltas", "means": [0, 0, 0, 0], "stds": [1, 1, 1, 1], "largest_log": 4.1}
//   {"kind": "distances", "logarithmic": false, "largest_log": 4.1}
//
// What a network is trained by, from "matcher" to "loss_weights", has its kinds in
// config/learning.hpp.
//
// Where neither a kind nor a preset is said, keys that one kind alone has tell it.
#pragma once

#include <retinue/config/fields.hpp>          // json_reader, json_writer
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/config/presets.hpp>         // find_preset
#include <retinue/detail/file.hpp>            // read_file
#include <retinue/detail/json_text.hpp>       // json_text, json_tree, parse_json
#include <retinue/error.hpp>                  // fail
#include <retinue/error_in_text.hpp>          // fail_at

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace retinue {

namespace detail {

/// Config, or const Config: one description serves reading and writing.
template <class C, class Config>
concept form_of = std::same_as<std::remove_const_t<C>, Config>;

template <class Fields, form_of<square_anchors> Anchors>
void describe(Fields& anchors, Anchors& a)
{
  anchors.list("levels", a.level, [](auto& level, auto& l) {
    level("stride", l.stride, between{1, 1024});
    level("sizes", l.sizes, between{0, 1'000'000, true});
  });
  anchors("clip", a.clip, yes_or_no{});
  anchors("offset", a.offset, between{0, 1});
  anchors("even", a.even, yes_or_no{});
}

template <class Fields, form_of<default_boxes> Anchors>
void describe(Fields& anchors, Anchors& a)
{
  constexpr double large = 100'000;
  anchors("design_side", a.design_side, between{1, large});
  anchors.list("levels", a.level, [](auto& level, auto& l) {
    level("stride", l.stride, between{1, large});
    level("size", l.size, between{0, large, true});
    level("next_size", l.next_size, between{0, large, true});
    level("ratios", l.ratios, between{0, 1000, true});
  });
  anchors("clip", a.clip, yes_or_no{});
}

template <class Fields, form_of<ratio_anchors> Anchors>
void describe(Fields& anchors, Anchors& a)
{
  constexpr double large = 1'000'000;
  anchors.list("levels", a.level, [](auto& level, auto& l) {
    level("stride", l.stride, between{1, 1024});
    level("base", l.base, between{0, large, true});
    level("scales", l.scales, between{0, large, true});
  });
  anchors("ratios", a.ratios, between{0, 1000, true});
  anchors("offset", a.offset, between{0, 1});
  anchors("whole", a.whole, yes_or_no{});
  anchors("clip", a.clip, yes_or_no{});
}

template <class Fields, form_of<point_anchors> Anchors>
void describe(Fields& anchors, Anchors& a)
{
  anchors("strides", a.strides, between{1, 1024});
  anchors("offset", a.offset, between{0, 1});
  anchors("in_cell", a.in_cell, between{1, 1000});
}

template <class Fields, form_of<listed_anchors> Anchors>
void describe(Fields& anchors, Anchors& a)
{
  anchors.list("levels", a.level, [](auto& level, auto& l) {
    level("stride", l.stride, between{1, 1024});
    level.list("sides", l.sides, [](auto& sides, auto& s) {
      sides("width", s.width, between{0, 1'000'000, true});
      sides("height", s.height, between{0, 1'000'000, true});
    });
  });
  anchors("offset", a.offset, between{0, 1});
  anchors("clip", a.clip, yes_or_no{});
}

template <class Fields, form_of<centre_size_coder> Coder>
void describe(Fields& coder, Coder& c)
{
  coder("centre", c.centre, between{0, 100, true});
  coder("size", c.size, between{0, 100, true});
  coder("largest_log", c.largest_log, between{0, 80, true, true});
}

template <class Fields, form_of<delta_coder> Coder>
void describe(Fields& coder, Coder& c)
{
  coder.numbers("means", c.means, between{-100, 100});
  coder.numbers("stds", c.stds, between{0, 100, true});
  coder("largest_log", c.largest_log, between{0, 80, true, true});
}

template <class Fields, form_of<distance_coder> Coder>
void describe(Fields& coder, Coder& c)
{
  coder("logarithmic", c.logarithmic, yes_or_no{});
  coder("largest_log", c.largest_log, between{0, 80, true, true});
}

/// The one place where keys stand.
template <class Fields, form_of<network_config> Config>
void describe(Fields& fields, Config& c)
{
  constexpr double many = 1'000'000;
  fields("kind", c.form, a_kind{});
  fields("name", c.name, some_text{});
  fields.group("network", [&](auto& network) {
    network("body", c.body, one_of{body_names()});
    network("body_slope", c.body_slope, between{0, 1});
    std::visit([&](auto& form) { form.describe(network, form); }, c.form);
  });
  fields("classes", c.classes, some_text{});
  fields("landmarks", c.landmarks, between{0, 1000});
  fields.group("anchors", [&](auto& anchors) {
    anchors("kind", c.anchors.source, a_kind{});
    std::visit([&](auto& source) { describe(anchors, source); }, c.anchors.source);
  });
  fields("labels", c.labels.policy, a_kind{});
  if (auto* const product = std::get_if<times_quality<>>(&c.labels.policy))
    fields("root_of_quality", product->root, yes_or_no{});
  fields.group("coder", [&](auto& coder) {
    coder("kind", c.coder.choice, a_kind{});
    std::visit([&](auto& one) { describe(coder, one); }, c.coder.choice);
  });
  describe(fields, c.learn);
  fields.group("input", [&](auto& input) {
    input("channels", c.input.channels, one_of{{"bgr", "rgb"}});
    input("mean", c.input.mean, between{-many, many});
    input("scale", c.input.scale, between{0, many, true});
    input("long_side", c.input.long_side, between{0, 20000});
    input("square", c.input.square, yes_or_no{});
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

/// Of a level of anchors, named `path`, what no single key can tell; refuse(path, parts...) throws.
template <class Refuse>
void check_level(const square_level& level, const std::string& path, const Refuse& refuse)
{
  if (level.sizes.empty())
    refuse(path + ".sizes", " is missing, expected a list of sides in pixels");
}
template <class Refuse>
void check_level(const default_box_level& level, const std::string& path, const Refuse& refuse)
{
  for (const double given : {level.size, level.next_size})
    if (!(given > 0)) refuse(path, " has no size and next_size, expected both in pixels");
}
template <class Refuse>
void check_level(const ratio_level& level, const std::string& path, const Refuse& refuse)
{
  if (level.scales.empty())
    refuse(path + ".scales", " is missing, expected a list of sides in units of base");
}
template <class Refuse>
void check_level(const listed_level& level, const std::string& path, const Refuse& refuse)
{
  if (level.sides.empty())
    refuse(path + ".sides", " is missing, expected a list of width and height in pixels");
  for (std::size_t i = 0; i < level.sides.size(); ++i)
    if (!(level.sides[i].width > 0 && level.sides[i].height > 0))
      refuse(path + ".sides[" + std::to_string(i) + "]",
             " has no width and height, expected both in pixels");
}

/// What no single key can tell; refuse(path, parts...) throws, of what has that path.
template <class Refuse>
void check_together(const network_config& c, const Refuse& refuse)
{
  std::visit([&](const auto& form) { form.check(c, refuse); }, c.form);
  check_learning(c, refuse);
  if (c.input.square && square_side(c) == 0)
    refuse("input.long_side", " is 0, expected the side of the square that the network sees");
  std::visit(
      [&](const auto& anchors) {
        if constexpr (requires { anchors.level; })
          for (std::size_t l = 0; l < anchors.level.size(); ++l)
            check_level(anchors.level[l], "anchors.levels[" + std::to_string(l) + "]", refuse);
      },
      c.anchors.source);
  if (c.anchors.levels() == 0) refuse("anchors", " have no level, expected one or more");
  int finer = 0;
  for (std::size_t l = 0; l < c.anchors.levels(); ++l) {
    const int stride = c.anchors.stride(l);
    if (stride <= finer)
      refuse(c.anchors.stride_key(l), " is ", stride, ", expected more than the ", finer,
             " before it");
    constexpr std::size_t most = 1000;
    if (c.anchors.per_cell(l) > most)
      refuse(c.anchors.level_key(l), " has ", c.anchors.per_cell(l), " in a cell, expected ", most,
             " at most");
    finer = stride;
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < c.classes.size(); ++i)
    if (const auto& name = c.classes[i]; !names.insert(name).second)
      refuse("classes[" + std::to_string(i) + "]", " is ", detail::in_quotes(name),
             ", which stands there twice");
}

/// Whether an object has a key as "network.extras".
[[nodiscard]] inline bool has_key(const json& object, std::string_view path)
{
  const auto dot = path.find('.');
  const auto group = object.find(path.substr(0, dot));
  return group != object.end() && group->is_object() && group->contains(path.substr(dot + 1));
}

/// The kind that a configuration says, or that a key tells which that kind alone has.
[[nodiscard]] inline std::optional<any_form> kind_in(const json& parsed, const json_text& source)
{
  any_form said;
  json_reader fields(parsed, source);
  fields("kind", said, a_kind{});
  if (parsed.contains("kind")) return said;
  std::optional<any_form> told;
  for_each_alternative<any_form>([&]<class Form>(const Form& form) {
    for (const std::string_view sign : Form::signs)
      if (!told && has_key(parsed, sign)) told = form;
  });
  return told;
}

}  // namespace detail

/// The kind of that name, as it stands. Throws where there is none.
[[nodiscard]] inline any_form kind_named(const std::string& name)
{
  any_form kind;
  if (const detail::a_kind kinds; !kinds.read(detail::json(name), kind))
    fail("the kind of network is ", detail::in_quotes(name), ", expected ",
         kinds.expected<any_form>());
  return kind;
}

/// The configuration in a text; `where` begins every message: a file's name, or "metadata of FILE".
/// Throws `error_in_text` for what stands there, `error` for what does not fit and stands nowhere.
/// What it does not say is as in the preset that it names, or else as its kind has it, which is
/// `kind` where nothing tells.
[[nodiscard]] inline network_config parse_config(const std::string& text, const std::string& where,
                                                 const any_form& kind = retinaface_form())
{
  const auto tree =
      detail::parse_json<detail::json>(text, where, {.deepest = 20, .keys_once = true});
  const detail::json& parsed = *tree;
  const detail::json_text source(where, text, parsed);
  const auto refuse = [&](const std::string& path, const auto&... parts) {
    source.refuse_path(path, parts...);
  };
  detail::json_reader fields(parsed, source);
  std::string base;
  fields("preset", base, detail::some_text{});
  network_config config;
  if (base.empty()) {
    config = standard_config(detail::kind_in(parsed, source).value_or(kind));
  } else {
    try {
      config = find_preset(base);
    } catch (const error& e) {
      refuse("preset", ": ", e.what());
    }
  }
  config.name = where;
  const std::string_view before = kind_of(config);
  detail::describe(fields, config);
  fields.finish();
  if (kind_of(config) != before)
    refuse("kind", " is ", kind_of(config), ", expected ", before, ", as the preset ", base,
           " has it");
  detail::check_together(config, refuse);
  return config;
}

/// The same of a file. Throws, too, where it cannot be read.
[[nodiscard]] inline network_config read_config(const std::filesystem::path& file,
                                                const any_form& kind = retinaface_form())
{
  const auto bytes = detail::read_file(file);
  return parse_config(std::string(detail::characters(bytes)), file.string(), kind);
}

/// All of it, indented; parse_config gives the same configuration back.
[[nodiscard]] inline std::string to_json(const network_config& config)
{
  detail::json_tree<detail::json> tree;
  detail::json_writer fields(*tree);
  detail::describe(fields, config);
  return tree->dump(2, ' ', false, detail::json::error_handler_t::replace);
}

}  // namespace retinue
