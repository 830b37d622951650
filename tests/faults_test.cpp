// SPDX-License-Identifier: Apache-2.0
// What a machine does to a program that is right: it ends it at any system call, refuses it memory,
// or has no room on its disk. Nothing that was on the disk is lost, and what cannot be done is said
// in one sentence.
#include "catch.hpp"
#include "detect_laws.hpp"
#include "loss_batches.hpp"
#include "starve.hpp"
#include "system_calls.hpp"

#include <retinue/detect.hpp>
#include <retinue/suppress.hpp>
#include <retinue/train/checkpoints.hpp>
#include <retinue/train/log.hpp>
#include <retinue/train/ordered_queue.hpp>
#include <retinue/train/run_lock.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <new>

using namespace retinue;
using test::ending;
using test::fault;
using test::hunger;
namespace fs = std::filesystem;

namespace {

/// In memory where that can be: no disk is waited for, and the calls are the same.
struct scratch {
  fs::path path = (fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()) /
                  ("retinue_faults_" + std::to_string(::getpid()));
  scratch()
  {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~scratch() { fs::remove_all(path); }
};

state_dict some_state(std::int64_t step, std::size_t elements = 3000)
{
  const std::vector<float> values(elements, float(step));
  state_dict state;
  state.insert("a", tensor_of<float>(dtype::f32, {std::int64_t(elements)}, values));
  return state;
}

/// A folder with checkpoints 1 to 3 of which two are kept, and what a killed process left there.
void begin(const fs::path& folder)
{
  fs::remove_all(folder);
  const checkpoint_folder checkpoints(folder, 2);
  for (const std::int64_t step : {1, 2, 3}) checkpoints.write(step, some_state(step));
  std::ofstream(folder / "step-000000004.safetensors.999999-0.unfinished") << "half";
}

/// The updates of a folder whose checkpoints are all whole; none where one is not.
std::vector<std::int64_t> whole_steps(const fs::path& folder)
{
  const checkpoint_folder checkpoints(folder, 2);
  const auto steps = checkpoints.steps();
  for (const std::int64_t step : steps) {
    const auto state = checkpoints.read(step);
    for (const float v : state.find("a")->values<float>())
      if (v != float(step)) return {};
  }
  return steps;
}

std::size_t unfinished_in(const fs::path& folder)
{
  std::size_t n = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    n += entry.path().string().ends_with(".unfinished");
  return n;
}

using steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a save that is killed at any of its system calls leaves the old checkpoints or the new")
{
  const scratch room;
  const auto folder = room.path / "checkpoints";
  const auto save = [&] { checkpoint_folder(folder, 2).write(4, some_state(4)); };
  begin(folder);
  const auto all = test::under({}, save, folder.string());
  REQUIRE(all.how == ending::done);
  REQUIRE(all.calls > 20);
  std::map<steps, int> left;
  for (const auto when : {fault::kind::kill_before, fault::kind::kill_after})
    for (std::size_t call = 0; call < all.calls; ++call) {
      CAPTURE(call, int(when));
      begin(folder);
      const auto ended = test::under({.what = when, .call = call}, save, folder.string());
      CHECK(ended.how == (when == fault::kind::kill_after && call + 1 == all.calls
                              ? ending::done  // no call returns from the last
                              : ending::killed));
      const auto now = whole_steps(folder);
      ++left[now];
      // And the next process saves as if nothing had been.
      save();
      CHECK(whole_steps(folder) == steps{3, 4});
      CHECK(unfinished_in(folder) == 0);
    }
  // All that there may be, and all that there was.
  CHECK(left.size() == 3);
  CHECK(left[{2, 3}] > 0);
  CHECK(left[{2, 3, 4}] > 0);
  CHECK(left[{3, 4}] > 0);
}

TEST_CASE("a save of which any system call fails is refused in one sentence, or done all the same")
{
  if (!test::fails_calls) {
    WARN("skipped: system calls can only be failed on x86-64, without a sanitizer");
    return;
  }
  const scratch room;
  const auto folder = room.path / "checkpoints";
  const auto save = [&] { checkpoint_folder(folder, 2).write(4, some_state(4)); };
  begin(folder);
  const auto calls = test::under({}, save, folder.string()).calls;
  std::map<ending, int> ends;
  for (const int number : {ENOSPC, EIO, EDQUOT, EACCES, EROFS, EMFILE, ENOMEM, EINTR})
    for (std::size_t call = 0; call < calls; ++call) {
      begin(folder);
      const auto ended = test::under({.what = fault::kind::fail, .call = call, .error = number},
                                     save, folder.string());
      CAPTURE(number, call, ended.number);
      ++ends[ended.how];
      CHECK((ended.how == ending::done || ended.how == ending::refused ||
             ended.how == ending::no_memory));
      const auto now = whole_steps(folder);
      if (ended.how == ending::done)
        CHECK(now.back() == 4);
      else
        CHECK((now == steps{2, 3} || now == steps{2, 3, 4} || now == steps{3, 4}));
      CHECK(unfinished_in(folder) <= 1);  // what was there before
      save();
      CHECK(whole_steps(folder) == steps{3, 4});
      CHECK(unfinished_in(folder) == 0);
    }
  CHECK(ends[ending::done] > 0);
  CHECK(ends[ending::refused] > 0);
}

TEST_CASE("a save whose writes are cut short goes on where each ended")
{
  if (!test::fails_calls) {
    WARN("skipped: system calls can only be changed on x86-64, without a sanitizer");
    return;
  }
  const scratch room;
  const auto folder = room.path / "checkpoints";
  for (const std::size_t most : {1, 7, 4095}) {
    begin(folder);
    const auto ended = test::under(
        {.what = fault::kind::shorten, .most = most},
        [&] { checkpoint_folder(folder, 2).write(4, some_state(4, 300)); }, folder.string());
    CHECK(ended.how == ending::done);
    CHECK(ended.calls > 1200 / most);
    CHECK(whole_steps(folder) == steps{3, 4});
  }
}

namespace {
/// Does `work` in a process of its own, in which mounts are its own too; its ending, or nothing
/// where such a process cannot be had.
template <class Work>
std::optional<ending> apart(const fs::path& folder, const std::string& size, const Work& work)
{
  constexpr int cannot = 99;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0)
      ::_exit(cannot);
    auto how = ending::other;
    try {
      how = work();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "threw <%s>\n", e.what());
    }
    ::_exit(static_cast<int>(how));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == cannot) return std::nullopt;
  return static_cast<ending>(WEXITSTATUS(status));
}

