// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "count_allocations.hpp"
#include "formula_laws.hpp"
#include "loss_batches.hpp"
#include "loss_laws.hpp"
#include "shared.hpp"

#include <retinue/error.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>

#include <limits>
#include <numeric>

using namespace retinue;

TEMPLATE_TEST_CASE("losses are what their definitions say, and slopes are their derivatives", "",
                   float, double, test::packet)
{
  test::check_losses<TestType>();
}

TEST_CASE("the logarithm of a sum of exponentials is finite where its logits are, in any width")
{
  CHECK(log_sum_exp(std::array{3e38f, 0.0f, -3e38f}) == 3e38f);
  CHECK(log_sum_exp(std::array{1e39, 0.0, 1e300}) == 1e300);
}

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<row_index> mined(hard_negatives mine, const std::vector<float>& wrong,
                             const std::vector<verdict>& verdicts, std::size_t positives)
{
  std::vector<row_index> chosen;
  mine(wrong, verdicts, positives, chosen);
  return chosen;
}

/// By a full sort.
std::vector<row_index> sorted_negatives(const std::vector<float>& wrong,
                                        const std::vector<verdict>& verdicts, std::size_t count)
{
  std::vector<row_index> rows;
  for (std::size_t a = 0; a < wrong.size(); ++a)
    if (verdicts[a] == verdict::negative) rows.push_back(static_cast<row_index>(a));
  std::stable_sort(rows.begin(), rows.end(), [&](row_index a, row_index b) {
    const float x = wrong[a], y = wrong[b];
    return x != x ? y == y : x > y;
  });
  rows.resize(std::min(rows.size(), count));
  std::sort(rows.begin(), rows.end());
  return rows;
}
}  // namespace

TEST_CASE("mining takes what a stable sort puts first, ties and NaN included")
{
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  const std::vector<float> special{0.0f, -0.0f, infinity, -infinity, not_a_number, 1e-42f};
  for (int round = 0; round < 60; ++round)
    for (const std::size_t n : {0, 1, 5, 300, 4200}) {
      std::vector<float> wrong(n);
      std::vector<verdict> verdicts(n);
      std::size_t positives = 0;
      for (std::size_t a = 0; a < n; ++a) {
        wrong[a] = round % 3 == 0   ? normal(random)
                   : round % 3 == 1 ? std::round(normal(random))
                                    : special[random() % special.size()];
        verdicts[a] = random() % 50 == 0   ? verdict::positive
                      : random() % 30 == 0 ? verdict::ignored
                                           : verdict::negative;
        positives += verdicts[a] == verdict::positive;
      }
      CAPTURE(round, n);
      const std::size_t count = std::max<std::size_t>(7 * positives, 32);
      REQUIRE(mined(hard_negatives(), wrong, verdicts, positives) ==
              sorted_negatives(wrong, verdicts, count));
    }
}

TEST_CASE("how many negatives an image is learned from")
{
  CHECK(hard_negatives::retinaface().quota(10) == 70);
  CHECK(hard_negatives::retinaface().quota(0) == 32);
  CHECK(hard_negatives::ssd().quota(20) == 60);
  CHECK(hard_negatives::reference().quota(0) == 0);
  CHECK(hard_negatives({.added = 200, .least = 0}).quota(0) == 200);  // seed 002
  CHECK(hard_negatives({.added = 200, .least = 0}).quota(10) == 270);
  CHECK(hard_negatives({.most = 50}).quota(10) == 50);
  CHECK(hard_negatives({.ratio = 1e300, .most = 7}).quota(10) == 7);
  CHECK_THROWS_AS(hard_negatives({.ratio = -1}), error);
  CHECK_THROWS_AS(hard_negatives({.ratio = std::nan("")}), error);
  // Positives do not rank even where negatives run out (A7).
  const std::vector<verdict> verdicts{verdict::positive, verdict::negative, verdict::ignored};
  CHECK(mined(hard_negatives(), {3, 1, 2}, verdicts, 1) == std::vector<row_index>{1});
}

TEST_CASE("softmax labels order anchors by the loss of calling them background")
{
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 20);
  host_backend backend;
  columns<number<float>> odds;
  const auto wrong = [&](const std::vector<float>& x, std::size_t classes) {
    const auto of_row = [](const auto& row) {
      const auto odd = softmax_labels{}.wrong(row);
      return number<std::remove_cvref_t<decltype(odd)>>{odd};
    };
    backend.map(of_row, odds, number_rows(x.data(), x.size() / classes, classes));
  };
  for (const std::size_t classes : {2, 3, 21})
    for (const std::size_t n : {1, 7, 8, 9, 15, 16, 17, 100}) {
      std::vector<float> x(n * classes);
      for (float& v : x) v = normal(random);
      wrong(x, classes);
      for (std::size_t i = 0; i < n; ++i) {
        double sum = 0, most = -1e9;
        for (std::size_t c = 1; c < classes; ++c)
          most = std::max(most, static_cast<double>(x[i * classes + c]));
        for (std::size_t c = 1; c < classes; ++c)
          sum += std::exp(static_cast<double>(x[i * classes + c]) - most);
        const double expected = most + std::log(sum) - static_cast<double>(x[i * classes]);
        CHECK(std::abs(static_cast<double>(odds[i].value) - expected) < 2e-5);
      }
    }
  wrong({0, not_a_number, 0, 0, infinity, 0, 0, -infinity, 1}, 3);
  CHECK(std::isnan(odds[0].value));
  CHECK(odds[1].value == infinity);
  CHECK(std::abs(odds[2].value - 1) < 1e-6f);
}

