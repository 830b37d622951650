// SPDX-License-Identifier: Apache-2.0
// Processes that train on CUDA devices, one each, of one machine or of several: by NCCL.
//
//   nccl_group all(meeting_of_environment());
//   trainer run(network, aim, sgd(*network), "runs/1", {.device = at::kCUDA, .group = &all});
//
// Needs a LibTorch that was built with CUDA, and NCCL's header.
#pragma once

#include <retinue/train/c10d_group.hpp>  // c10d_group
#include <retinue/train/meeting.hpp>     // meeting

#include <torch/torch.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <utility>

namespace retinue {

/// Processes that have met, for tensors of the CUDA device that is current in each.
class nccl_group final : public c10d_group {
 public:
  /// Waits until all have come. Throws where they do not come in time, and where the rank is not
  /// below the size.
  explicit nccl_group(meeting where)
      : c10d_group(std::move(where), [](const auto& store, const meeting& at) {
          const auto options = c10d::ProcessGroupNCCL::Options::create();
          options->timeout = at.patience;
          return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, at.rank, at.size, options);
        })
  {
  }
};

}  // namespace retinue
