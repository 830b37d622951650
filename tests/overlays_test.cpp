// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include "program/overlays.hpp"
#include "refusal.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

using retinue::test::refusal_of;

namespace {

/// A folder of its own, which goes with the test.
struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_overlays_" + std::to_string(::getpid()));
  scratch() { fs::create_directories(path); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { fs::remove_all(path); }

  fs::path make(const std::string& name) const
  {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << "pixels";
    return path / name;
  }
};

std::vector<std::string> names_of(const std::vector<fs::path>& pictures)
{
  std::vector<std::string> names;
  for (const auto& file : overlay_files("out", pictures)) names.push_back(file.string());
  return names;
}

}  // namespace

TEST_CASE("each picture has an overlay of its own, and the user is told whose it is")
{
  CHECK(names_of({"a/x.jpg", "b/y.JPG", "c/words"}) ==
        std::vector<std::string>{"out/x.jpg", "out/y.JPG", "out/words.png"});
  // The numbered names give way to pictures that have them by right, before or behind.
  CHECK(names_of({"a/x.jpg", "b/x.jpg", "c/x-2.jpg", "d/x.jpg", "e/x.png", "f/x.jpg", "a/x.jpg"}) ==
        std::vector<std::string>{"out/x.jpg", "out/x-3.jpg", "out/x-2.jpg", "out/x-4.jpg",
                                 "out/x.png", "out/x-5.jpg", "out/x-6.jpg"});
  CHECK(names_of({"a/x", "b/x.png", "c/x"}) ==
        std::vector<std::string>{"out/x.png", "out/x-2.png", "out/x-3.png"});
  CHECK(overlay_note("out/x.jpg", "a/x.jpg").empty());
  CHECK(overlay_note("out/words.png", "a/words").empty());
  CHECK(overlay_note("out/x-3.jpg", "b\x1b/x.jpg") == "out/x-3.jpg shows b?/x.jpg");
}

TEST_CASE("no overlay is drawn over a picture that went in")
{
  const scratch room;
  const std::vector<fs::path> pictures{room.make("a/x.jpg"), room.make("b/y.jpg")};
  fs::create_symlink("b", room.path / "link");
  fs::create_hard_link(pictures[1], room.path / "again.jpg");
  const auto says = [&](const fs::path& folder) {
    return refusal_of([&] { static_cast<void>(overlay_files(folder, pictures)); });
  };
  CHECK(says(room.path / "a") == "--overlay would replace " + (room.path / "a/x.jpg").string() +
                                     ", which is read, expected another file or folder");
  CHECK(says(room.path / "b").find("b/y.jpg, which is read") != std::string::npos);
  CHECK(says(room.path / "b" / ".." / "a").find("x.jpg, which is read") != std::string::npos);
  CHECK(says(room.path / "link").find("link/y.jpg, which is read") != std::string::npos);
  room.make("out/x.jpg");  // of an earlier run
  CHECK(says(room.path / "out") == "not refused");
  const auto writes = [&](const std::vector<written_file>& files) {
    return refusal_of([&] { check_written(pictures, files); });
  };
  CHECK(writes({{"--json", room.path / "again.jpg"}}).find("again.jpg, which is read") !=
        std::string::npos);
  CHECK(writes({{"--json", room.path / "n"}, {"--curve", room.path / "a" / ".." / "n"}})
            .find("--curve would replace") == 0);
  CHECK(writes({{"--json", room.path / "absent" / "n"}}).find("no folder") != std::string::npos);
  CHECK(writes({{"--json", room.path / "a"}}).find("a folder, expected a file") !=
        std::string::npos);
  CHECK(writes({{"--json", {}}, {"--curve", {}}, {"--out", room.path / "n"}}) == "not refused");
}
