// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "refusal.hpp"

#include <retinue/data/coco_results.hpp>
#include <retinue/data/wider_files.hpp>

#include <filesystem>
#include <fstream>
#include <string>

using namespace retinue;
using retinue::test::refusal_of;

namespace {
namespace fs = std::filesystem;

/// A folder that is gone at the end of the test.
struct folder {
  fs::path path = fs::temp_directory_path() / "retinue_evaluate_files_test";
  folder() { fs::remove_all(path); }
  ~folder() { fs::remove_all(path); }

  fs::path write(const fs::path& name, const std::string& text) const
  {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
};

bool has(const std::string& text, const std::string& part)
{
  return text.find(part) != std::string::npos;
}

const std::string truth_text =
    "# a comment\n"
    "0--Parade/a.b.jpg\t640\t480\t2\n"
    "10 20 30 40 1 1 1 0 0\r\n"
    "1.5 2 -2 4 0 0 1\n"
    "1--Handshaking/c.jpg 10 20 0\n";
}  // namespace

TEST_CASE("WIDER FACE: truth and results, in a file and in a folder")
{
  const folder here;
  const auto truth = here.write("truth.txt", truth_text);
  auto images = read_wider_truth(truth);
  REQUIRE(images.size() == 2);
  CHECK(images[0].name == "0--Parade/a.b");
  CHECK(images[0].size == extent2{480, 640});
  CHECK(images[0].truths[0].bounds == box<double>{10, 20, 40, 60});
  CHECK(images[0].truths[1].counts == std::array{false, false, true});
  CHECK(images[1].truths.empty());

  const std::string list = "2\n1 2 3 4 0.5\n5 6 7 8 0.25\n";
  auto from_file = images, from_folder = images;
  CHECK(read_wider_detections(here.write("found.txt", "0--Parade/a.b.jpg\n" + list), from_file) ==
        1);
  here.write("found/1--Handshaking/c.txt", "c.jpg\n0\n");
  here.write("found/0--Parade/a.b.txt", "a.b\n" + list);
  CHECK(read_wider_detections(here.path / "found", from_folder) == 0);
  for (const auto& read : {from_file, from_folder}) {
    REQUIRE(read[0].detections.size() == 2);
    CHECK(read[0].detections[1].bounds == box<double>{5, 6, 12, 14});
    CHECK(read[0].detections[1].score == 0.25);
    CHECK(read[1].detections.empty());
  }
}

TEST_CASE("WIDER FACE: bad input is refused by file and line")
{
  const folder here;
  const auto truth_says = [&](const std::string& text) {
    const auto file = here.write("t.txt", text);
    return refusal_of([&] { static_cast<void>(read_wider_truth(file)); });
  };
  CHECK(has(truth_says("a/b.jpg 1 2 x\n"), "t.txt:1: \"x\" stands where the number of faces"));
  CHECK(has(truth_says("a/b.jpg 1 2 1\n"), "t.txt:1: the file ends after 0 of 1 faces"));
  CHECK(has(truth_says("a/b.jpg 1 2 1\n1 2 3 4 1 2 1\n"), "t.txt:2: the flag of medium is 2"));
  CHECK(has(truth_says("a/b.jpg 1 2 1\n1 2 nan 4 1 1 1\n"), "t.txt:2: \"nan\""));
  CHECK(has(truth_says("a/b.jpg 1 2 1\n1 2 3\n"), "t.txt:2: the line ends where the height"));
  CHECK(has(truth_says("a/b.jpg 1 2 0\n\na/b.jpg 1 2 0\n"), "t.txt:3: the image \"a/b\" stands"));
  CHECK(has(truth_says(""), "no image"));
  CHECK(has(truth_says("a/b.jpg 1 2 -1\n"), "t.txt:1: \"-1\""));
  CHECK(has(refusal_of([&] { static_cast<void>(read_wider_truth(here.path / "absent")); }),
            "no such file"));

  const auto truth = here.write("truth.txt", truth_text);
  const auto says = [&](const fs::path& name, const std::string& text) {
    here.write(name, text);
    return refusal_of([&] {
      auto images = read_wider_truth(truth);
      read_wider_detections(here.path / *name.begin(), images);
    });
  };
  CHECK(has(says("d.txt", "0--Parade/x.jpg\n0\n"), "d.txt:1: the truth has no image"));
  CHECK(has(says("d.txt", "0--Parade/a.b.jpg\n2\n1 2 3 4 .5\n"), "d.txt:3: the file ends where"));
  CHECK(
      has(says("d.txt", "0--Parade/a.b.jpg\n1\n1 2 3 4 inf\n"), "d.txt:3: \"inf\" stands where "));
  CHECK(has(says("d.txt", "0--Parade/a.b.jpg\n1\n1 2 -3 4 1\n"), "d.txt:3: a box with a negative"));
  CHECK(has(says("d.txt", "0--Parade/a.b.jpg\n1\n1 2 3 4 1 9\n"), "d.txt:3: nothing was expected"));
  CHECK(has(says("d.txt", "0--Parade/a.b.jpg\n0\n0--Parade/a.b.jpg\n0\n"), "d.txt:3: a second"));
  CHECK(has(says("d.txt", "\n"), "no detections for any"));
  CHECK(has(says("f1/0--Parade/x.txt", "x\n0\n"), "the truth has no image \"0--Parade/x\""));
  CHECK(has(says("f2/0--Parade/a.b.txt", "other\n0\n"), "a.b.txt:1: the list names the image"));
  CHECK(has(says("f3/0--Parade/a.b.txt", ""), "the file is empty"));
  CHECK(
      has(says("f4/0--Parade/a.b.txt", "a.b\n0\n1 2 3 4 5\n"), "a.b.txt:3: nothing was expected"));
}

TEST_CASE("COCO: truth and results, and what is refused by file and key")
{
  const folder here;
  const std::string images = R"("images": [{"id": 7}, {"id": 3}])";
  const std::string categories = R"("categories": [{"id": 2, "name": "cat"}])";
  const auto truth_of = [&](const std::string& annotations) {
    return "{" + images + "," + categories + R"(,"annotations": [)" + annotations + "]}";
  };
  const std::string good =
      R"({"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": 1, "area": 5.5})";
  auto set = read_coco_truth(here.write("t.json", truth_of(good)));
  CHECK(set.images.size() == 2);
  CHECK(set.categories[2] == "cat");
  REQUIRE(set.images[7].truths.size() == 1);
  CHECK(set.images[7].truths[0].bounds == box<double>{1, 2, 4, 6});
  CHECK(set.images[7].truths[0].ignore);
  CHECK(set.images[7].truths[0].area == 5.5);
  read_coco_detections(here.write("d.json", R"([{"image_id": 3, "category_id": 2,
                                                 "bbox": [1, 2, 3, 4], "score": 0.5}])"),
                       set);
  CHECK(set.images[3].detections[0].score == 0.5);

  const auto says = [&](const std::string& text) {
    const auto file = here.write("t.json", text);
    return refusal_of([&] { static_cast<void>(read_coco_truth(file)); });
  };
  CHECK(has(says("{"), "t.json: line 1, column 2: this is not JSON, it ends too early"));
  CHECK(has(says(R"({"images": [], })"), R"(line 1, column 16: this is not JSON, at "}")"));
  CHECK(has(says(std::string("{}\0 and more", 12)), "line 1, column 3: this is not JSON, at "));
  CHECK(says("\"" + std::string(100000, 'x') + "\\d\"").size() < 400);
  CHECK(says(std::string(100000, '\n') + "{x").size() < 400);
  CHECK(has(says("[]"), "t.json: line 1, column 1: the whole is [], expected an object"));
  CHECK(has(says("{}"), "has no \"images\""));
  CHECK(has(says(R"({"images": [{"id": 1}, {"id": 1}]})"), "images[1] has the id 1 of another"));
  CHECK(has(says(truth_of(R"({"image_id": 8})")), "annotations[0].image_id is that of no image"));
  CHECK(has(says(truth_of(R"({"image_id": 7, "bbox": [1, 2, 3]})")), "expected [x, y, width"));
  CHECK(has(says(truth_of(R"({"image_id": 7, "bbox": [1, 2, -3, 4]})")), "no negative side"));
  CHECK(has(says(truth_of(R"({"image_id": 7, "bbox": [1, 2, "a", 4]})")), "a finite number"));
  CHECK(has(says(truth_of(R"({"image_id": "7"})")), "image_id is \"7\", expected a whole number"));
  CHECK(has(says(truth_of(R"({"image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4]})")),
            "category_id is that of no category"));
  CHECK(has(says(truth_of(R"({"image_id": 18446744073709551615})")),
            "image_id is 18446744073709551615, expected a whole number from -"));
  CHECK(has(says(truth_of(R"({"image_id": 7, "bbox": [1, 2, 1e999, 4]})")),
            ": this number is too large for any use"));
  CHECK(has(says(truth_of(R"({"image_id": 7, "bbox": [1e308, 2, 1e308, 4]})")), "are finite"));

  const auto deep = [](std::size_t by) { return std::string(by, '[') + std::string(by, ']'); };
  for (const auto& list : {deep(200), "[1, 2, 3, " + deep(200) + "]"})
    CHECK(has(says(truth_of(R"({"image_id": 7, "bbox": )" + list + "}")), "annotations[0].bbox"));
  CHECK(has(says(truth_of(R"({"image_id": )" + deep(509) + "}")), "is a list of 1, expected"));
  for (const std::size_t by : {510, 200000})
    CHECK(has(says(truth_of(R"({"image_id": )" + deep(by) + "}")),
              "this is nested deeper than 512 lists and objects"));
  const std::string text(100000, 'x');
  CHECK(says(truth_of(R"({"image_id": ")" + text + "\"}")).size() < 400);
  const auto bad = here.write("d.json", R"([{"image_id": 4}])");
  CHECK(has(refusal_of([&] { read_coco_detections(bad, set); }),
            "d.json: line 1, column 15: results[0].image_id is"));
}

