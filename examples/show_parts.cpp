// SPDX-License-Identifier: Apache-2.0
// Draws what the parts of a detector do: where anchors lie, which anchors a matcher gives to which
// truth, and what a suppressor keeps.
//
//   show_parts matching --out matching.svg
//   show_parts anchors --config mine.json --out mine.svg
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/svg.hpp"
#include "program/written.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/config.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers.hpp>
#include <retinue/random.hpp>
#include <retinue/suppress.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

struct arguments {
  std::string part;
  fs::path out, config;
  std::vector<std::string> only;
  std::size_t columns = 4;
  float overlap = 0.4f;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("part", a.part, "anchors, matching or suppression")
      ->required()
      ->check(CLI::IsMember({"anchors", "matching", "suppression"}));
  app.add_option("-o,--out", a.out, "The picture to write, as parts.svg")
      ->required()
      ->check(any_name());
  app.add_option("--only", a.only, "Only the panels of these titles");
  app.add_option("--config", a.config, "The anchors of this JSON file, in place of all others");
  app.add_option("--columns", a.columns, "Panels side by side")
      ->check(number_in(1, 12))
      ->capture_default_str();
  app.add_option("--overlap", a.overlap, "The threshold of suppression")
      ->check(number_in(0.0, 1.0))
      ->capture_default_str();
  app.footer("Exit codes: 0 the picture is written, 2 nothing could be done." +
             to_try("show_parts anchors --out anchors.svg",
                    "show_parts suppression --overlap 0.6 --out suppression.svg"));
  app.parse(count, values);
  return a;
}

/// The sheet, of the panels that were asked for.
class sheet_of_parts {
 public:
  sheet_of_parts(const arguments& a, const std::string& about)
      : only_(a.only), sheet_(about, a.columns)
  {
  }

  /// make() gives the panel, which is made where it is wanted.
  template <class Make>
  void add(const std::string& title, const Make& make)
  {
    titles_.push_back(title);
    if (!only_.empty() && std::ranges::find(only_, title) == only_.end()) return;
    svg_panel panel = make();
    panel.title = title;
    sheet_.add(std::move(panel));
  }

  [[nodiscard]] std::string text() const
  {
    for (const std::string& name : only_)
      if (std::ranges::find(titles_, name) == titles_.end())
        fail("--only ", name, ": there is no such panel, expected one of ",
             retinue::detail::listed(titles_));
    return sheet_.text();
  }

 private:
  std::vector<std::string> only_, titles_;
  svg_sheet sheet_;
};

