// SPDX-License-Identifier: Apache-2.0
// Several processes that train one network: the same samples, the same weights, one sentence each.
#include "catch.hpp"
#include "thread_group.hpp"

#include <retinue/error.hpp>
#include <retinue/models/batch_norm.hpp>
#include <retinue/models/convolution.hpp>
#include <retinue/models/network.hpp>
#include <retinue/train/gradient_sums.hpp>
#include <retinue/train/log.hpp>
#include <retinue/train/objective.hpp>
#include <retinue/train/trainer.hpp>
#if RETINUE_HAS_GLOO
#include <retinue/train/gloo_group.hpp>
#endif

#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace retinue;
namespace fs = std::filesystem;

namespace {

using plain = schemas::none;
using aim = objective<multibox_settings<plain>>;

/// Two convolutions with batch normalization, and one that says it all: small enough that rounding
/// stays rounding. In the deep networks with random weights a change of 1e-7 grows to 1e-3 within
/// two updates, whoever makes it.
struct small_network : torch::nn::Module {
  using schema = plain;
  static constexpr double below = 0.5;  ///< slope of the activation

  convolution_unit first{
      *this, "conv1", "norm1", {.in = 3, .out = 8, .kernel = 3, .stride = 4}, below};
  convolution_unit second{
      *this, "conv2", "norm2", {.in = 8, .out = 16, .kernel = 3, .stride = 2}, below};
  torch::nn::Conv2d head =
      register_module("head", torch::nn::Conv2d(torch::nn::Conv2dOptions(16, 2 * 6, 1)));

  network_outputs forward(const at::Tensor& images)
  {
    const at::Tensor map = head(second(first(images / 50)));
    const at::Tensor rows = map.permute({0, 2, 3, 1}).reshape({images.size(0), -1, 6});
    network_outputs said;
    said.scores = tensor_output(rows.slice(2, 0, 2).contiguous());
    said.boxes = tensor_output(rows.slice(2, 2, 6).contiguous());
    said.maps = {{static_cast<int>(map.size(2)), static_cast<int>(map.size(3))}};
    return said;
  }
};

square_anchors small_anchors()
{
  return {.level = {{8, {24, 32}}}};
}

struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_processes_" + std::to_string(::getpid()));
  scratch()
  {
    fs::remove_all(path);
    at::set_num_threads(1);
  }
  ~scratch() { fs::remove_all(path); }
};

/// Which samples were asked for, by epoch and number.
struct asked_samples {
  std::mutex mutex;
  std::set<std::pair<std::uint64_t, std::size_t>> all;
};

/// A bright square on noise; what it is depends on (epoch, i) alone.
struct square_source {
  using schema = plain;
  std::size_t count = 9;
  std::set<std::size_t> unreadable{};
  asked_samples* asked = nullptr;
  std::atomic<int>* terminate_in = nullptr;  ///< the process, after so many samples

  [[nodiscard]] std::size_t size() const { return count; }
  training_sample<plain> operator()(std::uint64_t epoch, std::size_t i) const
  {
    if (asked) {
      const std::lock_guard lock(asked->mutex);
      asked->all.emplace(epoch, i);
    }
    if (terminate_in && --*terminate_in == 0) ::raise(SIGTERM);
    if (unreadable.contains(i)) fail("square", i, ": not a picture");
    keyed_random random(5, epoch, i);
    training_sample<plain> made{"square" + std::to_string(i), {64, 64}, {}, {}};
    made.planes.resize(std::size_t{3} * 64 * 64);
    for (float& v : made.planes) v = static_cast<float>(random.uniform(-50, 50));
    instance<plain> truth;
    const auto x = static_cast<float>(random.uniform(0, 0.5)), y = x / 2;
    truth.bounds = {x, y, x + 0.4f, y + 0.5f};
    made.truths.push_back(truth);
    return made;
  }
};

std::shared_ptr<small_network> seeded_network()
{
  static std::mutex one;  // the seed is everybody's
  const std::lock_guard lock(one);
  torch::manual_seed(3);
  return std::make_shared<small_network>();
}

struct ended_run {
  std::vector<at::Tensor> parameters;
  training_report report;
};

