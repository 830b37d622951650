// SPDX-License-Identifier: Apache-2.0
#include "bid_batches.hpp"
#include "catch.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <vector>

using namespace retinue;

namespace {

/// What the host's matcher says of one image.
template <class Match, class Labels, class Coder>
std::vector<assigned<float>> by_tables(const Match& match,
                                       const test::said_batch<Labels, Coder>& batch,
                                       std::size_t image)
{
  host_backend b;
  const std::size_t n = batch.anchors.size();
  columns<centre_box<float>> anchors;
  b.put(std::span(batch.anchors), 1, anchors);
  std::vector<rival<float>> rivals;
  for (std::size_t t = batch.packed.first[image]; t < batch.packed.first[image + 1]; ++t) {
    const auto& truth = batch.packed.truths[t];
    rivals.push_back({truth.bounds, truth.label,
                      batch.packed.ignore[t] ? 1.0f
                      : truth.label < 0      ? 2.0f
                                             : 0.0f});
  }
  columns<rival<float>> truths;
  b.put(std::span<const rival<float>>(rivals), 1, truths);
  const number_rows scores(batch.scores.data() + image * n * batch.columns, {1, n}, batch.columns);
  const number_rows codes(batch.boxes.data() + image * n * 4, {1, n}, 4);
  columns<box<float>> said;
  b.map(detail::decoded<Coder>{batch.code}, said, b.template as<box_code_t<Coder>>(codes, "boxes"),
        anchors);
  columns<assigned<float>> out;
  match.in_tables(b, anchors, truths,
                  said_of_image<host_backend, Labels>{scores, batch.labels, said}, out);
  std::vector<assigned<float>> found;
  b.fetch(out, found);
  return found;
}

/// How many positives there were.
template <class Match, class Labels, class Coder = distance_coder>
std::size_t check_matcher(const Match& match, const Labels& labels,
                          const std::vector<std::size_t>& counts, std::size_t classes,
                          unsigned seed, const Coder& code = {}, extent2 size = {96, 128},
                          float spread = 1.1f)
{
  const auto& settings = match.how();
  const test::said_batch<Labels, Coder> batch(
      labels, code, make_anchors(point_anchors{.strides = {8, 16, 32}}, size), counts, classes,
      seed, spread);
  const std::size_t n = batch.anchors.size();
  const test::team_said first(host_blocks(), settings, batch);
  std::size_t positives = 0, wrong = 0;
  for (std::size_t i = 0; i < batch.images; ++i) {
    const auto want = by_tables(match, batch, i);
    REQUIRE(want.size() == n);
    for (std::size_t a = 0; a < n; ++a) {
      const std::size_t row = i * n + a;
      const bool positive = want[a].verdict > 0;
      positives += positive;
      wrong += (first.verdicts[row] == verdict::positive) != positive;
      if (!positive) continue;
      wrong += first.truths[row] != static_cast<row_index>(want[a].truth);
      wrong += first.qualities[row] != want[a].quality;
    }
  }
  CAPTURE(classes, seed, positives);
#if defined(__FMA__)
  CHECK(wrong * 50 <= positives);  // packets fuse products: equal costs may fall otherwise
#else
  CHECK(wrong == 0);
#endif
  for (const item_order order : test::five_orders())
    CHECK(test::team_said(host_blocks(order), settings, batch) == first);
  return positives;
}

template <class Labels, class Coder = distance_coder>
void check_matching(const dynamic_k_matcher::settings& settings, const Labels& labels,
                    const std::vector<std::size_t>& counts, std::size_t classes, unsigned seed,
                    const Coder& code = {}, extent2 size = {96, 128})
{
  const std::size_t positives =
      check_matcher(dynamic_k_matcher(settings), labels, counts, classes, seed, code, size);
  const bool none = std::ranges::all_of(counts, [](std::size_t n) { return n == 0; });
  CHECK((positives > 0) == !none);
}

constexpr dynamic_k_matcher::settings hard{};
constexpr dynamic_k_matcher::settings soft{.bid = bidding::soft, .radius = 3, .candidates = 13};

}  // namespace

