// SPDX-License-Identifier: Apache-2.0
// What weights tell of their network by names and shapes, and the preset that fits them. Files of
// ours say all in their metadata, of whatever kind their network is; others are a RetinaFace's.
//
//   anchors per cell   rows of BboxHead.i / 4
//   classes            rows of ClassHead.i / anchors - 1
//   landmarks          rows of LandmarkHead.i / 2 anchors
//   body               body.stage1..., body.layer1...: the signs in config/bodies.hpp
//   channels           rows of fpn.output1.0
//
// Other kinds are known by the signs of their presets.
//
// Slopes and sizes they do not tell: one public checkpoint is known by its bytes.
#pragma once

#include <retinue/config/bodies.hpp>          // known_bodies
#include <retinue/config/json.hpp>            // parse_config
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/config/presets.hpp>         // presets
#include <retinue/detail/file.hpp>            // in_quotes
#include <retinue/error.hpp>                  // fail
#include <retinue/weights/state_dict.hpp>     // state_dict

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

/// The key of a file's metadata under which its configuration stands, as JSON.
inline constexpr std::string_view config_metadata_key = "retinue.config";

/// A configuration for weights, and why: one sentence for the user, or nothing where the file says
/// it itself.
struct guess {
  network_config config;
  std::string why;
};

namespace detail {

/// What names and shapes tell of a RetinaFace.
struct network_shape {
  std::string body;
  std::int64_t channels = 0, classes = 0, landmarks = 0;
  std::vector<std::int64_t> anchors;  // of a cell, level by level

  friend bool operator==(const network_shape&, const network_shape&) = default;
};

[[nodiscard]] inline network_shape shape_of(const network_config& c, const retinaface_form& form)
{
  network_shape shape{c.body,
                      form.channels,
                      static_cast<std::int64_t>(c.classes.size()),
                      static_cast<std::int64_t>(c.landmarks),
                      {}};
  for (std::size_t l = 0; l < c.anchors.levels(); ++l)
    shape.anchors.push_back(static_cast<std::int64_t>(c.anchors.per_cell(l)));
  return shape;
}

/// What a file seems to be that holds no RetinaFace of ours, by a part of one of its names.
[[nodiscard]] inline std::string kind_of_weights(const state_dict& weights)
{
  struct sign {
    std::string_view part, what;
  };
  static constexpr std::array<sign, 13> signs{
      {{"momentum_buffer", "the state of an optimizer"},
       {"exp_avg", "the state of an optimizer"},
       {"mobilenet0_conv0", "a RetinaFace whose layers are named as in MXNet"},
       {"classification_headers.", "a face detector of the Ultra-Light-Fast-Generic family"},
       {"bbox_head.multi_level_", "a YuNet of another form than the presets have"},
       {"landm.", "a RetinaFace with the slim or RFB body, of another form than the presets have"},
       {"body.7.", "an SSD with an Ultra-Light body, of another form than the presets have"},
       {"vgg.", "an SSD with a VGG body"},
       {"conf.0.weight", "an SSD"},
       {"body.stage", "a RetinaFace without its pyramid or heads"},
       {"body.layer", "a RetinaFace without its pyramid or heads"},
       {"stage1.0.0.", "a MobileNet for classification, the body alone"},
       {"layer1.0.conv1.", "a ResNet for classification, the body alone"}}};
  if (weights.empty()) return "holds no weights at all";
  for (const auto& [part, what] : signs)
    for (const auto& [name, tensor] : weights)
      if (name.find(part) != std::string::npos)
        return "seems to be " + std::string(what) + ", by the name " + detail::in_quotes(name);
  return "is of a kind that is not known, its first name is " +
         detail::in_quotes(weights.begin()->first);
}

/// The rows of convolutions by their names. Numbers of channels, classes and anchors are made from
/// them before anything is loaded, so that a shape that costs a file nothing (one extent is 0, and
/// another 2^61) is refused.
class convolution_rows {
 public:
  convolution_rows(const state_dict& weights, const std::string& file)
      : weights_(weights), file_(file)
  {
  }

  /// 0 where there is no such convolution.
  [[nodiscard]] std::int64_t operator()(const std::string& name) const
  {
    constexpr std::int64_t most = 1 << 20;
    const host_tensor* found = weights_.find(name);
    if (!found || found->shape.size() != 4) return 0;
    for (const std::int64_t extent : found->shape)
      if (extent < 1 || extent > most)
        fail(file_, ": ", in_quotes(name), " has the shape ", text_of(found->shape),
             ", which no network has");
    return found->shape[0];
  }

