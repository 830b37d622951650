// SPDX-License-Identifier: Apache-2.0
// Pixels as a network wants them.
//
//   8-bit BGR -> its frame: fit_long_side, stretched, padded -> to_input: planes (3, H, W)
#pragma once

#include <retinue/detail/file.hpp>         // in_quotes
#include <retinue/error.hpp>               // fail
#include <retinue/frame.hpp>               // frame
#include <retinue/geometry.hpp>            // extent2
#include <retinue/image/pixel_format.hpp>  // pixel_format

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace retinue {

namespace detail {

/// The pixels of an 8-bit BGR picture in the upper left of planes (3, whole.height, whole.width).
inline void write_planes(const cv::Mat& bgr, const pixel_format& format, extent2 whole,
                         float* planes)
{
  if (bgr.type() != CV_8UC3) fail("to_planes was given a picture that is not 8-bit BGR");
  if (format.channels != "bgr" && format.channels != "rgb")
    fail("the order of channels is ", detail::in_quotes(format.channels), ", expected bgr or rgb");
  const bool turned = format.channels == "rgb";
  // OpenCV splits with the machine's best instructions, whatever this is compiled for. The odd
  // length of the parts keeps it from stores that go past the cache, at twice the time.
  constexpr int most = 1024;
  std::array<std::array<std::uint8_t, most + 1>, 3> parts;
  const auto width = static_cast<std::size_t>(whole.width);
  const auto area = static_cast<std::size_t>(whole.height) * width;
  for (int y = 0; y < bgr.rows; ++y)
    for (int x = 0; x < bgr.cols; x += most) {
      const int count = std::min(most, bgr.cols - x);
      const cv::Mat row = bgr(cv::Rect(x, y, count, 1));
      std::array<cv::Mat, 3> split{cv::Mat(1, count, CV_8U, parts[0].data()),
                                   cv::Mat(1, count, CV_8U, parts[1].data()),
                                   cv::Mat(1, count, CV_8U, parts[2].data())};
      cv::split(row, split.data());
      for (std::size_t plane = 0; plane < 3; ++plane) {
        const std::uint8_t* from = parts[turned ? 2 - plane : plane].data();
        const auto mean = static_cast<float>(format.mean[plane]);
        const auto factor = static_cast<float>(1 / format.scale[plane]);
        float* to = planes + plane * area + static_cast<std::size_t>(y) * width +
                    static_cast<std::size_t>(x);
        for (int i = 0; i < count; ++i) to[i] = (static_cast<float>(from[i]) - mean) * factor;
      }
    }
}

}  // namespace detail

/// The pixels of an 8-bit BGR picture as planes (3, H, W), contiguous: (value - mean) / scale.
/// Throws where the picture is not 8-bit BGR, or where the order of channels is neither bgr nor
/// rgb.
inline void to_planes(const cv::Mat& bgr, const pixel_format& format, float* planes)
{
  detail::write_planes(bgr, format, {bgr.rows, bgr.cols}, planes);
}

/// The picture scaled, bilinearly, to its part of the frame's input, as planes; the padding is 0.
/// Throws as `to_planes` does.
inline void to_input(const cv::Mat& bgr, const frame& how, const pixel_format& format,
                     float* planes)
{
  const extent2 content = how.content();
  cv::Mat scaled = bgr;
  if (content != extent2{bgr.rows, bgr.cols})
    cv::resize(bgr, scaled, {content.width, content.height}, 0, 0, cv::INTER_LINEAR);
  if (content != how.input)
    std::fill_n(
        planes,
        3 * static_cast<std::size_t>(how.input.height) * static_cast<std::size_t>(how.input.width),
        0.0f);
  detail::write_planes(scaled, format, how.input, planes);
}

}  // namespace retinue
