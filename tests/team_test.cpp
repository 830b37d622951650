// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "team_twins.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host_blocks.hpp>
#include <retinue/backend/lane.hpp>
#include <retinue/backend/packet.hpp>
#include <retinue/backend/thread_blocks.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers.hpp>
#include <retinue/suppress.hpp>
#include <retinue/suppress/look_back.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

using namespace retinue;

namespace {

/// Truths of all sizes, some outside the image, some doubled, some like an anchor.
std::vector<box<float>> drawn_truths(std::mt19937& random, const anchor_layout& anchors,
                                     std::size_t n)
{
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<box<float>> truths;
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 5 == 4 && anchors.size() > 0) {
      truths.push_back(to_corners(anchors.anchors()[random() % anchors.size()]));
    } else if (i % 7 == 6) {
      truths.push_back(truths[random() % truths.size()]);
    } else {
      const float w = 0.005f * std::exp(unit(random) * 5), h = w * (0.5f + unit(random));
      const float x = unit(random) * 1.2f - 0.1f, y = unit(random) * 1.2f - 0.1f;
      truths.push_back({x - w / 2, y - h / 2, x + w / 2, y + h / 2});
    }
    if (i % 23 == 22) truths.back().x2 = truths.back().x1;  // no width
  }
  return truths;
}

const std::vector<overlap_settings>& all_settings()
{
  static const std::vector<overlap_settings> all{
      {},
      {.positive = 0.5f, .negative = 0.5f, .floor = 0},
      {.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .floor = 0},
      {.positive = 0.5f, .negative = 0.4f, .force = forcing::ties, .floor = 0},
      {.positive = 0.6f, .negative = 0.2f, .force = forcing::none},
      {.force = forcing::reference},
      overlap_matcher::mmdetection(0.5f, 0.4f, 0).how(),
      overlap_matcher::mmdetection(0.5f, 0.4f, 0.2f).how(),
      overlap_matcher::torchvision_ssd().how(),
      {.force = forcing::last_best, .floor = 0, .ignored = ignoring::all},
      {.force = forcing::best, .ignored = ignoring::all, .share_of_anchor = false},
      {.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .background = 0.1f},
      {.force = forcing::reference, .floor = 0, .ignored = ignoring::all},
      {.ignore = 0.3f, .share_of_anchor = false, .background = 0.05f}};
  return all;
}

const std::vector<anchor_layout>& layouts()
{
  static const auto all = [] {
    auto shuffled = make_anchors(square_anchors::retinaface(), {64, 96});
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
    return std::vector<anchor_layout>{
        anchor_layout(square_anchors::retinaface(), {160, 224}),
        anchor_layout(default_boxes::ssd300(), {300, 300}), anchor_layout(shuffled),
        anchor_layout(square_anchors::retinaface(), {1, 1}), anchor_layout()};
  }();
  return all;
}

/// Every image of a batch against the host's matcher.
void require_same_verdicts(const overlap_settings& settings, const anchor_layout& anchors,
                           const test::packed_truths& batch, const test::matched& out)
{
  overlap_matcher match(settings);
  const std::size_t n = anchors.size();
  for (std::size_t i = 0; i < batch.images(); ++i) {
    std::vector<box<float>> truths;
    const auto from = batch.first[i], to = batch.first[i + 1];
    for (auto t = from; t < to; ++t) truths.push_back(batch.truths[t].bounds);
    assignment want;
    match(anchors, truths, std::span(batch.ignore).subspan(from, to - from), want);
    std::size_t wrong = 0;
    for (std::size_t a = 0; a < n; ++a) {
      wrong += out.verdicts[i * n + a] != want.verdicts[a];
      wrong += (want.verdicts[a] == verdict::positive || settings.force == forcing::reference) &&
               out.truths[i * n + a] != want.truths[a];
    }
    CAPTURE(i, truths.size());
    REQUIRE(wrong == 0);
  }
}

}  // namespace

