// SPDX-License-Identifier: Apache-2.0
// What the programs that detect make of a detector's results: here one that says what it is told.
#include "catch.hpp"

#include "program/detection.hpp"
#include "refusal.hpp"

#include <retinue/image/files.hpp>

#include <torch/torch.h>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace retinue;
using retinue::test::refusal_of;
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

outcome run(const detection_arguments& a, told_detector detect, picture_source auto source)
{
  const std::vector<std::string> classes{"face"};
  const auto fit = [](extent2 size) { return frame{size, size, 1, 1}; };
  outcome made;
  const stop_signal stop;
  const caught out(std::cout), err(std::cerr);
  made.well = detection_run(a, detect, pixel_format{}, classes, fit)(source, stop);
  made.out = out.text.str();
  made.err = err.text.str();
  return made;
}
outcome run(const detection_arguments& a, told_detector detect, const std::vector<fs::path>& paths)
{
  return run(a, std::move(detect), picture_files(paths));
}

/// Frames that differ, as MJPG.
void write_clip(const fs::path& file, int frames, cv::Size size)
{
  written_video to(file, 10);
  for (int i = 0; i < frames; ++i) to.write(cv::Mat(size, CV_8UC3, cv::Scalar(9 * i, 0, 0)));
  to.finish();
}

std::vector<nlohmann::json> lines_in(const fs::path& file)
{
  std::ifstream in(file);
  std::vector<nlohmann::json> all;
  for (std::string line; std::getline(in, line);) all.push_back(nlohmann::json::parse(line));
  return all;
}

std::string bytes_of(const fs::path& file)
{
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool has(const std::string& text, const std::string& part)
{
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

/// Sends the signal that Ctrl-C is, when the eighth is asked for.
struct interrupted {
  picture_files pictures;
  int given = 0;

  std::optional<taken_picture> next()
  {
    if (++given == 8) std::raise(SIGINT);
    return pictures.next();
  }
  bool is_ready() { return true; }
  [[nodiscard]] std::optional<std::size_t> count() const { return pictures.count(); }
  [[nodiscard]] std::vector<fs::path> files() const { return pictures.files(); }
  [[nodiscard]] double rate() const { return 0; }
};
static_assert(picture_source<interrupted>);

/// Takes a step of its own after each file that is watched was read, or could not be.
struct step_by_step {
  watched_folders folders;
  std::vector<std::function<void()>> steps;
  std::size_t taken = 0;

  std::optional<taken_picture> next()
  {
    try {
      auto picture = folders.next();
      if (picture) steps.at(taken++)();
      return picture;
    } catch (const unread_picture&) {
      steps.at(taken++)();
      throw;
    }
  }
  bool is_ready() { return folders.is_ready(); }
  [[nodiscard]] std::optional<std::size_t> count() const { return {}; }
  [[nodiscard]] std::vector<fs::path> files() const { return {}; }
  [[nodiscard]] double rate() const { return 0; }
};
static_assert(picture_source<step_by_step>);

const told_detector one_face{{{{10, 20, 30, 50}, 0.9f, 1, {}}}};

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

TEST_CASE("a video goes in and comes out, with a line for each frame")
{
  const scratch room;
  const fs::path clip = room.path / "clip.avi";
  write_clip(clip, 12, {64, 48});
  detection_arguments a;
  a.video = room.path / "found.avi";
  a.lines = room.path / "found.jsonl";
  a.json = room.path / "found.json";
  a.overlay = room.path / "frames";
  a.table = true;
  a.batch = 5;
  const auto done = run(a, one_face, video_frames(clip));
  CHECK(done.well);
  CHECK(has(done.err, "12 found in 12 pictures; overlays: "));
  const auto lines = lines_in(a.lines);
  REQUIRE(lines.size() == 12);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i]["image"] == clip.string());
    CHECK(lines[i]["frame"] == i);
    CHECK(lines[i]["seconds"].get<double>() == Approx(double(i) / 10));
    CHECK(lines[i]["width"] == 64);
    CHECK(lines[i]["detections"].size() == 1);
    CHECK(fs::exists(a.overlay / ("clip-" + std::to_string(i) + ".png")));
  }
  std::ifstream list(a.json);
  CHECK(nlohmann::json::parse(list) == nlohmann::json(lines));

  // The box is drawn where it was found, and nowhere else.
  video_frames back(a.video);
  CHECK(back.count() == 12);
  CHECK(back.rate() == Approx(10));
  int frames = 0;
  while (const auto frame = back.next()) {
    REQUIRE(frame->image.size() == cv::Size(64, 48));
    CHECK(frame->image.at<cv::Vec3b>(35, 10)[1] > 100);
    CHECK(frame->image.at<cv::Vec3b>(5, 55)[1] < 60);
    ++frames;
  }
  CHECK(frames == 12);
  CHECK(fs::directory_entry(room.path / "found.avi").exists());

  CHECK(
      has(done.out, "picture                              object          score       x       y"));
  CHECK(has(done.out, "clip.avi, frame 3, 0.30 s"));
  CHECK(has(done.out, "face           0.9000    10.0    20.0    20.0    30.0\n"));
}

