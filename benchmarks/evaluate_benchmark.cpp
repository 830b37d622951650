// SPDX-License-Identifier: Apache-2.0
// Evaluation of a drawn set beside the tools' own loops, written as they are: WIDER FACE's for its
// three subsets, pycocotools' for its twelve figures.
#include "../tests/evaluate_reference.hpp"

#include <benchmark/benchmark.h>
#include <retinue/evaluate.hpp>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <vector>

namespace {

using namespace retinue;

struct workload {
  test::random_set set;
  std::vector<std::vector<wider_truth>> wider;
};

const workload& photos()
{
  static const workload drawn = [] {
    std::mt19937 random(1);
    workload w;
    w.set = test::make_random_set(random, 300, 24, false);
    for (const auto& truths : w.set.truths) {
      auto& image = w.wider.emplace_back();
      for (const auto& t : truths) image.push_back({t.bounds, {t.label == 1, !t.ignore, true}});
    }
    return w;
  }();
  return drawn;
}

double wider_by_retinue()
{
  wider_evaluation evaluation(wider_protocol::python_port());
  for (std::size_t i = 0; i < photos().wider.size(); ++i)
    evaluation.add(photos().set.detections[i], photos().wider[i]);
  double sum = 0;
  for (const auto& subset : evaluation.result().subsets) sum += subset.ap;
  return sum;
}

double wider_by_port()
{
  return test::wider_port(photos().set, [](const auto& t) { return t.label == 1; }) +
         test::wider_port(photos().set, [](const auto& t) { return !t.ignore; }) +
         test::wider_port(photos().set, [](const auto&) { return true; });
}

double coco_by_retinue()
{
  coco_evaluation evaluation;
  for (std::size_t i = 0; i < photos().set.truths.size(); ++i)
    evaluation.add(photos().set.detections[i], photos().set.truths[i]);
  double sum = 0;
  for (const auto& f : evaluation.result().figures) sum += f.value.value_or(-1);
  return sum;
}

double coco_by_port()
{
  const auto& set = photos().set;
  double sum = test::coco_port(set, true, 0.5, 0, 100) + test::coco_port(set, true, 0.75, 0, 100) +
               test::coco_port(set, false, 0, 0, 1) + test::coco_port(set, false, 0, 0, 10);
  for (std::size_t size = 0; size < 4; ++size)
    sum += test::coco_port(set, true, 0, size, 100) + test::coco_port(set, false, 0, size, 100);
  return sum;
}

/// Runs `work`, whose figures must be those of `other`.
template <double (*Work)(), double (*Other)()>
void run(benchmark::State& state)
{
  if (!(std::abs(Work() - Other()) < 1e-9)) {
    std::cerr << "the evaluations differ: " << Work() << " and " << Other() << "\n";
    std::exit(1);
  }
  for (auto _ : state) benchmark::DoNotOptimize(Work());
}

const int registered = [] {
  benchmark::RegisterBenchmark("evaluate, WIDER FACE, 300 images | retinue",
                               run<wider_by_retinue, wider_by_port>);
  benchmark::RegisterBenchmark("evaluate, WIDER FACE, 300 images | the port's loops",
                               run<wider_by_port, wider_by_retinue>);
  benchmark::RegisterBenchmark("evaluate, COCO, 300 images | retinue",
                               run<coco_by_retinue, coco_by_port>);
  benchmark::RegisterBenchmark("evaluate, COCO, 300 images | pycocotools' loops",
                               run<coco_by_port, coco_by_retinue>);
  return 0;
}();

}  // namespace
