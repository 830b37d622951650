// SPDX-License-Identifier: Apache-2.0
#include <retinue/config.hpp>
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "json_schema.hpp"
#include "refusal.hpp"
#include "shared.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace retinue;
using retinue::test::refusal_of;

namespace {

std::string refusal(const std::string& text)
{
  return refusal_of([&] { static_cast<void>(parse_config(text, "f.json")); });
}

bool says(const std::string& sentence, std::string_view part)
{
  INFO(sentence);
  CHECK(sentence.find(part) != std::string::npos);
  return sentence.find(part) != std::string::npos;
}

struct made_weights {
  std::vector<std::int64_t> anchors = {2, 2, 2};
  std::int64_t classes = 1, landmarks = 5, channels = 64;
  bool resnet = false;
  int blocks = 6;  // of layer3
};

const retinaface_form& retinaface_of(const network_config& c)
{
  return std::get<retinaface_form>(c.form);
}
const square_anchors& squares_of(const network_config& c)
{
  return std::get<square_anchors>(c.anchors.source);
}

/// The names and shapes that tell a network, and no others. All elements are 0.
state_dict weights_of(const made_weights& m)
{
  state_dict made;
  const auto add = [&](const std::string& name, std::int64_t rows) {
    made.insert(name, {dtype::f32, {rows, 1, 1, 1}, std::vector<std::byte>(4 * std::size_t(rows))});
  };
  if (m.resnet) {
    add("body.layer1.0.conv1.weight", 64);
    add("body.layer1.0.conv3.weight", 256);
    for (int b = 0; b < m.blocks; ++b)
      add("body.layer3." + std::to_string(b) + ".conv1.weight", 256);
  } else {
    add("body.stage1.0.0.weight", 8);
  }
  add("fpn.output1.0.weight", m.channels);
  made.insert("ssh1.conv3X3.0.weight",
              {dtype::f32,
               {m.channels / 2, m.channels, 3, 3},
               std::vector<std::byte>(std::size_t(18 * m.channels * m.channels))});
  for (std::size_t l = 0; l < m.anchors.size(); ++l) {
    const auto level = "." + std::to_string(l) + ".conv1x1.weight";
    add("ClassHead" + level, m.anchors[l] * (m.classes + 1));
    add("BboxHead" + level, m.anchors[l] * 4);
    if (m.landmarks > 0) add("LandmarkHead" + level, m.anchors[l] * 2 * m.landmarks);
  }
  return made;
}

}  // namespace

TEST_CASE("every preset survives its JSON")
{
  REQUIRE(presets().size() == 20);
  for (const auto& p : presets()) {
    const auto text = to_json(p.config);
    CHECK(to_json(parse_config(text, "elsewhere")) == text);
    CHECK(kind_of(parse_config(text, "elsewhere")) == kind_of(p.config));
    CHECK(p.config.name == p.name);
    CHECK(find_preset(p.name).name == p.name);
    CHECK(p.what.size() > 40);
  }
  CHECK(to_json(find_preset("mobilenet0.25")) != to_json(find_preset("mobilenet0.25-small-faces")));
}

TEST_CASE("presets are those of the checkpoints")
{
  const auto& small_faces = find_preset("mobilenet0.25-small-faces");
  CHECK(small_faces.body_slope == 0);
  CHECK(squares_of(small_faces).level[0].sizes == std::vector<double>{10, 20});
  CHECK(squares_of(small_faces).level[2].sizes == std::vector<double>{128, 256});
  const auto& mobilenet = find_preset("mobilenet0.25");
  CHECK(mobilenet.body_slope == 0.1);
  CHECK(retinaface_of(mobilenet).slope == 0.1);
  CHECK(squares_of(mobilenet).level[2].sizes == std::vector<double>{256, 512});
  CHECK(find_preset("resnet50").body == "resnet50");
  CHECK(retinaface_of(find_preset("resnet50")).channels == 256);
  CHECK(find_preset("plate-mobilenet0.25").landmarks == 4);
  CHECK(find_preset("plate-mobilenet0.25").classes == std::vector<std::string>{"plate"});
  says(refusal_of([] { static_cast<void>(find_preset("resnet5O")); }), "did you mean resnet50?");
  says(refusal_of([] { static_cast<void>(find_preset("yolo")); }),
       "expected one of mobilenet0.25-");
}

TEST_CASE("the word that was probably meant is the one that the fewest slips make of it")
{
  using detail::edit_distance;
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("score", "") == 5);
  CHECK(edit_distance("score", "core") == 1);
  CHECK(edit_distance("score", "scored") == 1);
  CHECK(edit_distance("score", "scope") == 1);
  CHECK(edit_distance("ab", "ba") == 1);  // at the beginning, in the middle, at the end
  CHECK(edit_distance("scroe", "score") == 1);
  CHECK(edit_distance("scoer", "score") == 1);
  CHECK(edit_distance("csroe", "score") == 2);
  CHECK(edit_distance("abcd", "dcba") == 3);
  const std::vector<std::string> known{"score", "scope", "overlap"};
  CHECK(detail::nearest("scor", known) == "score");
  CHECK(detail::nearest("scxxx", known) == "");
  CHECK(detail::nearest("scoxx", known) == "score");  // the first of equals
  const std::string most(100, 'a'), longer(101, 'a');
  CHECK(detail::nearest(most, std::vector{most + 'b'}) == most + 'b');
  CHECK(detail::nearest(longer, std::vector{longer + 'b'}) == "");  // nobody's slip
}

TEST_CASE("every key changes what it names, and nothing else")
{
  const auto c = parse_config(R"({"preset": "mobilenet0.25", "name": "mine",
    "network": {"body": "resnet50", "channels": 128, "body_slope": 0.2, "neck_slope": 0.3},
    "classes": ["cat", "dog"], "landmarks": 68,
    "anchors": {"levels": [{"stride": 4, "sizes": [7.5]}, {"stride": 16, "sizes": [9, 11]}],
                "clip": true},
    "labels": "sigmoid",
    "coder": {"centre": 0.3, "size": 0.4, "largest_log": null},
    "input": {"channels": "rgb", "mean": [1, 2, 3.5], "scale": [4, 5, 6]},
    "detect": {"score": 0.5, "candidates": 10, "overlap": 0.3, "keep": 9, "clip": true,
               "suppression": "inclusive_pixels"}})",
                              "f.json");
  CHECK(c.name == "mine");
  CHECK(c.body == "resnet50");
  CHECK(retinaface_of(c).channels == 128);
  CHECK(c.body_slope == 0.2);
  CHECK(retinaface_of(c).slope == 0.3);
  CHECK(c.classes == std::vector<std::string>{"cat", "dog"});
  CHECK(c.landmarks == 68);
  REQUIRE(squares_of(c).level.size() == 2);
  CHECK(squares_of(c).level[0].stride == 4);
  CHECK(squares_of(c).level[0].sizes == std::vector<double>{7.5});
  CHECK(squares_of(c).level[1].sizes == std::vector<double>{9, 11});
  CHECK(squares_of(c).clip);
  CHECK(std::holds_alternative<sigmoid_labels<>>(c.labels.policy));
  const auto& coder = std::get<centre_size_coder>(c.coder.choice);
  CHECK(coder.centre == 0.3);
  CHECK(coder.size == 0.4);
  CHECK(std::isinf(coder.largest_log));
  CHECK(c.input.channels == "rgb");
  CHECK(c.input.mean == std::array<double, 3>{1, 2, 3.5});
  CHECK(c.input.scale == std::array<double, 3>{4, 5, 6});
  CHECK(c.detect.score == 0.5f);
  CHECK(c.detect.candidates == 10);
  CHECK(c.detect.overlap == 0.3f);
  CHECK(c.detect.keep == 9);
  CHECK(c.detect.clip);
  CHECK(c.inclusive_pixels);
  CHECK(to_json(parse_config(to_json(c), "f")) == to_json(c));

  auto expected = find_preset("resnet50");
  expected.name = "f.json";
  expected.detect.score = 0.25f;
  CHECK(to_json(parse_config(R"({"preset": "resnet50", "detect": {"score": 0.25}})", "f.json")) ==
        to_json(expected));
}

