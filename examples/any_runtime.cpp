// SPDX-License-Identifier: Apache-2.0
// Detects with a runtime of somebody else's, and no LibTorch.
//
//   retinaface_export --weights mobilenet0.25_Final.pth --out faces.onnx
//   any_runtime --model faces.onnx --image photo.jpg --overlay found.jpg
//
// OpenCV runs the network. What stands between its arrays and detections (anchors, decoding,
// suppression, the way back to the pixels of the photo) is retinue's core and Eigen. For ONNX
// Runtime, TensorRT or ncnn, replace the class `network`; nothing else knows who ran it.
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/written.hpp"

#include <retinue/backend/eigen.hpp>
#include <retinue/config.hpp>
#include <retinue/data/detections_json.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/image/drawing.hpp>
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/landmarks.hpp>
#include <retinue/suppress/any_greedy.hpp>
#include <retinue/weights/onnx.hpp>

#include <CLI/CLI.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

using backend = eigen_backend;
constexpr int longest_by_default = 1600;

struct arguments {
  fs::path model, image, overlay;
  std::string json, sizes;
  std::optional<float> nms;
  float score = 0.5f;
  int long_side = 0;
  bool original_size = false, square = false;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-m,--model", a.model, "The network as an ONNX file")->required();
  app.add_option("-i,--image", a.image, "The photo")->required();
  app.add_option(
         "--anchors", a.sizes,
         "Sides of the anchors on strides 8, 16, 32, in pixels, of a RetinaFace whose file\n"
         "does not tell them:\n"
         "  small-faces   10 20 / 32 64 / 128 256, of the public MobileNet (default)\n"
         "  paper         16 32 / 64 128 / 256 512")
      ->check(CLI::IsMember({"small-faces", "paper"}));
  app.add_option("--score", a.score, "Leave out what scores no more than this (default 0.5)")
      ->check(number_in(0.0, 1.0));
  app.add_option("--nms", a.nms,
                 "Boxes that overlap by more are one object (default: as the file says, or 0.4)")
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
      "A file of retinaface_export or ssd_export says itself what it finds and how it sees "
      "pictures. Any other is\ntaken for a RetinaFace with five landmarks.\n"
      "Without --long-side or --original-size a photo is scaled as the file says; where it says "
      "nothing, it keeps\nits size unless a side exceeds " +
      std::to_string(longest_by_default) +
      " pixels. It is padded at the right and the bottom to a multiple of\nthe deepest stride, "
      "since the graph adds maps of one stride to enlarged maps of the next.\n\n"
      "Exit codes: 0 done, 1 done, but some detections were not finite, 2 nothing could be done." +
      to_try(
          makes_weights("retinaface") +
              " && retinaface_export --weights drawn/weights.safetensors --out drawn.onnx",
          "show_augmentation --out sheet.png && any_runtime --model drawn.onnx --image sheet.png "
          "--overlay found.png"));
  app.parse(count, values);
  return a;
}

/// A network and what its file, or the user, says of it.
struct description {
  network_config config;
  bool told = false;  ///< by the file
};

description describe(const arguments& a)
{
  const auto metadata = onnx_metadata(a.model);
  description d;
  if (const auto at = metadata.find(std::string(config_metadata_key)); at != metadata.end()) {
    if (!a.sizes.empty()) fail("--anchors: ", a.model.string(), " says itself which it has");
    d = {parse_config(at->second, "metadata of " + a.model.string()), true};
  } else {
    d.config.anchors = a.sizes == "paper" ? square_anchors::retinaface()
                                          : square_anchors::retinaface_small_faces();
    d.config.labels.policy = given_labels();
  }
  if (a.nms) d.config.detect.overlap = *a.nms;
  d.config.detect.score = a.score;
  return d;
}

/// What the network says of one input; the arrays are OpenCV's.
struct raw_outputs {
  cv::Mat scores, boxes, points;  // (1, P, columns)

  [[nodiscard]] outputs<backend> view() const
  {
    const auto rows = [](const cv::Mat& m) -> number_rows {
      if (m.empty()) return {};
      const auto width = static_cast<std::size_t>(m.size[m.dims - 1]);
      return {m.ptr<float>(), m.total() / width, width};
    };
    return {.scores = rows(scores), .boxes = rows(boxes), .points = rows(points)};
  }
};

class network {
 public:
  network(const fs::path& file, const description& what)
      : file_(file),
        columns_(static_cast<int>(what.config.labels.columns(what.config.classes.size()))),
        points_(static_cast<int>(2 * what.config.landmarks)),
        told_(what.told)
  {
    try {
      net_ = cv::dnn::readNetFromONNX(file.string());
    } catch (const std::exception& e) {
      if (is_out_of_memory(e)) throw;
      fail(file.string(), ": not an ONNX network that OpenCV ", CV_VERSION, " can read");
    }
    if (net_.empty()) fail(file.string(), ": an ONNX network without layers");
  }

  /// `input` is (1, 3, H, W); its sides are what the graph takes.
  raw_outputs operator()(const cv::Mat& input)
  {
    std::vector<cv::Mat> arrays;
    const auto names = net_.getUnconnectedOutLayersNames();
    try {
      net_.setInput(input);
      net_.forward(arrays, names);
    } catch (const std::exception& e) {
      if (is_out_of_memory(e)) throw;
      fail(file_.string(), ": the network does not run on an input of ", input.size[3], " x ",
           input.size[2],
           " pixels; if its graph is made for one size, say so by --long-side N --square");
    }
    const auto part = [&](const char* name, int columns) {
      return found(arrays, told_ ? names : std::vector<std::string>(), name, columns);
    };
    raw_outputs said{part("scores", columns_), part("boxes", 4), {}};
    if (points_ > 0) said.points = part("points", points_);
    if (!told_) to_probabilities(said.scores);
    return said;
  }

