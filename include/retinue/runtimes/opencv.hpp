// SPDX-License-Identifier: Apache-2.0
// OpenCV's own runtime for networks (its module dnn), as a runtime of ONNX files.
#pragma once

#include <retinue/detail/file.hpp>           // read_file, characters
#include <retinue/error.hpp>                 // fail
#include <retinue/runtimes/runtime.hpp>      // image_planes, runtime_array
#include <retinue/weights/onnx_extents.hpp>  // with_input_shape
#include <retinue/weights/onnx_reader.hpp>   // onnx_signature_of

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retinue {

namespace detail {

/// From 4.7 on, and in 4.10 still, OpenCV reads beyond maps that are one cell wide or high where it
/// convolves each channel alone.
inline constexpr bool opencv_misreads_one_cell = CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR >= 7;

/// Whether the network does so for inputs of that shape.
[[nodiscard]] inline bool convolves_one_cell(const cv::dnn::Net& net, const std::vector<int>& input)
{
  std::vector<int> ids;
  std::vector<std::vector<cv::dnn::MatShape>> takes, gives;
  net.getLayersShapes(input, ids, takes, gives);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (takes[i].empty() || takes[i][0].size() != 4) continue;
    if (takes[i][0][2] > 1 && takes[i][0][3] > 1) continue;
    const auto layer = net.getLayer(ids[i]);
    if (layer->type != "Convolution" || layer->blobs.empty()) continue;
    const cv::Mat& weights = layer->blobs[0];  // (to, from, height, width)
    if (weights.dims == 4 && weights.size[1] == 1 && takes[i][0][1] > 1 &&
        std::max(weights.size[2], weights.size[3]) > 1)
      return true;
  }
  return false;
}

}  // namespace detail

/// Runs an ONNX file in OpenCV's DNN, on the processor. One thread at a time may call it.
///
/// OpenCV settles the shapes of all layers while it reads, and from 4.7 on it refuses a file that
/// leaves them open. So the file is kept, and read anew for images of another size or number with
/// their shape in place of its input's: 2 ms for a MobileNet that takes 30 for 640 x 640 pixels.
class opencv_runtime {
 public:
  /// In lists of runtimes.
  static constexpr std::string_view name = "opencv";

  /// `threads` are those of all of OpenCV; 0 leaves them as they are. Throws where OpenCV does not
  /// read the file. What OpenCV prints of its own accord is switched off meanwhile.
  explicit opencv_runtime(const std::filesystem::path& file, int threads = 0) : file_(file.string())
  {
    if (threads > 0) cv::setNumThreads(threads);
    bytes_ = detail::characters(detail::read_file(file));
    const onnx_signature says = onnx_signature_of(bytes_, file_);
    if (says.inputs.size() != 1 || says.inputs[0].shape.size() != 4)
      fail(file_, ": expected one input, of images (batch, 3, height, width)");
    input_ = says.inputs[0];
    try {
      settle(as_stated({1, 3, 256, 256}));  // 256 is a multiple of all strides
    } catch (const cv::Exception& e) {
      if (e.code == cv::Error::StsNoMem) throw;
      fail(file_, ": not an ONNX network that OpenCV ", CV_VERSION, " can read");
    }
    if (net_.empty()) fail(file_, ": an ONNX network without layers");
    names_ = net_.getUnconnectedOutLayersNames();
  }

  /// All outputs of the network. Throws where it does not run on those images, where OpenCV
  /// misreads maps that they make, and where an output does not consist of floats.
  [[nodiscard]] std::vector<runtime_array> operator()(const image_planes& images)
  {
    const shape wanted{static_cast<std::int64_t>(images.images), 3, images.size.height,
                       images.size.width};
    if (as_stated(wanted) != wanted) refuse(images);
    std::vector<cv::Mat> said;
    try {
      settle(wanted);
      if (misread_)
        fail(file_, ": OpenCV ", CV_VERSION,
             " misreads maps that are one cell wide or high, such as ", images.size.width, " x ",
             images.size.height, " pixels make: pad the image, or take another runtime");
      const quiet here;
      // OpenCV copies what it is given.
      net_.setInput(cv::Mat(std::vector<int>(wanted.begin(), wanted.end()), CV_32F,
                            const_cast<float*>(images.values)));
      net_.forward(said, names_);
    } catch (const cv::Exception& e) {
      if (e.code == cv::Error::StsNoMem) throw;
      refuse(images);
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
  using shape = std::vector<std::int64_t>;

  /// What goes wrong is ours to say.
  struct quiet {
    cv::utils::logging::LogLevel before =
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    quiet() = default;
    quiet(const quiet&) = delete;
    quiet& operator=(const quiet&) = delete;
    ~quiet() { cv::utils::logging::setLogLevel(before); }
  };

  /// That shape, but for the extents that the file states.
  [[nodiscard]] shape as_stated(shape some) const
  {
    for (std::size_t axis = 0; axis < some.size(); ++axis)
      if (const auto* stated = std::get_if<std::int64_t>(&input_.shape[axis])) some[axis] = *stated;
    return some;
  }

  /// Reads the network for inputs of that shape.
  void settle(const shape& wanted)
  {
    if (wanted == settled_) return;
    const quiet here;
    const std::string bytes = with_input_shape(bytes_, input_.name, wanted, file_);
    net_ = cv::dnn::readNetFromONNX(bytes.data(), bytes.size());
    settled_ = wanted;
    misread_ = detail::opencv_misreads_one_cell &&
               detail::convolves_one_cell(net_, std::vector<int>(wanted.begin(), wanted.end()));
  }

  [[noreturn]] void refuse(const image_planes& images) const
  {
    fail(file_, ": OpenCV ", CV_VERSION, " does not run the network on ", images.images,
         images.images == 1 ? " image of " : " images of ", images.size.width, " x ",
         images.size.height, " pixels");
  }

  std::string file_, bytes_;
  onnx_value input_;
  cv::dnn::Net net_;
  std::vector<cv::String> names_;
  shape settled_;         ///< the input that net_ takes
  bool misread_ = false;  ///< what net_ would say of it is wrong
};
static_assert(network_runtime<opencv_runtime>);

}  // namespace retinue
