// SPDX-License-Identifier: Apache-2.0
// What OpenCV says among itself is no sentence for a user, and is kept from standing beside ours.
#pragma once

#include <opencv2/core/utils/logger.hpp>

#include <iostream>
#include <streambuf>

/// While it lives, OpenCV decodes without words of its own on the standard error stream: to its log
/// or, as older ones do, straight to std::cerr. For programs where one thread decodes and prints.
class quiet_decoding {
 public:
  quiet_decoding() : kept_(std::cerr.rdbuf(nullptr))
  {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  }
  quiet_decoding(const quiet_decoding&) = delete;
  quiet_decoding& operator=(const quiet_decoding&) = delete;
  ~quiet_decoding() { std::cerr.rdbuf(kept_); }

 private:
  std::streambuf* kept_;
};
