// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <retinue/data/detections_json.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

using namespace retinue;

namespace {
using corners = schemas::points<2>;
const std::array<std::string_view, 2> names{"face", "hand"};

detection<corners> some_detection()
{
  detection<corners> d{{0.1f, 2, 30.25f, 1.0f / 3}, 0.9f, 2, {}};
  d.points.points = {{{1.5f, 2}, {-3, 4}}};
  return d;
}
}  // namespace

TEST_CASE("detections are written as the form says, numbers no longer than a float needs")
{
  const std::vector<detection<corners>> found{some_detection()};
  const std::vector<nlohmann::ordered_json> images{
      to_json<corners>("a \"b\".jpg", {.height = 480, .width = 640}, found, names),
      to_json<corners>("empty.jpg", {.height = 1, .width = 2}, {}, names)};
  CHECK(to_text(images) ==
        "[\n"
        R"({"image":"a \"b\".jpg","width":640,"height":480,"detections":[)"
        R"({"box":[0.1,2.0,30.25,0.33333334],"score":0.9,"class":"hand",)"
        R"("landmarks":[[1.5,2.0],[-3.0,4.0]]}]},)"
        "\n"
        R"({"image":"empty.jpg","width":2,"height":1,"detections":[]})"
        "\n]\n");
  CHECK(nlohmann::json::parse(to_text({})).empty());
  CHECK(nlohmann::json::parse(to_text(images))[0]["detections"][0]["box"][3].get<float>() ==
        1.0f / 3);
}

TEST_CASE("without class names the label is written; plain boxes have no landmarks")
{
  const std::vector<detection<schemas::none>> found{{{1, 2, 3, 4}, 0.5f, 7, {}}};
  const auto image = to_json<schemas::none>("a.jpg", {1, 1}, found);
  CHECK(image["detections"][0]["class"] == 7);
  CHECK(image["detections"][0]["landmarks"].is_array());
  CHECK(image["detections"][0]["landmarks"].empty());
}

TEST_CASE("a label without a name and a number that is not finite are refused")
{
  std::vector<detection<corners>> found{some_detection()};
  for (const std::int32_t label : {0, 3, -1}) {
    found[0].label = label;
    CHECK_THROWS_AS(to_json<corners>("a.jpg", {1, 1}, found, names), error);
  }
  found[0] = some_detection();
  found[0].points.points[1][0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(to_json<corners>("a.jpg", {1, 1}, found, names), error);
}

TEST_CASE("what JSON cannot say is told beforehand")
{
  CHECK(is_finite(some_detection()));
  for (const float v :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()})
    for (int place = 0; place < 9; ++place) {
      auto d = some_detection();
      const auto p = static_cast<std::size_t>(place);
      (p < 4 ? d.bounds[p] : p == 4 ? d.score : d.points.points[(p - 5) / 2][(p - 5) % 2]) = v;
      CHECK(!is_finite(d));
      const std::vector<detection<corners>> found{d};
      CHECK_THROWS_AS(to_json<corners>("a.jpg", {1, 1}, found, names), error);
    }
  detection<schemas::none> plain{{-3e38f, 0, 3e38f, 1}, 0.5f, 1, {}};
  CHECK(is_finite(plain));
  plain.bounds.y2 = -std::numeric_limits<float>::infinity();
  CHECK(!is_finite(plain));
}

TEST_CASE("a file name that is not UTF-8 is written, not thrown about")
{
  const std::vector<nlohmann::ordered_json> images{to_json<corners>("\xff.jpg", {1, 1}, {})};
  CHECK(to_text(images).find("\xef\xbf\xbd.jpg") != std::string::npos);
}

TEST_CASE("the list replaces a file in one step, and names the file that cannot be written")
{
  const auto folder = std::filesystem::temp_directory_path() / "retinue_detections_json_test";
  std::filesystem::create_directories(folder);
  const auto file = folder / "found.json";
  const std::vector<nlohmann::ordered_json> images{to_json<corners>("a.jpg", {1, 1}, {})};
  write_detections(file, images);
  write_detections(file, images);
  std::ifstream in(file);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == to_text(images));
  const auto entries = std::distance(std::filesystem::directory_iterator(folder), {});
  CHECK(entries == 1);
  CHECK_THROWS_AS(write_detections(folder / "absent" / "found.json", images), error);
  std::filesystem::remove_all(folder);
}
