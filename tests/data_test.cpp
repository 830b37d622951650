// SPDX-License-Identifier: Apache-2.0
#include <retinue/data/coco_annotations.hpp>
#include <retinue/data/gzip.hpp>  // gunzip: one of the real sets is packed
#include <retinue/data/imglab.hpp>
#include <retinue/data/retinaface_labels.hpp>
#include <retinue/data/voc_annotations.hpp>
#include <retinue/data/wflw.hpp>
#include <retinue/detail/xml.hpp>

#include "catch.hpp"
#include "npz.hpp"
#include "refusal.hpp"
#include "shared.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <utility>

using namespace retinue;
using retinue::test::refusal_of;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, gone at the end of the case.
class folder {
 public:
  folder() : path_(fs::temp_directory_path() / ("retinue-data-" + std::to_string(::getpid())))
  {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder()
  {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  fs::path write(const std::string& name, const std::string& text) const
  {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

template <class Schema>
std::size_t truths_in(const data_set<Schema>& set)
{
  std::size_t count = 0;
  for (const auto& s : set.samples) count += s.instances.size();
  return count;
}

template <std::size_t N>
std::string line_of_points(const std::string& box)
{
  std::string line = box;
  for (std::size_t k = 0; k < N; ++k)
    line += " " + std::to_string(k) + ".5 " + std::to_string(2 * k) + (k == 1 ? " -1" : " 0");
  return line;
}

template <class Schema>
void check_labels()
{
  const folder at;
  constexpr auto n = Schema::count;
  const auto file = at.write("label.txt", "# a/b.jpg\n" + line_of_points<n>("1 2 3 4") +
                                              "\r\n# a name with spaces.png\n\n# c.jpg\n" +
                                              line_of_points<n>("5 6 7.5 8") + " 0.9\n1 1 2 2\n");
  const auto set = read_retinaface_labels<Schema>(file);
  REQUIRE(set.samples.size() == 3);
  CHECK(set.samples[0].path == at / "images/a/b.jpg");
  CHECK(set.samples[1].path == at / "images/a name with spaces.png");
  CHECK(set.samples[1].instances.empty());
  REQUIRE(set.samples[0].instances.size() == 1);
  REQUIRE(set.samples[2].instances.size() == 2);
  const auto& truth = set.samples[0].instances[0];
  CHECK(truth.bounds == box<float>{1, 2, 4, 6});
  CHECK(truth.label == 1);
  for (std::size_t k = 0; k < n; ++k) {
    CHECK(truth.visible[k] == (k != 1));
    if (k != 1) CHECK(truth.points.points[k] == std::array<float, 2>{float(k) + .5f, 2 * float(k)});
  }
  CHECK(set.samples[2].instances[0].bounds == box<float>{5, 6, 12.5f, 14});
  for (const bool seen : set.samples[2].instances[1].visible) CHECK_FALSE(seen);
}

}  // namespace

TEST_CASE("label.txt is read with any number of landmarks")
{
  check_labels<schemas::none>();
  check_labels<schemas::points<1>>();
  check_labels<schemas::plate4>();
  check_labels<schemas::face5>();
  check_labels<schemas::face68>();
  check_labels<schemas::wflw98>();
}

TEST_CASE("the mark that some editors put before UTF-8 is no part of a text")
{
  const folder at;
  const auto file = at.write("label.txt", "\xef\xbb\xbf# a.jpg\n1 2 3 4\n");
  CHECK(read_retinaface_labels<schemas::none>(file).samples.size() == 1);
  const auto marks = at.write("label.txt", "\xef\xbb");
  CHECK_THROWS_AS(read_retinaface_labels<schemas::none>(marks), error);
}

TEST_CASE("label.txt with WIDER FACE's subsets: a face in none of them is ignored")
{
  const folder at;
  const auto set = read_retinaface_labels<schemas::face5>(
      at.write("l.txt", "# a.jpg\n1 2 3 4 0 1 1\n1 2 3 4 0 0 0\n"), {.images = "/pictures"});
  CHECK(set.samples[0].path == "/pictures/a.jpg");
  CHECK_FALSE(set.samples[0].instances[0].ignore);
  CHECK(set.samples[0].instances[1].ignore);
}

TEST_CASE("label.txt is refused by file and line, or its bad truths are counted")
{
  const folder at;
  const auto file = at.write("l.txt", "# a.jpg\n1 2 3 4\n1 2 0 4\n1 2 3 -4\n1 2 x 4\n5 5 5 5\n");
  const auto says = refusal_of([&] { return read_retinaface_labels<schemas::face5>(file); });
  CHECK(says == file.string() + ":3: the box has a width of 0, expected more than 0");
  const auto set = read_retinaface_labels<schemas::face5>(
      file, {.images = {}, .on_bad_truth = bad_truths::skip});
  CHECK(truths_in(set) == 2);
  REQUIRE(set.skipped.size() == 3);
  CHECK(set.skipped[0] == says);
  CHECK(set.skipped[1].find(":4: the box has a height of -4") != std::string::npos);
  CHECK(set.skipped[2].find(":5: \"x\" stands where") != std::string::npos);

  const auto refused = [&](const std::string& text) {
    const auto f = at.write("l.txt", text);
    return refusal_of([&] {
      return read_retinaface_labels<schemas::face5>(
          f, {.images = {}, .on_bad_truth = bad_truths::refuse});
    });
  };
  CHECK(refused("1 2 3 4\n").find(":1: an object before the first picture") != std::string::npos);
  CHECK(refused("").find("no picture") != std::string::npos);
  CHECK(refused("#\n").find(":1: a picture without a name") != std::string::npos);
  CHECK(refused("# a\n1 2 3 4 5 6\n").find("6 fields; with 5 landmarks") != std::string::npos);
  CHECK(refused("# a\n1 2 3 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 -2\n").find("flag of landmark 4") !=
        std::string::npos);
}

TEST_CASE("WFLW's lists: faces of one picture are brought together")
{
  const folder at;
  std::string points;
  for (int k = 0; k < 98; ++k) points += std::to_string(k) + ".25 " + std::to_string(k + 1) + " ";
  const std::string end = "10 20 30 50 0 1 0 0 1 0 ";
  const auto file = at.write("lists/x/l.txt", points + end + "e/a.jpg\n" + points + end +
                                                  "b.jpg\n" + points + end + "e/a.jpg\n");
  const auto set = read_wflw(file, {.images = at / "p"});
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[0].instances.size() == 2);
  CHECK(set.samples[0].path == at / "p/e/a.jpg");
  const auto& face = set.samples[1].instances.at(0);
  CHECK(face.bounds == box<float>{10, 20, 30, 50});
  CHECK(face.points.points[97] == std::array<float, 2>{97.25f, 98});
  CHECK(std::ranges::count(face.visible, true) == 98);
  const auto bad = at.write("l.txt", points + "10 20 30 50 0 1 0 0 7 0 a.jpg\n");
  CHECK(refusal_of([&] { return read_wflw(bad); }).find(":1: occlusion is 7") != std::string::npos);
}

TEST_CASE("XML that lacks something, or has what is no number, is refused where that stands")
{
  const folder room;
  const auto file = room.write("f.xml",
                               "<all>\n"
                               "<one x='1.5' y='no' z=' 2\t' w='1e999' v='1 2' u='' t='nan'/>\n"
                               "<two>\r\n 3.25 \n</two></all>\n");
  const detail::xml_file xml(file);
  const auto all = xml.root("all"), one = xml.child(all, "one"), two = xml.child(all, "two");
  CHECK(xml.number(one, "x") == 1.5);
  CHECK(xml.number(one, "z") == 2);
  CHECK(xml.number(two, "a side", two.text().get()) == 3.25);
  const auto refused = [&](const auto& read) {
    const std::string said = refusal_of(read);
    REQUIRE(said.starts_with(file.string()));
    return said.substr(file.string().size());
  };
  CHECK(refused([&] { static_cast<void>(xml.root("annotation")); }) ==
        ": the outer element is \"all\", expected <annotation>");
  CHECK(refused([&] { static_cast<void>(xml.child(all, "three")); }) == ":1: <all> has no <three>");
  CHECK(refused([&] { static_cast<void>(xml.attribute(one, "q")); }) == ":2: <one> has no q");
  CHECK(refused([&] { static_cast<void>(xml.child(two, "three")); }) == ":3: <two> has no <three>");
  const auto no_number = [&](const char* name, const std::string& value) {
    CHECK(refused([&] { static_cast<void>(xml.number(one, name)); }) ==
          ":2: " + std::string(name) + " is \"" + value + "\", expected a number");
  };
  no_number("y", "no"), no_number("w", "1e999"), no_number("v", "1 2");
  no_number("u", ""), no_number("t", "nan");
  const auto cut = room.write("cut.xml", "<all>\n<one>\n</all>\n");
  CHECK(refusal_of([&] { detail::xml_file{cut}; }) ==
        cut.string() + ":3: not XML: Start-end tags mismatch");
  CHECK(refusal_of([&] {
          detail::xml_file{room.write("empty.xml", "")};
        }).ends_with("empty.xml:1: not XML: No document element found"));
}

TEST_CASE("imglab's XML: parts by number, absent ones not labelled")
{
  const folder at;
  const std::string head = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset><images>\n";
  const std::string tail = "</images></dataset>\n";
  const auto file = at.write(
      "l.xml", head +
                   "<image file='a.jpg'>\n<box top='1' left='2' width='3' height='4' ignore='1'>"
                   "<part name='00' x='7' y='8'/><part name='3' x='-1' y='9'/></box></image>\n" +
                   tail);
  const auto set = read_imglab<schemas::plate4>(file);
  REQUIRE(truths_in(set) == 1);
  const auto& truth = set.samples[0].instances[0];
  CHECK(set.samples[0].path == at / "a.jpg");
  CHECK(truth.bounds == box<float>{2, 1, 5, 5});
  CHECK(truth.visible == std::array<bool, 4>{true, false, false, true});
  CHECK(truth.points.points[3] == std::array<float, 2>{-1, 9});
  CHECK(truth.ignore);
  CHECK(set.classes.empty());
  CHECK(truths_in(read_imglab<schemas::none>(file)) == 1);
  CHECK(refusal_of([&] {
          return read_imglab<schemas::points<1>>(file);
        }).find("l.xml:4: the part \"3\" is none of 0 to 0") != std::string::npos);

  const auto named = at.write(
      "n.xml", head +
                   "<image file='a'><box top='1' left='2' width='3' height='4'><label>dog</label>"
                   "</box>\n<box top='1' left='2' width='3' height='4'><label>cat</label></box>\n"
                   "<box top='1' left='2' width='0' height='4'><label>cat</label></box></image>" +
                   tail);
  const auto pets =
      read_imglab<schemas::none>(named, {.images = {}, .on_bad_truth = bad_truths::skip});
  CHECK(pets.classes == std::vector<std::string>{"cat", "dog"});
  CHECK(pets.samples[0].instances.at(0).label == 2);
  CHECK(pets.samples[0].instances.at(1).label == 1);
  CHECK(pets.skipped.size() == 1);
  CHECK(refusal_of([&] {
          return read_imglab<schemas::none>(named, {}, {"dog"});
        }).find("n.xml:4: the label \"cat\" is no class") != std::string::npos);
  const auto broken = at.write("b.xml", "<dataset>\n<images>\n<image>");
  CHECK(refusal_of([&] { return read_imglab<schemas::none>(broken); }).find("b.xml:3: not XML") !=
        std::string::npos);
}

TEST_CASE("VOC's folders: difficult objects are ignored, classes by the alphabet or as given")
{
  const folder at;
  static_cast<void>(at.write("ImageSets/Main/train.txt", "one\n"));
  const auto object = [](const std::string& name, const std::string& xmin, int difficult) {
    return "<object><name>" + name + "</name><difficult>" + std::to_string(difficult) +
           "</difficult><bndbox><xmin>" + xmin +
           "</xmin><ymin>2</ymin><xmax>10</xmax><ymax>9</ymax></bndbox></object>\n";
  };
  static_cast<void>(at.write("Annotations/one.xml", "<annotation><filename>1.png</filename>\n" +
                                                        object("z", "1", 0) +
                                                        object("b", " 3 ", 1) + "</annotation>"));
  const auto set = read_voc(at / "", "train");
  REQUIRE(truths_in(set) == 2);
  CHECK(set.samples[0].path == at / "JPEGImages/1.png");
  CHECK(set.classes == std::vector<std::string>{"b", "z"});
  CHECK(set.samples[0].instances[0].label == 2);
  CHECK(set.samples[0].instances[0].bounds == box<float>{1, 2, 10, 9});
  CHECK(set.samples[0].instances[1].ignore);
  voc_options options;
  options.origin = voc_origin::from_1;
  options.classes = {"z", "b"};
  const auto ours = read_voc(at / "", "train", options);
  CHECK(ours.samples[0].instances[0].label == 1);
  CHECK(ours.samples[0].instances[0].bounds == box<float>{0, 1, 10, 9});
  static_cast<void>(at.write("Annotations/one.xml", "<annotation><filename>1.png</filename>\n\n" +
                                                        object("z", "10", 0) + "</annotation>"));
  CHECK(refusal_of([&] {
          return read_voc(at / "", "train");
        }).find("one.xml:3: the box has a width of 0") != std::string::npos);
}

TEST_CASE("COCO's JSON: keypoints by visibility, crowds ignored, labels by ascending id")
{
  const folder at;
  const std::string head =
      R"({"images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
          "categories": [{"id": 90, "name": "plate"}, {"id": 3, "name": "car"}], "annotations": [)";
  const auto file =
      at.write("c.json", head +
                             R"({"image_id": 8, "category_id": 90, "bbox": [1, 2, 3, 4], "area": 5,
              "keypoints": [5, 6, 2, 0, 0, 0, 7, 8, 1, 9, 9, 2]},
             {"image_id": 8, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 1},
             {"image_id": 8, "category_id": 3, "bbox": [1, 2, 0, 4]}]})");
  const auto says = refusal_of([&] { return read_coco<schemas::plate4>(file); });
  CHECK(says.find("annotations[2].bbox: the box has a width of 0") != std::string::npos);
  const auto set =
      read_coco<schemas::plate4>(file, {.images = "p", .on_bad_truth = bad_truths::skip});
  CHECK(set.skipped.size() == 1);
  CHECK(set.classes == std::vector<std::string>{"car", "plate"});
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[1].path == "p/b.jpg");
  REQUIRE(set.samples[1].instances.size() == 2);
  CHECK(set.samples[0].areas.empty());
  CHECK(set.samples[1].areas == std::vector<double>{5, 12});
  const auto& plate = set.samples[1].instances[0];
  CHECK(plate.label == 2);
  CHECK(plate.visible == std::array<bool, 4>{true, false, true, true});
  CHECK(plate.points.points[2] == std::array<float, 2>{7, 8});
  CHECK(set.samples[1].instances[1].ignore);
  CHECK(refusal_of([&] {
          return read_coco<schemas::face5>(file);
        }).find("annotations[0].keypoints has 12 numbers, expected 15") != std::string::npos);

  const std::string deep = std::string(200, '[') + std::string(200, ']');
  for (const std::string number : {"1e300", "\"x\"", deep.c_str()}) {
    const auto wrong = at.write("c.json", head + R"({"image_id": 8, "category_id": 90,
              "bbox": [1, 2, 3, 4], "keypoints": [5, 6, )" +
                                              number + "]}]}");
    CHECK(refusal_of([&] {
            return read_coco<schemas::points<1>>(wrong);
          }).find("annotations[0].keypoints has ") != std::string::npos);
  }
}

