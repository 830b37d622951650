// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <retinue/anchors.hpp>
#include <retinue/error.hpp>

#include <bit>
#include <cstring>

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
