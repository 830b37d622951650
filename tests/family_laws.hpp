// SPDX-License-Identifier: Apache-2.0
// What every family must do on every backend: what its definition says, or what its form for host
// memory does, which has tests of its own.
#pragma once

#include "catch.hpp"
#include "loss_batches.hpp"

#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/matchers.hpp>
#include <retinue/suppress.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace retinue::test {

/// How a backend is made, and how it views numbers. Specialize it for each that is tested.
template <class B>
struct backend_under_test {
  static B make() { return B(); }
  static number_rows view(const std::vector<float>& of, table_shape shape, std::size_t numbers)
  {
    return {of.data(), shape, numbers};
  }
};

/// A backend, and tables of it from numbers and back.
template <class B>
class laboratory {
 public:
  B b = backend_under_test<B>::make();

  template <class R>
  auto table(const std::vector<R>& records, std::size_t images = 1)
  {
    typename B::template table<R> made;
    b.put(std::span<const R>(records), images, made);
    return made;
  }
  template <class Table>
  auto numbers(const Table& of)
  {
    std::vector<number<float>> all;
    b.fetch(of, all);
    std::vector<float> values;
    for (const auto& n : all) values.push_back(n.value);
    return values;
  }
  auto table_of(const std::vector<float>& values, std::size_t images = 1)
  {
    std::vector<number<float>> records;
    for (const float v : values) records.push_back({v});
    return table(records, images);
  }
  std::vector<row_index> rows(const typename B::list& of)
  {
    std::vector<row_index> all;
    b.fetch(of, all);
    return all;
  }
  typename B::list list(const std::vector<row_index>& of)
  {
    typename B::list made;
    b.put(std::span<const row_index>(of), made);
    return made;
  }
};

struct sum_of_two {
  template <class T>
  number<T> operator()(const number<T>& x, const number<T>& y) const
  {
    return {T(x.value + y.value)};
  }
};
struct difference_of_two {
  template <class T>
  T operator()(const number<T>& x, const number<T>& y) const
  {
    return T(x.value - y.value);
  }
};

