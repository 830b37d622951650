// SPDX-License-Identifier: Apache-2.0
// Matchers against golden/families: what MMDetection, torchvision and Ultralytics assign.
//
// Each check returns how many cases it saw. A truth whose last choice was a tie, as the golden file
// says, may differ: anchors are compared unless one of both sides is such a truth's.
#pragma once

#include "catch.hpp"
#include "family_laws.hpp"
#include "npz.hpp"

#include <retinue/anchors.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace retinue::test {

/// Names of scenes; a golden file need not have all.
inline const std::vector<std::string>& scenes()
{
  static const std::vector<std::string> all{"none",       "one",      "g8",     "g40",
                                            "crowd_same", "subpixel", "border", "degenerate",
                                            "crowded",    "huge",     "tiny"};
  return all;
}

/// The golden anchors in pixels as a source: corners at the origin of each level's first cell, and
/// a centre in every cell's corner or in its middle.
struct golden_grid {
  std::vector<int> strides;
  std::vector<std::vector<centre_box<float>>> cell;
  double offset = 0;

  [[nodiscard]] std::size_t levels() const { return strides.size(); }
  [[nodiscard]] int cells(std::size_t l, int pixels) const { return pixels / strides[l]; }
  [[nodiscard]] std::size_t per_cell(std::size_t l) const { return cell[l].size(); }
  [[nodiscard]] double centre(std::size_t l, int c, int) const { return (c + offset) * strides[l]; }
  [[nodiscard]] anchor_sides sides(std::size_t l, std::size_t k, extent2) const
  {
    return {static_cast<double>(cell[l][k].w), static_cast<double>(cell[l][k].h)};
  }
  [[nodiscard]] static bool clipped() { return false; }
};
static_assert(anchor_source<golden_grid>);

inline std::vector<box<float>> boxes_of(const array& of)
{
  const auto v = of.as<float>();
  std::vector<box<float>> all;
  for (std::size_t i = 0; i + 4 <= v.size(); i += 4)
    all.push_back({v[i], v[i + 1], v[i + 2], v[i + 3]});
  return all;
}

inline anchor_layout golden_layout(const npz& golden, const std::string& name)
{
  const auto corners = boxes_of(golden[name + "/anchors"]);
  const auto counts = golden[name + "/num_level"].as<std::int32_t>();
  golden_grid grid;
  for (const std::int32_t s : golden[name + "/strides"].as<std::int32_t>())
    grid.strides.push_back(s);
  std::size_t first = 0;
  for (std::size_t l = 0; l < counts.size(); ++l) {
    const auto cells = static_cast<std::size_t>(256 / grid.strides[l]) *
                       static_cast<std::size_t>((192 + grid.strides[l] - 1) / grid.strides[l]);
    auto& cell = grid.cell.emplace_back();
    for (std::size_t k = 0; k < static_cast<std::size_t>(counts[l]) / cells; ++k)
      cell.push_back(to_centre(corners[first + k]));
    first += static_cast<std::size_t>(counts[l]);
  }
  std::vector<extent2> maps;
  for (const int s : grid.strides) maps.push_back({(192 + s - 1) / s, 256 / s});
  anchor_layout layout(grid, {192, 256}, maps);
  REQUIRE(layout.size() == corners.size());
  for (std::size_t i = 0; i < corners.size(); ++i) REQUIRE(layout.corners()[i] == corners[i]);
  return layout;
}

/// What a golden assignment says of an anchor: 0 background, -1 ignored, k + 1 truth k.
inline std::int32_t as_golden(float verdict, float truth)
{
  return verdict == 0 ? 0 : verdict == 2 ? -1 : static_cast<std::int32_t>(truth) + 1;
}

inline std::vector<std::int32_t> as_golden(const assignment& a)
{
  std::vector<std::int32_t> all;
  for (std::size_t i = 0; i < a.verdicts.size(); ++i)
    all.push_back(as_golden(static_cast<float>(a.verdicts[i]), static_cast<float>(a.truths[i])));
  return all;
}
inline std::vector<std::int32_t> as_golden(const std::vector<assigned<float>>& a)
{
  std::vector<std::int32_t> all;
  for (const assigned<float>& one : a) all.push_back(as_golden(one.verdict, one.truth));
  return all;
}

