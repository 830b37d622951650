// SPDX-License-Identifier: Apache-2.0
// Matching, mining and loss of 32 images, 16,800 anchors each, forward and backward, one thread: in
// host memory, the same behind autograd, over tensors, and ATen operations as seeds 000 to 003
// write them, whose matching is not counted. And of these alone: the mining of negatives, against
// the two full sorts of the seeds; matching and mining for tensors, as a training step has them
// done, and matching over columns by its definition, against the seeds' dense matching. And focal
// loss of all negatives, as 16 images of 2,688 anchors have them, against the formula in ATen.
#include "seed_loss.hpp"

#include <retinue/anchors.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/every_negative.hpp>
#include <retinue/losses/libtorch.hpp>
#include <retinue/models/threads.hpp>
#include <retinue/train/objective.hpp>

#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace retinue;
using face5 = schemas::face5;

struct workload {
  static constexpr std::int64_t images = 32;
  anchor_layout anchors{square_anchors::retinaface(), {640, 640}};
  std::vector<std::vector<instance<face5>>> truths;
  std::vector<assignment> assigned;
  at::Tensor offsets, logits, points;

  workload()
  {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(0, 1);
    for (std::int64_t b = 0; b < images; ++b) {
      auto& all = truths.emplace_back(16);
      for (instance<face5>& truth : all) {
        const float side = 8.0f / 640 * std::exp(unit(random) * 3.6f);
        const float x = unit(random), y = unit(random);
        truth.bounds = {x - side / 2, y - 0.6f * side, x + side / 2, y + 0.6f * side};
        truth.visible.fill(true);
        for (std::size_t c = 0; c < 10; ++c) truth.points[c] = c % 2 ? y : x;
      }
    }
    assigned = assignments(anchors, truths);
    torch::manual_seed(1);
    const auto n = static_cast<std::int64_t>(anchors.size());
    offsets = torch::randn({images, n, 4}).set_requires_grad(true);
    logits = torch::randn({images, n, 2}).set_requires_grad(true);
    points = torch::randn({images, n, 10}).set_requires_grad(true);
  }

  [[nodiscard]] network_outputs said() const { return {logits, offsets, points}; }

  void clear_gradients()
  {
    for (at::Tensor* t : {&offsets, &logits, &points}) t->mutable_grad() = at::Tensor();
  }
};

workload& shared_workload()
{
  static workload w;
  keep_freed_memory();
  use_threads(1);
  return w;
}

template <class B>
struct steps {
  using settings = multibox_settings<face5>;
  B backend;
  settings::sampler_over<B, overlap_matcher> sample{overlap_matcher::retinaface(), softmax_labels{},
                                                    hard_negatives(), centre_size_coder{}};
  settings::loss_over<B> loss;
  typename B::template table<centre_box<float>> anchors;
  truth_batch<face5> truths;
  samples<B> chosen;

  const loss_terms<B>& operator()(const workload& w, const outputs<B>& said)
  {
    backend.put(w.anchors.anchors(), 1, anchors);
    truths.read(w.truths, 1, truth_reading::classes);
    sample(backend, w.anchors, anchors, said, truths, chosen);
    return loss(backend, anchors, said, truths, chosen);
  }
};

void host(benchmark::State& state)
{
  workload& w = shared_workload();
  steps<host_backend> run;
  const network_outputs said = w.said();
  const host_outputs<> view(said);
  std::array<std::vector<float>, 3> room{
      std::vector<float>(static_cast<std::size_t>(w.offsets.numel())),
      std::vector<float>(static_cast<std::size_t>(w.logits.numel())),
      std::vector<float>(static_cast<std::size_t>(w.points.numel()))};
  for (auto _ : state) {
    const auto& terms = run(w, view.said);
    for (std::size_t t = 0; t < 3; ++t)
      terms.terms[t].cost.write(terms.terms[t].weight / terms.terms[t].divisor, room[t].data(),
                                room[t].size() / terms.terms[t].cost.width);
    benchmark::ClobberMemory();
  }
}

