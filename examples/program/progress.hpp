// SPDX-License-Identifier: Apache-2.0
// A progress bar with the time that is left, for work a person waits for.
//
//   detect  [=========>          ]  41/100   8.2/s   0:07 left   note
//   detect  41   8.2/s   0:05   note                                      of an unknown number
//
// It is drawn over itself on a terminal and not drawn at all elsewhere, so that logs stay readable.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace retinue {

class progress_bar {
 public:
  /// Draws on the standard error stream, if that is a terminal. Where nobody knows how many there
  /// are, it shows how many were and for how long.
  progress_bar(std::string title, std::optional<std::size_t> total, std::size_t from = 0)
      : title_(std::move(title)),
        known_(total.has_value()),
        total_(total.value_or(0)),
        from_(from),
        shown_(is_terminal())
  {
  }
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar() { clear(); }

  /// `done` of the total are done. Redraws at most ten times a second, and always at the end.
  void update(std::size_t done, const std::string& note = "")
  {
    const auto now = clock::now();
    if (!shown_ || (now - drawn_ < std::chrono::milliseconds(100) && done != total_)) return;
    drawn_ = now;
    const std::string text = line(done, std::chrono::duration<double>(now - began_).count(), note);
    std::fprintf(stderr, "\r%s%*s", text.c_str(),
                 static_cast<int>(width_ - std::min(width_, text.size())), "");
    std::fflush(stderr);
    width_ = std::max(width_, text.size());
  }

  /// Takes the bar away, so that something else can be printed.
  void clear()
  {
    if (width_ == 0) return;
    std::fprintf(stderr, "\r%*s\r", static_cast<int>(width_), "");
    std::fflush(stderr);
    width_ = 0;
  }

  /// Whether somebody may be looking.
  [[nodiscard]] static bool is_terminal()
  {
#if __has_include(<unistd.h>)
    return isatty(STDERR_FILENO) != 0;
#else
    return false;
#endif
  }

  /// The bar as text, after so many seconds.
  [[nodiscard]] std::string line(std::size_t done, double seconds, const std::string& note) const
  {
    const double rate =
        seconds > 0 ? static_cast<double>(done - std::min(done, from_)) / seconds : 0;
    char numbers[80];
    if (!known_ || done > total_) {  // more than were promised: a video's header may be wrong
      std::snprintf(numbers, sizeof numbers, "  %zu  %.3g/s  ", done, rate);
      const std::string text = title_ + numbers + clock_time(seconds);
      return note.empty() ? text : text + "  " + note;
    }
    constexpr std::size_t cells = 24;
    const std::size_t filled = total_ > 0 ? std::min(done, total_) * cells / total_ : cells;
    std::string bar(filled, '=');
    if (filled < cells) bar += '>';
    bar.resize(cells, ' ');
    std::snprintf(numbers, sizeof numbers, "  %zu/%zu  %.3g/s  ", done, total_, rate);
    std::string text = title_ + "  [" + bar + "]" + numbers;
    if (done > 0 && done < total_ && rate > 0)
      text += clock_time(static_cast<double>(total_ - done) / rate) + " left";
    else
      text += clock_time(seconds);
    return note.empty() ? text : text + "  " + note;
  }

 private:
  using clock = std::chrono::steady_clock;

  static std::string clock_time(double seconds)
  {
    const auto whole = static_cast<long>(std::min(seconds + 0.5, 1e9));
    char text[40];
    if (whole >= 3600)
      std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                    whole % 60);
    else
      std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
    return text;
  }

  std::string title_;
  bool known_;
  std::size_t total_, from_;
  bool shown_;
  std::size_t width_ = 0;
  clock::time_point began_ = clock::now(), drawn_{};
};

}  // namespace retinue
