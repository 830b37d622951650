// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <retinue/error.hpp>
#include <retinue/train/checkpoints.hpp>
#include <retinue/train/log.hpp>
#include <retinue/train/ordered_queue.hpp>
#include <retinue/train/run_lock.hpp>
#include <retinue/train/samples.hpp>
#include <retinue/train/stop_signal.hpp>

#include <sys/resource.h>
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
#include <optional>
#include <string>
#include <thread>
#include <vector>

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

template <class Work>
std::string why_not(const Work& work)
{
  try {
    work();
  } catch (const error& e) {
    return e.what();
  }
  return "nothing";
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

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve more than that
TEST_CASE("a queue to which the system refuses threads works with those it has")
{
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(20);  // of a queue that waits for ever
    std::ifstream in("/proc/self/statm");
    rlim_t pages = 0;
    in >> pages;
    // Room for the stacks of a few threads.
    const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{64} << 20);
    const rlimit limit{bytes, bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(1);
    ordered_queue<std::size_t> queue(0, 200, 100, 4, [](std::size_t i) { return i; });
    for (std::size_t i = 0; i < 200; ++i)
      if (queue.next() != i) ::_exit(2);
    ::_exit(queue.next() ? 3 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif

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
}

TEST_CASE("a checkpoint is read as it was written, or not at all")
{
  const scratch room;
  const checkpoint_folder folder(room.path);
  state_dict state = some_state(3);
  state.metadata["order"] = "of all";
  folder.write(12, state);
  CHECK(folder.read(12).metadata.at("order") == "of all");
  CHECK(folder.read(12).find("a")->bytes == state.find("a")->bytes);

  // One bit of any byte: of the header, of the first element, of the last.
  const auto file = folder.file_of(12);
  const auto bytes = retinue::detail::read_file(file);
  for (std::size_t at = 0; at < bytes.size(); at += at < 400 ? 1 : 39'989) {
    auto flipped = bytes;
    flipped[at] ^= std::byte{4};
    write_text(file, retinue::detail::characters(flipped));
    INFO("byte " << at);
    CHECK_THROWS_AS(folder.read(12), error);
  }
  write_text(file, retinue::detail::characters(bytes));

  fs::copy_file(file, folder.file_of(999'999'999));
  CHECK(why_not([&] { (void)folder.read(999'999'999); }).find("the checkpoint of update 12") !=
        std::string::npos);
  write_safetensors(folder.file_of(13), state);
  CHECK(why_not([&] { (void)folder.read(13); }).find("lacks retinue.checksum") !=
        std::string::npos);
  CHECK(folder.set_aside(999'999'999).filename() == "step-999999999.safetensors.damaged");
  CHECK(folder.steps() == std::vector<std::int64_t>{12, 13});
}

TEST_CASE("a folder is locked for one training, until its process ends in whatever way")
{
  const scratch room;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const run_lock lock(room.path);
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  const std::string why = why_not([&] { run_lock second(room.path); });
  CHECK(why == room.path.string() + ": another training is at work in this folder, the process " +
                   std::to_string(child));
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  {
    const run_lock mine(room.path);
    CHECK_THROWS_AS(run_lock(room.path), error);  // nor by the same process
  }
  const run_lock again(room.path);
  for (int end : ready) ::close(end);
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
    CHECK(log.told() == 3);
    log.add({.step = 3, .total = 9});
  }
  const auto lines = read_log(file);
  REQUIRE(lines.size() == 4);
  CHECK(lines[2].total == 1.0 / 3);
  CHECK(lines[2].epoch == 1);
  CHECK(lines[3].total == 9);
  CHECK(log_writer(file, 9).told() == 4);  // what was lost is not made up
  write_text(file, "");
  CHECK(log_writer(file, 9).told() == 0);
}

TEST_CASE("a log may be damaged at its end, which is dropped, but not before")
{
  const scratch room;
  const fs::path file = room.path / "log.jsonl";
  const auto good = [](std::int64_t step) { return to_json({.step = step, .total = 2}) + "\n"; };
  for (const std::string bad : {"nonsense", "{\"step\": 2}", "", "[[[[",
                                "{\"step\": 2, \"epoch\": 0, \"rate\"", "17", "null"}) {
    INFO(bad);
    write_text(file, good(0) + good(1) + bad + "\n" + std::string(9, '\0') + "\n");
    std::optional<std::size_t> damaged;
    CHECK(read_log(file, &damaged).size() == 2);
    CHECK(damaged == 3u);
    {
      log_writer log(file, 2);
      CHECK(log.damaged() == 3u);
      log.add({.step = 2});
    }
    CHECK(read_log(file, &damaged).size() == 3);
    CHECK(!damaged);
    write_text(file, good(0) + bad + "\n" + good(1));
    CHECK(why_not([&] { (void)read_log(file); }).find("line 2 is no line of a training log") !=
          std::string::npos);
  }
}

TEST_CASE("numbers of a log that fit no field are no line of it")
{
  const scratch room;
  const fs::path file = room.path / "log.jsonl";
  const auto reads = [&](const std::string& field, const std::string& as) {
    auto line = nlohmann::ordered_json::parse(to_json({.step = 3, .terms = {{"box", 1}}}));
    std::string text = line.dump();
    const auto at = text.find("\"" + field + "\":") + field.size() + 3;
    text.replace(at, text.find_first_of(",}", at) - at, as);
    write_text(file, text + "\n");
    return read_log(file).size() == 1;
  };
  CHECK(reads("step", "9223372036854775807"));
  for (const char* bad : {"-1", "1e30", "9223372036854775808", "18446744073709551615", "1.5",
                          "true", "null", "\"3\""})
    for (const char* field : {"step", "epoch", "positives"}) {
      INFO(field << " " << bad);
      CHECK(!reads(field, bad));
    }
  CHECK(reads("rate", "0"));
  for (const char* bad : {"1e999", "-1e999", "null", "true", "\"3\"", "[1]"})
    for (const char* field : {"rate", "box", "total", "gradient", "images_per_second"}) {
      INFO(field << " " << bad);
      CHECK(!reads(field, bad));
    }
}

TEST_CASE("the terms of a loss are logged and read by their names, in their order")
{
  const scratch room;
  const log_line line{.step = 7,
                      .rate = 0.5,
                      .terms = {{"quality", 1.5}, {"box", 0.25}, {"objectness", 0}},
                      .total = 3};
  CHECK(to_json(line) ==
        R"({"step":7,"epoch":0,"rate":0.5,"quality":1.5,"box":0.25,"objectness":0.0,"total":3.0,)"
        R"("gradient":0.0,"positives":0,"images_per_second":0.0})");
  write_text(room.path / "log.jsonl", to_json(line) + "\n");
  const auto lines = read_log(room.path / "log.jsonl");
  REQUIRE(lines.size() == 1);
  REQUIRE(lines[0].terms.size() == 3);
  CHECK(lines[0].terms[0].name == "quality");
  CHECK(lines[0].terms[2].name == "objectness");
  CHECK(lines[0].term("quality") == 1.5);
  CHECK(!lines[0].term("total"));
  CHECK(!lines[0].term("label"));

  // As logs were written when the terms had fields of their own.
  const std::string old =
      R"({"step":46,"epoch":2,"rate":1e-05,"box":3.5,"label":3.25,"landmark":16.5,"total":27.5,)"
      R"("gradient":76.5,"positives":364,"images_per_second":242.5})";
  write_text(room.path / "log.jsonl", old + "\n");
  CHECK(to_json(read_log(room.path / "log.jsonl").at(0)) == old);
}

TEST_CASE("a terminal that goes is a signal, unless that is ignored")
{
  struct sigaction usual = {}, ignored = {}, former = {}, after = {};
  usual.sa_handler = SIG_DFL, ignored.sa_handler = SIG_IGN;
  REQUIRE(::sigaction(SIGHUP, &usual, &former) == 0);
  {
    const stop_signal stop;
    ::raise(SIGHUP);
    CHECK(stop.came() == SIGHUP);
  }
  REQUIRE(::sigaction(SIGHUP, &ignored, nullptr) == 0);
  {
    const stop_signal stop;
    ::raise(SIGHUP);
    CHECK(stop.came() == 0);
  }
  REQUIRE(::sigaction(SIGHUP, &former, &after) == 0);
  CHECK(after.sa_handler == SIG_IGN);
}

TEST_CASE("a signal is noted once, at once again it is the same, and later it kills")
{
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const stop_signal stop;
    if (stop.came() != 0) ::_exit(1);
    ::raise(SIGTERM);
    if (stop.came() != SIGTERM) ::_exit(2);
    ::raise(SIGTERM);  // as timeout(1) does
    ::raise(SIGINT);
    if (stop.came() != SIGTERM) ::_exit(3);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    ::raise(SIGTERM);
    ::_exit(4);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}
