// SPDX-License-Identifier: Apache-2.0
// Pictures made of several: what became of truths, of pixels, and of both together.
#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/data/mixed_pictures.hpp>
#include <retinue/error.hpp>
#include <retinue/formulas/overlap.hpp>
#include <retinue/train/augmented_source.hpp>
#include <retinue/train/ordered_queue.hpp>

#include "catch.hpp"

#include <opencv2/core.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

using namespace retinue;

#define RETINUE_SCHEMAS                                                                \
  schemas::none, schemas::points<1>, schemas::plate4, schemas::face5, schemas::face68, \
      schemas::wflw98

namespace {

/// Pictures 0 to 7 of an epoch, of several sizes: pixel (x, y) of picture i is (x, y, 30 i), so
/// that a pixel says where it came from. Its objects stand apart from each other, their landmarks
/// inside them, the first four near their corners; label 100 i + n is object n of picture i.
template <class Schema>
struct places {
  [[nodiscard]] static extent2 size_of(std::size_t i)
  {
    return {int(120 + 13 * i), int(210 - 11 * i)};
  }

  labelled_picture<Schema> operator()(std::uint64_t epoch, std::size_t i) const
  {
    const extent2 size = size_of(i);
    labelled_picture<Schema> made{"picture " + std::to_string(i), {}, {}};
    cv::Mat_<cv::Vec3b> pixels(size.height, size.width);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x)
        pixels(y, x) = {std::uint8_t(x), std::uint8_t(y), std::uint8_t(30 * i)};
    made.picture = pixels;
    keyed_random random(99, epoch, i);
    for (int n = 0; n < 6; ++n) {
      if (random.chance(0.3)) continue;
      instance<Schema> truth;
      const auto of = [&](double from, double to) { return float(random.uniform(from, to)); };
      const float x = float(n % 3 * size.width) / 3 + of(2, 12),
                  y = float(n / 3 * size.height) / 2 + of(2, 12), w = of(8, 25), h = of(8, 25);
      truth.bounds = {x, y, x + w, y + h};
      truth.label = std::int32_t(100 * i) + n + 1;
      truth.ignore = random.chance(0.1);
      truth.weight = of(0.2, 1);
      for (std::size_t k = 0; k < Schema::count; ++k) {
        truth.visible[k] = random.chance(0.9);
        if (!truth.visible[k]) continue;
        truth.points.points[k] = {x + of(0, 1) * w, y + of(0, 1) * h};
        if (Schema::count >= 4 && k < 4)
          truth.points.points[k] = {x + (k % 2 ? 0.8f : 0.2f) * w, y + (k / 2 ? 0.8f : 0.2f) * h};
      }
      made.instances.push_back(truth);
    }
    return made;
  }
};

template <class Schema>
struct some_pictures {
  std::vector<cv::Mat> pictures;
  std::vector<extent2> sizes;
  std::vector<std::vector<instance<Schema>>> truths;

  explicit some_pictures(std::uint64_t epoch, std::size_t count)
  {
    for (std::size_t i = 0; i < count; ++i) {
      auto one = places<Schema>()(epoch, (i + epoch) % 8);
      sizes.push_back({one.picture.rows, one.picture.cols});
      pictures.push_back(one.picture);
      truths.push_back(one.instances);
    }
  }

  [[nodiscard]] const instance<Schema>& source_of(const instance<Schema>& made) const
  {
    for (const auto& of : truths)
      for (const auto& truth : of)
        if (truth.label == made.label) return truth;
    throw error("a truth without a source");
  }
};

template <class Stage, class Schema>
auto drawn_by(const Stage& stage, const some_pictures<Schema>& from, std::uint64_t epoch)
{
  keyed_random random(1, epoch, 0);
  return stage.draw(random, std::span<const extent2>(from.sizes),
                    std::span<const std::vector<instance<Schema>>>(from.truths));
}
template <class Mixing, class Schema>
auto truths_of(const Mixing& drawn, const some_pictures<Schema>& from)
{
  return drawn.map(std::span<const std::vector<instance<Schema>>>(from.truths),
                   std::span<const extent2>(from.sizes));
}
template <class Mixing, class Schema>
cv::Mat picture_of(const Mixing& drawn, const some_pictures<Schema>& from)
{
  cv::Mat to;
  apply(drawn, std::span<const cv::Mat>(from.pictures), to);
  const extent2 size = drawn.size_after(std::span<const extent2>(from.sizes));
  REQUIRE(to.size() == cv::Size(size.width, size.height));
  return to;
}

