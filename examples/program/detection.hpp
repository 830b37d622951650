// SPDX-License-Identifier: Apache-2.0
// What the programs that detect have in common: pictures in, several of one size through the
// network together, and what was found out as text, JSON and overlays.
#pragma once

#include "main.hpp"
#include "numbers.hpp"
#include "overlays.hpp"
#include "process.hpp"
#include "progress.hpp"
#include "written.hpp"

#include <retinue/data/detections_json.hpp>
#include <retinue/detail/printable.hpp>
#include <retinue/detect.hpp>
#include <retinue/error.hpp>
#include <retinue/image/drawing.hpp>
#include <retinue/image/files.hpp>
#include <retinue/image/planes.hpp>
#include <retinue/models/network.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct detection_arguments {
  std::filesystem::path json, overlay;
  std::vector<std::filesystem::path> images;
  std::optional<float> nms;
  float score = 0.5f;
  int threads = 0, batch = 1;
  bool time = false;

  void add_to(CLI::App& app)
  {
    app.add_option("-i,--image", images, "Pictures, or folders of pictures")->required();
    app.add_option("--score", score, "Leave out what scores no more than this")
        ->check(number_in(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--nms", nms,
                   "Boxes that overlap by more are one object (default: as configured)")
        ->check(number_in(0.0, 1.0));
    app.add_option("--json", json, "Write all detections to this file ('-': standard output)")
        ->check(any_name());
    app.add_option("--overlay", overlay,
                   "Draw what was found: a file for one picture, a folder for several")
        ->check(any_name());
    app.add_option("--threads", threads, "Processor threads (default: all)")
        ->check(number_in(1, 1024));
    app.add_option("--batch", batch,
                   "Pictures of one size that go through the network together (default 1)")
        ->check(number_in(1, 256));
    app.add_flag("--time", time, "Print where the time went");
  }

  static constexpr const char* exit_codes =
      "Exit codes: 0 all pictures done, 1 some could not be read, or had detections that are not\n"
      "finite, 2 nothing could be done.";

  /// What --score and --nms change of a configuration.
  void change(retinue::detect_options& options) const
  {
    options.score = score;
    if (nms) options.overlap = *nms;
  }
};

