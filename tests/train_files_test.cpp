// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <retinue/error.hpp>
#include <retinue/train/checkpoints.hpp>
#include <retinue/train/log.hpp>
#include <retinue/train/ordered_queue.hpp>
#include <retinue/train/samples.hpp>
#include <retinue/train/stop_signal.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <thread>

using namespace retinue;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, which goes with the test.
struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_train_" + std::to_string(::getpid()));
  scratch()
  {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~scratch() { fs::remove_all(path); }
};

state_dict some_state(float value)
{
  const std::vector<float> values(50000, value);
  state_dict state;
  state.insert("a", tensor_of<float>(dtype::f32, {50000}, values));
  return state;
}

bool is_whole(const fs::path& file, float value)
{
  const state_dict state = read_safetensors(file);
  const auto values = state.find("a")->values<float>();
  return std::ranges::all_of(values, [&](float v) { return v == value; });
}

}  // namespace

TEST_CASE("a queue gives everything in order, whatever the number of threads")
{
  for (const std::size_t threads : {0, 1, 3, 8}) {
    std::atomic<int> at_once{0};
    ordered_queue<std::size_t> queue(5, 105, threads, 4, [&](std::size_t i) {
      ++at_once;
      std::this_thread::sleep_for(std::chrono::microseconds(i * 7919 % 300));
      --at_once;
      return i * i;
    });
    for (std::size_t i = 5; i < 105; ++i) {
      const auto got = queue.next();
      REQUIRE(got.has_value());
      REQUIRE(*got == i * i);
    }
    CHECK(!queue.next().has_value());
    CHECK(!queue.next().has_value());
    CHECK(at_once == 0);
  }
}

TEST_CASE("a queue makes no more than so many ahead, and ends with its owner")
{
  std::atomic<std::size_t> begun{0};
  {
    ordered_queue<int> queue(0, 1000, 2, 3, [&](std::size_t) {
      ++begun;
      return 1;
    });
    CHECK(queue.next() == 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    CHECK(begun <= 4);
  }
  CHECK(begun <= 4);
}

TEST_CASE("what one item throws comes at its place, and the rest goes on")
{
  for (const std::size_t threads : {0, 2}) {
    ordered_queue<int> queue(0, 6, threads, 2, [](std::size_t i) {
      if (i == 2) fail("item ", i, " is bad");
      return static_cast<int>(i);
    });
    CHECK(queue.next() == 0);
    CHECK(queue.next() == 1);
    CHECK_THROWS_AS(queue.next(), error);
    for (int i = 3; i < 6; ++i) CHECK(queue.next() == i);
    CHECK(!queue.next().has_value());
  }
}

TEST_CASE("the order of an epoch is a shuffle that its key alone decides")
{
  const auto a = epoch_order(1000, 7, 3);
  CHECK(a == epoch_order(1000, 7, 3));
  CHECK(a != epoch_order(1000, 7, 4));
  CHECK(a != epoch_order(1000, 8, 3));
  auto sorted = a;
  std::ranges::sort(sorted);
  CHECK(sorted != a);
  for (std::size_t i = 0; i < sorted.size(); ++i) REQUIRE(sorted[i] == i);
  CHECK(epoch_order(0, 1, 1).empty());
}

TEST_CASE("the last checkpoints are kept, and the newest is found")
{
  const scratch room;
  const checkpoint_folder folder(room.path / "new" / "checkpoints", 2);
  CHECK(!folder.latest());
  for (const std::int64_t step : {5, 90, 1000}) folder.write(step, some_state(float(step)));
  std::ofstream(folder.path() / "step-12x.safetensors") << "not one of ours";
  std::ofstream(folder.path() / "step-2000.safetensors.12-3.unfinished") << "of a killed process";
  detail::unfinished_file theirs;  // of a living one
  REQUIRE(theirs.make(folder.path() / "step-3000.safetensors"));
  CHECK(folder.steps() == std::vector<std::int64_t>{90, 1000});
  CHECK(folder.latest() == 1000);
  CHECK(is_whole(folder.file_of(1000), 1000));
  folder.write(1'000'000'000'000, some_state(1));
  CHECK(folder.latest() == 1'000'000'000'000);
  CHECK(fs::exists(theirs.name));
  CHECK(!fs::exists(folder.path() / "step-2000.safetensors.12-3.unfinished"));
}

TEST_CASE("whenever a process is killed, the newest checkpoint is whole")
{
  const scratch room;
  std::int64_t furthest = 0;
  for (int trial = 0; trial < 20; ++trial) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const checkpoint_folder folder(room.path, 2);
      for (std::int64_t step = folder.latest().value_or(0) + 1;; ++step)
        folder.write(step, some_state(float(step)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + trial * 7919 % 41));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    const checkpoint_folder folder(room.path, 2);
    for (const std::int64_t step : folder.steps())
      CHECK(is_whole(folder.file_of(step), float(step)));
    const std::int64_t now = folder.latest().value_or(0);
    CHECK(now >= furthest);
    furthest = now;
  }
  CHECK(furthest > 0);
}

TEST_CASE("a log is continued from the update of a checkpoint")
{
  const scratch room;
  const fs::path file = room.path / "log.jsonl";
  {
    log_writer log(file, 0);
    for (std::int64_t step = 0; step < 5; ++step)
      log.add({.step = step, .epoch = step / 2, .rate = 0.1, .total = 1.0 / double(step + 1)});
  }
  std::ofstream(file, std::ios::app) << "{\"step\": 5, \"epo";  // killed while it wrote
  CHECK(read_log(file).size() == 5);
  {
    log_writer log(file, 3);
    log.add({.step = 3, .total = 9});
  }
  const auto lines = read_log(file);
  REQUIRE(lines.size() == 4);
  CHECK(lines[2].total == 1.0 / 3);
  CHECK(lines[2].epoch == 1);
  CHECK(lines[3].total == 9);
  std::ofstream(file, std::ios::app) << "nonsense\n";
  CHECK_THROWS_AS(read_log(file), error);
}

TEST_CASE("a signal is noted once, and the second one does what it always did")
{
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const stop_signal stop;
    if (stop.came() != 0) ::_exit(1);
    ::raise(SIGTERM);
    if (stop.came() != SIGTERM) ::_exit(2);
    ::raise(SIGTERM);
    ::_exit(3);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}