namespace {
/// Every sum as it is written down, in double.
template <class Schema>
test::batch_terms by_definition(const anchor_layout& anchors, std::size_t classes,
                                const hard_negatives& mining, const test::loss_batch<Schema>& batch)
{
  const std::size_t n = anchors.size();
  const auto huber = [](double d) { return std::abs(d) < 1 ? d * d / 2 : std::abs(d) - 0.5; };
  const auto entropy = [&](std::size_t row, std::size_t label) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c)
      sum += std::exp(static_cast<double>(batch.logits[row * classes + c]));
    return std::log(sum) - static_cast<double>(batch.logits[row * classes + label]);
  };
  test::batch_terms sums;
  for (std::size_t b = 0; b < batch.images(); ++b) {
    const assignment& assigned = batch.assigned[b];
    std::vector<float> wrong(n);
    for (std::size_t a = 0; a < n; ++a) wrong[a] = static_cast<float>(entropy(b * n + a, 0));
    for (const row_index a :
         sorted_negatives(wrong, assigned.verdicts, mining.quota(assigned.positive_count))) {
      sums.label += entropy(b * n + a, 0);
      ++sums.negatives;
    }
    for (std::size_t a = 0; a < n; ++a) {
      if (assigned.verdicts[a] != verdict::positive) continue;
      const std::size_t row = b * n + a;
      const auto& truth = batch.truths[b][assigned.truths[a]];
      const auto& anchor = anchors.anchors()[a];
      ++sums.positives;
      sums.label += entropy(row, static_cast<std::size_t>(truth.label));
      const auto want = centre_size_coder().encode(truth.bounds, anchor);
      for (std::size_t c = 0; c < 4; ++c)
        sums.box += huber(static_cast<double>(batch.offsets[row * 4 + c] - want[c]));
      const auto points = centre_size_coder().encode(truth.points, anchor);
      bool any = false;
      for (std::size_t c = 0; c < points.width; ++c) {
        if (!truth.visible[c / Schema::dimension]) continue;
        any = true;
        sums.landmark +=
            huber(static_cast<double>(batch.landmarks[row * points.width + c] - points[c]));
      }
      sums.with_landmarks += any;
    }
  }
  sums.box /= std::max(1.0, static_cast<double>(sums.positives));
  sums.label /= std::max(1.0, static_cast<double>(sums.positives));
  sums.landmark /= std::max(1.0, static_cast<double>(sums.with_landmarks));
  sums.total = 2 * sums.box + sums.label + sums.landmark;
  return sums;
}

/// (f(x + h) - f(x - h)) / 2h along one direction against the gradient's product with it.
template <class Loss, class Schema>
void check_gradient(Loss& loss, const anchor_layout& anchors, test::loss_batch<Schema> batch)
{
  test::gradient_room room(batch);
  loss(anchors, batch, &room);
  std::mt19937 random(7);
  const auto check = [&](std::vector<float>& input, const std::vector<float>& slope) {
    if (input.empty()) return;
    const float h = 1.0f / 256;
    int checked = 0;
    for (std::size_t i = random() % 7; i < input.size() && checked < 12; ++i) {
      if (slope[i] == 0) continue;
      const float middle = input[i];
      input[i] = middle + h;
      const double above = loss(anchors, batch).total;
      input[i] = middle - h;
      const double below = loss(anchors, batch).total;
      input[i] = middle;
      const double numeric = (above - below) / (2 * static_cast<double>(h));
      CHECK(std::abs(numeric - static_cast<double>(slope[i])) < 1e-4);
      ++checked;
      i += random() % 50;
    }
    CHECK(checked > 0);
  };
  check(batch.offsets, room.offsets);
  check(batch.logits, room.logits);
  check(batch.landmarks, room.landmarks);
  check(batch.quality, room.quality);
}

template <class Terms>
void require_close(const Terms& ours, const Terms& expected)
{
  CHECK(ours.positives == expected.positives);
  CHECK(ours.negatives == expected.negatives);
  CHECK(ours.with_landmarks == expected.with_landmarks);
  CHECK(std::abs(ours.box - expected.box) < 1e-5 * (1 + expected.box));
  CHECK(std::abs(ours.label - expected.label) < 1e-5 * (1 + expected.label));
  CHECK(std::abs(ours.landmark - expected.landmark) < 1e-5 * (1 + expected.landmark));
  CHECK(std::abs(ours.total - expected.total) < 1e-5 * (1 + expected.total));
}
}  // namespace

TEMPLATE_TEST_CASE("the multibox loss is its definition, and its gradient is its derivative", "",
                   RETINUE_TEST_SCHEMAS)
{
  const anchor_layout anchors(square_anchors::retinaface(), {160, 192});
  for (const std::size_t classes : {2, 21}) {
    const auto batch = test::random_batch<TestType>(anchors, classes, {8, 0, 20});
    test::batch_loss<multibox_settings<TestType>> loss({.classes = classes - 1});
    const auto terms = loss(anchors, batch);
    CHECK(terms.positives > 20);
    require_close(terms, by_definition(anchors, classes, hard_negatives(), batch));
    check_gradient(loss, anchors, batch);
  }
}

namespace {
struct free_ciou_loss : ciou_loss {
  free_ciou_loss() : ciou_loss{.fixed_weight = false} {}
};
}  // namespace

TEMPLATE_TEST_CASE("a box may cost by how it lies on its truth", "", iou_loss, giou_loss, diou_loss,
                   free_ciou_loss, eiou_loss, siou_loss, extended_iou_loss, bounded_iou_loss)
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  const auto batch = test::random_batch<face5>(anchors, 2, {3, 0, 7});
  test::batch_loss<multibox_settings<face5, centre_size_coder, hard_negatives, TestType>> loss;
  const auto terms = loss(anchors, batch);
  double sum = 0;
  std::size_t positives = 0;
  for (std::size_t b = 0; b < batch.images(); ++b) {
    const assignment& assigned = batch.assigned[b];
    for (std::size_t a = 0; a < anchors.size(); ++a) {
      if (assigned.verdicts[a] != verdict::positive) continue;
      const float* o = &batch.offsets[(b * anchors.size() + a) * 4];
      const auto found =
          centre_size_coder().decode(offsets<float>{o[0], o[1], o[2], o[3]}, anchors.anchors()[a]);
      sum += static_cast<double>(TestType{}(found, batch.truths[b][assigned.truths[a]].bounds));
      ++positives;
    }
  }
  REQUIRE(positives > 10);
  CHECK(std::abs(terms.box - sum / static_cast<double>(positives)) < 1e-5);
  check_gradient(loss, anchors, batch);
}

