// SPDX-License-Identifier: Apache-2.0
// What a network costs on a CUDA device by way of LibTorch, and what is added to it: matching and
// the loss, both ways, by programs, by tables of LibTorch's and as seeds 000 to 003 write them; a
// step of training beside the bare network's, launched and as a graph; detections beside the
// network's outputs. RetinaFace on MobileNet 0.25, and a step of SSD300 on ResNet-50. Without a
// device it says so and ends.
//
// With `--write FOLDER` the outputs and truths of the loss are left there as plain floats, and its
// total, for report.py to compare with what Python's torch makes of them.
#include "../seed_loss.hpp"
#include "timing.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/libtorch_team.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses/libtorch_team.hpp>
#include <retinue/models/bodies.hpp>
#include <retinue/models/retinaface.hpp>
#include <retinue/models/ssd.hpp>
#include <retinue/models/threads.hpp>
#include <retinue/train/cuda_graph.hpp>
#include <retinue/train/device_update.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/optimizers.hpp>

#include <torch/torch.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using namespace retinue;

namespace {

using face5 = schemas::face5;
using settings = multibox_settings<face5>;
using truths_of_batch = std::vector<std::vector<instance<face5>>>;
constexpr std::size_t truths_of_image = 10;

template <class Schema>
std::vector<std::vector<instance<Schema>>> drawn_truths(std::int64_t images)
{
  std::mt19937 random(3);
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<std::vector<instance<Schema>>> all;
  for (std::int64_t b = 0; b < images; ++b)
    for (instance<Schema>& truth : all.emplace_back(truths_of_image)) {
      const float side = 0.02f + 0.2f * unit(random);
      const float x = unit(random), y = unit(random);
      truth.bounds = {x - side / 2, y - 0.6f * side, x + side / 2, y + 0.6f * side};
      truth.visible.fill(true);
      for (std::size_t c = 0; c < Schema::count * Schema::dimension; ++c)
        truth.points[c] = c % 2 ? y : x;
    }
  return all;
}

#if RETINUE_HAS_TORCH_CUDA
/// A graph of what a call has the device do; of a second one, for the first takes memory.
class recorded_call {
 public:
  template <class Work>
  explicit recorded_call(const Work& work)
  {
    work();
    recorder_.record(work);
  }
  void operator()() { recorder_.play(); }

 private:
  cuda_graph_recorder recorder_{at::Device(at::kCUDA, 0)};
};
#endif

template <class Blocks, class Clock>
class benchmark {
 public:
  benchmark(lines& say, at::Device device, std::int64_t images, int side, std::string folder)
      : say_(say),
        device_(device),
        images_(images),
        side_(side),
        folder_(std::move(folder)),
        layout_(source_, {side, side}),
        truths_(drawn_truths<face5>(images))
  {
    torch::manual_seed(1);
  }

  void losses()
  {
    const auto rows = static_cast<std::int64_t>(layout_.size());
    const auto drawn = [&](std::int64_t width) {
      return torch::randn({images_, rows, width}).to(device_).set_requires_grad(true);
    };
    const network_outputs said{drawn(2), drawn(4), drawn(10)};
    const std::vector<at::Tensor> inputs{said.scores.values, said.boxes.values, said.points.values};
    const auto both_ways = [&](const at::Tensor& total) {
      return torch::autograd::grad({total}, inputs);
    };
    objective<settings, overlap_matcher, square_anchors, Blocks> by_programs(source_);
    objective<settings> by_tables(source_);
    const std::string loss = "matching and loss both ways" + of_images(images_, side_) + ": ";
    const auto programs = [&] { both_ways(by_programs(said, size(), truths()).total); };
    takes(loss + "programs", programs);
    if constexpr (on_cuda) {
      by_programs.send(truths());
      recorded_call graph([&] { both_ways(by_programs(said).total); });
      takes(loss + "programs as a graph, truths sent before", [&] { graph(); });
    }
    takes(loss + "tables", [&] { both_ways(by_tables(said, size(), truths()).total); });
    const seed_inputs seed(layout_, truths_, device_);
    takes(loss + "the seeds' way in ATen", [&] { both_ways(seed_total(said, seed)); });

    // Their matching has defects of its own.
    objective<settings, overlap_matcher, square_anchors, Blocks> as_seeds(
        source_, {}, overlap_matcher::reference());
    const auto ours = as_seeds(said, size(), truths()).total.template item<double>(),
               theirs = seed_total(said, seed).template item<double>();
    if (std::abs(ours - theirs) > 1e-4 * std::abs(theirs))
      fail("the loss by programs, matched as seeds 000 to 003 match, is ", ours, ", expected ",
           theirs);
    if (!folder_.empty()) {
      const char* const names[] = {"scores", "boxes", "points"};
      for (std::size_t i = 0; i < 3; ++i) write(names[i], inputs[i]);
      write("truths", torch::cat({torch::stack(seed.boxes), torch::stack(seed.marks)}, 2));
      write("anchors", seed.anchors);
      write("total", torch::tensor(ours, at::kFloat));
    }
  }

