// SPDX-License-Identifier: Apache-2.0
// A LibTorch with CUDA, its stream, and the programs that programs.cu names: on a device the loss
// is that of the host, and so are detections.
#include "catch.hpp"
#include "loss_batches.hpp"

#include <retinue/backend/libtorch_team.hpp>
#include <retinue/detect.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/libtorch_team.hpp>
#include <retinue/models/network.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/random.hpp>
#include <retinue/train/cuda_graph.hpp>
#include <retinue/train/log.hpp>
#include <retinue/train/meeting.hpp>
#if RETINUE_HAS_NCCL
#include <retinue/train/nccl_group.hpp>
#endif
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>
#include <retinue/train/schedules.hpp>
#include <retinue/train/side_copies.hpp>
#include <retinue/train/trainer.hpp>

#include <torch/torch.h>
#include <unistd.h>  // getpid

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

static_assert(RETINUE_HAS_TORCH_CUDA, "LibTorch was built without CUDA");

using namespace retinue;
using face5 = schemas::face5;

TEST_CASE("a loss on a CUDA device is the host's, in every precision")
{
  if (!torch::cuda::is_available()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
  using settings = multibox_settings<face5>;
  const extent2 size{160, 160};
  const square_anchors source = square_anchors::retinaface();
  const anchor_layout layout(source, size);
  const auto batch = test::random_batch<face5>(layout, 2, {4, 0, 30});
  const auto rows = static_cast<std::int64_t>(layout.size());
  objective<settings, overlap_matcher, square_anchors, torch_cuda_blocks> ours(source);
  objective<settings> host(source);
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const auto drawn = [&](std::int64_t width) { return at::randn({3, rows, width}).to(type); };
    const auto there = [](const at::Tensor& t) { return t.to(at::kCUDA).set_requires_grad(true); };
    const auto here = [](const at::Tensor& t) {
      return t.to(at::kFloat).clone().set_requires_grad(true);
    };
    const at::Tensor scores = drawn(2), boxes = drawn(4), points = drawn(10);
    const network_outputs on_device{there(scores), there(boxes), there(points)},
        on_host{here(scores), here(boxes), here(points)};
    const tensor_terms found = ours(on_device, size, batch.truths),
                       want = host(on_host, size, batch.truths);
    found.total.backward();
    want.total.backward();
    CHECK(std::abs(found.total.item<double>() - want.total.item<double>()) < 1e-5);
    CHECK(at::allclose(on_device.boxes.values.grad().cpu().to(at::kFloat),
                       on_host.boxes.values.grad(), 1e-2, 1e-6));
    CHECK(at::allclose(on_device.points.values.grad().cpu().to(at::kFloat),
                       on_host.points.values.grad(), 1e-2, 1e-6));
    CHECK(at::allclose(on_device.scores.values.grad().cpu().to(at::kFloat),
                       on_host.scores.values.grad(), 1e-2, 1e-6));
  }
}

