// SPDX-License-Identifier: Apache-2.0
// Link count_allocations.cpp to count every operator new of the program.
#pragma once

#include <cstddef>

namespace retinue::test {

std::size_t allocations();

}  // namespace retinue::test
