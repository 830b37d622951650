// SPDX-License-Identifier: Apache-2.0
// With which score a positive should be called its truth, and what the part beside the scores
// should say of it.
//
//                     score                      part beside it              of negatives
//   matched_quality   as the matcher says        the same                    0: objectness
//   overlap_quality   overlap of the box that    the same, or 1 where it     0
//                     is said with the truth     says whether there is one
//   centre_quality    as the matcher says        how central the anchor      none is asked
//                                                lies in the truth
//
// matched_quality after dynamic_k is YOLOX, centre_quality FCOS; overlap_quality with the quality
// focal or varifocal loss is GFL and VarifocalNet.
#pragma once

#include <retinue/formulas/centre_ness.hpp>  // centre_ness
#include <retinue/formulas/coordinate.hpp>   // held
#include <retinue/formulas/overlap.hpp>      // iou_of
#include <retinue/geometry.hpp>              // box, centre_box

#include <concepts>

namespace retinue {

/// A policy of your own: templates over T, 0 to 1 each, of the box that is said, its truth, its
/// anchor, and the quality that the matcher gave.
template <class Q, class T = float>
concept quality_policy =
    requires(const Q& quality, const box<T>& b, const centre_box<T>& anchor, const T& given) {
      { quality.of_score(b, b, anchor, given) } -> std::same_as<T>;
      { quality.of_part(b, b, anchor, given) } -> std::same_as<T>;
      { quality.of_negatives } -> std::convertible_to<bool>;
    };

namespace detail {
/// Who asks for qualities ends a mistake in this sentence.
template <class Q>
[[nodiscard]] consteval bool expect_quality()
{
  static_assert(quality_policy<Q>,
                "a policy of qualities must have of_score and of_part, templates over T of "
                "(said, truth, anchor, given), and a constant of_negatives: see "
                "retinue/losses/quality.hpp");
  return true;
}
}  // namespace detail

/// What the matcher says, of the score and of the part beside it.
struct matched_quality {
  static constexpr bool of_negatives = true;

  template <class T>
  [[nodiscard]] RETINUE_HD T of_score(const box<T>&, const box<T>&, const centre_box<T>&,
                                      const T& given) const
  {
    return given;
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T of_part(const box<T>&, const box<T>&, const centre_box<T>&,
                                     const T& given) const
  {
    return given;
  }
};

/// How much the box that is said overlaps its truth.
template <class Measure = iou_of<>>
struct overlap_quality {
  static constexpr bool of_negatives = true;

  bool objectness = false;  ///< whether the part is 1 of all positives
  Measure measure{};

  template <class T>
  [[nodiscard]] RETINUE_HD T of_score(const box<T>& said, const box<T>& truth, const centre_box<T>&,
                                      const T&) const
  {
    return held(T(maximum_of(measure(said, truth), fill_like(said.x1, 0))));
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T of_part(const box<T>& said, const box<T>& truth,
                                     const centre_box<T>& anchor, const T& given) const
  {
    return objectness ? fill_like(given, 1) : of_score(said, truth, anchor, given);
  }
};

/// Of the score what the matcher says, of the part how central the anchor lies in its truth.
struct centre_quality {
  static constexpr bool of_negatives = false;

  template <class T>
  [[nodiscard]] RETINUE_HD T of_score(const box<T>&, const box<T>&, const centre_box<T>&,
                                      const T& given) const
  {
    return given;
  }
  template <class T>
  [[nodiscard]] RETINUE_HD T of_part(const box<T>&, const box<T>& truth,
                                     const centre_box<T>& anchor, const T&) const
  {
    return centre_ness(truth, anchor.cx, anchor.cy);
  }
};

static_assert(quality_policy<matched_quality> && quality_policy<overlap_quality<>> &&
              quality_policy<centre_quality, double>);

}  // namespace retinue
