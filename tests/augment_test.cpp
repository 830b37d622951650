// SPDX-License-Identifier: Apache-2.0
#include <retinue/augment.hpp>
#include <retinue/error.hpp>

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace retinue;

namespace {

constexpr extent2 picture{120, 160};

/// Objects whose landmarks lie inside their boxes, some across the edge of the picture.
template <class Schema>
std::vector<instance<Schema>> objects(keyed_random random, std::size_t n)
{
  std::vector<instance<Schema>> all(n);
  for (auto& i : all) {
    const auto of = [&](double from, double to) { return float(random.uniform(from, to)); };
    const float x = of(-5, 140), y = of(-5, 100), w = of(4, 60), h = of(4, 60);
    i.bounds = {x, y, x + w, y + h};
    i.label = 1 + std::int32_t(random.below(3));
    i.ignore = random.chance(0.1);
    for (std::size_t k = 0; k < Schema::count; ++k) {
      i.visible[k] = random.chance(0.8);
      if (i.visible[k]) i.points.points[k] = {x + of(0, 1) * w, y + of(0, 1) * h};
    }
  }
  return all;
}

template <class Schema>
void check_mirror()
{
  const auto before = objects<Schema>({1, 2, 3}, 20);
  auto now = before;
  mirror{}.map(now, picture);
  for (std::size_t i = 0; i < now.size(); ++i) {
    CHECK(now[i].bounds.x1 == picture.width - before[i].bounds.x2);
    for (std::size_t k = 0; k < Schema::count; ++k) {
      const auto to = Schema::mirror[k];
      REQUIRE(now[i].visible[to] == before[i].visible[k]);
      if (before[i].visible[k])
        CHECK(now[i].points.points[to][0] == picture.width - before[i].points.points[k][0]);
    }
  }
  mirror{}.map(now, picture);
  for (std::size_t i = 0; i < now.size(); ++i) {
    for (std::size_t c = 0; c < 4; ++c)
      CHECK(std::abs(now[i].bounds[c] - before[i].bounds[c]) < 1e-4f);
    CHECK(now[i].visible == before[i].visible);
    for (std::size_t k = 0; k < Schema::count; ++k)
      CHECK(std::abs(now[i].points.points[k][0] - before[i].points.points[k][0]) < 1e-4f);
  }
}

/// Twice is none at all, names included.
template <class Schema>
void check_mirror_of_classes()
{
  const random_mirror stage{1, {{1, 3}, {5, 4}}};
  keyed_random random(1, 1, 1);
  const mirror swapped = stage.draw(random, picture, std::span<const instance<Schema>>{});
  auto before = objects<Schema>({1, 2, 4}, 20);
  for (std::size_t i = 0; i < before.size(); ++i) before[i].label = std::int32_t(i % 8);
  auto now = before;
  swapped.map(now, picture);
  constexpr std::array<std::int32_t, 8> becomes{0, 3, 2, 1, 5, 4, 6, 7};
  for (std::size_t i = 0; i < now.size(); ++i) CHECK(now[i].label == becomes[i % 8]);
  auto plain = before;
  mirror{}.map(plain, picture);
  for (std::size_t i = 0; i < now.size(); ++i) {
    CHECK(now[i].bounds == plain[i].bounds);
    CHECK(now[i].points == plain[i].points);
  }
  swapped.map(now, picture);
  for (std::size_t i = 0; i < now.size(); ++i) CHECK(now[i].label == before[i].label);
  const mirror stays =
      random_mirror{0, {{1, 3}}}.draw(random, picture, std::span<const instance<Schema>>{});
  stays.map(before, picture);
  CHECK(before[1].label == 1);
}

/// A stage moves boxes and landmarks as `move` moves points: a landmark put on each corner of the
/// box says where the corner went.
template <class Transform, class Move>
void check_together(const Transform& t, Move move)
{
  using corners = schemas::points<4>;
  for (std::uint64_t round = 0; round < 50; ++round) {
    auto boxes = objects<corners>({4, 0, round}, 6);
    std::vector<std::array<std::array<float, 2>, 4>> expected;
    for (auto& i : boxes) {
      const auto b = i.bounds;
      i.points.points = {{{b.x1, b.y1}, {b.x2, b.y1}, {b.x1, b.y2}, {b.x2, b.y2}}};
      i.visible.fill(true);
      i.label = std::int32_t(expected.size());
      expected.push_back(i.points.points);
    }
    t.map(boxes, picture);
    const extent2 after = t.size_after(picture);
    for (const auto& i : boxes) {
      box<float> around{1e9f, 1e9f, -1e9f, -1e9f};
      for (std::size_t k = 0; k < 4; ++k) {
        const auto& from = expected[std::size_t(i.label)][k];
        const auto to = move(from[0], from[1]);
        around = {std::min(around.x1, float(to[0])), std::min(around.y1, float(to[1])),
                  std::max(around.x2, float(to[0])), std::max(around.y2, float(to[1]))};
        if (!i.visible[k]) {
          CHECK((to[0] < 1e-3 || to[1] < 1e-3 || to[0] > after.width - 1e-3 ||
                 to[1] > after.height - 1e-3));
          continue;
        }
        const bool found = std::abs(i.points.points[k][0] - to[0]) < 1e-3 &&
                           std::abs(i.points.points[k][1] - to[1]) < 1e-3;
        CHECK(found);
      }
      const auto cut = clip(around, float(after.width), float(after.height));
      for (std::size_t c = 0; c < 4; ++c)
        CHECK(
            (std::abs(i.bounds[c] - cut[c]) < 1e-3f || std::abs(i.bounds[c] - around[c]) < 1e-3f));
    }
  }
}

template <class Schema>
void check_square_crop()
{
  std::size_t whole = 0;
  for (std::uint64_t round = 0; round < 300; ++round) {
    const auto before = objects<Schema>({5, 0, round}, 1 + round % 8);
    keyed_random random(6, 0, round);
    const window w =
        random_square_crop{}.draw(random, picture, std::span<const instance<Schema>>(before));
    auto now = before;
    w.map(now, picture);
    if (w.size == picture) {  // none fits
      ++whole;
      CHECK(now.size() == before.size());
      continue;
    }
    CHECK(w.size.width == w.size.height);
    CHECK(w.left >= 0);
    CHECK(w.top + w.size.height <= picture.height);
    bool inside = !std::ranges::any_of(before, [](auto& i) { return !i.ignore; });
    for (const auto& i : before)
      inside =
          inside || (!i.ignore && i.bounds.x1 >= float(w.left) &&
                     i.bounds.x2 <= float(w.left + w.size.width) && i.bounds.y1 >= float(w.top) &&
                     i.bounds.y2 <= float(w.top + w.size.height));
    CHECK(inside);
    for (const auto& i : now) {
      CHECK(i.bounds.x1 >= 0);
      CHECK(i.bounds.y2 <= float(w.size.height));
      CHECK(i.bounds.x1 < i.bounds.x2);
      CHECK(i.bounds.y1 < i.bounds.y2);
      for (std::size_t k = 0; k < Schema::count; ++k)
        if (i.visible[k]) {
          CHECK(i.points.points[k][0] >= 0);
          CHECK(i.points.points[k][0] <= float(w.size.width));
        }
    }
  }
  CHECK(whole < 100);
}

template <class Schema>
void check_replay()
{
  const augmentation all{random_colours{},
                         random_expand{},
                         random_overlap_crop{},
                         random_affine{},
                         random_square_crop{},
                         pad_to_square{},
                         random_mirror{},
                         random_resize{{64, 64}},
                         random_erase{},
                         random_blur{},
                         random_noise{},
                         random_jpeg{},
                         until_epoch{random_affine{}, 3}};
  std::set<float> seen;
  for (std::uint64_t round = 0; round < 40; ++round) {
    const auto before = objects<Schema>({7, 0, round}, 5);
    auto first = before, second = before, mapped = before;
    const auto plan = all.draw(keyed_random(1, 2, round), picture, first);
    const auto again = all.draw(keyed_random(1, 2, round), picture, second);
    plan.map(mapped);
    CHECK(first == second);
    CHECK(first == mapped);
    CHECK(plan.after == extent2{64, 64});
    CHECK(std::get<0>(plan.transforms).contrast == std::get<0>(again.transforms).contrast);
    CHECK(std::get<9>(plan.transforms).sigma == std::get<9>(again.transforms).sigma);
    CHECK(std::get<10>(plan.transforms).key == std::get<10>(again.transforms).key);
    CHECK(std::get<11>(plan.transforms).quality == std::get<11>(again.transforms).quality);
    for (const auto& truth : first) CHECK(truth.weight == 1);
    auto other = before;
    static_cast<void>(all.draw(keyed_random(1, 3, round), picture, other));
    if (!first.empty()) seen.insert(first[0].bounds.x1);
    if (!other.empty()) seen.insert(other[0].bounds.x1);
  }
  CHECK(seen.size() > 30);
}

}  // namespace

