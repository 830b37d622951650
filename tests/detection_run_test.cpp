// SPDX-License-Identifier: Apache-2.0
// What the programs that detect make of a detector's results: here one that says what it is told.
#include "catch.hpp"

#include "program/detection.hpp"

#include <retinue/image/files.hpp>

#include <torch/torch.h>
#include <opencv2/core.hpp>

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

using namespace retinue;
namespace fs = std::filesystem;

namespace {

struct told_detector {
  using schema = schemas::none;
  std::vector<detection<schema>> told;

  [[nodiscard]] retinue::network_outputs predict(const at::Tensor&) const { return {}; }
  void find(const retinue::network_outputs&, const std::vector<frame>& frames,
            std::vector<std::vector<detection<schema>>>& found) const
  {
    found.assign(frames.size(), told);
  }
};

/// What a stream is given, while this lives.
struct caught {
  std::ostringstream text;
  std::ostream& from;
  std::streambuf* kept;
  explicit caught(std::ostream& stream) : from(stream), kept(stream.rdbuf(text.rdbuf())) {}
  caught(const caught&) = delete;
  caught& operator=(const caught&) = delete;
  ~caught() { from.rdbuf(kept); }
};

struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_run_" + std::to_string(::getpid()));
  scratch() { fs::create_directories(path); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { fs::remove_all(path); }
};

struct outcome {
  bool well = false;
  std::string out, err;
};

outcome run(const detection_arguments& a, told_detector detect, const std::vector<fs::path>& paths)
{
  const std::vector<std::string> classes{"face"};
  const auto fit = [](extent2 size) { return frame{size, size, 1, 1}; };
  outcome made;
  const caught out(std::cout), err(std::cerr);
  made.well = detection_run(a, detect, pixel_format{}, classes, fit)(paths);
  made.out = out.text.str();
  made.err = err.text.str();
  return made;
}

}  // namespace

TEST_CASE("a detection that is not finite is left out, told, and does not lose the others")
{
  const scratch room;
  const std::vector<fs::path> paths{room.path / "\x1b[31mred.png", room.path / "b.png"};
  for (const auto& path : paths) write_image(path, cv::Mat(8, 8, CV_8UC3, cv::Scalar::all(9)));
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const told_detector some{{{{1, 2, 3, 4}, 0.9f, 1, {}},
                            {{1, nan, 3, 4}, 0.8f, 1, {}},
                            {{0, 0, std::numeric_limits<float>::infinity(), 4}, 0.7f, 1, {}},
                            {{2, 2, 3, 4}, 0.6f, 1, {}}}};
  detection_arguments a;
  a.json = "-";
  const auto lost = run(a, some, paths);
  CHECK(!lost.well);
  const auto list = nlohmann::json::parse(lost.out);
  REQUIRE(list.size() == 2);
  for (const auto& image : list) CHECK(image["detections"].size() == 2);
  CHECK(lost.err.find("4 found in 2 pictures") != std::string::npos);
  CHECK(lost.err.find("4 detections are left out, for they are not finite\n") != std::string::npos);

  const auto whole = run(a, {{some.told.front()}}, paths);
  CHECK(whole.well);
  CHECK(whole.err.find("left out") == std::string::npos);

  // A name's escape sequences stay names where it is printed for people.
  a.json.clear();
  const auto text = run(a, some, paths);
  CHECK(text.out.find("/?[31mred.png: 2 found") != std::string::npos);
  CHECK((text.out + text.err).find('\x1b') == std::string::npos);
}

TEST_CASE("pictures of one name have overlays of their own")
{
  const scratch room;
  std::vector<fs::path> paths;
  for (const char* folder : {"one", "two"}) {
    fs::create_directories(room.path / folder);
    paths.push_back(room.path / folder / "a.png");
    write_image(paths.back(), cv::Mat(8, 8, CV_8UC3, cv::Scalar::all(9)));
  }
  detection_arguments a;
  a.overlay = room.path / "found";
  const auto drawn = run(a, {}, paths);
  CHECK(drawn.well);
  CHECK(fs::exists(a.overlay / "a.png"));
  CHECK(fs::exists(a.overlay / "a-2.png"));
  CHECK(drawn.err.find("found/a-2.png shows " + paths[1].string() + "\n") != std::string::npos);
  a.overlay = room.path / "two";
  CHECK_THROWS_AS(run(a, {}, paths), error);
  a.overlay = paths[0];
  CHECK_THROWS_AS(run(a, {}, {paths[0]}), error);
}