/// What a training makes of the weights.
ended_run run_in(const fs::path& folder, const training_settings& settings,
                 const square_source& source = {}, bool resume = false)
{
  const auto net = seeded_network();
  trainer run(net, aim(small_anchors()), sgd(*net), folder, settings);
  if (resume) run.resume();
  ended_run ended;
  ended.report = run(source, constant_rate{1e-3});
  for (const at::Tensor& p : net->parameters()) ended.parameters.push_back(p.detach().clone());
  return ended;
}

double furthest(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b)
{
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, (a[i] - b[i]).abs().max().item<double>());
  return most;
}

void check_all_ended_well(const std::vector<std::string>& ends)
{
  for (const std::string& end : ends) CHECK(end == "");
}

}  // namespace

TEST_CASE("two processes are one whose batch goes in two parts")
{
  const scratch room;
  const training_settings settings{.epochs = 5, .batch = 4, .workers = 0};
  auto one = settings;
  one.parts = 2;
  const auto expected = run_in(room.path / "one", one);
  std::vector<ended_run> ended(2);
  check_all_ended_well(together(2, [&](process_group& group) {
    auto own = settings;
    own.group = &group;
    ended[static_cast<std::size_t>(group.rank())] = run_in(room.path / "two", own);
  }));
  for (const ended_run& of : ended) {
    CHECK(of.report.finished());
    CHECK(furthest(of.parameters, expected.parameters) == 0);
  }
  const auto lines = read_log(room.path / "two" / "log.jsonl"),
             single = read_log(room.path / "one" / "log.jsonl");
  REQUIRE(lines.size() == 10);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i].positives == single[i].positives);
    CHECK(lines[i].total == single[i].total);
    CHECK(lines[i].gradient == single[i].gradient);
  }
}

TEST_CASE("processes that share statistics are one, whatever their number")
{
  const scratch room;
  const training_settings settings{
      .epochs = 25, .batch = 4, .workers = 0, .share_statistics = true};
  const auto expected = run_in(room.path / "one", settings, {.count = 8});
  for (const int size : {2, 4}) {
    std::vector<ended_run> ended(static_cast<std::size_t>(size));
    check_all_ended_well(together(size, [&](process_group& group) {
      auto own = settings;
      own.group = &group;
      ended[static_cast<std::size_t>(group.rank())] =
          run_in(room.path / std::to_string(size), own, {.count = 8});
    }));
    for (const ended_run& of : ended) {
      CHECK(furthest(of.parameters, ended[0].parameters) == 0);
      CAPTURE(size, furthest(of.parameters, expected.parameters));
      CHECK(of.report.step == 50);
      CHECK(furthest(of.parameters, expected.parameters) < 1e-5);
    }
  }
}

TEST_CASE("shared statistics are LibTorch's own of the whole batch, slopes too")
{
  torch::manual_seed(2);
  const at::Tensor x = torch::randn({5, 3, 4, 6}) * 2 + 1, slopes = torch::randn({5, 3, 4, 6});
  const auto given = [&](auto& norm) {
    const torch::NoGradGuard no_gradients;
    norm->weight.copy_(torch::tensor({0.5f, 2.0f, -1.0f}));
    norm->bias.copy_(torch::tensor({0.1f, 0.2f, 0.3f}));
  };
  torch::nn::BatchNorm2d whole(3);
  given(whole);
  const at::Tensor input = x.clone().set_requires_grad(true);
  const at::Tensor expected = whole(input);
  expected.backward(slopes);

  std::vector<at::Tensor> outputs(2), by_input(2), by_weight(2), means(2), variances(2);
  check_all_ended_well(together(2, [&](process_group& group) {
    const auto rank = static_cast<std::size_t>(group.rank());
    const std::int64_t from = rank == 0 ? 0 : 3, to = rank == 0 ? 3 : 5;  // 3 and 2 of them
    shared_batch_norm norm(3);
    given(norm);
    norm->share(&group);
    const at::Tensor own = x.slice(0, from, to).clone().set_requires_grad(true);
    outputs[rank] = norm(own);
    outputs[rank].backward(slopes.slice(0, from, to));
    by_input[rank] = own.grad();
    by_weight[rank] = norm->weight.grad();
    means[rank] = norm->running_mean;
    variances[rank] = norm->running_var;
  }));
  CHECK(at::allclose(at::cat({outputs[0], outputs[1]}), expected, 1e-5, 1e-6));
  CHECK(at::allclose(at::cat({by_input[0], by_input[1]}), input.grad(), 1e-4, 1e-6));
  CHECK(at::allclose(by_weight[0] + by_weight[1], whole->weight.grad(), 1e-5, 1e-5));
  for (std::size_t rank = 0; rank < 2; ++rank) {
    CHECK(at::allclose(means[rank], whole->running_mean, 1e-6, 1e-7));
    CHECK(at::allclose(variances[rank], whole->running_var, 1e-6, 1e-7));
  }
}