TEST_CASE("a balanced sample keeps no more positives than their share, each as likely as any other")
{
  random_negatives mine({.total = 20, .share = 0.25, .seed = 3}),
      all({.total = 20, .share = 0.25, .all_positives = true});
  std::vector<row_index> kept;
  mine.keep(3, kept);
  CHECK(kept == std::vector<row_index>{0, 1, 2});
  all.keep(9, kept);
  CHECK(kept.size() == 9);
  std::vector<double> times(9);
  const int rounds = 9000;
  for (int round = 0; round < rounds; ++round) {
    mine.turn(static_cast<std::uint64_t>(round));
    mine.keep(9, kept);
    REQUIRE(kept.size() == 5);
    REQUIRE(std::is_sorted(kept.begin(), kept.end()));
    for (const row_index p : kept) times.at(p) += 1;
  }
  // 5 of 9: 5,000 times, with a deviation of 47.
  for (const double t : times) CHECK(std::abs(t - 5000) < 240);

  // Of a batch: what is kept is of what was matched and says the same; what is left out is neither.
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {160, 192});
  const auto batch = test::random_batch<face5>(anchors, 2, {8, 0, 20});
  const auto sample_by = [&](const auto& mining) {
    using settings =
        multibox_settings<face5, centre_size_coder, std::remove_cvref_t<decltype(mining)>>;
    typename settings::template sampler_over<host_backend, test::canned_matcher> sample(
        test::canned_matcher{&batch.assigned}, {}, mining, {});
    host_backend b;
    columns<centre_box<float>> table;
    b.put(anchors.anchors(), 1, table);
    truth_batch<face5> truths;
    truths.read(batch.truths, 1, truth_reading::classes);
    samples<host_backend> chosen;
    sample(b, anchors, table, batch.said(), truths, chosen);
    return chosen;
  };
  const std::size_t half = 12;
  const auto every = sample_by(every_negative{});
  const auto some = sample_by(random_negatives({.total = 2 * half}));
  const auto any = sample_by(any_negatives(random_negatives::settings{.total = 2 * half}));
  CHECK(any.positives == some.positives);
  CHECK(any.negatives == some.negatives);
  std::vector<std::size_t> of_image(3), of_negatives(3);
  for (std::size_t i = 0; i < some.positives.size(); ++i) {
    const row_index row = some.positives[i];
    const auto at = std::ranges::find(every.positives, row) - every.positives.begin();
    REQUIRE(at < std::ptrdiff_t(every.positives.size()));
    CHECK(every.truths[std::size_t(at)] == some.truths[i]);
    CHECK(every.want[std::size_t(at)].label == some.want[i].label);
    ++of_image[row / anchors.size()];
  }
  for (const row_index row : some.negatives) {
    CHECK(batch.assigned[row / anchors.size()].verdicts[row % anchors.size()] == verdict::negative);
    ++of_negatives[row / anchors.size()];
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const auto lies_in = [&](row_index row) { return row / anchors.size() == i; };
    const auto matched = static_cast<std::size_t>(std::ranges::count_if(every.positives, lies_in));
    CHECK(of_image[i] == std::min(matched, half));
    CHECK(of_negatives[i] == 2 * half - of_image[i]);
  }
  CHECK(every.positives.size() > 2 * half);
}

namespace {
/// Calls each(row, anchor, truth) for all positives of a batch.
template <class Schema>
void each_positive_of(const anchor_layout& anchors, const test::loss_batch<Schema>& batch,
                      const auto& each)
{
  for (std::size_t b = 0; b < batch.images(); ++b)
    for (std::size_t a = 0; a < anchors.size(); ++a)
      if (batch.assigned[b].verdicts[a] == verdict::positive)
        each(b * anchors.size() + a, anchors.anchors()[a],
             batch.truths[b][batch.assigned[b].truths[a]]);
}
}  // namespace

TEMPLATE_TEST_CASE("landmarks may cost by how alike they are together", "", RETINUE_TEST_SCHEMAS)
{
  constexpr std::size_t count = TestType::count;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  auto batch = test::random_batch<TestType>(anchors, 2, {5, 0, 9});
  for (float& x : batch.landmarks) x /= 4;
  using settings = multibox_settings<TestType, centre_size_coder, hard_negatives, smooth_l1,
                                     keypoint_loss<TestType>>;
  settings s;
  for (std::size_t k = 0; k < count; ++k) s.landmark.sigmas[k] = 0.2 + 0.3 * double(k % 3);
  test::batch_loss<settings> loss(s);
  const auto terms = loss(anchors, batch);
  double sum = 0;
  std::size_t seen = 0;
  each_positive_of(anchors, batch, [&](std::size_t row, const auto& anchor, const auto& truth) {
    landmark_offsets<float, TestType> said;
    for (std::size_t c = 0; c < said.width; ++c) said[c] = batch.landmarks[row * said.width + c];
    const auto points = centre_size_coder().decode(said, anchor);
    const auto size = static_cast<double>(area(truth.bounds));
    double apart = 0;
    int visible = 0;
    for (std::size_t k = 0; k != count; ++k) {  // of which there may be none
      if (!truth.visible[k]) continue;
      double squares = 0;
      for (std::size_t c = 0; c < TestType::dimension; ++c)
        squares +=
            std::pow(static_cast<double>(points.points[k][c] - truth.points.points[k][c]), 2);
      apart += 1 - std::exp(-squares / (2 * size * std::pow(2 * s.landmark.sigmas[k], 2)));
      ++visible;
    }
    if (visible > 0) sum += apart / visible, ++seen;
  });
  CHECK(terms.with_landmarks == seen);
  CHECK((count == 0 || seen > 10));
  CHECK(std::abs(terms.landmark - sum / std::max(1.0, static_cast<double>(seen))) < 1e-5);
  check_gradient(loss, anchors, batch);
}

TEST_CASE("a point that is not visible costs nothing, though it lies nowhere")
{
  using face5 = schemas::face5;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  auto batch = test::random_batch<face5>(anchors, 2, {8, 3});
  for (auto& image : batch.truths)
    for (auto& truth : image) truth.visible[1] = false, truth.visible[4] = true;
  const double want = test::batch_loss<multibox_settings<face5>>()(anchors, batch).landmark;
  for (auto& image : batch.truths)
    for (auto& truth : image) truth.points.points[1] = {NAN, HUGE_VALF};
  truth_batch<face5> read;
  read.read(batch.truths, 1, truth_reading::classes);
  for (const auto& points : read.points()) CHECK(points.points.points[1] == std::array{0.0f, 0.0f});
  CHECK(test::batch_loss<multibox_settings<face5>>()(anchors, batch).landmark == want);

  const detail::landmark_cost<centre_size_coder, smooth_l1> cost{};
  truth_points<float, face5> nowhere{};
  nowhere.points.points[1] = {NAN, NAN};
  nowhere.visible = {1, 0, 1, 1, 1};
  CHECK(cost(landmark_offsets<float, face5>{}, nowhere, truth_bounds<float>{},
             centre_box<float>{0, 0, 1, 1}, wanted<float>{1, 1, 1}) == 0);
}

