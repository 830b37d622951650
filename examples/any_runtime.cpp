// SPDX-License-Identifier: Apache-2.0
// Detects with a runtime of somebody else's, and no LibTorch.
//
//   retinaface_export --weights mobilenet0.25_Final.pth --out faces.onnx
//   any_runtime --model faces.onnx --image photo.jpg --overlay found.jpg
//
// The quickest runtime that it was built with runs the network: ONNX Runtime, OpenVINO or OpenCV.
// What stands between its arrays and detections (anchors, decoding, suppression, the way back to
// the pixels of the photo) is retinue's core and Eigen. For TensorRT or ncnn, write a class like
// runtimes/opencv.hpp; nothing else knows who ran the network.
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
#include <retinue/runtimes/installed.hpp>
#include <retinue/runtimes/onnx_network.hpp>
#include <retinue/suppress/any_greedy.hpp>
#include <retinue/weights/onnx_reader.hpp>

#include <CLI/CLI.hpp>
#include <opencv2/core.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iostream>
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
  std::string json, sizes, runtime;
  std::optional<float> nms;
  float score = 0.5f;
  int long_side = 0;
  bool original_size = false;
};

std::string names_of_runtimes()
{
  std::string names;
  for (const installed_runtime& each : installed_runtimes())
    names += (names.empty() ? "" : ", ") + std::string(each.name);
  return names;
}

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
  app.add_option("--runtime", a.runtime,
                 "Who runs it: " + names_of_runtimes() + " (default: the first)");
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
      " pixels. It is padded at the right and the bottom to what the\nfile takes: one size, or "
      "multiples of the deepest stride.\n\n"
      "Exit codes: 0 done, 1 done, but some detections were not finite, 2 nothing could be done." +
      to_try(
          makes_weights("retinaface") +
              " && retinaface_export --weights drawn/weights.safetensors --out drawn.onnx",
          "show_augmentation --out sheet.png && any_runtime --model drawn.onnx --image sheet.png "
          "--overlay found.png"));
  app.parse(count, values);
  return a;
}

/// As its file says; of any other file what --anchors says.
onnx_network open(const arguments& a)
{
  if (read_onnx(a.model).metadata.contains(std::string(config_metadata_key))) {
    if (!a.sizes.empty()) fail("--anchors: ", a.model.string(), " says itself which it has");
    return onnx_network(a.model);
  }
  network_config config;
  config.anchors =
      a.sizes == "paper" ? square_anchors::retinaface() : square_anchors::retinaface_small_faces();
  return {a.model, config};
}

/// How the photo is scaled, by the user or by the network's configuration.
frame fit(const arguments& a, const onnx_network& network, extent2 photo)
{
  const network_config& config = network.config();
  if (const int side = square_side(config); side > 0)
    return network.fit(stretched(photo, a.long_side > 0 ? a.long_side : side));
  const int longer = std::max(photo.height, photo.width);
  const int said = a.long_side > 0 ? a.long_side : config.input.long_side;
  return network.fit(fit_long_side(photo, a.original_size ? longer
                                          : said > 0      ? said
                                                          : std::min(longer, longest_by_default)));
}

/// The exit code.
template <landmark_schema Schema>
int detect(const arguments& a, const onnx_network& network)
{
  any_runtime runtime = open_runtime(a.runtime, a.model);
  const network_config& config = network.config();
  cv::Mat photo = read_image(a.image);
  const frame how = fit(a, network, {photo.rows, photo.cols});
  std::vector<float> planes(3 * static_cast<std::size_t>(how.input.height) *
                            static_cast<std::size_t>(how.input.width));
  to_input(photo, how, config.input, planes.data());
  const runtime_parts said = network.run(runtime, {planes.data(), 1, how.input});

  detect_options options = config.detect;
  options.score = a.score;
  if (a.nms) options.overlap = *a.nms;
  detector<Schema, backend, any_anchors, any_coder, any_greedy_suppressor, any_labels> find(
      config.anchors, options, config.coder, backend(),
      any_greedy_suppressor(
          options.overlap, options.keep,
          config.inclusive_pixels ? side_length::both_pixels : side_length::between),
      config.labels);
  const std::span<const detection<Schema>> all = find(said.view<backend>(), how);
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
  const onnx_network network = open(a);
  int code = 2;
  if (!with_schema_of(network.config().landmarks,
                      [&]<class Schema>(Schema) { code = detect<Schema>(a, network); }))
    fail(a.model.string(), ": the network has ", network.config().landmarks,
         " landmarks, for which this program is not compiled");
  return code;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Detects with a network in an ONNX file, without LibTorch.", "any_runtime");
  return run_program(app, [&] { return detect(parse(app, count, values)); });
}
