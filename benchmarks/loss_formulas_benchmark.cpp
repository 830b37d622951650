// SPDX-License-Identifier: Apache-2.0
// One loss at a time, its value and its slope, one thread: the formulas over packets or numbers of
// host memory, against ATen's operation where there is one, else the same formula over columns;
// both with autograd's backward. 67,200 residuals or logits, and 4,244 pairs of boxes.
#include <benchmark/benchmark.h>
#include <torch/torch.h>
#include <retinue/backend/eigen.hpp>
#include <retinue/backend/libtorch.hpp>
#include <retinue/formulas/cross_entropy.hpp>
#include <retinue/formulas/focal.hpp>
#include <retinue/formulas/overlap_losses.hpp>
#include <retinue/formulas/residual.hpp>
#include <retinue/models/threads.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace retinue;
constexpr std::size_t lanes = 16;
using packet16 = Eigen::Array<float, lanes, 1>;

std::vector<float> drawn(std::size_t count, float least, float most)
{
  std::mt19937 random(1);
  std::uniform_real_distribution<float> between(least, most);
  std::vector<float> all(count);
  for (float& x : all) x = between(random);
  return all;
}

/// Values summed, and slopes written: with_slope(x, slope) of packets x.
template <class WithSlope>
auto over_packets(WithSlope with_slope)
{
  return [=](benchmark::State& state) {
    const auto x = drawn(67200, -4, 4);
    std::vector<float> slopes(x.size());
    for (auto _ : state) {
      packet16 sum = packet16::Zero();
      for (std::size_t i = 0; i < x.size(); i += lanes) {
        const packet16 now = packet16::Map(x.data() + i);
        packet16 slope = packet16::Zero();
        sum += with_slope(now, slope);
        packet16::Map(slopes.data() + i) = slope;
      }
      benchmark::DoNotOptimize(sum.sum());
      benchmark::ClobberMemory();
    }
  };
}

/// f(x) summed over a tensor of (rows, columns), and back through autograd.
template <class F>
auto through_autograd(std::vector<std::int64_t> shape, F f)
{
  return [=](benchmark::State& state) {
    use_threads(1);
    torch::manual_seed(1);
    const at::Tensor x = (torch::rand(shape) * 8 - 4).set_requires_grad(true);
    for (auto _ : state) {
      x.mutable_grad() = at::Tensor();
      f(x).sum().backward();
      benchmark::DoNotOptimize(x.grad().data_ptr());
    }
  };
}

void cross_entropy_of_numbers(benchmark::State& state)
{
  constexpr std::size_t classes = 21, rows = 3200;
  const auto x = drawn(rows * classes, -4, 4);
  std::vector<float> slopes(x.size());
  for (auto _ : state) {
    float sum = 0;
    for (std::size_t i = 0; i < rows; ++i)
      sum += softmax_cross_entropy(std::span<const float>(x).subspan(i * classes, classes),
                                   i % classes,
                                   std::span<float>(slopes).subspan(i * classes, classes));
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  }
}

std::vector<box<float>> drawn_boxes(std::size_t count, unsigned seed)
{
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> side(0.1f, 0.4f), place(0, 0.3f);
  std::vector<box<float>> all(count);
  for (box<float>& b : all) {
    b = {place(random), place(random), 0, 0};
    b.x2 = b.x1 + side(random), b.y2 = b.y1 + side(random);
  }
  return all;
}

constexpr std::size_t pairs = 4244;

template <class Loss>
void overlaps_of_numbers(benchmark::State& state)
{
  const auto found = drawn_boxes(pairs, 1), truths = drawn_boxes(pairs, 2);
  std::vector<box<float>> slopes(pairs);
  for (auto _ : state) {
    float sum = 0;
    for (std::size_t i = 0; i < pairs; ++i) {
      const auto said = with_slope(Loss{}, found[i], truths[i]);
      sum += said.value;
      slopes[i] = said.slope;
    }
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  }
}

