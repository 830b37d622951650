// SPDX-License-Identifier: Apache-2.0
// Which negatives an image is learned from: those that the network gets most wrong, a few times as
// many as there are positives. Most of an image's anchors are background, and easy.
//
//   count = max(ratio * positives + added, least), but no more than `most` or than there are
//
// RetinaFace 7 : 1 (seed 000), SSD 3 : 1 (Liu 2016, section 2.2).
#pragma once

#include <retinue/backend/table.hpp>        // row_index
#include <retinue/compiler.hpp>             // RETINUE_HD
#include <retinue/error.hpp>                // fail
#include <retinue/matchers/assignment.hpp>  // verdict

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace retinue {

/// A way of your own to choose: be callable with how wrong each anchor of an image is if it is
/// background (any rising function of its loss), the verdicts, the number of positives, and the
/// rows to fill, which must be of negatives and in rising order. Where tables lie elsewhere it says
/// how many it wants, by quota(positives), and gets the most wrong; or those of the highest rank,
/// if it has a rank(anchors, ranks) that fills in a number for each. One that has keep(positives,
/// kept) fills in which of so many positives are learnt from; the others take no part. Where it
/// draws, turn(update) says for which update. One that may draw or not says by draws() whether
/// rank and keep are to be asked.
template <class M>
concept negative_mining = requires(
    M& mine, std::span<const float> wrong, std::span<const verdict> verdicts, std::size_t positives,
    std::vector<row_index>& chosen) { mine(wrong, verdicts, positives, chosen); };

namespace detail {
/// Who mines ends a mistake in this sentence.
template <class M>
[[nodiscard]] consteval bool expect_mining()
{
  static_assert(negative_mining<M>,
                "mining must be callable with (std::span<const float> wrong, "
                "std::span<const verdict>, std::size_t positives, std::vector<row_index>& "
                "chosen): see retinue/losses/hard_negatives.hpp");
  return true;
}
}  // namespace detail

/// How many negatives are wanted beside so many positives, where there are enough.
struct negatives_wanted {
  static constexpr std::string_view kind = "hard";  ///< in a configuration

  double ratio = 7;        ///< negatives to a positive; >= 0
  std::size_t added = 0;   ///< and so many more in every image: 200 in seed 002
  std::size_t least = 32;  ///< so that an image without objects teaches what background is (A3)
  std::size_t most = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] RETINUE_HD std::size_t operator()(std::size_t positives) const
  {
    const double asked = ratio * static_cast<double>(positives);
    const double limit = 1e9;  // more anchors than any image has
    const auto count = static_cast<std::size_t>(asked < limit ? asked : limit) + added;
    const std::size_t enough = count < least ? least : count;
    return enough < most ? enough : most;
  }
};

namespace detail {
/// Keys of negatives that rise as they are less wrong; `no_negative` is for all other rows.
inline constexpr std::uint32_t no_negative = ~std::uint32_t{0};

/// 0 for NaN.
[[nodiscard]] RETINUE_HD inline std::uint32_t mining_key(float wrong)
{
  const float w = wrong + 0.0f;  // -0 and 0 are one loss
  const auto bits = std::bit_cast<std::uint32_t>(w);
  const std::uint32_t sign = 0u - (bits >> 31);
  const std::uint32_t falling = bits ^ (~sign & 0x7fffffffu);
  return w != w ? 0 : falling;
}
}  // namespace detail

/// Positives and ignored anchors never rank (A7). Of equals the earlier anchor goes first; a NaN
/// goes before all, for it must be seen. O(anchors), without allocating once its buffers have
/// grown.
class hard_negatives {
 public:
  /// How many negatives are chosen.
  using settings = negatives_wanted;

  /// By the settings as they stand.
  hard_negatives() : hard_negatives(settings{}) {}
  /// Throws where the ratio is below 0.
  explicit hard_negatives(settings s) : settings_(s)
  {
    if (!(s.ratio >= 0)) fail("a ratio of negatives to positives is ", s.ratio, ", expected >= 0");
  }

  [[nodiscard]] static hard_negatives retinaface() { return hard_negatives(); }
  [[nodiscard]] static hard_negatives ssd() { return hard_negatives({.ratio = 3}); }
  /// Compatibility: images without positives teach nothing, as in seeds 000, 001 and 003.
  [[nodiscard]] static hard_negatives reference()
  {
    return hard_negatives({.ratio = 7, .least = 0});
  }

  /// How many to choose where there are enough.
  [[nodiscard]] std::size_t quota(std::size_t positives) const { return settings_(positives); }
  /// The same as plain data, for kernels.
  [[nodiscard]] const settings& wanted() const { return settings_; }

  void operator()(std::span<const float> wrong, std::span<const verdict> verdicts,
                  std::size_t positives, std::vector<row_index>& chosen)
  {
    chosen.clear();
    const std::size_t negatives = rank(wrong, verdicts);
    const std::size_t count = std::min(quota(positives), negatives);
    if (count == 0) return;
    const std::uint64_t last = last_of(count);
    chosen.reserve(count);
    const auto last_key = static_cast<std::uint32_t>(last >> 32);
    for (std::size_t a = 0; a < keys_.size(); ++a)
      if (keys_[a] <= last_key && (std::uint64_t{keys_[a]} << 32 | a) <= last)
        chosen.push_back(static_cast<row_index>(a));
  }

 private:
  static constexpr std::size_t bins = 4096, shift = 20;

  /// Keys that rise as the loss falls: 0 for NaN, `no_negative` for what is none.
  std::size_t rank(std::span<const float> wrong, std::span<const verdict> verdicts)
  {
    keys_.resize(wrong.size());
    std::size_t negatives = 0;
    for (std::size_t a = 0; a < wrong.size(); ++a) {
      const std::uint32_t key = detail::mining_key(wrong[a]);
      const bool counts = verdicts[a] == verdict::negative;
      keys_[a] = counts ? key : detail::no_negative;
      negatives += counts;
    }
    return negatives;
  }

  /// The count-th smallest of the pairs (key, row), in one word.
  std::uint64_t last_of(std::size_t count)
  {
    in_bin_.fill(0);
    for (const std::uint32_t key : keys_) ++in_bin_[key >> shift];
    std::size_t bin = 0, before = 0;
    while (before + in_bin_[bin] < count) before += in_bin_[bin++];
    candidates_.clear();
    candidates_.reserve(keys_.size());
    for (std::size_t a = 0; a < keys_.size(); ++a)
      if (keys_[a] >> shift == bin) candidates_.push_back(std::uint64_t{keys_[a]} << 32 | a);
    const auto at = candidates_.begin() + static_cast<std::ptrdiff_t>(count - before - 1);
    std::nth_element(candidates_.begin(), at, candidates_.end());
    return *at;
  }

  settings settings_;
  std::vector<std::uint32_t> keys_;  // (anchors)
  std::array<std::uint32_t, bins> in_bin_{};
  std::vector<std::uint64_t> candidates_;
};
static_assert(negative_mining<hard_negatives>);

}  // namespace retinue