TEST_CASE("truths in pixels are refused, for nothing would match them")
{
  truth_batch<schemas::none> read;
  std::vector<std::vector<instance<schemas::none>>> truths(2);
  truths[1] = {{.bounds = {30, 40, 62, 72}}, {.bounds = {3, 4, 20, 30}}};
  CHECK_THROWS_WITH(
      read.read(truths, 1, truth_reading::classes),
      "all truths of the batch are many times larger than an image, the first 32 x 32: "
      "expected fractions of the image's sides, so pixels are divided by these");
  CHECK_NOTHROW(read.read(truths, 1, truth_reading::reference));
  // One that lies far away, or is wrong alone, is a matter of its data.
  truths[0] = {{.bounds = {-9, 0, -8, 1}}};
  CHECK_NOTHROW(read.read(truths, 1, truth_reading::classes));
  truths = {{}, {}};
  CHECK_NOTHROW(read.read(truths, 1, truth_reading::classes));
}

TEST_CASE("a point that is not visible costs nothing, wherever it is said to be")
{
  using pair = schemas::points<2>;
  const keypoint_loss<pair> loss;
  const landmarks<float, pair> said{{{{1, 2}, {3, 4}}}}, want{{{{1, 2}, {not_a_number, 9}}}};
  CHECK(loss(said, want, {1.0f, 0.0f}, 1.0f) == 0);
  CHECK(loss(said, want, {0.0f, 0.0f}, 1.0f) == 0);
  CHECK(loss(want, said, {1.0f, 0.0f}, 0.0f) == 0);
  const landmarks<float, pair> off{{{{1, 3}, {3, 4}}}};
  CHECK(std::abs(loss(off, said, {1.0f, 1.0f}, 2.0f) - 0.5f * (1 - std::exp(-0.25f))) < 1e-6f);
}

TEMPLATE_TEST_CASE("labels may cost as a policy says, and their gradient is its derivative", "",
                   softmax_labels, sigmoid_labels<varifocal>, sigmoid_labels<gaussian_focal>,
                   sigmoid_labels<quality_focal>)
{
  using none = schemas::none;
  using settings =
      multibox_settings<none, centre_size_coder, hard_negatives, smooth_l1, smooth_l1, TestType>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  TestType labels;
  if constexpr (std::same_as<TestType, softmax_labels>) labels.smoothing = 0.1;
  for (const std::size_t columns : {2, 12}) {
    auto batch = test::random_batch<none>(anchors, columns, {4, 0, 9});
    const std::size_t classes = columns - labels.columns(0);
    for (auto& truths : batch.truths)
      for (auto& truth : truths)
        truth.label = std::min(truth.label, static_cast<std::int32_t>(classes));
    test::batch_loss<settings> loss({.classes = classes, .labels = labels});
    const auto terms = loss(anchors, batch);
    CHECK(terms.positives > 10);
    check_gradient(loss, anchors, batch);
    if constexpr (std::same_as<TestType, softmax_labels>) {
      test::batch_loss<settings> sure({.classes = classes});
      CHECK(std::abs(sure(anchors, batch).label - terms.label) > 1e-3);
    }
  }
}

TEST_CASE("smoothed labels are those of a target that is shared out")
{
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 3);
  for (const std::size_t columns : {2, 3, 7})
    for (std::size_t label = 0; label < columns; ++label) {
      std::vector<float> x(columns), slopes(columns);
      for (float& v : x) v = normal(random);
      const softmax_labels labels{.smoothing = 0.2};
      const number_row<float> row{x.data(), columns};
      double all = 0, want = 0;
      for (const float v : x) all += std::exp(static_cast<double>(v));
      const float cost = labels.with_slope(row, slopes, static_cast<float>(label), 1);
      for (std::size_t c = 0; c < columns; ++c) {
        const double target = 0.2 / static_cast<double>(columns) + (c == label ? 0.8 : 0.0);
        const double p = std::exp(static_cast<double>(x[c])) / all;
        want -= target * std::log(p);
        CHECK(std::abs(static_cast<double>(slopes[c]) - (p - target)) < 1e-6);
      }
      CHECK(std::abs(static_cast<double>(cost) - want) < 1e-5);
      CHECK(std::abs(labels.cost(row, static_cast<float>(label), 1.0f) - cost) < 1e-5f);
    }
}

namespace {
/// Labels and quality of a batch as a policy of qualities has them, in double.
template <class Quality>
void check_quality(const Quality& quality, const auto& of_score, const auto& of_part)
{
  using none = schemas::none;
  using settings = multibox_settings<none, centre_size_coder, hard_negatives, smooth_l1, smooth_l1,
                                     sigmoid_labels<binary_cross_entropy>, Quality>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  auto batch = test::random_batch<none>(anchors, 3, {4, 0, 9});
  for (float& x : batch.offsets) x /= 8;  // so that boxes overlap their truths
  std::mt19937 random(9);
  for (std::size_t i = 0; i < anchors.size() * 3; ++i)
    batch.quality.push_back(static_cast<float>(random() % 1000) / 200 - 2.5f);
  batch.landmarks.clear();
  // All but positives are negatives, and none is left out.
  using every = multibox_settings<none, centre_size_coder, every_negative, smooth_l1, smooth_l1,
                                  sigmoid_labels<binary_cross_entropy>, Quality>;
  test::batch_loss<every> loss({.classes = 3, .quality = quality});
  const auto terms = loss(anchors, batch);

  const auto entropy = [](float x, double t) {
    return std::log1p(std::exp(static_cast<double>(x))) - static_cast<double>(x) * t;
  };
  double label = 0, part = 0, positives = 0;
  std::vector<bool> is_positive(batch.quality.size());
  each_positive_of(anchors, batch, [&](std::size_t row, const auto& anchor, const auto& truth) {
    const float* o = &batch.offsets[row * 4];
    const auto said = centre_size_coder().decode(offsets<float>{o[0], o[1], o[2], o[3]}, anchor);
    for (std::size_t c = 0; c < 3; ++c)
      label += entropy(batch.logits[row * 3 + c], c + 1 == static_cast<std::size_t>(truth.label)
                                                      ? of_score(said, truth.bounds, anchor)
                                                      : 0.0);
    part += entropy(batch.quality[row], of_part(said, truth.bounds, anchor));
    positives += 1;
    is_positive[row] = true;
  });
  for (std::size_t b = 0; b < batch.images(); ++b)
    for (std::size_t a = 0; a < anchors.size(); ++a) {
      const std::size_t row = b * anchors.size() + a;
      if (batch.assigned[b].verdicts[a] != verdict::negative) continue;
      for (std::size_t c = 0; c < 3; ++c) label += entropy(batch.logits[row * 3 + c], 0);
      if (Quality::of_negatives) part += entropy(batch.quality[row], 0);
    }
  REQUIRE(positives > 10);
  CHECK(std::abs(terms.label - label / positives) < 1e-5 * label / positives);
  CHECK(std::abs(terms.quality - part / positives) < 1e-5 * part / positives);
  test::batch_loss<settings> mined({.classes = 3, .quality = quality});
  batch.offsets.assign(batch.offsets.size(), 0.0f);  // what is held has no gradient by the boxes
  auto still = batch;
  test::gradient_room room(batch);
  mined(anchors, batch, &room);
  const auto without = room.offsets;
  still.quality.clear();
  test::gradient_room other(still);
  mined(anchors, still, &other);
  CHECK(other.offsets == without);
}
}  // namespace