TEST_CASE("Keyed randomness: the same for a key, spread evenly, apart for neighbours")
{
  keyed_random a(1, 2, 3), b(1, 2, 3);
  for (int i = 0; i < 100; ++i) CHECK(a.next() == b.next());
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (std::uint64_t epoch = 0; epoch < 10; ++epoch)
      for (std::uint64_t index = 0; index < 100; ++index) {
        keyed_random r(seed, epoch, index);
        firsts.insert(r.next());
        firsts.insert(r.fork(0).next());
        firsts.insert(r.fork(1).next());
      }
  CHECK(firsts.size() == 30000);
  std::array<int, 7> counts{};
  keyed_random r(0, 0, 0);
  double mean = 0;
  for (int i = 0; i < 70000; ++i) ++counts[r.below(7)];
  for (int i = 0; i < 10000; ++i) {
    const double u = r.uniform(2, 4);
    REQUIRE(u >= 2);
    REQUIRE(u < 4);
    mean += u / 10000;
  }
  for (const int count : counts) CHECK(std::abs(count - 10000) < 400);  // 4 deviations
  CHECK(std::abs(mean - 3) < 0.03);
  CHECK(keyed_random(0, 0, 0).next() == keyed_random(0, 0, 0).next());
}

TEST_CASE("A mirror is its own inverse, and moves each landmark to its partner")
{
  check_mirror<schemas::none>();
  check_mirror<schemas::points<1>>();
  check_mirror<schemas::plate4>();
  check_mirror<schemas::face5>();
  check_mirror<schemas::face68>();
  check_mirror<schemas::wflw98>();
}