TEST_CASE("matching by predictions over a team says what the host's says, in five orders")
{
  for (const auto& settings : {hard, soft}) {
    check_matching(settings, sigmoid_labels<>{}, {3, 0, 20, 1}, 1, 1);
    check_matching(settings, sigmoid_labels<>{}, {40, 7}, 80, 2);
    check_matching(settings, softmax_labels{}, {5, 12}, 1, 3);
    check_matching(settings, softmax_labels{}, {5, 12}, 20, 4);
    check_matching(settings, given_labels{.background = false}, {9}, 5, 5);
    check_matching(settings, times_quality<>{}, {9, 2}, 2, 6);
    check_matching(settings, sigmoid_labels<>{}, {}, 2, 7);
    check_matching(settings, sigmoid_labels<>{}, {0, 0}, 2, 8);
    check_matching(settings, sigmoid_labels<>{}, {6}, 3, 9, centre_size_coder{});
  }
  check_matching({.candidates = 1}, sigmoid_labels<>{}, {30}, 2, 10);
  check_matching({.candidates = 100000}, sigmoid_labels<>{}, {30}, 2, 11);
}

TEST_CASE("matching by predictions over a team of many images, and of 512 truths")
{
  std::vector<std::size_t> many(256);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i % 5;
  check_matching(hard, sigmoid_labels<>{}, many, 1, 12, distance_coder{}, {32, 64});
  check_matching(hard, sigmoid_labels<>{}, {512}, 3, 13, distance_coder{}, {160, 160});
}

TEST_CASE("task-aligned matching over a team says what the host's says, in five orders")
{
  using settings = aligned_matcher::settings;
  for (const aligned_matcher& match :
       {aligned_matcher::tood(), aligned_matcher::ultralytics(), aligned_matcher::ultralytics(2),
        aligned_matcher({.candidates = 3, .all_contend = true}),
        aligned_matcher({.candidates = 4, .overlap_power = 1.5f, .ranks_inside = true})}) {
    std::size_t positives = check_matcher(match, sigmoid_labels<>{}, {3, 0, 20, 1}, 1, 1);
    positives += check_matcher(match, sigmoid_labels<>{}, {40, 7}, 80, 2);
    positives += check_matcher(match, softmax_labels{}, {5, 12}, 20, 3);
    positives += check_matcher(match, given_labels{.background = false}, {9}, 5, 4);
    positives += check_matcher(match, times_quality<>{}, {9, 2}, 2, 5);
    positives += check_matcher(match, sigmoid_labels<>{}, {6}, 3, 7, centre_size_coder{});
    // Crowds, in which several truths choose an anchor that suits another one better.
    positives += check_matcher(match, sigmoid_labels<>{}, {90, 60}, 1, 10, distance_coder{},
                               {160, 160}, 0.2f);
    CHECK(positives > 5);
    CHECK(check_matcher(match, sigmoid_labels<>{}, {0, 0}, 2, 6) == 0);
  }
  CHECK(check_matcher(aligned_matcher(settings{.candidates = 100000}), sigmoid_labels<>{}, {30}, 2,
                      8) > 0);
  CHECK(check_matcher(aligned_matcher::tood(), sigmoid_labels<>{}, {512}, 3, 9, distance_coder{},
                      {160, 160}) > 0);
}

