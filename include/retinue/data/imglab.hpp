// SPDX-License-Identifier: Apache-2.0
// Reads the XML of dlib's imglab: pictures, boxes, and parts numbered from 0 as landmarks.
//
//   <dataset><images>
//     <image file='a.jpg'>
//       <box top='9' left='4' width='37' height='37' ignore='1'>
//         <part name='00' x='20' y='17'/>
//       </box>
//
// Pixels. A part that is absent is not labelled. Throws `error` by file and line.
#pragma once

#include <retinue/data/class_names.hpp>  // class_names
#include <retinue/data/sample.hpp>       // data_set, read_truth
#include <retinue/detail/xml.hpp>        // xml_file

#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace retinue {

namespace detail {

template <landmark_schema Schema>
[[nodiscard]] instance<Schema> read_imglab_box(const xml_file& in, pugi::xml_node box)
{
  instance<Schema> truth;
  const double x = in.number(box, "left"), y = in.number(box, "top");
  truth.bounds = truth_box(x, y, x + in.number(box, "width"), y + in.number(box, "height"),
                           [&](const auto&... parts) { in.refuse(box, parts...); });
  truth.ignore = box.attribute("ignore").as_bool();
  if constexpr (Schema::count > 0)
    for (const auto part : box.children("part")) {
      const std::string_view name = in.attribute(part, "name");
      std::size_t k = 0;
      const auto [end, trouble] = std::from_chars(name.data(), name.data() + name.size(), k);
      if (trouble != std::errc() || end != name.data() + name.size() || k >= Schema::count)
        in.refuse(part, "the part ", in_quotes(name), " is none of 0 to ", Schema::count - 1);
      if (truth.visible[k]) in.refuse(part, "a second part ", in_quotes(name), " of one box");
      auto& point = truth.points.points[k];
      point = {float(in.number(part, "x")), float(in.number(part, "y"))};
      if (!std::isfinite(point[0]) || !std::isfinite(point[1]))
        in.refuse(part, "the part ", in_quotes(name), " lies beyond what a float can tell");
      truth.visible[k] = true;
    }
  return truth;
}

}  // namespace detail

/// Labels come from <label> where boxes have it: 1, 2, ... by `classes`, or by the alphabet where
/// that is empty. Paths are relative to the file, unless options.images is another folder.
template <landmark_schema Schema>
  requires(Schema::dimension == 2)
[[nodiscard]] data_set<Schema> read_imglab(const std::filesystem::path& file,
                                           const read_options& options = {},
                                           std::vector<std::string> classes = {})
{
  const auto folder = options.images.empty() ? file.parent_path() : options.images;
  const detail::xml_file in(file);
  detail::class_names names(std::move(classes));
  data_set<Schema> set;
  for (const auto image : in.child(in.root("dataset"), "images").children("image")) {
    set.samples.push_back({folder / in.attribute(image, "file"), {}});
    for (const auto box : image.children("box"))
      detail::read_truth(options.on_bad_truth, set.skipped, [&] {
        auto truth = detail::read_imglab_box<Schema>(in, box);
        const std::string_view name = box.child("label").child_value();
        truth.label = names.label_of(name);
        if (truth.label == 0) in.refuse(box, "the label ", detail::in_quotes(name), " is no class");
        set.samples.back().instances.push_back(truth);
      });
  }
  if (set.samples.empty()) fail(file.string(), ": no <image> in it");
  set.classes = names.in_order(set.samples);
  if (set.classes == std::vector<std::string>{""}) set.classes.clear();
  return set;
}

}  // namespace retinue
