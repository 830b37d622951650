// SPDX-License-Identifier: Apache-2.0
// A program with a mistake that no order of items shows: it counts without an atomic operation.
// ThreadSanitizer must see it, or the test of those without mistakes says nothing.
#include <retinue/backend/thread_blocks.hpp>

#include <cstdint>
#include <cstdio>

namespace {
struct count_items {
  static constexpr std::size_t threads = 64;
  using shared = retinue::nothing_shared;

  std::uint32_t* count;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.each(1000, [&](std::size_t) { ++*count; });
  }
};
}  // namespace

int main()
{
  std::uint32_t count = 0;
  retinue::thread_blocks(4, 1).run(1, count_items{&count});
  std::printf("%u items\n", static_cast<unsigned>(count));
}
