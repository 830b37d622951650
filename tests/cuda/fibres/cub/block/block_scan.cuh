// SPDX-License-Identifier: Apache-2.0
// In place of CUDA's header of this name.
#pragma once

#include "../../device.hpp"

#include <array>
#include <numeric>

namespace cub {

template <class T, int Threads>
class BlockScan {
 public:
  struct TempStorage {
    std::array<T, Threads> values;
  };
  explicit BlockScan(TempStorage& room) : room_(&room) {}

  void ExclusiveSum(T own, T& before, T& all)
  {
    const auto& values = room_->values;
    room_->values[threadIdx.x] = own;
    __syncthreads();
    before = std::accumulate(values.begin(), values.begin() + threadIdx.x, T{});
    all = std::accumulate(values.begin(), values.end(), T{});
  }

 private:
  TempStorage* room_;
};

}  // namespace cub
