// SPDX-License-Identifier: Apache-2.0
// What is not inline is defined here and in first.cpp, and does not link.
#include "every_header.hpp"

int second();

int second()
{
  return 0;
}