/// Where they differ, one side is a truth that `tied` names; none where that is empty.
inline void require_golden(const std::vector<std::int32_t>& ours,
                           const std::vector<std::int32_t>& want,
                           const std::vector<std::uint8_t>& tied = {})
{
  REQUIRE(ours.size() == want.size());
  const auto is_tied = [&](std::int32_t of) {
    return of > 0 && static_cast<std::size_t>(of) <= tied.size() &&
           tied[static_cast<std::size_t>(of) - 1] != 0;
  };
  for (std::size_t a = 0; a < ours.size(); ++a) {
    if (ours[a] == want[a] || is_tied(ours[a]) || is_tied(want[a])) continue;
    CAPTURE(a);
    REQUIRE(ours[a] == want[a]);
  }
}

struct golden_overlap_case {
  std::string name, anchors;
  overlap_matcher::settings settings;
  bool ignores = false;
};

inline std::vector<golden_overlap_case> golden_overlap_cases()
{
  const auto mm = [](float positive, float negative, float floor) {
    return overlap_matcher::mmdetection(positive, negative, floor).how();
  };
  auto reversed = mm(0.7f, 0.3f, 0.3f);
  reversed.ignore = 0.3f;
  reversed.share_of_anchor = false;
  auto roi = mm(0.5f, 0.5f, 0.5f);
  roi.force = forcing::none;
  auto single = mm(0.7f, 0.3f, 0.2f);
  single.force = forcing::last_best;
  single.background = 0.1f;
  return {{"maxiou_rpn", "anchors_rpn", mm(0.7f, 0.3f, 0.3f)},
          {"maxiou_retina", "anchors_retina", mm(0.5f, 0.4f, 0)},
          {"maxiou_retina_ign", "anchors_retina", mm(0.5f, 0.4f, 0), true},
          {"maxiou_rpn_ignrev", "anchors_rpn", reversed, true},
          {"maxiou_rcnn", "anchors_rpn", roi},
          {"maxiou_rpn_single", "anchors_rpn", single}};
}

/// Every setting of the matcher by overlap, in host memory and in tables.
template <class B>
std::size_t check_golden_overlaps(const npz& golden)
{
  laboratory<B> lab;
  std::size_t cases = 0;
  const auto check = [&](const anchor_layout& layout, const overlap_matcher::settings& s,
                         const std::vector<box<float>>& boxes, std::size_t counted,
                         const std::vector<std::int32_t>& want) {
    std::vector<std::uint8_t> ignore(boxes.size(), 0);
    std::vector<rival<float>> rivals;
    for (std::size_t t = 0; t < boxes.size(); ++t) {
      ignore[t] = t >= counted;
      rivals.push_back({boxes[t], 1, t >= counted ? 1.0f : 0.0f});
    }
    assignment host;
    overlap_matcher match(s);
    match(layout, boxes, ignore, host);
    require_golden(as_golden(host), want);
    const auto anchors =
        lab.table(std::vector<centre_box<float>>(layout.anchors().begin(), layout.anchors().end()));
    typename B::template table<assigned<float>> out;
    match.in_tables(lab.b, anchors, lab.table(rivals), out);
    std::vector<assigned<float>> found;
    lab.b.fetch(out, found);
    require_golden(as_golden(found), want);
    ++cases;
  };
  const anchor_layout retina = golden_layout(golden, "anchors_retina"),
                      rpn = golden_layout(golden, "anchors_rpn");
  for (const std::string& scene : scenes()) {
    if (!golden.has("scene_" + scene + "/gt")) continue;
    const auto truths = boxes_of(golden["scene_" + scene + "/gt"]);
    for (const golden_overlap_case& c : golden_overlap_cases()) {
      CAPTURE(scene, c.name);
      const std::string name = c.name + "_" + scene + "/gt_inds";
      if (!golden.has(name)) continue;
      auto boxes = truths;
      if (c.ignores)
        for (const auto& b : boxes_of(golden["ignore_" + scene + "/boxes"])) boxes.push_back(b);
      check(c.anchors == "anchors_rpn" ? rpn : retina, c.settings, boxes, truths.size(),
            golden[name].template as<std::int32_t>());
    }
  }
  return cases;
}

