// SPDX-License-Identifier: Apache-2.0
// Detections drawn into a picture: boxes coloured by class, landmarks by their index, and scores.
//
// Lines and letters grow with the picture, dots with the box, so that five landmarks of a face
// of 20 pixels can be told apart as well as 98 of one that fills the picture.
#pragma once

#include <retinue/detection.hpp>  // detection
#include <retinue/error.hpp>      // fail
#include <retinue/instance.hpp>   // instance

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace retinue {

/// How detections are drawn.
struct drawing_style {
  double size = 1;        ///< of lines, letters and dots; 1 suits the picture
  bool text = true;       ///< the score, with the class where there are several
  bool landmarks = true;  ///< a dot for each
};

namespace detail {

/// A saturated colour (BGR) of this hue, in turns: 0 is red, 1/3 green.
[[nodiscard]] inline cv::Scalar colour_of_hue(double turns)
{
  const auto channel = [&](double shift) {
    const double h = turns + shift, at = std::abs((h - std::floor(h)) * 6 - 3);
    return 255 * std::clamp(at - 1, 0., 1.);
  };
  return {channel(1. / 3), channel(2. / 3), channel(0)};
}

/// Colours of neighbouring labels lie far apart: steps of the golden ratio. The first is green.
[[nodiscard]] inline cv::Scalar colour_of_class(std::int32_t label)
{
  return colour_of_hue(1. / 3 + 0.6180339887 * (label - 1));
}

/// Not by their sum, which may pass the largest float.
[[nodiscard]] inline bool is_finite(std::initializer_list<float> coordinates)
{
  return std::all_of(coordinates.begin(), coordinates.end(),
                     [](float v) { return std::isfinite(v); });
}

/// Where a coordinate is drawn: far off the picture is as good as anywhere off it.
[[nodiscard]] inline int drawn_at(float coordinate, int extent)
{
  return static_cast<int>(std::lround(std::clamp(coordinate, -1e3f, float(extent) + 1e3f)));
}

/// White or black letters on a strip of `colour`, above `box` where there is room, else inside it.
inline void draw_label(cv::Mat& bgr, const cv::Rect& box, const std::string& label,
                       const cv::Scalar& colour, double letters)
{
  constexpr int font = cv::FONT_HERSHEY_SIMPLEX;
  const int thick = std::max(1, static_cast<int>(letters * 1.5));
  int below = 0;
  const cv::Size ink = cv::getTextSize(label, font, letters, thick, &below);
  const int margin = std::max(1, thick);
  const cv::Size strip(ink.width + 2 * margin, ink.height + 2 * margin + below / 2);
  int x = box.x, y = box.y - strip.height;
  if (y < 0) y = std::max(0, box.y);
  x = std::max(0, std::min(x, bgr.cols - strip.width));
  cv::rectangle(bgr, {x, y, strip.width, strip.height}, colour, cv::FILLED);
  const double light = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2];
  cv::putText(bgr, label, {x + margin, y + margin + ink.height}, font, letters,
              light > 110 ? cv::Scalar::all(0) : cv::Scalar::all(255), thick, cv::LINE_AA);
}

}  // namespace detail

/// Draws the best last, so that they are seen. `classes` names the labels from 1; a detection or a
/// landmark that is not finite is left out. Throws where the picture is not 8-bit BGR.
template <landmark_schema Schema>
void draw(cv::Mat& bgr, std::span<const detection<Schema>> found,
          std::span<const std::string> classes = {}, const drawing_style& style = {})
{
  if (bgr.type() != CV_8UC3) fail("detections can be drawn into 8-bit BGR pictures only");
  const auto side_of = [&](double width, double height) {
    return std::sqrt(width * height) * style.size;
  };
  const double picture = side_of(bgr.cols, bgr.rows);
  const auto for_each = [&](const auto& draw_one) {
    for (std::size_t i = found.size(); i-- > 0;) {
      const box<float>& b = found[i].bounds;
      if (!detail::is_finite({b.x1, b.y1, b.x2, b.y2})) continue;
      const int x = detail::drawn_at(b.x1, bgr.cols), y = detail::drawn_at(b.y1, bgr.rows);
      draw_one(found[i], cv::Rect(x, y, std::max(1, detail::drawn_at(b.x2, bgr.cols) - x),
                                  std::max(1, detail::drawn_at(b.y2, bgr.rows) - y)));
    }
  };

  for_each([&](const detection<Schema>& d, const cv::Rect& box) {
    const double width = std::min(picture / 450, side_of(box.width, box.height) / 25);
    cv::rectangle(bgr, box, detail::colour_of_class(d.label),
                  std::max(1, static_cast<int>(std::lround(width))));
  });
  if (style.text)
    for_each([&](const detection<Schema>& d, const cv::Rect& box) {
      std::array<char, 16> score;
      std::snprintf(score.data(), score.size(), "%.2f", double(d.score));
      const auto label = static_cast<std::size_t>(d.label);
      const bool named = classes.size() > 1 && d.label > 0 && label <= classes.size();
      const double letters = std::min(picture / 1400, box.width * style.size / 60);
      detail::draw_label(bgr, box, (named ? classes[label - 1] + " " : "") + score.data(),
                         detail::colour_of_class(d.label), std::max(0.3, letters));
    });
  if (Schema::count > 0 && style.landmarks)
    for_each([&](const detection<Schema>& d, const cv::Rect& box) {
      const double share = 16 + 6 * std::sqrt(double(Schema::count));
      const double radius =
          std::clamp(side_of(box.width, box.height) / share, 1., 1 + picture / 150);
      for (std::size_t k = 0; k < Schema::count; ++k) {
        const auto& p = d.points.points[k];
        if (!detail::is_finite({p[0], p[1]})) continue;
        cv::circle(bgr, {detail::drawn_at(p[0], bgr.cols), detail::drawn_at(p[1], bgr.rows)},
                   static_cast<int>(std::lround(radius)),
                   detail::colour_of_hue(double(k) / double(Schema::count)), cv::FILLED,
                   cv::LINE_AA);
      }
    });
}

/// Draws truths: a landmark that is not labelled is left out, and what is to be ignored is crossed.
template <landmark_schema Schema>
void draw(cv::Mat& bgr, std::span<const instance<Schema>> truths,
          std::span<const std::string> classes = {}, const drawing_style& style = {.text = false})
{
  std::vector<detection<Schema>> shown;
  for (const auto& truth : truths) {
    detection<Schema> d{truth.bounds, 1, truth.label, truth.points};
    for (std::size_t k = 0; k < Schema::count; ++k)
      if (!truth.visible[k]) d.points.points[k].fill(std::numeric_limits<float>::quiet_NaN());
    shown.push_back(d);
    const auto& b = truth.bounds;
    if (truth.ignore)
      cv::line(bgr, {detail::drawn_at(b.x1, bgr.cols), detail::drawn_at(b.y1, bgr.rows)},
               {detail::drawn_at(b.x2, bgr.cols), detail::drawn_at(b.y2, bgr.rows)},
               cv::Scalar::all(128));
  }
  draw(bgr, std::span<const detection<Schema>>(shown), classes, style);
}

}  // namespace retinue
