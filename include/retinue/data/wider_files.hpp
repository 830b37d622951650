// SPDX-License-Identifier: Apache-2.0
// Reads the truth of WIDER FACE's validation set, with its subsets, and a detector's results.
//
//   truth        a line `event/name.jpg width height n`, then n lines `x y w h easy medium hard`
//                (1: the face counts in that subset; further columns are not read); lines that
//                begin with # are comments
//   or labels    a line `# event/name.jpg`, then lines `x y w h easy medium hard`, as in label.txt
//   detections   one file: `event/name.jpg`, a line `n`, then n lines `x y w h score`
//                or a folder, as the official tool takes it: event/name.txt, each with the image's
//                name, n, and n such lines
//
// Text is plain, or .gz for who passes gunzip. Pixels of the original picture. Throws `error` by
// file and line.
#pragma once

#include <retinue/detail/file.hpp>     // in_quotes
#include <retinue/detail/lines.hpp>    // line_reader
#include <retinue/detail/text.hpp>     // read_text
#include <retinue/error.hpp>           // fail
#include <retinue/evaluate/wider.hpp>  // wider_truth
#include <retinue/geometry.hpp>        // box, extent2

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace retinue {

/// A detection in a file of results. Pixels.
struct wider_detection {
  box<double> bounds{};
  double score = 0;
  std::int32_t label = 1;
};

/// One image: what is in it, and what was found.
struct wider_image {
  std::string name;  ///< event/name, without the ending
  std::string file;  ///< event/name.jpg, as the truth has it
  extent2 size;      ///< 0 where the truth does not tell
  std::vector<wider_truth> truths;
  std::vector<wider_detection> detections;
  bool has_detections = false;  ///< whether the results name it, though they may list none
};

namespace detail {
/// 0--Parade/a.b.jpg is 0--Parade/a.b: the ending alone is cut, the name may hold further dots.
[[nodiscard]] inline std::string without_ending(std::string_view name)
{
  const auto dot = name.rfind('.');
  const bool has_ending = dot != std::string_view::npos && name.size() - dot <= 5 &&
                          name.find('/', dot) == std::string_view::npos;
  return std::string(has_ending ? name.substr(0, dot) : name);
}

/// x y w h as corners.
[[nodiscard]] inline box<double> read_box(line_reader& in)
{
  const auto x = in.number<double>("x"), y = in.number<double>("y");
  const auto w = in.number<double>("the width"), h = in.number<double>("the height");
  return {x, y, x + w, y + h};
}

class wider_results {
 public:
  wider_results(std::vector<wider_image>& images, text_decoder decode)
      : images_(images), decode_(decode)
  {
    for (std::size_t i = 0; i < images.size(); ++i) rows_.emplace(images[i].name, i);
  }

  [[nodiscard]] wider_image* find(const std::string& name) const
  {
    const auto at = rows_.find(name);
    return at == rows_.end() ? nullptr : &images_[at->second];
  }

  void read_file(const std::filesystem::path& file) const
  {
    const std::string text = read_text(file, decode_);
    line_reader in(text, file.string());
    while (in.next()) {
      if (in.done()) continue;
      const std::string name = without_ending(in.line());
      wider_image* image = find(name);
      if (!image) in.refuse("the truth has no image ", in_quotes(in.line()));
      if (image->has_detections)
        in.refuse("a second list of detections for ", in_quotes(in.line()));
      read_list(in, *image);
    }
  }

  void read_folder(const std::filesystem::path& folder) const
  {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().extension() == ".txt")
        files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) {
      const std::string name = file.parent_path().filename().string() + "/" + file.stem().string();
      wider_image* image = find(name);
      if (!image) fail(file.string(), ": the truth has no image ", in_quotes(name));
      if (image->has_detections)
        fail(file.string(), ": a second list of detections for ", in_quotes(name));
      const std::string text = read_text(file, decode_);
      line_reader in(text, file.string());
      if (!in.next()) in.refuse("the file is empty, expected the image's name");
      const std::string_view said = in.line().substr(in.line().rfind('/') + 1);
      if (said != file.stem().string() && without_ending(said) != file.stem().string())
        in.refuse("the list names the image ", in_quotes(in.line()), ", its file ",
                  in_quotes(name));
      read_list(in, *image);
      while (in.next()) in.end_of_line();
    }
  }

 private:
  static void read_list(line_reader& in, wider_image& image)
  {
    const auto next = [&](std::string_view what) {
      if (!in.next()) in.refuse("the file ends where ", what, " was expected");
    };
    next("the number of detections");
    const auto count = in.number<std::size_t>("the number of detections");
    in.end_of_line();
    image.has_detections = true;
    for (std::size_t i = 0; i < count; ++i) {
      next("another detection");
      wider_detection d;
      d.bounds = read_box(in);
      if (d.bounds.x2 < d.bounds.x1 || d.bounds.y2 < d.bounds.y1)
        in.refuse("a box with a negative side");
      d.score = in.number<double>("the score");
      in.end_of_line();
      image.detections.push_back(d);
    }
  }

  std::vector<wider_image>& images_;
  text_decoder decode_;
  std::unordered_map<std::string, std::size_t> rows_;
};
}  // namespace detail

