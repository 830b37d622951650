// SPDX-License-Identifier: Apache-2.0
// Reads RetinaFace's label.txt, plain or .gz: a line `# name`, then a line for each object,
//
//   x y w h                            a plain box
//   x y w h  K x (x y flag)  [score]   K landmarks; the flag of one is -1 where it is not labelled,
//                                      0 or more where it is; a point at (-1, -1) is not either
//   x y w h  easy medium hard          WIDER FACE's subsets, 1 or 0: a face that counts in none of
//                                      them is to be ignored (where K is 1, the form above)
//
// Pixels. A schema without points reads the box of any of them, 7 fields being WIDER FACE's.
// Throws `error` by file and line.
#pragma once

#include <retinue/data/sample.hpp>   // data_set, read_truth
#include <retinue/detail/lines.hpp>  // line_reader
#include <retinue/detail/text.hpp>   // read_text

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace retinue {

namespace detail {

[[nodiscard]] inline std::size_t fields_of(std::string_view line)
{
  std::size_t count = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto blank = [&](std::size_t k) { return line[k] == ' ' || line[k] == '\t'; };
    count += !blank(i) && (i == 0 || blank(i - 1));
  }
  return count;
}

template <landmark_schema Schema>
[[nodiscard]] instance<Schema> read_labelled_line(line_reader& in)
{
  constexpr std::size_t with_points = 4 + 3 * Schema::count;
  const std::size_t fields = fields_of(in.line());
  instance<Schema> truth;
  const auto x = in.number<double>("x"), y = in.number<double>("y");
  const auto w = in.number<double>("the width"), h = in.number<double>("the height");
  truth.bounds = truth_box(x, y, x + w, y + h, [&](const auto&... parts) { in.refuse(parts...); });
  if (fields == 7 && Schema::count != 1) {
    int subsets = 0;
    for (const auto* subset : {"easy", "medium", "hard"}) {
      const int flag = in.number<int>(subset);
      if (flag != 0 && flag != 1)
        in.refuse("the flag of ", subset, " is ", flag, ", expected 0 or 1");
      subsets += flag;
    }
    truth.ignore = subsets == 0;
  } else if (Schema::count > 0 && fields > 4) {
    if (fields != with_points && fields != with_points + 1)
      in.refuse("the line has ", fields, " fields; with ", Schema::count, " landmarks there are ",
                with_points, ", or ", with_points + 1, " with a score");
    for (std::size_t k = 0; k < Schema::count; ++k) {
      auto& point = truth.points.points[k];
      point = {in.number<float>("a landmark's x"), in.number<float>("a landmark's y")};
      const auto flag = in.number<float>("a landmark's flag");
      if (flag != -1 && flag < 0)
        in.refuse("the flag of landmark ", k, " is ", flag, ", expected -1, or 0 or more");
      truth.visible[k] = flag != -1 && !(point[0] == -1 && point[1] == -1);
      if (!truth.visible[k]) point = {};
    }
    if (fields == with_points + 1) static_cast<void>(in.number<float>("the score"));
  }
  return truth;
}

}  // namespace detail

/// Pictures lie in the folder images/ beside the file, unless options.images is another.
template <landmark_schema Schema>
  requires(Schema::dimension == 2)
[[nodiscard]] data_set<Schema> read_retinaface_labels(const std::filesystem::path& file,
                                                      const read_options& options = {})
{
  const auto folder = options.images.empty() ? file.parent_path() / "images" : options.images;
  const std::string text = detail::read_text(file, options.decode);
  detail::line_reader in(text, file.string());
  data_set<Schema> set;
  while (in.next()) {
    if (in.done()) continue;
    std::string_view line = in.line();
    if (line.starts_with('#')) {
      line.remove_prefix(std::min(line.find_first_not_of("# \t"), line.size()));
      line = line.substr(0, line.find_last_not_of(" \t") + 1);
      if (line.empty()) in.refuse("a picture without a name, expected `# name`");
      set.samples.push_back({folder / std::filesystem::path(std::string(line)), {}});
      continue;
    }
    if (set.samples.empty()) in.refuse("an object before the first picture, expected `# name`");
    detail::read_truth(options.on_bad_truth, set.skipped, [&] {
      set.samples.back().instances.push_back(detail::read_labelled_line<Schema>(in));
    });
  }
  if (set.samples.empty()) fail(file.string(), ": no picture, expected lines `# name`");
  return set;
}

}  // namespace retinue
