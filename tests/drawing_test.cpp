// SPDX-License-Identifier: Apache-2.0
#include <retinue/image/drawing.hpp>

#include "catch.hpp"

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace retinue;

namespace {

const cv::Scalar background(90, 91, 92);

cv::Mat canvas()
{
  return cv::Mat(300, 400, CV_8UC3, background);
}

/// 255 where `drawn` differs from the canvas.
cv::Mat changed(const cv::Mat& drawn)
{
  cv::Mat difference, mask;
  cv::absdiff(drawn, canvas(), difference);
  cv::inRange(difference, cv::Scalar::all(0), cv::Scalar::all(0), mask);
  return 255 - mask;
}

template <class Schema>
cv::Mat drawn(std::vector<detection<Schema>> found, const drawing_style& style,
              std::vector<std::string> classes = {})
{
  cv::Mat picture = canvas();
  draw(picture, std::span<const detection<Schema>>(found), classes, style);
  return picture;
}

const drawing_style box_only{.text = false, .landmarks = false};

template <class Schema>
detection<Schema> in_a_row()
{
  detection<Schema> d{{100, 100, 220, 200}, 0.9f, 1, {}};
  for (std::size_t k = 0; k < Schema::count; ++k)
    d.points.points[k] = {110 + 100 * float(k) / float(Schema::count), 150};
  return d;
}

template <class Schema>
void check_dots()
{
  const auto d = in_a_row<Schema>();
  const cv::Mat plain = drawn<Schema>({d}, box_only);
  const cv::Mat dotted = drawn<Schema>({d}, {.text = false});
  for (std::size_t k = 0; k < Schema::count; ++k) {
    const cv::Point at(static_cast<int>(std::lround(d.points.points[k][0])), 150);
    CHECK(dotted.at<cv::Vec3b>(at) != plain.at<cv::Vec3b>(at));
  }
  cv::Mat inside = changed(dotted);
  inside(cv::Rect(103, 138, 112, 25)).setTo(0);  // the row of dots
  cv::Mat frame = changed(plain);
  CHECK(cv::norm(inside, frame, cv::NORM_INF) == 0);
}

}  // namespace

TEST_CASE("a box is drawn on its edges and nowhere else")
{
  const cv::Mat mask = changed(drawn<schemas::none>({{{50, 60, 150, 160}, 0.9f, 1, {}}}, box_only));
  for (const cv::Point edge : {cv::Point(50, 60), {149, 159}, {100, 60}, {50, 100}, {149, 100}})
    CHECK(mask.at<std::uint8_t>(edge) == 255);
  CHECK(cv::countNonZero(mask(cv::Rect(53, 63, 94, 94))) == 0);
  cv::Mat outside = mask.clone();
  outside(cv::Rect(48, 58, 104, 104)).setTo(0);
  CHECK(cv::countNonZero(outside) == 0);
}

TEST_CASE("as many landmarks as a schema has are drawn, each where it lies")
{
  check_dots<schemas::none>();
  check_dots<schemas::plate4>();
  check_dots<schemas::face5>();
  check_dots<schemas::face68>();
  check_dots<schemas::points<98>>();
  check_dots<schemas::points<5, 3>>();
}

TEST_CASE("landmarks are told apart by their colours")
{
  const cv::Mat picture = drawn<schemas::face5>({in_a_row<schemas::face5>()}, {.text = false});
  for (int a = 0; a < 5; ++a)
    for (int b = a + 1; b < 5; ++b)
      CHECK(cv::norm(picture.at<cv::Vec3b>(150, 110 + 20 * a),
                     picture.at<cv::Vec3b>(150, 110 + 20 * b), cv::NORM_L1) > 100);
}