namespace {

/// Truths of all sizes, some the same, some outside, some to be ignored.
test::packed_truths drawn_truths(const std::vector<std::size_t>& counts, bool ignores,
                                 unsigned seed)
{
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> unit(0, 1);
  test::packed_truths packed;
  for (const std::size_t n : counts) {
    std::vector<box<float>> image;
    std::vector<std::uint8_t> ignore(ignores ? n : 0);
    for (std::size_t t = 0; t < n; ++t) {
      const float w = 0.005f * std::exp(unit(random) * 5), h = w * (0.5f + unit(random));
      const float x = unit(random) * 1.2f - 0.1f, y = unit(random) * 1.2f - 0.1f;
      image.push_back(t % 7 == 6 ? image[random() % t]
                                 : box<float>{x - w / 2, y - h / 2, x + w / 2, y + h / 2});
      if (ignores) ignore[t] = random() % 3 == 0;
    }
    packed.add(image, ignore);
  }
  return packed;
}

/// Compares with the host; returns how many positives there are.
std::size_t check_claims(const adaptive_matcher::settings& settings, const anchor_layout& layout,
                         const std::vector<std::size_t>& counts, bool ignores, unsigned seed,
                         std::size_t orders = 5)
{
  const auto packed = drawn_truths(counts, ignores, seed);
  const test::laid_out plain(layout);
  const test::claimed first(host_blocks(), settings, plain, packed);
  adaptive_matcher match(settings);
  std::size_t positives = 0, wrong = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::vector<box<float>> truths;
    for (std::size_t t = packed.first[i]; t < packed.first[i + 1]; ++t)
      truths.push_back(packed.truths[t].bounds);
    assignment want;
    match(layout, truths, std::span(packed.ignore).subspan(packed.first[i], truths.size()), want);
    positives += want.positive_count;
    for (std::size_t a = 0; a < layout.size(); ++a) {
      const std::size_t row = i * layout.size() + a;
      wrong += first.verdicts[row] != want.verdicts[a];
      wrong += want.verdicts[a] == verdict::positive && first.truths[row] != want.truths[a];
    }
  }
  CAPTURE(layout.size(), counts.size(), ignores, seed, settings.per_level, positives);
  CHECK(wrong == 0);
  for (std::size_t k = 1; k < orders; ++k)
    CHECK(test::claimed(host_blocks(test::five_orders()[k]), settings, plain, packed) == first);
  return positives;
}

}  // namespace

TEST_CASE("matching by thresholds over a team says what the host's says, in five orders")
{
  const std::vector<anchor_layout> layouts{
      anchor_layout(square_anchors::retinaface(), {96, 128}),
      anchor_layout(square_anchors::retinaface(), {33, 250}),
      anchor_layout(point_anchors{.strides = {8, 16, 32, 64, 128}}, {160, 160}),
      anchor_layout(default_boxes::ssd300(), {300, 300}),
      anchor_layout(make_anchors(square_anchors::retinaface(), {64, 64}))};  // in no order
  std::size_t positives = 0;
  unsigned seed = 0;
  for (const auto& settings :
       {adaptive_matcher::settings{}, adaptive_matcher::settings{.per_level = 3},
        adaptive_matcher::settings{.margin = 0.002f, .ignored = ignoring::all},
        adaptive_matcher::settings{.per_level = 1000}})
    for (const anchor_layout& layout : layouts)
      for (const bool ignores : {false, true})
        positives += check_claims(settings, layout, {3, 0, 30, 1}, ignores, ++seed);
  CHECK(positives > 1000);
  CHECK(check_claims({}, layouts[0], {}, false, 1) == 0);
  CHECK(check_claims({}, layouts[0], {0, 0}, true, 1) == 0);
  CHECK(check_claims({}, anchor_layout(std::vector<centre_box<float>>{}), {2}, false, 1) == 0);
}

TEST_CASE("matching by thresholds over a team of many images, and of 512 truths")
{
  std::vector<std::size_t> many(256);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i % 5;
  CHECK(check_claims({}, anchor_layout(square_anchors::retinaface(), {32, 64}), many, true, 1, 2) >
        100);
  CHECK(check_claims({}, anchor_layout(square_anchors::retinaface(), {320, 320}), {512, 64}, true,
                     2, 2) > 100);
}
