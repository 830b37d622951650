// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <retinue/anchors.hpp>
#include <retinue/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <regex>

using namespace retinue;

namespace {
square_anchors with_sizes(std::vector<std::vector<double>> sizes)
{
  square_anchors anchors;
  int stride = 8;
  for (auto& of_level : sizes) {
    anchors.level.push_back({stride, std::move(of_level)});
    stride *= 2;
  }
  return anchors;
}

bool same_bits(const std::vector<centre_box<float>>& ours, const std::vector<float>& golden)
{
  return ours.size() * 4 == golden.size() &&
         std::memcmp(ours.data(), golden.data(), golden.size() * sizeof(float)) == 0;
}
}  // namespace

TEST_CASE("anchors equal the reference's bit for bit", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/priors.npz"));
  const auto slim = with_sizes({{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}});
  std::size_t checked = 0;
  for (const auto& [name, array] : golden.arrays()) {
    CAPTURE(name);
    const auto expected = array.as<float>();
    std::smatch sizes;
    if (name == "ssd300_dbox") {
      CHECK(same_bits(make_anchors(default_boxes::ssd300(), {300, 300}), expected));
    } else {
      const bool hw = std::regex_search(name, sizes, std::regex("h([0-9]+)_w([0-9]+)"));
      if (!hw) REQUIRE(std::regex_search(name, sizes, std::regex("_([0-9]+)x([0-9]+)")));
      const extent2 image{std::stoi(sizes[1]), std::stoi(sizes[2])};
      auto source = name.starts_with("std_")  ? square_anchors::retinaface()
                    : name.starts_with("mb_") ? square_anchors::retinaface_small_faces()
                                              : slim;
      source.clip = name.find("_clip_") != std::string::npos;
      CHECK(same_bits(make_anchors(source, image), expected));
    }
    ++checked;
  }
  CHECK(checked == 17);
}

TEST_CASE("the numbers of anchors are the published ones")
{
  CHECK(make_anchors(square_anchors::retinaface(), {640, 640}).size() == 16800);
  CHECK(make_anchors(square_anchors::retinaface(), {840, 840}).size() == 29126);
  CHECK(make_anchors(default_boxes::ssd300(), {300, 300}).size() == 8732);
  CHECK(make_anchors(default_boxes::ssd512(), {512, 512}).size() == 24564);
}

TEST_CASE("anchors follow the maps that the network really has")
{
  const auto source = with_sizes({{16}, {32}});
  const std::vector<extent2> floors{{8, 5}, {4, 2}};  // 71 x 45 pixels, rounded down
  const auto anchors = make_anchors(source, {71, 45}, floors);
  REQUIRE(anchors.size() == 48);
  CHECK(anchors[5] == centre_box<float>{4.0f / 45, 12.0f / 71, 16.0f / 45, 16.0f / 71});
  CHECK(anchors[40] == centre_box<float>{8.0f / 45, 8.0f / 71, 32.0f / 45, 32.0f / 71});
}

TEST_CASE("anchors that cannot fit are refused")
{
  const auto source = square_anchors::retinaface();
  const std::vector<extent2> two(2);
  CHECK_THROWS_AS(make_anchors(source, {64, 64}, two), error);
  CHECK_THROWS_AS(make_anchors(source, {0, 64}), error);
  for (const extent2 map : {extent2{-1, 4}, {4, -1}, {-2, -2}}) {  // the last has 4 cells, in a way
    const std::vector<extent2> maps{{8, 8}, map, {2, 2}};
    CHECK_THROWS_WITH(make_anchors(source, {64, 64}, maps),
                      "the feature map of level 1 has " + std::to_string(map.width) + " x " +
                          std::to_string(map.height) + " cells, expected no negative number");
  }
}

namespace {
/// Corners in pixels against those of a golden file, in the same order.
void check_pixels(const std::vector<centre_box<float>>& ours, const std::vector<float>& corners,
                  extent2 image)
{
  REQUIRE(ours.size() * 4 == corners.size());
  double worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const box<float> b = to_corners(ours[i]);
    for (std::size_t c = 0; c < 4; ++c)
      worst = std::max(worst, std::abs(double(b[c]) * (c % 2 ? image.height : image.width) -
                                       double(corners[4 * i + c])));
  }
  CHECK(worst < 1e-4);
}
}  // namespace

TEST_CASE("anchors of scales and ratios, and points, are MMDetection's", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/assign.npz"));
  const extent2 image{192, 256};
  const auto corners = [&](const std::string& of) { return golden[of].as<float>(); };
  check_pixels(make_anchors(ratio_anchors::retinanet(), image), corners("anchors_retina/anchors"),
               image);
  check_pixels(make_anchors(ratio_anchors::atss(), image), corners("anchors_atss/anchors"), image);
  check_pixels(make_anchors(ratio_anchors::by_stride({8, 16, 32, 64}, {4}), image),
               corners("anchors_rpn/anchors"), image);
  for (const double offset : {0.0, 0.5}) {
    const auto points = make_anchors(point_anchors{{8, 16, 32}, offset}, image);
    auto want = corners(offset == 0 ? "points_off0/priors" : "points_off0.5/priors");
    REQUIRE(want.size() == points.size() * 4);
    for (std::size_t i = 0; i < points.size(); ++i)
      for (std::size_t c = 0; c < 4; ++c)
        CHECK(std::abs(points[i][c] * float(c % 2 ? 192 : 256) - want[4 * i + c]) < 1e-4f);
  }
}

