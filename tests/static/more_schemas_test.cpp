// SPDX-License-Identifier: Apache-2.0
#undef RETINUE_MORE_SCHEMAS  // which a build may have
#define RETINUE_MORE_SCHEMAS "more_schemas.hpp"
#include <retinue/landmarks.hpp>

#include <concepts>
#include <cstddef>

namespace {

namespace schemas = retinue::schemas;

/// What a program finds by the number of landmarks that a file says.
template <std::size_t Count, class Expected>
consteval bool is_found()
{
  bool same = false;
  const bool found = retinue::with_schema_of(
      Count, [&]<class Schema>(Schema) { same = std::same_as<Schema, Expected>; });
  return found && same;
}
static_assert(is_found<6, users::hand6>() && is_found<21, schemas::points<21>>());
static_assert(is_found<4, users::kite4>());  // not a plate
static_assert(is_found<0, schemas::none>() && is_found<5, schemas::face5>());
static_assert(!retinue::with_schema_of(7, [](auto) {}));

}  // namespace