/// 16800 as 16,800.
[[nodiscard]] std::string counted(std::size_t n)
{
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

// Anchors.

/// All anchors of one cell of each level, around one centre, in a picture of side x side pixels; of
/// points, one a cell with the stride for a side, those of each level in a strip of their own.
template <anchor_source Source>
svg_panel anchor_panel(const Source& source, const std::vector<int>& strides, int side)
{
  const extent2 image{side, side};
  svg_panel panel;
  panel.side = side;
  std::size_t all = 0;
  double least = side, most = 0;
  bool points = true;
  for (std::size_t l = 0; l < source.levels(); ++l) {
    const auto cells = static_cast<std::size_t>(source.cells(l, side));
    all += cells * cells * source.per_cell(l);
    for (std::size_t k = 0; k < source.per_cell(l); ++k) {
      const anchor_sides s = source.sides(l, k, image);
      points = points && std::abs(s.width * side - strides[l]) < 1e-6 && s.width == s.height;
      least = std::min({least, s.width * side, s.height * side});
      most = std::max({most, s.width * side, s.height * side});
    }
  }
  std::vector<svg_word> legend{{"strides"}};
  for (std::size_t l = source.levels(); l-- > 0;) {
    const std::string colour(svg_colour(l));
    if (points) {
      const double wide = double(side) / double(source.levels()), from = double(l) * wide;
      const double top = source.centre(l, 0, side) * side, step = strides[l];
      const double first = top + std::ceil((from - top) / step) * step;
      const double last = first + std::floor((from + wide - first) / step) * step;
      std::string rows;  // lines, of whose dashes nothing is left but round ends
      for (double y = top; y <= side; y += step)
        rows += "M" + svg_number(first) + " " + svg_number(y) + "H" + svg_number(last + 0.1);
      panel.drawn += "<path d=\"" + rows + "\" stroke=\"" + colour + "\" stroke-width=\"" +
                     svg_number(side / 110.0 * (1 + 0.5 * double(l))) + "\" stroke-dasharray=\"0 " +
                     svg_number(step) + "\" stroke-linecap=\"round\"/>\n";
      continue;
    }
    const double centre = side / 2.0;
    for (std::size_t k = 0; k < source.per_cell(l); ++k) {
      const anchor_sides s = source.sides(l, k, image);
      const double w = s.width * side / 2, h = s.height * side / 2;
      panel.drawn += svg_box({centre - w, centre - h, centre + w, centre + h},
                             "fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"" +
                                 svg_number(side / 130.0) + "\"");
    }
  }
  for (std::size_t l = 0; l < source.levels(); ++l)
    legend.push_back({std::to_string(strides[l]), svg_colour(l)});
  panel.below = {
      {{counted(all) + (points ? " points" : " anchors") + " at " + std::to_string(side) +
        " pixels"}},
      {{points ? "a side counts as a stride"
               : "sides of " + svg_number(least) + " to " + svg_number(most) + " pixels"}},
      legend};
  return panel;
}

template <class Levels>
std::vector<int> strides_of(const Levels& levels)
{
  std::vector<int> strides;
  for (const auto& level : levels) strides.push_back(level.stride);
  return strides;
}

svg_panel configured_panel(const network_config& c)
{
  std::vector<int> strides;
  for (std::size_t l = 0; l < c.anchors.levels(); ++l) strides.push_back(c.anchors.stride(l));
  const int side = square_side(c);
  return anchor_panel(c.anchors, strides, side > 0 ? side : 640);
}

/// The sides of faces as scenes draw them, and nine pairs that fit them best.
svg_panel cluster_panel()
{
  constexpr double side = 176;
  keyed_random random(2026, 0, 0);
  std::vector<anchor_sides> boxes;
  for (int i = 0; i < 300; ++i) {
    const double height = 14 * std::exp(random.uniform(0, std::log(160.0 / 14)));
    boxes.push_back({height * random.uniform(0.7, 0.85), height});
  }
  const side_clusters found = cluster_sides(boxes, 9, 1);
  svg_panel panel;
  panel.side = side;
  std::string dots;
  for (const anchor_sides& b : boxes)
    dots += "M" + svg_number(b.width) + " " + svg_number(side - b.height) + "h0";
  panel.drawn = "<path d=\"" + dots +
                "\" stroke=\"#9aa5b1\" stroke-width=\"2.4\" stroke-linecap=\"round\"/>\n";
  for (std::size_t k = 0; k < found.sides.size(); ++k) {
    const anchor_sides& s = found.sides[k];
    panel.drawn += svg_box(
        {0, side - s.height, s.width, side},
        "fill=\"none\" stroke=\"" + std::string(svg_colour(k / 3)) + "\" stroke-width=\"1.4\"");
  }
  std::vector<anchor_sides> listed;
  for (const listed_level& level : listed_anchors::yolov3().level)
    listed.insert(listed.end(), level.sides.begin(), level.sides.end());
  std::array<char, 80> ours, theirs;
  std::snprintf(ours.data(), ours.size(), "mean best overlap %.2f;", found.mean_overlap);
  std::snprintf(theirs.data(), theirs.size(), "of YOLOv3's nine, %.2f",
                mean_best_overlap(boxes, listed));
  panel.below = {{{"300 boxes by width and height"}}, {{ours.data()}}, {{theirs.data()}}};
  return panel;
}

std::string draw_anchors(const arguments& a)
{
  sheet_of_parts sheet(a, "Anchors: those of one cell of each level, around one centre");
  if (!a.config.empty()) {
    const network_config c = read_config(a.config);
    sheet.add(a.config.filename().string(), [&] { return configured_panel(c); });
    return sheet.text();
  }
  std::vector<std::string> seen;
  for (const preset& p : presets()) {
    svg_panel panel = configured_panel(p.config);
    if (std::ranges::find(seen, panel.drawn) != seen.end()) continue;  // as one before it
    seen.push_back(panel.drawn);
    sheet.add(std::string(p.name), [&] { return panel; });
  }
  sheet.add("YOLOv3", [] {
    const auto of = listed_anchors::yolov3();
    return anchor_panel(of, strides_of(of.level), 416);
  });
  sheet.add("sides by k-means", [] { return cluster_panel(); });
  return sheet.text();
}

// Matching.

/// Four truths of a picture, anchors over it, and what a network might say half-way: each anchor's
/// box has come most of the way to the truth that it overlaps most, and its score is their overlap.
struct matched_scene {
  static constexpr int side = 256;
  static constexpr std::array<std::string_view, 4> names{"A", "B", "C", "D"};

  std::vector<box<float>> truths;
  anchor_layout layout;
  std::vector<box<float>> said;
  std::vector<float> scores;

  matched_scene()
      : layout(square_anchors{.level = {{8, {32}}, {16, {64}}, {32, {128}}}}, {side, side})
  {
    for (const box<float>& b : {box<float>{36, 84, 140, 216}, box<float>{112, 40, 216, 150},
                                box<float>{30, 24, 58, 60}, box<float>{176, 190, 240, 214}})
      truths.push_back({b.x1 / side, b.y1 / side, b.x2 / side, b.y2 / side});
    for (const centre_box<float>& anchor : layout.anchors()) {
      const box<float> at = to_corners(anchor);
      std::size_t best = 0;
      for (std::size_t t = 1; t < truths.size(); ++t)
        if (iou(at, truths[t]) > iou(at, truths[best])) best = t;
      const float way = iou(at, truths[best]) > 0 ? 0.6f : 0.0f;
      box<float> moved;
      for (std::size_t c = 0; c < 4; ++c) moved[c] = at[c] + way * (truths[best][c] - at[c]);
      said.push_back(moved);
      scores.push_back(std::clamp(iou(moved, truths[best]), 0.01f, 0.99f));
    }
  }
};

/// Of every anchor, the truth that it answers for, -1 for none and -2 where it is ignored.
using answers = std::vector<int>;

template <matcher Match>
answers ask(const matched_scene& scene, Match match)
{
  assignment of;
  match(scene.layout, scene.truths, {}, of);
  answers all;
  for (std::size_t i = 0; i < of.verdicts.size(); ++i)
    all.push_back(of.verdicts[i] == verdict::positive  ? static_cast<int>(of.truths[i])
                  : of.verdicts[i] == verdict::ignored ? -2
                                                       : -1);
  return all;
}

/// One that looks at what the network says.
template <class Match>
answers ask_with_predictions(const matched_scene& scene, const Match& match)
{
  host_backend b;
  host_backend::table<centre_box<float>> anchors;
  host_backend::table<rival<float>> truths;
  host_backend::table<box<float>> said;
  host_backend::table<assigned<float>> out;
  std::vector<rival<float>> rivals;
  for (const auto& t : scene.truths) rivals.push_back({t, 1, 0});
  b.put(scene.layout.anchors(), 1, anchors);
  b.put(std::span<const rival<float>>(rivals), 1, truths);
  b.put(std::span<const box<float>>(scene.said), 1, said);
  const number_rows scores(scene.scores.data(), {1, scene.scores.size()}, 1);
  const given_labels labels{.background = false};
  match.in_tables(b, anchors, truths,
                  said_of_image<host_backend, given_labels>{scores, labels, said}, out);
  std::vector<assigned<float>> found;
  b.fetch(out, found);
  answers all;
  for (const auto& one : found)
    all.push_back(one.verdict == 1 ? static_cast<int>(one.truth) : one.verdict == 2 ? -2 : -1);
  return all;
}

/// The truths, and their letters.
svg_panel panel_of_truths(const matched_scene& scene)
{
  svg_panel panel;
  panel.side = matched_scene::side;
  for (std::size_t t = 0; t < scene.truths.size(); ++t) {
    const std::string colour(svg_colour(t));
    box<double> at;
    for (std::size_t c = 0; c < 4; ++c) at[c] = double(scene.truths[t][c]) * panel.side;
    panel.drawn += svg_box(at, "fill=\"" + colour + "\" fill-opacity=\"0.13\" stroke=\"" + colour +
                                   "\" stroke-width=\"2\"");
    panel.drawn += "<text x=\"" + svg_number(at.x1) + "\" y=\"" + svg_number(at.y1 - 4) +
                   "\" fill=\"" + colour + "\" style=\"font-weight:bold\">" +
                   std::string(matched_scene::names[t]) + "</text>\n";
  }
  return panel;
}

/// What there is to match: the truths, and the centres of all anchors, level by level.
svg_panel scene_panel(const matched_scene& scene)
{
  svg_panel panel = panel_of_truths(scene);
  std::vector<svg_word> sides{{"squares of"}};
  const auto levels = scene.layout.levels();
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const std::string colour(svg_colour(4 + l));
    std::string dots;
    for (std::size_t i = 0; i < levels[l].rows * levels[l].columns; ++i) {
      const auto& anchor = scene.layout.anchors()[levels[l].first + i];
      dots += "M" + svg_number(double(anchor.cx) * panel.side) + " " +
              svg_number(double(anchor.cy) * panel.side) + "h0";
    }
    panel.drawn += "<path d=\"" + dots + "\" stroke=\"" + colour + "\" stroke-width=\"" +
                   svg_number(1.4 + 1.6 * double(l)) + "\" stroke-linecap=\"round\"/>\n";
    sides.push_back({svg_number(double(levels[l].cell[0].w) * panel.side), svg_colour(4 + l)});
  }
  sides.push_back({"pixels"});
  panel.below = {sides};
  return panel;
}

