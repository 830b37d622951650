// SPDX-License-Identifier: Apache-2.0
// Programs on a CUDA stream. This header needs no CUDA: it declares what one .cu file of yours
// defines, by including backend/cuda_blocks.cuh and naming the programs that you use:
//
//   template void retinue::cuda_blocks::run(std::size_t, const your_program&);
#pragma once

#include <cstddef>

namespace retinue {

/// Where programs run: the blocks of a CUDA stream.
class cuda_blocks {
 public:
  /// A cudaStream_t; none is the default stream.
  explicit cuda_blocks(void* stream = nullptr) : stream_(stream) {}

  /// Puts the program's blocks behind what the stream has to do, and returns. Throws where CUDA
  /// refuses the launch. All that the program views is memory of the device.
  template <class Program>
  void run(std::size_t blocks, const Program& program);

  [[nodiscard]] void* stream() const { return stream_; }

 private:
  void* stream_;
};

}  // namespace retinue
