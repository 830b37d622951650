// SPDX-License-Identifier: Apache-2.0
// What the programs that detect have in common: pictures in, several of one size through the
// network together, and what was found out as text, a table, JSON, overlays and a video.
#pragma once

#include "main.hpp"
#include "numbers.hpp"
#include "overlays.hpp"
#include "process.hpp"
#include "progress.hpp"
#include "sources.hpp"
#include "synthetic.hpp"
#include "told.hpp"
#include "video.hpp"
#include "written.hpp"

#include <retinue/data/detections_json.hpp>
#include <retinue/detail/file.hpp>
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
#include <array>
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
  std::filesystem::path json, lines, overlay, video;
  std::vector<std::filesystem::path> images;
  std::optional<int> camera;
  std::optional<float> nms;
  std::optional<double> rate;
  float score = 0.5f;
  int threads = 0, batch = 1;
  bool watch = false, table = false, time = false;
  bool shapes = false;  ///< whether 'synthetic' draws shapes, not faces

  void add_to(CLI::App& app)
  {
    app.add_option("-i,--image", images,
                   "Pictures, videos, or folders of pictures; or 'synthetic', which draws its own")
        ->check(any_name());
    app.add_flag("--watch", watch,
                 "Wait for more pictures in the folders, and for changed ones, until Ctrl-C");
    app.add_option("--camera", camera, "The frames of this camera, 0 for the first, until Ctrl-C")
        ->check(number_in(0, 1000));
    app.add_option("--score", score, "Leave out what scores no more than this")
        ->check(number_in(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--nms", nms,
                   "Boxes that overlap by more are one object (default: as configured)")
        ->check(number_in(0.0, 1.0));
    app.add_option("--json", json, "Write all detections to this file ('-': standard output)")
        ->check(any_name());
    app.add_option("--json-lines", lines,
                   "Write a line of JSON for each picture as soon as it is done ('-': standard "
                   "output)")
        ->check(any_name());
    app.add_flag("--table", table, "Print a row for each detection");
    app.add_option("--overlay", overlay,
                   "Draw what was found: a file for one picture, a folder for several")
        ->check(any_name());
    app.add_option("--video", video,
                   "Draw what was found into a video, .avi, .mp4 or .mkv, of the first picture's "
                   "size")
        ->check(any_name());
    app.add_option("--fps", rate, "Pictures a second of --video (default: as what is read, or 2)")
        ->check(number_in(0.1, 240.0));
    app.add_option("--threads", threads, "Processor threads (default: all)")->check(thread_count());
    app.add_option("--batch", batch,
                   "Pictures of one size that go through the network together (default 1)")
        ->check(number_in(1, 256));
    app.add_flag("--time", time, "Print where the time went");
  }

  static constexpr const char* exit_codes =
      "Exit codes: 0 all pictures done, 1 some could not be read, or had detections that are not\n"
      "finite, or a watched folder went, 2 nothing could be done.";

  /// What --score and --nms change of a configuration.
  void change(retinue::detect_options& options) const
  {
    options.score = score;
    if (nms) options.overlap = *nms;
  }
};