TEST_CASE("A mirror exchanges classes that have a left and a right")
{
  check_mirror_of_classes<schemas::none>();
  check_mirror_of_classes<schemas::points<1>>();
  check_mirror_of_classes<schemas::plate4>();
  check_mirror_of_classes<schemas::face5>();
  check_mirror_of_classes<schemas::face68>();
  check_mirror_of_classes<schemas::wflw98>();
}

TEST_CASE("A stage is switched off from an epoch on, and those after it draw as before")
{
  const augmentation strong{random_expand{.probability = 1}, random_mirror{}};
  const augmentation ends{until_epoch{random_expand{.probability = 1}, 7}, random_mirror{}};
  std::size_t mirrored = 0;
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
    const auto before = objects<schemas::face5>({18, 0, epoch}, 5);
    auto all = before, some = before;
    const auto always = strong.draw(keyed_random(1, epoch, 2), picture, all);
    const auto plan = ends.draw(keyed_random(1, epoch, 2), picture, some);
    CHECK(std::get<0>(plan.transforms).drawn.has_value() == (epoch < 7));
    CHECK(std::get<1>(plan.transforms).on == std::get<1>(always.transforms).on);
    CHECK((some == all) == (epoch < 7));
    auto mapped = before;
    plan.map(mapped);
    CHECK(mapped == some);
    if (epoch < 7) continue;
    CHECK(plan.after == picture);
    mirrored += std::get<1>(plan.transforms).on;
    auto flipped = before;
    mirror{std::get<1>(plan.transforms).on}.map(flipped, picture);
    CHECK(some == flipped);
  }
  CHECK(mirrored > 0);
  CHECK(keyed_random(1, 9, 2).fork(3).epoch() == 9);
}