TEST_CASE("the quality of a positive is what its policy says, of its score and beside it")
{
  const auto one = [](const auto&...) { return 1.0; };
  const auto overlap = [](const auto& said, const auto& truth, const auto&) {
    return static_cast<double>(iou(said, truth));
  };
  check_quality(matched_quality{}, one, one);
  check_quality(overlap_quality<>{}, overlap, overlap);
  check_quality(overlap_quality<>{.objectness = true}, overlap, one);
  check_quality(centre_quality{}, one, [](const auto&, const auto& t, const auto& anchor) {
    const double left = static_cast<double>(anchor.cx - t.x1),
                 right = static_cast<double>(t.x2 - anchor.cx),
                 top = static_cast<double>(anchor.cy - t.y1),
                 bottom = static_cast<double>(t.y2 - anchor.cy);
    if (std::min({left, right, top, bottom}) <= 0) return 0.0;
    return std::sqrt(std::min(left, right) / std::max(left, right) * std::min(top, bottom) /
                     std::max(top, bottom));
  });
}

TEST_CASE("boxes count by the quality or by the score of their positives, over the sum of these")
{
  using none = schemas::none;
  using settings = multibox_settings<none, centre_size_coder, every_negative, giou_loss, smooth_l1,
                                     sigmoid_labels<varifocal>, overlap_quality<>>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  const auto batch = test::random_batch<none>(anchors, 3, {4, 0, 9});
  for (const box_weighing by : {box_weighing::by_quality, box_weighing::by_score}) {
    double costs = 0, weights = 0;
    each_positive_of(anchors, batch, [&](std::size_t row, const auto& anchor, const auto& truth) {
      const float* const o = &batch.offsets[4 * row];
      const auto said = centre_size_coder().decode(offsets<float>{o[0], o[1], o[2], o[3]}, anchor);
      const auto score = [&](std::size_t k) { return sigmoid(batch.logits[3 * row + k]); };
      const float weight = by == box_weighing::by_quality
                               ? iou(said, truth.bounds)
                               : std::max({score(0), score(1), score(2)});
      costs += static_cast<double>(weight * giou_loss{}(said, truth.bounds));
      weights += static_cast<double>(weight);
    });
    test::batch_loss<settings> weighed({.classes = 3, .weigh_boxes = by});
    const auto terms = weighed(anchors, batch);
    CHECK(std::abs(terms.box - costs / std::max(weights, 1.0)) < 1e-5);
    const auto alike = test::batch_loss<settings>({.classes = 3})(anchors, batch);
    CHECK(alike.label == terms.label);
    CHECK(std::abs(alike.box - terms.box) > 1e-3);
    const batch_counts whole{3, 10, 0};
    CHECK_THROWS_WITH(weighed(anchors, batch, nullptr, &whole),
                      "the boxes of a part of a batch were to be weighed, whose divisor is the "
                      "whole's");
  }
  const auto nothing = test::random_batch<none>(anchors, 3, {0});
  test::batch_loss<settings> weighed({.classes = 3, .weigh_boxes = box_weighing::by_score});
  CHECK(weighed(anchors, nothing).box == 0);
}

TEST_CASE("a balanced sample is filled up with negatives, each as likely as any other")
{
  const std::size_t anchors = 60;
  std::vector<verdict> verdicts(anchors, verdict::negative);
  for (std::size_t a = 0; a < anchors; a += 6) verdicts[a] = verdict::positive;  // 10
  for (std::size_t a = 3; a < anchors; a += 6) verdicts[a] = verdict::ignored;   // 10
  const std::vector<float> wrong(anchors);
  random_negatives mine({.total = 20, .share = 0.25, .seed = 4}), same = mine;
  CHECK(mine.quota(0) == 20);
  CHECK(mine.quota(3) == 17);
  CHECK(mine.quota(10) == 15);
  std::vector<double> times(anchors);
  std::vector<row_index> chosen, again;
  const int rounds = 4000;
  bool changes = false;
  for (int round = 0; round < rounds; ++round) {
    mine(wrong, verdicts, 10, chosen);
    changes |= !again.empty() && chosen != again;
    same(wrong, verdicts, 10, again);
    REQUIRE(chosen == again);
    REQUIRE(chosen.size() == 15);
    REQUIRE(std::is_sorted(chosen.begin(), chosen.end()));
    for (const row_index a : chosen) {
      REQUIRE(verdicts[a] == verdict::negative);
      times[a] += 1;
    }
  }
  CHECK(changes);
  // 15 of 40: 1,500 times, with a deviation of 30.6.
  for (std::size_t a = 0; a < anchors; ++a)
    if (verdicts[a] == verdict::negative) CHECK(std::abs(times[a] - 1500) < 150);
  random_negatives({.total = 100})(wrong, verdicts, 10, chosen);
  CHECK(chosen.size() == 40);  // there are no more

  // What is drawn depends on the update, not on what was drawn before.
  random_negatives early({.total = 20}), late = early;
  late(wrong, verdicts, 10, chosen);
  early.turn(5), late.turn(5);
  early(wrong, verdicts, 10, chosen);
  late(wrong, verdicts, 10, again);
  CHECK(chosen == again);
  late.turn(5);
  late(wrong, verdicts, 10, again);  // another image of the same update
  CHECK(chosen != again);
  CHECK_THROWS_AS(random_negatives({.share = 1.5}), error);
  CHECK_THROWS_AS(random_negatives({.share = std::nan("")}), error);
}