template <class B>
void check_primitives()
{
  laboratory<B> lab;
  B& b = lab.b;
  const auto own = lab.table_of({1, 2, 3, 4, 5, 6}, 2);  // (2, 3)
  const auto of_rows = lab.table_of({10, 20, 30});       // (1, 3)
  const auto of_images = lab.table_of({100, 200}, 2);    // (2, 1)
  typename B::template table<number<float>> out;
  b.map(sum_of_two{}, out, own, of_rows);
  CHECK(out.shape() == table_shape{2, 3});
  CHECK(lab.numbers(out) == std::vector<float>{11, 22, 33, 14, 25, 36});
  b.map(sum_of_two{}, out, own, of_images);
  CHECK(lab.numbers(out) == std::vector<float>{101, 102, 103, 204, 205, 206});
  b.map(sum_of_two{}, out, of_images, of_rows);
  CHECK(lab.numbers(out) == std::vector<float>{110, 120, 130, 210, 220, 230});
  b.map(sum_of_two{}, out, out, out);  // onto what is read
  CHECK(lab.numbers(out) == std::vector<float>{220, 240, 260, 420, 440, 460});
  auto grown = lab.table_of({10, 20, 30});  // onto what is read, and is of other rows until then
  b.map(sum_of_two{}, grown, grown, own);
  CHECK(grown.shape() == table_shape{2, 3});
  CHECK(lab.numbers(grown) == std::vector<float>{11, 22, 33, 14, 25, 36});
  grown = lab.table_of({100, 200}, 2);
  b.map(sum_of_two{}, grown, own, grown);
  CHECK(lab.numbers(grown) == std::vector<float>{101, 102, 103, 204, 205, 206});
  b.map(sum_of_two{}, out, of_rows, b.across(of_rows));
  CHECK(out.shape() == table_shape{3, 3});
  CHECK(lab.numbers(out) == std::vector<float>{20, 30, 40, 30, 40, 50, 40, 50, 60});
  b.map(sum_of_two{}, out, b.across(of_images), lab.table_of({1}));
  CHECK(out.shape() == table_shape{1, 2});
  const auto four = lab.table_of({1, 2, 3, 4});
  CHECK_THROWS_AS(b.map(sum_of_two{}, out, of_rows, four), error);

  typename B::template table<best_row<float>> found;
  std::vector<best_row<float>> host;
  b.most(difference_of_two{}, found, lab.table_of({3, 7, 7, NAN, NAN, -INFINITY}, 2),
         lab.table_of({0}));
  b.fetch(found, host);
  CHECK(host[0] == best_row<float>{7, 1});
  CHECK(host[1] == best_row<float>{-INFINITY, 0});
  b.total(difference_of_two{}, out, own, of_images);
  CHECK(out.shape() == table_shape{2, 1});
  CHECK(lab.numbers(out) == std::vector<float>{6 - 300, 15 - 600});

  typename B::list list, other;
  b.best(lab.table_of({1, 5, 5, 2, NAN, 9, -1, 9}, 2), 3, list);
  CHECK(lab.rows(list) == std::vector<row_index>{1, 2, 3, 5, 7, 6});
  b.best(lab.table_of({1, NAN, 5}), 9, list);
  CHECK(lab.rows(list) == std::vector<row_index>{2, 0, 1});
  b.best(lab.table_of({NAN, -INFINITY, -0.0f, 0, INFINITY, -NAN, -1e-30f}), 9, list);
  CHECK(lab.rows(list) == std::vector<row_index>{4, 2, 3, 6, 1, 0, 5});
  b.compact(lab.table_of({0, 1, -1, 2, NAN, 0.5f}), list);
  CHECK(lab.rows(list) == std::vector<row_index>{1, 3, 5});
  CHECK(list.size() == 3);
  b.gather(list, lab.list({2, 0}), other);
  CHECK(lab.rows(other) == std::vector<row_index>{5, 1});
  b.gather(list, lab.list({1, 1}), list);
  CHECK(lab.rows(list) == std::vector<row_index>{3, 3});
  b.append(lab.list({0, 2}), 10, list);
  CHECK(lab.rows(list) == std::vector<row_index>{3, 3, 10, 12});
  other = list;
  b.append(other, 1, other);
  CHECK(lab.rows(other) == std::vector<row_index>{3, 3, 10, 12, 4, 4, 11, 13});
  typename B::list quotients, remainders;
  b.divide(list, 4, quotients, remainders);
  CHECK(lab.rows(quotients) == std::vector<row_index>{0, 0, 2, 3});
  CHECK(lab.rows(remainders) == std::vector<row_index>{3, 3, 2, 0});
  b.number_of(list, out);
  CHECK(lab.numbers(out) == std::vector<float>{3, 3, 10, 12});
  b.rows_of(out, other);
  CHECK(lab.rows(other) == lab.rows(list));
  b.rows_of(found, other);
  CHECK(lab.rows(other) == std::vector<row_index>{1, 0});
  const std::vector<number<float>> three(3);
  CHECK_THROWS_AS(b.put(std::span(three), 2, out), error);
  b.count({2, 3}, out);
  CHECK(lab.numbers(out) == std::vector<float>{0, 1, 2, 0, 1, 2});

  auto target = lab.table_of({0, 0, 0, 0, 0, 0}, 2);
  b.scatter(lab.table_of({7, 8}), lab.list({4, 1}), target);
  CHECK(lab.numbers(target) == std::vector<float>{0, 8, 0, 0, 7, 0});
  b.map(sum_of_two{}, out, b.gather(own, lab.list({5, 0})), lab.table_of({1}));
  CHECK(lab.numbers(out) == std::vector<float>{7, 2});

  // Of many rows, so that whole packets and what is left of them are both gone through.
  std::vector<float> many(101);
  std::iota(many.begin(), many.end(), 0.0f);
  b.map(sum_of_two{}, out, lab.table_of(many), lab.table_of({0.5f}));
  const auto sums = lab.numbers(out);
  for (std::size_t i = 0; i < many.size(); ++i) REQUIRE(sums[i] == many[i] + 0.5f);
}

