// SPDX-License-Identifier: Apache-2.0
// Catch2, version 2 (Debian 12) or 3 (Debian 13), under one name.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace Catch {
using Matchers::ContainsSubstring;
}
#else
#include <catch2/catch.hpp>

#include <string>
namespace Catch {
inline auto ContainsSubstring(const std::string& text)
{
  return Contains(text);
}
}  // namespace Catch
#endif