TEST_CASE("COCO's JSON: what is wrong is shown where it stands")
{
  const folder here;
  const auto shown = [&](const std::string& text) -> std::string {
    const auto file = here.write("t.json", text);
    try {
      static_cast<void>(read_coco_truth(file));
    } catch (const error_in_text& e) {
      return e.what() + ("\n" + e.excerpt());
    }
    return "nothing is wrong";
  };
  const std::string head =
      "{\"images\": [{\"id\": 7}],\n \"categories\": [{\"id\": 1, \"name\": \"a\"}],\n";
  CHECK(has(shown(head + R"( "annotations": [
  {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
  {"image_id": 7, "other": {"bbox": ["}", 1]}, "bbox": [1, 2, -3, 4]}]})"),
            R"(line 5, column 56: annotations[1].bbox is [1,2,-3,4], expected no negative side
  5 |   {"image_id": 7, "other": {"bbox": ["}", 1]}, "bbox": [1, 2, -3, 4]}]}
    |                                                        ^)"));
  // Of a key that stands twice, the one that was read; escapes are part of the spelling.
  CHECK(has(shown(head + R"("annotations": [{"image_id": 7, "image_id": 8}]})"),
            "line 3, column 45: "));
  CHECK(has(shown(head + R"("annot\u0061tions": [{"image_id": 8}]})"), "line 3, column 35: "));
  CHECK(has(shown(head + R"("annotations": [ 5, {}]})"), "line 3, column 18: annotations[0] is 5"));
  CHECK(has(shown("\xEF\xBB\xBF {}"), "column 2: the whole has no \"images\""));
}