TEST_CASE("a lane finds what a packet finds in each of its lanes")
{
  std::mt19937 random(1);
  std::uniform_real_distribution<float> near(-110, 95);
  std::size_t different = 0;
  const auto same = [](float a, float b) {
    return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
  };
  for (int i = 0; i < 40000; ++i) {
    packet<float> x;
    for (float& v : x.lane) {
      const auto bits = static_cast<std::uint32_t>(random());
      if (i % 2)
        std::memcpy(&v, &bits, sizeof v);
      else
        v = near(random);
    }
    const auto grown = exp(x), logs = log(x);
    for (std::size_t k = 0; k < x.lanes; ++k)
      different += !same(exp(lane{x[k]}).value, grown[k]) || !same(log(lane{x[k]}).value, logs[k]);
  }
#if defined(__FMA__)
  SUCCEED("products of packets are fused here: " << different << " differ in the last bit");
#else
  CHECK(different == 0);
#endif
}

TEST_CASE("matching over a team says what the host's says, for its settings, in five orders")
{
  std::mt19937 random(4);
  for (const overlap_settings& settings : all_settings())
    for (const anchor_layout& anchors : layouts()) {
      test::packed_truths batch;
      for (const std::size_t n : {0, 1, 3, 20, 90}) {
        const auto truths = drawn_truths(random, anchors, n);
        std::vector<std::uint8_t> ignore(n);
        for (auto& i : ignore) i = random() % 3 == 0;
        batch.add(truths, {});
        batch.add(truths, ignore);
      }
      batch.add(drawn_truths(random, anchors, 4), {1, 1, 1, 1});    // none that counts
      batch.add({{2, 2, 3, 3}, {0.1f, 0.1f, 0.4f, 0.5f}}, {0, 1});  // one that overlaps nothing
      const test::laid_out plain(anchors);
      for (const item_order order : test::five_orders()) {
        test::matched out(batch.images(), anchors.size(), batch.truths.size());
        host_blocks(order).run(batch.images(),
                               match_images{settings, plain.view(), batch.view(), out.room()});
        CAPTURE(int(settings.force), anchors.size(), int(order));
        require_same_verdicts(settings, anchors, batch, out);
      }
    }
}

TEST_CASE("matching over a team of 512 truths in crowds, and of the same truth many times")
{
  std::mt19937 random(5);
  const anchor_layout anchors(square_anchors::retinaface(), {320, 320});
  const test::laid_out plain(anchors);
  test::packed_truths batch;
  batch.add(drawn_truths(random, anchors, 512), {});
  std::vector<box<float>> doubled(60, {0.4f, 0.4f, 0.47f, 0.48f});
  for (std::size_t t = 0; t < 60; t += 3) doubled[t] = {0.41f, 0.4f, 0.48f, 0.48f};
  batch.add(doubled, {});
  for (const overlap_settings& settings : all_settings())
    for (const item_order order : test::five_orders()) {
      test::matched out(batch.images(), anchors.size(), batch.truths.size());
      host_blocks(order).run(batch.images(),
                             match_images{settings, plain.view(), batch.view(), out.room()});
      CAPTURE(int(settings.force), int(order));
      require_same_verdicts(settings, anchors, batch, out);
    }
}

namespace {
/// A mistake that real threads may hide: an item reads what another item of the operation writes.
struct shift_left {
  static constexpr std::size_t threads = 64;
  using shared = nothing_shared;

  std::uint32_t* numbers;
  std::size_t count;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.each(count - 1, [&](std::size_t i) { numbers[i] = numbers[i + 1]; });
  }
};
/// Another: of equals it takes the one that comes last.
struct last_of_equals {
  static constexpr std::size_t threads = 64;
  using shared = nothing_shared;

  const float* values;
  std::uint32_t* best;
  std::size_t count;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    team.once([&] { *best = 0; });
    team.each(count, [&](std::size_t i) {
      if (values[i] >= values[*best]) *best = static_cast<std::uint32_t>(i);
    });
  }
};
}  // namespace

