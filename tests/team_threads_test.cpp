// SPDX-License-Identifier: Apache-2.0
// Programs on real threads: compiled with ThreadSanitizer, which sees what no order of items shows.
#include "bid_batches.hpp"
#include "catch.hpp"
#include "team_twins.hpp"

#include <retinue/backend/thread_blocks.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/losses.hpp>
#include <retinue/losses/multibox_programs.hpp>
#include <retinue/suppress/look_back.hpp>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

/// Everything that the programs of a training step leave behind.
struct step {
  test::matched match;
  std::vector<row_role> roles;
  std::vector<float> scores, boxes, points;
  team_terms terms;

  using settings = multibox_settings<schemas::face5>;

  template <class Blocks>
  step(Blocks blocks, const test::laid_out& plain, const test::loss_batch<schemas::face5>& batch,
       const overlap_settings& matching, const std::vector<std::uint8_t>& ignore)
      : match(batch.images(), plain.of->size(), ignore.size()),
        roles(match.verdicts.size()),
        scores(batch.logits.size()),
        boxes(batch.offsets.size()),
        points(batch.landmarks.size())
  {
    truth_batch<schemas::face5> truths;
    truths.read(batch.truths, 1, truth_reading::classes);
    std::vector<std::uint32_t> first{0}, keys(roles.size());
    for (std::size_t i = 0; i < batch.images(); ++i)
      first.push_back(static_cast<std::uint32_t>(first.back() + batch.truths[i].size()));
    loss_view<settings> view;
    view.images = static_cast<std::uint32_t>(batch.images());
    view.anchors = plain.view();
    view.batch.truths = truths.boxes().data();
    view.batch.ignore = ignore.data();
    view.batch.first = first.data();
    view.batch.points = truths.points().data();
    blocks.run(batch.images(), match_images{matching, view.anchors, view.batch, match.room()});
    view.assigned = {match.verdicts.data(), match.truths.data()};
    const table_shape shape{batch.images(), plain.of->size()};
    view.scores = {batch.logits.data(), 2, contiguous(shape, 2)};
    view.boxes = {batch.offsets.data(), 4, contiguous(shape, 4)};
    view.points = {batch.landmarks.data(), 10, contiguous(shape, 10)};
    std::vector<part_sums> parts(row_blocks(roles.size()));
    view.roles = roles.data(), view.keys = keys.data();
    view.parts = parts.data(), view.terms = &terms;
    team_loss(blocks, settings{}, view);
    team_slopes(blocks, settings{}, view,
                {.scores = scores.data(), .boxes = boxes.data(), .points = points.data()});
  }
};

}  // namespace

TEST_CASE("threads leave behind what one thread does, bit for bit")
{
  const anchor_layout anchors(square_anchors::retinaface(), {64, 96});
  const test::laid_out plain(anchors);
  const auto batch = test::random_batch<schemas::face5>(anchors, 2, {12, 0, 40, 3});
  std::vector<std::uint8_t> ignore;
  for (const auto& image : batch.truths)
    for (const auto& truth : image) ignore.push_back(truth.ignore);
  for (const overlap_settings& matching :
       {overlap_settings{},
        overlap_settings{.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .floor = 0},
        overlap_settings{.force = forcing::reference}}) {
    const step one(host_blocks{}, plain, batch, matching, ignore);
    const step many(thread_blocks(3, 2), plain, batch, matching, ignore);
    CHECK(one.match.verdicts == many.match.verdicts);
    CHECK(one.match.truths == many.match.truths);
    CHECK(one.roles == many.roles);
    CHECK(one.scores == many.scores);
    CHECK(one.boxes == many.boxes);
    CHECK(one.points == many.points);
    CHECK(one.terms.total == many.terms.total);
    CHECK(one.terms.sums.positives > 0);
  }
}

TEST_CASE("boxes that threads look back from wait for better ones, and are what one thread keeps")
{
  std::mt19937 random(8);
  std::uniform_real_distribution<float> unit(0, 1);
  const std::uint32_t images = 3, room = 200;
  std::vector<box<float>> boxes;
  std::vector<candidate<float>> found;
  for (std::uint32_t i = 0; i < images * room; ++i) {
    const float x = 60 * unit(random), y = 60 * unit(random), w = 8 + 30 * unit(random);
    boxes.push_back({x, y, x + w, y + w});
    found.push_back({1 - static_cast<float>(i % room) / room, 1 + static_cast<float>(i % 2)});
  }
  const std::vector<std::uint32_t> counts{room, 0, room - 7};
  const auto kept_by = [&](auto blocks) {
    std::vector<std::uint32_t> fates(boxes.size()), kept_counts(images);
    std::vector<row_index> kept(images * 50);
    std::uint32_t ticket = 0;
    const std::uint32_t cells = cell_view::cells_for(room);
    std::vector<std::uint32_t> begins(images * (cells + 1)), ranks(images * room);
    std::vector<cell_box> sorted(images * room);
    decide_fates(blocks, {boxes.data(),
                          found.data(),
                          counts.data(),
                          {begins.data(), ranks.data(), sorted.data(), cells},
                          fates.data(),
                          &ticket,
                          images,
                          room,
                          0.4f});
    blocks.run(images, collect_kept{fates.data(), counts.data(), kept.data(), kept_counts.data(),
                                    room, 50});
    CHECK(kept_counts[0] > 5);
    CHECK(kept_counts[1] == 0);
    return std::pair(fates, kept);
  };
  CHECK(kept_by(thread_blocks(3, 2)) == kept_by(host_blocks{}));
}

TEST_CASE("matching by predictions over threads is that over one")
{
  using settings = dynamic_k_matcher::settings;
  for (const settings& how : {settings{}, settings{.bid = bidding::soft, .radius = 3}}) {
    const test::said_batch<sigmoid_labels<>, distance_coder> batch(
        {}, {}, make_anchors(point_anchors{.strides = {16, 32}}, {96, 96}), {9, 0, 4}, 3, 14);
    CHECK(test::team_said(thread_blocks(3, 2), how, batch) ==
          test::team_said(host_blocks(), how, batch));
    const auto aligned = aligned_matcher::ultralytics().how();
    CHECK(test::team_said(thread_blocks(3, 2), aligned, batch) ==
          test::team_said(host_blocks(), aligned, batch));
  }
}

TEST_CASE("matching by thresholds over threads is that over one")
{
  const anchor_layout layout(square_anchors::retinaface(), {64, 96});
  const test::laid_out plain(layout);
  std::mt19937 random(6);
  std::uniform_real_distribution<float> unit(0, 1);
  test::packed_truths packed;
  for (const std::size_t n : {12, 0, 5}) {
    std::vector<box<float>> image;
    for (std::size_t t = 0; t < n; ++t) {
      const float x = 0.8f * unit(random), y = 0.8f * unit(random), w = 0.05f + 0.2f * unit(random);
      image.push_back({x, y, x + w, y + w});
    }
    packed.add(image, {});
    if (n > 0) packed.ignore.back() = 1;
  }
  for (const adaptive_matcher::settings& how :
       {adaptive_matcher::settings{},
        adaptive_matcher::settings{.per_level = 4, .ignored = ignoring::all}}) {
    const test::claimed one(host_blocks(), how, plain, packed);
    CHECK(test::claimed(thread_blocks(3, 2), how, plain, packed) == one);
    CHECK(std::ranges::count(one.verdicts, verdict::positive) > 5);
  }
}
