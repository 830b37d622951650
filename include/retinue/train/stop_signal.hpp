// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM as a request: the work at hand is finished and saved. A second one kills.
#pragma once

#include <signal.h>  // sigaction, which <csignal> does not promise

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <mutex>

namespace retinue {

/// While any lives, SIGINT and SIGTERM are noted; then the former handlers are back. Several may
/// live at once, where several threads train: all see the signal.
class stop_signal {
 public:
  stop_signal()
  {
    const std::lock_guard lock(changing);
    if (living++ > 0) return;
    noted = 0;
    struct sigaction action = {};
    action.sa_handler = [](int number) { noted = number; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one does what it always did
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < numbers.size(); ++i) sigaction(numbers[i], &action, &former[i]);
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
  static constexpr std::array<int, 2> numbers{SIGINT, SIGTERM};
  static inline std::atomic<int> noted = 0;  // a handler runs on any thread
  static_assert(std::atomic<int>::is_always_lock_free, "a handler may wait for nothing");
  static inline std::mutex changing;
  static inline int living = 0;
  static inline std::array<struct sigaction, 2> former{};
};

}  // namespace retinue