TEST_CASE("what is wrong is named by its full path")
{
  const std::vector<std::pair<const char*, const char*>> cases{
      {R"({"detect": {"scroe": 1}})",
       R"(f.json: line 1, column 13: "detect.scroe" is not a known key, did you mean detect.score?)"},
      {R"({"detec": {}})",
       R"(f.json: line 1, column 2: "detec" is not a known key, did you mean detect?)"},
      {R"({"zzzzzzzz": 1})",
       "expected one of preset, kind, name, network, classes, landmarks, anchors"},
      {R"({"score": 1})", R"("score" is not a known key, expected one of)"},
      {R"({"detect": {"score": 1.5}})",
       "f.json: line 1, column 22: detect.score is 1.5, expected a number from 0 to 1"},
      {R"({"detect": {"score": "high"}})", R"(detect.score is "high", expected a number)"},
      {R"({"detect": {"score": null}})", "detect.score is null, expected a number"},
      {R"({"detect": {"keep": 1.5}})", "expected a whole number from 1 to 1000000000"},
      {R"({"detect": {"keep": 0}})", "detect.keep is 0"},
      {R"({"detect": {"keep": true}})", "detect.keep is true"},
      {R"({"detect": {"clip": 1}})", "detect.clip is 1, expected true or false"},
      {R"({"detect": {"suppression": "nms"}})", "expected one of continuous, inclusive_pixels"},
      {R"({"detect": []})", "detect is [], expected an object"},
      {R"([])", "f.json: line 1, column 1: the configuration is [], expected an object"},
      {R"({"network": {"body": "vgg"}})",
       R"(network.body is "vgg", expected one of mobilenet_v1_0.25, mobilenet_v1_0.5)"},
      {R"({"network": {"channels": 66}})", "network.channels is 66, expected a multiple of 4"},
      {R"({"classes": []})", "classes is [], expected a list of 1 to"},
      {R"({"classes": ["a", ""]})", R"(classes[1] is "", expected text)"},
      {R"({"classes": ["a", "a"]})", R"(classes[1] is "a", which stands there twice)"},
      {R"({"landmarks": -1})", "landmarks is -1"},
      {R"({"anchors": {"levels": [{"stride": 8, "size": [1]}]}})",
       R"("anchors.levels[0].size" is not a known key, did you mean anchors.levels[0].sizes?)"},
      {R"({"anchors": {"levels": [{"stride": 8}]}})", "anchors.levels[0].sizes is missing"},
      {R"({"anchors": {"levels": [{"stride": 8, "sizes": [1, 0]}]}})",
       "anchors.levels[0].sizes[1] is 0, expected a number above 0"},
      {R"({"anchors": {"levels": [{"stride": 9, "sizes": [1]}]}})",
       "anchors.levels[0].stride is 9, which mobilenet_v1_0.25 does not offer"},
      {R"({"anchors": {"levels": [{"stride": 16, "sizes": [1]}, {"stride": 8, "sizes": [1]}]}})",
       "anchors.levels[1].stride is 8, expected more than the 16 before it"},
      {R"({"input": {"mean": [1, 2]}})", "input.mean is [1,2], expected a list of 3"},
      {R"({"input": {"scale": [1, 0, 1]}})", "input.scale[1] is 0"},
      {R"({"input": {"channels": "BGR"}})", R"(input.channels is "BGR", expected one of bgr, rgb)"},
      {R"({"coder": {"size": 0}})", "coder.size is 0, expected a number above 0"},
      {R"({"coder": {"centre": null}})", "coder.centre is null"},
      {R"({"preset": "resnet5"})", "f.json: line 1, column 12: preset: there is no preset"},
      {R"({"landmarks": 4, "landmarks": 5})", R"(the key "landmarks" stands twice)"},
      {R"({"a": {"b": 1}, "c": [{"b": 1}, {"b": 1, "b": 2}]})", R"(the key "b" stands twice)"},
      {R"({"detect": {"score": 1e999}})", "f.json: line 1, column 22: this number is too large"},
      {"", "f.json: line 1, column 1: this is not JSON, it ends too early"},
      {"{\"landmarks\": 5,\n  landmarks}", "f.json: line 2, column"},
      {"{\n \"landmarks\": 5,\n}", R"(f.json: line 3, column 1: this is not JSON, at "}")"},
      {"{} x", "line 1, column 4: this is not JSON"},
      {"{\"\xff\xfe\": 1}", "this is not JSON"}};
  for (const auto& [text, expected] : cases) {
    INFO(text);
    says(refusal(text), expected);
  }
  says(refusal(std::string(100'000, '[')), "nested deeper than 20");
  // The parser ends at a zero byte, and would not see that the rest is no JSON.
  using namespace std::string_literals;
  for (const std::string& text :
       {"{\"landmarks\": 4}\n\0{\"landmarks\": 5}"s, "{\"landmarks\": 4}\n\0"s})
    says(refusal(text), R"(f.json: line 2, column 1: this is not JSON, at "?)");
}

TEST_CASE("what is wrong is shown in its line, with a caret below its column")
{
  using namespace std::string_literals;
  const auto shown = [](const std::string& text) {
    try {
      static_cast<void>(parse_config(text, "f.json"));
    } catch (const error_in_text& e) {
      const std::string place = "f.json: line " + std::to_string(e.line()) + ", column " +
                                std::to_string(e.column()) + ": ";
      CHECK(std::string(e.what()).starts_with(place));
      CHECK(std::string(e.what()).find('\n') == std::string::npos);
      return e.excerpt();
    } catch (const error& e) {
      return "nowhere: "s + e.what();
    }
    return "not refused"s;
  };
  const std::string lines =
      "{\n  \"detect\": {\"keep\": 7, \"score\": 1.5},\r\n  \"landmarks\": 5\n}\n";
  CHECK(shown(lines) ==
        "  2 |   \"detect\": {\"keep\": 7, \"score\": 1.5},\n"
        "    |" +
            std::string(34, ' ') + "^");

  // Each with the one place that the caret is to stand below: behind a `@`, which is taken out.
  const std::vector<std::string> marked{
      // values, keys, and what several of them come to
      R"({"detect": {@"scroe": 1}})",
      R"({"name": "x", @"detec": {}})",
      R"({"detect": {"score": @"high"}})",
      R"({"detect": @[]})",
      R"(@[])",
      R"({"classes": ["a", "b", @""]})",
      R"({"classes": ["a", "b", @"a"]})",
      R"({"input": {"scale": [1, @0, 1]}})",
      R"({"input": {"scale": @[1, 0]}})",
      R"({"name": "x", "anchors": {"levels": [{"sizes": [1, @0]}]}})",
      R"({"anchors": {"levels": [{"stride": 8, "sizes": [1]},
        {"stride": 16, @"size": [1]}]}})",
      R"({"anchors": {"levels": [@{"stride": 8}]}})",
      R"({"anchors": {"levels": [{"stride": @9, "sizes": [1]}]}})",
      R"({"anchors": {"levels": [{"stride": 16, "sizes": [1]},
        {"sizes": [1], "stride": @8}]}})",
      R"({"network": {"channels": @66}})",
      R"({"preset": @"resnet5"})",
      R"({"preset": "resnet50", "kind": @"ssd"})",
      R"({"preset": "yunet-s", "anchors": {"levels":
        [@{"stride": 8, "sizes": [8, 9]}]}})",
      R"({"landmarks": 4, "name": "x", @"landmarks": 5})",
      R"({"name": "q\"\\", @"nam\u0065": "z"})",
      R"({"detect": {"score": @1e999}})",
      R"({"detect": {"keep": 1, "score": @-1e999}, "landmarks": 5})",
      std::string(20, '[') + "@" + std::string(100, '['),
      // what is no JSON
      "@",
      "{\"landmarks\": 5,\n  @landmarks}",
      "{\"landmarks\": @fals}",
      "{\"landmarks\": 5\n @\"classes\": []}",
      "{\"landmarks\": 5,\n@}",
      "{\"landmarks\" @5}",
      "{\"landmarks\": 5, \"landmarks\"@",
      "{\"landmarks\": 5@",
      "{\"landmarks\": @07}",
      "{\"landmarks\": 5} @{}",
      "{\"name\": \"a@\tb\"}",
      "{\"name\": \"a\\@x\"}",
      "{\"name\": \"a@\xff\"}",
      "{\"landmarks\": 5, @// a comment\n}",
      "{@'landmarks': 5}",
      "{\"landmarks\": 5}@\0"s,
      "\xEF\xBB\xBF{@landmarks: 5}",
      // a word of wide letters, one with an accent on its own
      "{\"name\": \"\u4eba\u8138 e\u0301\", \"landmarks\": @-1}",
  };
  for (std::string text : marked) {
    INFO(text);
    const auto mark = text.find('@');
    text.erase(mark, 1);
    const std::string excerpt = shown(text);
    const auto end = excerpt.find('\n');
    REQUIRE(end != std::string::npos);
    CHECK(retinue::detail::printable(excerpt.substr(0, end)) == excerpt.substr(0, end));
    const auto begin = text.rfind('\n', mark) + 1;
    const auto line = 1 + std::count(text.begin(), text.begin() + std::ptrdiff_t(mark), '\n');
    const std::string before = "  " + std::to_string(line) + " | " +
                               retinue::detail::printable(text.substr(begin, mark - begin));
    CHECK(excerpt.starts_with(before));
    CHECK(excerpt.substr(end + 1) ==
          "    | " + std::string(retinue::detail::columns_of(before) - 6, ' ') + "^");
  }

  // A wide letter takes two columns, an accent none.
  CHECK(retinue::detail::columns_of("\u4eba\u8138 e\u0301") == 6);
  CHECK(retinue::detail::columns_of("\u00e9\U0001F600") == 3);

  // Nothing that a terminal would obey.
  CHECK(shown("{\"name\": \"\u202E\", \"\x1b[31m\": 1}"s) ==
        "  1 | {\"name\": \"?\", \"?[31m\": 1}\n    |                ^");

  // Of a long line, what is near; nothing of it where the fault is in what a preset has.
  const std::string many(5000, ' ');
  CHECK(shown("{" + many + "\"landmarks\": -1," + many + "\"name\": \"a\"}") ==
        "  1 | ..." + std::string(47, ' ') + "\"landmarks\": -1," + std::string(10, ' ') +
            "...\n    |    " + std::string(60, ' ') + "^");
  CHECK(shown(R"({"network": {"body": "vgg16"}})") ==
        "nowhere: f.json: anchors.levels[2].stride is 32, which vgg16 does not offer");
}

