// SPDX-License-Identifier: Apache-2.0
// Weighted box fusion (Solovyev 2021): nothing is dropped. Boxes of one class that lie together
// become one box, the mean of all by their scores, and its score says how many agree.
//
//   boxes best first, score s w of a box of score s from a source of weight w:
//     joins the group whose mean it overlaps most, if by more than `overlap`; else founds one
//     mean of a group    sum s_i w_i b_i / sum s_i w_i      after each that joins
//   score of a group   mean or most of s_i w_i, times min(members, sources) / sum of weights
//
// A source is a network, or a pass of one over a picture that was flipped or scaled. O(boxes x
// groups), eight groups at a time.
#pragma once

#include <retinue/backend/packet.hpp>       // packet
#include <retinue/backend/score_order.hpp>  // score_order
#include <retinue/error.hpp>                // fail
#include <retinue/formulas/overlap.hpp>     // iou
#include <retinue/geometry.hpp>             // box
#include <retinue/suppress/measured.hpp>    // check_counts, as_record
#include <retinue/suppress/suppressor.hpp>  // box_range, kept_rows

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// Which of its members' scores a group takes.
enum class fused_score : std::uint8_t { mean, most };

/// Fuses boxes of one class that lie together, as at the top of this header.
class box_fusion {
 public:
  struct settings {
    float overlap = 0.55f;          ///< 0 to 1: boxes that overlap a group's mean by more join it
    float floor = 0;                ///< boxes of a lower score take no part
    std::vector<float> weights{1};  ///< of each source; > 0
    fused_score score = fused_score::mean;
    std::size_t keep = std::numeric_limits<std::size_t>::max();  ///< at most so many groups
  };
  static constexpr row_index nowhere = ~row_index{0};

  /// By the settings as they stand.
  box_fusion() : box_fusion(settings{}) {}
  /// Throws where the overlap is not 0 to 1, where there are no weights, or where one is not above
  /// 0.
  explicit box_fusion(settings s) : settings_(std::move(s))
  {
    if (!(settings_.overlap >= 0 && settings_.overlap <= 1))
      fail("the overlap for fusion is ", settings_.overlap, ", expected 0 to 1");
    if (settings_.weights.empty()) fail("a fusion has no sources, expected one or more");
    for (const float w : settings_.weights)
      if (!(w > 0)) fail("the weight of a source in a fusion is ", w, ", expected above 0");
  }
  /// As a detector makes one of its options.
  box_fusion(float overlap, std::size_t keep) : box_fusion({.overlap = overlap, .keep = keep}) {}

