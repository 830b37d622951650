// SPDX-License-Identifier: Apache-2.0
// The backend of host memory whose packets are Eigen's: Array<float, 16, 1>, one register of
// AVX-512, else Array<float, 8, 1>, one of AVX or two of SSE. Their exp and log are those of
// formulas/elementary.hpp, which takes half the time of Eigen's where there is no AVX-512.
#pragma once

#include <retinue/backend/host.hpp>  // basic_host_backend
#include <retinue/compiler.hpp>      // RETINUE_REGISTER_BYTES

#include <Eigen/Core>

#include <cstddef>

namespace retinue {

/// Packets of rows as Eigen's arrays.
struct eigen_packets {
  template <class T, std::size_t N>
  using packet = Eigen::Array<T, static_cast<int>(N), 1>;
  /// Of sixteen registers, more a packet would leave too few for what else a formula holds: a table
  /// of overlaps takes 1.3 times as long.
  static constexpr std::size_t wide = RETINUE_REGISTER_BYTES > 32 ? 16 : 8;
};

/// Host memory, with Eigen's packets.
using eigen_backend = basic_host_backend<eigen_packets>;
static_assert(tensor_backend<eigen_backend>);

}  // namespace retinue