TEST_CASE("what the reader takes, the schema takes; what is wrong with one key, neither does")
{
  const auto schema = nlohmann::json::parse(config_schema());
  const auto taken = [&](const std::string& text) {
    return test::fits(schema, nlohmann::json::parse(text));
  };
  for (const auto& p : presets()) {
    CHECK(taken(to_json(p.config)));
    CHECK(taken(R"({"preset": ")" + std::string(p.name) + "\"}"));
  }
  for (const char* right :
       {"{}", R"({"kind": "ssd"})", R"({"network": {"extras": [{"inner": 64}]}})",
        R"({"coder": {"largest_log": null}})", R"({"labels": "given", "landmarks": 0})",
        R"({"kind": "retinaface", "anchors": {"kind": "default_boxes", "design_side": 64,
            "levels": [{"stride": 8, "size": 9, "next_size": 12, "ratios": [2]}]}})",
        R"({"kind": "towers", "anchors": {"kind": "points", "strides": [8, 16, 32]},
            "coder": {"kind": "distances"}, "network": {"bins": 8}})",
        R"({"anchors": {"kind": "listed", "levels": [
            {"stride": 8, "sides": [{"width": 9, "height": 3.5}]}]}})",
        R"({"kind": "towers", "coder": {"stds": [1, 1, 2, 2]}})",
        R"({"labels": "sigmoid_times_quality", "root_of_quality": true})",
        R"({"labels": "sigmoid", "matcher": {"kind": "atss"}, "label_loss": {"kind": "focal"},
            "box_loss": {"kind": "giou"}, "landmark_loss": {"kind": "wing", "width": 3},
            "negatives": {"kind": "every"}, "quality": "overlap"})",
        R"({"kind": "ssd", "matcher": {"kind": "dynamic_k", "bid": "soft"},
            "negatives": {"kind": "random", "share": 0.25}, "loss_weights": {"box": 0}})"}) {
    INFO(right);
    CHECK(refusal(right) == "not refused");
    CHECK(taken(right));
  }
  for (const char* wrong : {R"({"detect": {"scroe": 1}})",
                            R"({"detec": {}})",
                            R"({"detect": {"score": 1.5}})",
                            R"({"detect": {"score": "high"}})",
                            R"({"detect": {"score": null}})",
                            R"({"detect": {"keep": 1.5}})",
                            R"({"detect": {"keep": 0}})",
                            R"({"detect": {"clip": 1}})",
                            R"({"detect": {"suppression": "nms"}})",
                            R"({"detect": []})",
                            "[]",
                            R"({"network": {"body": "vgg"}})",
                            R"({"classes": []})",
                            R"({"classes": ["a", ""]})",
                            R"({"landmarks": -1})",
                            R"({"kind": "yolo"})",
                            R"({"preset": "ssd300-vgg16", "network": {"channels": 8}})",
                            R"({"preset": "resnet5"})",
                            R"({"anchors": {"levels": [{"stride": 8, "sizes": [1, 0]}]}})",
                            R"({"anchors": {"kind": "squares", "design_side": 300}})",
                            R"({"input": {"mean": [1, 2]}})",
                            R"({"input": {"scale": [1, 0, 1]}})",
                            R"({"coder": {"size": 0}})",
                            R"({"coder": {"centre": null}})",
                            R"({"anchors": {"kind": "points", "strides": [0]}})",
                            R"({"coder": {"kind": "deltas", "stds": [1, 1, 2]}})",
                            R"({"labels": "sigmoids"})",
                            R"({"matcher": {"kind": "sim_ota"}})",
                            R"({"matcher": {"kind": "atss", "positive": 0.5}})",
                            R"({"matcher": {"force": "last"}})",
                            R"({"label_loss": {"kind": "focal", "beta": 2}})",
                            R"({"box_loss": {"kind": "giou", "beta": 1}})",
                            R"({"landmark_loss": {"kind": "giou"}})",
                            R"({"negatives": {"ratio": -1}})",
                            R"({"quality": "iou"})",
                            R"({"labels": "sigmoid_times_quality", "root_of_quality": 1})",
                            R"({"weigh_boxes": true})",
                            R"({"loss_weights": {"box": -1}})"}) {
    INFO(wrong);
    CHECK(refusal(wrong) != "not refused");
    CHECK_FALSE(taken(wrong));
  }

  // Of presets that are damaged at random, none is read that the schema refuses.
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return std::size_t(random() % n); };
  const std::vector<nlohmann::json> values{nullptr,
                                           true,
                                           -1,
                                           0,
                                           0.5,
                                           3,
                                           1e7,
                                           "x",
                                           "ssd",
                                           "softmax",
                                           nlohmann::json::array({1}),
                                           nlohmann::json::object()};
  int read = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t which = below(presets().size() + 1);
    auto damaged = nlohmann::json::parse(
        to_json(which < presets().size() ? presets()[which].config
                                         : parse_config(R"({"kind": "towers"})", "mine")));
    for (int changes = 1 + int(below(3)); changes > 0; --changes) {
      nlohmann::json* at = &damaged;
      for (int depth = 0; depth < 4 && at->is_structured() && !at->empty(); ++depth) {
        if (below(4) == 0) break;
        at = &*std::next(at->begin(), std::ptrdiff_t(below(at->size())));
      }
      if (at->is_object() && !at->empty() && below(2) == 0)
        at->erase(std::next(at->begin(), std::ptrdiff_t(below(at->size()))));
      else
        *at = values[below(values.size())];
    }
    const auto text = damaged.dump();
    const bool right = refusal(text) == "not refused";
    ++(right ? read : refused);
    INFO(text);
    if (right) REQUIRE(test::fits(schema, damaged));
  }
  CHECK(read > 1000);
  CHECK(refused > 1000);
}