TEST_CASE("pictures of any size make one video, of the size of the first")
{
  const scratch room;
  std::vector<fs::path> paths{room.path / "a.png", room.path / "b.png", room.path / "c.png"};
  write_image(paths[0], cv::Mat(40, 80, CV_8UC3, cv::Scalar(0, 0, 200)));
  write_image(paths[1], cv::Mat(90, 60, CV_8UC3, cv::Scalar(200, 200, 200)));
  std::ofstream(paths[2]) << "words";
  detection_arguments a;
  a.video = room.path / "all.avi";
  a.batch = 4;
  const auto done = run(a, {}, paths);
  CHECK(!done.well);
  CHECK(has(done.err, "c.png: not a picture"));
  video_frames back(a.video);
  CHECK(back.count() == 2);
  CHECK(back.rate() == Approx(2));
  static_cast<void>(back.next());
  const auto second = back.next();
  REQUIRE(second);
  REQUIRE(second->image.size() == cv::Size(80, 40));
  CHECK(second->image.at<cv::Vec3b>(20, 40)[0] > 150);
  CHECK(second->image.at<cv::Vec3b>(20, 5)[0] < 60);

  a.video = room.path / "all.mpq";
  CHECK_THROWS_AS(run(a, {}, paths), error);
  a.video = paths[0];
  CHECK_THROWS_AS(run(a, {}, paths), error);
  for (const auto& file : fs::directory_iterator(room.path))
    CHECK(file.path().string().find("unfinished") == std::string::npos);
}

