// SPDX-License-Identifier: Apache-2.0
// What the programs that evaluate have in common: labelled pictures, protocols, and their figures
// as text, JSON, curves and overlays.
#pragma once

#include "data.hpp"
#include "decoding.hpp"
#include "find_in.hpp"
#include "main.hpp"
#include "numbers.hpp"
#include "overlays.hpp"
#include "plot.hpp"
#include "progress.hpp"
#include "written.hpp"

#include <retinue/data/detections_json.hpp>  // shortest
#include <retinue/data/wider_files.hpp>
#include <retinue/detail/file.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/evaluate.hpp>
#include <retinue/evaluate/results_json.hpp>
#include <retinue/image/drawing.hpp>
#include <retinue/image/files.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

struct evaluation_arguments {
  data_argument data;
  std::vector<std::string> protocols;
  float score = 0.02f;
  std::optional<float> nms;
  double overlap = 0.5;
  bool eleven_points = false;
  std::filesystem::path json, curve, overlay;
  std::size_t overlays = 16;
  int threads = 0;

  evaluation_arguments()
  {
    data.scenes = 64;
    data.seed = 1'000'003;
    data.subset = "val";
  }

  void add_to(CLI::App& app)
  {
    app.add_option("-d,--data", data.data, data_help)->required()->check(any_name());
    app.add_option("--images", data.images, "Folder of the pictures, if it is not the usual one");
    app.add_option("--subset", data.subset, "Of a folder of PASCAL VOC's form")
        ->capture_default_str();
    app.add_flag("--strict", data.strict, "Refuse the data for its first bad truth");
    app.add_option("--scenes", data.scenes, "Scenes, with 'synthetic'")
        ->check(number_in(1, 1000000))
        ->capture_default_str();
    app.add_option("--scene-size", data.side, "Pixels of a scene's sides")
        ->check(number_in(64, 8192))
        ->capture_default_str();
    app.add_option("--seed", data.seed, "Of the scenes: not the seed they were learnt by")
        ->check(any_seed())
        ->capture_default_str();
    app.add_option("-p,--protocol", protocols,
                   "voc, coco, wider (needs WIDER FACE's subsets), nme; several at once "
                   "(default: voc, and nme where there are landmarks)")
        ->check(CLI::IsMember({"voc", "coco", "wider", "nme"}))
        ->delimiter(',');
    app.add_option("--score", score, "Leave out what scores no more than this")
        ->check(number_in(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--nms", nms,
                   "Boxes that overlap by more are one object (default: as configured)")
        ->check(number_in(0.0, 1.0));
    app.add_option("--overlap", overlap, "A hit overlaps by this, for voc and nme")
        ->check(number_in(0.0, 1.0))
        ->capture_default_str();
    app.add_flag("--eleven-points", eleven_points, "voc: as before 2010");
    app.add_option("--json", json,
                   "Write the figures and their protocols to this file ('-': standard output)")
        ->check(any_name());
    app.add_option("--curve", curve, "Draw precision against recall to this picture (voc, wider)")
        ->check(any_name());
    app.add_option("--overlay", overlay, "Draw truths and what was found to pictures here")
        ->check(any_name());
    app.add_option("--overlays", overlays, "How many of them")
        ->check(number_in(1, 1000000))
        ->capture_default_str();
    app.add_option("--threads", threads, "Processor threads (default: all)")->check(thread_count());
  }

  static constexpr const char* exit_codes =
      "Exit codes: 0 done, 1 some pictures could not be read, or had detections that are not "
      "finite,\n2 nothing could be done.";

  [[nodiscard]] bool wants(const char* protocol) const
  {
    return std::ranges::find(protocols, protocol) != protocols.end();
  }
  /// Throws where an option was given that these protocols, or these data, do not ask for.
  void check_idle(const CLI::App& app) const
  {
    const bool voc = protocols.empty() || wants("voc"), drawn = data.data == synthetic;
    refuse_idle(app, "--overlap", voc || wants("nme"), "the protocols voc and nme");
    refuse_idle(app, "--eleven-points", voc, "the protocol voc");
    refuse_idle(app, "--overlays", !overlay.empty(), "--overlay");
    refuse_idle(app, "--subset", is_voc(data.data), "a folder of PASCAL VOC's form");
    for (const char* option : {"--scenes", "--scene-size", "--seed"})
      refuse_idle(app, option, drawn, "'synthetic'");
  }

  /// The protocols by default, and what --score and --nms change of a configuration.
  void settle(bool landmarks, retinue::detect_options& options)
  {
    options.score = score;
    if (nms) options.overlap = *nms;
    if (protocols.empty()) {
      protocols = {"voc"};
      if (landmarks) protocols.push_back("nme");
    }
    if (!curve.empty() && !wants("voc") && !wants("wider"))
      retinue::fail("--curve: drawn for the protocols voc and wider only");
    if (!curve.empty()) retinue::check_image_ending(curve);
  }
};

/// WIDER FACE's truth has subsets and no class: pictures from it carry no instances.
struct wider_set {
  std::vector<retinue::wider_image> images;