namespace {
/// A stage of somebody who has plates alone.
struct of_plates {
  template <random_source Random>
  mirror draw(Random&, extent2, std::span<const instance<schemas::plate4>>) const
  {
    return {true};
  }
};
}  // namespace

TEST_CASE("A stage may be of one schema alone")
{
  std::vector<instance<schemas::plate4>> plates(1, {{10, 0, 30, 10}});
  const augmentation stages(of_plates{});
  static_cast<void>(stages.draw(keyed_random(1, 2, 3), {100, 100}, plates));
  CHECK(plates[0].bounds == box<float>{70, 0, 90, 10});
}

TEST_CASE("Stages behind a pipeline leave it as it was")
{
  const auto longer = ssd_augmentation(64).then(until_epoch{random_blur{}, 5}, random_noise{});
  std::size_t blurred = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto before = objects<schemas::face5>({20, 0, i}, 4);
    auto as_it_was = before, now = before;
    const auto plan = ssd_augmentation(64).draw(keyed_random(1, 0, i), picture, as_it_was);
    const auto more = longer.draw(keyed_random(1, 0, i), picture, now);
    CHECK(now == as_it_was);
    CHECK(std::get<4>(more.transforms).kernel == std::get<4>(plan.transforms).kernel);
    blurred += std::get<5>(more.transforms).drawn.value().sigma > 0;
  }
  CHECK(blurred > 3);
  CHECK(blurred < 30);
}

TEST_CASE("SCRFD's crops make objects smaller than RetinaFace's do")
{
  double sides = 0, smaller_sides = 0;
  std::size_t found = 0, smaller_found = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const auto before = objects<schemas::face5>({19, 0, i}, 4);
    auto usual = before, zoomed = before;
    static_cast<void>(retinaface_augmentation(640).draw(keyed_random(1, 0, i), picture, usual));
    static_cast<void>(scrfd_augmentation(640).draw(keyed_random(1, 0, i), picture, zoomed));
    for (const auto& truth : usual) sides += std::sqrt(double(area(truth.bounds))), ++found;
    for (const auto& truth : zoomed)
      smaller_sides += std::sqrt(double(area(truth.bounds))), ++smaller_found;
  }
  // The mean share of .3 .45 .6 .8 1 is 0.63, with those up to 2 it is 1.115.
  CHECK(smaller_sides / double(smaller_found) < 0.75 * sides / double(found));
  CHECK(smaller_found > found);  // fewer are cut away
}

TEST_CASE("Boxes and landmarks stay together")
{
  check_together(resize{{64, 200}, {}}, [](float x, float y) {
    return std::array{double(x) * 200 / 160, double(y) * 64 / 120};
  });
  for (const window w : {window{.left = 20, .top = 10, .size = {90, 100}},
                         window{.left = -30, .top = -7, .size = {300, 400}},
                         window{.left = -30, .top = 17, .size = {50, 100}}})
    check_together(
        w, [&](float x, float y) { return std::array{double(x) - w.left, double(y) - w.top}; });
  random_affine stage{.probability = 1, .degrees = 40, .shear = 0.2};
  for (std::uint64_t i = 0; i < 10; ++i) {
    keyed_random random(8, 0, i);
    const affine a = stage.draw(random, picture, std::span<const instance<schemas::none>>{});
    check_together(a, a);
  }
  for (std::uint64_t i = 0; i < 10; ++i) {
    keyed_random random(9, 0, i);
    const auto plan = random_mosaic{{200, 300}}.draw(random, {picture, picture, picture, picture});
    for (const auto& part : plan) {
      auto all = objects<schemas::plate4>({10, 0, i}, 6);
      part.map(all, picture);
      for (const auto& o : all) {
        CHECK(o.bounds.x1 >= float(part.left));
        CHECK(o.bounds.y2 <= float(part.top + part.seen.size.height));
        for (std::size_t k = 0; k < 4; ++k)
          if (o.visible[k]) {
            CHECK(o.points.points[k][0] >= o.bounds.x1 - 1e-3f);
            CHECK(o.points.points[k][1] <= o.bounds.y2 + 1e-3f);
          }
      }
    }
  }
}