 private:
  const state_dict& weights_;
  const std::string& file_;
};

[[nodiscard]] inline std::string head_name(std::string_view head, std::size_t level)
{
  return std::string(head) + "." + std::to_string(level) + ".conv1x1.weight";
}

/// The body whose signs the weights have. Throws where they have those of a family alone.
[[nodiscard]] inline const known_body* body_in(const convolution_rows& rows_of,
                                               const std::string& file)
{
  const auto has = [&](std::string_view name) {
    return name.empty() || rows_of("body." + std::string(name)) > 0;
  };
  const body_signs* like = nullptr;
  std::string known;
  for (const known_body& body : known_bodies) {
    known += (known.empty() ? "" : &body == &known_bodies.back() ? " or " : ", ");
    known += body.what;
    const body_signs& s = body.signs;
    if (!has(s.family)) continue;
    like = &s;
    const bool exact = s.rows == 0 || rows_of("body." + std::string(s.family)) == s.rows;
    if (exact && has(s.has[0]) && has(s.has[1]) && (s.lacks.empty() || !has(s.lacks))) return &body;
  }
  if (like) fail(file, " has ", like->others, ", expected ", known);
  return nullptr;
}

/// Of the scores' columns so many are none of an object's class.
[[nodiscard]] inline network_shape shape_of(const state_dict& weights, const std::string& file,
                                            std::int64_t background = 1)
{
  const convolution_rows rows_of(weights, file);
  network_shape shape;
  shape.channels = rows_of("fpn.output1.0.weight");
  const bool whole =
      shape.channels > 0 && rows_of(head_name("BboxHead", 0)) && rows_of(head_name("ClassHead", 0));
  const known_body* const body = whole ? body_in(rows_of, file) : nullptr;
  if (!body)
    fail(file, " ", kind_of_weights(weights),
         "; expected a RetinaFace with tensors named body.*, fpn.*, ssh1.*, ClassHead.*, "
         "BboxHead.*, or weights with the configuration that they were trained by");
  shape.body = body->name;
  // Their number decides how much memory the network takes: what it is squared must be there, too.
  const host_tensor* squared = weights.find("ssh1.conv3X3.0.weight");
  if (!squared || squared->shape.size() != 4 || squared->shape[1] != shape.channels)
    fail(file, ": fpn.output1.0.weight has ", shape.channels,
         " rows, which ssh1.conv3X3.0.weight was expected to take");

  for (std::size_t level = 0; const std::int64_t boxes = rows_of(head_name("BboxHead", level));
       ++level) {
    const std::int64_t anchors = boxes / 4, scores = rows_of(head_name("ClassHead", level)),
                       points = rows_of(head_name("LandmarkHead", level));
    if (boxes % 4 != 0 || scores % anchors != 0 || scores < (background + 1) * anchors ||
        points % (2 * anchors) != 0)
      fail(file, ": the heads of level ", level, " have ", boxes, " rows for boxes, ", scores,
           " for classes and ", points, " for landmarks, expected 4, ", background + 1,
           " or more, and 2 per landmark "
           "for each anchor of a cell");
    const std::int64_t classes = scores / anchors - background, landmarks = points / (2 * anchors);
    constexpr std::int64_t most = 1000;  // as in a configuration
    if (anchors > most || classes > most || landmarks > most)
      fail(file, ": the heads of level ", level, " are made for ", anchors, " anchors per cell, ",
           classes, " classes and ", landmarks, " landmarks, expected ", most, " at most");
    if (level > 0 && (classes != shape.classes || landmarks != shape.landmarks))
      fail(file, ": level ", level, " has ", classes, " classes and ", landmarks,
           " landmarks, the levels before it ", shape.classes, " and ", shape.landmarks);
    shape.classes = classes;
    shape.landmarks = landmarks;
    shape.anchors.push_back(anchors);
  }
  return shape;
}

/// FNV-1a, 64 bits.
[[nodiscard]] inline std::uint64_t fingerprint(std::span<const std::byte> bytes)
{
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte b : bytes) hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
  return hash;
}

}  // namespace detail