TEST_CASE("gradients are summed in buckets of any size, and who has none takes the others'")
{
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{200}, std::size_t{1} << 20}) {
    std::vector<std::vector<at::Tensor>> grads(3);
    check_all_ended_well(together(3, [&](process_group& group) {
      std::vector<at::Tensor> p;
      for (const std::int64_t n : {1, 30, 7, 2})
        p.push_back(torch::ones({n}).set_requires_grad(true));
      gradient_sums sums(p, group, bytes);
      for (int update = 0; update < 2; ++update) {
        for (at::Tensor& one : p) one.mutable_grad() = at::Tensor();
        sums.begin();
        // p[3] is used by process 1 alone, p[2] by nobody.
        at::Tensor total = p[0].sum() * (group.rank() + 1) + (p[1] * p[1]).sum();
        if (group.rank() == 1) total = total + p[3].sum() * 10;
        total.backward();
        sums.finish();
      }
      for (const at::Tensor& one : p)
        grads[static_cast<std::size_t>(group.rank())].push_back(one.grad());
    }));
    for (const auto& of : grads) {
      CHECK(of[0].item<float>() == 6);
      CHECK((of[1] == 6).all().item<bool>());
      CHECK_FALSE(of[2].defined());
      CHECK((of[3] == 10).all().item<bool>());
    }
  }
}

TEST_CASE("an epoch has the same samples whatever the number of processes")
{
  const scratch room;
  asked_samples single;
  (void)run_in(room.path / "one", {.epochs = 2, .batch = 4, .workers = 0}, {9, {}, &single});
  REQUIRE(single.all.size() == 16);
  for (const int size : {2, 3}) {
    std::vector<asked_samples> asked(static_cast<std::size_t>(size));
    check_all_ended_well(together(size, [&](process_group& group) {
      (void)run_in(room.path / std::to_string(size),
                   {.epochs = 2, .batch = 4, .workers = 1, .group = &group},
                   {9, {}, &asked[static_cast<std::size_t>(group.rank())]});
    }));
    std::set<std::pair<std::uint64_t, std::size_t>> all;
    std::size_t sum = 0;
    for (const asked_samples& of : asked) {
      all.insert(of.all.begin(), of.all.end());
      sum += of.all.size();
    }
    CHECK(sum == 16);  // nobody's twice
    CHECK(all == single.all);
  }
}

TEST_CASE("a run that was stopped goes on with another number of processes")
{
  const scratch room;
  const training_settings settings{.epochs = 6, .batch = 4, .workers = 0, .share_statistics = true};
  const auto expected = run_in(room.path / "one", settings);
  std::atomic<int> left = 20;
  check_all_ended_well(together(2, [&](process_group& group) {
    auto own = settings;
    own.group = &group;
    square_source source;
    source.terminate_in = &left;
    const auto ended = run_in(room.path / "two", own, source);
    CHECK(ended.report.signal == SIGTERM);
    CHECK(ended.report.step > 0);
    CHECK(ended.report.step < 12);
  }));
  std::vector<ended_run> ended(3);
  check_all_ended_well(together(3, [&](process_group& group) {
    auto own = settings;
    own.group = &group;
    ended[static_cast<std::size_t>(group.rank())] = run_in(room.path / "two", own, {}, true);
  }));
  for (const ended_run& of : ended) {
    CHECK(of.report.finished());
    CHECK(furthest(of.parameters, expected.parameters) < 1e-5);
  }
  CHECK(read_log(room.path / "two" / "log.jsonl").size() == 12);
}