svg_panel matching_panel(const matched_scene& scene, const answers& of)
{
  svg_panel panel = panel_of_truths(scene);
  std::vector<std::size_t> answered(scene.truths.size(), 0);
  std::size_t ignored = 0;
  const auto levels = scene.layout.levels();
  for (std::size_t l = levels.size(); l-- > 0;) {
    const std::size_t end = l + 1 < levels.size() ? levels[l + 1].first : of.size();
    for (std::size_t i = levels[l].first; i < end; ++i) {
      if (of[i] == -1) continue;
      const auto& anchor = scene.layout.anchors()[i];
      const bool none = of[i] < 0;
      const std::string colour(none ? "#9aa5b1" : svg_colour(static_cast<std::size_t>(of[i])));
      ++(none ? ignored : answered[static_cast<std::size_t>(of[i])]);
      panel.drawn += "<circle cx=\"" + svg_number(double(anchor.cx) * panel.side) + "\" cy=\"" +
                     svg_number(double(anchor.cy) * panel.side) + "\" r=\"" +
                     svg_number(2.2 + 1.5 * double(l)) + "\" " +
                     (none ? "fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"0.8\""
                           : "fill=\"" + colour + "\" stroke=\"#fff\" stroke-width=\"0.6\"") +
                     "/>\n";
    }
  }
  std::vector<svg_word> counts;
  for (std::size_t t = 0; t < answered.size(); ++t)
    counts.push_back(
        {std::string(matched_scene::names[t]) + " " + std::to_string(answered[t]), svg_colour(t)});
  if (ignored > 0) counts.push_back({"ignored " + std::to_string(ignored), "#5f6670"});
  panel.below = {counts};
  return panel;
}

