// SPDX-License-Identifier: Apache-2.0
// Reads the lists of WFLW: a face a line,
//
//   98 x (x y)   x_min y_min x_max y_max   pose expression illumination make-up occlusion blur name
//
// Pixels. The six attributes are 0 or 1 and are not kept. Faces of one picture need not stand
// together. Throws `error` by file and line.
#pragma once

#include <retinue/data/sample.hpp>   // data_set, read_truth
#include <retinue/detail/lines.hpp>  // line_reader
#include <retinue/detail/text.hpp>   // read_text

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace retinue {

namespace detail {

/// The face, and the name of its picture.
[[nodiscard]] inline std::pair<instance<schemas::wflw98>, std::string> read_wflw_line(
    line_reader& in)
{
  instance<schemas::wflw98> face;
  for (auto& point : face.points.points)
    point = {in.number<float>("a landmark's x"), in.number<float>("a landmark's y")};
  face.visible.fill(true);
  const auto x1 = in.number<double>("x_min"), y1 = in.number<double>("y_min");
  const auto x2 = in.number<double>("x_max"), y2 = in.number<double>("y_max");
  for (const auto* attribute :
       {"pose", "expression", "illumination", "make-up", "occlusion", "blur"}) {
    const int flag = in.number<int>(attribute);
    if (flag != 0 && flag != 1) in.refuse(attribute, " is ", flag, ", expected 0 or 1");
  }
  const std::string name(in.word("the picture's name"));
  in.end_of_line();
  face.bounds = truth_box(x1, y1, x2, y2, [&](const auto&... parts) { in.refuse(parts...); });
  return {face, name};
}

}  // namespace detail

/// Pictures lie in the folder WFLW_images two folders above the list, as they are distributed,
/// unless options.images is another.
[[nodiscard]] inline data_set<schemas::wflw98> read_wflw(const std::filesystem::path& file,
                                                         const read_options& options = {})
{
  const auto folder =
      options.images.empty() ? file.parent_path() / ".." / ".." / "WFLW_images" : options.images;
  const std::string text = detail::read_text(file, options.decode);
  detail::line_reader in(text, file.string());
  data_set<schemas::wflw98> set;
  std::unordered_map<std::string, std::size_t> places;
  while (in.next()) {
    if (in.done()) continue;
    detail::read_truth(options.on_bad_truth, set.skipped, [&] {
      auto [face, name] = detail::read_wflw_line(in);
      const auto [at, first] = places.emplace(name, set.samples.size());
      if (first) set.samples.push_back({folder / name, {}});
      set.samples[at->second].instances.push_back(face);
    });
  }
  if (set.samples.empty()) fail(file.string(), ": no face, expected 207 fields a line");
  return set;
}

}  // namespace retinue