TEST_CASE("WIDER FACE: the second form of the truth, and names of any form")
{
  const folder here;
  const auto images = read_wider_truth(
      here.write("l.txt", "# e/a.jpg\n1 2 3 4 1 0 1\n# e/b.jpg\n\n5 6 7 8 0 0 1\n"));
  REQUIRE(images.size() == 2);
  CHECK(images[0].file == "e/a.jpg");
  CHECK(images[0].size == extent2{0, 0});
  CHECK(images[0].truths.at(0).counts == std::array{true, false, true});
  CHECK(images[1].truths.at(0).bounds == box<double>{5, 6, 12, 14});
  const auto says = [&](const std::string& text) {
    const auto file = here.write("l.txt", text);
    return refusal_of([&] { static_cast<void>(read_wider_truth(file)); });
  };
  CHECK(has(says("1 2 3 4 1 1 1\n"), "l.txt:1: a face before the first image"));
  CHECK(has(says("#\n1 2 3 4 1 1 1\n"), "l.txt:1: the line ends where event/name"));
  CHECK(has(says("# a b\n1 2 3 4 1 1 1\n"), "l.txt:1: nothing was expected after"));
  CHECK(has(says("# only a comment\n"), "no image"));
  CHECK(detail::without_ending("a/b.jpeg") == "a/b");
  CHECK(detail::without_ending("a/b.longer") == "a/b.longer");
  CHECK(detail::without_ending("a.b/c") == "a.b/c");
  CHECK(detail::without_ending("a") == "a");
}

