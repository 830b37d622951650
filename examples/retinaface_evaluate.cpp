// SPDX-License-Identifier: Apache-2.0
// Says how good a network is on labelled pictures: average precision, and error of landmarks.
//
//   retinaface_evaluate --weights run/weights.safetensors --data faces/val --curve curve.png
//
// Every figure is printed with the protocol it was measured by. Pictures are decoded by the class
// that retinaface_detect decodes by.
#include "program/data.hpp"
#include "program/main.hpp"
#include "program/network.hpp"

#include <retinue/evaluate.hpp>
#include <retinue/evaluate/results_json.hpp>
#include <retinue/evaluate/wider_files.hpp>
#include <retinue/io/drawing.hpp>
#include <retinue/io/plot.hpp>
#include <retinue/io/progress.hpp>
#include <retinue/models/process.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  data_argument data;
  std::vector<std::string> protocols;
  float score = 0.02f;
  std::optional<float> nms;
  double overlap = 0.5;
  bool eleven_points = false;
  fs::path json, curve, overlay;
  std::size_t overlays = 16;
  int threads = 0;

  [[nodiscard]] bool wants(const char* protocol) const
  {
    return std::ranges::find(protocols, protocol) != protocols.end();
  }
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.data.scenes = 64;
  a.data.subset = "val";
  a.network.add_to(app);
  app.add_option("-d,--data", a.data.data, data_help)->required();
  app.add_option("--images", a.data.images, "Folder of the pictures, if it is not the usual one");
  app.add_option("--subset", a.data.subset, "Of a folder of PASCAL VOC's form")
      ->capture_default_str();
  app.add_flag("--strict", a.data.strict, "Refuse the data for its first bad truth");
  app.add_option("--scenes", a.data.scenes, "Scenes, with 'synthetic'")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--scene-size", a.data.side, "Pixels of a scene's sides")
      ->check(CLI::Range(64, 8192))
      ->capture_default_str();
  app.add_option("--seed", a.data.seed, "Of the scenes: not the seed they were learnt by")
      ->capture_default_str();
  app.add_option("-p,--protocol", a.protocols,
                 "voc, coco, wider (needs WIDER FACE's subsets), nme; several at once "
                 "(default: voc, and nme where there are landmarks)")
      ->check(CLI::IsMember({"voc", "coco", "wider", "nme"}))
      ->delimiter(',');
  app.add_option("--score", a.score, "Leave out what scores no more than this")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--nms", a.nms, "Boxes that overlap by more are one object (default 0.4)")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--overlap", a.overlap, "A hit overlaps by this, for voc and nme")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_flag("--eleven-points", a.eleven_points, "voc: as before 2010");
  app.add_option("--json", a.json, "Write the figures and their protocols to this file");
  app.add_option("--curve", a.curve, "Draw precision against recall to this picture (voc, wider)");
  app.add_option("--overlay", a.overlay, "Draw truths and what was found to pictures here");
  app.add_option("--overlays", a.overlays, "How many of them")->capture_default_str();
  app.add_option("--threads", a.threads, "Processor threads (default: all)")
      ->check(CLI::Range(1, 1024));
  app.footer(network_arguments::footer() +
             "\nExit codes: 0 done, 1 some pictures could not be read, 2 nothing could be done.");
  app.parse(count, values);
  return a;
}

/// WIDER FACE's truth has subsets and no class: pictures from it carry no instances.
struct wider_set {
  std::vector<wider_image> images;

  template <landmark_schema Schema>
  [[nodiscard]] picture_set<Schema> pictures(const arguments& a) const
  {
    const fs::path file = a.data.data;
    const fs::path folder = a.data.images.empty() ? file.parent_path() / "images" : a.data.images;
    return {images.size(),
            [this, folder](std::uint64_t, std::size_t i) -> labelled_picture<Schema> {
              const fs::path picture = folder / images[i].file;
              return {picture.string(), read_image(picture), {}};
            },
            {},
            {}};
  }
};

void draw_curves(const fs::path& file, const std::string& title,
                 const std::vector<plot_line>& lines)
{
  plot_frame frame;
  frame.title = title;
  frame.x = {.label = "recall", .limits = plot_axis::range{0, 1}};
  frame.y = {.label = "precision", .limits = plot_axis::range{0, 1.02}};
  write_image(file, draw_plot(frame, lines));
}

