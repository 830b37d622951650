// SPDX-License-Identifier: Apache-2.0
#include "bid_batches.hpp"
#include "catch.hpp"

#include <retinue/anchors.hpp>
#include <retinue/backend/host.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/labels.hpp>
#include <retinue/matchers.hpp>

#include <vector>

using namespace retinue;

namespace {

/// What the host's matcher says of one image.
template <class Labels, class Coder>
std::vector<assigned<float>> by_tables(const dynamic_k_matcher::settings& settings,
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
  dynamic_k_matcher(settings).in_tables(
      b, anchors, truths, said_of_image<host_backend, Labels>{scores, batch.labels, said}, out);
  std::vector<assigned<float>> found;
  b.fetch(out, found);
  return found;
}

template <class Labels, class Coder = distance_coder>
void check_matching(const dynamic_k_matcher::settings& settings, const Labels& labels,
                    const std::vector<std::size_t>& counts, std::size_t classes, unsigned seed,
                    const Coder& code = {}, extent2 size = {96, 128})
{
  const test::said_batch<Labels, Coder> batch(
      labels, code, make_anchors(point_anchors{.strides = {8, 16, 32}}, size), counts, classes,
      seed);
  const std::size_t n = batch.anchors.size();
  const test::team_said first(host_blocks(), settings, batch);
  std::size_t positives = 0, wrong = 0;
  for (std::size_t i = 0; i < batch.images; ++i) {
    const auto want = by_tables(settings, batch, i);
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
  CAPTURE(classes, seed, int(settings.bid), positives);
#if defined(__FMA__)
  CHECK(wrong * 50 <= positives);  // packets fuse products: equal costs may fall otherwise
#else
  CHECK(wrong == 0);
#endif
  CHECK((positives > 0) == !batch.packed.truths.empty());
  for (const item_order order : test::five_orders())
    CHECK(test::team_said(host_blocks(order), settings, batch) == first);
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