namespace detail {
/// x y w h easy medium hard. The official set has a face -2 pixels wide: taken as it is, or the
/// figures would differ.
[[nodiscard]] inline wider_truth read_wider_face(line_reader& in)
{
  wider_truth truth{.bounds = read_box(in), .counts = {}};
  for (std::size_t s = 0; s < wider_subsets.size(); ++s) {
    const int flag = in.number<int>(wider_subsets[s]);
    if (flag != 0 && flag != 1)
      in.refuse("the flag of ", wider_subsets[s], " is ", flag, ", expected 0 or 1");
    truth.counts[s] = flag == 1;
  }
  return truth;
}

/// Whether the text is of the second form: after its first lines with # comes no image's name.
[[nodiscard]] inline bool are_labels(std::string_view text, const std::string& file)
{
  line_reader in(text, file);
  while (in.next())
    if (!in.done() && !in.line().starts_with('#'))
      return in.word("a number").find_first_not_of("+-.0123456789eE") == std::string_view::npos;
  return false;
}
}  // namespace detail

/// Reads the truth, in either form.
[[nodiscard]] inline std::vector<wider_image> read_wider_truth(const std::filesystem::path& file,
                                                               text_decoder decode = refuse_packed)
{
  const std::string text = detail::read_text(file, decode);
  const bool labels = detail::are_labels(text, file.string());
  detail::line_reader in(text, file.string());
  std::vector<wider_image> images;
  std::unordered_set<std::string> seen;
  const auto add = [&](std::string_view name) {
    images.emplace_back();
    images.back().name = detail::without_ending(name);
    images.back().file = name;
    if (!seen.insert(images.back().name).second)
      in.refuse("the image ", detail::in_quotes(images.back().name),
                " stands here for the second time");
  };
  while (in.next()) {
    if (in.done()) continue;
    if (labels) {
      if (in.line().starts_with('#')) {
        static_cast<void>(in.word("#"));
        add(in.word("event/name, after a # and a space"));
        in.end_of_line();
      } else if (images.empty()) {
        in.refuse("a face before the first image, expected `# event/name.jpg`");
      } else {
        images.back().truths.push_back(detail::read_wider_face(in));
      }
    } else if (!in.line().starts_with('#')) {
      add(in.word("event/name"));
      wider_image& image = images.back();
      image.size.width = in.number<int>("the image's width");
      image.size.height = in.number<int>("the image's height");
      const auto count = in.number<std::size_t>("the number of faces");
      in.end_of_line();
      for (std::size_t i = 0; i < count; ++i) {
        if (!in.next()) in.refuse("the file ends after ", i, " of ", count, " faces");
        image.truths.push_back(detail::read_wider_face(in));
      }
    }
  }
  if (images.empty()) fail(file.string(), ": no image, expected `event/name.jpg width height n`");
  return images;
}

/// Puts a detector's results, a file or a folder, beside the truth. Returns how many images they do
/// not name, which count as images in which nothing was found.
inline std::size_t read_wider_detections(const std::filesystem::path& results,
                                         std::vector<wider_image>& images,
                                         text_decoder decode = refuse_packed)
{
  const detail::wider_results reader(images, decode);
  if (std::filesystem::is_directory(results))
    reader.read_folder(results);
  else
    reader.read_file(results);
  const auto absent = std::ranges::count(images, false, &wider_image::has_detections);
  if (static_cast<std::size_t>(absent) == images.size())
    fail(results.string(), ": no detections for any of the truth's ", images.size(), " images");
  return static_cast<std::size_t>(absent);
}

}  // namespace retinue