  void steps(precision compute)
  {
    retinaface<face5> network;
    objective<settings, overlap_matcher, square_anchors, Blocks> aim(source_);
    steps_of("a step of training" + of_images(images_, side_), network, aim, truths_,
             drawn_images(images_, side_), compute);
  }

  /// SSD300 on the first stages of ResNet-50, which has 38 cells a side, then 19 and 10.
  void steps_of_ssd(precision compute)
  {
    const std::int64_t images = on_cuda ? 128 : 2;
    auto extras = ssd300_extras();
    extras.erase(extras.begin());
    ssd network({.body = body_named("resnet50", 0),
                 .body_name = "body",
                 .unit_length = false,
                 .extras = std::move(extras)});
    using boxes = multibox_settings<schemas::none>;
    objective<boxes, overlap_matcher, default_boxes, Blocks> aim(
        default_boxes::ssd300(), boxes::ssd(), overlap_matcher::ssd());
    const auto truths = drawn_truths<schemas::none>(images);
    steps_of("a step of SSD300 on ResNet-50" + of_images(images, 300), network, aim, truths,
             drawn_images(images, 300), compute);
  }

  void detections(precision compute)
  {
    const std::string finding = "detection" + of_images(images_, side_) + in(compute) + ": ";
    const at::Tensor planes = drawn_images(images_, side_);
    const c10::InferenceMode no_gradients;
    retinaface<face5> network;
    network.to(device_);
    network.eval();
    const auto outputs_now = [&] {
      const autocast_scope casting(compute, device_.type());
      return network.forward(planes);
    };
    takes(finding + "the network alone", [&] { static_cast<void>(outputs_now()); });
    // Scores as a trained network's: few are above the floor. The rest as it comes.
    const network_outputs first = outputs_now();
    const at::Tensor scores = (torch::randn({images_, first.scores.values.size(1), 2}) * 1.2)
                                  .to(device_)
                                  .to(first.scores.values.scalar_type());
    using over = torch_team_backend<Blocks>;
    detector<face5, over, square_anchors, centre_size_coder, greedy_suppressor<>, softmax_labels>
        find(source_, {.score = 0.95f}, {}, over(device_));
    const std::vector<frame> frames(static_cast<std::size_t>(images_), frame::unscaled(size()));
    std::vector<std::vector<detection<face5>>> found;
    takes(finding + "and what it finds, on the host", [&] {
      const network_outputs said = outputs_now();
      outputs<over> seen{.scores = scores, .boxes = said.boxes, .points = said.points};
      seen.maps = said.maps;
      find(seen, frames, found);
    });
  }

 private:
  static constexpr bool on_cuda = device_of_blocks<Blocks>() == at::kCUDA;

  /// What the seeds' matching takes: boxes and landmarks of each image.
  struct seed_inputs {
    at::Tensor anchors;
    std::vector<at::Tensor> boxes, marks;

    seed_inputs(const anchor_layout& layout, const truths_of_batch& truths, at::Device device)
    {
      const auto rows = static_cast<std::int64_t>(layout.size());
      anchors = torch::empty({rows, 4});
      for (std::int64_t a = 0; a < rows; ++a)
        for (std::int64_t c = 0; c < 4; ++c)
          anchors.data_ptr<float>()[a * 4 + c] =
              layout.anchors()[static_cast<std::size_t>(a)][static_cast<std::size_t>(c)];
      anchors = anchors.to(device);
      for (const auto& image : truths) {
        at::Tensor box = torch::empty({static_cast<std::int64_t>(image.size()), 4}),
                   mark = torch::empty({static_cast<std::int64_t>(image.size()), 10});
        for (std::size_t t = 0; t < image.size(); ++t) {
          for (std::size_t c = 0; c < 4; ++c) box.data_ptr<float>()[t * 4 + c] = image[t].bounds[c];
          for (std::size_t c = 0; c < 10; ++c)
            mark.data_ptr<float>()[t * 10 + c] = image[t].points[c];
        }
        boxes.push_back(box.to(device));
        marks.push_back(mark.to(device));
      }
    }
  };

  [[nodiscard]] static at::Tensor seed_total(const network_outputs& said, const seed_inputs& of)
  {
    std::vector<dense_match> matched;
    for (std::size_t b = 0; b < of.boxes.size(); ++b)
      matched.emplace_back(of.boxes[b], of.marks[b], of.anchors);
    return seed_loss(said.boxes.values, said.scores.values, said.points.values,
                     dense_targets(matched));
  }