/// Selection against a full sort of all scores.
template <class B, label_policy Labels>
void check_selection(const Labels& labels, std::size_t columns, bool probabilities)
{
  laboratory<B> lab;
  std::mt19937 random(static_cast<unsigned>(columns));
  std::normal_distribution<float> normal(-1, 2);
  const std::size_t rows = 333, classes = columns - labels.columns(0);
  std::vector<float> x(2 * rows * columns);
  for (float& v : x) {
    v = std::round(normal(random) * 8) / 8;  // with ties
    if (probabilities) v = 1 / (1 + std::exp(-v));
  }
  const auto scores = backend_under_test<B>::view(x, {2, rows}, columns);
  selector<B, Labels> select;
  selection<B> chosen;
  for (const float floor : {0.05f, 0.5f, 0.9f})
    for (const std::size_t most : {std::size_t{20}, std::size_t{100000}})
      for (const std::size_t image : {0, 1}) {
        struct pair {
          float score;
          row_index row;
          float label;
        };
        std::vector<pair> expected;
        for (std::size_t row = 0; row < rows; ++row) {
          const number_row<float> of{&x[(image * rows + row) * columns], columns, 1};
          for (std::size_t k = 0; k < classes; ++k)
            expected.push_back(
                {labels.score(of, k), static_cast<row_index>(row), static_cast<float>(k + 1)});
        }
        std::erase_if(expected, [&](const pair& p) { return !(p.score > floor + 1e-6f); });
        std::stable_sort(expected.begin(), expected.end(),
                         [](const pair& a, const pair& b) { return a.score > b.score; });
        expected.resize(std::min(expected.size(), most));
        select(lab.b, labels, scores.image(image), {}, floor, most, chosen);
        const auto found_rows = lab.rows(chosen.rows);
        std::vector<candidate<float>> found;
        lab.b.fetch(chosen.found, found);
        CAPTURE(columns, floor, most, image);
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
          // Scores that are equal but for rounding may change places.
          REQUIRE(std::abs(found[i].score - expected[i].score) <= 1e-6f);
          const number_row<float> of{&x[(image * rows + found_rows[i]) * columns], columns, 1};
          REQUIRE(std::abs(labels.score(of, static_cast<std::size_t>(found[i].label) - 1) -
                           found[i].score) <= 1e-6f);
        }
      }
}

/// Scores that are a product with a part beside them.
template <class B>
void check_selection_by_quality()
{
  laboratory<B> lab;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  const std::size_t rows = 77;
  std::vector<float> x(rows * 3), quality(rows);
  for (float& v : x) v = normal(random);
  for (float& v : quality) v = normal(random);
  const auto scores = backend_under_test<B>::view(x, {1, rows}, 3);
  const auto beside = backend_under_test<B>::view(quality, {1, rows}, 1);
  const auto sigmoid_of = [](float v) { return 1 / (1 + std::exp(-v)); };
  for (const bool root : {false, true}) {
    const times_quality<sigmoid_labels<>> labels{.root = root};
    selector<B, times_quality<sigmoid_labels<>>> select;
    selection<B> chosen;
    select(lab.b, labels, scores, beside, 0.4f, 1000, chosen);
    std::size_t expected = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float product = sigmoid_of(x[i]) * sigmoid_of(quality[i / 3]);
      expected += (root ? std::sqrt(product) : product) > 0.4f;
    }
    std::vector<candidate<float>> found;
    lab.b.fetch(chosen.found, found);
    const auto at = lab.rows(chosen.rows);
    REQUIRE(found.size() == expected);
    REQUIRE(expected > 5);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const float product =
          sigmoid_of(x[at[i] * 3 + static_cast<std::size_t>(found[i].label) - 1]) *
          sigmoid_of(quality[at[i]]);
      CHECK(std::abs(found[i].score - (root ? std::sqrt(product) : product)) < 1e-6f);
      if (i > 0) CHECK(found[i - 1].score >= found[i].score);
    }
  }
}