  [[nodiscard]] std::vector<std::filesystem::path> files(const std::filesystem::path& folder) const
  {
    std::vector<std::filesystem::path> all;
    for (const auto& image : images) all.push_back(folder / image.file);
    return all;
  }

  template <retinue::landmark_schema Schema>
  [[nodiscard]] retinue::picture_set<Schema> pictures(const evaluation_arguments& a) const
  {
    const std::filesystem::path file = a.data.data;
    const std::filesystem::path folder =
        a.data.images.empty() ? file.parent_path() / "images" : a.data.images;
    return {images.size(),
            [this, folder](std::uint64_t, std::size_t i) -> retinue::labelled_picture<Schema> {
              const std::filesystem::path picture = folder / images[i].file;
              return {picture.string(), retinue::read_image(picture), {}};
            },
            {},
            {},
            files(folder)};
  }
};

inline void write_precision_recall(const std::filesystem::path& file, const std::string& title,
                                   const std::vector<retinue::plot_line>& lines)
{
  retinue::plot_frame frame;
  frame.title = title;
  frame.x = {.label = "recall", .limits = retinue::plot_axis::range{0, 1.02}};
  frame.y = {.label = "precision", .limits = retinue::plot_axis::range{0, 1.02}};
  retinue::write_image(file, retinue::draw_plot(frame, lines));
}

inline retinue::plot_line line_of(const std::string& name, double ap,
                                  const retinue::precision_recall& curve)
{
  std::array<char, 16> figure{};
  std::snprintf(figure.data(), figure.size(), " %.4f", ap);
  return {name + figure.data(), curve.recall, curve.precision};
}

inline std::vector<retinue::plot_line> lines_of(const retinue::voc_result& result,
                                                const std::vector<std::string>& classes)
{
  std::vector<retinue::plot_line> lines;
  for (const auto& c : result.classes)
    lines.push_back(line_of(retinue::voc_result::name_of(c.label, classes), c.ap, c.curve));
  return lines;
}

/// Names of classes come from files, and are printed.
[[nodiscard]] inline std::vector<std::string> printable_names(std::vector<std::string> names)
{
  for (std::string& name : names) name = retinue::detail::printable(name);
  return names;
}

/// What is evaluated: a detector and its configuration, and how it sees pictures.
template <class Detector, class Config, class Fit>
struct evaluated {
  std::string weights;  ///< the file
  Detector& detect;
  const Config& config;
  Fit fit;           ///< from a picture's size to a retinue::frame
  std::string size;  ///< the same in words
};

template <class Detector, class Config, class Fit>
class evaluation_run {
 public:
  using schema = typename Detector::schema;