void behind_autograd(benchmark::State& state)
{
  workload& w = shared_workload();
  objective<multibox_settings<face5>> aim(square_anchors::retinaface());
  const network_outputs said = w.said();
  for (auto _ : state) {
    w.clear_gradients();
    aim(said, {640, 640}, std::span<const std::vector<instance<face5>>>(w.truths)).total.backward();
  }
}

void over_tensors(benchmark::State& state)
{
  workload& w = shared_workload();
  steps<libtorch_backend> run;
  const network_outputs said = w.said();
  for (auto _ : state) {
    w.clear_gradients();
    as_tensors(run(w, said), said).total.backward();
  }
}

void seed(benchmark::State& state)
{
  workload& w = shared_workload();
  const dense_targets want(w.anchors.anchors(), w.truths, w.assigned);
  for (auto _ : state) {
    w.clear_gradients();
    seed_loss(w.offsets, w.logits, w.points, want).backward();
  }
}

void mine(benchmark::State& state)
{
  workload& w = shared_workload();
  hard_negatives mining;
  host_backend backend;
  columns<number<float>> wrong;
  std::vector<row_index> chosen;
  const number_rows logits(w.logits.data_ptr<float>(),
                           table_shape{static_cast<std::size_t>(w.images), w.anchors.size()}, 2);
  for (auto _ : state)
    for (std::size_t b = 0; b < w.assigned.size(); ++b) {
      backend.map(retinue::detail::wrong_of<softmax_labels>{}, wrong, logits.image(b));
      mining(std::span<const float>(wrong.column(0), wrong.size()), w.assigned[b].verdicts,
             w.assigned[b].positive_count, chosen);
      benchmark::DoNotOptimize(chosen.data());
    }
}

void sort(benchmark::State& state)
{
  workload& w = shared_workload();
  const dense_targets want(w.anchors.anchors(), w.truths, w.assigned);
  const at::Tensor positive = want.labels > 0;
  const at::Tensor logits = w.logits.detach();
  const at::Tensor cost = logits.select(2, 1) - logits.select(2, 0);
  for (auto _ : state) benchmark::DoNotOptimize(two_sorts(cost, positive));
}

template <class Mining>
void sample_for_tensors(benchmark::State& state)
{
  workload& w = shared_workload();
  steps<libtorch_backend> run;
  sampler<libtorch_backend, overlap_matcher, softmax_labels, Mining, centre_size_coder> sample(
      overlap_matcher::retinaface(), {}, {}, {});
  const network_outputs said{w.logits.detach(), w.offsets.detach(), w.points.detach()};
  run.backend.put(w.anchors.anchors(), 1, run.anchors);
  run.truths.read(w.truths, 1, truth_reading::classes);
  for (auto _ : state) {
    sample(run.backend, w.anchors, run.anchors, said, run.truths, run.chosen);
    benchmark::ClobberMemory();
  }
}

void match_over_columns(benchmark::State& state)
{
  workload& w = shared_workload();
  libtorch_backend backend;
  libtorch_backend::table<centre_box<float>> anchors;
  libtorch_backend::table<rival<float>> rivals;
  libtorch_backend::table<assigned<float>> assigned;
  backend.put(w.anchors.anchors(), 1, anchors);
  const auto match = overlap_matcher::retinaface();
  std::vector<rival<float>> of_image;
  for (auto _ : state)
    for (const auto& truths : w.truths) {
      of_image.clear();
      for (const auto& truth : truths) of_image.push_back({truth.bounds, 1, 0});
      backend.put(std::span<const rival<float>>(of_image), 1, rivals);
      match.in_tables(backend, anchors, rivals, assigned);
    }
}

