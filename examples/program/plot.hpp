// SPDX-License-Identifier: Apache-2.0
// Lines over two axes, as a picture: precision against recall, a loss against steps.
//
// Ticks stand at 1, 2 or 5 times a power of ten; on a logarithmic axis at powers of ten. A point
// that is not finite (or larger than 1e300), or not positive on such an axis, breaks its line.
#pragma once

#include <retinue/error.hpp>     // fail
#include <retinue/geometry.hpp>  // extent2

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retinue {

/// A line: y[i] over x[i].
struct plot_line {
  std::string name;  ///< for the legend
  std::vector<double> x, y;
};

struct plot_axis {
  struct range {
    double least = 0, greatest = 1;
  };
  std::string label;
  std::optional<range> limits;  ///< those of the lines, where not given
  bool logarithmic = false;
};

/// Where the names of the lines stand: out of the way of curves that fall off late, or early.
enum class plot_legend : std::uint8_t { lower_left, upper_right };

struct plot_frame {
  std::string title;
  plot_axis x, y;
  extent2 size{.height = 600, .width = 800};  ///< pixels, at least 200 each
  plot_legend legend = plot_legend::lower_left;
};

namespace detail {
[[nodiscard]] inline double to_axis(const plot_axis& axis, double v)
{
  if (!(std::abs(v) <= 1e300)) return std::numeric_limits<double>::quiet_NaN();
  return axis.logarithmic ? std::log10(v) : v;  // not finite where v is not positive
}

/// From a value to a place along an axis, 0 to 1.
struct plot_scale {
  double least = 0, greatest = 1;  // of to_axis
  bool logarithmic = false;

  plot_scale(const plot_axis& axis, std::span<const plot_line> lines,
             std::vector<double> plot_line::* values)
      : logarithmic(axis.logarithmic)
  {
    bool any = false;
    const auto stretch = [&](double v) {
      const double a = to_axis(axis, v);
      if (!std::isfinite(a)) return;
      least = any ? std::min(least, a) : a;
      greatest = any ? std::max(greatest, a) : a;
      any = true;
    };
    if (axis.limits) {
      stretch(axis.limits->least);
      stretch(axis.limits->greatest);
    } else {
      for (const plot_line& line : lines) std::ranges::for_each(line.*values, stretch);
    }
    // Values of too little difference for ticks between them, or one, or none: room around them.
    const double finest = 1e-9 * std::max(std::abs(least), std::abs(greatest));
    if (!(greatest - least > finest)) {
      const double room = std::max(0.5, finest);
      least -= room;
      greatest += room;
    }
  }

  [[nodiscard]] std::vector<double> ticks() const
  {
    const double rough = (greatest - least) / 6;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = power * (rough > 5 * power ? 10 : rough > 2 * power ? 5 : rough > power ? 2 : 1);
    if (logarithmic) step = std::max(1.0, std::ceil(step));
    std::vector<double> all;
    const double slack = 1e-9 * (greatest - least);
    const double first = std::ceil((least - slack) / step);
    for (int k = 0; k <= 10 && (first + k) * step <= greatest + slack; ++k)  // 7 at most, rounded
      all.push_back((first + k) * step);
    return all;
  }

  [[nodiscard]] double place(double on_axis) const
  {
    return (on_axis - least) / (greatest - least);
  }

  [[nodiscard]] std::string name(double tick) const
  {
    std::array<char, 32> text{};
    const double shown = logarithmic ? std::pow(10, tick) : tick;
    std::snprintf(text.data(), text.size(), "%.4g", std::abs(shown) < 1e-12 ? 0.0 : shown);
    return text.data();
  }
};
}  // namespace detail

/// Throws `error` if a line has not as many x as y, or if the picture is too small.
[[nodiscard]] inline cv::Mat draw_plot(const plot_frame& frame, std::span<const plot_line> lines)
{
  constexpr int left = 76, right = 20, top = 44, bottom = 58, smallest = 200, fraction_bits = 4;
  constexpr double text_size = 0.45;
  const std::array<cv::Scalar, 6> colours{cv::Scalar(180, 119, 31),  cv::Scalar(14, 127, 255),
                                          cv::Scalar(44, 160, 44),   cv::Scalar(40, 39, 214),
                                          cv::Scalar(189, 103, 148), cv::Scalar(75, 86, 140)};
  const cv::Scalar black(40, 40, 40), grey(225, 225, 225);
  if (frame.size.width < smallest || frame.size.height < smallest)
    fail("a plot of ", frame.size.width, " x ", frame.size.height, " pixels, expected at least ",
         smallest, " x ", smallest);
  for (const plot_line& line : lines)
    if (line.x.size() != line.y.size())
      fail("the line \"", line.name, "\" has ", line.x.size(), " x and ", line.y.size(), " y");

  cv::Mat picture(frame.size.height, frame.size.width, CV_8UC3, cv::Scalar::all(255));
  const cv::Rect area(left, top, picture.cols - left - right, picture.rows - top - bottom);
  const detail::plot_scale x(frame.x, lines, &plot_line::x), y(frame.y, lines, &plot_line::y);
  const auto column = [&](double place) { return area.x + place * area.width; };
  const auto row = [&](double place) { return area.y + (1 - place) * area.height; };
  const auto extent_of = [](const std::string& text, double size) {
    int baseline = 0;
    return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, size, 1, &baseline);
  };
  const auto write = [&](const std::string& text, double at_x, double at_y, double align,
                         double size) {
    const cv::Size box = extent_of(text, size);
    const cv::Point at(cvRound(at_x - align * box.width), cvRound(at_y + box.height / 2.0));
    cv::putText(picture, text, at, cv::FONT_HERSHEY_SIMPLEX, size, black, 1, cv::LINE_AA);
  };

  for (const double tick : x.ticks()) {
    const int at = cvRound(column(x.place(tick)));
    cv::line(picture, {at, area.y}, {at, area.y + area.height}, grey);
    write(x.name(tick), at, area.y + area.height + 14, 0.5, text_size);
  }
  for (const double tick : y.ticks()) {
    const int at = cvRound(row(y.place(tick)));
    cv::line(picture, {area.x, at}, {area.x + area.width, at}, grey);
    write(y.name(tick), area.x - 8, at, 1, text_size);
  }
  cv::rectangle(picture, area, black);
  write(frame.title, area.x + area.width / 2.0, 18, 0.5, 0.6);
  write(frame.x.label, area.x + area.width / 2.0, picture.rows - 16, 0.5, text_size);
  write(frame.y.label, 8, 26, 0, text_size);  // above its axis: OpenCV writes no upright text

  // Lines leave the area where limits were given: drawn apart, and only what lies inside is kept.
  cv::Mat inside = picture(area);
  for (std::size_t k = 0; k < lines.size(); ++k) {
    std::vector<cv::Point> run;
    const auto draw = [&] {
      const cv::Scalar& colour = colours[k % colours.size()];
      if (run.size() == 1) cv::circle(inside, run[0], 24, colour, -1, cv::LINE_AA, fraction_bits);
      if (run.size() > 1) cv::polylines(inside, run, false, colour, 2, cv::LINE_AA, fraction_bits);
      run.clear();
    };
    for (std::size_t i = 0; i < lines[k].x.size(); ++i) {
      const double px = x.place(detail::to_axis(frame.x, lines[k].x[i]));
      const double py = y.place(detail::to_axis(frame.y, lines[k].y[i]));
      if (!std::isfinite(px) || !std::isfinite(py)) {
        draw();
        continue;
      }
      constexpr double unit = 1 << fraction_bits;  // OpenCV's parts of a pixel
      run.emplace_back(cvRound(std::clamp(px, -5.0, 6.0) * area.width * unit),
                       cvRound((1 - std::clamp(py, -5.0, 6.0)) * area.height * unit));
    }
    draw();
  }

  constexpr int margin = 12, stroke = 24, gap = 8, line_height = 18;
  int widest = 0;
  for (const plot_line& line : lines)
    widest = std::max(widest, extent_of(line.name, text_size).width);
  const bool low = frame.legend == plot_legend::lower_left;
  const int from = low ? area.x + margin : area.x + area.width - margin - widest - gap - stroke;
  const int first =
      low ? area.y + area.height - 14 - line_height * (static_cast<int>(lines.size()) - 1)
          : area.y + 14;
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const int at = first + line_height * static_cast<int>(k);
    cv::line(picture, {from, at}, {from + stroke, at}, colours[k % colours.size()], 2);
    write(lines[k].name, from + stroke + gap, at, 0, text_size);
  }
  return picture;
}

}  // namespace retinue