/// Explains, before any network is built, in what the weights differ from what was chosen for them.
/// Only a RetinaFace's tell that much by their names. Throws where they differ.
inline void check_weights(const network_config& config, const state_dict& weights,
                          const std::string& file)
{
  const auto* const form = std::get_if<retinaface_form>(&config.form);
  if (!form) return;
  const auto background = static_cast<std::int64_t>(config.labels.columns(0));
  const auto theirs = detail::shape_of(weights, file, background),
             ours = detail::shape_of(config, *form);
  if (theirs == ours) return;
  const auto per_cell = [](const detail::network_shape& s) {
    std::string text;
    for (const auto n : s.anchors) text += (text.empty() ? "" : "/") + std::to_string(n);
    return text;
  };
  std::string differences;
  const auto compare = [&](std::string_view before, const std::string& has, std::string_view after,
                           const std::string& expected) {
    if (has == expected) return;
    differences += differences.empty() ? "it has " : ", and ";
    differences.append(before).append(has).append(after).append(", not ").append(expected);
  };
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  compare("the body ", theirs.body, "", ours.body);
  compare("", text(theirs.channels), " channels", text(ours.channels));
  compare("", per_cell(theirs), " anchors per cell", per_cell(ours));
  compare("", text(theirs.classes), " classes", text(ours.classes));
  if (theirs.classes != ours.classes)
    differences.append(" if labels are ").append(config.labels.what());
  compare("", text(theirs.landmarks), " landmarks", text(ours.landmarks));
  std::string fitting;
  for (const auto& p : presets())
    if (const auto* known = std::get_if<retinaface_form>(&p.config.form);
        known && detail::shape_of(p.config, *known) == theirs)
      fitting += (fitting.empty() ? "; try the preset " : " or ") + std::string(p.name);
  fail(file, " does not fit ", config.name, ": ", differences, fitting);
}

/// From a file's own metadata, or the preset of its shape; `file` is for messages. Throws where no
/// preset has that shape.
[[nodiscard]] inline guess guess_config(const state_dict& weights, const std::string& file)
{
  if (const auto said = weights.metadata.find(std::string(config_metadata_key));
      said != weights.metadata.end())
    return {parse_config(said->second, "metadata of " + file), ""};

  const detail::convolution_rows rows_of(weights, file);
  for (const preset& p : presets()) {
    const auto has = [&](const weight_sign& s) {
      const std::int64_t rows = rows_of(std::string(s.name));
      return s.rows < 0 ? rows == 0 : rows > 0 && (s.rows == 0 || s.rows == rows);
    };
    if (!p.signs.empty() && std::ranges::all_of(p.signs, has))
      return {p.config, file + " has the tensors of " + std::string(p.name)};
  }
  if (weights.find("conf.0.weight"))
    fail(file, " ", detail::kind_of_weights(weights),
         ", and no name tells the anchors' sizes: a configuration must, in anchors.levels");
  const auto shape = detail::shape_of(weights, file);
  const auto taken = [&](std::string_view name, std::string why) {
    guess made{find_preset(name), file + " " + std::move(why)};
    network_config& c = made.config;
    auto& form = std::get<retinaface_form>(c.form);
    if (shape.body != c.body)
      fail(file, " has the body ", shape.body,
           ", of which there is no preset: a configuration must "
           "describe it");
    if (shape.anchors != detail::shape_of(c, form).anchors)
      fail(file, " has other levels or anchors per cell than ", name,
           ", and no name tells the anchors' sizes: a configuration must, in anchors.levels");
    form.channels = shape.channels;
    c.landmarks = static_cast<std::size_t>(shape.landmarks);
    if (shape.classes != static_cast<std::int64_t>(c.classes.size())) {
      c.classes.clear();
      for (std::int64_t i = 1; i <= shape.classes; ++i)
        c.classes.push_back("class " + std::to_string(i));
    }
    detail::check_together(c, [&](const std::string& path, const auto&... parts) {
      fail(file, ": ", path, parts...);
    });
    return made;
  };

  // The first class head of mobilenet0.25_Final.
  constexpr std::uint64_t small_faces = 0xd4cac3662d14476b;
  if (shape.body == "resnet50")
    return taken("resnet50",
                 "has the shape of resnet50; ReLU and anchors of 16 to 512 pixels are taken, which "
                 "no weight tells");
  if (detail::fingerprint(weights.find(detail::head_name("ClassHead", 0))->bytes) == small_faces)
    return taken("mobilenet0.25-small-faces",
                 "is the public checkpoint mobilenet0.25-small-faces, known by its bytes");
  if (shape.landmarks == 4)
    return taken("plate-mobilenet0.25",
                 "has 4 landmarks like plate-mobilenet0.25; LeakyReLU 0.1 and anchors of 16 to 512 "
                 "pixels are taken, which no weight tells");
  return taken("mobilenet0.25",
               "has the shape of mobilenet0.25; LeakyReLU 0.1 and anchors of 16 to 512 pixels are "
               "taken, which no weight tells: if it misses faces, try mobilenet0.25-small-faces, "
               "with ReLU and anchors of 10 to 256 pixels");
}

}  // namespace retinue