void match_densely(benchmark::State& state)
{
  workload& w = shared_workload();
  const auto n = static_cast<std::int64_t>(w.anchors.size());
  at::Tensor anchors = torch::empty({n, 4});
  for (std::int64_t a = 0; a < n; ++a)
    for (std::int64_t c = 0; c < 4; ++c)
      anchors.data_ptr<float>()[a * 4 + c] =
          w.anchors.anchors()[static_cast<std::size_t>(a)][static_cast<std::size_t>(c)];
  std::vector<at::Tensor> boxes, marks;
  for (const auto& truths : w.truths) {
    const auto m = static_cast<std::int64_t>(truths.size());
    at::Tensor box = boxes.emplace_back(torch::empty({m, 4}));
    at::Tensor points = marks.emplace_back(torch::empty({m, 10}));
    for (std::size_t t = 0; t < truths.size(); ++t) {
      for (std::size_t c = 0; c < 4; ++c) box.data_ptr<float>()[t * 4 + c] = truths[t].bounds[c];
      for (std::size_t c = 0; c < 10; ++c)
        points.data_ptr<float>()[t * 10 + c] = truths[t].points[c];
    }
  }
  for (auto _ : state)
    for (std::size_t b = 0; b < boxes.size(); ++b)
      benchmark::DoNotOptimize(dense_match(boxes[b], marks[b], anchors));
}

constexpr std::int64_t negatives = 16 * 2688;

at::Tensor negative_logits(std::int64_t classes)
{
  shared_workload();  // one thread
  torch::manual_seed(2);
  return torch::randn({negatives, classes}) * 2 - 3;
}

void focal_of_negatives(benchmark::State& state)
{
  const at::Tensor logits = negative_logits(state.range(0));
  const auto rows = static_cast<std::size_t>(negatives),
             classes = static_cast<std::size_t>(state.range(0));
  const number_rows said(logits.data_ptr<float>(), rows, classes);
  std::vector<row_index> all(rows);
  std::iota(all.begin(), all.end(), row_index{0});
  host_backend backend;
  const wanted<float> nothing{0, 0, 1};
  columns<wanted<float>> background;
  backend.put(std::span<const wanted<float>>(&nothing, 1), 1, background);
  host_cost cost;
  for (auto _ : state) {
    backend.clear(cost, classes);
    backend.add_cost(retinue::detail::label_cost<sigmoid_labels<>>{}, cost,
                     backend.gather(said, all), background);
    benchmark::DoNotOptimize(cost.slopes.data());
  }
}

void focal_in_aten(benchmark::State& state)
{
  at::Tensor logits = negative_logits(state.range(0)).set_requires_grad(true);
  for (auto _ : state) {
    logits.mutable_grad() = at::Tensor();
    const at::Tensor p = torch::sigmoid(logits);
    (0.75 * p * p * torch::nn::functional::softplus(logits)).sum().backward();
  }
}

[[maybe_unused]] const bool added = [] {
  const std::string loss = "matching, mining and loss, 32 images, both ways | ",
                    mining = "mining, 32 images | ",
                    matching = "matching for tensors, 32 images of 16 truths | ";
  const auto add = [](const std::string& name, void (*run)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name.c_str(), run);
  };
  add(loss + "retinue", host);
  add(loss + "retinue behind autograd", behind_autograd);
  add(loss + "retinue over tensors", over_tensors);
  add(loss + "the seed's way in ATen", seed);
  add(mining + "retinue", mine);
  add(mining + "two full sorts", sort);
  add(matching + "retinue", sample_for_tensors<every_negative>);
  add(matching + "and mined", sample_for_tensors<hard_negatives>);
  add(matching + "over columns alone", match_over_columns);
  add(matching + "the seed's way in ATen", match_densely);
  for (const int classes : {1, 3, 80}) {
    const std::string focal =
        "focal loss of 43,008 negatives, value and slopes, classes: " + std::to_string(classes) +
        " | ";
    benchmark::RegisterBenchmark((focal + "retinue").c_str(), focal_of_negatives)->Arg(classes);
    benchmark::RegisterBenchmark((focal + "ATen").c_str(), focal_in_aten)->Arg(classes);
  }
  return true;
}();

}  // namespace
