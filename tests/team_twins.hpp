// SPDX-License-Identifier: Apache-2.0
// Programs over a team against the host's families: what is handed to them, and what comes back.
#pragma once

#include "loss_batches.hpp"

#include <retinue/backend/host_blocks.hpp>
#include <retinue/matchers/adaptive_program.hpp>
#include <retinue/matchers/overlap_program.hpp>

#include <cstdint>
#include <vector>

namespace retinue::test {

/// The orders in which every program must say the same, bit for bit.
inline const std::vector<item_order>& five_orders()
{
  static const std::vector<item_order> all{item_order::rising, item_order::falling,
                                           item_order::shuffled, item_order{7}, item_order{8}};
  return all;
}

/// A layout as plain data.
struct laid_out {
  explicit laid_out(const anchor_layout& layout) : of(&layout)
  {
    for (const level_layout& level : layout.levels()) levels.push_back(level);
  }
  [[nodiscard]] anchor_view view() const
  {
    return {of->anchors().data(), levels.data(), static_cast<std::uint32_t>(of->size()),
            static_cast<std::uint32_t>(levels.size())};
  }

  const anchor_layout* of;
  std::vector<level_grid> levels;
};

/// The truths of a batch as plain data, of images that are ranges of boxes.
struct packed_truths {
  std::vector<truth_bounds<float>> truths;
  std::vector<std::uint8_t> ignore;
  std::vector<std::uint32_t> first{0};
  std::vector<number<float>> weights;  ///< or none

  void add(const std::vector<box<float>>& image, const std::vector<std::uint8_t>& ignored)
  {
    for (std::size_t t = 0; t < image.size(); ++t) {
      truths.push_back({image[t], 1});
      ignore.push_back(ignored.empty() ? 0 : ignored[t]);
    }
    first.push_back(static_cast<std::uint32_t>(truths.size()));
  }
  [[nodiscard]] std::size_t images() const { return first.size() - 1; }
  [[nodiscard]] truth_view view() const
  {
    return {truths.data(), ignore.data(), first.data(), weights.empty() ? nullptr : weights.data()};
  }
};

/// Where match_images writes.
struct matched {
  matched(std::size_t images, std::size_t anchors, std::size_t truth_count)
      : best(images * anchors, 9),
        owner(images * anchors, 9),
        truth_best(truth_count, 9),
        asks(truth_count, 9),
        searching(truth_count, 9),
        verdicts(images * anchors, verdict::ignored),
        truths(images * anchors, 9)
  {
  }
  [[nodiscard]] match_room room()
  {
    return {best.data(),      owner.data(),    truth_best.data(), asks.data(),
            searching.data(), verdicts.data(), truths.data()};
  }

  std::vector<std::uint64_t> best, owner, truth_best, asks;
  std::vector<std::uint32_t> searching;
  std::vector<verdict> verdicts;
  std::vector<row_index> truths;
};

/// Where the programs of an adaptive_matcher write, and what they need beside it.
struct claimed {
  std::vector<std::uint64_t> bounds, claims;
  std::vector<std::uint8_t> covered;
  std::vector<verdict> verdicts;
  std::vector<row_index> truths;

  template <class Blocks>
  claimed(Blocks blocks, const adaptive_matcher::settings& settings, const laid_out& plain,
          const packed_truths& packed)
      : bounds(packed.truths.size() * plain.levels.size(), 9),
        claims(packed.images() * plain.of->size(), 9),
        covered(claims.size(), 9),
        verdicts(claims.size(), verdict::ignored),
        truths(claims.size(), 9)
  {
    claims_view view;
    view.images = static_cast<std::uint32_t>(packed.images());
    view.truth_room = static_cast<std::uint32_t>(packed.truths.size());
    view.settings = settings, view.anchors = plain.view(), view.batch = packed.view();
    view.bounds = bounds.data(), view.claims = claims.data(), view.covered = covered.data();
    view.verdicts = verdicts.data(), view.truths = truths.data();
    team_match(blocks, view);
  }
  friend bool operator==(const claimed&, const claimed&) = default;
};

}  // namespace retinue::test