 private:
  /// By its name; other exports differ in the names and the order of their outputs, not in their
  /// widths.
  [[nodiscard]] cv::Mat found(const std::vector<cv::Mat>& outputs,
                              const std::vector<std::string>& names, const std::string& name,
                              int columns) const
  {
    std::string shapes;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const cv::Mat& m = outputs[i];
      if ((names.empty() || names[i] == name) && m.dims >= 2 && m.size[m.dims - 1] == columns &&
          m.type() == CV_32F)
        return m;
      shapes += shapes.empty() ? "(" : ", (";
      for (int d = 0; d < m.dims; ++d) shapes += (d ? ", " : "") + std::to_string(m.size[d]);
      shapes += ")";
    }
    fail(file_.string(), ": the network gives ", shapes, ", expected ", name, " of ", columns,
         " columns");
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
  int columns_, points_;
  bool told_;
  cv::dnn::Net net_;
};

/// Scales as asked, and pads at the right and the bottom with 0.
cv::Mat prepare(const cv::Mat& photo, const arguments& a, const network_config& config, frame& how)
{
  const extent2 size{.height = photo.rows, .width = photo.cols};
  const int longer = std::max(size.height, size.width);
  const int said = a.long_side > 0 ? a.long_side : config.input.long_side;
  if (const int side = square_side(config); side > 0)
    how = stretched(size, a.long_side > 0 ? a.long_side : side);
  else
    how = fit_long_side(size, a.original_size ? longer
                              : said > 0      ? said
                                              : std::min(longer, longest_by_default));
  std::vector<float> planes(static_cast<std::size_t>(how.input.height) *
                            static_cast<std::size_t>(how.input.width) * 3);
  to_input(photo, how, config.input, planes.data());

  int deepest = 1;
  if (square_side(config) == 0)
    for (std::size_t l = 0; l < config.anchors.levels(); ++l)
      deepest = std::max(deepest, config.anchors.stride(l));
  const auto multiple = [&](int pixels) { return (pixels + deepest - 1) / deepest * deepest; };
  extent2 padded{multiple(how.input.height), multiple(how.input.width)};
  if (a.square) padded.height = padded.width = std::max(padded.height, padded.width);
  const int sizes[]{1, 3, padded.height, padded.width};
  cv::Mat input(4, sizes, CV_32F, cv::Scalar(0));
  for (int plane = 0; plane < 3; ++plane) {
    const cv::Mat from(
        how.input.height, how.input.width, CV_32F,
        planes.data() + static_cast<std::ptrdiff_t>(plane) * how.input.height * how.input.width);
    cv::Mat to(padded.height, padded.width, CV_32F, input.ptr<float>(0, plane));
    from.copyTo(to(cv::Rect(0, 0, from.cols, from.rows)));
  }
  how.input = padded;
  return input;
}

/// The exit code.
template <landmark_schema Schema>
int detect(const arguments& a, const description& what)
{
  network run(a.model, what);
  const network_config& config = what.config;
  cv::Mat photo = read_image(a.image);
  frame how;
  const cv::Mat input = prepare(photo, a, config, how);
  const raw_outputs said = run(input);

  detector<Schema, backend, any_anchors, any_coder, any_greedy_suppressor, any_labels> find(
      config.anchors, config.detect, config.coder, backend(),
      any_greedy_suppressor(config.inclusive_pixels, config.detect.overlap, config.detect.keep),
      config.labels);
  const std::span<const detection<Schema>> all = find(said.view(), how);
  std::vector<detection<Schema>> finite(all.begin(), all.end());
  const auto lost = std::erase_if(finite, [](const auto& one) { return !is_finite(one); });
  const std::span<const detection<Schema>> objects(finite);

  const std::vector<std::string_view> classes(config.classes.begin(), config.classes.end());
  const std::vector<nlohmann::ordered_json> list{
      to_json(a.image.string(), how.original, objects, std::span<const std::string_view>(classes))};
  if (a.json == standard_output)
    std::cout << to_text(list);
  else if (!a.json.empty())
    write_detections(a.json, list);
  else
    for (const detection<Schema>& one : objects)
      std::printf("%.3f  (%.1f, %.1f) to (%.1f, %.1f)\n", one.score, one.bounds.x1, one.bounds.y1,
                  one.bounds.x2, one.bounds.y2);
  if (!a.overlay.empty()) {
    draw(photo, objects, std::span<const std::string>(config.classes));
    write_image(a.overlay, photo);
  }
  std::cerr << objects.size() << " found in " << retinue::detail::printable(a.image.string())
            << "\n";
  if (lost > 0) std::cerr << lost << " detections are left out, for they are not finite\n";
  return lost > 0 ? 1 : 0;
}

int detect(const arguments& a)
{
  check_written(std::vector{a.model, a.image},
                std::vector<written_file>{{"--json", a.json}, {"--overlay", a.overlay}});
  if (!a.overlay.empty()) check_image_ending(a.overlay);
  if (fs::is_directory(a.model)) fail(a.model.string(), ": a folder, expected an ONNX file");
  const description what = describe(a);
  int code = 2;
  if (!with_schema_of(what.config.landmarks,
                      [&]<class Schema>(Schema) { code = detect<Schema>(a, what); }))
    fail(a.model.string(), ": the network has ", what.config.landmarks,
         " landmarks, for which this program is not compiled");
  return code;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Detects with a network that OpenCV runs from an ONNX file.", "any_runtime");
  return run_program(app, [&] {
    const arguments a = parse(app, count, values);
    cv::utils::logging::setLogLevel(
        cv::utils::logging::LOG_LEVEL_SILENT);  // errors are ours to say
    return detect(a);
  });
}