TEST_CASE("A square crop holds a truth, and its boxes lie in it")
{
  check_square_crop<schemas::none>();
  check_square_crop<schemas::points<1>>();
  check_square_crop<schemas::plate4>();
  check_square_crop<schemas::face5>();
  check_square_crop<schemas::face68>();
  check_square_crop<schemas::wflw98>();
}

TEST_CASE("A square crop of a share above 1 is larger than the picture, which lies anywhere in it")
{
  random_square_crop crop;
  crop.shares = {1.25, 2.5};  // 150 and 300 pixels: more than the height, then more than both sides
  crop.fill = {1, 2, 3};
  std::set<int> lefts, tops, sides;
  for (std::uint64_t round = 0; round < 500; ++round) {
    const auto before = objects<schemas::face5>({5, 1, round}, 3);
    keyed_random random(14, 0, round);
    const window w = crop.draw(random, picture, std::span<const instance<schemas::face5>>(before));
    if (w.size == picture) continue;  // no truth suits: one that overhangs the picture
    sides.insert(w.size.width);
    CHECK(w.size.width == w.size.height);
    CHECK(w.fill == crop.fill);
    CHECK(w.top <= 0);
    CHECK(w.top + w.size.height >= picture.height);
    if (w.size.width == 150) {
      CHECK(w.left >= 0);
      CHECK(w.left + 150 <= picture.width);
    } else {
      CHECK(w.holds_all_of(picture));
      lefts.insert(w.left);
      tops.insert(w.top);
      auto now = before;
      w.map(now, picture);
      REQUIRE(now.size() == before.size());
      for (std::size_t i = 0; i < now.size(); ++i) {
        CHECK(now[i].bounds.x1 == before[i].bounds.x1 - float(w.left));
        CHECK(now[i].bounds.y2 == before[i].bounds.y2 - float(w.top));
        CHECK(now[i].visible == before[i].visible);
      }
    }
  }
  CHECK(sides == std::set<int>{150, 300});
  CHECK(lefts.size() > 60);
  CHECK(tops.size() > 60);
  CHECK(*lefts.begin() >= picture.width - 300);
  CHECK(*lefts.rbegin() <= 0);

  crop.shares = {2.5};
  crop.tries = 100000;
  int least = 0, most = -300;
  for (std::uint64_t round = 0; round < 2000; ++round) {
    keyed_random random(15, 0, round);
    const window w = crop.draw(random, picture, std::span<const instance<schemas::none>>{});
    least = std::min(least, w.left), most = std::max(most, w.left);
  }
  CHECK(least == picture.width - 300);
  CHECK(most == 0);
}

TEST_CASE("What is not turned is not touched")
{
  const auto before = objects<schemas::face5>({16, 0, 0}, 40);  // some across the picture's edge
  keyed_random random(1, 1, 1);
  random_affine stage;
  stage.probability = 0;
  auto now = before;
  stage.draw(random, picture, std::span<const instance<schemas::face5>>(before)).map(now, picture);
  CHECK(now == before);
}