TEST_CASE("a label lies on a strip above its box, or inside where there is no room")
{
  const drawing_style text_only{.landmarks = false};
  const detection<schemas::none> low{{50, 100, 150, 200}, 0.87f, 1, {}},
      high{{50, 1, 150, 100}, 0.87f, 1, {}}, right{{392, 100, 500, 200}, 0.87f, 1, {}};
  const cv::Mat below = changed(drawn<schemas::none>({low}, text_only));
  CHECK(cv::countNonZero(below(cv::Rect(50, 80, 20, 20))) > 100);
  CHECK(cv::countNonZero(below(cv::Rect(0, 0, 400, 75))) == 0);
  CHECK(cv::countNonZero(below(cv::Rect(53, 103, 94, 94))) == 0);
  const cv::Mat inside = changed(drawn<schemas::none>({high}, text_only));
  CHECK(cv::countNonZero(inside(cv::Rect(53, 4, 15, 5))) == 75);
  const cv::Mat shifted = changed(drawn<schemas::none>({right}, text_only));
  CHECK(cv::countNonZero(shifted(cv::Rect(380, 80, 12, 18))) > 50);
}

TEST_CASE("classes differ in colour, and are named where there are several")
{
  const auto colour = [](std::int32_t label) {
    return drawn<schemas::none>({{{50, 100, 150, 200}, 0.9f, label, {}}}, box_only)
        .at<cv::Vec3b>(100, 100);
  };
  for (std::int32_t a = 1; a <= 6; ++a)
    for (std::int32_t b = a + 1; b <= 6; ++b)
      CHECK(cv::norm(colour(a), colour(b), cv::NORM_L1) > 80);
  const auto strip = [](std::vector<std::string> classes, std::int32_t label) {
    return cv::countNonZero(changed(drawn<schemas::none>({{{50, 100, 150, 200}, 0.9f, label, {}}},
                                                         {}, classes))(cv::Rect(0, 0, 400, 99)));
  };
  CHECK(strip({"face"}, 1) == strip({}, 1));
  CHECK(strip({"face", "licence plate"}, 2) > strip({"face", "licence plate"}, 1));
  CHECK(strip({"face", "plate"}, 3) == strip({}, 3));  // a label without a name
}

TEST_CASE("what lies off the picture, or nowhere, harms nothing")
{
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(cv::countNonZero(changed(drawn<schemas::face5>(
            {{{nan, 1, 2, 3}, 0.5f, 1, {}}, {{0, 0, infinity, 9}, 0.5f, 1, {}}}, {}))) == 0);
  const cv::Mat far =
      changed(drawn<schemas::none>({{{-3e9f, -3e9f, 3e9f, 3e9f}, 1, 1, {}}}, box_only));
  CHECK(cv::countNonZero(far) == 0);
  // A box whose coordinates add up to more than a float holds is drawn where it can be seen.
  constexpr float most = std::numeric_limits<float>::max();
  CHECK(cv::countNonZero(
            changed(drawn<schemas::none>({{{50, 60, most, most}, 1, 1, {}}}, box_only))) > 100);
  auto d = in_a_row<schemas::face5>();
  for (auto& p : d.points.points) p = {nan, 5};
  CHECK(cv::norm(drawn<schemas::face5>({d}, {.text = false}), drawn<schemas::face5>({d}, box_only),
                 cv::NORM_INF) == 0);
  drawn<schemas::face5>({{{5, 5, 1, 1}, 0.5f, -7, {}}, {{1e30f, -1e30f, 1e30f, 3}, 0, 0, {}}}, {});
  cv::Mat tiny(1, 1, CV_8UC3, background);
  const std::vector<detection<schemas::none>> found{{{0, 0, 1, 1}, 0.5f, 1, {}}};
  draw(tiny, std::span<const detection<schemas::none>>(found));
  CHECK(tiny.at<cv::Vec3b>(0, 0) != cv::Vec3b(90, 91, 92));
  cv::Mat grey(9, 9, CV_8UC1);
  CHECK_THROWS_AS(draw(grey, std::span<const detection<schemas::none>>(found)), error);
}
