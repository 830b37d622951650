// SPDX-License-Identifier: Apache-2.0
// Says how well anchors cover the objects of a data set: how many truths of each size get none.
//
//   show_anchors --data faces/train --size 640 --out coverage.png
//   show_anchors --data faces/train --size 640 --cluster 3 --write anchors.json --out coverage.png
//
// Pictures are scaled so that the longer side has --size pixels and padded to a square, as training
// sees them uncropped. A truth is matched where an anchor overlaps it by the threshold; another has
// its best anchor forced on it; what overlaps too little even for that is never learnt.
#include "program/data.hpp"
#include "program/decoding.hpp"
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/plot.hpp"
#include "program/progress.hpp"
#include "program/written.hpp"

#include <retinue/anchors.hpp>
#include <retinue/anchors/clusters.hpp>
#include <retinue/config.hpp>
#include <retinue/detail/file.hpp>
#include <retinue/detail/lines.hpp>
#include <retinue/image/files.hpp>
#include <retinue/matchers.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

struct arguments {
  data_argument data;
  fs::path config, out, json, sizes, write;
  std::string preset = "mobilenet0.25", boxes;
  int size = 640;
  std::size_t cluster = 0;  // anchors of a cell, found from the data; 0: those that are named
  std::optional<float> positive, floor;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-d,--data", a.data.data, data_help)->required()->check(any_name());
  app.add_option("--images", a.data.images, "Folder of the pictures, if it is not the usual one");
  app.add_option("--subset", a.data.subset, "Of a folder of PASCAL VOC's form")
      ->capture_default_str();
  app.add_option("--sizes", a.sizes,
                 "Take the pictures' sizes from this file of lines `name width height`, text or "
                 ".gz, and read no picture");
  app.add_flag("--strict", a.data.strict, "Refuse the data for its first bad truth");
  app.add_option("--size", a.size, "Pixels of the longer side")
      ->check(number_in(16, 20000))
      ->capture_default_str();
  auto* config =
      app.add_option("--config", a.config, "JSON file with the anchors, of a RetinaFace");
  auto* preset = app.add_option("--preset", a.preset, "The anchors by a RetinaFace's name")
                     ->excludes(config)
                     ->capture_default_str();
  app.add_option("--default-boxes", a.boxes, "The anchors of SSD300 or of SSD512 instead")
      ->check(CLI::IsMember({"300", "512"}))
      ->excludes(config)
      ->excludes(preset);
  auto* cluster = app.add_option("--cluster", a.cluster,
                                 "Find N anchors for a cell of each level instead, those that fit "
                                 "the data best: k-means of its widths and heights")
                      ->check(number_in(1, 1000))
                      ->excludes("--default-boxes");
  app.add_option("--write", a.write,
                 "Write the configuration with the anchors of --cluster to this .json, to train by")
      ->check(any_name())
      ->needs(cluster);
  app.add_option("--positive", a.positive, "Overlap that matches (default 0.35; SSD 0.5)")
      ->check(number_in(0.01, 1.0));
  app.add_option("--floor", a.floor, "Least overlap of a forced anchor (default 0.2; SSD 0)")
      ->check(number_in(0.0, 1.0));
  app.add_option("-o,--out", a.out, "Draw the coverage by size to this picture")->check(any_name());
  app.add_option("--json", a.json, "Write the figures to this file ('-': standard output)")
      ->check(any_name());
  app.footer("Exit codes: 0 done, 1 some pictures could not be read, 2 nothing could be done." +
             to_try("show_anchors --data synthetic --out coverage.png",
                    "show_anchors --data synthetic --default-boxes 300 --json -"));
  app.parse(count, values);
  refuse_idle(app, "--subset", is_voc(a.data.data), "a folder of PASCAL VOC's form");
  return a;
}

/// Truths of one size, half an octave.
struct coverage {
  std::size_t truths = 0, matched = 0, forced = 0, anchors = 0;

  [[nodiscard]] double share(std::size_t part) const
  {
    return truths == 0 ? 0 : static_cast<double>(part) / static_cast<double>(truths);
  }
  void add(const coverage& other)
  {
    truths += other.truths;
    matched += other.matched;
    forced += other.forced;
    anchors += other.anchors;
  }
};

constexpr int steps_per_octave = 2;

[[nodiscard]] double size_of(int bin)
{
  return std::exp2(double(bin) / steps_per_octave);
}

using table = std::map<int, coverage>;

/// Truths of a picture that are not to be ignored, as shares of its longer side.
using picture_truths = std::vector<box<float>>;

