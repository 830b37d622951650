// SPDX-License-Identifier: Apache-2.0
// Where the programs' pictures come from, what is told of them, and videos that are written.
#include "catch.hpp"

#include "program/progress.hpp"
#include "program/sources.hpp"
#include "program/told.hpp"
#include "program/video.hpp"
#include "refusal.hpp"

#include <retinue/landmarks.hpp>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace retinue;
using retinue::test::refusal_of;
namespace fs = std::filesystem;

namespace {

struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_sources_" + std::to_string(::getpid()));
  scratch() { fs::create_directories(path); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { fs::remove_all(path); }
};

void paint(const fs::path& file, int value)
{
  write_image(file, cv::Mat(16, 24, CV_8UC3, cv::Scalar::all(value)));
}

/// Written beside it, and put into place at once.
void paint(const fs::path& beside, const std::string& name, int value)
{
  const fs::path unfinished = beside.string() + fs::path(name).extension().string();
  paint(unfinished, value);
  fs::rename(unfinished, beside.parent_path() / name);
}

std::string bytes_of(const fs::path& file)
{
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Whether there is something within five looks.
bool comes_soon(watched_folders& folders)
{
  const auto end = std::chrono::steady_clock::now() + 5 * watched_folders::between_looks;
  while (std::chrono::steady_clock::now() < end) {
    if (folders.is_ready()) return true;
    std::this_thread::sleep_for(watched_folders::between_looks / 10);
  }
  return false;
}

/// A folder of these permissions while it lives, for a process that has to keep to them.
struct closed_folder {
  fs::path path;
  bool was_root = ::geteuid() == 0;

  closed_folder(fs::path folder, unsigned permissions) : path(std::move(folder))
  {
    constexpr uid_t nobody = 65534;
    fs::permissions(path, fs::perms(permissions));
    if (was_root) REQUIRE(::seteuid(nobody) == 0);
  }
  closed_folder(const closed_folder&) = delete;
  closed_folder& operator=(const closed_folder&) = delete;
  ~closed_folder()
  {
    if (was_root && ::seteuid(0) != 0) ::abort();
    fs::permissions(path, fs::perms::owner_all);
  }
};

fs::path clip(const fs::path& file, int frames, double rate, cv::Size size = {64, 48})
{
  written_video to(file, rate);
  for (int i = 0; i < frames; ++i) to.write(cv::Mat(size, CV_8UC3, cv::Scalar::all(20 + 20 * i)));
  to.finish();
  return file;
}

}  // namespace

TEST_CASE("a video gives its frames in their order, with their times")
{
  const scratch room;
  for (const char* name : {"a.avi", "b.mp4", "c.mkv", "D.AVI"}) {
    INFO(name);
    CHECK(is_video_name(name));
    const fs::path file = clip(room.path / name, 10, 12.5);
    video_frames video(file);
    CHECK(video.count() == 10);
    CHECK(video.rate() == Approx(12.5));
    CHECK(video.files() == std::vector<fs::path>{file});
    std::vector<cv::Mat> kept;
    for (std::size_t i = 0; i < 10; ++i) {
      const auto frame = video.next();
      REQUIRE(frame);
      REQUIRE(frame->when);
      CHECK(frame->when->frame == i);
      CHECK(frame->when->seconds == Approx(double(i) / 12.5).margin(1e-3));
      CHECK(frame->image.size() == cv::Size(64, 48));
      kept.push_back(frame->image);
    }
    CHECK(!video.next());
    CHECK(!video.next());
    for (std::size_t i = 0; i < 10; ++i)  // no frame is painted over by the next
      CHECK(std::abs(int(kept[i].at<cv::Vec3b>(24, 32)[0]) - (20 + 20 * int(i))) < 12);
  }
  CHECK(video_frames(room.path / "a.avi").next()->name() ==
        (room.path / "a.avi").string() + ", frame 0, 0.00 s");
  std::ofstream(room.path / "words.avi") << "no video";
  CHECK(refusal_of([&] { video_frames(room.path / "words.avi"); }) ==
        (room.path / "words.avi").string() + ": not a video that this OpenCV can read");
  CHECK(refusal_of([&] { video_frames(room.path / "absent.avi"); }) ==
        (room.path / "absent.avi").string() + ": no such file");
  fs::create_symlink("absent.avi", room.path / "link.avi");
  CHECK(refusal_of([&] { video_frames(room.path / "link.avi"); }) ==
        (room.path / "link.avi").string() + ": a symbolic link to nothing");
  CHECK(refusal_of([] { video_frames(987); }) == "camera 987 cannot be opened");
  CHECK(!is_video_name("a.png"));
  CHECK(!is_video_name("avi"));
}

TEST_CASE("a video that ends early gives what it has, and says how much it promised")
{
  const scratch room;
  const fs::path whole = clip(room.path / "whole.avi", 30, 10);
  const std::string bytes = bytes_of(whole);
  const fs::path half = room.path / "half.avi";
  std::ofstream(half, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  video_frames video(half);
  std::size_t frames = 0;
  while (video.next()) ++frames;
  CHECK(frames > 0);
  CHECK(frames < 30);
  CHECK(video.count().value_or(30) == 30);
}

TEST_CASE("sources follow each other, and a bad picture does not end them")
{
  const scratch room;
  std::vector<fs::path> files{room.path / "a.png", room.path / "bad.png", room.path / "b.png"};
  paint(files[0], 10);
  std::ofstream(files[1]) << "words";
  paint(files[2], 30);
  const fs::path video = clip(room.path / "v.avi", 2, 5);
  std::vector<sources_in_turn::any> all;
  all.emplace_back(picture_files(files));
  all.emplace_back(video_frames(video));
  const fs::path words = room.path / "words.avi";
  std::ofstream(words) << "words";
  CHECK_THROWS_AS(video_frames(words), error);
  all.emplace_back(unread_video(words, "no video"));
  all.emplace_back(picture_files({files[0]}));
  sources_in_turn source(std::move(all));
  CHECK(source.count() == 7);
  CHECK(source.rate() == Approx(5));
  CHECK(source.files().size() == 6);
  std::string order;
  for (bool more = true; more;) {
    try {
      const auto taken = source.next();
      more = taken.has_value();
      order += more ? taken->from.filename().string() + (taken->when ? "+ " : " ") : "end";
    } catch (const error& e) {
      order += "refused ";
    }
  }
  CHECK(order == "a.png refused b.png v.avi+ v.avi+ refused a.png end");
}

TEST_CASE("scenes are drawn where nothing is at hand, the same each time")
{
  for (const bool shapes : {false, true}) {
    drawn_pictures source(shapes), again(shapes);
    std::size_t pictures = 0;
    while (const auto one = source.next()) {
      CHECK(one->from == "scene-" + std::to_string(++pictures) + ".png");
      CHECK(one->image.type() == CV_8UC3);
      CHECK(cv::norm(one->image, again.next()->image, cv::NORM_INF) == 0);
    }
    CHECK(source.count() == pictures);
  }
}

TEST_CASE("a folder gives what comes into it, when it is whole, until a signal")
{
  const scratch room;
  const stop_signal stop;
  watched_folders folders({room.path}, stop);
  CHECK(!folders.count());
  CHECK(!folders.is_ready());
  paint(room.path / "10.png", 10);
  paint(room.path / "9.png", 10);
  std::ofstream(room.path / ".hidden.png") << "words";
  std::ofstream(room.path / "words.txt") << "words";
  CHECK(folders.next()->from.filename() == "9.png");
  CHECK(folders.next()->from.filename() == "10.png");

  // Somebody writes slowly: the file is read when it no longer changes.
  std::vector<std::uint8_t> bytes;
  cv::Mat noise(200, 200, CV_8UC3);
  cv::randu(noise, 0, 255);
  cv::imencode(".png", noise, bytes);
  std::thread writer([&] {
    std::ofstream to(room.path / "slow.png", std::ios::binary);
    const std::size_t part = bytes.size() / 8 + 1;
    for (std::size_t at = 0; at < bytes.size(); at += part) {
      to.write(reinterpret_cast<const char*>(bytes.data() + at),
               std::streamsize(std::min(part, bytes.size() - at)));
      to.flush();
      std::this_thread::sleep_for(watched_folders::between_looks / 2);
    }
  });
  const auto slow = folders.next();
  writer.join();
  REQUIRE(slow);
  CHECK(cv::norm(slow->image, noise, cv::NORM_INF) == 0);

  std::thread signals([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ::kill(::getpid(), SIGINT);
  });
  CHECK(!folders.next());
  signals.join();
}

TEST_CASE("a watched file that was not whole, or was replaced, is taken again")
{
  const scratch room;
  const stop_signal stop;
  watched_folders folders({room.path}, stop);
  const fs::path file = room.path / "x.jpg";
  paint(room.path / "whole.jpg", 60);
  const std::string bytes = bytes_of(room.path / "whole.jpg");
  fs::remove(room.path / "whole.jpg");
  std::ofstream(file, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  try {
    static_cast<void>(folders.next());
    FAIL("half a picture was taken for a whole one");
  } catch (const unread_picture& e) {
    CHECK(e.from() == file);
    CHECK(std::string(e.what()).starts_with(file.string() + ": a JPEG that was cut short, at "));
  }
  CHECK(!comes_soon(folders));  // nothing has changed
  std::ofstream(file, std::ios::binary | std::ios::app) << bytes.substr(bytes.size() / 2);
  const auto whole = folders.next();
  REQUIRE(whole);
  CHECK(whole->may_change);
  CHECK(whole->from == file);
  CHECK(!comes_soon(folders));

  paint(room.path / "next", "x.jpg", 200);  // a camera's next picture, put into place
  CHECK(folders.next()->image.at<cv::Vec3b>(8, 8)[0] > 190);
  CHECK(!comes_soon(folders));
}

TEST_CASE("a watched folder that goes, or that cannot be listed, is said once and is no picture")
{
  const scratch room;
  const stop_signal stop;
  const fs::path one = room.path / "one", two = room.path / "two";
  fs::create_directories(one);
  fs::create_directories(two);
  watched_folders folders({one, two}, stop);
  const auto trouble = [&] {
    try {
      static_cast<void>(folders.next());
    } catch (const source_trouble& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  CHECK(!comes_soon(folders));
  {
    const closed_folder closed(one, 0);
    CHECK(trouble() == one.string() + ": cannot be listed: Permission denied");
    CHECK(!comes_soon(folders));
  }
  paint(one / "a.png", 10);
  CHECK(folders.next()->from == one / "a.png");
  fs::remove_all(one);
  CHECK(trouble() == one.string() + ": the folder is gone, and is watched no longer");
  paint(two / "b.png", 10);
  CHECK(folders.next()->from == two / "b.png");
  fs::remove_all(two);
  CHECK(trouble() == two.string() + ": the folder is gone, and is watched no longer");
  CHECK(!folders.next());
  CHECK(!folders.next());
}

TEST_CASE("what is named like a picture and is no file is refused by name, not passed over")
{
  const scratch room;
  paint(room.path / "10.png", 10);
  paint(room.path / "9.png", 10);
  paint(room.path / ".hidden.png", 10);
  fs::create_directories(room.path / "folder.png");
  std::ofstream(room.path / "words.txt") << "words";
  fs::create_symlink("absent.png", room.path / "nothing.png");
  fs::create_symlink("round.png", room.path / "round.png");
  fs::create_symlink("9.png", room.path / "same.png");
  REQUIRE(::mkfifo((room.path / "pipe.png").c_str(), 0600) == 0);
  const auto found = images_in(room.path);
  std::string names;
  for (const auto& file : found) names += file.filename().string() + " ";
  CHECK(names == "9.png 10.png nothing.png pipe.png round.png same.png ");
  picture_files source(found);
  std::string said;
  for (bool more = true; more;) {
    try {
      more = source.next().has_value();
    } catch (const error& e) {
      said += std::string(e.what()).substr(room.path.string().size() + 1) + "\n";
    }
  }
  CHECK(said ==
        "nothing.png: a symbolic link to nothing\n"
        "pipe.png: not a file but a folder, pipe or device\n"
        "round.png: its symbolic links lead nowhere\n");

  const auto says = [](const fs::path& folder) {
    return refusal_of([&] { return images_in(folder); });
  };
  CHECK(says(room.path / "absent") ==
        (room.path / "absent").string() + ": cannot be listed: No such file or directory");
  {
    const closed_folder closed(room.path, 0444);
    CHECK(says(room.path) ==
          room.path.string() + ": its files cannot be looked at: Permission denied");
  }
  const closed_folder closed(room.path, 0);
  CHECK(says(room.path) == room.path.string() + ": cannot be listed: Permission denied");
}

TEST_CASE("lines that cannot be written say why")
{
  const scratch room;
  CHECK(refusal_of([&] { json_lines to(room.path); }) ==
        "--json-lines " + room.path.string() + ": cannot be written: Is a directory");
  if (!fs::exists("/dev/full")) return;
  json_lines full("/dev/full");
  CHECK(refusal_of([&] { full.add({{"image", "a.png"}}); }) ==
        "--json-lines /dev/full: cannot be written: No space left on device");
}

TEST_CASE("a video has its name when it is finished, and is refused where it is not whole")
{
  const scratch room;
  {
    written_video left(room.path / "left.avi", 10);
    left.write(cv::Mat(32, 32, CV_8UC3, cv::Scalar::all(9)));
    CHECK(!fs::exists(room.path / "left.avi"));
  }
  CHECK(fs::is_empty(room.path));
  written_video none(room.path / "none.avi", 10);
  none.finish();
  CHECK(fs::is_empty(room.path));
  CHECK(refusal_of([&] { static_cast<void>(video_code_of("a.gif")); }) ==
        "--video a.gif: videos cannot be written in this form, expected .avi, .mp4 or .mkv");
  written_video nowhere(room.path / "absent" / "a.avi", 10);
  const std::string said =
      refusal_of([&] { nowhere.write(cv::Mat(32, 32, CV_8UC3, cv::Scalar::all(9))); });
  CHECK(said.find("this OpenCV cannot write it with 32 x 32 pixels") != std::string::npos);
}

TEST_CASE("a table has rows of one width, and names that can be told apart")
{
  using found = detection<schemas::none>;
  const std::vector<found> faces{{{1, 2, 11, 22}, 0.5f, 1, {}}, {{0, 0, 1234.5f, 9}, 1, 2, {}}};
  const std::vector<std::string> classes{"face"};
  detection_table table;
  std::string text = table.rows("a\x1b.png", std::span(faces), std::span(classes));
  text += table.rows("/a/very/long/path/to/some/folder/of/pictures/photo.png",
                     std::span<const found>(), std::span(classes));
  CHECK(text ==
        "picture                              object          score       x       y   width"
        "  height\n"
        "a?.png                               face           0.5000     1.0     2.0    10.0"
        "    20.0\n"
        "a?.png                               2              1.0000     0.0     0.0  1234.5"
        "     9.0\n"
        "...some/folder/of/pictures/photo.png none\n");
}

TEST_CASE("progress says what is left, where that can be known")
{
  const progress_bar known("read", 100), unknown("read", std::nullopt);
  CHECK(known.line(50, 10, "a.png") ==
        "read  [============>           ]  50/100  5/s  0:10 left  a.png");
  CHECK(known.line(100, 20, "") == "read  [========================]  100/100  5/s  0:20");
  CHECK(unknown.line(50, 10, "a.png") == "read  50  5/s  0:10  a.png");
  CHECK(known.line(150, 10, "") == "read  150  15/s  0:10");
  // What was done before does not tell how quick it is.
  CHECK(progress_bar("read", 100, 40).line(50, 10, "") ==
        "read  [============>           ]  50/100  1/s  0:50 left");
}