namespace {
/// A file of the documents that is written by the library.
void check_document(const std::string& name, const std::string& as_it_should_be)
{
  const auto place = std::filesystem::path(RETINUE_DOCS) / name;
  std::ifstream file(place);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text != as_it_should_be) {
    const auto fresh = std::filesystem::temp_directory_path() / name;
    write_text(fresh, as_it_should_be);
    FAIL(place.string() << " is out of date; as it should be it is now " << fresh.string());
  }
}
}  // namespace

TEST_CASE("the schema in the documents is that of the library")
{
  check_document("config.schema.json", config_schema());
}

TEST_CASE("presets are what the documents say, for weights were trained with them")
{
  std::string all;
  for (const auto& p : presets())
    all += (all.empty() ? "{\n\"" : ",\n\"") + std::string(p.name) + "\": " + to_json(p.config);
  check_document("presets.json", all + "\n}\n");
}

TEST_CASE("what earlier versions wrote, of a RetinaFace or of an SSD, is read as it was")
{
  const auto same = [](const network_config& read, network_config expected) {
    expected.name = read.name;
    return to_json(read) == to_json(expected);
  };
  const std::string plate =
      R"({"name": "plate-mobilenet0.25", "network": {"body": "mobilenet_v1_0.25", "channels": 64,
  "body_slope": 0.1, "neck_slope": 0.1}, "classes": ["plate"], "landmarks": 4, "anchors":
  {"levels": [{"stride": 8, "sizes": [16.0, 32.0]}, {"stride": 16, "sizes": [64.0, 128.0]},
  {"stride": 32, "sizes": [256.0, 512.0]}], "clip": false}, "coder": {"centre": 0.1, "size":
  0.2, "largest_log": 4.135166556742356}, "input": {"channels": "bgr", "mean": [104.0,
  117.0, 123.0], "scale": [1.0, 1.0, 1.0], "long_side": 0}, "detect": {"score": 0.02,
  "candidates": 5000, "overlap": 0.4, "keep": 750, "clip": false, "suppression":
  "continuous"}})";
  const std::string shapes =
      R"({"name": "ssd320-mobilenet0.25", "network": {"body": "mobilenet_v1_0.25", "extras":
  [{"inner": 64, "out": 128, "kernel": 3, "stride": 2, "padding": 1}, {"inner": 64, "out":
  128, "kernel": 3, "stride": 2, "padding": 1}, {"inner": 64, "out": 128, "kernel": 3,
  "stride": 2, "padding": 1}]}, "classes": ["aeroplane", "bicycle"], "anchors":
  {"design_side": 320, "levels": [{"stride": 8, "size": 22.4, "next_size": 48.0, "ratios":
  [2.0, 3.0]}, {"stride": 16, "size": 48.0, "next_size": 105.6, "ratios": [2.0, 3.0]},
  {"stride": 32, "size": 105.6, "next_size": 163.2, "ratios": [2.0, 3.0]}, {"stride": 64,
  "size": 163.2, "next_size": 220.8, "ratios": [2.0, 3.0]}, {"stride": 128, "size": 220.8,
  "next_size": 278.4, "ratios": [2.0]}, {"stride": 256, "size": 278.4, "next_size": 336.0,
  "ratios": [2.0]}], "clip": true}, "coder": {"centre": 0.1, "size": 0.2, "largest_log":
  4.135166556742356}, "input": {"channels": "bgr", "mean": [104.0, 117.0, 123.0], "scale":
  [1.0, 1.0, 1.0], "long_side": 320}, "detect": {"score": 0.01, "candidates": 5000,
  "overlap": 0.45, "keep": 200, "clip": true, "suppression": "continuous"}})";
  auto expected = find_preset("ssd320-mobilenet0.25");
  expected.classes.resize(2);
  for (const any_form& kind : {any_form(retinaface_form()), any_form(ssd_form())}) {
    CHECK(same(parse_config(plate, "f", kind), find_preset("plate-mobilenet0.25")));
    CHECK(same(parse_config(shapes, "f", kind), expected));
  }
}

TEST_CASE("the kind is what is said, what a key tells, or what the program is for")
{
  const auto kind = [](const char* text, const any_form& otherwise) {
    return std::string(kind_of(parse_config(text, "f.json", otherwise)));
  };
  const any_form face = retinaface_form(), boxes = ssd_form();
  CHECK(kind("{}", face) == "retinaface");
  CHECK(kind("{}", boxes) == "ssd");
  CHECK(kind(R"({"kind": "ssd"})", face) == "ssd");
  CHECK(kind(R"({"kind": "retinaface"})", boxes) == "retinaface");
  CHECK(kind(R"({"preset": "ssd512-vgg16"})", face) == "ssd");
  CHECK(kind(R"({"preset": "resnet50", "kind": "retinaface"})", boxes) == "retinaface");
  CHECK(kind(R"({"network": {"neck_slope": 0.1}})", boxes) == "retinaface");
  CHECK(kind(R"({"anchors": {"design_side": 320}})", face) == "ssd");
  CHECK(kind(R"({"network": {"shared": 1}})", face) == "yunet");
  CHECK(kind(R"({"network": {"depth": 2}})", face) == "towers");
  CHECK(to_json(parse_config(R"({"name": "ssd300-vgg16"})", "f", boxes)) ==
        to_json(find_preset("ssd300-vgg16")));
  CHECK(kind_named("ssd").index() == boxes.index());
  says(refusal_of([] { static_cast<void>(kind_named("yolo")); }),
       R"(the kind of network is "yolo", expected one of retinaface, ssd, yunet, towers)");
  says(
      refusal(R"({"kind": "yolo"})"),
      R"(f.json: line 1, column 10: kind is "yolo", expected one of retinaface, ssd, yunet, towers)");
  says(
      refusal(R"({"preset": "resnet50", "kind": "ssd"})"),
      "f.json: line 1, column 32: kind is ssd, expected retinaface, as the preset resnet50 has it");
  says(refusal(R"({"kind": "retinaface", "network": {"extras": []}})"),
       R"("network.extras" is not a known key)");
  says(refusal(R"({"labels": "softmx"})"),
       R"(labels is "softmx", expected one of softmax, sigmoid, given, sigmoid_times_quality)");
}

TEST_CASE("anchors of any kind may stand in a network of any kind")
{
  const auto c = parse_config(R"({"anchors": {"kind": "default_boxes", "design_side": 320,
    "levels": [{"stride": 16, "size": 30, "next_size": 60, "ratios": [2, 3]}]},
    "kind": "retinaface"})",
                              "f.json");
  CHECK(c.anchors.levels() == 1);
  CHECK(c.anchors.stride(0) == 16);
  CHECK(c.anchors.per_cell(0) == 6);
  CHECK(to_json(parse_config(to_json(c), "f.json")) == to_json(c));
  const default_boxes& same = std::get<default_boxes>(c.anchors.source);
  CHECK(make_anchors(c.anchors, {97, 211}) == make_anchors(same, {97, 211}));
  const auto squares = square_anchors::retinaface();
  CHECK(make_anchors(any_anchors(squares), {97, 211}) == make_anchors(squares, {97, 211}));
  says(refusal(R"({"anchors": {"kind": "default_boxes", "levels": [{"stride": 4, "size": 1,
                   "next_size": 2}]}, "kind": "retinaface"})"),
       "anchors.levels[0].stride is 4, which mobilenet_v1_0.25 does not offer");
  CHECK(square_side(find_preset("resnet50")) == 0);
  CHECK(square_side(parse_config(R"({"input": {"long_side": 0}})", "f", ssd_form())) == 300);
  says(refusal(R"({"kind": "ssd", "input": {"long_side": 0}, "anchors": {"kind": "squares",
                   "levels": [{"stride": 8, "sizes": [1]}]}})"),
       "input.long_side is 0, expected the side of the square that the network sees");
}

