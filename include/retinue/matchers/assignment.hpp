// SPDX-License-Identifier: Apache-2.0
// What a matcher is, and what it says: a verdict on every anchor, and the truth of each positive.
#pragma once

#include <retinue/anchors/layout.hpp>  // anchor_layout
#include <retinue/backend.hpp>         // tensor_backend
#include <retinue/backend/table.hpp>   // row_index
#include <retinue/geometry.hpp>        // box
#include <retinue/labels/policy.hpp>   // label_policy

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace retinue {

/// Whether an anchor is background, answers for a truth, or takes no part.
enum class verdict : std::uint8_t { negative, positive, ignored };

/// The verdict on every anchor, and apart from it the truth that a positive one answers for.
struct assignment {
  std::vector<verdict> verdicts;  ///< (anchors)
  std::vector<row_index> truths;  ///< (anchors): meaningful where the verdict is positive

  /// (anchors), or empty where all are 1: with which score a positive should be called its truth,
  /// and how much it counts.
  std::vector<float> qualities, weights;

  std::vector<std::uint32_t> positives;  ///< (truths): how many anchors answer for each
  std::size_t positive_count = 0;
  std::size_t unmatched = 0;  ///< truths, not to be ignored, for which no anchor answers
};

namespace detail {
/// Calls each(i) where bytes[i] is odd, in rising order; quick where few are.
template <class Each>
void each_odd(const std::uint8_t* bytes, std::size_t count, const Each& each)
{
  const auto word = [bytes](std::size_t at) {
    std::uint64_t w;
    std::memcpy(&w, bytes + at, sizeof w);
    return w;
  };
  std::size_t i = 0;
  if constexpr (std::endian::native == std::endian::little)
    for (; i + 64 <= count; i += 64) {
      std::uint64_t any = 0;
      for (std::size_t k = 0; k < 64; k += 8) any |= word(i + k);
      if (any == 0) continue;
      for (std::size_t k = i; k < i + 64; k += 8)
        for (std::uint64_t odd = word(k) & 0x0101010101010101u; odd != 0; odd &= odd - 1)
          each(k + static_cast<std::size_t>(std::countr_zero(odd)) / 8);
    }
  for (; i < count; ++i)
    if (bytes[i] % 2 == 1) each(i);
}
}  // namespace detail

/// Calls each(anchor) for every positive, in rising order.
template <class Each>
void each_positive(std::span<const verdict> verdicts, const Each& each)
{
  static_assert(static_cast<int>(verdict::positive) == 1);  // the only odd one
  detail::each_odd(reinterpret_cast<const std::uint8_t*>(verdicts.data()), verdicts.size(), each);
}

/// The anchors of all positives, in rising order, and the truth of each: lists to gather rows by.
inline void list_positives(const assignment& of, std::vector<row_index>& anchors,
                           std::vector<row_index>& truths)
{
  anchors.clear();
  truths.clear();
  each_positive(of.verdicts, [&](std::size_t a) {
    anchors.push_back(static_cast<row_index>(a));
    truths.push_back(of.truths[a]);
  });
}

/// The same of one anchor where assignments are tables; the truth is its place in the image.
template <class T>
struct assigned {
  using value_type = T;
  template <class U>
  using rebind = assigned<U>;
  static constexpr std::size_t width = 4;

  T verdict, truth, quality, weight;

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i == 0 ? verdict : i == 1 ? truth : i == 2 ? quality : weight;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i == 0 ? verdict : i == 1 ? truth : i == 2 ? quality : weight;
  }
  friend bool operator==(const assigned&, const assigned&) = default;
};
static_assert(record<assigned<float>>);

/// One truth of an image where truths are tables: fractions of the sides.
template <class T>
struct rival {
  using value_type = T;
  template <class U>
  using rebind = rival<U>;
  static constexpr std::size_t width = 6;

  box<T> bounds;
  T label;
  T ignored;  ///< 1 where it is to be ignored, 2 where it takes no part at all, else 0

  RETINUE_HD constexpr T& operator[](std::size_t i)
  {
    return i < 4 ? bounds[i] : i == 4 ? label : ignored;
  }
  RETINUE_HD constexpr const T& operator[](std::size_t i) const
  {
    return i < 4 ? bounds[i] : i == 4 ? label : ignored;
  }
};
static_assert(record<rival<float>>);

/// A matcher of your own: be callable with the anchors, the truths of one image as fractions of its
/// sides, which of them are to be ignored (empty: none, else one mark a truth), and the assignment
/// to fill.
template <class M>
concept matcher = requires(M& m, const anchor_layout& anchors, std::span<const box<float>> truths,
                           std::span<const std::uint8_t> ignore,
                           assignment& out) { m(anchors, truths, ignore, out); };

/// One that runs where the tables of a backend lie: anchors (1, N) and rivals (1, M) of one image,
/// and out the assignment (1, N).
template <class M, class B>
concept table_matcher =
    tensor_backend<B> &&
    requires(const M& m, B& b, const typename B::template table<centre_box<float>>& anchors,
             const typename B::template table<rival<float>>& truths,
             typename B::template table<assigned<float>>& out) {
      m.in_tables(b, anchors, truths, out);
    };

/// What a network says of one image, for matchers that look at it.
template <tensor_backend B, label_policy Labels>
struct said_of_image {
  const typename B::output& scores;
  const Labels& labels;
  const typename B::template table<box<float>>& boxes;  ///< decoded, fractions of the sides
};

/// One that also looks at the truths' labels and at what the network says of the image, decoded.
template <class M, class B, class Labels>
concept predictive_matcher =
    tensor_backend<B> && label_policy<Labels> &&
    requires(const M& m, B& b, const typename B::template table<centre_box<float>>& anchors,
             const typename B::template table<rival<float>>& truths,
             const said_of_image<B, Labels>& said,
             typename B::template table<assigned<float>>& out) {
      m.in_tables(b, anchors, truths, said, out);
    };

}  // namespace retinue
