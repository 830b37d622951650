// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, SIGTERM and SIGHUP, of a terminal that went, as a request: the work at hand is finished
// and saved. Another one, a second or more after the first, kills; sooner it is the same once more,
// as from timeout(1), which asks a process and then its group.
#pragma once

#include <signal.h>  // sigaction, which <csignal> does not promise
#include <time.h>    // clock_gettime

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace retinue {

/// While any lives, SIGINT and SIGTERM are noted, and SIGHUP unless it is ignored, as nohup has it;
/// then the former handlers are back. Several may live at once, where several threads train: all
/// see the signal.
class stop_signal {
 public:
  stop_signal()
  {
    const std::lock_guard lock(changing);
    if (living++ > 0) return;
    noted = 0;
    struct sigaction action = {};
    action.sa_handler = &note;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      sigaction(numbers[i], &action, &former[i]);
      if (numbers[i] == SIGHUP && former[i].sa_handler == SIG_IGN)
        sigaction(SIGHUP, &former[i], nullptr);
    }
  }
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;
  ~stop_signal()
  {
    const std::lock_guard lock(changing);
    if (--living > 0) return;
    for (std::size_t i = 0; i < numbers.size(); ++i) sigaction(numbers[i], &former[i], nullptr);
  }

  /// The signal's number, or 0 as long as none came.
  [[nodiscard]] int came() const { return noted; }

 private:
  static constexpr std::array<int, 3> numbers{SIGINT, SIGTERM, SIGHUP};

  static std::int64_t milliseconds()
  {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);  // which a handler may call
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }
  static void note(int number)
  {
    if (noted == 0) {
      noted_at = milliseconds();
      noted = number;
    } else if (milliseconds() - noted_at >= 1000) {
      struct sigaction usual = {};
      usual.sa_handler = SIG_DFL;
      sigaction(number, &usual, nullptr);
      raise(number);
    }
  }
  static inline std::atomic<int> noted = 0;  // a handler runs on any thread
  static inline std::atomic<std::int64_t> noted_at = 0;
  static_assert(std::atomic<int>::is_always_lock_free &&
                    std::atomic<std::int64_t>::is_always_lock_free,
                "a handler may wait for nothing");
  static inline std::mutex changing;
  static inline int living = 0;
  static inline std::array<struct sigaction, numbers.size()> former{};
};

}  // namespace retinue
