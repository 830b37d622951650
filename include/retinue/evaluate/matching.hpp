// SPDX-License-Identifier: Apache-2.0
// Which detections of an image found something: the one matching that all protocols share.
//
//   detections, best first; each chooses a truth by its overlaps with all of them
//     none chosen                -> false alarm
//     one that is to be ignored  -> neither: the detection counts for nothing
//     one that is taken already  -> false alarm
//     any other                  -> hit, and that truth is taken
//
// A protocol says how overlap is measured, which truth a detection chooses (a truth_choice), which
// truths are ignored, and how outcomes become a figure (curve.hpp). Boxes are in pixels.
#pragma once

#include <retinue/formulas/overlap.hpp>  // iou, iof, inclusive_pixels
#include <retinue/geometry.hpp>          // box, box_like, to_corners

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

namespace retinue {

/// What a detection turned out to be; `neither` does not count at all.
enum class outcome : std::uint8_t { hit, false_alarm, neither };

/// What a choice may know of a truth besides its overlap.
struct truth_state {
  bool ignore = false;
  bool crowd = false;  ///< stands for many objects: it is never used up
  bool taken = false;
};

/// Given one detection's overlap with every truth, the row of the truth that it chooses; nothing
/// where none overlaps by the threshold.
template <class C>
concept truth_choice = requires(const C& choose, std::span<const double> overlaps,
                                std::span<const truth_state> truths, double threshold) {
  { choose(overlaps, truths, threshold) } -> std::same_as<std::optional<std::size_t>>;
};

/// WIDER FACE's own tool: the first truth that overlaps by the threshold, taken or not.
struct first_of_enough {
  std::optional<std::size_t> operator()(std::span<const double> overlaps,
                                        std::span<const truth_state> /*truths*/,
                                        double threshold) const
  {
    const auto enough =
        std::ranges::find_if(overlaps, [&](double overlap) { return overlap >= threshold; });
    if (enough == overlaps.end()) return std::nullopt;
    return static_cast<std::size_t>(enough - overlaps.begin());
  }
};

/// VOC, and WIDER FACE's Python port: the truth that overlaps most, taken or not; the first among
/// equals.
struct best_of_all {
  std::optional<std::size_t> operator()(std::span<const double> overlaps,
                                        std::span<const truth_state> /*truths*/,
                                        double threshold) const
  {
    const auto most = std::ranges::max_element(overlaps);
    if (most == overlaps.end() || !(*most >= threshold)) return std::nullopt;
    return static_cast<std::size_t>(most - overlaps.begin());
  }
};

/// COCO: the truth that overlaps most among those that are free, an ignored one only where no other
/// will do; the last among equals, as in pycocotools.
struct best_of_free {
  std::optional<std::size_t> operator()(std::span<const double> overlaps,
                                        std::span<const truth_state> truths, double threshold) const
  {
    std::optional<std::size_t> chosen;
    double most = std::min(threshold, 1 - 1e-10);  // a threshold of 1 survives rounding
    for (const bool ignored : {false, true}) {
      for (std::size_t g = 0; g < truths.size(); ++g) {
        const truth_state& truth = truths[g];
        if (truth.ignore != ignored || (truth.taken && !truth.crowd) || !(overlaps[g] >= most))
          continue;
        most = overlaps[g];
        chosen = g;
      }
      if (chosen) break;
    }
    return chosen;
  }
};
static_assert(truth_choice<first_of_enough> && truth_choice<best_of_all> &&
              truth_choice<best_of_free>);

/// Overlaps of D detections with G truths, row by row. (D, G)
struct overlap_table {
  std::size_t truths = 0;
  std::vector<double> values;

  [[nodiscard]] std::span<const double> row(std::size_t detection) const
  {
    return {values.data() + detection * truths, truths};
  }

  /// measure(detection, row of the truth) is a double; detections are boxes of any kind.
  template <class Detections, class Measure>
  void fill(const Detections& detections, std::size_t truth_count, Measure measure)
  {
    truths = truth_count;
    values.resize(std::size(detections) * truths);
    auto value = values.begin();
    for (const auto& d : detections)
      for (std::size_t g = 0; g < truths; ++g) *value++ = measure(d, g);
  }
};

/// One detection's outcome, and the truth that it chose.
struct judgement {
  outcome what = outcome::false_alarm;
  std::optional<std::size_t> truth;
};

/// Judges every row of the table, whose detections stand best first. Marks truths as taken.
template <truth_choice Choice>
void judge(const overlap_table& overlaps, std::size_t detections, std::span<truth_state> truths,
           double threshold, const Choice& choose, std::vector<judgement>& out)
{
  out.assign(detections, {});
  for (std::size_t d = 0; d < detections; ++d) {
    out[d].truth = choose(overlaps.row(d), truths, threshold);
    if (!out[d].truth) continue;
    truth_state& truth = truths[*out[d].truth];
    if (truth.ignore)
      out[d].what = outcome::neither;
    else if (!truth.taken)
      out[d].what = outcome::hit;
    truth.taken = true;
  }
}

}  // namespace retinue
