// SPDX-License-Identifier: Apache-2.0
// A balanced sample of an image's anchors, at random (Ren 2015, Faster R-CNN, section 3.1.3): 256
// of them, of which at most half are positives. Where negatives were mined, the hardest, they teach
// each its turn.
//
//   positives kept = min(positives, share * total)
//   negatives      = total - positives kept
//
// Which they are depends on the seed, on the update, if it is told by turn(), and on how often the
// object has been asked in it. Positives that are not kept take no part; with `all_positives` none
// is left out.
#pragma once

#include <retinue/backend/table.hpp>          // number
#include <retinue/error.hpp>                  // fail
#include <retinue/losses/hard_negatives.hpp>  // negative_mining
#include <retinue/random.hpp>                 // keyed_random

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

/// Chooses negatives at random, as many as fill an image's sample up, and positives where there are
/// more than their share.
class random_negatives {
 public:
  struct settings {
    static constexpr std::string_view kind = "random";  ///< in a configuration

    std::size_t total = 256;  ///< anchors of an image that are learnt from, where there are enough
    double share = 0.5;       ///< of them that positives may fill; 0 to 1
    std::uint64_t seed = 1;
    bool all_positives = false;  ///< whether those beyond the share are learnt from as well
  };

  /// By the settings as they stand.
  random_negatives() : random_negatives(settings{}) {}
  /// Throws where the share is not 0 to 1.
  explicit random_negatives(settings s) : settings_(s)
  {
    if (!(s.share >= 0 && s.share <= 1))
      fail("the share of positives in a balanced sample is ", s.share, ", expected 0 to 1");
  }

  /// How many to choose where there are enough.
  [[nodiscard]] std::size_t quota(std::size_t positives) const
  {
    return settings_.total - std::min(positives, share());
  }

  /// Which of so many positives are kept, in rising order: every set of that many is as likely as
  /// any other.
  void keep(std::size_t positives, std::vector<row_index>& kept)
  {
    kept.clear();
    std::size_t wanted = settings_.all_positives ? positives : std::min(positives, share());
    auto draw = keyed_random(settings_.seed, update_, asked_).fork(1);
    for (std::size_t p = 0; wanted > 0; ++p) {
      if (draw.below(static_cast<std::uint32_t>(positives - p)) >= wanted) continue;
      kept.push_back(static_cast<row_index>(p));
      --wanted;
    }
  }

  /// From here on draws are those of this update, whatever was drawn before.
  void turn(std::uint64_t update)
  {
    if (update_ != update) asked_ = 0;
    update_ = update;
  }

  /// Every set of that many negatives is as likely as any other (Knuth, volume 2, 3.4.2 S).
  void operator()(std::span<const float>, std::span<const verdict> verdicts, std::size_t positives,
                  std::vector<row_index>& chosen)
  {
    chosen.clear();
    keyed_random draw(settings_.seed, update_, ++asked_);
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
    keyed_random draw(settings_.seed, update_, ++asked_);
    ranks.resize(anchors);
    for (number<float>& rank : ranks) rank.value = static_cast<float>(draw.uniform(0, 1));
  }

 private:
  [[nodiscard]] std::size_t share() const
  {
    return static_cast<std::size_t>(settings_.share * static_cast<double>(settings_.total));
  }

  settings settings_;
  std::uint64_t update_ = 0, asked_ = 0;
};
static_assert(negative_mining<random_negatives>);

}  // namespace retinue