  template <class Network, class Objective, class Schema>
  void steps_of(std::string step, Network& network, Objective& aim,
                const std::vector<std::vector<instance<Schema>>>& of_images,
                const at::Tensor& planes, precision compute)
  {
    step += in(compute) + ": ";
    const std::span<const std::vector<instance<Schema>>> truths(of_images);
    const auto images = of_images.size();
    const extent2 size{static_cast<int>(planes.size(3)), static_cast<int>(planes.size(2))};
    network.to(device_);
    network.train();
    const auto lay = [](const named_tensors& named) {
      std::vector<at::Tensor> tensors;
      for (const auto& [name, tensor] : named) tensors.push_back(tensor);
      lay_side_by_side(tensors);
    };
    lay(retinue::detail::named_state(network));
    sgd optimize(network);
    lay(optimize.state());
    const at::Tensor number = at::zeros({}, at::TensorOptions(at::kDouble).device(device_)),
                     rate = at::full_like(number, 1e-6);
    // A total of the same slope everywhere: the network's own work is all that is left.
    const auto bare = [&] {
      network.zero_grad();
      const network_outputs said = retinue::detail::outputs_of(network, planes, compute);
      at::Tensor total = said.boxes.values.sum() + said.scores.values.sum();
      if (said.points.values.defined()) total = total + said.points.values.sum();
      (total * 1e-6).backward();
      optimize(number, rate);
    };
    takes(step + "the network alone", bare, images);
    device_update<sgd> update(device_, optimize, nullptr, nullptr, 0);
    takes(
        step + "matching, loss and checks as well",
        [&] {
          network.zero_grad();
          const network_outputs said = retinue::detail::outputs_of(network, planes, compute);
          update.learn(retinue::detail::named_terms(aim(said, size, truths)), 1);
          static_cast<void>(update.finish(1, 1e-6));
        },
        images);
    if constexpr (on_cuda) {
      recorded_call graph(bare);
      takes(step + "the network alone, as a graph", [&] { graph(); }, images);
      cuda_graph_recorder recorder(device_);
      const auto play = [&] {
        static_cast<void>(
            update.recorded(recorder, network, compute, aim, planes, truths, 1, 1e-6));
      };
      for (int launched = 0; launched < 4; ++launched) play();
      takes(step + "all of it, as a graph", play, images);
    }
  }

  template <class Work>
  void takes(const std::string& what, const Work& work, std::size_t images)
  {
    work();  // takes memory and chooses algorithms
    say_.takes(what, time_(work), images);
  }
  template <class Work>
  void takes(const std::string& what, const Work& work)
  {
    takes(what, work, static_cast<std::size_t>(images_));
  }

  [[nodiscard]] static std::string of_images(std::int64_t images, int side)
  {
    return ", " + std::to_string(images) + " of " + std::to_string(side);
  }
  [[nodiscard]] static std::string in(precision compute)
  {
    return compute == precision::bfloat16 ? ", bfloat16" : ", float32";
  }
  [[nodiscard]] extent2 size() const { return {side_, side_}; }
  [[nodiscard]] std::span<const std::vector<instance<face5>>> truths() const { return truths_; }
  [[nodiscard]] at::Tensor drawn_images(std::int64_t images, int side) const
  {
    return (torch::randn({images, 3, side, side}) * 60)
        .to(device_)
        .contiguous(at::MemoryFormat::ChannelsLast);
  }

  void write(const std::string& name, const at::Tensor& numbers) const
  {
    const at::Tensor here = numbers.detach().to(at::kFloat).cpu().contiguous();
    std::ofstream out(folder_ + "/" + name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(here.data_ptr<float>()),
              static_cast<std::streamsize>(here.numel() * 4));
    if (!out.flush()) fail(folder_, "/", name, ": cannot be written");
  }

  lines& say_;
  at::Device device_;
  std::int64_t images_;
  int side_;
  std::string folder_;
  square_anchors source_ = square_anchors::retinaface();
  anchor_layout layout_;
  truths_of_batch truths_;
  Clock time_;
};

template <class Blocks, class Clock>
void measure(lines& say, at::Device device, std::int64_t images, int side, const std::string& to)
{
  benchmark<Blocks, Clock> all(say, device, images, side, to);
  all.losses();
  for (const precision compute : {precision::float32, precision::bfloat16}) {
    all.steps(compute);
    all.detections(compute);
  }
  all.steps_of_ssd(precision::bfloat16);
}

}  // namespace

int main(int count, char** values)
try {
  std::string folder;
  if (count > 2 && std::string(values[count - 2]) == "--write") {
    folder = values[count - 1];
    count -= 2;
  }
  const asked want(count, values);
  if (!want.understood) fail("expected --json, --rehearse, and --write FOLDER at last, or nothing");
  lines say(want.json);
  if (want.rehearse) {
    use_threads(1);
    measure<host_blocks, host_clock>(say, at::kCPU, 2, 128, folder);
    return 0;
  }
#if RETINUE_HAS_TORCH_CUDA
  if (torch::cuda::is_available()) {
    measure<torch_cuda_blocks, device_clock>(say, at::Device(at::kCUDA, 0), 32, 640, folder);
    return 0;
  }
#endif
  std::puts("skipped: there is no CUDA device");
} catch (const retinue::error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
