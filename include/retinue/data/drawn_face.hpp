// SPDX-License-Identifier: Apache-2.0
// How one face, one look-alike and one shape of the drawn scenes are put on paper.
//
// A face is an ellipsoid turned by yaw, pitch and roll: a feature at (x, y), in half widths and
// half heights of the head, lies sqrt(1 - x^2 - y^2 / 2) in front of the centre, and moves with the
// turn.
#pragma once

#include <retinue/geometry.hpp>   // box
#include <retinue/instance.hpp>   // instance
#include <retinue/landmarks.hpp>  // schemas
#include <retinue/random.hpp>     // keyed_random

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace retinue::detail {

[[nodiscard]] inline cv::Scalar any_colour(keyed_random& random)
{
  return {random.uniform(0, 255), random.uniform(0, 255), random.uniform(0, 255)};
}

/// One of a few tones, a little off.
template <std::size_t N>
[[nodiscard]] cv::Scalar tone_of(keyed_random& random, const std::array<cv::Scalar, N>& tones)
{
  cv::Scalar tone = tones[random.below(N)];
  for (int c = 0; c < 3; ++c) tone[c] = std::clamp(tone[c] + random.uniform(-14, 14), 0., 255.);
  return tone;
}

[[nodiscard]] inline cv::Scalar skin_tone(keyed_random& random)
{
  const auto tone = tone_of(random, std::array<cv::Scalar, 6>{{{178, 205, 238},
                                                               {150, 185, 225},
                                                               {120, 160, 208},
                                                               {95, 130, 180},
                                                               {65, 95, 140},
                                                               {45, 62, 95}}});
  return tone * random.uniform(0.75, 1.08);
}

/// Draws in sixteenths of a pixel, smoothly.
class pen {
 public:
  explicit pen(cv::Mat& to) : to_(to) {}

  void ellipse(cv::Point2d at, double rx, double ry, double degrees, const cv::Scalar& colour,
               double from = 0, double until = 360) const
  {
    cv::ellipse(to_, fine(at),
                {cvRound(std::max(rx, 0.3) * unit), cvRound(std::max(ry, 0.3) * unit)}, degrees,
                from, until, colour, cv::FILLED, cv::LINE_AA, shift);
  }
  void polygon(const std::vector<cv::Point2d>& corners, const cv::Scalar& colour) const
  {
    std::vector<cv::Point> all;
    for (const auto& c : corners) all.push_back(fine(c));
    cv::fillPoly(to_, std::vector<std::vector<cv::Point>>{all}, colour, cv::LINE_AA, shift);
  }
  void line(cv::Point2d a, cv::Point2d b, double width, const cv::Scalar& colour) const
  {
    const cv::Point2d along = b - a;
    const double length = std::max(1e-6, std::hypot(along.x, along.y));
    const cv::Point2d side(-along.y / length * width / 2, along.x / length * width / 2);
    polygon({a + side, b + side, b - side, a - side}, colour);
  }

 private:
  static constexpr int shift = 4;
  static constexpr double unit = 1 << shift;
  static cv::Point fine(cv::Point2d p) { return {cvRound(p.x * unit), cvRound(p.y * unit)}; }

  cv::Mat& to_;
};

class drawn_face {
 public:
  drawn_face(keyed_random& random, const box<double>& at, bool covered)
      : random_(random),
        centre_((at.x1 + at.x2) / 2, (at.y1 + at.y2) / 2),
        rx_((at.x2 - at.x1) / 2),
        ry_((at.y2 - at.y1) / 2),
        yaw_(random.uniform(-0.6, 0.6)),
        pitch_(random.uniform(-0.25, 0.25)),
        roll_(random.chance(0.7) ? random.uniform(-0.25, 0.25) : random.uniform(-0.7, 0.7)),
        covered_(covered)
  {
  }

  [[nodiscard]] instance<schemas::face5> draw(cv::Mat& picture)
  {
    const pen p(picture);
    const auto skin = skin_tone(random_);
    const auto hair = tone_of(
        random_, std::array<cv::Scalar, 5>{
                     {{25, 25, 30}, {35, 55, 85}, {90, 150, 195}, {40, 70, 130}, {150, 150, 155}}});
    const double tilt = roll_ * 180 / CV_PI;
    const auto shade = [](const cv::Scalar& c, double by) { return c * by; };
    if (random_.chance(0.8)) {  // shoulders and neck
      const auto shirt = any_colour(random_);
      p.ellipse(spot(0, 2.35), rx_ * random_.uniform(1.7, 2.3), ry_ * 1.2, tilt / 3, shirt, 180,
                360);
      p.line(spot(0, 0.6), spot(0, 1.45), rx_ * 0.85, shade(skin, 0.85));
    }
    const bool bald = random_.chance(0.15), is_long = !bald && random_.chance(0.35);
    if (!bald) p.ellipse(spot(0, -0.18), rx_ * 1.16, ry_ * 1.12, tilt, hair);
    if (is_long) p.ellipse(spot(0, 0.35), rx_ * 1.25, ry_ * 1.2, tilt, hair);
    for (const double side : {-1., 1.})  // ears
      if (side * yaw_ < 0.25)
        p.ellipse(spot(side * 0.97, 0.02), rx_ * 0.14, ry_ * 0.2, tilt, shade(skin, 0.88));
    p.ellipse(centre_, rx_, ry_, tilt, skin);
    const double light = random_.uniform(-0.6, 0.6);
    p.ellipse(spot(light, -0.05), rx_ * (1 - std::abs(light)) * 0.9, ry_ * 0.85, tilt,
              shade(skin, random_.uniform(1.03, 1.12)));
    if (!bald)  // the fringe
      p.ellipse(spot(0, -0.72), rx_ * 0.8, ry_ * random_.uniform(0.2, 0.42), tilt, hair);

    const double eye_x = random_.uniform(0.36, 0.44), eye_y = random_.uniform(-0.22, -0.1);
    const double mouth_x = random_.uniform(0.26, 0.38), mouth_y = random_.uniform(0.46, 0.58);
    const double nose_y = random_.uniform(0.14, 0.26);
    const std::array<cv::Point2d, 5> marks{feature(-eye_x, eye_y), feature(eye_x, eye_y),
                                           feature(0, nose_y, 0.3), feature(-mouth_x, mouth_y),
                                           feature(mouth_x, mouth_y)};
    draw_features(p, marks, eye_x, eye_y, mouth_y, skin, hair);

    instance<schemas::face5> face;
    face.bounds = bounds();
    for (std::size_t k = 0; k < 5; ++k) {
      face.points.points[k] = {float(marks[k].x), float(marks[k].y)};
      face.visible[k] = true;
    }
    if (covered_) cover(p, face);
    return face;
  }

 private:
  void draw_features(const pen& p, const std::array<cv::Point2d, 5>& marks, double eye_x,
                     double eye_y, double mouth_y, const cv::Scalar& skin, const cv::Scalar& hair)
  {
    const double tilt = roll_ * 180 / CV_PI, squeeze = std::cos(yaw_);
    const bool closed = random_.chance(0.1), glasses = random_.chance(0.25);
    const auto iris =
        tone_of(random_, std::array<cv::Scalar, 3>{{{30, 40, 60}, {120, 90, 50}, {60, 100, 70}}});
    const bool dark = glasses && random_.chance(0.4);
    for (std::size_t k = 0; k < 2; ++k) {
      const double side = k == 0 ? -1 : 1;
      const auto at = marks[k];
      p.ellipse(at, rx_ * 0.22 * squeeze, ry_ * 0.12, tilt, skin * 0.82);
      p.ellipse(at, rx_ * 0.17 * squeeze, ry_ * (closed ? 0.015 : 0.075), tilt,
                closed ? skin * 0.5 : cv::Scalar(235, 238, 240));
      if (!closed) {
        p.ellipse(at, rx_ * 0.085 * squeeze, ry_ * 0.07, tilt, iris);
        p.ellipse(at, rx_ * 0.045 * squeeze, ry_ * 0.038, tilt, {12, 12, 12});
      }
      p.line(feature(side * (eye_x - 0.2), eye_y - 0.17),
             feature(side * (eye_x + 0.2), eye_y - 0.15), ry_ * 0.055, hair * 0.8);
      if (glasses) {
        const cv::Scalar frame(20, 20, 25);
        p.ellipse(at, rx_ * 0.27 * squeeze, ry_ * 0.17, tilt, frame);
        p.ellipse(at, rx_ * 0.22 * squeeze, ry_ * 0.13, tilt, dark ? cv::Scalar(35, 35, 38) : skin);
        if (!dark) {
          p.ellipse(at, rx_ * 0.15 * squeeze, ry_ * 0.07, tilt, {232, 235, 238});
          p.ellipse(at, rx_ * 0.08 * squeeze, ry_ * 0.065, tilt, iris);
        }
      }
    }
    if (glasses) p.line(feature(-0.2, eye_y), feature(0.2, eye_y), ry_ * 0.04, {20, 20, 25});
    // The nose: a ridge in the light, a shadow beneath, two nostrils.
    p.line(feature(0, eye_y + 0.05, 0.1), marks[2], rx_ * 0.14, skin * 1.1);
    p.ellipse(marks[2], rx_ * 0.15, ry_ * 0.07, tilt, skin * 0.86);
    for (const double side : {-1., 1.})
      p.ellipse(marks[2] + turned(side * rx_ * 0.07, ry_ * 0.03), rx_ * 0.035, ry_ * 0.022, tilt,
                skin * 0.4);
    const auto middle = (marks[3] + marks[4]) / 2;
    const double half = std::max(0.5, cv::norm(marks[4] - marks[3]) / 2);
    const auto along = marks[4] - marks[3];
    const double mouth_tilt = std::atan2(along.y, along.x) * 180 / CV_PI;
    const cv::Scalar lips(skin[0] * 0.6, skin[1] * 0.55, std::min(255., skin[2] * 0.85 + 20));
    const double open = random_.chance(0.35) ? random_.uniform(0.08, 0.17) : 0.055;
    p.ellipse(middle, half, ry_ * open, mouth_tilt, lips);
    p.ellipse(middle, half * 0.8, ry_ * (open - 0.045), mouth_tilt,
              random_.chance(0.5) ? cv::Scalar(225, 228, 230) : cv::Scalar(25, 20, 60));
    if (random_.chance(0.15))  // a beard
      p.ellipse(feature(0, mouth_y + 0.33), rx_ * 0.45, ry_ * 0.13, tilt, hair);
  }

  /// Something of one colour over a side or the lower half; what it covers cannot be labelled.
  void cover(const pen& p, instance<schemas::face5>& face)
  {
    const auto colour = any_colour(random_);
    const bool below = random_.chance(0.5);
    const double side = random_.chance(0.5) ? 1 : -1, from = random_.uniform(0.1, 0.5);
    const double away = 1.3;
    const std::vector<cv::Point2d> corners =
        below
            ? std::vector{spot(-away, from), spot(away, from), spot(away, away), spot(-away, away)}
            : std::vector{spot(side * from, -away), spot(side * away, -away),
                          spot(side * away, away), spot(side * from, away)};
    p.polygon(corners, colour);
    std::vector<cv::Point2f> outline(corners.begin(), corners.end());
    for (std::size_t k = 0; k < 5; ++k) {
      const auto& at = face.points.points[k];
      face.visible[k] = cv::pointPolygonTest(outline, {at[0], at[1]}, false) < 0;
    }
  }

  [[nodiscard]] cv::Point2d turned(double x, double y) const
  {
    return {x * std::cos(roll_) - y * std::sin(roll_), x * std::sin(roll_) + y * std::cos(roll_)};
  }
  /// A place on the flat outline, in half widths and half heights.
  [[nodiscard]] cv::Point2d spot(double x, double y) const
  {
    return centre_ + turned(x * rx_, y * ry_);
  }
  /// A place on the turned front of the head; `out` stands off it, as a nose does.
  [[nodiscard]] cv::Point2d feature(double x, double y, double out = 0) const
  {
    const double z = std::sqrt(std::max(0.05, 1 - x * x - y * y / 2)) + out;
    return spot(x * std::cos(yaw_) + z * std::sin(yaw_),
                y * std::cos(pitch_) + z * std::sin(pitch_));
  }
  /// Around the tilted ellipse of the head.
  [[nodiscard]] box<float> bounds() const
  {
    const double c = std::cos(roll_), s = std::sin(roll_);
    const double w = std::hypot(rx_ * c, ry_ * s), h = std::hypot(rx_ * s, ry_ * c);
    return {float(centre_.x - w), float(centre_.y - h), float(centre_.x + w), float(centre_.y + h)};
  }

  keyed_random& random_;
  cv::Point2d centre_;
  double rx_, ry_, yaw_, pitch_, roll_;
  bool covered_;
};

/// Skin without a face: a hand, a ball, the back of a head.
inline void draw_decoy(keyed_random& random, cv::Mat& picture, const box<double>& at)
{
  const pen p(picture);
  const cv::Point2d centre((at.x1 + at.x2) / 2, (at.y1 + at.y2) / 2);
  const double rx = (at.x2 - at.x1) / 2, ry = (at.y2 - at.y1) / 2;
  const auto colour = random.chance(0.6) ? skin_tone(random) : any_colour(random);
  p.ellipse(centre, rx, ry, random.uniform(0, 180), colour);
  for (auto spots = random.below(4); spots > 0; --spots)
    p.ellipse(centre + cv::Point2d(random.uniform(-0.6, 0.6) * rx, random.uniform(-0.6, 0.6) * ry),
              rx * random.uniform(0.05, 0.3), ry * random.uniform(0.05, 0.3),
              random.uniform(0, 180), any_colour(random));
}

/// Class 1 a disc, 2 a triangle, 3 a cross, 4 a ring; it fills its box.
inline void draw_shape(keyed_random& random, cv::Mat& picture, const box<double>& at,
                       std::int32_t label)
{
  const pen p(picture);
  const double w = at.x2 - at.x1, h = at.y2 - at.y1;
  const cv::Point2d centre((at.x1 + at.x2) / 2, (at.y1 + at.y2) / 2);
  const auto colour = any_colour(random);
  if (label == 1) {
    p.ellipse(centre, w / 2, h / 2, 0, colour);
  } else if (label == 2) {
    const double top = at.x1 + w * random.uniform(0.2, 0.8);
    p.polygon({{at.x1, at.y2}, {at.x2, at.y2}, {top, at.y1}}, colour);
  } else if (label == 3) {
    const double thick = random.uniform(0.2, 0.35);
    p.line({at.x1, centre.y}, {at.x2, centre.y}, h * thick, colour);
    p.line({centre.x, at.y1}, {centre.x, at.y2}, w * thick, colour);
  } else {
    p.ellipse(centre, w / 2, h / 2, 0, colour);
    const double hole = random.uniform(0.5, 0.7);
    p.ellipse(centre, w / 2 * hole, h / 2 * hole, 0, any_colour(random));
  }
}

}  // namespace retinue::detail
