// SPDX-License-Identifier: Apache-2.0
// How long a device takes, by its own clock, and lines of that for people or for report.py.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#endif

/// What a program of this folder is told: `--json` for lines of JSON, and `--rehearse` for a little
/// of everything on the processor, which shows that it works, and says nothing of speed.
struct asked {
  bool json = false, rehearse = false;
  bool understood = true;

  asked(int count, char** values)
  {
    for (int i = 1; i < count; ++i) {
      const std::string_view word = values[i];
      if (word == "--json")
        json = true;
      else if (word == "--rehearse")
        rehearse = true;
      else
        understood = false;
    }
  }
};

/// The median of so many rounds, after one for warmth.
template <std::size_t Rounds, class Round>
double median_of(const Round& round)
{
  round();
  std::array<double, Rounds> times{};
  for (double& t : times) t = round();
  std::nth_element(times.begin(), times.begin() + Rounds / 2, times.end());
  return times[Rounds / 2];
}

/// The processor's clock, for rehearsals.
struct host_clock {
  /// Microseconds of a call.
  template <class Work>
  double operator()(const Work& work) const
  {
    return median_of<3>([&] {
      const auto begin = std::chrono::steady_clock::now();
      work();
      return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
          .count();
    });
  }
};

#if __has_include(<cuda_runtime_api.h>)
/// That of the default stream of the current device: what the host does meanwhile counts where the
/// device waits for it.
class device_clock {
 public:
  device_clock()
  {
    cudaEventCreate(&begin_);
    cudaEventCreate(&end_);
  }
  device_clock(const device_clock&) = delete;
  device_clock& operator=(const device_clock&) = delete;
  ~device_clock()
  {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }

  /// Microseconds of a call, of ten that follow each other without a pause.
  template <class Work>
  double operator()(const Work& work) const
  {
    constexpr int calls = 10;
    return median_of<21>([&] {
      cudaEventRecord(begin_);
      for (int i = 0; i < calls; ++i) work();
      cudaEventRecord(end_);
      cudaEventSynchronize(end_);
      float milliseconds = 0;
      cudaEventElapsedTime(&milliseconds, begin_, end_);
      return 1000.0 * static_cast<double>(milliseconds) / calls;
    });
  }

 private:
  cudaEvent_t begin_{}, end_{};
};
#endif

/// Says what was measured, a line each.
class lines {
 public:
  explicit lines(bool json) : json_(json) {}

  /// Bytes that a copy of memory reads and writes in a second: what rates are a part of.
  void copies(double bytes, double microseconds)
  {
    copied_ = bytes / microseconds;
    moves("a copy of memory", microseconds, bytes);
  }
  /// What has to read and write so many bytes.
  void moves(const std::string& what, double microseconds, double bytes) const
  {
    const double rate = bytes / microseconds;
    if (json_)
      std::printf("{\"case\": \"%s\", \"us\": %.3f, \"GB/s\": %.1f, \"of a copy\": %.3f}\n",
                  what.c_str(), microseconds, rate / 1e3, rate / copied_);
    else
      std::printf("%-58s %10.1f us %8.1f GB/s %5.1f %% of a copy\n", what.c_str(), microseconds,
                  rate / 1e3, 100 * rate / copied_);
    std::fflush(stdout);
  }
  /// What so many images go through.
  void takes(const std::string& what, double microseconds, std::size_t images) const
  {
    const double rate = static_cast<double>(images) / microseconds * 1e6;
    if (json_)
      std::printf("{\"case\": \"%s\", \"us\": %.3f, \"images/s\": %.1f}\n", what.c_str(),
                  microseconds, rate);
    else
      std::printf("%-58s %10.1f us %8.0f images/s\n", what.c_str(), microseconds, rate);
    std::fflush(stdout);
  }

 private:
  bool json_;
  double copied_ = 1;
};