TEST_CASE("A depth is a length along x: scaled as x is, neither shifted nor mirrored")
{
  using mesh = schemas::points<1, 3>;
  instance<mesh> dot{{20, 20, 60, 60}, 1, {}, {true}, false};
  dot.points.points[0] = {40, 40, 8};
  const auto depth_after = [&](const auto& transform) {
    std::vector all{dot};
    transform.map(all, picture);
    return all.at(0).points.points[0][2];
  };
  CHECK(depth_after(resize{{60, 320}, {}}) == 16);  // twice as wide, half as high
  CHECK(depth_after(window{.left = 10, .top = -5, .size = {100, 100}}) == 8);
  CHECK(depth_after(mirror{}) == 8);
  keyed_random random(17, 0, 0);
  const affine turned =
      random_affine{.probability = 1, .degrees = 30, .least_scale = 0.5, .most_scale = 0.5}.draw(
          random, picture, std::span<const instance<mesh>>{});
  CHECK(std::abs(depth_after(turned) - 4) < 1e-5f);
  CHECK(depth_after(affine{.m = {2, 0, -40, 0, 1, 0}}) == 16);
}

TEST_CASE("Stages that cannot draw are refused, in a sentence that names the value")
{
  const auto said = [](const auto& stage, extent2 size = picture) -> std::string {
    keyed_random random(1, 1, 1);
    try {
      static_cast<void>(stage.draw(random, size, std::span<const instance<schemas::none>>{}));
    } catch (const error& e) {
      return e.what();
    }
    return "nothing";
  };
  const double none = std::nan("");
  CHECK(said(random_square_crop{.shares = {}}).find("no shares") != std::string::npos);
  CHECK(said(random_square_crop{.shares = {0.5, -2}}).find("-2") != std::string::npos);
  CHECK(said(random_square_crop{.shares = {none}}) != "nothing");
  CHECK(said(random_square_crop{.tries = -3}).find("-3") != std::string::npos);
  CHECK(said(random_overlap_crop{.least_share = 1.5}).find("1.5") != std::string::npos);
  CHECK(said(random_overlap_crop{.most_aspect = 0.5}).find("0.5") != std::string::npos);
  CHECK(said(random_overlap_crop{.rounds = -1}).find("-1") != std::string::npos);
  CHECK(said(random_resize{}).find("0 x 0") != std::string::npos);
  CHECK(said(random_resize{{64, 64}, {}}).find("no kernel") != std::string::npos);
  CHECK(said(random_expand{.most = 0.5}).find("0.5") != std::string::npos);
  CHECK(said(random_expand{.probability = 2}).find("2") != std::string::npos);
  CHECK(said(random_affine{.least_scale = 0}).find("scales") != std::string::npos);
  CHECK(said(random_affine{.shift = none}).find("nan") != std::string::npos);
  CHECK(said(random_erase{.least_area = 0.5, .most_area = 0.1}).find("0.5") != std::string::npos);
  CHECK(said(random_erase{.most_aspect = 0}) != "nothing");
  CHECK(said(random_mirror{none}).find("nan") != std::string::npos);
  CHECK(said(random_mirror{1, {{1, 0}}}).find("label 0") != std::string::npos);
  CHECK(said(random_mirror{1, {{1, 2}, {2, 3}}}).find("label 2 more than once") !=
        std::string::npos);
  CHECK(said(random_mirror{1, {{4, 4}}}).find("label 4") != std::string::npos);
  CHECK(said(random_blur{.least = -1}).find("blur") != std::string::npos);
  CHECK(said(random_blur{.probability = 3}).find("3") != std::string::npos);
  CHECK(said(random_noise{.most = 300}).find("300") != std::string::npos);
  CHECK(said(random_jpeg{.least = 0}).find("JPEG") != std::string::npos);
  CHECK(said(random_jpeg{.least = 50, .most = 40}).find("50 to 40") != std::string::npos);
  CHECK(said(random_colours{.least = 2, .most = 1}).find("contrast") != std::string::npos);
  CHECK(said(random_colours{.hue = -1}).find("-1") != std::string::npos);
  for (const extent2 size : {extent2{}, extent2{1, 9}}) {
    keyed_random random(1, 1, 1);
    CHECK_THROWS_AS(random_mosaic{size}.draw(random, {picture, picture, picture, picture}), error);
  }
  keyed_random random(1, 1, 1);
  const std::array<extent2, 4> pictures{picture, picture, {0, 5}, picture};
  CHECK_THROWS_AS((random_mosaic{{64, 64}}.draw(random, pictures)), error);
  CHECK_THROWS_AS((random_mosaic{{64, 64}, 0.9, 0.1}.draw(random, {})), error);
}

