// SPDX-License-Identifier: Apache-2.0
// Matching of one drawn image, for benchmarks/peers/matchers.py to compare.
//
//   retinue_peer_matchers TRUTHS FOLDER
//   out     NAME seconds   a line a matcher, the best of many times
//   FOLDER  what was matched, in pixels, as plain floats: truths (x1 y1 x2 y2 label), NAME.anchors
//           (x1 y1 x2 y2), points (x y side), said (x1 y1 x2 y2), scores; and NAME.truth: of each
//           anchor 0, -1 where it is ignored, or 1 + its truth
//
// The image has 512 pixels a side: fractions of it are pixels to the last bit.
#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/error.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace retinue;

constexpr int side = 512;
constexpr std::size_t classes = 80;

struct picture {
  std::vector<box<float>> truths;
  std::vector<rival<float>> rivals;

  explicit picture(std::size_t count)
  {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> unit(0, 1);
    for (std::size_t i = 0; i < count; ++i) {
      const float w = 0.02f * std::exp(3 * unit(random)), h = w * (0.5f + unit(random));
      const float x = unit(random) * (1 - std::min(w, 0.9f)),
                  y = unit(random) * (1 - std::min(h, 0.9f));
      truths.push_back({x, y, std::min(x + w, 1.0f), std::min(y + h, 1.0f)});
      rivals.push_back({truths.back(), static_cast<float>(1 + random() % classes), 0});
    }
  }
};

/// What a network says, half trained: boxes about a truth where one is near, scores a class.
struct words {
  anchor_layout points{point_anchors::yolov8(), {side, side}};
  std::vector<box<float>> boxes;
  std::vector<float> scores;

  explicit words(const picture& p)
  {
    std::mt19937 random(11);
    std::uniform_real_distribution<float> unit(0, 1);
    for (const auto& a : points.anchors()) {
      const auto& t = p.truths[random() % p.truths.size()];
      const float w = (t.x2 - t.x1) * (0.5f + unit(random)),
                  h = (t.y2 - t.y1) * (0.5f + unit(random));
      boxes.push_back({a.cx - w * unit(random), a.cy - h * unit(random), a.cx + w * unit(random),
                       a.cy + h * unit(random)});
      for (std::size_t c = 0; c < classes; ++c) scores.push_back(0.01f + 0.5f * unit(random));
    }
  }
};

template <class Work>
double best_of(Work work)
{
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 200; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  return best;
}

class folder {
 public:
  explicit folder(std::filesystem::path path) : path_(std::move(path)) {}

  template <class T>
  void write(const std::string& name, const std::vector<T>& numbers) const
  {
    std::ofstream out(path_ / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(numbers.data()),
              static_cast<std::streamsize>(numbers.size() * sizeof(T)));
    if (!out) fail((path_ / name).string(), ": cannot be written");
  }
  void write_boxes(const std::string& name, std::span<const box<float>> boxes) const
  {
    std::vector<float> numbers;
    for (const auto& b : boxes)
      for (std::size_t c = 0; c < 4; ++c) numbers.push_back(b[c] * side);
    write(name, numbers);
  }

 private:
  std::filesystem::path path_;
};

template <class Match>
void by_place(const std::string& name, const anchor_layout& anchors, Match match, const picture& p,
              const folder& to)
{
  assignment found;
  const double took = best_of([&] { match(anchors, p.truths, {}, found); });
  std::vector<std::int32_t> truth;
  for (std::size_t a = 0; a < anchors.size(); ++a)
    truth.push_back(found.verdicts[a] == verdict::positive
                        ? 1 + static_cast<std::int32_t>(found.truths[a])
                        : (found.verdicts[a] == verdict::ignored ? -1 : 0));
  std::vector<std::int32_t> levels;
  for (const auto& level : anchors.levels())
    levels.push_back(static_cast<std::int32_t>(level.rows * level.columns * level.per_cell));
  std::vector<box<float>> corners;
  for (const auto& a : anchors.anchors()) corners.push_back(to_corners(a));
  to.write_boxes(name + ".anchors", corners);
  to.write(name + ".levels", levels);
  to.write(name + ".truth", truth);
  std::printf("%s %.9g\n", name.c_str(), took);
}

template <class Match>
void by_words(const std::string& name, const Match& match, const picture& p, const words& said,
              const folder& to)
{
  host_backend b;
  columns<centre_box<float>> anchors(said.points.anchors());
  columns<rival<float>> truths;
  columns<box<float>> boxes;
  columns<assigned<float>> out;
  b.put(std::span<const rival<float>>(p.rivals), 1, truths);
  b.put(std::span<const box<float>>(said.boxes), 1, boxes);
  const number_rows scores(said.scores.data(), {1, said.boxes.size()}, classes);
  const given_labels labels{.background = false};
  const double took = best_of([&] {
    match.in_tables(b, anchors, truths,
                    said_of_image<host_backend, given_labels>{scores, labels, boxes}, out);
  });
  std::vector<std::int32_t> truth;
  for (std::size_t a = 0; a < out.size(); ++a)
    truth.push_back(out[a].verdict > 0 ? 1 + static_cast<std::int32_t>(out[a].truth) : 0);
  to.write(name + ".truth", truth);
  std::printf("%s %.9g\n", name.c_str(), took);
}

}  // namespace

int main(int count, char** values)
try {
  if (count != 3) fail("expected the number of truths and a folder to write to");
  const picture p(static_cast<std::size_t>(std::atoi(values[1])));
  const words said(p);
  const folder to(values[2]);
  to.write_boxes("truths", p.truths);
  std::vector<std::int32_t> labels;
  for (const auto& r : p.rivals) labels.push_back(static_cast<std::int32_t>(r.label) - 1);
  to.write("labels", labels);
  to.write_boxes("said", said.boxes);
  to.write("scores", said.scores);
  std::vector<float> points;
  for (const auto& a : said.points.anchors())
    points.insert(points.end(), {a.cx * side, a.cy * side, a.w * side});
  to.write("points", points);

  by_place("overlap", anchor_layout(ratio_anchors::retinanet(), {side, side}),
           overlap_matcher::mmdetection(0.5f, 0.4f, 0), p, to);
  by_place("atss", anchor_layout(ratio_anchors::atss(), {side, side}),
           adaptive_matcher({.margin = 0.01f / side}), p, to);
  by_words("sim_ota", dynamic_k_matcher::sim_ota(), p, said, to);
  auto aligned = aligned_matcher::tood().how();
  aligned.margin = 0.01f / side;
  by_words("task_aligned", aligned_matcher(aligned), p, said, to);
} catch (const retinue::error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