/// torchvision's Matcher numbers truths from 0; background is -1 and between the thresholds -2.
template <class B>
std::size_t check_torchvision_matcher(const npz& golden)
{
  laboratory<B> lab;
  const anchor_layout retina = golden_layout(golden, "anchors_retina"),
                      rpn = golden_layout(golden, "anchors_rpn");
  std::size_t cases = 0;
  for (const std::string& scene : scenes()) {
    if (!golden.has("tv_matcher_" + scene + "/retina")) continue;
    const auto truths = boxes_of(golden["scene_" + scene + "/gt"]);
    // Where a truth overlaps nothing, torchvision makes positives of all anchors.
    bool overlapped = true;
    for (const auto& t : truths) {
      bool any = false;
      for (std::size_t a = 0; a < rpn.size() && !any; ++a) any = iou(t, rpn.corners()[a]) > 0;
      overlapped = overlapped && any;
    }
    for (const std::string which : {"retina", "rpn", "roi", "ssd"}) {
      if (!overlapped && (which == "retina" || which == "rpn")) continue;
      CAPTURE(scene, which);
      const overlap_matcher match =
          which == "retina" ? overlap_matcher::retinanet()
          : which == "rpn"  ? overlap_matcher::rpn()
          : which == "ssd"
              ? overlap_matcher::torchvision_ssd()
              : overlap_matcher({.positive = 0.5f, .negative = 0.5f, .force = forcing::none});
      const anchor_layout& layout = which == "retina" || which == "ssd" ? retina : rpn;
      auto want = golden["tv_matcher_" + scene + "/" + which].template as<std::int32_t>();
      for (auto& w : want) w = w == -1 ? 0 : w == -2 ? -1 : w + 1;
      assignment host;
      overlap_matcher on_host = match;
      on_host(layout, truths, {}, host);
      require_golden(as_golden(host), want);
      std::vector<rival<float>> rivals;
      for (const auto& t : truths) rivals.push_back({t, 1, 0});
      typename B::template table<assigned<float>> out;
      match.in_tables(lab.b,
                      lab.table(std::vector<centre_box<float>>(layout.anchors().begin(),
                                                               layout.anchors().end())),
                      lab.table(rivals), out);
      std::vector<assigned<float>> found;
      lab.b.fetch(out, found);
      require_golden(as_golden(found), want);
      ++cases;
    }
  }
  return cases;
}

/// Truths of a scene, none to be ignored.
inline std::vector<rival<float>> golden_rivals(const npz& golden, const std::string& scene)
{
  const auto boxes = boxes_of(golden["scene_" + scene + "/gt"]);
  const auto labels = golden["scene_" + scene + "/labels"].as<std::int64_t>();
  std::vector<rival<float>> truths;
  for (std::size_t t = 0; t < boxes.size(); ++t)
    truths.push_back({boxes[t], static_cast<float>(labels[t] + 1), 0});
  return truths;
}

inline std::vector<std::uint8_t> golden_ties(const npz& golden, const std::string& name)
{
  return golden.has(name) ? golden[name].as<std::uint8_t>() : std::vector<std::uint8_t>();
}

/// Points with the stride for their sides.
inline std::vector<centre_box<float>> golden_points(const npz& golden)
{
  const auto v = golden["points_off0/priors"].as<float>();
  std::vector<centre_box<float>> points;
  for (std::size_t i = 0; i < v.size(); i += 4)
    points.push_back({v[i], v[i + 1], v[i + 2], v[i + 3]});
  return points;
}

/// What a matcher that looks at predictions assigns; truths to be ignored must change nothing.
template <class B, class Match, label_policy Labels>
std::vector<assigned<float>> match_said(const Match& match, const Labels& labels,
                                        const std::vector<centre_box<float>>& anchors,
                                        std::vector<rival<float>> truths,
                                        const std::vector<box<float>>& boxes,
                                        const std::vector<float>& scores)
{
  laboratory<B> lab;
  const std::size_t numbers = anchors.empty() ? 0 : scores.size() / anchors.size();
  const auto output = backend_under_test<B>::view(scores, {1, anchors.size()}, numbers);
  const auto said = lab.table(boxes);
  const auto places = lab.table(anchors);
  const auto run = [&] {
    typename B::template table<assigned<float>> out;
    match.in_tables(lab.b, places, lab.table(truths),
                    said_of_image<B, Labels>{output, labels, said}, out);
    std::vector<assigned<float>> found;
    lab.b.fetch(out, found);
    return found;
  };
  const auto found = run();
  if (!truths.empty()) {
    const box<float> large{-1e3f, -1e3f, 1e3f, 1e3f};
    for (const float ignored : {1.0f, 2.0f}) truths.push_back({large, 1, ignored});
    const auto again = run();
    REQUIRE(again.size() == found.size());
    for (std::size_t a = 0; a < found.size(); ++a) {
      CAPTURE(a);
      REQUIRE(again[a] == found[a]);
    }
  }
  return found;
}

