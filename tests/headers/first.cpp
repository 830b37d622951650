// SPDX-License-Identifier: Apache-2.0
#include "every_header.hpp"

int second();

int main()
{
  return second();
}
