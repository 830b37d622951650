// SPDX-License-Identifier: Apache-2.0
// Negatives at random, as many as fill an image's sample up (Ren 2015, Faster R-CNN, section
// 3.1.3): 256 anchors of which at most half are counted as positives. Where negatives were mined,
// the hardest, they teach each its turn.
//
//   count = total - min(positives, share * total)
//
// Which they are depends on the seed, and on how often the object has been asked. All positives are
// learnt from, those beyond the share as well.
#pragma once

#include <retinue/backend/table.hpp>          // number
#include <retinue/error.hpp>                  // fail
#include <retinue/losses/hard_negatives.hpp>  // negative_mining
#include <retinue/random.hpp>                 // keyed_random

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retinue {

/// Chooses negatives at random, as many as fill an image's sample up.
class random_negatives {
 public:
  struct settings {
    std::size_t total = 256;  ///< anchors of an image that are learnt from, where there are enough
    double share = 0.5;       ///< of them that positives may fill; 0 to 1
    std::uint64_t seed = 1;
  };

  random_negatives() : random_negatives(settings{}) {}
  explicit random_negatives(settings s) : settings_(s)
  {
    if (!(s.share >= 0 && s.share <= 1))
      fail("the share of positives in a balanced sample is ", s.share, ", expected 0 to 1");
  }

  /// How many to choose where there are enough.
  [[nodiscard]] std::size_t quota(std::size_t positives) const
  {
    const auto most =
        static_cast<std::size_t>(settings_.share * static_cast<double>(settings_.total));
    return settings_.total - std::min(positives, most);
  }

  /// Every set of that many negatives is as likely as any other (Knuth, volume 2, 3.4.2 S).
  void operator()(std::span<const float>, std::span<const verdict> verdicts, std::size_t positives,
                  std::vector<row_index>& chosen)
  {
    chosen.clear();
    keyed_random draw(settings_.seed, ++asked_, 0);
    auto left =
        static_cast<std::size_t>(std::count(verdicts.begin(), verdicts.end(), verdict::negative));
    std::size_t wanted = std::min(quota(positives), left);
    for (std::size_t a = 0; wanted > 0; ++a) {
      if (verdicts[a] != verdict::negative) continue;
      if (draw.below(static_cast<std::uint32_t>(left--)) >= wanted) continue;
      chosen.push_back(static_cast<row_index>(a));
      --wanted;
    }
  }

  /// A number for each anchor, by which negatives are ranked where tables lie elsewhere.
  void rank(std::size_t anchors, std::vector<number<float>>& ranks)
  {
    keyed_random draw(settings_.seed, ++asked_, 0);
    ranks.resize(anchors);
    for (number<float>& rank : ranks) rank.value = static_cast<float>(draw.uniform(0, 1));
  }

 private:
  settings settings_;
  std::uint64_t asked_ = 0;
};
static_assert(negative_mining<random_negatives>);

}  // namespace retinue