TEST_CASE("The last offset of a crop is reached, but not by the reference")
{
  for (const bool last : {true, false}) {
    random_square_crop crop;
    crop.last_offset = last;
    crop.shares = {1.0};
    int greatest = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      keyed_random random(11, 0, i);
      const window w = crop.draw(random, {10, 13}, std::span<const instance<schemas::none>>{});
      CHECK(w.size == extent2{10, 10});
      greatest = std::max(greatest, w.left);
    }
    CHECK(greatest == (last ? 3 : 2));
  }
}

TEST_CASE("Landmarks that leave the picture are hidden; the reference moves them to its edge")
{
  instance<schemas::plate4> plate{{5, 5, 35, 25}, 1, {}, {true, true, true, false}, false};
  plate.points.points = {{{5, 5}, {35, 5}, {20, 25}, {0, 0}}};
  std::vector ours{plate}, theirs{plate};
  window w{.left = 0, .top = 0, .size = {30, 30}};
  w.map(ours, picture);
  w.landmarks = edge_landmarks::clamp;
  w.map(theirs, picture);
  CHECK(ours.at(0).bounds == box<float>{5, 5, 30, 25});
  CHECK(ours[0].visible == std::array{true, false, true, false});
  CHECK(theirs.at(0).visible == std::array{true, true, true, false});
  CHECK(theirs[0].points.points[1] == std::array<float, 2>{30, 5});
}

TEST_CASE("A crop by overlap overlaps a truth as drawn, or leaves the picture whole")
{
  std::size_t cut = 0;
  for (std::uint64_t round = 0; round < 300; ++round) {
    const auto before = objects<schemas::face5>({12, 0, round}, 1 + round % 4);
    keyed_random random(13, 0, round);
    const window w = random_overlap_crop{}.draw(random, picture,
                                                std::span<const instance<schemas::face5>>(before));
    if (w.size == picture) continue;
    ++cut;
    CHECK(w.left >= 0);
    CHECK(w.left + w.size.width <= picture.width);
    CHECK(w.size.width <= 2 * w.size.height);
    auto now = before;
    w.map(now, picture);
    if (std::ranges::any_of(before, [](auto& i) { return !i.ignore; }))
      CHECK(std::ranges::any_of(now, [](auto& i) { return !i.ignore; }));
  }
  CHECK(cut > 100);
}

TEST_CASE("A draw is replayed from its key, whatever the number of landmarks")
{
  check_replay<schemas::none>();
  check_replay<schemas::points<1>>();
  check_replay<schemas::plate4>();
  check_replay<schemas::face5>();
  check_replay<schemas::face68>();
  check_replay<schemas::wflw98>();
}

TEST_CASE("What is erased hides landmarks only where that is asked for")
{
  instance<schemas::points<1>> dot{{0, 0, 20, 20}, 1, {}, {true}, false};
  dot.points.points[0] = {10, 10};
  for (const bool hides : {true, false}) {
    std::vector all{dot};
    erase{.left = 5, .top = 5, .size = {10, 10}, .hides_landmarks = hides}.map(all, picture);
    CHECK(all[0].visible[0] == !hides);
    CHECK(all[0].bounds == dot.bounds);
  }
  std::vector small{dot};
  ignore_small{20}.map(small, picture);
  CHECK_FALSE(small[0].ignore);
  ignore_small{20.5f}.map(small, picture);
  CHECK(small[0].ignore);
}