[[nodiscard]] picture_truths counted(const std::vector<instance<schemas::none>>& truths,
                                     double longer)
{
  picture_truths boxes;
  for (const auto& t : truths) {
    if (t.ignore) continue;
    const auto at = [&](float v) { return static_cast<float>(v / longer); };
    boxes.push_back({at(t.bounds.x1), at(t.bounds.y1), at(t.bounds.x2), at(t.bounds.y2)});
  }
  return boxes;
}

/// The same network with anchors that fit these truths, where pictures have `size` pixels.
[[nodiscard]] network_config with_clusters(network_config config,
                                           const std::vector<picture_truths>& pictures,
                                           std::size_t each, int size)
{
  std::vector<anchor_sides> boxes;
  for (const auto& picture : pictures)
    for (const auto& b : picture)
      boxes.push_back({double(b.x2 - b.x1) * size, double(b.y2 - b.y1) * size});
  std::vector<int> strides;
  for (std::size_t l = 0; l < config.anchors.levels(); ++l)
    strides.push_back(config.anchors.stride(l));
  // The side of the square stands with the default boxes, which go.
  if (const int side = square_side(config); side > 0) config.input.long_side = side;
  config.anchors = listed_anchors::from(cluster_sides(boxes, each * strides.size()).sides, strides);
  return parse_config(to_json(config), "the configuration with the anchors of --cluster");
}

class counter {
 public:
  counter(const anchor_layout& layout, const overlap_matcher::settings& settings)
      : layout_(layout), with_(settings), without_([&] {
          auto s = settings;
          s.force = forcing::none;
          return s;
        }())
  {
  }

  /// Truths of a picture that has `side` pixels on its longer side.
  void add(const picture_truths& boxes, int side)
  {
    without_(layout_, boxes, {}, natural_);
    with_(layout_, boxes, {}, all_);
    for (std::size_t g = 0; g < boxes.size(); ++g) {
      const auto& b = boxes[g];
      const double pixels = std::sqrt(double(b.x2 - b.x1) * double(b.y2 - b.y1)) * side;
      coverage& bin = seen_[static_cast<int>(std::floor(std::log2(pixels) * steps_per_octave))];
      ++bin.truths;
      bin.matched += natural_.positives[g] > 0;
      bin.forced += natural_.positives[g] == 0 && all_.positives[g] > 0;
      bin.anchors += all_.positives[g];
    }
  }

  [[nodiscard]] const table& seen() const { return seen_; }

 private:
  const anchor_layout& layout_;
  overlap_matcher with_, without_;
  assignment natural_, all_;
  table seen_;
};

/// Sizes by the name of the picture, from a file.
std::unordered_map<std::string, extent2> read_sizes(const fs::path& file)
{
  const std::string text = retinue::detail::read_text(file, gunzip);
  retinue::detail::line_reader in(text, file.string());
  std::unordered_map<std::string, extent2> sizes;
  while (in.next()) {
    if (in.done()) continue;
    const std::string name(in.word("a picture's name"));
    extent2& size = sizes[name];
    size.width = in.number<int>("the width");
    size.height = in.number<int>("the height");
    if (size.width < 1 || size.height < 1) in.refuse("a picture without pixels");
  }
  return sizes;
}

void print(std::FILE* to, const table& seen, const coverage& all)
{
  std::fprintf(to, "%17s %9s %10s %10s %10s %9s\n", "size in pixels", "truths", "matched", "forced",
               "without", "anchors");
  const auto line = [to](const std::string& name, const coverage& c) {
    std::fprintf(to, "%17s %9zu %8.1f %% %8.1f %% %8.1f %% %9.1f\n", name.c_str(), c.truths,
                 100 * c.share(c.matched), 100 * c.share(c.forced),
                 100 * c.share(c.truths - c.matched - c.forced), c.share(c.anchors));
  };
  for (const auto& [bin, c] : seen) {
    char name[32];
    std::snprintf(name, sizeof name, "%.1f to %.1f", size_of(bin), size_of(bin + 1));
    line(name, c);
  }
  line("all", all);
}

cv::Mat draw(const table& seen, const std::string& title)
{
  std::vector<plot_line> lines{{"matched", {}, {}},
                               {"forced", {}, {}},
                               {"without an anchor", {}, {}},
                               {"truths, of the most frequent size", {}, {}}};
  std::size_t most = 1;
  for (const auto& [bin, c] : seen) most = std::max(most, c.truths);
  for (const auto& [bin, c] : seen) {
    const std::array<double, 4> shares{c.share(c.matched), c.share(c.forced),
                                       c.share(c.truths - c.matched - c.forced),
                                       double(c.truths) / double(most)};
    for (std::size_t i = 0; i < lines.size(); ++i) {
      lines[i].x.push_back(size_of(bin) * std::exp2(0.5 / steps_per_octave));
      lines[i].y.push_back(shares[i]);
    }
  }
  plot_frame frame;
  frame.title = title;
  frame.x = {.label = "size of a truth in pixels", .limits = {}, .logarithmic = true};
  frame.y = {.label = "share of the truths", .limits = plot_axis::range{0, 1.02}};
  return draw_plot(frame, lines);
}

