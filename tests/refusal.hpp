// SPDX-License-Identifier: Apache-2.0
// What bad input is refused with.
#pragma once

#include <retinue/error.hpp>

#include <string>

namespace retinue::test {

/// The sentence of the error that it throws, or "not refused".
template <class Action>
std::string refusal_of(const Action& action)
{
  try {
    static_cast<void>(action());
  } catch (const error& e) {
    return e.what();
  }
  return "not refused";
}

}  // namespace retinue::test
