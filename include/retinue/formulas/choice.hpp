// SPDX-License-Identifier: Apache-2.0
// Formulas that are chosen at run time: a variant of them, asked which one it is, on the host and
// in a kernel. (std::visit may throw, which no kernel can.)
#pragma once

#include <retinue/compiler.hpp>  // RETINUE_HD

#include <cstddef>
#include <variant>

namespace retinue::detail {

/// What f says of the one that was chosen.
template <std::size_t I = 0, class F, class... Ts>
RETINUE_HD constexpr decltype(auto) ask(const std::variant<Ts...>& choice, const F& f)
{
  if constexpr (I + 1 < sizeof...(Ts)) {
    if (choice.index() != I) return ask<I + 1>(choice, f);
  }
  return f(*std::get_if<I>(&choice));
}

}  // namespace retinue::detail
