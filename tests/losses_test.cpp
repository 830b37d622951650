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
    backend.map([](const auto& row) { return number{softmax_labels{}.wrong(row)}; }, odds,
                number_rows(x.data(), x.size() / classes, classes));
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

TEMPLATE_TEST_CASE("a box may cost by how it lies on its truth", "", iou_loss, giou_loss, diou_loss,
                   ciou_loss)
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
