// SPDX-License-Identifier: Apache-2.0
// Samples side by side, as a network and an objective take them.
#pragma once

#include <retinue/error.hpp>          // fail
#include <retinue/instance.hpp>       // instance
#include <retinue/train/samples.hpp>  // training_sample

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace retinue {

/// Samples as the network takes them.
template <landmark_schema Schema>
struct training_batch {
  extent2 size;                                       ///< of every image
  at::Tensor planes;                                  ///< (B, 3, height, width), on the host
  std::vector<std::vector<instance<Schema>>> truths;  ///< (B): fractions of the sides
};

/// One sample or more; `pinned` for planes that will be sent to a device. Throws, by name, where
/// one is of another size than the first.
template <landmark_schema Schema>
[[nodiscard]] training_batch<Schema> collate(std::span<const training_sample<Schema>> samples,
                                             bool pinned = false)
{
  const extent2 size = samples.front().size;
  training_batch<Schema> batch{
      size,
      at::empty({static_cast<std::int64_t>(samples.size()), 3, size.height, size.width},
                at::TensorOptions(at::kFloat).pinned_memory(pinned)),
      {}};
  float* to = batch.planes.template data_ptr<float>();
  for (const auto& s : samples) {
    const std::size_t numbers = std::size_t{3} * static_cast<std::size_t>(size.height) *
                                static_cast<std::size_t>(size.width);
    if (s.size != size || s.planes.size() != numbers)
      fail(s.name, ": a sample of ", s.size.width, " x ", s.size.height, " and ", s.planes.size(),
           " numbers among samples of ", size.width, " x ", size.height);
    std::memcpy(to, s.planes.data(), numbers * sizeof(float));
    to += numbers;
    batch.truths.push_back(s.truths);
  }
  return batch;
}

/// For messages.
template <landmark_schema Schema>
[[nodiscard]] std::string names_of(std::span<const training_sample<Schema>> samples)
{
  std::string names;
  for (const auto& s : samples) names += (names.empty() ? "" : ", ") + s.name;
  return names;
}

}  // namespace retinue