plot_line line_of(const std::string& name, double ap, const precision_recall& curve)
{
  std::array<char, 16> figure{};
  std::snprintf(figure.data(), figure.size(), " %.4f", ap);
  return {name + figure.data(), curve.recall, curve.precision};
}

template <landmark_schema Schema>
class evaluation_run {
 public:
  evaluation_run(const arguments& a, const detector_config& config, const state_dict& weights)
      : arguments_(a), config_(config), detect_(detector_of<Schema>(config, weights))
  {
    if (a.wants("nme") && Schema::count == 0) fail("--protocol nme: the network has no landmarks");
    if (a.wants("wider")) {
      if (a.protocols.size() > 1)
        fail("--protocol wider: its truth has no other figures; evaluate them in another run");
      wider_.images = read_wider_truth(a.data.data);
    }
    set_ = a.wants("wider") ? wider_.pictures<Schema>(a) : open_pictures<Schema>(a.data);
    check_classes();
  }

  /// The number of pictures that could not be read.
  std::size_t operator()()
  {
    std::size_t failed = 0;
    std::vector<std::vector<detection<Schema>>> found;
    progress_bar bar("evaluate", set_.count);
    for (std::size_t i = 0; i < set_.count; ++i) {
      try {
        auto from = set_.read(0, i);
        const frame how =
            arguments_.network.fit({from.picture.rows, from.picture.cols}, config_.input);
        find_in(detect_, from.picture, how, config_.input, found);
        add(i, from, found[0]);
      } catch (const error& e) {
        bar.clear();
        std::cerr << "skipped: " << e.what() << "\n";
        ++failed;
      }
      bar.update(i + 1);
    }
    bar.clear();
    if (failed == set_.count) fail(arguments_.data.data, ": none of its pictures could be read");
    report();
    return failed;
  }

 private:
  /// Labels of the truth are compared with those of the network: they must mean the same.
  void check_classes() const
  {
    if (set_.classes.size() > config_.classes.size())
      fail(arguments_.data.data, " has ", set_.classes.size(), " classes, the network knows ",
           config_.classes.size());
    if (config_.classes.size() > 1)
      for (std::size_t c = 0; c < set_.classes.size(); ++c)
        if (set_.classes[c] != config_.classes[c])
          fail(arguments_.data.data, ": class ", c + 1, " is '", set_.classes[c],
               "', and to the network '", config_.classes[c], "'");
  }

  void add(std::size_t i, labelled_picture<Schema>& from,
           const std::vector<detection<Schema>>& found)
  {
    const std::span<const instance<Schema>> truths(from.instances);
    if (arguments_.wants("voc")) voc_.add(found, truths);
    if (arguments_.wants("coco")) coco_.add(found, truths);
    if (arguments_.wants("wider"))
      wider_figures_.add(found, std::span<const wider_truth>(wider_.images[i].truths));
    if constexpr (Schema::count > 0)
      if (arguments_.wants("nme")) {
        by_box_.add(found, truths);
        if constexpr (eye_points<Schema>.has_value()) by_eyes_->add(found, truths);
      }
    if (!arguments_.overlay.empty() && drawn_ < arguments_.overlays) draw_one(from, found);
  }

  /// Truths thin and without score, what was found from score 0.5.
  void draw_one(labelled_picture<Schema>& from, const std::vector<detection<Schema>>& found)
  {
    const auto weak = std::ranges::find_if(found, [](const auto& d) { return d.score < 0.5f; });
    const std::span<const detection<Schema>> strong(found.begin(), weak);
    for (const auto& truth : from.instances)
      cv::rectangle(from.picture, cv::Point(int(truth.bounds.x1), int(truth.bounds.y1)),
                    cv::Point(int(truth.bounds.x2), int(truth.bounds.y2)), cv::Scalar::all(255));
    draw(from.picture, strong, std::span<const std::string>(config_.classes));
    fs::create_directories(arguments_.overlay);
    const fs::path name = fs::path(from.name).filename();
    write_image(
        arguments_.overlay / (is_image_name(name) ? name : fs::path(name.string() + ".png")),
        from.picture);
    ++drawn_;
  }