TEST_CASE("WIDER FACE: a folder's other files are left alone, and one list twice is refused")
{
  const folder here;
  auto images = read_wider_truth(here.write("truth.txt", truth_text));
  here.write("found/0--Parade/a.b.txt", "a.b\n0\n");
  here.write("found/0--Parade/notes.md", "no list");
  CHECK(read_wider_detections(here.path / "found", images) == 1);
  CHECK(has(refusal_of([&] { read_wider_detections(here.path / "found", images); }),
            "a.b.txt: a second list of detections for \"0--Parade/a.b\""));
}

TEST_CASE("COCO: each part of a box, each kind of a list, and crowds")
{
  const folder here;
  const auto truth_of = [&](const std::string& annotation) {
    return R"({"images": [{"id": -7}], "categories": [{"id": 2, "name": "cat"}], "annotations": [)" +
           annotation + "]}";
  };
  const std::string of_both = R"({"image_id": -7, "category_id": 2, "bbox": )";
  const auto read = [&](const std::string& rest) {
    return read_coco_truth(here.write("t.json", truth_of(of_both + rest)));
  };
  auto set = read(R"([1, 2, 3, 4.5], "iscrowd": 0})");
  CHECK_FALSE(set.images[-7].truths.at(0).ignore);
  CHECK(set.images[-7].truths.at(0).area == 13.5);
  CHECK(set.images[-7].truths.at(0).label == 2);
  CHECK(read("[1, 2, 0, 0]}").images.at(-7).truths.at(0).area == 0);

  const auto says = [&](const std::string& rest) {
    return refusal_of([&] { static_cast<void>(read(rest)); });
  };
  CHECK(has(says("[1, 2, 3, -4]}"), ".bbox is [1,2,3,-4], expected no negative side"));
  CHECK(has(says("[1, 1e308, 3, 1e308]}"), "expected corners that are finite"));
  CHECK(has(says(R"({"a": 1}})"), ".bbox is an object, expected [x, y"));
  CHECK(has(says("[1, 2, 3, 4, 5, 6, 7, 8]}"), ".bbox is [1,2,3,4,5,6,7,8], expected"));
  CHECK(has(says("[1, 2, 3, 4, 5, 6, 7, 8, 9]}"), ".bbox is a list of 9, expected"));
  CHECK(has(says("7}"), ".bbox is 7, expected [x, y"));
  CHECK(has(says(R"([1, 2, 3, 4], "area": null})"), ".area has null, expected a finite"));
  const auto other = [&](const std::string& text) {
    const auto file = here.write("t.json", text);
    return refusal_of([&] { static_cast<void>(read_coco_truth(file)); });
  };
  CHECK(has(other(R"({"images": {}})"), "images is an object, expected a list"));
  CHECK(has(other(R"({"images": [], "categories": [{"id": 1, "name": 5}]})"),
            "categories[0].name is 5, expected a text"));
  CHECK(has(other(R"({"images": [{"id": 1.5}]})"), "images[0].id is 1.5, expected a whole"));
  CHECK(has(other(R"({"images": [], "categories": [{"name": "a", "id": 2147483648}]})"),
            "id is 2147483648, expected a whole number from -2147483648 to 2147483647"));
  CHECK(has(other(R"({"images": [], "categories": [{"name": "a", "id": -2147483649}]})"),
            "id is -2147483649, expected"));

  const auto results = [&](const std::string& text) {
    const auto file = here.write("d.json", text);
    return refusal_of([&] { read_coco_detections(file, set); });
  };
  CHECK(has(results(R"([{"image_id": -7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}])"),
            "results[0].category_id is that of no category"));
  CHECK(has(results(R"([{"image_id": -7, "category_id": 2, "bbox": [1, 2, 3, 4]}])"),
            "results[0] has no \"score\""));
  CHECK(set.images[-7].detections.empty());
}
