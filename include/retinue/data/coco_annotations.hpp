// SPDX-License-Identifier: Apache-2.0
// Reads COCO's JSON as training data: boxes, keypoints where the schema has points, crowds.
//
//   keypoints   [x, y, v, ...]: v is 0 where the point is not labelled, 1 hidden, 2 seen
//   iscrowd 1   the truth is to be ignored
//   area        of the object; of its box where that is not said
//
// Pixels. Labels are 1, 2, ... by ascending category id. Throws `error_in_text` by file,
// line, column and key.
#pragma once

#include <retinue/data/coco_results.hpp>  // coco_entry, coco_file
#include <retinue/data/sample.hpp>        // data_set, read_truth

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace retinue {

namespace detail {

template <landmark_schema Schema>
[[nodiscard]] instance<Schema> read_coco_instance(const coco_entry& e)
{
  instance<Schema> truth;
  const box<double> b = e.bounds();
  truth.bounds = truth_box(b.x1, b.y1, b.x2, b.y2,
                           [&](const auto&... parts) { e.refuse("bbox", ": ", parts...); });
  truth.ignore = e.has("iscrowd") && e.number("iscrowd") != 0;
  if (Schema::count > 0 && e.has("keypoints")) {
    const auto& points = e["keypoints"];
    if (!points.is_array() || points.size() != 3 * Schema::count)
      e.refuse("keypoints", " has ", points.size(), " numbers, expected ", 3 * Schema::count);
    for (const auto& number : points)
      if (!number.is_number() || !std::isfinite(number.template get<float>()))
        e.refuse("keypoints", " has ", shown(number), ", expected a finite number");
    for (std::size_t k = 0; k < Schema::count; ++k) {
      truth.visible[k] = points[3 * k + 2].get<double>() > 0;
      if (truth.visible[k])
        truth.points.points[k] = {points[3 * k].get<float>(), points[3 * k + 1].get<float>()};
    }
  }
  return truth;
}

/// That of the box where the file says none, or no number: nothing is learnt of it.
[[nodiscard]] inline double area_of(const coco_entry& e)
{
  if (e.has("area") && e["area"].is_number())
    if (const double said = e["area"].get<double>(); std::isfinite(said)) return said;
  return area(e.bounds());
}

}  // namespace detail

/// Pictures lie beside the file, unless options.images is another folder.
template <landmark_schema Schema>
  requires(Schema::dimension == 2)
[[nodiscard]] data_set<Schema> read_coco(const std::filesystem::path& file,
                                         const read_options& options = {})
{
  using entry = detail::coco_entry;
  const auto folder = options.images.empty() ? file.parent_path() : options.images;
  const detail::coco_file source(file, options.decode);
  data_set<Schema> set;
  source.placed([&] {
    std::map<std::int32_t, std::string> titles;
    source.for_each_in("categories",
                       [&](const entry& e) { titles[e.id<std::int32_t>("id")] = e.text("name"); });
    std::map<std::int32_t, std::int32_t> labels;
    for (const auto& [id, title] : titles) {
      set.classes.push_back(title);
      labels[id] = static_cast<std::int32_t>(set.classes.size());
    }
    std::map<std::int64_t, std::size_t> places;
    source.for_each_in("images", [&](const entry& e) {
      const auto id = e.id<std::int64_t>("id");
      if (!places.emplace(id, set.samples.size()).second)
        e.refuse("", " has the id ", id, " of another image");
      set.samples.push_back({folder / e.text("file_name"), {}});
    });
    source.for_each_in("annotations", [&](const entry& e) {
      detail::read_truth(options.on_bad_truth, set.skipped, [&] {
        const auto image = places.find(e.id<std::int64_t>("image_id"));
        if (image == places.end()) e.refuse("image_id", " is that of no image");
        const auto label = labels.find(e.id<std::int32_t>("category_id"));
        if (label == labels.end()) e.refuse("category_id", " is that of no category");
        auto truth = detail::read_coco_instance<Schema>(e);
        truth.label = label->second;
        auto& of = set.samples[image->second];
        of.areas.push_back(detail::area_of(e));
        of.instances.push_back(truth);
      });
    });
  });
  if (set.samples.empty()) fail(file.string(), ": no image in it");
  return set;
}

}  // namespace retinue