nlohmann::ordered_json to_json(const table& seen)
{
  auto all = nlohmann::ordered_json::array();
  for (const auto& [bin, c] : seen)
    all.push_back({{"from", size_of(bin)},
                   {"to", size_of(bin + 1)},
                   {"truths", c.truths},
                   {"matched", c.matched},
                   {"forced", c.forced},
                   {"anchors", c.anchors}});
  return all;
}

int show(const arguments& a)
{
  const std::vector<written_file> written{
      {"--out", a.out}, {"--json", a.json}, {"--write", a.write}};
  check_written(std::vector<fs::path>{a.data.data, a.config, a.sizes}, written);
  check_ending({"--write", a.write}, ".json");
  if (!a.out.empty()) check_image_ending(a.out);
  network_config named = a.config.empty() ? find_preset(a.preset) : read_config(a.config);
  std::vector<picture_truths> pictures;
  std::size_t failed = 0;
  if (!a.sizes.empty()) {
    const auto sizes = read_sizes(a.sizes);
    const auto set = read_data<schemas::none>(a.data);
    tell_left_out(a.data.data, set.skipped);
    for (const auto& s : set.samples) {
      // Names may stand with their folders, or without.
      auto size = sizes.end();
      for (fs::path name = s.path; size == sizes.end() && !name.empty();) {
        size = sizes.find(name.string());
        const auto rest = name.begin() == name.end() ? name.end() : std::next(name.begin());
        fs::path shorter;
        for (auto part = rest; part != name.end(); ++part) shorter /= *part;
        name = shorter;
      }
      if (size == sizes.end()) fail(a.sizes.string(), ": no size of ", s.path.string());
      pictures.push_back(counted(s.instances, std::max(size->second.width, size->second.height)));
    }
  } else {
    const auto set = open_pictures<schemas::none>(a.data);
    refuse_to_replace(set.files, written);
    progress_bar bar("read", set.count);
    for (std::size_t i = 0; i < set.count; ++i) {
      try {
        const auto from = [&] {
          const quiet_decoding quiet;
          return set.read(0, i);
        }();
        pictures.push_back(counted(from.instances, std::max(from.picture.rows, from.picture.cols)));
      } catch (const error& e) {
        bar.clear();
        std::cerr << "skipped: " << e.what() << "\n";
        ++failed;
      }
      bar.update(i + 1);
    }
  }
  if (std::ranges::all_of(pictures, [](const auto& p) { return p.empty(); }))
    fail(a.data.data, ": no truth that counts");
  if (a.cluster > 0) named = with_clusters(std::move(named), pictures, a.cluster, a.size);

  const bool ssd = !a.boxes.empty() || std::holds_alternative<ssd_form>(named.form);
  const extent2 square{a.size, a.size};
  const anchor_layout layout = [&] {
    if (a.boxes == "300") return anchor_layout(default_boxes::ssd300(), square);
    if (a.boxes == "512") return anchor_layout(default_boxes::ssd512(), square);
    return anchor_layout(named.anchors, square);
  }();
  overlap_matcher::settings settings;
  settings.positive = settings.negative = a.positive.value_or(ssd ? 0.5f : 0.35f);
  settings.floor = a.floor.value_or(ssd ? 0.f : 0.2f);
  counter count(layout, settings);
  for (const picture_truths& picture : pictures) count.add(picture, a.size);
  coverage all;
  for (const auto& [bin, c] : count.seen()) all.add(c);
  std::fprintf(words_beside(a.json),
               "%s at %d pixels: %zu anchors, matched from overlap %g, forced from %g\n",
               retinue::detail::printable(a.data.data).c_str(), a.size, layout.anchors().size(),
               double(settings.positive), double(settings.floor));
  print(words_beside(a.json), count.seen(), all);
  write_json(a.json, to_json(count.seen()).dump(2) + "\n");
  if (!a.write.empty()) write_text(a.write, to_json(named) + "\n");
  if (!a.out.empty())
    write_image(a.out, draw(count.seen(), fs::path(a.data.data).filename().string() + " at " +
                                              std::to_string(a.size) + " pixels"));
  return failed > 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Says how well anchors cover the objects of a data set.", "show_anchors");
  return run_program(app, [&] { return show(parse(app, count, values)); });
}