namespace {
/// Distances from the anchor's centre as distributions over 0, 1, 2, 3 of its quarter sides.
struct quarters_coder {
  template <class T>
  struct code {
    using value_type = T;
    template <class U>
    using rebind = code<U>;
    static constexpr std::size_t width = 16;

    std::array<std::array<T, 4>, 4> side{};

    constexpr T& operator[](std::size_t i) { return side[i / 4][i % 4]; }
    constexpr const T& operator[](std::size_t i) const { return side[i / 4][i % 4]; }
  };
  template <class T>
  using box_code = code<T>;

  template <class T, landmark_schema Schema>
  landmark_offsets<T, Schema> encode(const landmarks<T, Schema>& points,
                                     const centre_box<T>& anchor) const
  {
    return centre_size_coder{}.encode(points, anchor);
  }
  template <class T, landmark_schema Schema>
  landmarks<T, Schema> decode(const landmark_offsets<T, Schema>& said,
                              const centre_box<T>& anchor) const
  {
    return centre_size_coder{}.decode(said, anchor);
  }
  template <class T>
  code<T> encode(const box<T>& truth, const centre_box<T>& anchor) const
  {
    code<T> said;
    for (auto& side : said.side) side.fill(fill_like(truth.x1, 0));
    static_cast<void>(anchor);
    return said;
  }
  template <class T>
  box<T> decode(const code<T>& said, const centre_box<T>& anchor) const
  {
    using std::exp;
    std::array<T, 4> mean;
    for (std::size_t s = 0; s < 4; ++s) {
      T sum = fill_like(anchor.cx, 0), all = sum;
      for (std::size_t i = 0; i < 4; ++i) {
        const T share = exp(said.side[s][i]);
        all = all + share, sum = sum + share * static_cast<scalar_of_t<T>>(0.25 * double(i));
      }
      mean[s] = sum / all;
    }
    return {T(anchor.cx - mean[0] * anchor.w), T(anchor.cy - mean[1] * anchor.h),
            T(anchor.cx + mean[2] * anchor.w), T(anchor.cy + mean[3] * anchor.h)};
  }
  template <class T>
  box<T> within(const box<T>& truth, const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    return {
        T((anchor.cx - truth.x1) / anchor.w * S(4)), T((anchor.cy - truth.y1) / anchor.h * S(4)),
        T((truth.x2 - anchor.cx) / anchor.w * S(4)), T((truth.y2 - anchor.cy) / anchor.h * S(4))};
  }
};
}  // namespace

TEST_CASE("a box that is said as distributions costs by these and by its overlap")
{
  using none = schemas::none;
  using settings = multibox_settings<none, quarters_coder, hard_negatives, distribution_loss<>>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  auto batch = test::random_batch<none>(anchors, 2, {4, 0, 9});
  std::mt19937 random(17);
  batch.box_width = 16;
  batch.offsets.resize(3 * anchors.size() * 16);
  for (float& x : batch.offsets) x = static_cast<float>(random() % 100) / 50 - 1;
  test::batch_loss<settings> loss({.box = {.weight = 0.5}});
  const auto terms = loss(anchors, batch);
  double sum = 0, positives = 0;
  const quarters_coder coder;
  each_positive_of(anchors, batch, [&](std::size_t row, const auto& anchor, const auto& truth) {
    quarters_coder::code<float> said;
    for (std::size_t c = 0; c < 16; ++c) said[c] = batch.offsets[row * 16 + c];
    sum += static_cast<double>(giou_loss{}(coder.decode(said, anchor), truth.bounds));
    const auto lengths = coder.within(truth.bounds, anchor);
    for (std::size_t s = 0; s < 4; ++s) {
      const double t = std::clamp(static_cast<double>(lengths[s]), 0.0, 3.0);
      const auto lower = static_cast<std::size_t>(std::min(t, 2.999999));
      double all = 0;
      for (const float x : said.side[s]) all += std::exp(static_cast<double>(x));
      const auto cost = [&](std::size_t i) {
        return std::log(all) - static_cast<double>(said.side[s][i]);
      };
      const double above = t - static_cast<double>(lower);
      sum += 0.125 * ((1 - above) * cost(lower) + above * cost(lower + 1));
    }
    positives += 1;
  });
  REQUIRE(positives > 10);
  CHECK(std::abs(terms.box - sum / positives) < 1e-5 * sum / positives);
  check_gradient(loss, anchors, batch);
}

TEST_CASE("SSD's loss: 8,732 default boxes, 21 classes, 3 : 1 (seed 004)")
{
  const anchor_layout anchors(default_boxes::ssd300(), {300, 300});
  REQUIRE(anchors.size() == 8732);
  auto batch = test::random_batch<schemas::none>(anchors, 21, {3, 1, 9});
  batch.match(anchors, overlap_matcher::ssd());
  auto settings = multibox_settings<schemas::none>::ssd();
  const auto terms = test::batch_loss<multibox_settings<schemas::none>>(settings)(anchors, batch);
  auto expected = by_definition(anchors, 21, hard_negatives::ssd(), batch);
  expected.total -= expected.box;  // its weights are 1 : 1
  require_close(terms, expected);
}