bool same(const cv::Mat& a, const cv::Mat& b)
{
  return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0;
}

/// Whatever stage: drawn again it is the same, of another key another; a box lies in the picture
/// and holds its landmarks; the sources are as they were; no weight exceeds its source.
template <class Schema, class Stage>
void check_laws(const Stage& stage)
{
  std::set<float> different;
  std::size_t truths = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    const some_pictures<Schema> from(round, Stage::others + 1), untouched(round, Stage::others + 1);
    const auto drawn = drawn_by(stage, from, round);
    const auto now = truths_of(drawn, from);
    const cv::Mat picture = picture_of(drawn, from);
    const auto again = drawn_by(stage, from, round);
    CHECK(truths_of(again, from) == now);
    CHECK(same(picture_of(again, from), picture));
    CHECK(from.truths == untouched.truths);
    for (std::size_t i = 0; i < from.pictures.size(); ++i)
      CHECK(same(from.pictures[i], untouched.pictures[i]));
    truths += now.size();
    for (const auto& truth : now) {
      CHECK(truth.weight <= from.source_of(truth).weight);
      CHECK(truth.ignore == from.source_of(truth).ignore);
      CHECK(truth.bounds.x1 >= 0);
      CHECK(truth.bounds.y1 >= 0);
      CHECK(truth.bounds.x2 <= float(picture.cols));
      CHECK(truth.bounds.y2 <= float(picture.rows));
      CHECK(truth.bounds.x1 < truth.bounds.x2);
      for (std::size_t k = 0; k < Schema::count; ++k) {
        if (!truth.visible[k]) continue;
        const auto& p = truth.points.points[k];
        CHECK(from.source_of(truth).visible[k]);
        CHECK((p[0] > truth.bounds.x1 - 1e-2f && p[0] < truth.bounds.x2 + 1e-2f));
        CHECK((p[1] > truth.bounds.y1 - 1e-2f && p[1] < truth.bounds.y2 + 1e-2f));
      }
      different.insert(truth.bounds.x1);
    }
  }
  CHECK(truths > 100);
  CHECK(different.size() > 80);
}

/// Where place (x, y) of the result came from, by its pixel: wherever a truth's landmarks and the
/// corners of its box are, it must be what the source has there.
template <class Schema>
void check_pixel(const cv::Mat& picture, float x, float y, std::array<float, 2> expected,
                 std::int32_t label, float tolerance)
{
  const int column = std::clamp(int(x), 0, picture.cols - 1),
            row = std::clamp(int(y), 0, picture.rows - 1);
  const auto pixel = picture.at<cv::Vec3b>(row, column);
  INFO("label " << label << " at " << x << ", " << y << " expects " << expected[0] << ", "
                << expected[1] << ", is " << int(pixel[0]) << ", " << int(pixel[1]) << ", "
                << int(pixel[2]));
  CHECK(std::abs(float(pixel[0]) + 0.5f - expected[0]) < tolerance);
  CHECK(std::abs(float(pixel[1]) + 0.5f - expected[1]) < tolerance);
  CHECK(int(pixel[2]) == 30 * (label / 100));
}

/// How many landmarks were looked at. Next to an edge of its part a pixel is of others, too.
template <class Mixing, class Schema>
std::size_t check_points(const Mixing& drawn, const cv::Mat& picture,
                         const some_pictures<Schema>& from)
{
  std::size_t seen = 0;
  for (const auto& truth : truths_of(drawn, from)) {
    const auto& source = from.source_of(truth);
    for (std::size_t k = 0; k < Schema::count; ++k) {
      const auto& p = truth.points.points[k];
      if (!truth.visible[k] || p[0] < truth.bounds.x1 + 1.5f || p[0] > truth.bounds.x2 - 1.5f ||
          p[1] < truth.bounds.y1 + 1.5f || p[1] > truth.bounds.y2 - 1.5f)
        continue;
      ++seen;
      check_pixel<Schema>(picture, p[0], p[1], source.points.points[k], truth.label, 3);
    }
  }
  return seen;
}

}  // namespace