/// RTMDet's dynamic soft label; the overlaps are the qualities.
template <class B>
std::size_t check_soft_label(const npz& golden)
{
  std::size_t cases = 0;
  for (const std::string& scene : scenes()) {
    const std::string of = "dsla_" + scene;
    if (!golden.has(of + "/gt_inds")) continue;
    ++cases;
    CAPTURE(scene);
    const auto found =
        match_said<B>(dynamic_k_matcher::soft_label(), sigmoid_labels<>{}, golden_points(golden),
                      golden_rivals(golden, scene), boxes_of(golden["pred_" + scene + "/boxes"]),
                      golden["pred_" + scene + "/logits"].template as<float>());
    const auto want = golden[of + "/gt_inds"].template as<std::int32_t>();
    require_golden(as_golden(found), want, golden_ties(golden, of + "/tie_at_k"));
    const auto overlaps = golden[of + "/max_overlaps"].template as<float>();
    for (std::size_t a = 0; a < found.size(); ++a)
      if (found[a].verdict > 0 && want[a] == as_golden(found[a].verdict, found[a].truth))
        REQUIRE(std::abs(found[a].quality - overlaps[a]) <= 1e-5f);
  }
  return cases;
}

/// Qualities are compared where no choice of the truth was a tie.
inline void require_qualities(const std::vector<assigned<float>>& found,
                              const std::vector<std::int32_t>& want,
                              const std::vector<float>& qualities,
                              const std::vector<std::uint8_t>& tied)
{
  for (std::size_t a = 0; a < found.size(); ++a) {
    if (!(found[a].verdict > 0) || want[a] < 1 || tied[static_cast<std::size_t>(want[a]) - 1])
      continue;
    CAPTURE(a, found[a].quality, qualities[a]);
    REQUIRE(std::abs(found[a].quality - qualities[a]) <= 1e-4f * std::abs(qualities[a]) + 1e-7f);
  }
}

/// TOOD's, by MMDetection.
template <class B>
std::size_t check_tood(const npz& golden)
{
  std::size_t cases = 0;
  for (const std::string& scene : scenes()) {
    const std::string of = "tal_mm_" + scene;
    if (!golden.has(of + "/gt_inds")) continue;
    ++cases;
    CAPTURE(scene);
    auto how = aligned_matcher::tood().how();
    how.margin = 0.01f;
    const auto found = match_said<B>(aligned_matcher(how), given_labels{.background = false},
                                     golden_points(golden), golden_rivals(golden, scene),
                                     boxes_of(golden["pred_" + scene + "/boxes"]),
                                     golden["pred_" + scene + "/scores"].template as<float>());
    const auto want = golden[of + "/gt_inds"].template as<std::int32_t>();
    const auto tied = golden_ties(golden, of + "/tie_at_k");
    require_golden(as_golden(found), want, tied);
    if (golden.has(of + "/norm_alignment"))
      require_qualities(found, want, golden[of + "/norm_alignment"].template as<float>(), tied);
  }
  return cases;
}