  /// Of one source and one class. Throws where there are not as many scores as boxes.
  template <box_range Boxes>
  kept_rows operator()(const Boxes& boxes, std::span<const float> scores)
  {
    return fuse(boxes, scores, {}, {});
  }
  /// Of several sources: which one each box is of. Labels may be none, for all are one class then.
  /// The rows are those of each group's best member; all lie here until the next call. Boxes that
  /// are not finite take no part. Throws where there are not as many scores as boxes, or labels, or
  /// sources, where there are any; and where a source has no weight.
  template <box_range Boxes>
  kept_rows fuse(const Boxes& boxes, std::span<const float> scores,
                 std::span<const std::int32_t> labels, std::span<const std::size_t> sources)
  {
    const std::size_t n = std::size(boxes);
    detail::check_counts(n, scores.size());
    if (!labels.empty()) detail::check_counts(n, scores.size(), labels.size());
    if (!sources.empty() && sources.size() != n)
      fail("a fusion was given ", n, " boxes but ", sources.size(), " sources of them");
    weighed_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t source = sources.empty() ? 0 : sources[i];
      if (source >= settings_.weights.size())
        fail("box ", i, " of a fusion is of source ", source, ", expected less than ",
             settings_.weights.size());
      weighed_[i] = scores[i] * settings_.weights[source];
    }
    start(n);
    for (const row_index row : order_(weighed_)) {
      const auto b = detail::as_record<box<float>>(boxes[row]);
      const float size = area(b);
      if (!(scores[row] >= settings_.floor && size - size == 0 && weighed_[row] > 0)) continue;
      join(row, b, weighed_[row], labels.empty() ? 0 : labels[row]);
    }
    return finish();
  }

  /// Of each box of the last call, its place among what was kept, or nowhere; and with which weight
  /// it took part.
  [[nodiscard]] std::span<const row_index> groups() const { return group_of_; }
  [[nodiscard]] std::span<const float> weights() const { return weighed_; }

 private:
  using numbers = packet<float>;
  struct group {
    std::array<double, 4> sums{};
    double scores = 0;
    float most = 0;
    std::size_t members = 0;
    row_index best = 0;
  };
  /// The groups of one class, whose means lie side by side.
  struct class_groups {
    std::int32_t label = 0;
    std::vector<std::uint32_t> groups;
    std::array<std::vector<float>, 4> means;
  };

  void start(std::size_t n)
  {
    groups_.clear();
    group_of_.assign(n, nowhere);
    used_classes_ = 0;
  }

  class_groups& of_class(std::int32_t label)
  {
    for (std::size_t i = 0; i < used_classes_; ++i)
      if (classes_[i].label == label) return classes_[i];
    if (used_classes_ == classes_.size()) classes_.emplace_back();
    class_groups& fresh = classes_[used_classes_++];
    fresh.label = label;
    fresh.groups.clear();
    for (auto& side : fresh.means) side.clear();
    return fresh;
  }

  /// The first of the groups whose mean overlaps b most, if by enough; else none.
  [[nodiscard]] std::size_t nearest(const class_groups& of, const box<float>& b) const
  {
    const box<numbers> all{numbers::all(b.x1), numbers::all(b.y1), numbers::all(b.x2),
                           numbers::all(b.y2)};
    float most = settings_.overlap;
    std::size_t at = of.groups.size();
    for (std::size_t first = 0; first < of.groups.size(); first += numbers::lanes) {
      const auto& m = of.means;  // padded to whole packets by boxes without area
      const numbers shared =
          iou(box<numbers>{numbers::load(&m[0][first]), numbers::load(&m[1][first]),
                           numbers::load(&m[2][first]), numbers::load(&m[3][first])},
              all);
      if (!(shared.largest() > most)) continue;
      for (std::size_t k = 0; k < numbers::lanes; ++k)
        if (shared[k] > most) most = shared[k], at = first + k;
    }
    return at;
  }

  void join(row_index row, const box<float>& b, float score, std::int32_t label)
  {
    class_groups& of = of_class(label);
    const std::size_t at = nearest(of, b);
    if (at == of.groups.size()) {
      of.groups.push_back(static_cast<std::uint32_t>(groups_.size()));
      if (at % numbers::lanes == 0)
        for (auto& side : of.means) side.resize(at + numbers::lanes, 0.0f);
      groups_.push_back({.best = row});
    }
    group& g = groups_[of.groups[at]];
    g.scores += static_cast<double>(score);
    g.most = std::max(g.most, score);
    ++g.members;
    for (std::size_t c = 0; c < 4; ++c) {
      g.sums[c] += static_cast<double>(score) * static_cast<double>(b[c]);
      of.means[c][at] = static_cast<float>(g.sums[c] / g.scores);
    }
    group_of_[row] = of.groups[at];
  }

  kept_rows finish()
  {
    double all_weights = 0;
    for (const float w : settings_.weights) all_weights += static_cast<double>(w);
    const auto sources = settings_.weights.size();
    fused_.clear();
    for (const group& g : groups_) {
      const auto members = static_cast<double>(g.members);
      const double score =
          settings_.score == fused_score::most ? static_cast<double>(g.most) : g.scores / members;
      fused_.push_back(static_cast<float>(
          score * static_cast<double>(std::min(g.members, sources)) / all_weights));
    }
    rows_.clear(), scores_.clear(), boxes_.clear();
    place_.assign(groups_.size(), nowhere);
    for (const row_index i : by_fused_(fused_, std::min(settings_.keep, fused_.size()))) {
      const group& g = groups_[i];
      place_[i] = static_cast<row_index>(rows_.size());
      rows_.push_back(g.best);
      scores_.push_back(fused_[i]);
      box<float> mean{};
      for (std::size_t c = 0; c < 4; ++c) mean[c] = static_cast<float>(g.sums[c] / g.scores);
      boxes_.push_back(mean);
    }
    for (row_index& of : group_of_)
      if (of != nowhere) of = place_[of];
    return {rows_, scores_, boxes_};
  }

  settings settings_;
  score_order order_, by_fused_;
  std::vector<group> groups_;
  std::vector<class_groups> classes_;
  std::size_t used_classes_ = 0;
  std::vector<float> weighed_, fused_;
  std::vector<row_index> group_of_, place_, rows_;
  std::vector<float> scores_;
  std::vector<box<float>> boxes_;
};

}  // namespace retinue