TEST_CASE("taking items in another order shows programs that depend on it")
{
  const auto shifted = [](item_order order) {
    std::vector<std::uint32_t> numbers(20);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i);
    host_blocks(order).run(1, shift_left{numbers.data(), numbers.size()});
    return numbers;
  };
  CHECK(shifted(item_order::rising) != shifted(item_order::falling));
  CHECK(shifted(item_order::rising) != shifted(item_order::shuffled));
  const auto last = [](item_order order) {
    const std::vector<float> values(20, 0.5f);
    std::uint32_t best = 0;
    host_blocks(order).run(1, last_of_equals{values.data(), &best, values.size()});
    return best;
  };
  CHECK(last(item_order::rising) != last(item_order::falling));
}

TEST_CASE("a team passes by every item once, whatever the order, and sums in one order")
{
  for (const item_order order : test::five_orders())
    for (const std::size_t n : {0, 1, 2, 7, 64, 1000}) {
      host_team one(order, 3);
      std::vector<int> seen(n);
      one.each(n, [&](std::size_t i) { ++seen[i]; });
      CHECK(std::count(seen.begin(), seen.end(), 1) == std::ptrdiff_t(n));
      const double sum =
          one.sum<double>(n, [](std::size_t i) { return 1 / (1 + static_cast<double>(i)); });
      host_team other;
      CHECK(sum ==
            other.sum<double>(n, [](std::size_t i) { return 1 / (1 + static_cast<double>(i)); }));
      std::vector<std::uint32_t> before(n);
      const auto all = one.sum_before(
          n, [](std::size_t i) { return static_cast<std::uint32_t>(i % 3); },
          [&](std::size_t i, std::uint32_t b) { before[i] = b; });
      std::uint32_t expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(before[i] == expected);
        expected += static_cast<std::uint32_t>(i % 3);
      }
      CHECK(all == expected);
    }
}

TEMPLATE_TEST_CASE(
    "a row of sigmoids learnt alone has the cost and the slopes that it has in a packet", "",
    sigmoid_labels<>, sigmoid_labels<quality_focal>, times_quality<>)
{
  constexpr std::size_t rows = 11;  // a packet, and a part of one
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 4);
  for (const std::size_t classes : {1, 7, 8, 21}) {
    std::vector<float> x(rows * classes);
    for (float& v : x) v = normal(random);
    const number_rows said(x.data(), rows, classes);
    std::vector<wanted<float>> wants;
    std::vector<row_index> all;
    for (std::size_t i = 0; i < rows; ++i) {
      wants.push_back({static_cast<float>(i % (classes + 1)), 0.7f, 1 + static_cast<float>(i)});
      all.push_back(static_cast<row_index>(i));
    }
    host_backend backend;
    columns<wanted<float>> want;
    backend.put(std::span<const wanted<float>>(wants), 1, want);
    const detail::label_cost<TestType> cost;
    STATIC_REQUIRE(detail::learns_packets<TestType, number_row<packet<float>>, packet<float>>);
    host_cost together;
    backend.clear(together, classes);
    backend.add_cost(cost, together, backend.gather(said, all), want);
    REQUIRE(together.rows == all);
    double sum = 0;
    std::vector<float> alone(classes);
    for (std::size_t i = 0; i < rows; ++i) {
      sum += cost.with_slope(said[i], alone, wants[i]);
      for (std::size_t c = 0; c < classes; ++c)
        CHECK(std::abs(together.slopes[i * classes + c] - alone[c]) <= 1e-7f * wants[i].weight);
    }
    CHECK(std::abs(together.sum - sum) <= 1e-6 * (1 + sum));
  }
}