template <class B>
void check_all_selections()
{
  check_selection_by_quality<B>();
  for (const std::size_t columns : {2, 3, 12}) check_selection<B>(softmax_labels{}, columns, false);
  for (const std::size_t columns : {1, 2, 20}) {
    check_selection<B>(sigmoid_labels<>{}, columns, false);
    check_selection<B>(given_labels{.background = false}, columns, true);
  }
  check_selection<B>(given_labels{}, 4, true);
  check_selection<B>(any_labels{{softmax_labels{}}}, 3, false);
  check_selection<B>(any_labels{{sigmoid_labels<>{}}}, 3, false);
  check_selection<B>(any_labels{{given_labels{}}}, 3, true);
  // Columns that a policy cannot have, and numbers that are no probabilities.
  laboratory<B> lab;
  const std::vector<float> x{0.1f, 0.2f, 3.5f, 0.3f};
  selection<B> chosen;
  const auto refuses = [&](auto labels, std::size_t columns) {
    selector<B, decltype(labels)> select;
    const auto scores = backend_under_test<B>::view(x, {1, 4 / columns}, columns);
    CHECK_THROWS_AS(select(lab.b, labels, scores, {}, 0.05f, 10, chosen), error);
  };
  refuses(softmax_labels{}, 1);
  refuses(given_labels{}, 1);
  refuses(given_labels{.background = false}, 2);
}

/// Suppression by class against that of the host.
template <class B>
void check_suppression()
{
  laboratory<B> lab;
  std::mt19937 random(4);
  std::uniform_real_distribution<float> unit(0, 1);
  for (const float overlap : {0.0f, 0.3f, 0.6f, 1.0f})
    for (const std::size_t n : {0, 1, 7, 150}) {
      std::vector<box<float>> boxes;
      std::vector<candidate<float>> found;
      for (std::size_t i = 0; i < n; ++i) {
        const float w = 5 + 40 * unit(random), h = 5 + 40 * unit(random);
        const float x = 120 * unit(random), y = 120 * unit(random);
        boxes.push_back({x, y, x + w, y + h});
        if (i % 29 == 3) boxes.back().x2 = boxes.back().x1;
        if (i % 31 == 4) boxes.back() = boxes[i - 1];
        found.push_back({0, static_cast<float>(1 + random() % 3)});
      }
      for (std::size_t i = 0; i < n; ++i)  // best first, with ties
        found[i].score = std::floor(static_cast<float>(n - i) / 3);
      std::vector<float> scores;
      std::vector<std::int32_t> labels;
      for (const auto& c : found) {
        scores.push_back(c.score);
        labels.push_back(static_cast<std::int32_t>(c.label));
      }
      for (const std::size_t keep : {std::size_t{12}, std::size_t{1000}}) {
        CAPTURE(overlap, n, keep);
        const auto agree = [&]<class Suppressor>(const Suppressor& by, auto host) {
          const auto expected = host(boxes, scores, labels);
          suppression<B, Suppressor> suppress(by, keep);
          typename B::list kept;
          suppress(lab.b, lab.table(boxes), lab.table(found), kept);
          REQUIRE(lab.rows(kept) ==
                  std::vector<row_index>(expected.rows.begin(), expected.rows.end()));
        };
        const greedy_suppressor<> greedy(overlap, keep);
        agree(greedy, per_class_suppressor<greedy_suppressor<>>(greedy, keep));
        agree(class_agnostic<greedy_suppressor<>>(greedy),
              class_agnostic<greedy_suppressor<>>(greedy));
        const measured_suppressor<diou_of> by_diou(overlap, keep);
        agree(by_diou, by_diou);
      }
    }
}

