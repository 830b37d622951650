// SPDX-License-Identifier: Apache-2.0
// Finds faces, or whatever the weights were trained for, in pictures.
//
//   retinaface_detect --weights mobilenet0.25_Final.pth --image photo.jpg --overlay found.jpg
//
// Everything but the network is a template of the core: see any_runtime.cpp for the same detections
// without LibTorch.
#include "program/main.hpp"
#include "program/network.hpp"

#include <retinue/error.hpp>
#include <retinue/io/config.hpp>
#include <retinue/io/detections_json.hpp>
#include <retinue/io/drawing.hpp>
#include <retinue/io/images.hpp>
#include <retinue/io/progress.hpp>
#include <retinue/io/weights.hpp>
#include <retinue/models/process.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace retinue;

namespace {

struct arguments {
  network_arguments network;
  fs::path json, overlay;
  std::vector<fs::path> images;
  std::optional<float> nms;
  float score = 0.5f;
  int threads = 0, batch = 1;
  bool time = false;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.network.add_to(app);
  app.add_option("-i,--image", a.images, "Pictures, or folders of pictures")->required();
  app.add_option("--score", a.score, "Leave out what scores no more than this")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--nms", a.nms, "Boxes that overlap by more are one object (default 0.4)")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--json", a.json, "Write all detections to this file ('-': standard output)");
  app.add_option("--overlay", a.overlay,
                 "Draw what was found: a file for one picture, a folder for several");
  app.add_option("--threads", a.threads, "Processor threads (default: all)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--batch", a.batch,
                 "Pictures of one size that go through the network together (default 1)")
      ->check(CLI::Range(1, 256));
  app.add_flag("--time", a.time, "Print where the time went");

  app.footer(
      network_arguments::footer() +
      "\nExit codes: 0 all pictures done, 1 some could not be read, 2 nothing could be done.");
  app.parse(count, values);
  return a;
}

