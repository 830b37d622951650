// SPDX-License-Identifier: Apache-2.0
// Pictures written as a video, whole or not at all.
#pragma once

#include "sources.hpp"

#include <retinue/error.hpp>

#include <unistd.h>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

/// The code that OpenCV is asked to compress by, by the ending of the name; throws for another.
[[nodiscard]] inline int video_code_of(const std::filesystem::path& file)
{
  static constexpr std::array<std::pair<std::string_view, std::array<char, 4>>, 3> codes{
      {{".avi", {'M', 'J', 'P', 'G'}},
       {".mp4", {'m', 'p', '4', 'v'}},
       {".mkv", {'m', 'p', '4', 'v'}}}};
  const std::string ending = video_detail::ending_of(file);
  for (const auto& [known, c] : codes)
    if (ending == known) return cv::VideoWriter::fourcc(c[0], c[1], c[2], c[3]);
  retinue::fail("--video ", file.string(),
                ": videos cannot be written in this form, expected .avi, .mp4 or .mkv");
}

/// Of the size of its first picture; others are scaled to fit, with black beside them. It gets its
/// name when it is finished: what a stopped process leaves is removed.
class written_video {
 public:
  written_video(std::filesystem::path file, double rate)
      : file_(std::move(file)),
        unfinished_(file_.parent_path() /
                    (file_.stem().string() + "." + std::to_string(::getpid()) + ".unfinished" +
                     file_.extension().string())),
        rate_(rate)
  {
  }
  written_video(const written_video&) = delete;
  written_video& operator=(const written_video&) = delete;
  ~written_video()
  {
    if (!to_.isOpened()) return;
    to_.release();
    std::error_code gone;
    std::filesystem::remove(unfinished_, gone);
  }

  void write(const cv::Mat& picture)
  {
    if (!to_.isOpened()) open(picture.size());
    to_.write(picture.size() == size_ ? picture : fitted(picture));
    ++frames_;
  }

  /// Puts it where it belongs. Throws where not all of it has reached the disk.
  void finish()
  {
    if (!to_.isOpened()) return;
    to_.release();
    cv::VideoCapture back(unfinished_.string());
    const double there = back.isOpened() ? back.get(cv::CAP_PROP_FRAME_COUNT) : 0;
    back.release();
    std::error_code trouble;
    if (there < static_cast<double>(frames_)) {
      std::filesystem::remove(unfinished_, trouble);
      retinue::fail("--video ", file_.string(), ": of its ", frames_, " frames ", there,
                    " could be written");
    }
    std::filesystem::rename(unfinished_, file_, trouble);
    if (trouble)
      retinue::fail("--video ", file_.string(),
                    ": cannot be renamed into place: ", trouble.message());
  }

 private:
  void open(cv::Size size)
  {
    video_detail::be_quiet();
    size_ = size;
    bool opened = false;
    try {
      opened = to_.open(unfinished_.string(), video_code_of(file_), rate_, size_);
    } catch (const cv::Exception&) {
    }
    if (!opened)
      retinue::fail("--video ", file_.string(), ": this OpenCV cannot write it with ", size.width,
                    " x ", size.height, " pixels");
  }

  [[nodiscard]] cv::Mat fitted(const cv::Mat& picture) const
  {
    const double scale =
        std::min(double(size_.width) / picture.cols, double(size_.height) / picture.rows);
    const auto side = [&](int of, int most) {
      return std::clamp(static_cast<int>(std::lround(of * scale)), 1, most);
    };
    const cv::Size inner(side(picture.cols, size_.width), side(picture.rows, size_.height));
    cv::Mat frame(size_, CV_8UC3, cv::Scalar::all(0));
    cv::Mat part = frame(
        cv::Rect({(size_.width - inner.width) / 2, (size_.height - inner.height) / 2}, inner));
    cv::resize(picture, part, inner, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    return frame;
  }

  std::filesystem::path file_, unfinished_;
  double rate_;
  cv::VideoWriter to_;
  cv::Size size_;
  std::size_t frames_ = 0;
};