// What lacks one thing is no stage.
namespace {
struct without_others {
  template <class Random, class Schema>
  mixup draw(Random&, std::span<const extent2>,
             std::span<const std::vector<instance<Schema>>>) const;
};
struct draws_for_two : without_others {
  static constexpr std::size_t others = 1;
};
struct draws_a_transform {
  static constexpr std::size_t others = 1;
  template <class Random, class Schema>
  window draw(Random&, std::span<const extent2>,
              std::span<const std::vector<instance<Schema>>>) const;
};
struct draws_once {
  static constexpr std::size_t others = 1;
  template <class Random, class Schema>
  mixup draw(Random&, std::span<const extent2>, std::span<const std::vector<instance<Schema>>>);
};
static_assert(mixing_stage<draws_for_two> && !mixing_stage<without_others>);
static_assert(!mixing_stage<draws_a_transform> && !mixing_stage<draws_once>);
static_assert(!mixing<window> && !transform<mixup>);
static_assert(augmentation_stage<until_epoch<random_affine>>);
}  // namespace

TEMPLATE_TEST_CASE(
    "A mosaic, a mixup and a paste are replayed, and keep boxes and landmarks together", "",
    RETINUE_SCHEMAS)
{
  check_laws<TestType>(random_mosaic{{200, 240}});
  check_laws<TestType>(random_mixup{});
  check_laws<TestType>(random_mixup{.spread = 0, .weighs = false});
  check_laws<TestType>(random_paste{});
  check_laws<TestType>(random_paste{.margin = 0, .least_scale = 1, .most_scale = 3});
}

TEMPLATE_TEST_CASE("Pixels of several pictures go where truths go", "", RETINUE_SCHEMAS)
{
  std::size_t points = 0, pasted = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    const some_pictures<TestType> from(round, 4);
    const auto tiles = drawn_by(random_mosaic{{200, 240}}, from, round);
    points += check_points(tiles, picture_of(tiles, from), from);
    const auto objects = drawn_by(random_paste{}, from, round);
    const cv::Mat picture = picture_of(objects, from);
    pasted += objects.parts.size();
    points += check_points(objects, picture, from);
    // The middle of each box is of its own picture, landmarks or none.
    for (const auto& truth : truths_of(objects, from)) {
      const auto at = to_centre(truth.bounds), was = to_centre(from.source_of(truth).bounds);
      check_pixel<TestType>(picture, at.cx, at.cy, {was.cx, was.cy}, truth.label, 3);
    }
  }
  CHECK((TestType::count == 0 || points > 200));
  CHECK(pasted > 60);
}

