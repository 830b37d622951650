// SPDX-License-Identifier: Apache-2.0
// The folder of golden arrays, photos and weights, which is never part of this repository.
//
//   TEST_CASE("...", "[shared]")
//   {
//     RETINUE_NEEDS_SHARED();
//     const auto file = retinue::test::shared("golden/nms.npz");
//   }
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace retinue::test {

inline std::filesystem::path shared(const std::string& inside)
{
  const char* folder = std::getenv("RETINUE_SHARED_DIR");
  return folder && *folder ? std::filesystem::path(folder) / inside : std::filesystem::path();
}

inline bool has_shared()
{
  return std::filesystem::exists(shared("golden"));
}

}  // namespace retinue::test

/// Leaves the test case, which CTest then counts as skipped and not as passed.
#define RETINUE_NEEDS_SHARED()                                                         \
  if (!retinue::test::has_shared()) {                                                  \
    std::cout << "skipped: RETINUE_SHARED_DIR does not name the shared data folder\n"; \
    return;                                                                            \
  }
