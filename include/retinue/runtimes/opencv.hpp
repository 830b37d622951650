// SPDX-License-Identifier: Apache-2.0
// OpenCV's own runtime for networks (its module dnn), as a runtime of ONNX files.
#pragma once

#include <retinue/error.hpp>             // fail
#include <retinue/runtimes/runtime.hpp>  // image_planes, runtime_array

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>

#include <cstddef>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// Runs an ONNX file in OpenCV's DNN, on the processor. One thread at a time may call it.
class opencv_runtime {
 public:
  /// In lists of runtimes.
  static constexpr std::string_view name = "opencv";

  /// `threads` are those of all of OpenCV; 0 leaves them as they are. Throws where OpenCV does not
  /// read the file. What OpenCV prints of its own accord is switched off meanwhile.
  explicit opencv_runtime(const std::filesystem::path& file, int threads = 0) : file_(file.string())
  {
    if (threads > 0) cv::setNumThreads(threads);
    try {
      const quiet here;
      net_ = cv::dnn::readNetFromONNX(file_);
    } catch (const cv::Exception& e) {
      if (e.code == cv::Error::StsNoMem) throw;
      fail(file_, ": not an ONNX network that OpenCV ", CV_VERSION, " can read");
    }
    if (net_.empty()) fail(file_, ": an ONNX network without layers");
    names_ = net_.getUnconnectedOutLayersNames();
  }

  /// All outputs of the network.
  [[nodiscard]] std::vector<runtime_array> operator()(const image_planes& images)
  {
    const std::vector<int> sizes{static_cast<int>(images.images), 3, images.size.height,
                                 images.size.width};
    std::vector<cv::Mat> said;
    try {
      const quiet here;
      // OpenCV copies what it is given.
      net_.setInput(cv::Mat(sizes, CV_32F, const_cast<float*>(images.values)));
      net_.forward(said, names_);
    } catch (const cv::Exception& e) {
      if (e.code == cv::Error::StsNoMem) throw;
      fail(file_, ": OpenCV ", CV_VERSION, " does not run the network on ", images.images,
           images.images == 1 ? " image of " : " images of ", images.size.width, " x ",
           images.size.height, " pixels");
    }
    std::vector<runtime_array> outputs;
    for (std::size_t i = 0; i < said.size(); ++i) {
      if (said[i].type() != CV_32F || !said[i].isContinuous())
        fail(file_, ": its output ", names_[i], " does not consist of floats");
      runtime_array& made = outputs.emplace_back();
      made.name = names_[i];
      for (int d = 0; d < said[i].dims; ++d) made.shape.push_back(said[i].size[d]);
      made.values = detail::shared_copy(said[i].ptr<float>(), said[i].total());  // it is reused
    }
    return outputs;
  }

 private:
  /// What goes wrong is ours to say.
  struct quiet {
    cv::utils::logging::LogLevel before =
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    quiet() = default;
    quiet(const quiet&) = delete;
    quiet& operator=(const quiet&) = delete;
    ~quiet() { cv::utils::logging::setLogLevel(before); }
  };

  std::string file_;
  cv::dnn::Net net_;
  std::vector<cv::String> names_;
};
static_assert(network_runtime<opencv_runtime>);

}  // namespace retinue