std::string draw_matching(const arguments& a)
{
  sheet_of_parts sheet(a, "Matching: the anchors that answer for four truths");
  const matched_scene scene;
  const auto by_boxes = [&](const char* title, const auto& match) {
    sheet.add(title, [&] { return matching_panel(scene, ask(scene, match)); });
  };
  const auto by_predictions = [&](const char* title, const auto& match) {
    sheet.add(title, [&] { return matching_panel(scene, ask_with_predictions(scene, match)); });
  };
  sheet.add("truths and anchors", [&] { return scene_panel(scene); });
  by_boxes("RetinaFace", overlap_matcher::retinaface());
  by_boxes("SSD", overlap_matcher::ssd());
  by_boxes("RPN", overlap_matcher::rpn());
  by_boxes("RetinaNet", overlap_matcher::retinanet());
  by_boxes("ATSS", adaptive_matcher::atss());
  by_predictions("SimOTA", dynamic_k_matcher::sim_ota());
  by_predictions("dynamic soft label", dynamic_k_matcher::soft_label());
  by_predictions("TOOD", aligned_matcher::tood());
  by_predictions("YOLOv8", aligned_matcher::ultralytics());
  by_predictions("YOLOF", uniform_matcher::yolof());
  by_predictions("DETR", one_to_one_matcher::detr());
  return sheet.text();
}