  evaluation_run(const evaluation_arguments& a, evaluated<Detector, Config, Fit> of)
      : arguments_(a), of_(std::move(of)), config_(of_.config)
  {
    if (a.wants("nme") && schema::count == 0)
      retinue::fail("--protocol nme: the network has no landmarks");
    if (a.wants("wider")) {
      if (a.protocols.size() > 1)
        retinue::fail(
            "--protocol wider: its truth has no other figures; evaluate them in another run");
      if (a.data.data == synthetic ||
          std::filesystem::is_directory(retinue::detail::status_of(a.data.data)))
        retinue::fail("--protocol wider --data ", a.data.data, ": ",
                      a.data.data == synthetic ? "drawn scenes have no subsets" : "a folder",
                      ", expected the file of WIDER FACE's truth with its subsets");
      wider_.images = retinue::read_wider_truth(a.data.data, retinue::gunzip);
    }
    set_ = a.wants("wider")
               ? wider_.template pictures<schema>(a)
               : with_labels_of(config_.classes, open_pictures<schema>(a.data), a.data.data);
    std::vector<std::filesystem::path> read = set_.files;
    read.insert(read.end(), {of_.weights, a.data.data});
    std::vector<written_file> written{{"--json", a.json}, {"--curve", a.curve}};
    check_written(read, written);
    if (!a.overlay.empty()) {
      written.push_back({"--overlay", a.overlay});
      refuse_to_replace({}, written);
      overlays_ = overlay_files(a.overlay, set_.files);
      make_folder("--overlay", a.overlay);
    }
  }

  /// Whether all pictures could be read, and all that was found was finite.
  bool operator()()
  {
    std::size_t failed = 0;
    std::vector<std::vector<retinue::detection<schema>>> found;
    retinue::progress_bar bar("evaluate", set_.count);
    for (std::size_t i = 0; i < set_.count; ++i) {
      try {
        auto from = [&] {
          const quiet_decoding quiet;
          return set_.read(0, i);
        }();
        const retinue::frame how = of_.fit(retinue::extent2{from.picture.rows, from.picture.cols});
        lost_ += find_in(of_.detect, from.picture, how, config_.input, found);
        add(i, from, found[0]);
      } catch (const retinue::error& e) {
        bar.clear();
        std::cerr << "skipped: " << e.what() << "\n";
        ++failed;
      }
      bar.update(i + 1);
    }
    bar.clear();
    if (failed == set_.count)
      retinue::fail(arguments_.data.data, ": none of its pictures could be read");
    report();
    if (failed > 0) std::cerr << failed << " pictures could not be read, and count for nothing\n";
    if (lost_ > 0) std::cerr << lost_ << " detections are left out, for they are not finite\n";
    return failed == 0 && lost_ == 0;
  }

 private:
  /// A truth that COCO sizes by its object, not by its box.
  struct sized_truth {
    retinue::box<float> bounds;
    std::int32_t label;
    bool ignore;
    double area;
  };
  [[nodiscard]] static std::vector<sized_truth> sized(const retinue::labelled_picture<schema>& from)
  {
    std::vector<sized_truth> truths;
    for (std::size_t t = 0; t < from.instances.size(); ++t) {
      const auto& of = from.instances[t];
      truths.push_back({of.bounds, of.label, of.ignore, from.areas[t]});
    }
    return truths;
  }

  void add(std::size_t i, retinue::labelled_picture<schema>& from,
           const std::vector<retinue::detection<schema>>& found)
  {
    const std::span<const retinue::instance<schema>> truths(from.instances);
    if (arguments_.wants("voc")) voc_.add(found, truths);
    if (arguments_.wants("coco") && from.areas.empty()) coco_.add(found, truths);
    if (arguments_.wants("coco") && !from.areas.empty()) coco_.add(found, sized(from));
    if (arguments_.wants("wider"))
      wider_figures_.add(found, std::span<const retinue::wider_truth>(wider_.images[i].truths));
    if constexpr (schema::count > 0)
      if (arguments_.wants("nme")) {
        by_box_.add(found, truths);
        if constexpr (retinue::eye_points<schema>.has_value()) by_eyes_->add(found, truths);
      }
    if (!arguments_.overlay.empty() && drawn_ < arguments_.overlays) draw_one(i, from, found);
  }