template <class Loss>
void overlaps_of_columns(benchmark::State& state)
{
  use_threads(1);
  const auto columns = [](unsigned seed) {
    const auto boxes = drawn_boxes(pairs, seed);
    box<at::Tensor> all;
    for (std::size_t c = 0; c < 4; ++c) {
      all[c] = torch::empty({static_cast<std::int64_t>(pairs)});
      for (std::size_t i = 0; i < pairs; ++i) all[c].data_ptr<float>()[i] = boxes[i][c];
    }
    return all;
  };
  const box<at::Tensor> found = columns(1), truths = columns(2);
  for (std::size_t c = 0; c < 4; ++c) found[c].set_requires_grad(true);
  for (auto _ : state) {
    for (std::size_t c = 0; c < 4; ++c) found[c].mutable_grad() = at::Tensor();
    Loss{}(found, truths).sum().backward();
  }
}

[[maybe_unused]] const bool added = [] {
  const auto add = [](const std::string& of, auto ours, auto theirs, const char* name) {
    benchmark::RegisterBenchmark((of + " | retinue").c_str(), ours);
    benchmark::RegisterBenchmark((of + " | " + name).c_str(), theirs);
  };
  const smooth_l1 bent;
  const wing curve{3, 0.5};
  const sigmoid_focal focal;
  const std::vector<std::int64_t> flat{67200};
  add("smooth L1, both ways", over_packets([=](const packet16& x, packet16& slope) {
        slope = bent.slope(x);
        return packet16(bent.value(x));
      }),
      through_autograd(flat,
                       [](const at::Tensor& x) {
                         return at::smooth_l1_loss(x, at::zeros_like(x), at::Reduction::Sum);
                       }),
      "ATen's own");
  add(
      "wing, both ways",
      [=](benchmark::State& state) {
        const auto x = drawn(67200, -4, 4);
        std::vector<float> slopes(x.size());
        for (auto _ : state) {
          packet16 sum = packet16::Zero();
          for (std::size_t i = 0; i < x.size(); i += lanes) {
            sum += curve.value(packet16(packet16::Map(x.data() + i)));
            for (std::size_t k = i; k < i + lanes; ++k) slopes[k] = curve.slope(x[k]);
          }
          benchmark::DoNotOptimize(sum.sum());
          benchmark::ClobberMemory();
        }
      },
      through_autograd(flat, [=](const at::Tensor& x) { return curve.value(x); }), "ATen");
  add("sigmoid focal, both ways", over_packets([=](const packet16& x, packet16& slope) {
        return focal.with_slope(x, packet16(packet16::Ones()), slope);
      }),
      through_autograd(flat,
                       [](const at::Tensor& x) {
                         return at::log_sigmoid(x) * (1 - at::sigmoid(x)).square() * -0.25;
                       }),
      "ATen");
  add("cross-entropy of 21 classes, both ways", cross_entropy_of_numbers,
      through_autograd({3200, 21},
                       [](const at::Tensor& x) {
                         return at::cross_entropy_loss(x, at::arange(x.size(0)).remainder(21), {},
                                                       at::Reduction::Sum);
                       }),
      "ATen's own");
  add("1 - iou, both ways", overlaps_of_numbers<iou_loss>, overlaps_of_columns<iou_loss>, "ATen");
  add("1 - giou, both ways", overlaps_of_numbers<giou_loss>, overlaps_of_columns<giou_loss>,
      "ATen");
  add("1 - ciou, both ways", overlaps_of_numbers<ciou_loss>, overlaps_of_columns<ciou_loss>,
      "ATen");
  add("eiou, both ways", overlaps_of_numbers<eiou_loss>, overlaps_of_columns<eiou_loss>, "ATen");
  add("siou, both ways", overlaps_of_numbers<siou_loss>, overlaps_of_columns<siou_loss>, "ATen");
  return true;
}();

}  // namespace