TEMPLATE_TEST_CASE("A mixup shows both pictures by their shares, and so do their truths count", "",
                   RETINUE_SCHEMAS)
{
  std::set<int> shares;
  for (std::uint64_t round = 0; round < 100; ++round) {
    some_pictures<TestType> from(round, 2);
    const auto drawn = drawn_by(random_mixup{}, from, round);
    shares.insert(drawn.share / 32);
    REQUIRE(drawn.share >= 0);
    REQUIRE(drawn.share <= 256);
    // The other picture seen alone, and then both.
    auto alone = drawn;
    alone.share = 0;
    const cv::Mat both = picture_of(drawn, from), second = picture_of(alone, from);
    int wrong = 0;
    for (int y = 0; y < both.rows; ++y)
      for (int x = 0; x < 3 * both.cols; ++x) {
        const int a = from.pictures[0].ptr(y)[x], b = second.ptr(y)[x];
        wrong += both.ptr(y)[x] != (a * drawn.share + b * (256 - drawn.share) + 128) / 256;
      }
    CHECK(wrong == 0);
    const auto now = truths_of(drawn, from);
    const float of_first = float(drawn.share) / 256;
    std::size_t firsts = 0;
    for (const auto& truth : now) {
      const auto& source = from.source_of(truth);
      const bool is_first = std::size_t(truth.label / 100) == round % 8;
      firsts += is_first;
      CHECK(std::abs(truth.weight - source.weight * (is_first ? of_first : 1 - of_first)) < 1e-6f);
      if (is_first) {
        CHECK(truth.bounds == source.bounds);
        CHECK(truth.points == source.points);
      } else {
        const auto at = to_centre(truth.bounds), was = to_centre(source.bounds);
        if (truth.bounds.x1 > 0 && truth.bounds.y1 > 0 && truth.bounds.x2 < float(both.cols) &&
            truth.bounds.y2 < float(both.rows))
          check_pixel<TestType>(second, at.cx, at.cy, {was.cx, was.cy}, truth.label, 2.5f);
      }
    }
    CHECK(firsts == (drawn.share > 0 ? from.truths[0].size() : 0));
  }
  CHECK(shares.size() >= 8);  // they spread over all eighths

  some_pictures<TestType> from(3, 2);
  auto drawn = drawn_by(random_mixup{.spread = 0, .weighs = false}, from, 3);
  CHECK(drawn.share == 128);
  for (const auto& truth : truths_of(drawn, from))
    CHECK(truth.weight == from.source_of(truth).weight);
  drawn.share = 256;
  CHECK(truths_of(drawn, from) == from.truths[0]);
  CHECK(same(picture_of(drawn, from), from.pictures[0]));
}

TEST_CASE("Shares of a mixup are Beta(3/2, 3/2): mean 1/2, variance 1/16")
{
  const some_pictures<schemas::none> from(0, 2);
  double sum = 0, squares = 0;
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) {
    const double share = drawn_by(random_mixup{}, from, std::uint64_t(i)).share / 256.;
    sum += share, squares += share * share;
  }
  const double mean = sum / draws, variance = squares / draws - mean * mean;
  CHECK(std::abs(mean - 0.5) < 0.008);           // 4 deviations: 1/4 / sqrt(20000) = 0.0018 each
  CHECK(std::abs(variance - 1 / 16.) < 0.0015);  // the fourth moment about the mean is 1/128
}

TEMPLATE_TEST_CASE("What is pasted covers no truth, is labelled whole, and hides landmarks beneath",
                   "", RETINUE_SCHEMAS)
{
  std::size_t parts = 0, touching = 0;
  for (std::uint64_t round = 0; round < 150; ++round) {
    some_pictures<TestType> from(round, 2);
    if (!from.truths[0].empty()) from.truths[0][0].bounds.x2 += 40;  // landmarks outside of it
    // Others beside the objects of the second, some of which the margin cuts.
    const auto alone = from.truths[1];
    for (auto other : alone) {
      other.bounds.x1 += 18, other.bounds.x2 += 18, other.label += 50;
      if (round % 3 == 0) from.truths[1].push_back(other);
    }
    const random_paste stage{.most = 6, .most_covered = round % 2 ? 0.2 : 0};
    const auto drawn = drawn_by(stage, from, round);
    const auto now = truths_of(drawn, from);
    REQUIRE(now.size() >= from.truths[0].size());
    for (std::size_t t = 0; t < from.truths[0].size(); ++t) {
      CHECK(now[t].bounds == from.truths[0][t].bounds);
      CHECK(now[t].weight == from.truths[0][t].weight);
      for (const auto& part : drawn.parts)
        CHECK(double(iof(now[t].bounds, part.place())) <= stage.most_covered + 1e-6);
      for (std::size_t k = 0; k < TestType::count; ++k) {
        const auto& p = from.truths[0][t].points.points[k];
        const bool beneath = std::ranges::any_of(drawn.parts, [&](const pasted_part& part) {
          const box<float> at = part.place();
          return at.x1 <= p[0] && p[0] < at.x2 && at.y1 <= p[1] && p[1] < at.y2;
        });
        CHECK(now[t].visible[k] == (from.truths[0][t].visible[k] && !beneath));
      }
    }
    std::size_t labelled = from.truths[0].size();
    for (const auto& part : drawn.parts) {
      ++parts;
      const box<float> at = part.place();
      CHECK((at.x1 >= 0 && at.y1 >= 0 && at.x2 <= float(from.sizes[0].width) &&
             at.y2 <= float(from.sizes[0].height)));
      const box<float> seen{float(part.cut.left), float(part.cut.top),
                            float(part.cut.left + part.cut.size.width),
                            float(part.cut.top + part.cut.size.height)};
      std::size_t whole = 0;
      for (const auto& truth : from.truths[1]) {
        const float share = iof(truth.bounds, seen);
        if (share <= 0.02f) continue;
        CHECK(labelled < now.size());
        const auto of = now[labelled++];
        CHECK(of.label == truth.label);
        CHECK(of.weight == truth.weight);
        whole += !of.ignore &&
                 iof(clip(truth.bounds, float(from.sizes[1].width), float(from.sizes[1].height)),
                     seen) > 0.999f;
        touching += truth.label % 100 > 50;
      }
      CHECK(whole >= 1);  // that for whose sake it was cut out
    }
    CHECK(labelled == now.size());
  }
  CHECK(parts > 200);
  CHECK(touching > 10);

  some_pictures<TestType> from(1, 2);
  instance<TestType> everywhere;
  everywhere.bounds = {0, 0, float(from.sizes[0].width), float(from.sizes[0].height)};
  from.truths[0].push_back(everywhere);
  CHECK(drawn_by(random_paste{}, from, 1).parts.empty());
  CHECK_FALSE(drawn_by(random_paste{.most_covered = 1}, from, 1).parts.empty());
}

