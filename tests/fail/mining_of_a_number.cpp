// expected: mining must be callable with
// SPDX-License-Identifier: Apache-2.0
// Mining chooses rows: how many to choose is not enough.
#include <retinue/backend/host.hpp>
#include <retinue/losses.hpp>

using namespace retinue;

struct mine {
#ifdef CORRECTED
  void operator()(std::span<const float>, std::span<const verdict>, std::size_t,
                  std::vector<row_index>& chosen) const
  {
    chosen.clear();
  }
#else
  std::size_t operator()(std::size_t positives) const { return 3 * positives; }
#endif
};

[[maybe_unused]] const retinue::multibox_settings<schemas::none, centre_size_coder, mine>
    settings{};