TEST_CASE("a detector on a CUDA device finds what the host's finds")
{
  if (!torch::cuda::is_available()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
  const extent2 size{160, 160};
  const square_anchors source = square_anchors::retinaface();
  const auto rows = static_cast<std::int64_t>(make_anchors(source, size).size());
  const at::Tensor scores = at::randn({1, rows, 2}), boxes = at::randn({1, rows, 4}),
                   points = at::randn({1, rows, 10});
  using over = torch_team_backend<torch_cuda_blocks>;
  detector<face5, over, square_anchors, centre_size_coder, greedy_suppressor<>, softmax_labels>
      ours(source, {.score = 0.5f}, {}, over(at::Device(at::kCUDA, 0)));
  detector<face5, host_backend, square_anchors, centre_size_coder, greedy_suppressor<>,
           softmax_labels>
      host(source, {.score = 0.5f});
  const auto found =
      ours(outputs<over>{.scores = scores.cuda(), .boxes = boxes.cuda(), .points = points.cuda()},
           frame::unscaled(size));
  const network_outputs said{scores, boxes, points};
  const host_outputs<> view(said);
  const auto want = host(view.said, frame::unscaled(size));
  REQUIRE(found.size() == want.size());
  for (std::size_t k = 0; k < want.size(); ++k) {
    CHECK(std::abs(found[k].score - want[k].score) < 1e-6f);
    CHECK(iou(found[k].bounds, want[k].bounds) > 0.999f);
  }
}

TEST_CASE("what is sent beside the work of a CUDA device arrives whole, batch after batch")
{
  if (!torch::cuda::is_available()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
  side_copies<> send(at::kCUDA);
  REQUIRE(send.pins());
  at::Tensor work = at::randn({2048, 2048}, at::kCUDA);
  std::vector<at::Tensor> sums;
  for (std::int64_t k = 0; k < 50; ++k) {
    const at::Tensor planes = at::full({4 << 20}, static_cast<float>(k),
                                       at::TensorOptions(at::kFloat).pinned_memory(true));
    const at::Tensor there = send(planes);
    work = at::matmul(work, work).tanh();  // so that copies come before what uses them
    sums.push_back(at::stack({there.min(), there.max()}));
  }
  for (std::size_t k = 0; k < sums.size(); ++k)
    CHECK((sums[k].cpu() == static_cast<float>(k)).all().item<bool>());
}

namespace {
/// Noise with a few faces in it, more in some pictures than in others.
struct drawn_source {
  using schema = face5;

  [[nodiscard]] static std::size_t size() { return 24; }
  training_sample<face5> operator()(std::uint64_t epoch, std::size_t i) const
  {
    keyed_random random(5, epoch, i);
    training_sample<face5> made{"drawn", {64, 64}, std::vector<float>(3 * 64 * 64), {}};
    for (float& v : made.planes) v = static_cast<float>(random.uniform(-100, 100));
    for (std::size_t t = 0; t <= i % 5; ++t) {
      const auto x = static_cast<float>(random.uniform(0, 0.5));
      made.truths.emplace_back().bounds = {x, x / 2, x + 0.4f, x / 2 + 0.5f};
    }
    return made;
  }
};
}  // namespace

TEST_CASE("updates that are a CUDA graph are those that are launched")
{
  if (!torch::cuda::is_available()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
  const auto folder =
      std::filesystem::temp_directory_path() / ("retinue_torch_cuda_" + std::to_string(::getpid()));
  const auto trained = [&](const char* name, step_recorder* recorder) {
    torch::manual_seed(3);
    const auto network = std::make_shared<retinaface<face5>>();
    network->to(at::kCUDA);
    using aim =
        objective<multibox_settings<face5>, overlap_matcher, square_anchors, torch_cuda_blocks>;
    trainer run(network, aim(square_anchors::retinaface()), sgd(*network), folder / name,
                {.epochs = 2,
                 .batch = 4,
                 .workers = 0,
                 .average = 0.9,
                 .device = at::kCUDA,
                 .fetch_every = 4,
                 .recorder = recorder});
    run(drawn_source(), cosine_rate{.base = 1e-3, .steps = 12});
    return read_log(folder / name / "log.jsonl");
  };
  cuda_graph_recorder recorder;
  const auto launched = trained("launched", nullptr), played = trained("played", &recorder);
  std::filesystem::remove_all(folder);
  REQUIRE(launched.size() == 12);
  REQUIRE(played.size() == 12);
  for (std::size_t k = 0; k < launched.size(); ++k) {
    CHECK(played[k].positives == launched[k].positives);
    CHECK(std::abs(played[k].total - launched[k].total) < 1e-3 * launched[k].total);
  }
}

TEST_CASE("a process that is alone on its CUDA device has met all, and adds up its own")
{
#if !RETINUE_HAS_NCCL
  std::puts("not built: there is no header of NCCL");
#else
  if (!torch::cuda::is_available()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
  nccl_group all(meeting{.port = 29517, .rank = 0, .size = 1});
  const at::Tensor numbers = at::arange(5, at::TensorOptions(at::kFloat).device(at::kCUDA));
  all.sum(numbers);
  all.take_first(numbers);
  CHECK(at::equal(numbers.cpu(), at::arange(5, at::kFloat)));
#endif
}