TEST_CASE("a batch of what goes wrong elsewhere is finite")
{
  const anchor_layout anchors(square_anchors::retinaface(), {640, 640});
  auto batch = test::random_batch<schemas::face5>(anchors, 2, {0, 512, 1, 1, 1});
  const float pixel = 1.0f / 640;
  batch.truths[2][0].bounds = {0.5f, 0.5f, 0.5f + pixel, 0.5f + pixel};
  batch.truths[3][0].bounds = {0.5f, 0.4f, 0.5f, 0.6f};
  batch.truths[4][0].bounds = {0.6f, 0.4f, 0.5f, 0.6f};
  batch.match(anchors, overlap_matcher({.floor = 0}));
  // Another's matcher may have assigned even those without area.
  for (const std::size_t b : {3, 4}) batch.assigned[b].verdicts[77] = verdict::positive;
  test::batch_loss<multibox_settings<schemas::face5>> loss;
  test::gradient_room room(batch);
  const auto terms = loss(anchors, batch, &room);
  CHECK(std::isfinite(terms.total));
  CHECK(terms.positives > 512);
  for (const auto* of : {&room.offsets, &room.logits, &room.landmarks})
    CHECK(std::all_of(of->begin(), of->end(), [](float x) { return std::isfinite(x); }));
  // The truth without area is no evidence: its anchor has no gradient.
  const std::size_t row = 3 * anchors.size() + 77;
  CHECK(room.logits[row * 2] == 0);
  CHECK(room.offsets[row * 4] == 0);
  // The truth of one pixel has its anchor.
  CHECK(batch.assigned[2].positive_count == 1);
}

TEST_CASE("images without objects teach what background is, unless the reference is asked for (A3)")
{
  const anchor_layout anchors(square_anchors::retinaface(), {64, 64});
  const auto batch = test::random_batch<schemas::face5>(anchors, 2, {0, 0});
  test::batch_loss<multibox_settings<schemas::face5>> loss;
  test::gradient_room room(batch);
  const auto terms = loss(anchors, batch, &room);
  CHECK(terms.positives == 0);
  CHECK(terms.negatives == 64);
  CHECK(terms.label > 0);
  CHECK(terms.box == 0);
  CHECK(std::count_if(room.logits.begin(), room.logits.end(), [](float x) { return x != 0; }) ==
        128);
  test::batch_loss<multibox_settings<schemas::face5>> reference(
      multibox_settings<schemas::face5>::reference());
  CHECK(reference(anchors, batch, &room).total == 0);
  CHECK(std::all_of(room.logits.begin(), room.logits.end(), [](float x) { return x == 0; }));
}

TEST_CASE("the two readings of a truth")
{
  using face5 = schemas::face5;
  const anchor_layout anchors({{0.5f, 0.5f, 0.4f, 0.4f}, {0.2f, 0.2f, 0.1f, 0.1f}});
  auto batch = test::random_batch<face5>(anchors, 2, {1});
  auto& truth = batch.truths[0][0];
  truth.bounds = {0.3f, 0.3f, 0.7f, 0.7f};
  truth.visible = {true, false, false, false, false};
  batch.match(anchors, overlap_matcher::retinaface());
  const auto read = [&](truth_reading how) {
    test::batch_loss<multibox_settings<face5>> loss({.reading = how});
    return loss(anchors, batch);
  };
  const double one_point = read(truth_reading::classes).landmark;
  CHECK(one_point > 0);
  CHECK(read(truth_reading::reference).landmark > one_point);  // all five
  truth.label = -1;
  CHECK(read(truth_reading::reference).landmark == 0);
  CHECK(read(truth_reading::reference).positives == 1);
  CHECK_THROWS_AS(read(truth_reading::classes), error);
  truth.label = 3;
  CHECK(read(truth_reading::reference).positives == 1);
  CHECK_THROWS_AS(read(truth_reading::classes), error);
  truth.label = 0;
  CHECK(read(truth_reading::reference).positives == 0);
  CHECK_THROWS_AS(read(truth_reading::classes), error);
  truth.label = 1;
  truth.bounds.x2 = truth.bounds.x1;
  CHECK(read(truth_reading::classes).positives == 0);
  CHECK(read(truth_reading::reference).box == HUGE_VAL);
  truth.bounds = {0.3f, 0.3f, 0.7f, 0.7f};
  truth.points.points[0][1] = not_a_number;
  CHECK_THROWS_AS(read(truth_reading::classes), error);
}

TEMPLATE_TEST_CASE("a truth of weight w counts w times", "", RETINUE_TEST_SCHEMAS)
{
  using settings = multibox_settings<TestType>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  auto batch = test::random_batch<TestType>(anchors, 2, {5, 0, 3});
  const auto cost = [&](float weight) {
    for (auto& image : batch.truths)
      for (auto& truth : image) truth.weight = weight;
    return test::batch_loss<settings>()(anchors, batch);
  };
  const auto one = cost(1), half = cost(0.5f), none = cost(0);
  CHECK(one.positives == none.positives);
  CHECK(one.box > 0);
  CHECK(std::abs(half.box - one.box / 2) < 1e-6 * one.box);
  CHECK(std::abs(half.landmark - one.landmark / 2) <= 1e-6 * one.landmark);
  CHECK(none.box == 0);
  CHECK(none.landmark == 0);
  // What is left are the negatives, which count as they do.
  CHECK(std::abs(half.label - (one.label + none.label) / 2) < 1e-6 * one.label);
  CHECK(none.label < one.label);

  batch.truths[2][1].weight = -1;
  CHECK_THROWS_AS(test::batch_loss<settings>()(anchors, batch), error);
}

TEST_CASE("dividing by images, and what cannot be a loss is refused")
{
  const anchor_layout anchors(square_anchors::retinaface(), {64, 64});
  const auto batch = test::random_batch<schemas::face5>(anchors, 2, {3, 2});
  test::batch_loss<multibox_settings<schemas::face5>> by_positives,
      by_images({.divide_by = normalisation::images});
  const auto a = by_positives(anchors, batch);
  const auto b = by_images(anchors, batch);
  CHECK(std::abs(a.box * static_cast<double>(a.positives) - b.box * 2) < 1e-6);
  CHECK_THROWS_AS(test::batch_loss<multibox_settings<schemas::face5>>({.classes = 0}), error);
  CHECK_THROWS_AS(test::batch_loss<multibox_settings<schemas::face5>>({.weights = {-1, 1, 1}}),
                  error);
  const anchor_layout other(square_anchors::retinaface(), {32, 32});
  CHECK_THROWS_AS(by_positives(other, batch), error);
}

TEST_CASE("the loss allocates nothing once its buffers have grown")
{
  const anchor_layout anchors(square_anchors::retinaface(), {320, 320});
  for (const std::size_t classes : {2, 21}) {
    const auto batch = test::random_batch<schemas::face5>(anchors, classes, {8, 0, 20});
    test::batch_loss<multibox_settings<schemas::face5>> loss({.classes = classes - 1});
    test::gradient_room room(batch);
    loss(anchors, batch, &room);
    const std::size_t before = test::allocations();
    loss(anchors, batch, &room);
    CHECK(test::allocations() == before);
  }
}

