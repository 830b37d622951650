// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include "program/curves.hpp"
#include "program/plot.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace retinue;

namespace {
/// Whether a pixel near (column, row) is neither white nor a grey.
bool coloured_near(const cv::Mat& picture, int column, int row)
{
  for (int y = row - 2; y <= row + 2; ++y)
    for (int x = column - 2; x <= column + 2; ++x) {
      const auto p = picture.at<cv::Vec3b>(y, x);
      if (std::abs(p[0] - p[1]) + std::abs(p[1] - p[2]) > 60) return true;
    }
  return false;
}
}  // namespace

TEST_CASE("a line goes where its points are, and is broken where there is none")
{
  plot_frame frame;
  frame.x.limits = plot_axis::range{0, 4};
  frame.y.limits = plot_axis::range{0, 4};
  frame.size = {.height = 502, .width = 496};  // the area is 400 x 400 from (76, 44)
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::vector<plot_line> lines{{"", {0, 1, 2, 3, 4}, {4, 3, none, 1, 0}}};
  const cv::Mat picture = draw_plot(frame, lines);
  REQUIRE(picture.size() == cv::Size(496, 502));
  REQUIRE(picture.type() == CV_8UC3);
  for (const int k : {50, 100, 300, 350}) {
    CAPTURE(k);
    CHECK(coloured_near(picture, 76 + k, 44 + k));
  }
  for (const int k : {150, 200, 250}) {
    CAPTURE(k);
    CHECK_FALSE(coloured_near(picture, 76 + k, 44 + k));
  }
}

TEST_CASE("a logarithmic axis puts powers of ten at equal distances")
{
  plot_frame frame;
  frame.y.logarithmic = true;
  frame.size = {.height = 502, .width = 496};
  const std::vector<plot_line> lines{{"", {0, 1, 2}, {100, 1, 0.01}}, {"", {0, 1}, {0, -1}}};
  const cv::Mat picture = draw_plot(frame, lines);
  CHECK(coloured_near(picture, 76 + 100, 44 + 100));
  CHECK(coloured_near(picture, 76 + 300, 44 + 300));
}

TEST_CASE("the legend stands in the corner that was asked for")
{
  const std::vector<plot_line> lines{{"a name", {}, {}}};
  for (const auto corner : {plot_legend::lower_left, plot_legend::upper_right}) {
    plot_frame frame;
    frame.legend = corner;
    const cv::Mat picture = draw_plot(frame, lines);
    CHECK(coloured_near(picture, 76 + 20, 600 - 58 - 14) == (corner == plot_legend::lower_left));
    bool upper_right = false;
    for (int x = 600; x < 770; ++x) upper_right = upper_right || coloured_near(picture, x, 44 + 14);
    CHECK(upper_right == (corner == plot_legend::upper_right));
  }
}

TEST_CASE("no line, no point, one point, equal points and values off the axes are drawn")
{
  plot_frame frame;
  frame.title = "t";
  CHECK_FALSE(draw_plot(frame, {}).empty());
  const std::vector<plot_line> odd{{"empty", {}, {}},
                                   {"one", {1}, {1}},
                                   {"equal", {1, 1}, {1, 1}},
                                   {"none", {INFINITY}, {-INFINITY}}};
  CHECK_FALSE(draw_plot(frame, odd).empty());
  frame.x.limits = frame.y.limits = plot_axis::range{0, 1};
  const std::vector<plot_line> far{{"far", {-1e300, 1e300}, {1e300, -1e300}}};
  CHECK_FALSE(draw_plot(frame, far).empty());
}

TEST_CASE("values of any size are drawn")
{
  for (const double value : {1e16, 1e20, 1e300, -1e20, 1e-300, 1.7e308}) {
    CAPTURE(value);
    for (const double step : {0.0, std::abs(value) * 2e-16, std::abs(value) * 1e-12, 1.0}) {
      const std::vector<plot_line> lines{{"", {0, 1, 2}, {value, value + step, value}}};
      CHECK_FALSE(draw_plot({}, lines).empty());
    }
    const std::vector<plot_line> both{{"", {0, 1}, {-value, value}}, {"", {-value, value}, {0, 1}}};
    CHECK_FALSE(draw_plot({}, both).empty());
  }
  // The only value is in the middle.
  plot_frame frame;
  frame.size = {.height = 502, .width = 496};
  CHECK(coloured_near(draw_plot(frame, std::vector<plot_line>{{"", {0, 4}, {1e20, 1e20}}}), 276,
                      244));
}

TEST_CASE("what cannot be drawn is refused")
{
  const std::vector<plot_line> uneven{{"loss", {1, 2}, {1}}};
  CHECK_THROWS_AS(draw_plot({}, uneven), error);
  plot_frame small;
  small.size = {.height = 10, .width = 800};
  CHECK_THROWS_AS(draw_plot(small, {}), error);
}

TEST_CASE("the curves of a run show every term of its loss, whatever it is called")
{
  const auto run_with = [](const std::vector<loss_term>& terms) {
    std::vector<log_line> lines;
    for (std::int64_t step = 0; step < 20; ++step)
      lines.push_back({.step = step, .terms = terms, .total = 4});
    return draw_losses(lines);
  };
  const auto differs = [](const cv::Mat& a, const cv::Mat& b) {
    REQUIRE(a.size() == b.size());
    return cv::norm(a, b, cv::NORM_INF) > 0;
  };
  const cv::Mat total = run_with({});
  CHECK(differs(run_with({{"quality", 2}}), total));
  CHECK(differs(run_with({{"quality", 2}, {"objectness", 1}}), run_with({{"quality", 2}})));
  CHECK(!differs(run_with({{"landmark", 0}}), total));  // 0 throughout
}