TEST_CASE("A pasted object is opaque in its box, and its margin fades out to nothing")
{
  std::vector<cv::Mat> pictures{cv::Mat(100, 100, CV_8UC3, cv::Scalar::all(0)),
                                cv::Mat(100, 100, CV_8UC3, cv::Scalar::all(200))};
  const paste one{{{.cut = {.left = 10, .top = 10, .size = {40, 40}},
                    .scaled = {{40, 40}},
                    .left = 30,
                    .top = 20,
                    .fade = {8, 8, 8, 0}}}};
  cv::Mat to;
  apply(one, std::span<const cv::Mat>(pictures), to);
  for (int x = 0; x < 100; ++x) {
    const int value = to.at<cv::Vec3b>(40, x)[1];
    if (x < 30 || x >= 70) CHECK(value == 0);
    if (x >= 38 && x < 62) CHECK(value == 200);
    if (x > 30 && x <= 38) CHECK(value > to.at<cv::Vec3b>(40, x - 1)[1]);
    if (x > 62 && x <= 70) CHECK(value < to.at<cv::Vec3b>(40, x - 1)[1]);
  }
  CHECK(to.at<cv::Vec3b>(59, 50)[0] == 200);  // no fading below
  CHECK(to.at<cv::Vec3b>(60, 50)[0] == 0);
  CHECK(to.at<cv::Vec3b>(20, 30)[0] < 3);  // a corner fades twice
}

TEMPLATE_TEST_CASE("Mixed pictures depend on (seed, epoch, sample) alone, and not on the workers",
                   "", RETINUE_SCHEMAS)
{
  picture_set<TestType> set{8, places<TestType>(), {}, {}};
  set = mixed(std::move(set), random_mosaic{{160, 160}}, {.seed = 5, .probability = 0.5});
  set = mixed(std::move(set), random_mixup{}, {.seed = 6, .probability = 0.5});
  set = mixed(std::move(set), random_paste{}, {.seed = 7});
  const augmentation stages{random_colours{},       random_square_crop{},
                            pad_to_square{},        until_epoch{random_affine{}, 1},
                            random_blur{},          random_noise{},
                            random_jpeg{},          random_mirror{.pairs = {{1, 2}}},
                            random_resize{{64, 64}}};
  const augmented_source<TestType, decltype(set.read), decltype(stages)> source(8, set.read, stages,
                                                                                pixel_format(), 5);
  const auto epoch_by = [&](std::uint64_t epoch, std::size_t workers) {
    ordered_queue<training_sample<TestType>> queue(0, 8, workers, 4,
                                                   [&](std::size_t i) { return source(epoch, i); });
    std::vector<training_sample<TestType>> all;
    while (auto one = queue.next()) all.push_back(std::move(*one));
    return all;
  };
  const auto alone = epoch_by(0, 0);
  REQUIRE(alone.size() == 8);
  for (const std::size_t workers : {1u, 3u}) {
    const auto together = epoch_by(0, workers);
    REQUIRE(together.size() == 8);
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(together[i].planes == alone[i].planes);
      CHECK(together[i].truths == alone[i].truths);
      CHECK(together[i].name == alone[i].name);
    }
  }
  const auto next = epoch_by(1, 0);
  for (std::size_t i = 0; i < 8; ++i) CHECK(next[i].planes != alone[i].planes);
}