// Suppression.

/// In which corner of a box its score stands, so that none hides another.
struct corner {
  bool right = false, low = false;
};

struct found_boxes {
  std::vector<box<float>> boxes;
  std::vector<float> scores;
  std::vector<std::int32_t> labels;
  std::vector<corner> corners;
};

/// What a network says of two objects that overlap, a third apart, one small, and one of another
/// class that is taken for the first as well.
found_boxes boxes_of_scene()
{
  found_boxes all;
  const auto add = [&](box<float> b, float score, std::int32_t label, corner at = {}) {
    all.boxes.push_back(b);
    all.scores.push_back(score);
    all.labels.push_back(label);
    all.corners.push_back(at);
  };
  constexpr corner upper_right{true, false}, lower_left{false, true}, lower_right{true, true};
  add({30, 60, 112, 178}, 0.96f, 1);
  add({36, 52, 118, 170}, 0.82f, 1, upper_right);
  add({22, 68, 106, 190}, 0.61f, 1, lower_left);
  add({44, 80, 128, 186}, 0.40f, 1, lower_right);
  add({84, 78, 160, 190}, 0.90f, 1);
  add({92, 70, 170, 184}, 0.71f, 1, upper_right);
  add({100, 90, 160, 204}, 0.45f, 1, lower_right);
  add({168, 24, 206, 74}, 0.86f, 1);
  add({172, 30, 210, 78}, 0.55f, 1, lower_right);
  add({54, 84, 86, 122}, 0.50f, 1);
  add({33, 64, 110, 174}, 0.58f, 2, lower_right);
  add({150, 160, 208, 208}, 0.76f, 2, lower_right);
  add({146, 152, 204, 204}, 0.66f, 2);
  add({14, 12, 60, 44}, 0.22f, 2);
  return all;
}

