// SPDX-License-Identifier: Apache-2.0
// No mining: all negatives are learnt from, as by costs in which the easy ones hardly count.
#pragma once

#include <retinue/compiler.hpp>               // RETINUE_HD
#include <retinue/losses/hard_negatives.hpp>  // negative_mining

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

/// Chooses all negatives.
struct every_negative {
  static constexpr std::string_view kind = "every";  ///< in a configuration

  /// How many negatives are wanted for so many positives: all that there are.
  struct all_wanted {
    [[nodiscard]] RETINUE_HD std::size_t operator()(std::size_t) const
    {
      return std::numeric_limits<std::size_t>::max();
    }
  };
  [[nodiscard]] static all_wanted wanted() { return {}; }
  [[nodiscard]] static std::size_t quota(std::size_t positives) { return wanted()(positives); }
  void operator()(std::span<const float>, std::span<const verdict> verdicts, std::size_t,
                  std::vector<row_index>& chosen) const
  {
    chosen.clear();
    for (std::size_t a = 0; a < verdicts.size(); ++a)
      if (verdicts[a] == verdict::negative) chosen.push_back(static_cast<row_index>(a));
  }
};
static_assert(negative_mining<every_negative>);

}  // namespace retinue