TEST_CASE("sources of anchors and coders are chosen by their kind")
{
  const auto same = [](const network_config& c, const auto& anchors) {
    CHECK(make_anchors(c.anchors, {97, 211}) == make_anchors(anchors, {97, 211}));
    CHECK(to_json(parse_config(to_json(c), "f.json")) == to_json(c));
  };
  const std::string levels = R"({"network": {"body": "resnet50"}, "anchors": {)";
  same(parse_config(levels + R"("kind": "ratios", "levels": [
         {"stride": 8, "base": 8, "scales": [4, 6]}, {"stride": 16, "base": 12, "scales": [3]}],
         "ratios": [0.5, 3], "offset": 0.25, "whole": true, "clip": true}})",
                    "f.json"),
       ratio_anchors{.level = {{8, 8, {4, 6}}, {16, 12, {3}}},
                     .ratios = {0.5, 3},
                     .offset = 0.25,
                     .whole = true,
                     .clip = true});
  same(parse_config(levels + R"("kind": "points", "strides": [8, 16], "offset": 0, "in_cell": 2}})",
                    "f.json"),
       point_anchors{{8, 16}, 0, 2});
  same(parse_config(levels + R"("kind": "listed", "levels": [
         {"stride": 8, "sides": [{"width": 10, "height": 13}, {"width": 16, "height": 30}]}],
         "offset": 0, "clip": true}})",
                    "f.json"),
       listed_anchors{{{8, {{10, 13}, {16, 30}}}}, 0, true});

  const auto coder = [](const std::string& text) {
    const auto c = parse_config(R"({"coder": )" + text + "}", "f.json");
    CHECK(to_json(parse_config(to_json(c), "f.json")) == to_json(c));
    return c.coder.choice;
  };
  const auto deltas = std::get<delta_coder>(
      coder(R"({"kind": "deltas", "means": [0, 0.5, 0, 0], "stds": [0.1, 0.1, 0.2, 0.3]})"));
  CHECK(deltas.means == offsets<double>{0, 0.5, 0, 0});
  CHECK(deltas.stds == offsets<double>{0.1, 0.1, 0.2, 0.3});
  CHECK(
      std::get<distance_coder>(coder(R"({"kind": "distances", "logarithmic": true})")).logarithmic);
  CHECK(std::get<centre_size_coder>(coder(R"({"centre": 0.5})")).centre == 0.5);

  for (
      const auto& [text, expected] : std::vector<std::pair<std::string, const char*>>{
          {R"({"anchors": {"kind": "ratio"}})",
           "expected one of squares, default_boxes, ratios, points, listed"},
          {R"({"anchors": {"kind": "points"}})", "anchors have no level"},
          {R"({"anchors": {"kind": "points", "strides": [4]}})",
           "anchors.strides[0] is 4, which mobilenet_v1_0.25 does not offer"},
          {R"({"anchors": {"kind": "points", "strides": [16, 8]}})",
           "anchors.strides[1] is 8, expected more than the 16 before it"},
          {R"({"anchors": {"kind": "ratios", "levels": [{"stride": 8}]}})",
           "anchors.levels[0].scales is missing"},
          {R"({"anchors": {"kind": "listed", "levels": [{"stride": 8}]}})",
           "anchors.levels[0].sides is missing"},
          {R"({"anchors": {"kind": "listed", "levels": [{"stride": 8, "sides": [{"width": 3}]}]}})",
           "anchors.levels[0].sides[0] has no width and height"},
          {R"({"coder": {"kind": "delta"}})", "expected one of centre_size, deltas, distances"},
          {R"({"coder": {"kind": "deltas", "stds": [1, 1, 0, 1]}})", "coder.stds[2] is 0"},
          {R"({"coder": {"kind": "deltas", "centre": 0.1}})",
           R"("coder.centre" is not a known key)"}}) {
    INFO(text);
    says(refusal(text), expected);
  }
  std::string crowded = "[1";
  for (int i = 1; i < 40; ++i) crowded += ", 1";
  says(refusal(R"({"anchors": {"kind": "ratios", "levels": [{"stride": 8, "scales": )" + crowded +
               R"(]}], "ratios": )" + crowded + "]}}"),
       "anchors.levels[0] has 1600 in a cell, expected 1000 at most");
}