  /// To which the pictures are scaled.
  [[nodiscard]] std::string size() const
  {
    const auto& n = arguments_.network;
    const int side = n.long_side > 0 ? n.long_side : config_.input.long_side;
    if (n.original_size) return "in their own size";
    if (side > 0) return "the longer side scaled to " + std::to_string(side);
    return "in their own size up to " + std::to_string(n.longest_by_default);
  }

  void report()
  {
    nlohmann::ordered_json all;
    all["weights"] = arguments_.network.weights.string();
    all["data"] = arguments_.data.data;
    all["size"] = size();
    all["score"] = config_.detect.score;
    all["nms"] = config_.detect.overlap;
    std::vector<plot_line> lines;
    const auto tell = [&](const char* name, const auto& result) {
      std::cout << result.describe();
      all[name] = to_json(result);
    };
    std::cout << arguments_.data.data << ": " << set_.count << " pictures, " << size()
              << ", scores above " << config_.detect.score << ", suppression at "
              << config_.detect.overlap << "\n";
    if (arguments_.wants("voc")) {
      const voc_result result = voc_.result();
      tell("voc", result);
      for (const auto& c : result.classes)
        lines.push_back(
            line_of(config_.classes.at(static_cast<std::size_t>(c.label) - 1), c.ap, c.curve));
    }
    if (arguments_.wants("coco")) tell("coco", coco_.result());
    if (arguments_.wants("wider")) {
      const wider_result result = wider_figures_.result();
      tell("wider", result);
      for (std::size_t s = 0; s < wider_subsets.size(); ++s)
        lines.push_back(
            line_of(std::string(wider_subsets[s]), result.subsets[s].ap, result.subsets[s].curve));
    }
    if constexpr (Schema::count > 0)
      if (arguments_.wants("nme")) {
        tell("nme", by_box_.result());
        if constexpr (eye_points<Schema>.has_value()) tell("nme by eyes", by_eyes_->result());
      }
    std::cout.flush();
    if (!arguments_.json.empty()) write_text(arguments_.json, all.dump(2) + "\n");
    if (!arguments_.curve.empty())
      draw_curves(arguments_.curve, fs::path(arguments_.data.data).filename().string(), lines);
    if (drawn_ > 0) std::cerr << drawn_ << " overlays: " << arguments_.overlay.string() << "\n";
  }

  const arguments& arguments_;
  detector_config config_;
  retinaface_detector<Schema> detect_;
  wider_set wider_;
  picture_set<Schema> set_;
  voc_evaluation voc_{
      {.overlap = arguments_.overlap,
       .area = arguments_.eleven_points ? voc_area::eleven_points : voc_area::all_points,
       .inclusive_pixels = false}};
  coco_evaluation coco_;
  wider_evaluation wider_figures_;
  landmark_evaluation<Schema> by_box_{{.overlap = arguments_.overlap}};
  std::optional<landmark_evaluation<Schema>> by_eyes_ = eyes(arguments_);
  std::size_t drawn_ = 0;

  static std::optional<landmark_evaluation<Schema>> eyes(const arguments& a)
  {
    if (!eye_points<Schema>) return {};
    return landmark_evaluation<Schema>(
        {.scale = landmark_scale::inter_ocular, .overlap = a.overlap});
  }
};

int evaluate(arguments a)
{
  use_threads(a.threads);
  keep_freed_memory();
  const state_dict weights = read_weights(a.network.weights);
  detector_config config = a.network.choose(weights);
  config.detect.score = a.score;
  if (a.nms) config.detect.overlap = *a.nms;
  if (a.protocols.empty()) {
    a.protocols = {"voc"};
    if (config.landmarks > 0) a.protocols.push_back("nme");
  }
  if (!a.curve.empty() && !a.wants("voc") && !a.wants("wider"))
    fail("--curve: drawn for the protocols voc and wider only");
  std::size_t failed = 0;
  with_landmarks(config.landmarks, [&]<class Schema>(Schema) {
    failed = evaluation_run<Schema>(a, config, weights)();
  });
  return failed > 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Says how good a network is on labelled pictures.", "retinaface_evaluate");
  return run_program(app, [&] { return evaluate(parse(app, count, values)); });
}
