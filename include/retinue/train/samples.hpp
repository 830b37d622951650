// SPDX-License-Identifier: Apache-2.0
// What a trainer asks for: sample i of an epoch, as the network wants it.
//
// The order of an epoch is a shuffle keyed by (seed, epoch); what a sample draws is keyed by (seed,
// epoch, sample). Neither depends on who loads it, or when.
#pragma once

#include <retinue/geometry.hpp>   // extent2
#include <retinue/instance.hpp>   // instance
#include <retinue/landmarks.hpp>  // landmark_schema
#include <retinue/random.hpp>     // keyed_random

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// One picture as the network takes it, and its truths.
template <landmark_schema Schema>
struct training_sample {
  std::string name;                      ///< for messages: the file it came from
  extent2 size;                          ///< the same for all samples of a source
  std::vector<float> planes;             ///< (3, height, width), as the network wants its pixels
  std::vector<instance<Schema>> truths;  ///< fractions of the sides
};

/// A source of your own: how many there are, and sample i of an epoch. Many threads call it at
/// once. What cannot be read throws `error`, by name.
template <class S>
concept sample_source = requires(const S& source, std::uint64_t epoch, std::size_t i) {
  typename S::schema;
  { source.size() } -> std::same_as<std::size_t>;
  { source(epoch, i) } -> std::same_as<training_sample<typename S::schema>>;
};

/// 0 to count - 1, shuffled (Fisher and Yates 1938).
[[nodiscard]] inline std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed,
                                                          std::uint64_t epoch)
{
  keyed_random random(seed, epoch, ~std::uint64_t{0});  // a key that no sample has
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  return order;
}

}  // namespace retinue