TEST_CASE("how a network is trained is chosen by names, and begins as its kind does")
{
  const learning_config face = standard_config(retinaface_form()).learn;
  CHECK(std::get<overlap_settings>(face.match).positive == 0.35f);
  CHECK(std::get<negatives_wanted>(face.negatives).ratio == 7);
  CHECK(face.weights.box == 2);
  const learning_config boxes = standard_config(ssd_form()).learn;
  CHECK(std::get<overlap_settings>(boxes.match).positive == 0.5f);
  CHECK(std::get<negatives_wanted>(boxes.negatives).ratio == 3);
  CHECK(boxes.weights.box == 1);
  const learning_config retinanet = standard_config(towers_form()).learn;
  CHECK(std::get<overlap_settings>(retinanet.match).negative == 0.4f);
  CHECK(std::holds_alternative<sigmoid_focal>(retinanet.label));
  CHECK(std::holds_alternative<every_negative>(retinanet.negatives));
  const learning_config yunet = standard_config(yunet_form()).learn;
  CHECK(std::holds_alternative<dynamic_k_matcher::settings>(yunet.match));
  CHECK(std::holds_alternative<eiou_loss>(yunet.box));
  CHECK(yunet.quality == rated_by::overlap_and_objectness);

  const auto c = parse_config(R"({"preset": "mobilenet0.25", "labels": "sigmoid_times_quality",
    "matcher": {"kind": "dynamic_k", "bid": "soft", "radius": 3, "candidates": 13,
                "class_weight": 0.5, "iou_weight": 2},
    "label_loss": {"kind": "quality_focal", "beta": 1.5}, "box_loss": {"kind": "ciou"},
    "landmark_loss": {"kind": "wing", "width": 4, "epsilon": 0.5},
    "negatives": {"kind": "random", "total": 512, "share": 0.25, "all_positives": true},
    "quality": "centre", "weigh_boxes": "by_quality",
    "loss_weights": {"box": 5, "label": 3, "landmark": 0.5, "quality": 0.25}})",
                              "f.json");
  CHECK(to_json(parse_config(to_json(c), "f.json")) == to_json(c));
  const auto& match = std::get<dynamic_k_matcher::settings>(c.learn.match);
  CHECK(match.bid == bidding::soft);
  CHECK(match.radius == 3);
  CHECK(match.candidates == 13);
  CHECK(match.class_weight == 0.5f);
  CHECK(match.iou_weight == 2);
  CHECK(std::get<quality_focal>(c.learn.label).beta == 1.5);
  CHECK(std::holds_alternative<ciou_loss>(c.learn.box));
  CHECK(std::get<wing>(c.learn.landmark).width == 4);
  CHECK(std::get<wing>(c.learn.landmark).epsilon == 0.5);
  const auto& negatives = std::get<random_negatives::settings>(c.learn.negatives);
  CHECK(negatives.total == 512);
  CHECK(negatives.share == 0.25);
  CHECK(negatives.all_positives);
  CHECK(c.learn.quality == rated_by::centre);
  CHECK(c.learn.weigh_boxes == box_weighing::by_quality);
  CHECK(c.learn.weights.box == 5);
  CHECK(c.learn.weights.label == 3);
  CHECK(c.learn.weights.landmark == 0.5);
  CHECK(c.learn.weights.quality == 0.25);

  const auto d = parse_config(R"({"matcher": {"positive": 0.7, "negative": 0.3, "force": "ties",
      "floor": 0, "ignore": 0.25, "background": 0.1},
    "label_loss": {"smoothing": 0.1}, "box_loss": {"beta": 0.5}, "landmark_loss": {"beta": 2},
    "negatives": {"ratio": 4, "added": 200, "least": 1}})",
                              "f.json");
  CHECK(to_json(parse_config(to_json(d), "f.json")) == to_json(d));
  const auto& by_overlap = std::get<overlap_settings>(d.learn.match);
  CHECK(by_overlap.positive == 0.7f);
  CHECK(by_overlap.negative == 0.3f);
  CHECK(by_overlap.force == forcing::ties);
  CHECK(by_overlap.floor == 0);
  CHECK(by_overlap.ignore == 0.25f);
  CHECK(by_overlap.background == 0.1f);
  CHECK(std::get<cross_entropy_loss>(d.learn.label).smoothing == 0.1);
  CHECK(std::get<smooth_l1>(d.learn.box).beta == 0.5);
  CHECK(std::get<smooth_l1>(d.learn.landmark).beta == 2);
  const auto& hard = std::get<negatives_wanted>(d.learn.negatives);
  CHECK(hard.ratio == 4);
  CHECK(hard.added == 200);
  CHECK(hard.least == 1);

  const auto e = parse_config(R"({"labels": "sigmoid",
    "matcher": {"kind": "task_aligned", "candidates": 10, "score_power": 0.5, "overlap_power": 4,
                "complete": true},
    "label_loss": {"kind": "varifocal", "alpha": 0.5, "gamma": 1},
    "box_loss": {"kind": "balanced_l1", "alpha": 0.25, "gamma": 2, "beta": 1.5}})",
                              "f.json");
  CHECK(to_json(parse_config(to_json(e), "f.json")) == to_json(e));
  const auto& aligned = std::get<aligned_matcher::settings>(e.learn.match);
  CHECK(aligned.candidates == 10);
  CHECK(aligned.score_power == 0.5f);
  CHECK(aligned.overlap_power == 4);
  CHECK(aligned.complete);
  CHECK(std::get<varifocal>(e.learn.label).alpha == 0.5);
  CHECK(std::get<varifocal>(e.learn.label).gamma == 1);
  CHECK(std::get<balanced_l1>(e.learn.box).alpha == 0.25);
  CHECK(std::get<balanced_l1>(e.learn.box).gamma == 2);
  CHECK(std::get<balanced_l1>(e.learn.box).beta == 1.5);
  const auto f = parse_config(R"({"labels": "sigmoid", "matcher": {"kind": "atss", "per_level": 5},
    "label_loss": {"kind": "focal", "alpha": 0.5, "gamma": 1}})",
                              "f.json");
  CHECK(std::get<adaptive_matcher::settings>(f.learn.match).per_level == 5);
  CHECK(std::get<sigmoid_focal>(f.learn.label).alpha == 0.5);
  CHECK(std::get<sigmoid_focal>(f.learn.label).gamma == 1);

  for (const auto& [text, expected] : std::vector<std::pair<std::string, const char*>>{
           {R"({"matcher": {"kind": "simota"}})",
            "matcher.kind is \"simota\", expected one of overlap, atss, dynamic_k, task_aligned"},
           {R"({"label_loss": {"kind": "focal"}})",
            "label_loss.kind is focal, which is of sigmoids: expected cross_entropy where labels "
            "are softmax"},
           {R"({"labels": "sigmoid", "label_loss": {"smoothing": 0.1}})",
            "label_loss.smoothing is 0.1, expected 0 where labels are no softmax"},
           {R"({"matcher": {"negative": 0.5}})",
            "matcher.negative is 0.5, expected no more than the 0.35 of matcher.positive"},
           {R"({"matcher": {"background": 0.5}})",
            "matcher.background is 0.5, expected no more than the 0.35 of matcher.negative"},
           {R"({"labels": "sigmoid", "quality": "centre"})",
            "expected sigmoid_times_quality for labels"}}) {
    INFO(text);
    says(refusal(text), expected);
  }
}

TEST_CASE("RetinaNet, FCOS and GFL are towers in a configuration")
{
  auto c = standard_config(towers_form());
  c.name = "mine";
  CHECK(kind_of(c) == "towers");
  CHECK(make_anchors(c.anchors, {97, 211}) == make_anchors(ratio_anchors::retinanet(), {97, 211}));
  CHECK(to_json(parse_config(to_json(c), "f.json")) == to_json(c));
  const auto gfl = parse_config(R"({"kind": "towers", "network": {"bins": 17, "group_norm": true},
    "anchors": {"kind": "points", "strides": [8, 16, 32, 64, 128]}, "coder": {"kind": "distances"}})",
                                "f.json");
  CHECK(std::get<towers_form>(gfl.form).bins == 17);

  CHECK(std::get<towers_form>(find_preset("gfl-resnet50").form).bins == 17);
  CHECK(std::holds_alternative<quality_focal>(find_preset("gfl-resnet50").learn.label));
  CHECK(std::get<times_quality<>>(find_preset("fcos-resnet50").labels.policy).root);
  const auto rooted = parse_config(
      R"({"kind": "towers", "labels": "sigmoid_times_quality", "root_of_quality": true})",
      "f.json");
  CHECK(std::get<times_quality<>>(rooted.labels.policy).root);
  CHECK(to_json(parse_config(to_json(rooted), "f.json")) == to_json(rooted));
  says(refusal(R"({"root_of_quality": true})"), R"("root_of_quality" is not a known key)");
  CHECK(find_preset("fcos-resnet50").learn.quality == rated_by::centre);
  CHECK(make_anchors(find_preset("fcos-resnet50").anchors, {97, 211}) ==
        make_anchors(point_anchors::fcos(), {97, 211}));

  const std::string points = R"({"kind": "towers", "anchors": {"kind": "points", "strides": )";
  for (const auto& [text, expected] : std::vector<std::pair<std::string, const char*>>{
           {points + "[8, 16]}}", "anchors: their last stride is 16, expected 32 or more"},
           {points + "[8, 32]}}", "anchors.strides[1] is 32, expected 16, twice the one before it"},
           {points + "[2, 4, 8, 16, 32]}}",
            "anchors.strides[0] is 2, which resnet50 does not offer"},
           {points + "[64, 128]}}", "anchors.strides[0] is 64, which resnet50 does not offer"},
           {points + R"([8, 16, 32]}, "network": {"bins": 17}})",
            "network.bins is 17, which are of distances"},
           {points + R"([8, 16, 32]}, "network": {"bins": 1}})", "network.bins is 1, expected 0"},
           {points + R"([8, 16, 32]}, "network": {"channels": 48, "group_norm": true}})",
            "network.channels is 48, expected a multiple of 32"},
           {R"({"kind": "towers", "anchors": {"kind": "squares", "levels": [
                {"stride": 8, "sizes": [9]}, {"stride": 16, "sizes": [9, 12]},
                {"stride": 32, "sizes": [9]}]}})",
            "anchors.levels[1] has 2 anchors in a cell and the first level has 1"}}) {
    INFO(text);
    says(refusal(text), expected);
  }
}

TEST_CASE("every body stands once in the list, and is offered by what it says")
{
  REQUIRE(body_names().size() == 11);
  CHECK(body_names().front() == "mobilenet_v1_0.25");
  for (const known_body& body : known_bodies) {
    CHECK(find_body(body.name) == &body);
    CHECK(std::ranges::is_sorted(body.strides, {}, [](int s) { return s == 0 ? 1 << 20 : s; }));
    CHECK_FALSE(body.offers(0));
    CHECK(body.offers(16));
  }
  CHECK(find_body("vgg19") == nullptr);
}