TEST_CASE("an update for which one process could read nothing is left out by all")
{
  const scratch room;
  std::vector<ended_run> ended(2);
  square_source source{.count = 8, .unreadable = {0, 1, 2}};
  check_all_ended_well(together(2, [&](process_group& group) {
    ended[static_cast<std::size_t>(group.rank())] =
        run_in(room.path, {.epochs = 8, .batch = 4, .workers = 0, .group = &group}, source);
  }));
  CHECK(ended[0].report.step == 16);
  CHECK(ended[0].report.skipped + ended[1].report.skipped == 24);
  CHECK(furthest(ended[0].parameters, ended[1].parameters) == 0);
  std::size_t expected = 0;
  for (std::uint64_t epoch = 0; epoch < 8; ++epoch) {
    const auto order = epoch_order(8, 1, epoch);
    for (std::size_t update = 0; update < 2; ++update) {
      const auto unread = [&](std::size_t part) {  // both samples of a process
        const std::size_t at = update * 4 + part * 2;
        return order[at] < 3 && order[at + 1] < 3;
      };
      expected += unread(0) || unread(1) ? 0 : 1;
    }
  }
  CHECK(expected < 16);
  CHECK(read_log(room.path / "log.jsonl").size() == expected);
}

TEST_CASE("processes that train otherwise, or are too many, end in one sentence")
{
  const scratch room;
  const auto other = together(2, [&](process_group& group) {
    (void)run_in(room.path / "a", {.epochs = 2,
                                   .batch = 4,
                                   .workers = 0,
                                   .seed = 1 + static_cast<std::uint64_t>(group.rank()),
                                   .group = &group});
  });
  CHECK(other[1].find("process 1 trains with seed 2, 9 samples, batches of 4, 2 epochs, and "
                      "process 0 otherwise") != std::string::npos);
  CHECK(other[0].find("process 0 trains with seed 1, 9 samples") == 0);

  // Each would wait for what the other never sends, or drift away.
  const auto rates = together(2, [&](process_group& group) {
    const auto net = seeded_network();
    trainer run(net, aim(small_anchors()), sgd(*net), room.path / "rates",
                {.epochs = 2, .batch = 4, .workers = 0, .group = &group});
    run(square_source{}, constant_rate{group.rank() == 0 ? 1e-3 : 2e-3});
  });
  CHECK(rates[1] ==
        "process 1 would learn at the rate 0.002, and another process at another, expected the "
        "same options of each");
  CHECK(rates[0].find("process 0 would learn at the rate 0.001") == 0);
  const auto clipped = together(2, [&](process_group& group) {
    (void)run_in(room.path / "clipped", {.epochs = 2,
                                         .batch = 4,
                                         .workers = 0,
                                         .clip = group.rank() == 0 ? 0.0 : 2.0,
                                         .group = &group});
  });
  CHECK(clipped[1].find("process 1 trains with gradients clipped at 2") == 0);
  CHECK(clipped[0].find("process 0 trains with gradients clipped at 0") == 0);
  CHECK(clipped[0].find(", and process 1 otherwise") != std::string::npos);
  const auto optimizers = together(2, [&](process_group& group) {
    const auto net = seeded_network();
    const training_settings settings{.epochs = 2, .batch = 4, .workers = 0, .group = &group};
    if (group.rank() == 0)
      trainer(net, aim(small_anchors()), sgd(*net), room.path / "kinds", settings);
    else
      trainer(net, aim(small_anchors()), adamw(*net), room.path / "kinds", settings);
  });
  CHECK(optimizers[1] == "process 1 trains with another optimizer, and process 0 otherwise");
  const auto networks = together(2, [&](process_group& group) {
    const auto net = seeded_network();
    if (group.rank() == 1) net->register_buffer("more", torch::zeros({3}));
    trainer(net, aim(small_anchors()), sgd(*net), room.path / "networks",
            {.epochs = 2, .batch = 4, .workers = 0, .group = &group});
  });
  CHECK(networks[1] == "process 1 trains with another network, and process 0 otherwise");

  const auto many = together(3, [&](process_group& group) {
    (void)run_in(room.path / "b", {.epochs = 1, .batch = 2, .workers = 0, .group = &group});
  });
  for (const std::string& end : many)
    CHECK(end ==
          "a batch of 2 cannot be shared by 3 processes, expected a sample or more for each");

  const auto parts = together(2, [&](process_group& group) {
    (void)run_in(room.path / "c",
                 {.batch = 4, .parts = 2, .group = &group, .share_statistics = true});
  });
  CHECK(parts[1] == "processes that share the statistics of a batch take it whole, not in 2 parts");
}