  /// Truths thin and without score, what was found from score 0.5.
  void draw_one(std::size_t i, retinue::labelled_picture<schema>& from,
                const std::vector<retinue::detection<schema>>& found)
  {
    const auto weak = std::ranges::find_if(found, [](const auto& d) { return d.score < 0.5f; });
    const std::span<const retinue::detection<schema>> strong(found.begin(), weak);
    for (const auto& truth : from.instances)
      cv::rectangle(from.picture, cv::Point(int(truth.bounds.x1), int(truth.bounds.y1)),
                    cv::Point(int(truth.bounds.x2), int(truth.bounds.y2)), cv::Scalar::all(255));
    retinue::draw(from.picture, strong, std::span<const std::string>(config_.classes));
    // Scenes have names of their own, and no files.
    const std::filesystem::path to =
        i < overlays_.size() ? overlays_[i] : arguments_.overlay / overlay_name(from.name);
    retinue::write_image(to, from.picture);
    if (const auto note = overlay_note(to, from.name); !note.empty()) notes_.push_back(note);
    ++drawn_;
  }

  void report()
  {
    nlohmann::ordered_json all;
    all["weights"] = of_.weights;
    all["data"] = arguments_.data.data;
    all["size"] = of_.size;
    all["score"] = retinue::detail::shortest(config_.detect.score);
    all["nms"] = retinue::detail::shortest(config_.detect.overlap);
    std::vector<retinue::plot_line> lines;
    const auto say = [&](const std::string& words) { print_beside(arguments_.json, words); };
    const auto tell = [&](const char* name, const auto& result) {
      say(result.describe());
      all[name] = retinue::to_json(result);
    };
    std::ostringstream first;
    first << retinue::detail::printable(arguments_.data.data) << ": " << set_.count << " pictures, "
          << of_.size << ", scores above " << config_.detect.score << ", suppression at "
          << config_.detect.overlap << "\n";
    say(first.str());
    if (arguments_.wants("voc")) {
      const retinue::voc_result result = voc_.result();
      say(result.describe(printable_names(config_.classes)));
      all["voc"] = retinue::to_json(result, config_.classes);
      lines = lines_of(result, config_.classes);
    }
    if (arguments_.wants("coco")) tell("coco", coco_.result());
    if (arguments_.wants("wider")) {
      const retinue::wider_result result = wider_figures_.result();
      tell("wider", result);
      for (std::size_t s = 0; s < retinue::wider_subsets.size(); ++s)
        lines.push_back(line_of(std::string(retinue::wider_subsets[s]), result.subsets[s].ap,
                                result.subsets[s].curve));
    }
    if constexpr (schema::count > 0)
      if (arguments_.wants("nme")) {
        tell("nme", by_box_.result());
        if constexpr (retinue::eye_points<schema>.has_value())
          tell("nme by eyes", by_eyes_->result());
      }
    write_json(arguments_.json, all.dump(2) + "\n");
    if (!arguments_.curve.empty())
      write_precision_recall(
          arguments_.curve, std::filesystem::path(arguments_.data.data).filename().string(), lines);
    if (drawn_ > 0)
      std::cerr << drawn_
                << " overlays: " << retinue::detail::printable(arguments_.overlay.string()) << "\n";
    for (const auto& note : notes_) std::cerr << note << "\n";
  }

  const evaluation_arguments& arguments_;
  evaluated<Detector, Config, Fit> of_;
  const Config& config_;
  wider_set wider_;
  retinue::picture_set<schema> set_;
  retinue::voc_evaluation voc_{{.overlap = arguments_.overlap,
                                .area = arguments_.eleven_points ? retinue::voc_area::eleven_points
                                                                 : retinue::voc_area::all_points,
                                .inclusive_pixels = false}};
  retinue::coco_evaluation coco_;
  retinue::wider_evaluation wider_figures_;
  retinue::landmark_evaluation<schema> by_box_{{.overlap = arguments_.overlap}};
  std::optional<retinue::landmark_evaluation<schema>> by_eyes_ = eyes(arguments_);
  std::size_t drawn_ = 0, lost_ = 0;
  std::vector<std::filesystem::path> overlays_;  // by the picture's place; none of scenes
  std::vector<std::string> notes_;               // on their names

  static std::optional<retinue::landmark_evaluation<schema>> eyes(const evaluation_arguments& a)
  {
    if (!retinue::eye_points<schema>) return {};
    return retinue::landmark_evaluation<schema>(
        {.scale = retinue::landmark_scale::inter_ocular, .overlap = a.overlap});
  }
};
