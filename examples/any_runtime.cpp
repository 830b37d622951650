// SPDX-License-Identifier: Apache-2.0
// Finds faces with a runtime of somebody else's, and no LibTorch.
//
//   any_runtime --model retinaface.onnx --image photo.jpg --overlay found.jpg
//
// OpenCV runs the network. What stands between its three arrays and detections (anchors, decoding,
// suppression, the way back to the pixels of the photo) is retinue's core and Eigen. For ONNX
// Runtime, TensorRT or ncnn, replace the class `network`; nothing else knows who ran it.
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/written.hpp"

#include <retinue/backend/eigen.hpp>
#include <retinue/data/detections_json.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/image/drawing.hpp>
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>

#include <CLI/CLI.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

using face5 = schemas::face5;
using backend = eigen_backend;
constexpr int deepest_stride = 32;
constexpr int longest_by_default = 1600;

struct arguments {
  fs::path model, image, overlay;
  std::string json, sizes = "small-faces";
  float score = 0.5f, nms = 0.4f;
  int long_side = 0;
  bool original_size = false, square = false;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-m,--model", a.model, "RetinaFace as an ONNX file")->required();
  app.add_option("-i,--image", a.image, "The photo")->required();
  app.add_option("--anchors", a.sizes,
                 "Sides of the anchors on strides 8, 16, 32, in pixels:\n"
                 "  small-faces   10 20 / 32 64 / 128 256, of the public MobileNet (default)\n"
                 "  paper         16 32 / 64 128 / 256 512")
      ->check(CLI::IsMember({"small-faces", "paper"}));
  app.add_option("--score", a.score, "Leave out what scores no more than this (default 0.5)")
      ->check(number_in(0.0, 1.0));
  app.add_option("--nms", a.nms, "Boxes that overlap by more are one face (default 0.4)")
      ->check(number_in(0.0, 1.0));
  auto* side = app.add_option("--long-side", a.long_side,
                              "Scale the photo so that the longer side has N pixels")
                   ->check(number_in(16, 20000));
  app.add_flag("--original-size", a.original_size, "Do not scale, however large the photo")
      ->excludes(side);
  app.add_flag("--square", a.square,
               "Pad to a square: with --long-side 640, for a graph whose input is 640 x 640");
  app.add_option("--json", a.json, "Write the detections to this file ('-': standard output)")
      ->check(any_name());
  app.add_option("--overlay", a.overlay, "Draw what was found into a copy of the photo")
      ->check(any_name());
  app.footer(
      "Without --long-side or --original-size a photo keeps its size unless a side exceeds " +
      std::to_string(longest_by_default) +
      " pixels.\nIt is padded at the right and the bottom to a multiple of 32 pixels, "
      "since the graph adds maps\nof one stride to enlarged maps of the next.\n\n"
      "Exit codes: 0 done, 1 done, but some detections were not finite, 2 nothing could be done.");
  app.parse(count, values);
  return a;
}

/// What the network says of one input; the arrays are OpenCV's.
struct raw_outputs {
  cv::Mat boxes, points, scores;  // (1, P, 4), (1, P, 10), (1, P, 2)

  [[nodiscard]] outputs<backend> view() const
  {
    const auto rows = [](const cv::Mat& m, std::size_t width) -> number_rows {
      return {m.ptr<float>(), m.total() / width, width};
    };
    return {.scores = rows(scores, 2), .boxes = rows(boxes, 4), .points = rows(points, 10)};
  }
};

class network {
 public:
  explicit network(const fs::path& file) : file_(file)
  {
    if (fs::is_directory(file)) fail(file.string(), ": a folder, expected an ONNX file");
    if (!fs::is_regular_file(file)) fail(file.string(), ": no such file");
    try {
      net_ = cv::dnn::readNetFromONNX(file.string());
    } catch (const std::exception& e) {
      if (is_out_of_memory(e)) throw;
      fail(file.string(), ": not an ONNX network that OpenCV ", CV_VERSION, " can read");
    }
    if (net_.empty()) fail(file.string(), ": an ONNX network without layers");
  }

  /// `bgr` is a picture of 8 bits a channel; its sides are what the graph takes.
  raw_outputs operator()(const cv::Mat& bgr)
  {
    std::vector<cv::Mat> outputs;
    try {
      net_.setInput(cv::dnn::blobFromImage(bgr, 1.0, {}, mean, false));
      net_.forward(outputs, net_.getUnconnectedOutLayersNames());
    } catch (const std::exception& e) {
      if (is_out_of_memory(e)) throw;
      fail(file_.string(), ": the network does not run on an input of ", bgr.cols, " x ", bgr.rows,
           " pixels; if its graph is made for one size, say so by --long-side N --square");
    }
    raw_outputs said{with_columns(outputs, 4), with_columns(outputs, 10), with_columns(outputs, 2)};
    to_probabilities(said.scores);
    return said;
  }