/// Sets the process up, before anything runs; this may restart it. The pictures: files as given,
/// folders as the pictures in them.
inline std::vector<std::filesystem::path> prepare(const detection_arguments& a)
{
  std::vector<std::filesystem::path> all;
  for (const std::filesystem::path& path : a.images) {
    if (!std::filesystem::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    const auto inside = retinue::images_in(path);
    if (inside.empty()) retinue::fail(path.string(), " is a folder without pictures");
    all.insert(all.end(), inside.begin(), inside.end());
  }
  constexpr std::size_t many = 16;  // for fewer, to load LibTorch twice costs more than it saves
  prepare_process(a.threads, all.size() > many);
  return all;
}

class stopwatch {
 public:
  template <class Work>
  decltype(auto) measure(const char* stage, Work&& work)
  {
    struct adding {
      double& to;
      std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
      ~adding()
      {
        to += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      }
    } timer{seconds_[stage]};
    return work();
  }

  void print(std::size_t pictures) const
  {
    double all = 0;
    for (const auto& [stage, seconds] : seconds_) all += seconds;
    for (const auto& [stage, seconds] : seconds_)
      std::fprintf(stderr, "%-16s %9.2f ms a picture  %5.1f %%\n", stage.c_str(),
                   1e3 * seconds / static_cast<double>(std::max<std::size_t>(pictures, 1)),
                   100 * seconds / std::max(all, 1e-9));
  }

 private:
  std::map<std::string, double> seconds_;
};

/// Pictures go in one by one; those of one input size go through the network together; results come
/// out under the place that each picture has among all.
template <class Detector, class Fit>
class detection_run {
 public:
  /// `fit(size)` is how a picture of that size becomes an input: a retinue::frame. Of the files
  /// that were read before, and of the pictures, none is replaced by results.
  detection_run(const detection_arguments& a, Detector& detect, const retinue::pixel_format& input,
                const std::vector<std::string>& classes, Fit fit,
                std::vector<std::filesystem::path> read = {})
      : arguments_(a),
        detect_(detect),
        input_(input),
        classes_(classes),
        fit_(std::move(fit)),
        read_(std::move(read))
  {
  }

  /// Whether all went well.
  bool operator()(const std::vector<std::filesystem::path>& paths)
  {
    results_.resize(paths.size());
    place_results(paths);
    retinue::progress_bar bar("detect", paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      guarded(bar, paths[i], [&] { take(i, paths[i]); });
      for (auto& [size, waiting] : waiting_)
        if (waiting.size() >= static_cast<std::size_t>(arguments_.batch)) flush(bar, waiting);
      if (held() > 4 * static_cast<std::size_t>(arguments_.batch))
        for (auto& [size, waiting] : waiting_) flush(bar, waiting);
      bar.update(i + 1, retinue::detail::printable(paths[i].filename().string()));
    }
    for (auto& [size, waiting] : waiting_) flush(bar, waiting);
    bar.clear();
    if (std::ranges::none_of(results_, &result::done)) retinue::fail("no picture could be done");
    report();
    if (arguments_.time) time_.print(paths.size() - failed_);
    if (failed_ > 0)
      std::cerr << failed_ << " of " << paths.size() << " pictures could not be done\n";
    if (lost_ > 0) std::cerr << lost_ << " detections are left out, for they are not finite\n";
    return failed_ == 0 && lost_ == 0;
  }

 private:
  using found_in_one = std::vector<retinue::detection<typename Detector::schema>>;
  struct picture {
    std::size_t place = 0;
    std::filesystem::path path;
    cv::Mat image;
    retinue::frame how;
  };
  struct result {
    std::string path;
    retinue::extent2 size;
    found_in_one found;
    std::size_t lost = 0;  ///< detections that are not finite: no form of output can say them
    bool done = false;
  };

  /// One picture's failure does not end the others.
  template <class Work>
  void guarded(retinue::progress_bar& bar, const std::filesystem::path& path, Work&& work)
  {
    const auto refuse = [&](const std::string& why) {
      bar.clear();
      std::cerr << "skipped: " << why << "\n";
      ++failed_;
    };
    try {
      work();
    } catch (const retinue::error& e) {
      refuse(e.what());
    } catch (const std::exception& e) {
      refuse(retinue::detail::printable(path.string()) + ": " + sentence_of(e));
    }
  }

  void take(std::size_t place, const std::filesystem::path& path)
  {
    picture p{place, path, time_.measure("read", [&] { return retinue::read_image(path); }), {}};
    p.how = fit_(retinue::extent2{p.image.rows, p.image.cols});
    waiting_[{p.how.input.height, p.how.input.width}].push_back(std::move(p));
  }

  [[nodiscard]] std::size_t held() const
  {
    std::size_t all = 0;
    for (const auto& [size, waiting] : waiting_) all += waiting.size();
    return all;
  }

  void flush(retinue::progress_bar& bar, std::vector<picture>& waiting)
  {
    if (waiting.empty()) return;
    std::vector<picture> batch;
    batch.swap(waiting);
    bool together = true;
    try {
      detect(batch);
    } catch (const std::exception&) {
      together = false;  // find out below which picture it was
    }
    for (picture& p : batch)
      guarded(bar, p.path, [&] {
        if (!together) {
          std::vector<picture> one{p};
          detect(one);
        }
        finish(p);
      });
  }

  void detect(const std::vector<picture>& batch)
  {
    const retinue::extent2 size = batch.front().how.input;
    at::Tensor input =
        at::empty({static_cast<std::int64_t>(batch.size()), 3, size.height, size.width});
    std::vector<retinue::frame> frames;
    time_.measure("prepare", [&] {
      float* planes = input.data_ptr<float>();
      for (const picture& p : batch) {
        retinue::to_input(p.image, p.how, input_, planes);
        planes += 3 * std::int64_t{size.height} * size.width;
        frames.push_back(p.how);
      }
    });
    const retinue::network_outputs said =
        time_.measure("network", [&] { return detect_.predict(input); });
    time_.measure("post-processing", [&] { detect_.find(said, frames, found_); });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      found_in_one found = std::move(found_[i]);
      const auto lost = std::erase_if(found, [](const auto& d) { return !retinue::is_finite(d); });
      results_[batch[i].place] = {batch[i].path.string(), batch[i].how.original, std::move(found),
                                  lost, true};
    }
  }

  /// The overlay is drawn while the picture is at hand.
  void finish(picture& p)
  {
    if (arguments_.overlay.empty()) return;
    time_.measure("overlay", [&] {
      retinue::draw(p.image, std::span(std::as_const(results_[p.place].found)),
                    std::span<const std::string>(classes_));
      retinue::write_image(overlays_[p.place], p.image);
    });
  }

  /// Before anything is detected: where results go.
  void place_results(const std::vector<std::filesystem::path>& paths)
  {
    const std::filesystem::path& to = arguments_.overlay;
    std::vector<written_file> written{{"--json", arguments_.json}};
    const bool one =
        paths.size() == 1 && retinue::is_image_name(to) && !std::filesystem::is_directory(to);
    if (one) written.push_back({"--overlay", to});
    read_.insert(read_.end(), paths.begin(), paths.end());
    check_written(read_, written);
    if (to.empty()) return;
    overlays_ = one ? std::vector{to} : overlay_files(to, paths);
    if (!one) make_folder("--overlay", to);
  }

  void report()
  {
    std::vector<nlohmann::ordered_json> all;
    const std::vector<std::string_view> classes(classes_.begin(), classes_.end());
    std::size_t objects = 0;
    for (const result& r : results_) {
      if (!r.done) continue;
      objects += r.found.size();
      lost_ += r.lost;
      all.push_back(retinue::to_json(r.path, r.size, std::span(std::as_const(r.found)),
                                     std::span<const std::string_view>(classes)));
      if (arguments_.json.empty())
        std::cout << retinue::detail::printable(r.path) << ": " << r.found.size() << " found"
                  << (r.found.empty() ? "" : ", best score " + std::to_string(r.found[0].score))
                  << "\n";
    }
    if (arguments_.json == standard_output)
      std::cout << retinue::to_text(all);
    else if (!arguments_.json.empty())
      retinue::write_detections(arguments_.json, all);
    std::cerr << objects << " found in " << all.size()
              << (all.size() == 1 ? " picture" : " pictures");
    if (!arguments_.overlay.empty())
      std::cerr << "; overlays: " << retinue::detail::printable(arguments_.overlay.string());
    std::cerr << "\n";
    if (overlays_.size() > 1)
      for (std::size_t i = 0; i < results_.size(); ++i)
        if (const auto note = overlay_note(overlays_[i], results_[i].path);
            results_[i].done && !note.empty())
          std::cerr << note << "\n";
  }

  const detection_arguments& arguments_;
  Detector& detect_;
  retinue::pixel_format input_;
  std::vector<std::string> classes_;
  Fit fit_;
  std::vector<std::filesystem::path> read_;
  std::map<std::pair<int, int>, std::vector<picture>> waiting_;
  std::vector<found_in_one> found_;
  std::vector<result> results_;
  std::vector<std::filesystem::path> overlays_;  // by the picture's place; none if none are drawn
  stopwatch time_;
  std::size_t failed_ = 0, lost_ = 0;
};