TEST_CASE("Pictures are mixed by chance, until an epoch, with others than themselves")
{
  using face = schemas::face5;
  const picture_set<face> plain{8, places<face>(), {}, {}};
  const auto is_plain = [&](const picture_set<face>& set, std::uint64_t epoch, std::size_t i) {
    const auto one = set.read(epoch, i), expected = plain.read(epoch, i);
    const bool it_is = same(one.picture, expected.picture);
    CHECK(it_is == (one.name == expected.name));
    if (it_is) CHECK(one.instances == expected.instances);
    if (!it_is) CHECK(one.name.starts_with(expected.name + " + "));
    return it_is;
  };
  const auto until = mixed(plain, random_mosaic{{90, 90}}, {.until = 3});
  const auto never = mixed(plain, random_mosaic{{90, 90}}, {.probability = 0});
  const auto often = mixed(plain, random_mosaic{{90, 90}}, {.probability = 0.75});
  int plainly = 0;
  std::set<std::string> partners;
  const auto pairs = mixed(plain, random_mixup{});
  for (std::uint64_t epoch = 0; epoch < 50; ++epoch)
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(is_plain(until, epoch, i) == (epoch >= 3));
      CHECK(is_plain(never, epoch, i));
      plainly += is_plain(often, epoch, i);
      const auto name = pairs.read(epoch, 2).name;
      CHECK(name != "picture 2 + picture 2");
      partners.insert(name);
    }
  CHECK(std::abs(plainly - 100) < 35);  // 4 deviations
  CHECK(partners.size() == 7);

  picture_set<face> single{1, places<face>(), {}, {}};
  CHECK(mixed(single, random_mixup{}).read(0, 0).name == "picture 0 + picture 0");
  CHECK_THROWS_AS(mixed(single, random_mixup{}, {.probability = 1.5}), error);
}

TEST_CASE(
    "Stages of several pictures that cannot draw are refused, in a sentence that names the value")
{
  const auto said = [](const auto& stage, extent2 size = {50, 50}) -> std::string {
    const std::array sizes{size, size};
    const std::array<std::vector<instance<schemas::none>>, 2> truths;
    keyed_random random(1, 1, 1);
    try {
      static_cast<void>(stage.draw(random, std::span<const extent2>(sizes),
                                   std::span<const std::vector<instance<schemas::none>>>(truths)));
    } catch (const error& e) {
      return e.what();
    }
    return "nothing";
  };
  CHECK(said(random_paste{}) == "nothing");
  CHECK(said(random_paste{.most = 0}).find("up to 0") != std::string::npos);
  CHECK(said(random_paste{.margin = -1}).find("-1") != std::string::npos);
  CHECK(said(random_paste{.least_scale = 0}).find("scales") != std::string::npos);
  CHECK(said(random_paste{.most_covered = 2}).find("cover 2") != std::string::npos);
  CHECK(said(random_paste{.tries = -4}).find("-4") != std::string::npos);
  CHECK(said(random_paste{}, {0, 5}).find("5 x 0") != std::string::npos);
  CHECK(said(random_mixup{}) == "nothing");
  CHECK(said(random_mixup{.spread = std::nan("")}).find("nan") != std::string::npos);
  CHECK(said(random_mixup{}, {0, 5}).find("5 x 0") != std::string::npos);
}
