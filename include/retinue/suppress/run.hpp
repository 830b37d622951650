// SPDX-License-Identifier: Apache-2.0
// Suppression by class, wherever the boxes lie: by a suppressor's own text for tables, or in host
// memory, to which they are fetched where a suppressor knows nothing else.
#pragma once

#include <retinue/backend/host_memory.hpp>  // in_host_memory
#include <retinue/candidate.hpp>            // candidate
#include <retinue/suppress/per_class.hpp>   // per_class_suppressor
#include <retinue/suppress/suppressor.hpp>  // suppressor, class_suppressor, table_suppressor

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// What became of those kept, where it differs from what they were: none of it, or one each.
struct kept_anew {
  std::span<const float> scores{};
  std::span<const box<float>> boxes{};
};

/// Runs any kind of suppressor over the candidates of one image, wherever they lie.
template <tensor_backend B, class Suppressor>
class suppression {
 public:
  /// At most `keep` are kept in all.
  suppression(Suppressor inner, std::size_t keep)
      : by_class_(by_class_of(std::move(inner), keep)), keep_(keep)
  {
  }

  /// Candidates best first; the places of those kept go to `kept`, best first. The result lasts
  /// until the next call. Throws where the suppressor keeps a row that there is not, or not as many
  /// scores, or boxes of its own, as rows.
  kept_anew operator()([[maybe_unused]] B& b, const typename B::template table<box<float>>& boxes,
                       const typename B::template table<candidate<float>>& found,
                       typename B::list& kept)
  {
    if constexpr (!in_host_memory<B> && table_suppressor<Suppressor, B>) {
      inner().in_tables(b, boxes, found, kept);
      if (kept.size() > keep_) {
        first_.resize(keep_);
        for (std::size_t i = 0; i < keep_; ++i) first_[i] = static_cast<row_index>(i);
        typename B::list first;
        b.put(std::span<const row_index>(first_), first);
        b.gather(kept, first, kept);
      }
      return {};
    } else if constexpr (in_host_memory<B>) {
      labels_.resize(found.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        labels_[i] = static_cast<std::int32_t>(found.column(1)[i]);
      const std::span<const float> scores(found.column(0), found.size());
      kept_rows rows;
      if constexpr (std::invocable<Suppressor&, const columns<box<float>>&,
                                   std::span<const float>>) {
        rows = by_class_(boxes, scores, labels_);
      } else {
        b.fetch(boxes, boxes_);
        rows = by_class_(std::span<const box<float>>(boxes_), scores, labels_);
      }
      const std::size_t n = checked(rows, found.size());
      kept.assign(rows.rows.begin(), rows.rows.begin() + static_cast<std::ptrdiff_t>(n));
      return first(n, rows);
    } else {
      b.fetch(boxes, boxes_);
      b.fetch(found, found_);
      labels_.clear(), scores_.clear();
      for (const candidate<float>& c : found_) {
        labels_.push_back(static_cast<std::int32_t>(c.label));
        scores_.push_back(c.score);
      }
      const kept_rows rows = by_class_(std::span<const box<float>>(boxes_), scores_, labels_);
      const std::size_t n = checked(rows, scores_.size());
      b.put(rows.rows.first(n), kept);
      return first(n, rows);
    }
  }

 private:
  static constexpr bool knows_classes = class_suppressor<Suppressor>;
  static auto by_class_of(Suppressor inner, std::size_t keep)
  {
    if constexpr (knows_classes)
      return inner;
    else
      return per_class_suppressor<Suppressor>(std::move(inner), keep);
  }

  /// How many are kept of so many candidates.
  [[nodiscard]] std::size_t checked(const kept_rows& kept, std::size_t candidates) const
  {
    if (kept.scores.size() != kept.rows.size() ||
        (!kept.boxes.empty() && kept.boxes.size() != kept.rows.size()))
      fail("a suppressor kept ", kept.rows.size(), " rows with ", kept.scores.size(),
           " scores and ", kept.boxes.size(),
           " boxes, expected a score for each, and no box or one for each");
    for (const row_index row : kept.rows)
      if (row >= candidates) fail("a suppressor kept row ", row, " of ", candidates);
    return std::min(kept.rows.size(), keep_);
  }
  static kept_anew first(std::size_t n, const kept_rows& rows)
  {
    return {rows.scores.first(n), rows.boxes.empty() ? rows.boxes : rows.boxes.first(n)};
  }
  [[nodiscard]] const Suppressor& inner() const
  {
    if constexpr (knows_classes)
      return by_class_;
    else
      return by_class_.inner();
  }

  decltype(by_class_of(std::declval<Suppressor>(), 0)) by_class_;
  std::size_t keep_;
  std::vector<row_index> first_;
  std::vector<box<float>> boxes_;
  std::vector<candidate<float>> found_;
  std::vector<float> scores_;
  std::vector<std::int32_t> labels_;
};

}  // namespace retinue