/// Matching over tables against the host's grid.
template <class B>
void check_matching()
{
  laboratory<B> lab;
  std::mt19937 random(8);
  std::uniform_real_distribution<float> unit(0, 1);
  const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  const auto anchors =
      lab.table(std::vector<centre_box<float>>(layout.anchors().begin(), layout.anchors().end()));
  for (const overlap_matcher& match :
       {overlap_matcher::retinaface(), overlap_matcher::ssd(), overlap_matcher::rpn(),
        overlap_matcher::retinanet(), overlap_matcher::reference(),
        overlap_matcher({.force = forcing::none})})
    for (const std::size_t count : {0, 1, 3, 24}) {
      std::vector<box<float>> truths;
      std::vector<std::uint8_t> ignore;
      std::vector<rival<float>> rivals;
      for (std::size_t t = 0; t < count; ++t) {
        const float w = 0.02f + 0.6f * unit(random) * unit(random), h = w * (0.5f + unit(random));
        const float x = unit(random), y = unit(random);
        truths.push_back({x - w / 2, y - h / 2, x + w / 2, y + h / 2});
        if (t % 5 == 2) truths.back() = truths[t - 1];  // equal ones want one anchor
        if (t % 11 == 7) truths.back() = {2, 2, 2.1f, 2.1f};
        ignore.push_back(t % 6 == 5);
        rivals.push_back({truths.back(), 1, ignore.back() ? 1.0f : 0.0f});
      }
      assignment expected;
      overlap_matcher host = match;
      host(layout, truths, ignore, expected);
      typename B::template table<assigned<float>> out;
      match.in_tables(lab.b, anchors, lab.table(rivals), out);
      std::vector<assigned<float>> found;
      lab.b.fetch(out, found);
      REQUIRE(found.size() == layout.size());
      for (std::size_t a = 0; a < found.size(); ++a) {
        CAPTURE(count, a);
        REQUIRE(found[a].verdict == static_cast<float>(expected.verdicts[a]));
        if (expected.verdicts[a] == verdict::positive)
          REQUIRE(found[a].truth == static_cast<float>(expected.truths[a]));
      }
    }
}

/// A matcher that runs on tables alone, so that no form for host memory is taken in its place.
struct overlap_in_tables {
  overlap_matcher match = overlap_matcher::retinaface();

  template <tensor_backend B>
  void in_tables(B& b, const typename B::template table<centre_box<float>>& anchors,
                 const typename B::template table<rival<float>>& truths,
                 typename B::template table<assigned<float>>& out) const
  {
    match.in_tables(b, anchors, truths, out);
  }
};

/// Who is sampled, over tables, against the host.
template <class B>
void check_sampling()
{
  using face5 = schemas::face5;
  laboratory<B> lab;
  const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  auto batch = random_batch<face5>(layout, 2, {5, 0, 11});
  batch.logits[7] = NAN;  // a negative that must be seen
  truth_batch<face5> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  const auto run = [&](auto backend, auto match, const auto& said, auto& chosen) {
    using backend_type = decltype(backend);
    sampler<backend_type, decltype(match), softmax_labels, hard_negatives, centre_size_coder>
        sample(match, {}, hard_negatives(), {});
    typename backend_type::template table<centre_box<float>> anchors;
    backend.put(layout.anchors(), 1, anchors);
    sample(backend, layout, anchors, said, truths, chosen);
  };
  samples<host_backend> expected;
  run(host_backend(), overlap_matcher::retinaface(), batch.said(), expected);
  const auto want = [](const auto& list) { return std::vector<row_index>(list); };
  const auto check = [&](auto match) {
    const table_shape shape{3, layout.size()};
    outputs<B> said;
    said.scores = backend_under_test<B>::view(batch.logits, shape, 2);
    said.boxes = backend_under_test<B>::view(batch.offsets, shape, 4);
    said.points = backend_under_test<B>::view(batch.landmarks, shape, 10);
    samples<B> chosen;
    run(lab.b, match, said, chosen);
    CHECK(lab.rows(chosen.positives) == want(expected.positives));
    CHECK(lab.rows(chosen.truths) == want(expected.truths));
    auto negatives = lab.rows(chosen.negatives);
    std::sort(negatives.begin(), negatives.end());
    CHECK(negatives == want(expected.negatives));
    std::vector<wanted<float>> labels;
    lab.b.fetch(chosen.want, labels);
    REQUIRE(labels.size() == expected.want.size());
    for (std::size_t i = 0; i < labels.size(); ++i)
      CHECK(labels[i].label == expected.want[i].label);
  };
  check(overlap_matcher::retinaface());
  check(overlap_in_tables{});
}