/// Sets the process up, before anything runs; this may restart it. Where pictures come from: files
/// as given, folders as the pictures in them, or as those that come into them.
[[nodiscard]] inline sources_in_turn prepare(const detection_arguments& a,
                                             const retinue::stop_signal& stop)
{
  if (a.images.empty() && !a.camera)
    retinue::fail("--image is missing, expected pictures, videos or folders, or else --camera");
  if (a.watch && a.camera)
    retinue::fail("--watch and --camera both go on until Ctrl-C, expected one");
  std::vector<sources_in_turn::any> all;
  std::vector<std::filesystem::path> files, watched;
  std::size_t pictures = 0;
  const auto put_files = [&] {
    pictures += files.size();
    if (!files.empty()) all.emplace_back(picture_files(std::move(files)));
    files.clear();
  };
  bool lasts = a.camera || a.watch;
  const bool alone = a.images.size() == 1 && !a.camera;
  std::error_code unknown;  // what cannot be looked at is refused where it is to be read
  for (const std::filesystem::path& path : a.images) {
    if (path == synthetic) {
      put_files();
      all.emplace_back(drawn_pictures(a.shapes));
    } else if (std::filesystem::is_directory(path, unknown)) {
      if (a.watch) {
        watched.push_back(path);
        continue;
      }
      const auto inside = retinue::images_in(path);
      if (inside.empty()) retinue::fail(path.string(), " is a folder without pictures");
      files.insert(files.end(), inside.begin(), inside.end());
    } else if (is_video_name(path)) {
      put_files();
      try {
        all.emplace_back(video_frames(path));
        lasts = true;
      } catch (const retinue::error& e) {
        if (alone) throw;
        all.emplace_back(unread_video(path, e.what()));
      }
    } else {
      files.push_back(path);
    }
  }
  put_files();
  if (a.watch && watched.empty()) retinue::fail("--watch: there is no folder among --image");
  for (const auto& folder : watched) {
    std::error_code absent;
    if (!a.overlay.empty() && std::filesystem::equivalent(folder, a.overlay, absent))
      retinue::fail("--overlay ", a.overlay.string(),
                    ": --watch would take overlays for pictures, expected another folder");
  }
  if (!watched.empty()) all.emplace_back(watched_folders(watched, stop));
  if (a.camera) all.emplace_back(video_frames(*a.camera));
  constexpr std::size_t many = 16;  // for fewer, to load LibTorch twice costs more than it saves
  prepare_process(a.threads, lasts || pictures > many);
  return sources_in_turn(std::move(all));
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
/// out in the order in which the pictures came.
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
        class_names_(classes_.begin(), classes_.end()),
        fit_(std::move(fit)),
        read_(std::move(read))
  {
  }
  detection_run(const detection_run&) = delete;
  detection_run& operator=(const detection_run&) = delete;

  /// Whether all went well. A signal ends it with what was done till then.
  template <picture_source Source>
  bool operator()(Source& source, const retinue::stop_signal& stop)
  {
    place_results(source);
    const std::optional<std::size_t> promised = source.count();
    retinue::progress_bar bar("detect", promised);
    const auto batch = static_cast<std::size_t>(arguments_.batch);
    bool ended = false;
    while (!ended && stop.came() == 0) {
      if (held() > 4 * batch || !source.is_ready()) flush_all(bar);
      const std::size_t place = places_;
      std::string name;
      guarded(bar, place, nullptr, [&] {
        auto taken = time_.measure("read", [&] { return source.next(); });
        ended = !taken;
        if (ended) return;
        ++places_;
        name = retinue::detail::printable(taken->from.filename().string());
        take(place, std::move(*taken));
      });
      for (auto& [size, waiting] : waiting_)
        if (waiting.size() >= batch) flush(bar, waiting);
      bar.update(places_, name);
    }
    flush_all(bar);
    bar.clear();
    const bool cut = !ended && promised;
    if (cut) std::cerr << "stopped by a signal; what was done till then is kept\n";
    const std::size_t undone = failed_ + undone_.size();
    if (done_ == 0 && (promised || undone > 0 || troubled_))
      retinue::fail("no picture could be done");
    report();
    if (arguments_.time) time_.print(done_);
    if (undone > 0)
      std::cerr << undone << " of " << done_ + undone << " pictures could not be done\n";
    const bool short_of_promised = ended && promised && places_ < *promised;
    if (short_of_promised)
      std::cerr << places_ << " of the " << *promised << " frames that were promised came\n";
    if (lost_ > 0) std::cerr << lost_ << " detections are left out, for they are not finite\n";
    return undone == 0 && lost_ == 0 && !troubled_ && !short_of_promised && !cut;
  }

 private:
  using found_in_one = std::vector<retinue::detection<typename Detector::schema>>;
  struct picture {
    std::size_t place = 0;
    taken_picture taken;
    retinue::frame how;
  };
  struct result {
    taken_picture of;  ///< the picture as drawn, where a video is written; otherwise without
    retinue::extent2 size;
    found_in_one found;
    std::size_t lost = 0;  ///< detections that are not finite: no form of output can say them
    bool done = false;
  };

  /// One picture's failure does not end the others. Where the file that it is `of` may be given
  /// again, it is only undone until that goes well.
  template <class Work>
  void guarded(retinue::progress_bar& bar, std::size_t place, const taken_picture* of, Work&& work)
  {
    const auto skip = [&](const std::exception& e) {
      bar.clear();
      std::cerr << "skipped: " << sentence_of(e) << "\n";
      places_ = std::max(places_, place + 1);
      results_[place] = {};
      tell(bar);
    };
    try {
      work();
    } catch (const source_trouble& e) {
      bar.clear();
      std::cerr << sentence_of(e) << "\n";
      troubled_ = true;
    } catch (const unread_picture& e) {
      undone_[e.from()] = place;
      skip(e);
    } catch (const std::exception& e) {
      if (of && of->may_change)
        undone_[of->from] = place;
      else
        ++failed_;
      skip(e);
    }
  }

  void take(std::size_t place, taken_picture taken)
  {
    const retinue::extent2 size{taken.image.rows, taken.image.cols};
    picture p{place, std::move(taken), fit_(size)};
    waiting_[{p.how.input.height, p.how.input.width}].push_back(std::move(p));
  }

  [[nodiscard]] std::size_t held() const
  {
    std::size_t all = 0;
    for (const auto& [size, waiting] : waiting_) all += waiting.size();
    return all;
  }

  void flush_all(retinue::progress_bar& bar)
  {
    for (auto& [size, waiting] : waiting_) flush(bar, waiting);
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
      guarded(bar, p.place, &p.taken, [&] {
        if (!together) {
          std::vector<picture> one{p};
          try {
            detect(one);
          } catch (const retinue::error&) {
            throw;
          } catch (const std::exception& e) {
            retinue::fail(p.taken.name(), ": ", sentence_of(e));
          }
        }
        finish(p);
      });
    tell(bar);
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
        retinue::to_input(p.taken.image, p.how, input_, planes);
        planes += 3 * std::int64_t{size.height} * size.width;
        frames.push_back(p.how);
      }
    });
    const retinue::network_outputs said =
        time_.measure("network", [&] { return detect_.predict(input); });
    time_.measure("post-processing", [&] { detect_.find(said, frames, found_); });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      result r{batch[i].taken, batch[i].how.original, std::move(found_[i])};
      r.of.image.release();
      r.lost = std::erase_if(r.found, [](const auto& d) { return !retinue::is_finite(d); });
      found_of_[batch[i].place] = std::move(r);
    }
  }

  /// Drawn while the picture is at hand.
  void finish(picture& p)
  {
    result& r = found_of_.at(p.place);
    if (!arguments_.overlay.empty() || !arguments_.video.empty())
      time_.measure("overlay", [&] {
        retinue::draw(p.taken.image, std::span(std::as_const(r.found)),
                      std::span<const std::string>(classes_));
        if (!arguments_.overlay.empty()) write_overlay(p.taken);
        if (!arguments_.video.empty()) r.of.image = p.taken.image;
      });
    r.done = true;
    if (const auto before = undone_.find(p.taken.from);
        p.taken.may_change && before != undone_.end() && before->second < p.place)
      undone_.erase(before);
    results_[p.place] = std::move(r);
    found_of_.erase(p.place);
  }

  void write_overlay(const taken_picture& taken)
  {
    if (one_overlay_) {
      retinue::write_image(arguments_.overlay, taken.image);
      return;
    }
    std::filesystem::path named = taken.from;
    if (taken.when)
      named = taken.from.stem().string() + "-" + std::to_string(taken.when->frame) + ".png";
    // A file that is given again has one overlay, of what it last was.
    std::filesystem::path given;
    auto& name = taken.may_change ? overlay_of_[taken.from] : given;
    const bool fresh = name.empty();
    if (fresh) name = overlays_.next(named);
    const auto file = arguments_.overlay / name;
    retinue::write_image(file, taken.image);
    if (!fresh) return;
    if (const auto note = overlay_note(file, named); !note.empty()) notes_.push_back(note);
  }

  /// Before anything is detected: where results go.
  template <class Source>
  void place_results(const Source& source)
  {
    const std::filesystem::path& to = arguments_.overlay;
    const auto files = source.files();
    std::vector<written_file> written{{"--json", arguments_.json},
                                      {"--json-lines", arguments_.lines, true},
                                      {"--video", arguments_.video}};
    one_overlay_ = files.size() == 1 && source.count() == 1 && !is_video_name(files[0]) &&
                   retinue::is_image_name(to) &&
                   !std::filesystem::is_directory(retinue::detail::status_of(to));
    if (one_overlay_) written.push_back({"--overlay", to});
    if (!to.empty() && !one_overlay_) refuse_no_folder(to);
    read_.insert(read_.end(), files.begin(), files.end());
    check_written(read_, written);
    if (!to.empty() && !one_overlay_) {  // a folder has no name of theirs, either
      written.push_back({"--overlay", to});
      refuse_to_replace({}, written);
    }
    if (arguments_.json == standard_output && arguments_.lines == standard_output)
      retinue::fail("--json and --json-lines both write to the standard output, expected one");
    if (!arguments_.video.empty()) {
      static_cast<void>(video_code_of(arguments_.video));
      const double rate = source.rate() > 0 ? source.rate() : 2;
      video_.emplace(arguments_.video, arguments_.rate.value_or(rate));
    }
    lines_.emplace(arguments_.lines);
    if (to.empty() || one_overlay_) return;
    overlays_ = overlay_names(files);
    static_cast<void>(overlay_files(to, files));  // throws where one of them is read
    make_folder("--overlay", to);
  }

  /// Throws where what looks like the name of a picture would become a folder.
  static void refuse_no_folder(const std::filesystem::path& overlay)
  {
    if (std::filesystem::is_directory(retinue::detail::status_of(overlay))) return;
    if (retinue::is_image_name(overlay))
      retinue::fail("--overlay ", overlay.string(),
                    ": a picture for several, expected the name of a folder");
    if (is_video_name(overlay))
      retinue::fail("--overlay ", overlay.string(), ": pictures are drawn, --video writes a video");
    constexpr std::array not_written{".exr", ".gif", ".svg", ".pdf", ".heic", ".avif"};
    if (std::ranges::find(not_written, ending_of(overlay)) != not_written.end())
      retinue::check_image_ending(overlay);
  }

  /// Where words and tables for people go.
  [[nodiscard]] std::ostream& words() const
  {
    const bool json = arguments_.json == standard_output || arguments_.lines == standard_output;
    return json ? std::cerr : std::cout;
  }

  /// Results whose turn it is. What cannot be written is the end of all, not of one picture.
  void tell(retinue::progress_bar& bar)
  {
    for (auto next = results_.find(told_); next != results_.end(); next = results_.find(told_)) {
      const result r = std::move(next->second);
      results_.erase(next);
      ++told_;
      if (!r.done) continue;
      ++done_;
      objects_ += r.found.size();
      lost_ += r.lost;
      tell(bar, r);
    }
  }
  void tell(retinue::progress_bar& bar, const result& r)
  {
    const std::span found(r.found);
    if (!arguments_.json.empty() || !arguments_.lines.empty()) {
      auto one = json_of(r.of, r.size, found, std::span<const std::string_view>(class_names_));
      lines_->add(one);
      if (!arguments_.json.empty()) all_.push_back(std::move(one));
    }
    if (video_) video_->write(r.of.image);
    const bool silent =
        !arguments_.json.empty() || !arguments_.lines.empty() || (r.of.when && video_);
    if (!arguments_.table && silent) return;
    bar.clear();
    if (arguments_.table)
      words() << table_.rows(r.of.name(), found, std::span<const std::string>(classes_));
    else
      words() << retinue::detail::printable(r.of.name()) << ": " << r.found.size() << " found"
              << (r.found.empty() ? "" : ", best score " + std::to_string(r.found[0].score))
              << "\n";
    words().flush();
  }

  void report()
  {
    if (arguments_.json == standard_output)
      std::cout << retinue::to_text(all_);
    else if (!arguments_.json.empty())
      retinue::write_detections(arguments_.json, all_);
    if (video_) video_->finish();
    std::cerr << objects_ << " found in " << done_ << (done_ == 1 ? " picture" : " pictures");
    for (const auto& [what, file] :
         {std::pair("overlays", &arguments_.overlay), std::pair("video", &arguments_.video)})
      if (!file->empty())
        std::cerr << "; " << what << ": " << retinue::detail::printable(file->string());
    std::cerr << "\n";
    for (const auto& note : notes_) std::cerr << note << "\n";
    if (std::ranges::find(arguments_.images, std::filesystem::path(synthetic)) !=
        arguments_.images.end())
      std::cerr
          << "These scenes were drawn here. Next: --image FOLDER with photos of your own, and "
             "weights that were trained on photos.\n";
  }

  const detection_arguments& arguments_;
  Detector& detect_;
  retinue::pixel_format input_;
  std::vector<std::string> classes_;
  std::vector<std::string_view> class_names_;
  Fit fit_;
  std::vector<std::filesystem::path> read_;
  std::map<std::pair<int, int>, std::vector<picture>> waiting_;
  std::vector<found_in_one> found_;
  std::map<std::size_t, result> found_of_, results_;  // by the picture's place
  std::vector<nlohmann::ordered_json> all_;
  std::optional<json_lines> lines_;
  std::optional<written_video> video_;
  detection_table table_;
  overlay_names overlays_;
  std::vector<std::string> notes_;
  std::map<std::filesystem::path, std::filesystem::path> overlay_of_;  // by files that may change
  std::map<std::filesystem::path, std::size_t> undone_;  // by the same, where it last failed
  bool one_overlay_ = false, troubled_ = false;
  stopwatch time_;
  std::size_t places_ = 0, told_ = 0, done_ = 0, objects_ = 0, failed_ = 0, lost_ = 0;
};
