// SPDX-License-Identifier: Apache-2.0
// Batches for matching by predictions over a team.
#pragma once

#include "team_twins.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host_blocks.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers/aligned_program.hpp>
#include <retinue/matchers/dynamic_k_program.hpp>

#include <cmath>
#include <random>
#include <utility>
#include <vector>

namespace retinue::test {

/// A batch at random: boxes near truths, scores of so many classes, truths to be ignored. Centres
/// of truths lie in a middle part of the image, of `spread` times its sides.
template <class Labels, class Coder>
struct said_batch {
  Labels labels;
  Coder code;
  std::vector<centre_box<float>> anchors;
  packed_truths packed;
  std::size_t images, columns;
  std::vector<float> scores, boxes;

  said_batch(const Labels& with, const Coder& coder, std::vector<centre_box<float>> places,
             const std::vector<std::size_t>& counts, std::size_t classes, unsigned seed,
             float spread = 1.1f)
      : labels(with),
        code(coder),
        anchors(std::move(places)),
        images(counts.size()),
        columns(with.columns(classes))
  {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 1);
    std::uniform_real_distribution<float> unit(0, 1);
    const auto drawn = [&] {
      const float w = 0.02f * std::exp(unit(random) * 3), h = w * (0.5f + unit(random));
      const float least = 0.5f - spread / 2;
      const float x = least + unit(random) * spread, y = least + unit(random) * spread;
      return box<float>{x - w / 2, y - h / 2, x + w / 2, y + h / 2};
    };
    for (const std::size_t n : counts) {
      for (std::size_t t = 0; t < n; ++t) {
        const bool again = t % 5 == 4;  // doubled truths, whose costs are equal
        packed.truths.push_back(
            {again ? packed.truths.back().bounds : drawn(),
             t % 11 == 10 ? -1.0f : static_cast<float>(1 + random() % classes)});
        packed.ignore.push_back(t % 7 == 6);
      }
      packed.first.push_back(static_cast<std::uint32_t>(packed.truths.size()));
    }
    for (std::size_t i = 0; i < images; ++i)
      for (const centre_box<float>& a : anchors) {
        const std::uint32_t from = packed.first[i], count = packed.first[i + 1] - from;
        const box<float> near =
            count > 0 ? packed.truths[from + random() % count].bounds : to_corners(a);
        box_code_t<Coder> codes = code.encode(near, a);
        for (std::size_t c = 0; c < codes.width; ++c) {
          const float by = std::isfinite(codes[c]) ? codes[c] : 0;
          boxes.push_back(by + 0.3f * normal(random));
        }
        for (std::size_t c = 0; c < columns; ++c) {
          const float x = 2 * normal(random);
          scores.push_back(std::same_as<Labels, given_labels> ? 1 / (1 + std::exp(-x))
                           : a.w > 0.1f                       ? std::round(x)
                                                              : x);
        }
      }
  }

  [[nodiscard]] std::size_t rows() const { return images * anchors.size(); }
};

/// What the programs say, and where they work.
struct team_said {
  std::vector<verdict> verdicts;
  std::vector<row_index> truths;
  std::vector<float> qualities;

  template <class Blocks, class Labels, class Coder>
  team_said(Blocks blocks, const dynamic_k_matcher::settings& settings,
            const said_batch<Labels, Coder>& batch)
      : team_said(batch.rows())
  {
    std::vector<std::uint32_t> counts(batch.images, 9), wanted(batch.rows(), 9), last = wanted;
    std::vector<row_index> bidders(batch.rows(), 9);
    std::vector<float> backgrounds(batch.rows());
    std::vector<box<float>> said(batch.rows());
    bids_view<Labels, Coder> view;
    show(batch, said, view);
    view.settings = settings;
    view.bidder_counts = counts.data(), view.bidders = bidders.data();
    view.backgrounds = backgrounds.data();
    view.wanted = wanted.data(), view.last = last.data();
    team_match(blocks, view);
  }
  template <class Blocks, class Labels, class Coder>
  team_said(Blocks blocks, const aligned_matcher::settings& settings,
            const said_batch<Labels, Coder>& batch)
      : team_said(batch.rows())
  {
    const std::size_t truth_count = batch.packed.truths.size();
    std::vector<std::uint32_t> chosen(batch.rows(), 9), metric(truth_count, 9), overlap = metric;
    std::vector<std::uint64_t> best(batch.rows(), 9);
    std::vector<box<float>> said(batch.rows());
    aligned_view<Labels, Coder> view;
    show(batch, said, view);
    view.settings = settings, view.least = least_sides(batch.anchors);
    view.chosen = chosen.data(), view.best = best.data();
    view.most_metric = metric.data(), view.most_overlap = overlap.data();
    team_match(blocks, view);
  }
  friend bool operator==(const team_said&, const team_said&) = default;

 private:
  explicit team_said(std::size_t rows)
      : verdicts(rows, verdict::positive), truths(rows, 9), qualities(rows, 9.0f)
  {
  }

  template <class Labels, class Coder>
  void show(const said_batch<Labels, Coder>& batch, std::vector<box<float>>& said,
            predictions_view<Labels, Coder>& view)
  {
    view.images = static_cast<std::uint32_t>(batch.images);
    view.anchor_count = static_cast<std::uint32_t>(batch.anchors.size());
    view.truth_room = static_cast<std::uint32_t>(batch.packed.truths.size());
    view.labels = batch.labels, view.code = batch.code;
    view.anchors = batch.anchors.data(), view.batch = batch.packed.view();
    const table_shape shape{batch.images, batch.anchors.size()};
    view.scores = {batch.scores.data(), static_cast<std::uint32_t>(batch.columns),
                   contiguous(shape, batch.columns)};
    view.boxes = {batch.boxes.data(), 4, contiguous(shape, 4)};
    view.said = said.data(), view.verdicts = verdicts.data();
    view.truths = truths.data(), view.qualities = qualities.data();
  }
};

}  // namespace retinue::test
