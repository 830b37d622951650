// SPDX-License-Identifier: Apache-2.0
// The backends of host memory that families are tested over, and the archetype of the concept.
#pragma once

#include "archetype.hpp"
#include "family_laws.hpp"

#include <retinue/backend/eigen.hpp>

namespace retinue::test {
template <>
struct backend_under_test<archetype_backend> {
  static archetype_backend make() { return {}; }
  static archetype_backend::output view(const std::vector<float>& of, table_shape shape,
                                        std::size_t numbers)
  {
    return archetype_backend::output(number_rows(of.data(), shape, numbers));
  }
};
}  // namespace retinue::test

#define RETINUE_TEST_BACKENDS host_backend, eigen_backend, test::archetype_backend