TEST_CASE("a configuration is read from a file")
{
  const auto file = std::filesystem::temp_directory_path() /
                    ("retinue-config-" + std::to_string(::getpid()) + ".json");
  std::ofstream(file) << R"({"landmarks": 98})";
  const auto config = read_config(file);
  std::filesystem::remove(file);
  CHECK(config.landmarks == 98);
  CHECK(config.name == file.string());
  says(refusal_of([&] { static_cast<void>(read_config(file)); }), "no such file");
}

TEST_CASE("a configuration is guessed from names and shapes")
{
  const auto guessed = [](const made_weights& m) { return guess_config(weights_of(m), "w.pth"); };
  const auto mobilenet = guessed({});
  CHECK(mobilenet.config.name == "mobilenet0.25");
  says(mobilenet.why, "try mobilenet0.25-small-faces");
  CHECK(guessed({.landmarks = 4}).config.name == "plate-mobilenet0.25");
  CHECK(guessed({.channels = 256, .resnet = true}).config.name == "resnet50");
  CHECK(guessed({.landmarks = 68}).config.landmarks == 68);
  CHECK(guessed({.landmarks = 0}).config.landmarks == 0);
  CHECK(retinaface_of(guessed({.channels = 32}).config).channels == 32);
  CHECK(guessed({.classes = 3}).config.classes ==
        std::vector<std::string>{"class 1", "class 2", "class 3"});
  for (const made_weights& m : {made_weights{}, {.landmarks = 4}, {.classes = 3}, {.channels = 32}})
    CHECK_NOTHROW(check_weights(guessed(m).config, weights_of(m), "w.pth"));

  const auto refused = [&](const made_weights& m) { return refusal_of([&] { guessed(m); }); };
  says(refused({.anchors = {3, 3, 3}}), "a configuration must, in anchors.levels");
  says(refused({.anchors = {2, 2}}), "a configuration must, in anchors.levels");
  says(refused({.resnet = true, .blocks = 23}),
       "w.pth has a ResNet of another depth, expected MobileNet V1 x 0.25, MobileNet V1 x 0.5");

  // Presets know no RetinaFace over VGG.
  state_dict vgg;
  for (const auto& [name, tensor] : weights_of({}))
    if (!name.starts_with("body.")) vgg.insert(name, tensor);
  for (const char* name : {"body.0.weight", "body.31.weight", "body.33.weight"})
    vgg.insert(name, {dtype::f32, {64, 1, 1, 1}, std::vector<std::byte>(4 * 64)});
  says(refusal_of([&] { static_cast<void>(guess_config(vgg, "w.pth")); }),
       "w.pth has the body vgg16, of which there is no preset");

  // A sigmoid has no column for the background.
  auto sigmoids = find_preset("mobilenet0.25");
  sigmoids.labels.policy = sigmoid_labels<>();
  says(refusal_of([&] { check_weights(sigmoids, weights_of({}), "w.pth"); }),
       "it has 2 classes, not 1 if labels are a sigmoid for each class, no background");
  sigmoids.classes = {"a", "b"};
  CHECK_NOTHROW(check_weights(sigmoids, weights_of({}), "w.pth"));
}

TEST_CASE("heads that contradict themselves are refused")
{
  const auto with = [](const std::string& name, std::int64_t rows) {
    state_dict made;
    for (const auto& [key, tensor] : weights_of({}))
      if (key != name)
        made.insert(key, tensor);
      else
        made.insert(key,
                    {dtype::f32, {rows, 1, 1, 1}, std::vector<std::byte>(4 * std::size_t(rows))});
    return refusal_of([&] { static_cast<void>(guess_config(made, "w")); });
  };
  says(with("BboxHead.1.conv1x1.weight", 7), "the heads of level 1 have 7 rows for boxes");
  says(with("BboxHead.1.conv1x1.weight", 2), "the heads of level 1 have 2 rows for boxes");
  says(with("ClassHead.0.conv1x1.weight", 2), "2 for classes");
  says(with("LandmarkHead.2.conv1x1.weight", 21), "21 for landmarks");
  says(with("ClassHead.2.conv1x1.weight", 6), "level 2 has 2 classes and 5 landmarks");
  says(with("fpn.output1.0.weight", 0), "\"fpn.output1.0.weight\" has the shape (0, 1, 1, 1)");
  says(with("ClassHead.0.conv1x1.weight", 2 * 1002),
       "made for 2 anchors per cell, 1001 classes and 5 landmarks, expected 1000 at most");
}

TEST_CASE("shapes that cost a file nothing make no names and no network")
{
  const auto with = [](const std::string& name, std::vector<std::int64_t> shape) {
    state_dict made;
    for (const auto& [key, tensor] : weights_of({}))
      if (key != name) made.insert(key, tensor);
    if (!shape.empty()) made.insert(name, {dtype::f32, std::move(shape), {}});
    return made;
  };
  const auto said = [](const state_dict& weights) {
    const auto guessed = refusal_of([&] { static_cast<void>(guess_config(weights, "w")); });
    CHECK(refusal_of([&] { check_weights(find_preset("mobilenet0.25"), weights, "w"); }) ==
          guessed);
    return guessed;
  };
  constexpr std::int64_t huge = std::int64_t{1} << 61;
  CHECK(said(with("ClassHead.0.conv1x1.weight", {huge, 0, 1, 1})) ==
        "w: \"ClassHead.0.conv1x1.weight\" has the shape (2305843009213693952, 0, 1, 1), which no "
        "network has");
  says(said(with("LandmarkHead.1.conv1x1.weight", {huge, 0, 1, 1})), "which no network has");
  says(said(with("BboxHead.0.conv1x1.weight", {4, 0, 1, 1})), "which no network has");
  says(said(with("fpn.output1.0.weight", {std::int64_t{1} << 40, 0, 1, 1})),
       "which no network has");
  says(said(with("fpn.output1.0.weight", {8192, 1, 1, 1})),
       "w: fpn.output1.0.weight has 8192 rows, which ssh1.conv3X3.0.weight was expected to take");
  says(said(with("ssh1.conv3X3.0.weight", {})), "which ssh1.conv3X3.0.weight was expected to take");
  says(refusal_of([] { static_cast<void>(guess_config(weights_of({.channels = 66}), "w")); }),
       "w: network.channels is 66, expected a multiple of 4");
}

TEST_CASE("a file's own configuration comes first")
{
  auto weights = weights_of({});
  auto said = find_preset("mobilenet0.25");
  said.detect.overlap = 0.3f;
  weights.metadata[std::string(config_metadata_key)] = to_json(said);
  const auto guessed = guess_config(weights, "w.safetensors");
  CHECK(to_json(guessed.config) == to_json(said));
  CHECK(guessed.why.empty());
  weights.metadata[std::string(config_metadata_key)] = R"({"detect": 1})";
  says(refusal_of([&] { static_cast<void>(guess_config(weights, "w.safetensors")); }),
       "metadata of w.safetensors: line 1, column 12: detect is 1, expected an object");
}

TEST_CASE("weights that do not fit a configuration are explained")
{
  const auto said = [](const char* name, const made_weights& m) {
    return refusal_of([&] { check_weights(find_preset(name), weights_of(m), "w.pth"); });
  };
  CHECK(said("mobilenet0.25", {}) == "not refused");
  CHECK(said("mobilenet0.25-small-faces", {}) == "not refused");
  CHECK(said("mobilenet0.25", {.landmarks = 4}) ==
        "w.pth does not fit mobilenet0.25: it has 4 landmarks, not 5; try the preset "
        "plate-mobilenet0.25");
  const auto other = said("resnet50", {});
  says(other, "the body mobilenet_v1_0.25, not resnet50");
  says(other, "64 channels, not 256");
  says(other, "try the preset mobilenet0.25-small-faces or mobilenet0.25");
  says(said("mobilenet0.25", {.anchors = {3, 2, 3}}), "3/2/3 anchors per cell, not 2/2/2");
}

