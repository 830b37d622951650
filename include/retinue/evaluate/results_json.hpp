// SPDX-License-Identifier: Apache-2.0
// What the evaluations found as JSON, the protocol and its parameters first. A figure that does not
// exist, for want of truths, is null.
#pragma once

#include <retinue/evaluate/coco.hpp>            // coco_result
#include <retinue/evaluate/landmark_error.hpp>  // landmark_result
#include <retinue/evaluate/voc.hpp>             // voc_result
#include <retinue/evaluate/wider.hpp>           // wider_result

#include <nlohmann/json.hpp>  // ordered_json: keys stay in this order

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace retinue {

namespace detail {
[[nodiscard]] inline nlohmann::ordered_json or_null(const std::optional<double>& v)
{
  return v ? nlohmann::ordered_json(*v) : nlohmann::ordered_json();
}
[[nodiscard]] inline nlohmann::ordered_json ap_or_null(double ap, std::size_t truths)
{
  return or_null(truths > 0 ? std::optional(ap) : std::nullopt);
}
}  // namespace detail

/// `names` as in voc_result::describe.
[[nodiscard]] inline nlohmann::ordered_json to_json(const voc_result& r,
                                                    std::span<const std::string> names = {})
{
  nlohmann::ordered_json all;
  all["protocol"] = {
      {"name", "voc"},
      {"overlap", r.protocol.overlap},
      {"area", r.protocol.area == voc_area::all_points ? "all points" : "eleven points"},
      {"inclusive_pixels", r.protocol.inclusive_pixels}};
  all["images"] = r.images;
  all["mean"] = detail::or_null(r.mean);
  auto& classes = all["classes"] = nlohmann::ordered_json::array();
  for (const auto& c : r.classes)
    classes.push_back({{"class", c.label},
                       {"name", voc_result::name_of(c.label, names)},
                       {"ap", detail::ap_or_null(c.ap, c.truths)},
                       {"truths", c.truths},
                       {"detections", c.detections}});
  return all;
}

/// The same of COCO's figures.
[[nodiscard]] inline nlohmann::ordered_json to_json(const coco_result& r)
{
  nlohmann::ordered_json all;
  all["protocol"] = {
      {"name", "coco"}, {"detections", r.protocol.detections}, {"sides", r.protocol.sides}};
  all["images"] = r.images;
  for (const auto& f : r.figures) all[std::string(f.name)] = detail::or_null(f.value);
  auto& classes = all["classes"] = nlohmann::ordered_json::array();
  for (const auto& c : r.classes) classes.push_back({{"class", c.label}, {"ap", c.ap}});
  return all;
}

/// The same of WIDER FACE's subsets.
[[nodiscard]] inline nlohmann::ordered_json to_json(const wider_result& r)
{
  constexpr std::array arithmetic{"whole pixels", "inclusive", "continuous"};
  nlohmann::ordered_json all;
  all["protocol"] = {{"name", "wider"},
                     {"overlap", r.protocol.overlap},
                     {"thresholds", r.protocol.thresholds},
                     {"arithmetic", arithmetic[static_cast<std::size_t>(r.protocol.arithmetic)]},
                     {"skip_empty_images", r.protocol.skip_empty_images}};
  all["images"] = r.images;
  all["detections"] = r.detections;
  for (std::size_t s = 0; s < r.subsets.size(); ++s) {
    const auto& of = r.subsets[s];
    all[std::string(wider_subsets[s])] = {{"ap", detail::ap_or_null(of.ap, of.truths)},
                                          {"truths", of.truths}};
  }
  return all;
}

/// The same of landmarks.
[[nodiscard]] inline nlohmann::ordered_json to_json(const landmark_result& r)
{
  nlohmann::ordered_json all;
  all["protocol"] = {
      {"name", "nme"},
      {"scale", r.protocol.scale == landmark_scale::box_size ? "box size" : "inter-ocular"},
      {"overlap", r.protocol.overlap},
      {"score", r.protocol.score},
      {"failure", r.protocol.failure}};
  all["nme"] = detail::or_null(r.mean);
  all["failed"] = detail::or_null(r.failed);
  all["pairs"] = r.errors.size();
  all["truths"] = r.truths;
  all["missed"] = r.missed;
  all["unscaled"] = r.unscaled;
  auto& points = all["points"] = nlohmann::ordered_json::array();
  for (const auto& p : r.points) points.push_back(detail::or_null(p));
  return all;
}

}  // namespace retinue
