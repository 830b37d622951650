// SPDX-License-Identifier: Apache-2.0
// The score that a positive is to be called with, and what the part beside it should say, chosen at
// run time.
#pragma once

#include <retinue/compiler.hpp>        // RETINUE_HD
#include <retinue/geometry.hpp>        // box, centre_box
#include <retinue/losses/quality.hpp>  // overlap_quality, centre_quality

#include <cstdint>

namespace retinue {

/// By what positives are rated: matched_quality, overlap_quality, the same with an objectness
/// beside it, or centre_quality.
enum class rated_by : std::uint8_t { matcher, overlap, overlap_and_objectness, centre };

/// The quality policy of that choice.
struct any_quality {
  rated_by choice = rated_by::matcher;
  bool of_negatives = true;  ///< whether the part beside is learnt of negatives

  any_quality() = default;
  explicit any_quality(rated_by by) : choice(by), of_negatives(by != rated_by::centre) {}

  template <class T>
  [[nodiscard]] RETINUE_HD T of_score(const box<T>& said, const box<T>& truth,
                                      const centre_box<T>& anchor, const T& given) const
  {
    const bool overlap = choice == rated_by::overlap || choice == rated_by::overlap_and_objectness;
    return overlap ? overlap_quality<>{}.of_score(said, truth, anchor, given) : given;
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T of_part(const box<T>& said, const box<T>& truth,
                                     const centre_box<T>& anchor, const T& given) const
  {
    const overlap_quality<> overlap{.objectness = choice == rated_by::overlap_and_objectness};
    return choice == rated_by::matcher  ? given
           : choice == rated_by::centre ? centre_quality{}.of_part(said, truth, anchor, given)
                                        : overlap.of_part(said, truth, anchor, given);
  }
};
static_assert(quality_policy<any_quality>);

}  // namespace retinue