TEST_CASE("imglab and VOC: pictures of another folder, lines and sets without any")
{
  const folder at;
  const auto list =
      at.write("l.xml",
               "<dataset><images><image file='a.jpg'>\n"
               "<box top='1' left='2' width='3' height='4'><part name='0' x='1' y='2'/>\n"
               "<part name='0' x='3' y='4'/></box></image></images></dataset>");
  CHECK(read_imglab<schemas::none>(list, {.images = "/p"}).samples[0].path == "/p/a.jpg");
  CHECK(refusal_of([&] { return read_imglab<schemas::points<1>>(list); }) ==
        list.string() + ":3: a second part \"0\" of one box");
  for (const std::string x : {"1e39", "-4e38"}) {
    const auto far = at.write("f.xml",
                              "<dataset><images><image file='a.jpg'>\n"
                              "<box top='1' left='2' width='3' height='4'>\n<part name='0' x='" +
                                  x + "' y='2'/></box></image></images></dataset>");
    CHECK(refusal_of([&] { return read_imglab<schemas::points<1>>(far); }) ==
          far.string() + ":3: the part \"0\" lies beyond what a float can tell");
  }
  const auto endless = at.write("e.xml",
                                "<dataset><images><image file='a'>\n<box top='1' left='inf' "
                                "width='3' height='4'/></image></images></dataset>");
  CHECK(refusal_of([&] {
          return read_imglab<schemas::none>(endless);
        }).starts_with(endless.string() + ":2: "));
  const auto none = at.write("n.xml", "<dataset><images/></dataset>");
  CHECK(refusal_of([&] { return read_imglab<schemas::none>(none); }) ==
        none.string() + ": no <image> in it");

  const auto set = at.write("ImageSets/Main/val.txt", "\n");
  CHECK(refusal_of([&] { return read_voc(at / "", "val"); }) ==
        set.string() + ": no picture is named in it");
  static_cast<void>(at.write("ImageSets/Main/val.txt", "\n \none\n\n"));
  static_cast<void>(at.write("Annotations/one.xml",
                             "<annotation><filename>1</filename>\n<object><name>cat</name><bndbox>"
                             "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
                             "</object></annotation>"));
  voc_options options;
  options.images = "/p";
  const auto read = read_voc(at / "", "val", options);
  REQUIRE(read.samples.size() == 1);
  CHECK(read.samples[0].path == "/p/one.jpg");
  CHECK_FALSE(read.samples[0].instances.at(0).ignore);
  options.classes = {"dog"};
  CHECK(refusal_of([&] {
          return read_voc(at / "", "val", options);
        }).ends_with("one.xml:2: the name \"cat\" is no class"));
}