TEST_CASE("limits of a configuration: the last value that is taken and the first that is not")
{
  const auto tiny = [](const char* size) {
    return std::string(R"({"anchors": {"kind": "default_boxes", "design_side": 1, "levels": [)") +
           R"({"stride": 1, "size": )" + size + R"(, "next_size": 1, "ratios": [2]}]}})";
  };
  CHECK(std::get<default_boxes>(parse_config(tiny("1"), "f", ssd_form()).anchors.source)
            .level[0]
            .size == 1);
  CHECK(refusal(tiny("0")) != "");
  std::string classes;
  for (int i = 0; i < 1000; ++i) classes += "\"c" + std::to_string(i) + "\",";
  const auto with = [&](const std::string& more) {
    return R"({"classes": [)" + classes + more + "]}";
  };
  CHECK(parse_config(with("").replace(with("").size() - 3, 1, ""), "f.json").classes.size() ==
        1000);
  says(refusal(with("\"more\"")), "classes is a list of 1001, expected a list of 1 to 1000");
  const std::string twenty = std::string(20, '[') + std::string(20, ']');
  says(refusal(twenty), "expected an object");
  says(refusal("[" + twenty + "]"), "nested deeper than 20");
  says(refusal(R"({"input": {"square": true}})"), "input.long_side is 0, expected the side");

  state_dict many;
  for (const auto& [key, tensor] : weights_of({}))
    if (key != "LandmarkHead.0.conv1x1.weight") many.insert(key, tensor);
  const auto rows = [&](std::int64_t landmarks) {
    state_dict made = many;
    made.insert("LandmarkHead.0.conv1x1.weight",
                {dtype::f32,
                 {4 * landmarks, 1, 1, 1},
                 std::vector<std::byte>(16 * std::size_t(landmarks))});
    return refusal_of([&] { static_cast<void>(guess_config(made, "w")); });
  };
  says(rows(1001), "1 classes and 1001 landmarks, expected 1000 at most");
  says(rows(1000), "level 1 has 1 classes and 5 landmarks, the levels before it 1 and 1000");
  // Only a RetinaFace's weights tell whether they fit.
  CHECK_NOTHROW(check_weights(find_preset("ssd300-vgg16"), many, "w"));
}

TEST_CASE("other people's weights are named for what they are")
{
  const auto said = [](std::initializer_list<const char*> names) {
    state_dict made;
    for (const char* name : names)
      made.insert(name, {dtype::f32, {1, 1, 1, 1}, std::vector<std::byte>(4)});
    return refusal_of([&] { static_cast<void>(guess_config(made, "w")); });
  };
  says(said({"body.mobilenet0_conv0.0.weight"}), "layers are named as in MXNet");
  says(said({"landm.0.weight"}), "slim or RFB body, of another form than the presets");
  says(said({"classification_headers.0.weight"}), "Ultra-Light-Fast-Generic");
  says(said({"bbox_head.multi_level_cls.0.conv1.weight"}), "a YuNet of another form");
  says(said({"stage1.0.0.weight"}), "a MobileNet for classification");
}

TEST_CASE("a preset is told by what its weights have and what they lack")
{
  const auto name = [](const std::vector<std::pair<const char*, std::int64_t>>& rows) {
    state_dict made;
    for (const auto& [n, r] : rows)
      made.insert(n, {dtype::f32, {r, 1, 1, 1}, std::vector<std::byte>(4 * std::size_t(r))});
    try {
      return guess_config(made, "w").config.name;
    } catch (const error&) {
      return std::string("none");
    }
  };
  CHECK(name({{"body.7.3.weight", 64}, {"conf.3.weight", 6}}) == "ultra-light-slim");
  CHECK(name({{"body.7.3.weight", 64}, {"conf.3.weight", 6}, {"landm.0.2.weight", 30}}) ==
        "retinaface-slim");
  CHECK(name({{"body.7.branch0.0.conv.weight", 8}, {"conf.3.weight", 6}}) == "ultra-light-rfb");
  CHECK(name({{"body.7.branch0.0.conv.weight", 8}, {"conf.3.weight", 9}}) == "none");
  const char* const early = "backbone.model1.conv2.conv1.weight";
  const char* const points = "bbox_head.multi_level_kps.0.conv1.weight";
  const char* const shared = "bbox_head.multi_level_share_convs.0.0.conv1.weight";
  CHECK(name({{early, 32}, {points, 10}}) == "yunet-s");
  CHECK(name({{early, 32}, {points, 10}, {shared, 64}}) == "none");
  CHECK(name({{early, 64}, {points, 10}, {shared, 64}}) == "yunet-n");
}

TEST_CASE("a YuNet has one point in each cell, on levels that its body offers")
{
  const auto c = standard_config(yunet_form());
  CHECK(kind_of(c) == "yunet");
  CHECK(c.labels.what() == sigmoid_labels<>::what());
  CHECK(retinue::detail::reads_quality(c.labels));
  CHECK_FALSE(retinue::detail::reads_quality(any_labels()));
  const auto points = make_anchors(c.anchors, {64, 96});
  REQUIRE(points.size() == 12 * 8 + 6 * 4 + 3 * 2);
  CHECK(points[13].cx == 8.f / 96);
  CHECK(points[13].cy == 8.f / 64);
  CHECK(points.back().w == 32.f / 96);
  says(refusal(R"({"preset": "yunet-s", "anchors": {"levels": [{"stride": 8, "sizes": [8, 9]}]}})"),
       "anchors.levels[0] has 2 in a cell, expected one");
  says(refusal(R"({"preset": "yunet-s", "anchors": {"levels": [{"stride": 4, "sizes": [4]}]}})"),
       "anchors.levels[0].stride is 4, which yunet_s does not offer");
}

TEST_CASE("even cells share the image, whatever its sides")
{
  square_anchors anchors = square_anchors::ultra_light();
  const extent2 picture{240, 320};
  const auto strided = make_anchors(anchors, picture);
  anchors.even = true;
  const auto even = make_anchors(anchors, picture);
  REQUIRE(even.size() == 4420);  // of 320 x 240 pixels, as published
  REQUIRE(strided.size() == 4420);
  // The map of stride 32 has 8 rows of 30 pixels.
  const std::size_t third = 40 * 30 * 3 + 20 * 15 * 2;
  CHECK(even[third].cy == 0.5f / 8);
  CHECK(strided[third].cy == 16.f / 240);
  CHECK(even[third].cx == strided[third].cx);
  CHECK(even.front() == strided.front());
}

TEST_CASE("the public checkpoints are recognized", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto guessed = [](const std::string& name) {
    return guess_config(read_weights(test::shared("weights/" + name)), name);
  };
  const auto small_faces = guessed("retinaface_mobilenet0.25_Final.pth");
  CHECK(small_faces.config.name == "mobilenet0.25-small-faces");
  says(small_faces.why, "known by its bytes");
  CHECK(guessed("plate_ccpd_epoch20_4lm.pth").config.name == "plate-mobilenet0.25");
  for (const auto& [file, preset] : {std::pair{"retinaface68_stage5_epoch121.pt", "retinaface68"},
                                     {"retinaface_RBF_Final.pth", "retinaface-rfb"},
                                     {"retinaface_slim_Final.pth", "retinaface-slim"},
                                     {"ulfg_version-RFB-320.pth", "ultra-light-rfb"},
                                     {"yunet_s.pth", "yunet-s"}}) {
    const guess made = guessed(file);
    CHECK(to_json(made.config) == to_json(find_preset(preset)));
    says(made.why, std::string("has the tensors of ") + preset);
  }
}