TEST_CASE("torchvision's anchors are whole numbers of pixels")
{
  // Its AnchorGenerator's cell anchors, as its documentation and tests give them.
  const auto rpn = ratio_anchors::torchvision_rpn();
  const extent2 unit{1, 1};
  CHECK(rpn.sides(0, 0, unit).width == 46);  // 32 pixels, ratio 1/2: +-23 by +-11
  CHECK(rpn.sides(0, 0, unit).height == 22);
  CHECK(rpn.sides(0, 1, unit).width == 32);
  CHECK(rpn.sides(0, 2, unit).width == 22);
  const auto retina = ratio_anchors::torchvision_retinanet();
  CHECK(retina.per_cell(0) == 9);
  CHECK(retina.level[0].scales == std::vector<double>{32, 40, 50});
  CHECK(retina.level[4].scales == std::vector<double>{512, 645, 812});
}

TEST_CASE("sides by a list stand around the middle of each cell, in the order of the list")
{
  const auto tiny = make_anchors(listed_anchors::yolov3_tiny(), {416, 416});
  CHECK(tiny.size() == 3 * (26 * 26 + 13 * 13));
  CHECK(tiny[0].w == 10.0f / 416);
  CHECK(tiny.back().h == 319.0f / 416);
  const auto anchors = make_anchors(listed_anchors::yolov3(), {416, 416});
  REQUIRE(anchors.size() == 10647);  // Redmon 2018: 3 (52^2 + 26^2 + 13^2)
  CHECK(anchors[1] == centre_box<float>{4.0f / 416, 4.0f / 416, 16.0f / 416, 30.0f / 416});
  CHECK(anchors.back().w == 373.0f / 416);
  const std::vector<anchor_sides> sides{{1, 2}, {3, 4}, {5, 6}, {7, 8}};
  const std::vector<int> strides{8, 16}, three{8, 16, 32};
  const auto own = listed_anchors::from(sides, strides);
  CHECK(own.level[1].sides[0].width == 5);
  CHECK_THROWS_AS(listed_anchors::from(sides, three), error);
}

#if !defined(__clang__) || __clang_major__ > 14  // which evaluates no vectors
namespace {
constexpr extent2 known{192, 256};
constexpr std::size_t known_count = make_anchors(point_anchors::yolox(), known).size();
constexpr auto known_points = anchor_table<known_count>(point_anchors::yolox(), known);
static_assert(known_count == 1008 && known_points[1].cx == 8.0f / 256);
constexpr auto known_squares =
    anchor_table<make_anchors(square_anchors::retinaface(), extent2{64, 64}).size()>(
        square_anchors::retinaface(), extent2{64, 64});
static_assert(known_squares.size() == 168 && known_squares[0].w == 0.25f);
}  // namespace

TEST_CASE("anchors that the compiler computes are those of the run")
{
  const auto points = make_anchors(point_anchors::yolox(), known);
  CHECK(std::equal(points.begin(), points.end(), known_points.begin(), known_points.end()));
  const auto squares = make_anchors(square_anchors::retinaface(), {64, 64});
  CHECK(std::equal(squares.begin(), squares.end(), known_squares.begin(), known_squares.end()));
}
#endif

TEST_CASE("clusters of sides fit a data set at least as well with every one more")
{
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  std::vector<anchor_sides> boxes;
  for (int i = 0; i < 600; ++i) {
    const double size = 16 * std::exp2(i % 3 * 2 + 0.2 * normal(random));
    boxes.push_back({size * (i % 2 ? 1 : 2), size});
  }
  double before = 0;
  for (std::size_t k = 1; k <= 6; ++k) {
    const side_clusters found = cluster_sides(boxes, k);
    REQUIRE(found.sides.size() == k);
    CHECK(std::abs(found.mean_overlap - mean_best_overlap(boxes, found.sides)) < 1e-12);
    CHECK(found.mean_overlap > before);
    before = found.mean_overlap;
    for (std::size_t i = 1; i < k; ++i)
      CHECK(found.sides[i - 1].width * found.sides[i - 1].height <=
            found.sides[i].width * found.sides[i].height);
  }
  // Six kinds of boxes were drawn: six clusters find them, whatever the order.
  CHECK(before > 0.75);
  for (const double size : {16.0, 64.0, 256.0})
    for (const double wide : {1.0, 2.0}) {
      double best = 0;
      for (const auto& s : cluster_sides(boxes, 6).sides)
        best = std::max(best, overlap_of_sides(s, {size * wide, size}));
      CHECK(best > 0.85);
    }
  // As many clusters as kinds of boxes are those boxes.
  const std::vector<anchor_sides> two{{10, 20}, {30, 5}, {10, 20}, {30, 5}};
  CHECK(cluster_sides(two, 2).mean_overlap == 1);
  CHECK_THROWS_AS(cluster_sides(two, 5), error);
  CHECK_THROWS_AS(cluster_sides(two, 0), error);
  CHECK_THROWS_AS(cluster_sides(std::vector<anchor_sides>{{1, 0}}, 1), error);
}