TEST_CASE("a folder is watched while it grows, and a signal is its end")
{
  const scratch room;
  const fs::path folder = room.path / "in";
  fs::create_directories(folder);
  const auto put = [&](const std::string& name) {
    write_image(folder / name, cv::Mat(32, 32, CV_8UC3, cv::Scalar::all(9)));
  };
  put("1.png");
  detection_arguments a;
  a.lines = room.path / "found.jsonl";
  a.video = room.path / "found.avi";
  a.batch = 3;  // what is at hand does not wait for what is not
  std::atomic<std::size_t> seen_early{0};
  std::thread others([&] {
    const auto wait_for = [&](std::size_t lines) {
      for (int tries = 0; tries < 400 && lines_in(a.lines).size() < lines; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    };
    wait_for(1);
    seen_early = lines_in(a.lines).size();
    put("2.png");
    put("3.png");
    wait_for(3);
    ::kill(::getpid(), SIGINT);
  });
  outcome done;
  {
    const stop_signal first;  // before the other thread can send one
    done = run(a, one_face, watched_folders({folder}, first));
  }
  others.join();
  CHECK(done.well);
  CHECK(seen_early == 1);
  CHECK(lines_in(a.lines).size() == 3);
  CHECK(video_frames(a.video).count() == 3);
  CHECK(has(done.err, "3 found in 3 pictures"));
}

TEST_CASE("a watched picture that comes again whole is not counted as undone")
{
  const scratch room;
  const fs::path folder = room.path / "in", file = folder / "x.jpg", other = room.path / "y.jpg";
  fs::create_directories(folder);
  write_image(other, cv::Mat(32, 32, CV_8UC3, cv::Scalar::all(90)));
  const std::string bytes = bytes_of(other);
  const auto put = [&](std::size_t size) {
    std::ofstream(file, std::ios::binary) << bytes.substr(0, size);
  };
  detection_arguments a;
  a.lines = room.path / "found.jsonl";
  a.overlay = room.path / "found";
  const auto watch = [&](std::vector<std::function<void()>> steps) {
    steps.emplace_back([&] { fs::remove_all(folder); });
    const stop_signal stop;
    return run(a, one_face, step_by_step{watched_folders({folder}, stop), std::move(steps)});
  };
  const auto put_half = [&] { put(bytes.size() / 2); };
  const auto put_all = [&] { put(bytes.size()); };
  put_half();
  const auto whole = watch({put_all, put_all});
  CHECK(has(whole.err, "skipped: " + file.string() + ": a JPEG that was cut short"));
  CHECK(has(whole.err, "2 found in 2 pictures"));
  CHECK(whole.err.find("could not be done") == std::string::npos);
  CHECK(lines_in(a.lines).size() == 2);
  CHECK(std::distance(fs::directory_iterator(a.overlay), {}) == 1);  // what it last was
  // The folder is gone: pictures may be, too.
  CHECK(!whole.well);
  CHECK(has(whole.err, folder.string() + ": the folder is gone, and is watched no longer\n"));

  fs::create_directories(folder);
  put_all();
  const auto cut = watch({put_half, put_half});
  CHECK(has(cut.err, "1 of 2 pictures could not be done\n"));
}

TEST_CASE("a video that ends early is done as far as it goes, and that is not well")
{
  const scratch room;
  const fs::path whole = room.path / "whole.avi", half = room.path / "half.avi";
  write_clip(whole, 30, {64, 48});
  const std::string bytes = bytes_of(whole);
  std::ofstream(half, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  detection_arguments a;
  a.lines = room.path / "found.jsonl";
  CHECK(run(a, one_face, video_frames(whole)).well);
  const auto done = run(a, one_face, video_frames(half));
  CHECK(!done.well);
  CHECK(has(done.err, " of the 30 frames that were promised came\n"));
  CHECK(!lines_in(a.lines).empty());
}

TEST_CASE("results that would replace each other, or cannot be written, are refused at once")
{
  const scratch room;
  const std::vector<fs::path> paths{room.path / "a.png", room.path / "b.png"};
  for (const auto& path : paths) write_image(path, cv::Mat(8, 8, CV_8UC3, cv::Scalar::all(9)));
  detection_arguments a;
  a.json = a.overlay = room.path / "x.json";
  CHECK(refusal_of([&] { return run(a, {}, paths); }) ==
        "--overlay would replace " + a.overlay.string() +
            ", which --json writes, expected another name");
  CHECK(!fs::exists(a.json));

  a = {};
  const fs::path folder = room.path / "closed";
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms(0555));
  const bool was_root = ::geteuid() == 0;
  if (was_root) REQUIRE(::seteuid(65534) == 0);
  a.video = folder / "a.mp4";
  const std::string video = refusal_of([&] { return run(a, {}, paths); });
  a.video.clear();
  a.overlay = folder;
  const std::string overlay = refusal_of([&] { return run(a, {}, paths); });
  if (was_root) REQUIRE(::seteuid(0) == 0);
  CHECK(video == "--video " + (folder / "a.mp4").string() + ": the folder " + folder.string() +
                     " cannot be written to: Permission denied");
  CHECK(overlay == "--overlay " + folder.string() + ": the folder " + folder.string() +
                       " cannot be written to: Permission denied");
}

TEST_CASE("of a damaged picture one sentence is said, and none by the decoder")
{
  const scratch room;
  const std::vector<fs::path> paths{room.path / "a.bmp", room.path / "b.bmp"};
  for (const auto& path : paths) write_image(path, cv::Mat(50, 50, CV_8UC3, cv::Scalar::all(9)));
  fs::resize_file(paths[0], 3000);
  const auto done = run({}, {}, paths);
  CHECK(!done.well);
  CHECK(done.err == "skipped: " + paths[0].string() +
                        ": a damaged or incomplete BMP\n0 found in 1 picture\n"
                        "1 of 2 pictures could not be done\n");
}

TEST_CASE("a signal ends a run with all that was done till then")
{
  const scratch room;
  std::vector<fs::path> paths;
  for (int i = 0; i < 20; ++i) {
    paths.push_back(room.path / (std::to_string(i) + ".png"));
    write_image(paths.back(), cv::Mat(32, 32, CV_8UC3, cv::Scalar::all(9)));
  }
  detection_arguments a;
  a.json = room.path / "found.json";
  a.lines = room.path / "found.jsonl";
  a.video = room.path / "found.avi";
  const auto done = run(a, one_face, interrupted{picture_files(paths)});
  CHECK(!done.well);
  CHECK(has(done.err, "stopped by a signal; what was done till then is kept\n"));
  CHECK(lines_in(a.lines).size() == 8);
  std::ifstream list(a.json);
  CHECK(nlohmann::json::parse(list).size() == 8);
  CHECK(video_frames(a.video).count() == 8);
}