/// What is kept, boxes in place of theirs where the suppressor made its own; the others are dashed.
svg_panel suppression_panel(const found_boxes& found, const kept_rows& kept)
{
  svg_panel panel;
  std::vector<bool> stays(found.boxes.size(), false);
  for (const row_index row : kept.rows) stays[row] = true;
  const auto drawn_at = [](const box<float>& b) {
    return box<double>{double(b.x1), double(b.y1), double(b.x2), double(b.y2)};
  };
  for (std::size_t i = 0; i < found.boxes.size(); ++i)
    if (!stays[i])
      panel.drawn += svg_box(drawn_at(found.boxes[i]),
                             "fill=\"none\" stroke=\"#9aa5b1\" stroke-dasharray=\"3 3\"");
  std::string scores;
  for (std::size_t k = kept.rows.size(); k-- > 0;) {
    const std::size_t row = kept.rows[k];
    const box<double> b = drawn_at(kept.boxes.empty() ? found.boxes[row] : kept.boxes[k]);
    const std::string colour(svg_colour(static_cast<std::size_t>(found.labels[row] - 1)));
    const double strength = std::clamp(double(kept.scores[k]), 0.15, 1.0);
    panel.drawn +=
        svg_box(b, "fill=\"" + colour + "\" fill-opacity=\"0.06\" stroke=\"" + colour +
                       "\" stroke-width=\"" + svg_number(0.6 + 2 * strength) +
                       "\" stroke-opacity=\"" + svg_number(0.35 + 0.65 * strength) + "\"");
    std::array<char, 16> score;
    std::snprintf(score.data(), score.size(), "%.2f", double(kept.scores[k]));
    const corner at = found.corners[row];
    scores += "<text x=\"" + svg_number(at.right ? b.x2 - 3 : b.x1 + 3) + "\" y=\"" +
              svg_number(at.low ? b.y2 - 4 : b.y1 + 11) + "\" fill=\"" + colour +
              "\" text-anchor=\"" + (at.right ? "end" : "start") +
              "\" style=\"font-size:9.5px;font-weight:bold;paint-order:stroke;stroke:#f7f8fa;"
              "stroke-width:2.5px\">" +
              score.data() + "</text>\n";
  }
  panel.drawn += scores;
  panel.below = {{{std::to_string(kept.rows.size()) + " of " + std::to_string(found.boxes.size()) +
                   " are left" + (kept.boxes.empty() ? "" : ", with boxes of its own")}}};
  return panel;
}

std::string draw_suppression(const arguments& a)
{
  sheet_of_parts sheet(a, "Suppression: what is left of fourteen boxes of two classes");
  const found_boxes found = boxes_of_scene();
  const std::span<const box<float>> boxes(found.boxes);
  const auto by_class = [&](const std::string& title, const auto& inner) {
    sheet.add(title, [&] {
      per_class_suppressor suppress(inner);
      return suppression_panel(found, suppress(boxes, found.scores, found.labels));
    });
  };
  sheet.add("what the network says", [&] {
    std::vector<row_index> rows;
    for (std::size_t i = 0; i < found.boxes.size(); ++i) rows.push_back(static_cast<row_index>(i));
    return suppression_panel(found, {rows, found.scores});
  });
  by_class("greedy", greedy_suppressor<>(a.overlap));
  sheet.add("greedy, any class", [&] {
    class_agnostic<greedy_suppressor<>> suppress{greedy_suppressor<>(a.overlap)};
    return suppression_panel(found, suppress(boxes, found.scores, found.labels));
  });
  by_class("greedy by diou", measured_suppressor<diou_of>(a.overlap));
  by_class("greedy by what is covered", measured_suppressor<iof_of<>>(a.overlap));
  by_class("greedy by near centres", measured_suppressor<near_centres>(
                                         a.overlap, measured_suppressor<near_centres>::unlimited,
                                         near_centres{.within = 40}));
  by_class("soft, linear", soft_suppressor<linear_decay>(linear_decay{a.overlap}, 0.1f));
  by_class("soft, gaussian", soft_suppressor<>(gaussian_decay(), 0.1f));
  by_class("matrix", matrix_suppressor<>(gaussian_decay(), 0.1f));
  by_class("voting", voting_suppressor<>(greedy_suppressor<>(a.overlap), a.overlap));
  by_class("fusion", box_fusion({.overlap = a.overlap}));
  return sheet.text();
}

int show(const arguments& a)
{
  const std::vector<written_file> written{{"--out", a.out}};
  check_written(std::vector<fs::path>{a.config}, written);
  check_ending(written[0], ".svg");
  if (!a.config.empty() && a.part != "anchors") fail("--config has anchors, and ", a.part, " none");
  write_text(a.out, a.part == "anchors"    ? draw_anchors(a)
                    : a.part == "matching" ? draw_matching(a)
                                           : draw_suppression(a));
  return 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Draws what anchors, matchers and suppressors do.", "show_parts");
  return run_program(app, [&] { return show(parse(app, count, values)); });
}