  static inline const cv::Scalar mean{104, 117, 123};  // blue, green, red

 private:
  /// Exports differ in the names and the order of their outputs, not in their widths.
  [[nodiscard]] cv::Mat with_columns(const std::vector<cv::Mat>& outputs, int columns) const
  {
    std::string shapes;
    for (const cv::Mat& m : outputs) {
      if (m.dims >= 2 && m.size[m.dims - 1] == columns && m.type() == CV_32F) return m;
      shapes += shapes.empty() ? "(" : ", (";
      for (int d = 0; d < m.dims; ++d) shapes += (d ? ", " : "") + std::to_string(m.size[d]);
      shapes += ")";
    }
    fail(file_.string(), ": the network gives ", shapes,
         ", expected outputs of 4, 10 and 2 columns");
  }

  /// Some exports end before the softmax: their rows do not add up to one.
  static void to_probabilities(cv::Mat& scores)
  {
    const std::span<float> all(scores.ptr<float>(), scores.total());
    const auto is_probability = [&](std::size_t i) {
      return all[i] >= 0 && all[i + 1] >= 0 && std::abs(all[i] + all[i + 1] - 1) < 1e-3f;
    };
    bool done = true;
    for (std::size_t i = 0; i < all.size(); i += 2) done &= is_probability(i);
    if (done) return;
    for (std::size_t i = 0; i < all.size(); i += 2) {
      all[i + 1] = 1 / (1 + std::exp(all[i] - all[i + 1]));
      all[i] = 1 - all[i + 1];
    }
  }

  fs::path file_;
  cv::dnn::Net net_;
};

/// Scales as asked, and pads at the right and the bottom with what becomes 0.
cv::Mat prepare(const cv::Mat& photo, const arguments& a, frame& how)
{
  const extent2 size{.height = photo.rows, .width = photo.cols};
  const int longer = std::max(size.height, size.width);
  how = fit_long_side(size, a.original_size   ? longer
                            : a.long_side > 0 ? a.long_side
                                              : std::min(longer, longest_by_default));
  cv::Mat scaled = photo, padded;
  if (how.input != size)
    cv::resize(photo, scaled, {how.input.width, how.input.height}, 0, 0, cv::INTER_LINEAR);
  const auto multiple = [](int pixels) {
    return (pixels + deepest_stride - 1) / deepest_stride * deepest_stride;
  };
  extent2 input{multiple(scaled.rows), multiple(scaled.cols)};
  if (a.square) input.height = input.width = std::max(input.height, input.width);
  cv::copyMakeBorder(scaled, padded, 0, input.height - scaled.rows, 0, input.width - scaled.cols,
                     cv::BORDER_CONSTANT, network::mean);
  how.input = input;
  return padded;
}

/// The exit code.
int detect(const arguments& a)
{
  check_written(std::vector{a.model, a.image},
                std::vector<written_file>{{"--json", a.json}, {"--overlay", a.overlay}});
  if (!a.overlay.empty()) check_image_ending(a.overlay);
  network run(a.model);
  cv::Mat photo = read_image(a.image);
  frame how;
  const cv::Mat input = prepare(photo, a, how);
  const raw_outputs said = run(input);

  detector<face5, backend> find(
      a.sizes == "paper" ? square_anchors::retinaface() : square_anchors::retinaface_small_faces(),
      {.score = a.score, .overlap = a.nms});
  const std::span<const detection<face5>> all = find(said.view(), how);
  std::vector<detection<face5>> finite(all.begin(), all.end());
  const auto lost = std::erase_if(finite, [](const auto& face) { return !is_finite(face); });
  const std::span<const detection<face5>> faces(finite);

  const std::array<std::string_view, 1> classes{"face"};
  const std::vector<nlohmann::ordered_json> list{
      to_json(a.image.string(), how.original, faces, classes)};
  if (a.json == standard_output)
    std::cout << to_text(list);
  else if (!a.json.empty())
    write_detections(a.json, list);
  else
    for (const detection<face5>& face : faces)
      std::printf("%.3f  (%.1f, %.1f) to (%.1f, %.1f)\n", face.score, face.bounds.x1,
                  face.bounds.y1, face.bounds.x2, face.bounds.y2);
  if (!a.overlay.empty()) {
    draw(photo, faces);
    write_image(a.overlay, photo);
  }
  std::cerr << faces.size() << (faces.size() == 1 ? " face" : " faces") << " found in "
            << retinue::detail::printable(a.image.string()) << "\n";
  if (lost > 0) std::cerr << lost << " detections are left out, for they are not finite\n";
  return lost > 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Finds faces with a RetinaFace that OpenCV runs from an ONNX file.", "any_runtime");
  return run_program(app, [&] {
    const arguments a = parse(app, count, values);
    cv::utils::logging::setLogLevel(
        cv::utils::logging::LOG_LEVEL_SILENT);  // errors are ours to say
    return detect(a);
  });
}