/// That of YOLOv8 and later. Truths with fewer points than places are filled up there at random.
template <class B>
std::size_t check_ultralytics(const npz& golden)
{
  const auto xy = golden["points/anc_points"].template as<float>();
  const auto strides = golden["points/strides"].template as<float>();
  std::vector<centre_box<float>> points;
  for (std::size_t i = 0; i < strides.size(); ++i)
    points.push_back({xy[2 * i], xy[2 * i + 1], strides[i], strides[i]});
  std::size_t cases = 0;
  for (const bool later : {false, true})
    for (const bool as_tood : {false, true})
      for (const std::string& scene : [] {
             auto all = scenes();
             all.push_back("batch3_padded");
             return all;
           }()) {
        const std::string of = (later ? "ul84_" : "ul83_") + scene + (as_tood ? "_k13a1" : ""),
                          in = "in_" + scene;
        if (!golden.has(of + "/fg_mask")) continue;
        auto how = aligned_matcher::ultralytics(later ? 2.0f : 0.0f).how();
        if (as_tood) how.candidates = 13, how.score_power = 1;
        const auto gt = golden[in + "/gt"].template as<float>();
        const auto labels = golden[in + "/labels"].template as<std::int64_t>();
        const auto real = golden[in + "/mask_gt"].template as<float>();
        const auto boxes = boxes_of(golden[in + "/pred_boxes"]);
        const auto scores = golden[in + "/pred_scores"].template as<float>();
        const auto positive = golden[of + "/fg_mask"].template as<std::uint8_t>();
        const auto truth_of = golden[of + "/target_gt_idx"].template as<std::int32_t>();
        const auto targets = golden[of + "/target_scores"].template as<float>();
        const auto at_k = golden_ties(golden, of + "/tie_at_k"),
                   zero = golden_ties(golden, of + "/tie_zero_in_gt");
        const std::size_t images = boxes.size() / points.size(), rows = labels.size() / images,
                          classes = scores.size() / boxes.size();
        for (std::size_t i = 0; i < images; ++i) {
          CAPTURE(of, i);
          std::vector<rival<float>> truths;
          std::vector<std::uint8_t> tied;
          for (std::size_t t = i * rows; t < (i + 1) * rows && real[t] > 0; ++t) {
            truths.push_back({{gt[4 * t], gt[4 * t + 1], gt[4 * t + 2], gt[4 * t + 3]},
                              static_cast<float>(labels[t] + 1),
                              0});
            tied.push_back((!at_k.empty() && at_k[t]) || (!zero.empty() && zero[t]));
          }
          const auto part = [&](const auto& of_all, std::size_t width) {
            const auto first = of_all.begin() + std::ptrdiff_t(i * points.size() * width);
            return std::vector(first, first + std::ptrdiff_t(points.size() * width));
          };
          const auto found = match_said<B>(aligned_matcher(how), given_labels{.background = false},
                                           points, truths, part(boxes, 1), part(scores, classes));
          std::vector<std::int32_t> want;
          std::vector<float> qualities;
          for (std::size_t a = i * points.size(); a < (i + 1) * points.size(); ++a) {
            want.push_back(positive[a] ? truth_of[a] + 1 : 0);
            float quality = 0;
            for (std::size_t c = 0; c < classes; ++c)
              quality = std::max(quality, targets[a * classes + c]);
            qualities.push_back(quality);
          }
          require_golden(as_golden(found), want, tied);
          require_qualities(found, want, qualities, tied);
          ++cases;
        }
      }
  return cases;
}

/// YOLOF's.
template <class B>
std::size_t check_uniform(const npz& golden)
{
  std::size_t cases = 0;
  for (const std::string& scene : scenes()) {
    const std::string of = "uniform_" + scene;
    if (!golden.has(of + "/gt_inds")) continue;
    ++cases;
    CAPTURE(scene);
    std::vector<centre_box<float>> anchors;
    for (const auto& b : boxes_of(golden[of + "/priors"])) anchors.push_back(to_centre(b));
    const std::vector<float> scores(anchors.size());
    const auto found =
        match_said<B>(uniform_matcher::yolof(), given_labels{.background = false}, anchors,
                      golden_rivals(golden, scene), boxes_of(golden[of + "/decoded"]), scores);
    auto tied = golden_ties(golden, of + "/tie_pred");
    const auto of_anchors = golden_ties(golden, of + "/tie_prior");
    for (std::size_t t = 0; t < tied.size(); ++t) tied[t] = tied[t] || of_anchors[t];
    const auto want = golden[of + "/gt_inds"].template as<std::int32_t>();
    // A truth that ties may also have left an anchor ignored, or not.
    const auto ours = as_golden(found);
    std::size_t apart = 0;
    const auto is_tied = [&](std::int32_t t) {
      return t > 0 && tied[static_cast<std::size_t>(t) - 1];
    };
    for (std::size_t a = 0; a < ours.size(); ++a) {
      if (ours[a] == want[a] || is_tied(ours[a]) || is_tied(want[a])) continue;
      ++apart;
      CAPTURE(a);
      if (std::find(tied.begin(), tied.end(), 1) == tied.end()) REQUIRE(ours[a] == want[a]);
    }
    CHECK(apart <= 2 * static_cast<std::size_t>(std::count(tied.begin(), tied.end(), 1)));
  }
  return cases;
}

