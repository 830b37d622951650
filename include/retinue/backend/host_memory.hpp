// SPDX-License-Identifier: Apache-2.0
// Backends whose tables lie in host memory, in the forms of backend/table.hpp: algorithms that a
// processor does better than tables do are written over these, behind the same calls.
#pragma once

#include <retinue/backend.hpp>       // tensor_backend
#include <retinue/backend/host.hpp>  // host_backend

#include <concepts>
#include <vector>

namespace retinue {

/// A backend whose outputs, lists and tables are those of host_backend.
template <class B>
concept in_host_memory =
    tensor_backend<B> && std::same_as<typename B::output, number_rows> &&
    std::same_as<typename B::list, std::vector<row_index>> &&
    std::same_as<typename B::template table<number<float>>, columns<number<float>>>;

}  // namespace retinue