/// Files as given, folders as the pictures in them.
std::vector<fs::path> pictures_in(const std::vector<fs::path>& given)
{
  std::vector<fs::path> all;
  for (const fs::path& path : given) {
    if (!fs::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    const auto inside = images_in(path);
    if (inside.empty()) fail(path.string(), " is a folder without pictures");
    all.insert(all.end(), inside.begin(), inside.end());
  }
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
template <class Schema>
class run {
 public:
  run(const arguments& a, detector_config config, const state_dict& weights)
      : arguments_(a), config_(std::move(config)), detect_(detector_of<Schema>(config_, weights))
  {
  }

  /// Whether all went well.
  bool operator()(const std::vector<fs::path>& paths)
  {
    results_.resize(paths.size());
    progress_bar bar("detect", paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      guarded(bar, paths[i], [&] { take(i, paths[i]); });
      for (auto& [size, waiting] : waiting_)
        if (waiting.size() >= static_cast<std::size_t>(arguments_.batch)) flush(bar, waiting);
      if (held() > 4 * static_cast<std::size_t>(arguments_.batch))
        for (auto& [size, waiting] : waiting_) flush(bar, waiting);
      bar.update(i + 1, paths[i].filename().string());
    }
    for (auto& [size, waiting] : waiting_) flush(bar, waiting);
    bar.clear();
    if (paths.size() > failed_) report();
    if (arguments_.time) time_.print(paths.size() - failed_);
    if (failed_ > 0)
      std::cerr << failed_ << " of " << paths.size() << " pictures could not be done\n";
    return failed_ == 0;
  }

 private:
  struct picture {
    std::size_t place = 0;
    fs::path path;
    cv::Mat image;
    frame how;
  };
  struct result {
    std::string path;
    extent2 size;
    std::vector<detection<Schema>> found;
    bool done = false;
  };

  /// One picture's failure does not end the others.
  template <class Work>
  void guarded(progress_bar& bar, const fs::path& path, Work&& work)
  {
    const auto refuse = [&](const std::string& why) {
      bar.clear();
      std::cerr << "skipped: " << why << "\n";
      ++failed_;
    };
    try {
      work();
    } catch (const error& e) {
      refuse(e.what());
    } catch (const std::exception& e) {
      refuse(path.string() + ": " + sentence_of(e));
    }
  }

  void take(std::size_t place, const fs::path& path)
  {
    picture p{place, path, time_.measure("read", [&] { return read_image(path); }), {}};
    p.how = arguments_.network.fit({p.image.rows, p.image.cols}, config_.input);
    waiting_[{p.how.input.height, p.how.input.width}].push_back(std::move(p));
  }

  [[nodiscard]] std::size_t held() const
  {
    std::size_t all = 0;
    for (const auto& [size, waiting] : waiting_) all += waiting.size();
    return all;
  }

  void flush(progress_bar& bar, std::vector<picture>& waiting)
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
    const extent2 size = batch.front().how.input;
    at::Tensor input =
        at::empty({static_cast<std::int64_t>(batch.size()), 3, size.height, size.width});
    std::vector<frame> frames;
    time_.measure("prepare", [&] {
      float* planes = input.data_ptr<float>();
      for (const picture& p : batch) {
        to_input(p.image, p.how, config_.input, planes);
        planes += 3 * std::int64_t{size.height} * size.width;
        frames.push_back(p.how);
      }
    });
    const predictions said = time_.measure("network", [&] { return detect_.predict(input); });
    time_.measure("post-processing", [&] { detect_.find(said, frames, found_); });
    for (std::size_t i = 0; i < batch.size(); ++i)
      results_[batch[i].place] = {batch[i].path.string(), batch[i].how.original, found_[i], true};
  }

  /// The overlay is drawn while the picture is at hand.
  void finish(picture& p)
  {
    if (arguments_.overlay.empty()) return;
    time_.measure("overlay", [&] {
      draw(p.image, std::span<const detection<Schema>>(results_[p.place].found),
           std::span<const std::string>(config_.classes));
      write_image(overlay_path(p.path), p.image);
    });
  }

  [[nodiscard]] fs::path overlay_path(const fs::path& path) const
  {
    if (results_.size() == 1 && is_image_name(arguments_.overlay)) return arguments_.overlay;
    const fs::path inside = arguments_.overlay / path.filename();
    return is_image_name(inside) ? inside : fs::path(inside.string() + ".png");
  }

  void report()
  {
    std::vector<nlohmann::ordered_json> all;
    const std::vector<std::string_view> classes(config_.classes.begin(), config_.classes.end());
    std::size_t objects = 0;
    for (const result& r : results_) {
      if (!r.done) continue;
      objects += r.found.size();
      all.push_back(to_json(r.path, r.size, std::span<const detection<Schema>>(r.found),
                            std::span<const std::string_view>(classes)));
      if (arguments_.json.empty())
        std::cout << r.path << ": " << r.found.size() << " found"
                  << (r.found.empty() ? "" : ", best score " + std::to_string(r.found[0].score))
                  << "\n";
    }
    if (arguments_.json == "-")
      std::cout << to_text(all);
    else if (!arguments_.json.empty())
      write_detections(arguments_.json, all);
    std::cerr << objects << " found in " << all.size()
              << (all.size() == 1 ? " picture" : " pictures");
    if (!arguments_.overlay.empty()) std::cerr << "; overlays: " << arguments_.overlay.string();
    std::cerr << "\n";
  }

  const arguments& arguments_;
  detector_config config_;
  retinaface_detector<Schema> detect_;
  std::map<std::pair<int, int>, std::vector<picture>> waiting_;
  std::vector<std::vector<detection<Schema>>> found_;
  std::vector<result> results_;
  stopwatch time_;
  std::size_t failed_ = 0;
};

bool detect_all(const arguments& a)
{
  use_threads(a.threads);
  keep_freed_memory();
  const auto paths = pictures_in(a.images);
  if (paths.size() > 1 && !a.overlay.empty()) fs::create_directories(a.overlay);
  const state_dict weights = read_weights(a.network.weights);
  detector_config config = a.network.choose(weights);
  config.detect.score = a.score;
  if (a.nms) config.detect.overlap = *a.nms;
  bool well = false;
  with_landmarks(config.landmarks,
                 [&]<class Schema>(Schema) { well = run<Schema>(a, config, weights)(paths); });
  return well;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Finds faces, or whatever the weights were trained for, in pictures.",
               "retinaface_detect");
  return run_program(app, [&] { return detect_all(parse(app, count, values)) ? 0 : 1; });
}