/// DETR's: pairs may differ where as many cost as little, so that their sum is compared.
template <class B>
std::size_t check_one_to_one(const npz& golden)
{
  std::size_t cases = 0;
  for (const std::string& scene : scenes()) {
    const std::string of = "hungarian_" + scene;
    if (!golden.has(of + "/gt_inds")) continue;
    ++cases;
    CAPTURE(scene);
    const auto in_fractions = [](box<float> b) {
      return box<float>{b.x1 / 256, b.y1 / 192, b.x2 / 256, b.y2 / 192};
    };
    std::vector<box<float>> boxes;
    for (const auto& b : boxes_of(golden[of + "/query_boxes"])) boxes.push_back(in_fractions(b));
    auto truths = golden_rivals(golden, scene);
    for (auto& t : truths) t.bounds = in_fractions(t.bounds);
    const std::vector<centre_box<float>> queries(boxes.size(), {0.5f, 0.5f, 1, 1});
    const auto found =
        match_said<B>(one_to_one_matcher::detr(), sigmoid_labels<>{}, queries, truths, boxes,
                      golden[of + "/query_logits"].template as<float>());
    std::size_t positives = 0;
    for (const auto& f : found) positives += f.verdict == 1;
    REQUIRE(positives == std::min(truths.size(), queries.size()));
    if (!golden.has(of + "/cost") || truths.empty()) continue;
    const auto costs = golden[of + "/cost"].template as<float>();
    const double want = golden[of + "/total_cost"].template as<double>()[0];
    double sum = 0;
    for (std::size_t q = 0; q < found.size(); ++q)
      if (found[q].verdict == 1)
        sum += double(costs[q * truths.size() + static_cast<std::size_t>(found[q].truth)]);
    CHECK(std::abs(sum - want) <= 1e-4 * std::max(1.0, std::abs(want)));
    least_cost_pairs solve;
    double solved = 0;
    const auto column_of = solve(costs, queries.size(), truths.size());
    for (std::size_t q = 0; q < queries.size(); ++q)
      if (column_of[q] != least_cost_pairs::none)
        solved += double(costs[q * truths.size() + column_of[q]]);
    CHECK(std::abs(solved - want) <= 1e-5 * std::max(1.0, std::abs(want)));
  }
  return cases;
}

/// ATSS, in host memory, where its truths and anchors are.
inline std::size_t check_adaptive(const npz& golden)
{
  const anchor_layout layout = golden_layout(golden, "anchors_atss");
  std::size_t cases = 0;
  for (const bool ignores : {false, true})
    for (const std::string& scene : scenes()) {
      const std::string of = (ignores ? "atss_ign_" : "atss_") + scene;
      if (!golden.has(of + "/gt_inds")) continue;
      ++cases;
      CAPTURE(of);
      auto boxes = boxes_of(golden["scene_" + scene + "/gt"]);
      const std::size_t counted = boxes.size();
      if (ignores)
        for (const auto& b : boxes_of(golden["ignore_" + scene + "/boxes"])) boxes.push_back(b);
      std::vector<std::uint8_t> ignore(boxes.size());
      for (std::size_t t = counted; t < boxes.size(); ++t) ignore[t] = 1;
      assignment found;
      adaptive_matcher::mmdetection()(layout, boxes, ignore, found);
      const auto by_level = golden_ties(golden, "atss_" + scene + "/tie_at_k");
      std::vector<std::uint8_t> tied(counted);
      for (std::size_t i = 0; i < by_level.size(); ++i) tied[i % counted] |= by_level[i];
      require_golden(as_golden(found), golden[of + "/gt_inds"].as<std::int32_t>(), tied);
    }
  return cases;
}

/// A picture of random truths, some to be ignored, and what an untrained network says of it: boxes
/// that lie about the anchors, and a score a class.
struct random_scene {
  static constexpr std::size_t classes = 3;
  std::vector<centre_box<float>> anchors;
  std::vector<rival<float>> truths;
  std::vector<box<float>> boxes;
  std::vector<float> scores;

  random_scene(const anchor_layout& layout, std::size_t count, unsigned seed)
      : anchors(layout.anchors().begin(), layout.anchors().end())
  {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> unit(0, 1);
    for (std::size_t t = 0; t < count; ++t) {
      const float w = 0.02f + 0.5f * unit(random) * unit(random), h = w * (0.5f + unit(random));
      const float x = unit(random), y = unit(random);
      truths.push_back({{x - w / 2, y - h / 2, x + w / 2, y + h / 2},
                        static_cast<float>(1 + random() % classes),
                        t % 7 == 4   ? 1.0f
                        : t % 7 == 5 ? 2.0f
                                     : 0.0f});
      if (t % 9 == 8) truths.back() = truths[t - 1];
    }
    for (const auto& a : anchors) {
      const auto around = [&] { return (unit(random) - 0.5f) * a.w; };
      const box<float> b = to_corners(a);
      boxes.push_back({b.x1 + around(), b.y1 + around(), b.x2 + around(), b.y2 + around()});
    }
    for (std::size_t i = 0; i < anchors.size() * classes; ++i)
      scores.push_back(0.01f + 0.98f * unit(random));
  }
};