/// Whether it is refused with these words.
template <class Work>
bool refused(const Work& work, std::string_view words)
{
  try {
    work();
  } catch (const error& e) {
    const std::string_view said = e.what();
    if (said.find(words) != said.npos) return true;
    std::fprintf(stderr, "said <%s>\n", e.what());
  }
  return false;
}
}  // namespace

TEST_CASE("on a full disk a save is refused, and the checkpoints before it stay whole")
{
  const scratch room;
  const auto how = apart(room.path, "64k", [&] {
    const auto folder = room.path / "checkpoints";
    begin(folder);  // 24 kB
    if (!refused([&] { checkpoint_folder(folder, 2).write(4, some_state(4, 12000)); },
                 "step-000000004.safetensors: cannot be written: No space left on device"))
      return ending::other;
    return whole_steps(folder) == steps{2, 3} && unfinished_in(folder) == 1 ? ending::refused
                                                                            : ending::other;
  });
  if (!how)
    WARN("skipped: no file system can be mounted here");
  else
    CHECK(*how == ending::refused);
}

TEST_CASE("on a disk that is read only, a save, a log and a lock are refused")
{
  const scratch room;
  const auto how = apart(room.path, "64k", [&] {
    const auto folder = room.path / "checkpoints";
    begin(folder);
    if (::mount(nullptr, room.path.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      return ending::other;
    const bool all =
        refused([&] { checkpoint_folder(folder, 2).write(4, some_state(4)); },
                "step-000000004.safetensors: cannot be created: Read-only file system") &&
        refused([&] { run_lock{room.path}; }, "lock: cannot be created: Read-only file system") &&
        refused([&] { log_writer(room.path / "log.jsonl", 0); }, "Read-only file system") &&
        refused([&] { checkpoint_folder(room.path / "new" / "checkpoints"); },
                "the folder cannot be made: Read-only file system");
    return all && whole_steps(folder) == steps{2, 3} ? ending::refused : ending::other;
  });
  if (!how)
    WARN("skipped: no file system can be mounted here");
  else
    CHECK(*how == ending::refused);
}

TEST_CASE("beyond the largest file that a process may write, a save is refused")
{
  const scratch room;
  const auto folder = room.path / "checkpoints";
  begin(folder);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit limit{20'000, 20'000};
    ::signal(SIGXFSZ, SIG_IGN);  // as a shell may have it
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(refused([&] { checkpoint_folder(folder, 2).write(4, some_state(4, 12000)); },
                    "step-000000004.safetensors: cannot be written: File too large")
                ? 0
                : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(whole_steps(folder) == steps{2, 3});
}

TEST_CASE("a log that is killed at any of its system calls is read, and goes on")
{
  const scratch room;
  const auto file = room.path / "log.jsonl";
  const auto log = [&] {
    log_writer writer(file, 2);
    writer.add({.step = 2});
    writer.add({.step = 3});
  };
  const auto fresh = [&] {
    fs::remove_all(room.path);
    fs::create_directories(room.path);
    write_text(file, to_json({.step = 0}) + "\n" + to_json({.step = 1}) + "\n" +
                         to_json({.step = 2, .total = 7}) + "\n{\"step\": 3, \"epo");
  };
  fresh();
  const auto calls = test::under({}, log, room.path.string()).calls;
  REQUIRE(calls > 10);
  for (const auto when : {fault::kind::kill_before, fault::kind::kill_after})
    for (std::size_t call = 0; call < calls; ++call) {
      CAPTURE(call, int(when));
      fresh();
      static_cast<void>(test::under({.what = when, .call = call}, log, room.path.string()));
      const auto left = read_log(file);
      REQUIRE(left.size() >= 2);
      for (std::size_t i = 0; i < left.size(); ++i) CHECK(left[i].step == std::int64_t(i));
      log();
      CHECK(read_log(file).size() == 4);
    }
}

TEST_CASE("a checkpoint is written whole or not at all, whichever request of memory is refused")
{
  if (!test::sees_memory()) {
    WARN("skipped: no request of memory can be refused here");
    return;
  }
  const scratch room;
  const auto folder = room.path / "checkpoints";
  begin(folder);
  for (const auto how : {hunger::once, hunger::lasting}) {
    const auto refused = test::starve_at_every_request(how, [&](std::size_t) {
      try {
        checkpoint_folder(folder, 2).write(4, some_state(4));
      } catch (const std::bad_alloc&) {
      } catch (const error&) {
      }
      test::feed_for_a_while([&] {
        const auto now = whole_steps(folder);
        const bool whole = now == steps{2, 3} || now == steps{2, 3, 4} || now == steps{3, 4};
        CHECK(whole);
        CHECK(unfinished_in(folder) <= 1);
        begin(folder);
      });
    });
    CHECK(refused > 50);
  }
}

namespace {
/// The same object does the same once it has memory again, wherever it was refused some.
template <class Make, class Use>
void check_starved(const Make& make, const Use& use)
{
  auto whole = make();
  const auto expected = use(whole);
  const auto before = test::memory_so_far();
  const auto refused = test::starve_at_every_request(hunger::once, [&](std::size_t n) {
    std::optional<decltype(make())> made;
    bool out_of_memory = false;
    try {
      made.emplace(make());
      static_cast<void>(use(*made));
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
    test::feed_for_a_while([&] {
      CAPTURE(n, out_of_memory);
      if (made) CHECK(use(*made) == expected);
    });
  });
  CHECK(refused > 0);
  CHECK(test::memory_so_far().blocks <= before.blocks + 1);  // of Catch2's own notes
}
}  // namespace

TEST_CASE("a detector, a suppressor, a matcher and a loss that were refused memory lose nothing")
{
  if (!test::sees_memory()) {
    WARN("skipped: no request of memory can be refused here");
    return;
  }
  using face5 = schemas::face5;
  const auto source = square_anchors::retinaface();
  SECTION("detector")
  {
    const frame image = frame::unscaled({64, 64});
    const auto raw = test::random_outputs<face5>(make_anchors(source, image.input).size(), 3, 4);
    const outputs<host_backend> said{.scores = {raw.scores.data(), raw.scores.size() / 3, 3},
                                     .boxes = {raw.boxes.data(), raw.boxes.size() / 4, 4},
                                     .points = {raw.points.data(), raw.points.size() / 10, 10}};
    check_starved([&] { return detector<face5, host_backend>(source, {.score = 0.2f}); },
                  [&](auto& detect) {
                    std::vector<float> scores;
                    for (const auto& d : detect(said, image)) scores.push_back(d.score);
                    return scores;
                  });
  }
  SECTION("suppressors")
  {
    std::vector<box<float>> boxes;
    std::vector<float> scores;
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 60; ++i) {
      const auto at = float(i * 37 % 50);
      boxes.push_back({at, at, at + 10, at + 12});
      scores.push_back(float(i * 17 % 60));
      labels.push_back(1 + i % 3);
    }
    const auto rows = [](const kept_rows& kept) {
      return std::vector<row_index>(kept.rows.begin(), kept.rows.end());
    };
    check_starved([] { return greedy_suppressor<>(0.4f); },
                  [&](auto& suppress) { return rows(suppress(boxes, scores)); });
    check_starved([] { return soft_suppressor<>(); },
                  [&](auto& suppress) { return rows(suppress(boxes, scores)); });
    check_starved([] { return per_class_suppressor<greedy_suppressor<>>(); },
                  [&](auto& suppress) { return rows(suppress(boxes, scores, labels)); });
  }
  SECTION("matchers")
  {
    const std::vector<box<float>> truths{
        {0.1f, 0.1f, 0.4f, 0.4f}, {0.1f, 0.1f, 0.41f, 0.4f}, {0.5f, 0.5f, 0.6f, 0.9f}};
    const anchor_layout anchors(source, {96, 96});
    for (const auto& match :
         {overlap_matcher::retinaface(), overlap_matcher::rpn(), overlap_matcher::reference()})
      check_starved([&] { return overlap_matcher(match); },
                    [&](auto& with) {
                      assignment out;
                      with(anchors, truths, {}, out);
                      return out.verdicts;
                    });
    check_starved([&] { return square_anchors(source); },
                  [&](const auto& made) { return anchor_layout(made, {64, 64}).anchors().size(); });
  }
  SECTION("matching, mining and loss")
  {
    using settings = multibox_settings<face5>;
    const anchor_layout layout(source, {64, 64});
    const auto batch = test::random_batch<face5>(layout, 2, {3, 0, 5});
    struct step {
      settings::sampler_over<host_backend, overlap_matcher> sample{
          overlap_matcher::retinaface(), {}, hard_negatives(), {}};
      settings::loss_over<host_backend> loss;
      host_backend backend;
      columns<centre_box<float>> anchors;
      truth_batch<face5> truths;
      samples<host_backend> chosen;
    };
    check_starved([] { return step(); },
                  [&](step& s) {
                    s.backend.put(layout.anchors(), 1, s.anchors);
                    s.truths.read(batch.truths, 1, truth_reading::classes);
                    const auto said = batch.said();
                    s.sample(s.backend, layout, s.anchors, said, s.truths, s.chosen);
                    return s.loss(s.backend, s.anchors, said, s.truths, s.chosen).terms[0].cost.sum;
                  });
  }
}

TEST_CASE("a queue that is refused memory for its threads works with those it has")
{
  if (!test::sees_memory()) {
    WARN("skipped: no request of memory can be refused here");
    return;
  }
  // Each in a process of its own, for one that waits for ever.
  for (std::size_t n = 0; n < 40; ++n) {
    CAPTURE(n);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(20);
      std::optional<ordered_queue<std::size_t>> queue;
      test::starve_after(n);
      try {
        queue.emplace(0, 50, 6, 4, [](std::size_t i) { return i; });
      } catch (const std::bad_alloc&) {
      }
      test::feed();
      for (std::size_t i = 0; queue && i < 50; ++i)
        if (queue->next() != i) ::_exit(1);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}