TEST_CASE("a loss that is not finite names the samples of the process that has them")
{
  const scratch room;
  const auto ends = together(2, [&](process_group& group) {
    const auto net = seeded_network();
    if (group.rank() == 0) {
      const torch::NoGradGuard no_gradients;
      net->parameters()[0].fill_(std::nanf(""));  // taken by all when they begin
    }
    trainer run(net, aim(small_anchors()), sgd(*net), room.path,
                {.batch = 4, .workers = 0, .group = &group, .share_statistics = true});
    run(square_source{}, constant_rate{1e-3});
  });
  for (const std::string& end : ends) {
    CAPTURE(end);
    CHECK(end.find("the weights are not finite, whatever the sample") != std::string::npos);
  }
}

#if RETINUE_HAS_GLOO
TEST_CASE("who never comes is waited for as long as was said, by the first and by the rest")
{
  const auto port = static_cast<std::uint16_t>(20000 + (::getpid() + 7) % 20000);
  for (const int rank : {0, 1}) {
    const auto began = std::chrono::steady_clock::now();
    CHECK_THROWS_WITH(
        gloo_group(
            meeting{.port = port, .rank = rank, .size = 2, .arrival = std::chrono::seconds(2)}),
        Catch::ContainsSubstring("process " + std::to_string(rank) +
                                 " of 2 did not meet the others"));
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(60));
  }
}

TEST_CASE("gloo adds up, hands out, and notices who has left")
{
  constexpr int size = 3;
  const auto port = static_cast<std::uint16_t>(20000 + ::getpid() % 20000);
  std::vector<std::string> ends(size);
  const auto began = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank)
      threads.emplace_back([&, rank] {
        try {
          gloo_group group(meeting{.port = port, .rank = rank, .size = size});
          const at::Tensor sum = at::arange(5, at::kDouble) * (rank + 1);
          const auto first = group.begin_sum(sum);
          const at::Tensor other = at::full({2}, rank, at::kLong);
          const auto second = group.begin_sum(other);
          second(), first();
          if (!(sum == at::arange(5, at::kDouble) * 6).all().item<bool>()) fail("a wrong sum");
          if (!(other == 3).all().item<bool>()) fail("another wrong sum");
          const at::Tensor taken = at::full({4}, rank + 7, at::kFloat);
          group.take_first(taken);
          if (!(taken == 7).all().item<bool>()) fail("not process 0's");
          if (rank == 2) return;  // and its group with it
          group.sum(sum);
        } catch (const error& e) {
          ends[static_cast<std::size_t>(rank)] = e.what();
        }
      });
  }
  for (int rank = 0; rank < 2; ++rank) {
    CAPTURE(ends[static_cast<std::size_t>(rank)]);
    CHECK(ends[static_cast<std::size_t>(rank)].starts_with(
        "process " + std::to_string(rank) +
        " of 3 cannot go on, for another one has ended, or is out of reach: "));
    CHECK(ends[static_cast<std::size_t>(rank)].find('\n') == std::string::npos);
  }
  CHECK(ends[2] == "");
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(30));
}

TEST_CASE("where processes meet is read from the environment, or refused by name")
{
  ::setenv("WORLD_SIZE", "4", 1), ::setenv("RANK", "3", 1);
  ::setenv("MASTER_ADDR", "10.0.0.9", 1), ::setenv("MASTER_PORT", "1234", 1);
  const meeting at = meeting_of_environment();
  CHECK(at.size == 4);
  CHECK(at.rank == 3);
  CHECK(at.host == "10.0.0.9");
  CHECK(at.port == 1234);
  ::setenv("RANK", "4", 1);
  CHECK_THROWS_WITH(meeting_of_environment(),
                    "the environment's RANK is '4', expected a whole number from 0 to 3");
  for (const char* name : {"WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"}) ::unsetenv(name);
  CHECK(meeting_of_environment().size == 1);
  CHECK_THROWS_WITH(gloo_group(meeting{.host = "no.such.host.invalid",
                                       .rank = 1,
                                       .size = 2,
                                       .patience = std::chrono::seconds(2)}),
                    Catch::ContainsSubstring("process 1 of 2 did not meet the others at "
                                             "no.such.host.invalid:29500"));
}
#endif
