// SPDX-License-Identifier: Apache-2.0
// The official tools' figures, from real detections: pycocotools, the WIDER FACE tool, a VOC case.
#include "catch.hpp"
#include "shared.hpp"

#include <retinue/data/coco_results.hpp>
#include <retinue/data/gzip.hpp>  // gunzip: the truth is packed
#include <retinue/data/wider_files.hpp>
#include <retinue/evaluate.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

using namespace retinue;

namespace {
wider_result evaluate_wider(wider_protocol protocol)
{
  auto images = read_wider_truth(test::shared("data/wider_eval/wider_val_gt.txt.gz"), gunzip);
  CHECK(images.size() == 3226);
  CHECK(read_wider_detections(test::shared("data/wider_eval/pred_mnet_python.txt.gz"), images,
                              gunzip) == 0);
  wider_evaluation evaluation(protocol);
  for (const auto& image : images) evaluation.add(image.detections, image.truths);
  return evaluation.result();
}

precision_recall official_curve(std::string_view subset)
{
  const std::string file = "data/wider_eval/pr_mnet_python_" + std::string(subset) + ".csv";
  const std::string text = detail::read_text(test::shared(file), gunzip);
  precision_recall curve;
  std::string_view left = text;
  left.remove_prefix(left.find('\n') + 1);
  while (!left.empty()) {
    const auto comma = left.find(','), end = left.find('\n');
    curve.precision.push_back(std::stod(std::string(left.substr(0, comma))));
    curve.recall.push_back(std::stod(std::string(left.substr(comma + 1, end - comma - 1))));
    left.remove_prefix(std::min(end, left.size() - 1) + 1);
  }
  return curve;
}

struct voc_truth {
  box<double> bounds;
  std::int32_t label = 1;
  bool ignore = false;
};
}  // namespace

TEST_CASE("WIDER FACE: the official tool's curves and figures", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto result = evaluate_wider({});
  const double published[]{0.8328, 0.7702, 0.3952};
  for (std::size_t s = 0; s < 3; ++s) {
    CAPTURE(wider_subsets[s]);
    const auto& subset = result.subsets[s];
    CHECK(std::abs(subset.ap - published[s]) < 5e-4);
    const auto official = official_curve(wider_subsets[s]);
    REQUIRE(subset.curve.recall.size() == 1000);
    REQUIRE(official.recall.size() == 1000);
    CHECK(std::abs(subset.ap - area_under(official)) < 1e-14);
    double apart = 0;
    for (std::size_t t = 0; t < 1000; ++t)
      apart = std::max({apart, std::abs(subset.curve.recall[t] - official.recall[t]),
                        std::abs(subset.curve.precision[t] - official.precision[t])});
    CHECK(apart < 1e-14);  // every one of the 1000 points
  }
}

TEST_CASE("WIDER FACE: the Python port and the clean protocol lie near, and differ", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto official = evaluate_wider({}), port = evaluate_wider(wider_protocol::python_port()),
             clean = evaluate_wider(wider_protocol::clean());
  for (std::size_t s = 0; s < 3; ++s) {
    CAPTURE(wider_subsets[s]);
    CHECK(port.subsets[s].ap != official.subsets[s].ap);
    CHECK(std::abs(port.subsets[s].ap - official.subsets[s].ap) < 4e-4);
    CHECK(std::abs(clean.subsets[s].ap - official.subsets[s].ap) < 2e-3);
  }
}

TEST_CASE("COCO: pycocotools' twelve figures", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  auto set = read_coco_truth(test::shared("data/coco_eval/instances_val2014_100.json"));
  read_coco_detections(test::shared("data/coco_eval/instances_val2014_fakebbox100_results.json"),
                       set);
  CHECK(set.images.size() == 100);
  CHECK(set.categories.size() == 80);
  coco_evaluation evaluation;
  for (const auto& [id, image] : set.images) evaluation.add(image.detections, image.truths);
  const auto result = evaluation.result();
  std::ifstream golden(test::shared("data/coco_eval/golden_bbox_stats.txt"));
  std::string name;
  double value = 0;
  for (const auto& figure : result.figures) {
    REQUIRE(golden >> name >> value);
    CAPTURE(name, figure.name);
    REQUIRE(figure.value.has_value());
    CHECK(std::abs(*figure.value - value) < 1e-12);
  }
}

TEST_CASE("VOC: a worked case at four overlaps, eleven points and all", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const auto folder = test::shared("data/voc_ap/test_case_1");
  std::ifstream golden(test::shared("data/voc_ap/golden.txt"));
  std::string header;
  std::getline(golden, header);
  std::size_t compared = 0;
  for (double overlap = 0, eleven = 0, all = 0; golden >> overlap >> eleven >> all; ++compared) {
    voc_evaluation by_eleven({overlap, voc_area::eleven_points}), by_all({overlap});
    for (int i = 1; i <= 7; ++i) {
      const std::string name = "0000" + std::to_string(i) + ".txt";
      std::vector<wider_detection> detections;
      std::vector<voc_truth> truths;
      const std::string found = detail::read_text(folder / "dets" / name, gunzip);
      for (detail::line_reader in(found, name); in.next() && !in.done();) {
        in.word("class");
        wider_detection d;
        d.score = in.number<double>("score");
        d.bounds = detail::read_box(in);
        detections.push_back(d);
      }
      const std::string there = detail::read_text(folder / "gts" / name, gunzip);
      for (detail::line_reader in(there, name); in.next() && !in.done();) {
        in.word("class");
        truths.push_back({detail::read_box(in)});
      }
      by_eleven.add(detections, truths);
      by_all.add(detections, truths);
    }
    CAPTURE(overlap);
    CHECK(std::abs(*by_eleven.result().mean - eleven) < 1e-10);
    CHECK(std::abs(*by_all.result().mean - all) < 1e-10);
  }
  CHECK(compared == 4);
}