/// The rule of aligned_matcher, written for one truth and one anchor after the other.
inline std::vector<assigned<float>> aligned_by_definition(const aligned_matcher::settings& s,
                                                          const random_scene& scene)
{
  const std::size_t n = scene.anchors.size();
  const given_labels labels{.background = false};
  const auto of = [&](std::size_t t, std::size_t a) {
    const number_row<float> x{&scene.scores[a * random_scene::classes], random_scene::classes, 1};
    const detail::align<given_labels> align{labels,   s.score_power, s.overlap_power,
                                            s.margin, s.complete,    s.ranks_inside};
    return align(x, scene.boxes[a], scene.anchors[a], scene.truths[t], scene.truths[t]);
  };
  std::vector<std::vector<std::size_t>> choosers(n);
  for (std::size_t t = 0; t < scene.truths.size(); ++t) {
    std::vector<std::pair<float, std::size_t>> order;
    for (std::size_t a = 0; a < n; ++a) order.emplace_back(-of(t, a).metric, a);
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < std::min(s.candidates, n); ++i)
      if (order[i].first < 0 && of(t, order[i].second).overlap > 0)
        choosers[order[i].second].push_back(t);
  }
  std::vector<assigned<float>> out(n, {0, 0, 1, 1});
  std::vector<float> most_metric(scene.truths.size(), 0), most_overlap(scene.truths.size(), 0);
  for (std::size_t a = 0; a < n; ++a) {
    if (choosers[a].empty()) continue;
    std::vector<std::size_t> rivals = choosers[a];
    if (s.all_contend && rivals.size() > 1) {
      rivals.clear();
      for (std::size_t t = 0; t < scene.truths.size(); ++t) rivals.push_back(t);
    }
    std::size_t best = rivals[0];
    for (const std::size_t t : rivals)
      if (of(t, a).overlap > of(best, a).overlap) best = t;
    out[a].verdict = 1;
    out[a].truth = static_cast<float>(best);
    most_metric[best] = std::max(most_metric[best], of(best, a).metric);
    most_overlap[best] = std::max(most_overlap[best], of(best, a).overlap);
  }
  for (std::size_t a = 0; a < n; ++a)
    if (out[a].verdict > 0) {
      const auto t = static_cast<std::size_t>(out[a].truth);
      out[a].quality = of(t, a).metric / (most_metric[t] + s.least_metric) * most_overlap[t];
    }
  return out;
}

/// The rule of uniform_matcher, as its choices are written one over the other.
inline std::vector<assigned<float>> uniform_by_definition(const uniform_matcher::settings& s,
                                                          const random_scene& scene)
{
  const std::size_t n = scene.anchors.size(), count = scene.truths.size();
  std::vector<assigned<float>> out(n, {0, 0, 1, 1});
  const auto counts = [&](std::size_t t) { return scene.truths[t].ignored < 0.5f; };
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t t = 0; t < count; ++t)
      if (counts(t) && iou(scene.boxes[a], scene.truths[t].bounds) > s.near) out[a].verdict = 2;
  std::vector<std::vector<std::size_t>> said(count), placed(count);
  for (std::size_t t = 0; t < count; ++t)
    for (const bool of_anchors : {false, true}) {
      std::vector<std::pair<float, std::size_t>> order;
      for (std::size_t a = 0; a < n; ++a) {
        const auto b = of_anchors ? scene.anchors[a] : to_centre(scene.boxes[a]);
        order.emplace_back(-detail::nearness(b, scene.anchors[a], scene.truths[t]).value, a);
      }
      std::stable_sort(order.begin(), order.end(),
                       [](const auto& x, const auto& y) { return x.first < y.first; });
      for (std::size_t i = 0; i < std::min(s.times, n); ++i)
        (of_anchors ? placed : said)[t].push_back(order[i].second);
    }
  for (std::size_t rank = 0; rank < std::min(s.times, n); ++rank)
    for (const bool of_anchors : {false, true})
      for (std::size_t t = 0; t < count; ++t) {
        if (!counts(t)) continue;
        const std::size_t a = (of_anchors ? placed : said)[t][rank];
        out[a].verdict =
            iou(to_corners(scene.anchors[a]), scene.truths[t].bounds) < s.least ? 2.0f : 1.0f;
        out[a].truth = static_cast<float>(t);
      }
  return out;
}