TEST_CASE("COCO's JSON: what each key must be")
{
  const folder at;
  const auto says = [&](const std::string& text) {
    const auto file = at.write("c.json", text);
    const auto said = refusal_of([&] { return read_coco<schemas::points<1>>(file); });
    const auto name = file.string() + ": ";
    if (!said.starts_with(name)) return "without its name: " + said;
    const auto placed = said.find("line 1, column ") == name.size();
    return said.substr(placed ? said.find(": ", name.size()) + 2 : name.size());
  };
  const std::string image = R"({"id": 7, "file_name": "a.jpg"})";
  const auto whole = [&](const std::string& images, const std::string& annotation,
                         const std::string& category = R"({"id": 3, "name": "car"})") {
    return R"({"images": [)" + images + R"(], "categories": [)" + category +
           R"(], "annotations": [)" + annotation + "]}";
  };
  CHECK(says(whole("", "")) == "no image in it");
  CHECK(says(whole(R"({"id": 7, "file_name": 5})", "")) ==
        "images[0].file_name is 5, expected a text");
  CHECK(says(whole(image + "," + image, "")) == "images[1] has the id 7 of another image");
  CHECK(says(whole(image, "", R"({"id": 3, "name": ["car"]})")) ==
        "categories[0].name is a list of 1, expected a text");
  CHECK(says(R"({"images": 5, "categories": [], "annotations": []})") ==
        "images is 5, expected a list");
  CHECK(says(whole(image, "5")) == "annotations[0] is 5, expected an object");
  CHECK(says(whole(image, R"({"image_id": 8})")) == "annotations[0].image_id is that of no image");
  CHECK(says(whole(image, R"({"image_id": 7, "category_id": 4})")) ==
        "annotations[0].category_id is that of no category");
  const std::string of_both = R"({"image_id": 7, "category_id": 3, "bbox": )";
  CHECK(says(whole(image, of_both + R"([1, 2, 3, 4], "keypoints": {"a": 1}})")) ==
        "annotations[0].keypoints has 1 numbers, expected 3");
  const auto file = at.write("c.json", whole(image, of_both + R"([1, 2, 3, 4], "iscrowd": 0,
                                            "keypoints": [1, 2, 0]})"));
  const auto set = read_coco<schemas::points<1>>(file);
  CHECK(set.samples[0].path == at / "a.jpg");
  CHECK_FALSE(set.samples[0].instances.at(0).ignore);
  CHECK_FALSE(set.samples[0].instances.at(0).visible[0]);
  CHECK(read_coco<schemas::none>(file).samples.size() == 1);
}