namespace {
template <class Lengths, class Blocks>
std::vector<row_index> looked_back(Blocks blocks, const std::vector<box<float>>& boxes,
                                   const std::vector<std::uint32_t>& groups, float overlap,
                                   std::uint32_t most)
{
  const auto n = static_cast<std::uint32_t>(boxes.size());
  std::vector<std::uint32_t> fates(n), counts{n, 0};
  std::vector<candidate<float>> found(n);
  for (std::size_t i = 0; i < n; ++i) found[i].label = static_cast<float>(groups[i]);
  std::vector<row_index> kept(most);
  std::uint32_t ticket = 0;
  const std::uint32_t cells = cell_view::cells_for(n);
  std::vector<std::uint32_t> begins(cells + 1), ranks(n);
  std::vector<cell_box> sorted(n);
  decide_fates<Lengths>(blocks, {boxes.data(),
                                 found.data(),
                                 counts.data(),
                                 {begins.data(), ranks.data(), sorted.data(), cells},
                                 fates.data(),
                                 &ticket,
                                 1,
                                 n,
                                 overlap});
  blocks.run(1, collect_kept{fates.data(), counts.data(), kept.data(), &counts[1], n, most});
  kept.resize(counts[1]);
  return kept;
}

/// How the boxes of a case lie.
enum class lying : std::uint8_t { scattered, long_and_flat, in_heaps, far_out };

template <class Lengths>
void check_looking_back(float overlap, std::size_t n, std::int32_t classes, std::uint32_t most,
                        unsigned seed, lying how = lying::scattered)
{
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> unit(0, 1);
  std::vector<box<float>> boxes;
  std::vector<std::int32_t> labels;
  std::vector<std::uint32_t> groups;
  std::vector<float> scores;
  for (std::size_t i = 0; i < n; ++i) {
    float x = 300 * unit(random), y = 300 * unit(random), w = 8 * std::exp(3 * unit(random));
    float h = w * (0.5f + unit(random));
    if (how == lying::long_and_flat) (i % 2 ? w : h) *= 40;
    if (how == lying::in_heaps) {
      x = std::floor(x / 100) * 100 + 5 * unit(random), y = std::floor(y / 100) * 100;
      w = 60 + 5 * unit(random), h = 50 + 5 * unit(random);
    }
    if (how == lying::far_out) x = (x - 150) * 1e4f, y = (y - 150) * 1e-4f, w *= 1e4f, h *= 1e-5f;
    boxes.push_back({x, y, x + w, y + h});
    if (i % 31 == 30) boxes.back() = boxes[i / 2];
    if (i % 41 == 40) boxes.back().x2 = boxes.back().x1;
    labels.push_back(1 + static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(classes)));
    groups.push_back(static_cast<std::uint32_t>(labels.back()));
    scores.push_back(1 - static_cast<float>(i / 3) / static_cast<float>(n));  // ties, best first
  }
  per_class_suppressor<greedy_suppressor<Lengths>> host(greedy_suppressor<Lengths>(overlap), most);
  const auto want = host(boxes, scores, labels).rows;
  for (const item_order order : test::five_orders()) {
    CAPTURE(n, classes, int(order));
    CHECK(looked_back<Lengths>(host_blocks(order), boxes, groups, overlap, most) ==
          std::vector<row_index>(want.begin(), want.end()));
  }
  CHECK(looked_back<Lengths>(thread_blocks(3, 2),
                             std::vector(boxes.begin(), boxes.begin() + std::ptrdiff_t(n / 8)),
                             groups, overlap, 100000) ==
        looked_back<Lengths>(host_blocks(),
                             std::vector(boxes.begin(), boxes.begin() + std::ptrdiff_t(n / 8)),
                             groups, overlap, 100000));
}
}  // namespace

TEST_CASE("suppression by looking back keeps what the host's keeps, class by class")
{
  check_looking_back<continuous>(0.4f, 0, 1, 750, 1);
  check_looking_back<continuous>(0.4f, 1, 1, 750, 1);
  check_looking_back<continuous>(0.4f, 1000, 1, 100000, 2);
  check_looking_back<continuous>(0.0f, 300, 3, 100000, 3);
  check_looking_back<continuous>(0.7f, 3000, 80, 750, 4);
  check_looking_back<inclusive_pixels>(0.5f, 1000, 2, 100000, 5);
  for (const lying how : {lying::long_and_flat, lying::in_heaps, lying::far_out}) {
    check_looking_back<continuous>(0.3f, 1000, 2, 100000, 6, how);
    check_looking_back<continuous>(0.05f, 500, 1, 100000, 7, how);
    check_looking_back<continuous>(0.95f, 1000, 1, 100000, 8, how);
    check_looking_back<continuous>(1.0f, 300, 1, 100000, 9, how);
  }
}
