// SPDX-License-Identifier: Apache-2.0
// In place of CUDA's header of this name.
#pragma once

#include "../../device.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace cub {

template <class T, int Threads>
class BlockReduce {
 public:
  struct TempStorage {
    std::array<T, Threads> values;
  };
  explicit BlockReduce(TempStorage& room) : room_(&room) {}

  /// As shuffles within warps add, and then the first thread the warps; other threads get what is
  /// no sum.
  [[nodiscard]] T Sum(T own)
  {
    room_->values[threadIdx.x] = own;
    __syncthreads();
    if (threadIdx.x != 0) {
      if constexpr (std::numeric_limits<T>::has_quiet_NaN)
        return std::numeric_limits<T>::quiet_NaN();
      else
        return std::numeric_limits<T>::max();
    }
    T all{};
    for (std::size_t warp = 0; warp < Threads; warp += 32) {
      std::array<T, 32> lanes;
      std::copy_n(room_->values.begin() + warp, 32, lanes.begin());
      for (std::size_t step = 1; step < 32; step *= 2)
        for (std::size_t i = 0; i + step < 32; ++i) lanes[i] += lanes[i + step];
      all = warp == 0 ? lanes[0] : all + lanes[0];
    }
    return all;
  }

 private:
  TempStorage* room_;
};

}  // namespace cub