namespace {
/// A matcher of one positive, with so many qualities and weights.
struct with_numbers {
  std::size_t qualities = 0, weights = 0;

  void operator()(const anchor_layout& anchors, std::span<const box<float>>,
                  std::span<const std::uint8_t>, assignment& out) const
  {
    out = {};
    out.verdicts.assign(anchors.size(), verdict::negative);
    out.truths.assign(anchors.size(), 0);
    out.verdicts.back() = verdict::positive;
    out.qualities.assign(qualities, 1.0f);
    out.weights.assign(weights, 1.0f);
  }
};
/// Mining that chooses this row alone.
struct this_row {
  row_index row = 0;

  [[nodiscard]] static std::size_t quota(std::size_t) { return 1; }
  void operator()(std::span<const float>, std::span<const verdict>, std::size_t,
                  std::vector<row_index>& chosen) const
  {
    chosen = {row};
  }
};
}  // namespace

TEST_CASE("what a matcher and mining of yours give is looked at before it is used")
{
  using none = schemas::none;
  const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  const auto batch = test::random_batch<none>(layout, 2, {1});
  host_backend backend;
  columns<centre_box<float>> anchors;
  backend.put(layout.anchors(), 1, anchors);
  truth_batch<none> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  const auto said = [&](const with_numbers& match, row_index row) {
    sampler<host_backend, with_numbers, softmax_labels, this_row, centre_size_coder> sample(
        match, {}, {row}, {});
    samples<host_backend> chosen;
    try {
      sample(backend, layout, anchors, batch.said(), truths, chosen);
    } catch (const error& e) {
      return std::string(e.what());
    }
    return std::string("not refused");
  };
  const std::size_t n = layout.size();
  CHECK(said({0, n}, 3) == "not refused");
  CHECK(said({n, 0}, 3) == "not refused");
  CHECK(said({1, 0}, 3) ==
        "image 0 of the batch has 1 qualities, expected none or 504, one for each anchor");
  CHECK(said({n, 3}, 3) ==
        "image 0 of the batch has 3 weights, expected none or 504, one for each anchor");
  CHECK(said({}, static_cast<row_index>(n)) ==
        "of image 0 of the batch, row 504 of 504 was chosen as a negative");
}

TEST_CASE("outputs that have not a row for each anchor of each image are not learnt from")
{
  using face5 = schemas::face5;
  using settings = multibox_settings<face5>;
  const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  const auto batch = test::random_batch<face5>(layout, 2, {8, 0});
  host_backend backend;
  settings::sampler_over<host_backend, overlap_matcher> sample(overlap_matcher::retinaface(), {},
                                                               hard_negatives(), {});
  columns<centre_box<float>> anchors;
  backend.put(layout.anchors(), 1, anchors);
  truth_batch<face5> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  samples<host_backend> chosen;
  const std::size_t rows = layout.size();
  const auto refused = [&](table_shape shape) {
    const std::vector<float> logits(shape.size() * 2);
    outputs<host_backend> said = batch.said();
    said.scores = {logits.data(), shape, 2};
    try {
      sample(backend, layout, anchors, said, truths, chosen);
    } catch (const error& e) {
      return std::string(e.what());
    }
    return std::string("not refused");
  };
  CHECK(rows == 504);
  CHECK(refused({2, rows}) == "not refused");
  CHECK(refused({2, rows + 5000}) ==
        "the scores of 2 images and 5504 rows were to be learnt from, expected 2 images and 504 "
        "rows, one for each anchor");
  CHECK(refused({1, rows}) != "not refused");
  CHECK(refused({2, rows - 1}) != "not refused");
}

TEST_CASE("matching, mining and loss together allocate nothing once their buffers have grown")
{
  using face5 = schemas::face5;
  using settings = multibox_settings<face5>;
  const anchor_layout layout(square_anchors::retinaface(), {320, 320});
  const auto batch = test::random_batch<face5>(layout, 2, {8, 0, 20});
  host_backend backend;
  settings::sampler_over<host_backend, overlap_matcher> sample(overlap_matcher::retinaface(), {},
                                                               hard_negatives(), {});
  settings::loss_over<host_backend> loss;
  columns<centre_box<float>> anchors;
  backend.put(layout.anchors(), 1, anchors);
  truth_batch<face5> truths;
  samples<host_backend> chosen;
  const auto said = batch.said();
  const auto step = [&] {
    truths.read(batch.truths, 1, truth_reading::classes);
    sample(backend, layout, anchors, said, truths, chosen);
    return loss(backend, anchors, said, truths, chosen).terms[0].cost.sum;
  };
  const double first = step();
  const std::size_t before = test::allocations();
  CHECK(step() == first);
  CHECK(test::allocations() == before);
  CHECK(before > 0);  // the count works
}

TEST_CASE("the loss in its compatible form equals the reference", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/multibox_loss_640_b4.npz"));
  const anchor_layout anchors(square_anchors::retinaface(), {640, 640});
  const auto batch = test::golden_batch(golden, anchors);
  test::batch_loss<multibox_settings<schemas::face5>> loss(
      multibox_settings<schemas::face5>::reference());
  test::gradient_room room(batch);
  const auto terms = loss(anchors, batch, &room);
  const auto expected = [&](const char* name) {
    return static_cast<double>(golden[name].as<float>()[0]);
  };
  CHECK(std::abs(terms.box - expected("loss_l")) <= 1e-5 * expected("loss_l"));
  CHECK(std::abs(terms.label - expected("loss_c")) <= 1e-5 * expected("loss_c"));
  CHECK(std::abs(terms.landmark - expected("loss_landm")) <= 1e-5 * expected("loss_landm"));
  CHECK(std::abs(terms.total - expected("total")) <= 1e-5 * expected("total"));
  CHECK(test::furthest(room.offsets, golden["grad_loc"].as<float>()) <= 1e-5);
  CHECK(test::furthest(room.logits, golden["grad_conf"].as<float>()) <= 1e-5);
  CHECK(test::furthest(room.landmarks, golden["grad_landm"].as<float>()) <= 1e-5);
}
