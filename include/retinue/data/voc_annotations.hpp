// SPDX-License-Identifier: Apache-2.0
// Reads a folder of PASCAL VOC's form:
//
//   ImageSets/Main/train.txt   the names of its pictures, one a line
//   Annotations/NAME.xml       <annotation><filename/><object><name/><difficult/><bndbox>
//   JPEGImages/                the pictures
//
// Pixels, xmin and ymin as they stand: tools differ in whether the first pixel is 0 or 1, and
// `voc_origin` says which. A difficult object is to be ignored. Throws `error` by file and line.
#pragma once

#include <retinue/data/class_names.hpp>  // class_names
#include <retinue/data/sample.hpp>       // data_set, read_truth
#include <retinue/detail/lines.hpp>      // line_reader
#include <retinue/detail/text.hpp>       // read_text
#include <retinue/detail/xml.hpp>        // xml_file

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// from_0: corners, as most tools write them. from_1: the first and the last pixel, numbered from
/// 1, as in VOC's own files: xmin 1 to xmax 10 is 10 wide and begins at 0.
enum class voc_origin { from_0, from_1 };

/// How PASCAL VOC's files are read.
struct voc_options : read_options {
  voc_origin origin = voc_origin::from_0;
  std::vector<std::string> classes{};  ///< of labels 1, 2, ...; empty: those found, by the alphabet
};

/// Reads the pictures named in ImageSets/Main/`subset`.txt.
[[nodiscard]] inline data_set<schemas::none> read_voc(const std::filesystem::path& folder,
                                                      const std::string& subset,
                                                      const voc_options& options = {})
{
  const auto images = options.images.empty() ? folder / "JPEGImages" : options.images;
  const auto list = folder / "ImageSets" / "Main" / (subset + ".txt");
  const std::string text = detail::read_text(list, options.decode);
  detail::line_reader names(text, list.string());
  detail::class_names classes(options.classes);
  data_set<schemas::none> set;
  while (names.next()) {
    if (names.done()) continue;
    const std::string name(names.word("a picture's name"));
    const detail::xml_file in(folder / "Annotations" / (name + ".xml"));
    const auto root = in.root("annotation");
    std::filesystem::path picture(in.child(root, "filename").child_value());
    if (!picture.has_extension()) picture = name + ".jpg";  // some files name none
    set.samples.push_back({images / picture, {}});
    for (const auto object : root.children("object"))
      detail::read_truth(options.on_bad_truth, set.skipped, [&] {
        const auto bounds = in.child(object, "bndbox");
        std::array<double, 4> at{};
        static constexpr std::array<const char*, 4> corners{"xmin", "ymin", "xmax", "ymax"};
        for (std::size_t i = 0; i < 4; ++i) {
          const auto corner = in.child(bounds, corners[i]);
          at[i] = in.number(corner, corners[i], corner.child_value());
        }
        const double shift = options.origin == voc_origin::from_1 ? 1 : 0;
        instance<schemas::none> truth;
        truth.bounds = detail::truth_box(at[0] - shift, at[1] - shift, at[2], at[3],
                                         [&](const auto&... p) { in.refuse(bounds, p...); });
        const std::string_view title = in.child(object, "name").child_value();
        truth.label = classes.label_of(title);
        if (truth.label == 0)
          in.refuse(object, "the name ", detail::in_quotes(title), " is no class");
        truth.ignore = object.child("difficult").text().as_bool();
        set.samples.back().instances.push_back(truth);
      });
  }
  if (set.samples.empty()) fail(list.string(), ": no picture is named in it");
  set.classes = classes.in_order(set.samples);
  return set;
}

}  // namespace retinue
