// SPDX-License-Identifier: Apache-2.0
// Whether the device of fibres sees the mistakes for which it is there.
#include "catch.hpp"
#include "refusal.hpp"

#include <retinue/backend/cuda_blocks.cuh>
#include <retinue/backend/cuda_device.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

using namespace retinue;

namespace {

/// Words of the device.
struct words {
  explicit words(cuda_device& of, std::size_t n) : block(of.memory(n * sizeof(std::uint32_t))) {}
  [[nodiscard]] std::uint32_t* data() const
  {
    return reinterpret_cast<std::uint32_t*>(block.data());
  }

  cuda_device::owned block;
};

std::string sentence_of(cuda_device& device)
{
  std::array<std::uint32_t, 1> one{};
  const words at(device, 1);
  return test::refusal_of(
      [&] { fetch_values<cuda_device, std::uint32_t>(device, at.data(), one); });
}

/// What one thread of all writes last is what stays.
struct write_numbers {
  static constexpr std::size_t threads = 64;
  using shared = nothing_shared;

  std::uint32_t* last = nullptr;
  std::size_t count = 0;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.each(count, [&](std::size_t i) { *last = static_cast<std::uint32_t>(i); });
  }
};

struct write_beside {
  static constexpr std::size_t threads = 32;
  using shared = nothing_shared;

  std::uint32_t* at = nullptr;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.once([&] { at[3] = 1; });
  }
};

struct meet_in_part {
  static constexpr std::size_t threads = 64;
  using shared = nothing_shared;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.each(threads, [&](std::size_t i) {
      if (i < 40) team.once([] {});
    });
  }
};

struct end_early {
  static constexpr std::size_t threads = 64;
  using shared = nothing_shared;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    if (threadIdx.x != 17) team.once([] {});
  }
};

struct look_for_ever {
  static constexpr std::size_t threads = 32;
  using shared = nothing_shared;

  const std::uint32_t* at = nullptr;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.once([&] {
      while (Team::peek(*at) != 7) {
      }
    });
  }
};

/// Each thread says what the sum is.
struct say_sum {
  static constexpr std::size_t threads = 256;
  using shared = nothing_shared;

  std::uint32_t* sums = nullptr;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    for (std::uint32_t k = 1; k < 4; ++k)
      sums[threadIdx.x] = team.template sum<std::uint32_t>(
          1000, [&](std::size_t i) { return k * static_cast<std::uint32_t>(i); });
  }
};

}  // namespace

TEST_CASE("fibres take turns as they are told")
{
  cuda_device device;
  const words last(device, 1);
  const auto left_behind = [&](const char* order) {
    ::setenv("RETINUE_FIBRES", order, 1);
    device.run(1, write_numbers{last.data(), 50});
    std::array<std::uint32_t, 1> said{};
    fetch_values<cuda_device, std::uint32_t>(device, last.data(), said);
    return said[0];
  };
  CHECK(left_behind("rising") == 49);
  CHECK(left_behind("falling") == 0);
  const auto any = left_behind("shuffled");
  CHECK((any > 0 && any < 49));
  CHECK(test::refusal_of([&] { left_behind("sideways"); }) ==
        "CUDA does not finish: RETINUE_FIBRES is sideways, expected rising, falling or shuffled");
  ::setenv("RETINUE_FIBRES", "rising", 1);
}

TEST_CASE("every thread has the sum, though one of them adds")
{
  cuda_device device;
  const words sums(device, say_sum::threads);
  std::vector<std::uint32_t> said(say_sum::threads);
  for (const char* order : {"rising", "falling", "shuffled"}) {
    ::setenv("RETINUE_FIBRES", order, 1);
    device.run(1, say_sum{sums.data()});
    fetch_values<cuda_device, std::uint32_t>(device, sums.data(), said);
    CHECK(said == std::vector<std::uint32_t>(say_sum::threads, 3 * 499500));
  }
  ::setenv("RETINUE_FIBRES", "rising", 1);
}

TEST_CASE("a program that views memory of the host is refused")
{
  cuda_device device;
  std::uint32_t here = 0;
  CHECK(test::refusal_of([&] {
          device.run(1, write_numbers{&here, 50});
        }).ends_with("write_numbers holds an address of the host at byte 0"));
}

TEST_CASE("barriers at which not all meet, and waiting for what never comes, are said")
{
  cuda_device device;
  device.run(1, meet_in_part{});
  CHECK(sentence_of(device).starts_with("CUDA does not finish: threads meet at different "));
  device.run(1, end_early{});
  const std::string waits = sentence_of(device);
  CHECK(waits.starts_with("CUDA does not finish: thread 0 waits for ever at "));
  CHECK(waits.find("once") != std::string::npos);
  const words at(device, 1);
  device.clear(at.block.data(), sizeof(std::uint32_t));
  device.run(1, look_for_ever{at.data()});
  CHECK(sentence_of(device) == "CUDA does not finish: threads look for what nobody writes");
  CHECK(sentence_of(device) == "not refused");
}

TEST_CASE("who writes beside a block is found when it is given back")
{
  cuda_device device;
  {
    const words three(device, 3);
    device.run(1, write_beside{three.data()});
  }
  CHECK(sentence_of(device) == "CUDA does not finish: something wrote beside a block of 12 bytes");
}

TEST_CASE("nothing is done before the host waits, and what it sent may change at once")
{
  cuda_device device;
  const words at(device, 2);
  std::array<std::uint32_t, 2> sent{3, 4}, back{};
  device.put(std::as_bytes(std::span(sent)).data(), at.block.data(), sizeof sent);
  sent = {5, 6};
  REQUIRE(cudaMemcpyAsync(back.data(), at.data(), sizeof back, cudaMemcpyDeviceToHost, nullptr) ==
          cudaSuccess);
  CHECK(back == std::array<std::uint32_t, 2>{0, 0});
  REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
  CHECK(back == std::array<std::uint32_t, 2>{3, 4});
}

TEST_CASE("the host does not reach the device's memory")
{
  cuda_device device;
  const words at(device, 1);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    const volatile std::uint32_t* const there = at.data();
    ::_exit(there[0] == 0 ? 1 : 2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
}