TEST_CASE("widerface_mini gives the reference's targets", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/widerface_mini.npz"));
  const auto set =
      read_retinaface_labels<schemas::face5>(test::shared("golden/widerface_mini/label.txt"));
  REQUIRE(set.samples.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& array = golden["item" + std::to_string(i) + "/targets"];
    const auto expected = array.as<double>();
    const auto& found = set.samples[i].instances;
    CHECK(fs::exists(set.samples[i].path));
    REQUIRE(found.size() * 15 == expected.size());
    for (std::size_t g = 0; g < found.size(); ++g) {
      const double* row = expected.data() + 15 * g;
      for (std::size_t c = 0; c < 4; ++c) CHECK(std::abs(found[g].bounds[c] - row[c]) < 1e-4);
      const bool labelled = row[14] > 0;  // the reference's label -1 is a face without landmarks
      for (std::size_t k = 0; k < 5; ++k) {
        CHECK(found[g].visible[k] == labelled);
        for (std::size_t d = 0; d < 2 && labelled; ++d)
          CHECK(std::abs(found[g].points.points[k][d] - row[4 + 2 * k + d]) < 1e-4);
      }
    }
  }
}

TEST_CASE("Real sets are read whole", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto labels = [](const std::string& inside, bad_truths policy = bad_truths::refuse) {
    return read_retinaface_labels<schemas::face5>(
        test::shared("data/" + inside), {.images = {}, .on_bad_truth = policy, .decode = gunzip});
  };
  const auto wider = labels("wider_train_labels/label.txt.gz");
  CHECK(wider.samples.size() == 12859);
  CHECK(truths_in(wider) == 115438);
  std::size_t with_points = 0;
  for (const auto& s : wider.samples)
    for (const auto& face : s.instances)
      with_points += face.visible == std::array{true, true, true, true, true};
  CHECK(with_points == 115438 - 42517);  // those whose flags are not -1

  const auto cuhk = labels("cuhk_faces/train/label.txt");
  CHECK(truths_in(cuhk) == 2600);
  for (const auto& s : cuhk.samples) CHECK(fs::exists(s.path));

  CHECK(refusal_of([&] {
          return labels("wider_val416/label.txt");
        }).find("label.txt:901: the box has a width of 0") != std::string::npos);
  const auto val = labels("wider_val416/label.txt", bad_truths::skip);
  CHECK(truths_in(val) + val.skipped.size() == 2315);
  CHECK(val.skipped.size() == 2);

  const auto dlib = read_imglab<schemas::face68>(
      test::shared("data/dlib_faces/training_with_face_landmarks.xml"));
  CHECK(truths_in(dlib) == 18);
  CHECK(dlib.samples[0].instances.at(0).points.points[0] == std::array<float, 2>{201, 107});
  for (const auto& s : dlib.samples) CHECK(fs::exists(s.path));

  voc_options options;
  options.on_bad_truth = bad_truths::skip;
  const auto bccd = read_voc(test::shared("data/bccd/BCCD"), "trainval", options);
  CHECK(bccd.classes == std::vector<std::string>{"Platelets", "RBC", "WBC"});
  CHECK(truths_in(bccd) == 3941);
  CHECK(bccd.skipped.size() == 2);

  const auto coco =
      read_coco<schemas::none>(test::shared("data/coco_eval/instances_val2014_100.json"));
  CHECK(coco.samples.size() == 100);
  CHECK(truths_in(coco) == 839);
}