/// Every case of SimOTA in golden/families/assign.npz: the anchors of each truth, and the overlaps
/// that are their quality. Truths whose last choice is a tie are left out, as its README says.
template <class B>
std::size_t check_dynamic_k(const npz& golden)
{
  laboratory<B> lab;
  const auto priors = golden["points_off0/priors"].template as<float>();
  std::vector<centre_box<float>> points;
  for (std::size_t i = 0; i < priors.size(); i += 4)
    points.push_back({priors[i], priors[i + 1], priors[i + 2], priors[i + 3]});
  const auto anchors = lab.table(points);
  std::size_t cases = 0;
  for (const std::string scene : {"none", "one", "g8", "g40", "crowd_same", "subpixel", "border",
                                  "degenerate", "crowded", "huge", "tiny"}) {
    if (!golden.has("simota_" + scene + "/gt_inds")) continue;
    ++cases;
    const auto gt = golden["scene_" + scene + "/gt"].template as<float>();
    const auto labels = golden["scene_" + scene + "/labels"].template as<std::int64_t>();
    std::vector<rival<float>> truths;
    for (std::size_t t = 0; t < labels.size(); ++t)
      truths.push_back({{gt[4 * t], gt[4 * t + 1], gt[4 * t + 2], gt[4 * t + 3]},
                        static_cast<float>(labels[t] + 1),
                        0});
    const auto said = golden["pred_" + scene + "/boxes"].template as<float>();
    std::vector<box<float>> boxes;
    for (std::size_t i = 0; i < said.size(); i += 4)
      boxes.push_back({said[i], said[i + 1], said[i + 2], said[i + 3]});
    const auto scores = golden["pred_" + scene + "/scores"].template as<float>();
    const auto output = backend_under_test<B>::view(scores, {1, points.size()}, 5);
    const auto said_boxes = lab.table(boxes);
    const given_labels as_given{.background = false};
    const auto match = [&] {
      typename B::template table<assigned<float>> out;
      dynamic_k_matcher::sim_ota().in_tables(
          lab.b, anchors, lab.table(truths),
          said_of_image<B, given_labels>{output, as_given, said_boxes}, out);
      std::vector<assigned<float>> found;
      lab.b.fetch(out, found);
      return found;
    };
    const std::vector<assigned<float>> found = match();
    for (const float ignored : {1.0f, 2.0f}) truths.push_back({{0, 0, 100, 100}, 1, ignored});
    const bool same = match() == found;  // those change nothing
    CHECK(same);
    const auto want = golden["simota_" + scene + "/gt_inds"].template as<std::int32_t>();
    const auto overlaps = golden["simota_" + scene + "/max_overlaps"].template as<float>();
    const auto ties = golden.has("simota_" + scene + "/tie_at_k")
                          ? golden["simota_" + scene + "/tie_at_k"].template as<std::uint8_t>()
                          : std::vector<std::uint8_t>();
    bool tied = false;
    for (const std::uint8_t tie : ties) tied = tied || tie != 0;
    std::size_t apart = 0;
    for (std::size_t a = 0; a < found.size(); ++a) {
      const std::int32_t ours =
          found[a].verdict > 0 ? static_cast<std::int32_t>(found[a].truth) + 1 : 0;
      CAPTURE(scene, a, ours, want[a]);
      if (tied)
        apart += ours != want[a];
      else
        REQUIRE(ours == want[a]);
      if (ours == want[a] && ours > 0) REQUIRE(std::abs(found[a].quality - overlaps[a]) <= 1e-5f);
    }
    CHECK(apart <= 2 * ties.size());
  }
  return cases;
}

}  // namespace retinue::test