inline void require_same_assignment(const std::vector<assigned<float>>& ours,
                                    const std::vector<assigned<float>>& want)
{
  REQUIRE(ours.size() == want.size());
  for (std::size_t a = 0; a < ours.size(); ++a) {
    CAPTURE(a, ours[a].truth, want[a].truth);
    REQUIRE(ours[a].verdict == want[a].verdict);
    if (!(want[a].verdict == 1)) continue;
    REQUIRE(ours[a].truth == want[a].truth);
    REQUIRE(std::abs(ours[a].quality - want[a].quality) <= 1e-5f);
  }
}

/// Matchers by predictions against the rules above.
template <class B>
void check_predictive_matching()
{
  const anchor_layout layout(square_anchors::retinaface(), {64, 96}),
      larger(square_anchors::retinaface(), {128, 160});
  const given_labels labels{.background = false};
  std::size_t positives = 0;
  for (const std::size_t count : {0, 1, 4, 25})
    for (const unsigned seed : {1u, 2u}) {
      const random_scene scene(layout, count, 10 * seed + static_cast<unsigned>(count));
      const random_scene larger_scene(larger, count, seed);
      const auto run_in = [&](const random_scene& in, const auto& match) {
        return match_said<B>(match, labels, in.anchors, in.truths, in.boxes, in.scores);
      };
      const auto run = [&](const auto& match) { return run_in(scene, match); };
      CAPTURE(count, seed);
      auto ultralytics = aligned_matcher::ultralytics().how();
      ultralytics.complete = false;  // whose arc tangent differs in the last bit
      for (const aligned_matcher::settings& s :
           {aligned_matcher::settings{}, ultralytics,
            aligned_matcher::settings{.candidates = 5, .score_power = 0, .overlap_power = 0.5f},
            aligned_matcher::settings{.candidates = 3, .score_power = 0.7f, .overlap_power = 2},
            aligned_matcher::settings{.candidates = 100000, .margin = 0.01f, .all_contend = true}})
        for (const random_scene* in : {&scene, &larger_scene})
          require_same_assignment(run_in(*in, aligned_matcher(s)), aligned_by_definition(s, *in));
      for (const uniform_matcher::settings& s :
           {uniform_matcher::settings{}, uniform_matcher::settings{.times = 9, .least = 0.4f},
            uniform_matcher::settings{.times = 100000, .near = 0.3f}})
        require_same_assignment(run(uniform_matcher(s)), uniform_by_definition(s, scene));
      const auto pairs = run(one_to_one_matcher::detr());
      std::size_t counted = 0, paired = 0;
      for (const auto& t : scene.truths) counted += t.ignored < 0.5f;
      for (const auto& p : pairs) paired += p.verdict == 1;
      REQUIRE(paired == std::min(counted, pairs.size()));
      positives += paired;
    }
  CHECK(positives > 20);
}

/// A matcher that needs anchors and truths alone is asked in host memory for tables of any backend.
template <class B>
void check_adaptive_sampling()
{
  using face5 = schemas::face5;
  laboratory<B> lab;
  const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  const auto batch = random_batch<face5>(layout, 2, {5, 0, 11});
  truth_batch<face5> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  sampler<B, adaptive_matcher, softmax_labels, hard_negatives, centre_size_coder> sample(
      adaptive_matcher::atss(), {}, hard_negatives(), {});
  typename B::template table<centre_box<float>> anchors;
  lab.b.put(layout.anchors(), 1, anchors);
  outputs<B> said;
  said.scores = backend_under_test<B>::view(batch.logits, {3, layout.size()}, 2);
  samples<B> chosen;
  sample(lab.b, layout, anchors, said, truths, chosen);
  std::vector<row_index> want, want_truths;
  for (std::size_t i = 0; i < 3; ++i) {
    assignment of;
    adaptive_matcher::atss()(layout, truths.bounds(i), truths.ignore(i), of);
    each_positive(of.verdicts, [&](std::size_t a) {
      if (!(truths.boxes(i)[of.truths[a]].label > 0)) return;
      want.push_back(static_cast<row_index>(i * layout.size() + a));
      want_truths.push_back(static_cast<row_index>(truths.first(i) + of.truths[a]));
    });
  }
  CHECK(want.size() > 10);
  CHECK(lab.rows(chosen.positives) == want);
  CHECK(lab.rows(chosen.truths) == want_truths);
}

}  // namespace retinue::test
