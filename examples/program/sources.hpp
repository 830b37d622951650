// SPDX-License-Identifier: Apache-2.0
// Where pictures come from: files, the frames of a video or of a camera, folders that grow, or the
// program's own pen. What is done with them asks for no more than the concept says.
#pragma once

#include "decoding.hpp"

#include <retinue/data/scenes.hpp>
#include <retinue/detail/file.hpp>
#include <retinue/error.hpp>
#include <retinue/image/files.hpp>
#include <retinue/train/stop_signal.hpp>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/videoio.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

/// Which frame of a video or of a camera, from 0, and when it was, in seconds from the first.
struct picture_moment {
  std::size_t frame = 0;
  double seconds = 0;
};

struct taken_picture {
  std::filesystem::path from;  ///< the file, or the name of the camera
  cv::Mat image;               ///< 8-bit BGR
  std::optional<picture_moment> when;
  bool may_change = false;  ///< the same file may be given again, with another picture

  /// For people.
  [[nodiscard]] std::string name() const
  {
    if (!when) return from.string();
    std::array<char, 60> text;
    std::snprintf(text.data(), text.size(), ", frame %zu, %.2f s", when->frame, when->seconds);
    return from.string() + text.data();
  }
};

/// Something other than a picture could not be read, as a folder.
class source_trouble : public retinue::error {
 public:
  using retinue::error::error;
};

/// A picture could not be read that may be given again, when its file has changed.
class unread_picture : public retinue::error {
 public:
  unread_picture(std::filesystem::path from, const std::string& sentence)
      : retinue::error(sentence), from_(std::move(from))
  {
  }
  [[nodiscard]] const std::filesystem::path& from() const { return from_; }

 private:
  std::filesystem::path from_;
};

/// Gives pictures one after the other. Yours is accepted wherever these are.
template <class S>
concept picture_source = requires(S& source, const S& asked) {
  /// The next, or none at the end. Throws `error` for one that cannot be read, and source_trouble
  /// where it is no picture that cannot; the next call goes on behind it.
  { source.next() } -> std::same_as<std::optional<taken_picture>>;
  /// Whether the next is at hand, so that next() does not wait for the world.
  { source.is_ready() } -> std::same_as<bool>;
  /// How many there are, where that is known; of a video, what it says of itself.
  { asked.count() } -> std::same_as<std::optional<std::size_t>>;
  /// The files that are read, as far as they are known.
  { asked.files() } -> std::same_as<std::vector<std::filesystem::path>>;
  /// Pictures a second, 0 where they have no time.
  { asked.rate() } -> std::same_as<double>;
};

/// Pictures in files, in the order given.
class picture_files {
 public:
  explicit picture_files(std::vector<std::filesystem::path> files) : files_(std::move(files)) {}

  std::optional<taken_picture> next()
  {
    if (at_ == files_.size()) return {};
    const auto& file = files_[at_++];
    const quiet_decoding quiet;
    return taken_picture{file, retinue::read_image(file), {}};
  }
  bool is_ready() { return true; }
  [[nodiscard]] std::optional<std::size_t> count() const { return files_.size(); }
  [[nodiscard]] std::vector<std::filesystem::path> files() const { return files_; }
  [[nodiscard]] double rate() const { return 0; }

 private:
  std::vector<std::filesystem::path> files_;
  std::size_t at_ = 0;
};

/// Drawn scenes that no run of training with the usual seed sees.
class drawn_pictures {
 public:
  static constexpr std::size_t scenes = 8;

  explicit drawn_pictures(bool shapes) : shapes_(shapes) {}

  std::optional<taken_picture> next()
  {
    constexpr std::uint64_t seed = 2026;
    if (at_ == scenes) return {};
    const std::size_t index = at_++;
    const retinue::scene_options size{.size = {240, 240}};
    cv::Mat picture = shapes_ ? retinue::draw_shapes(seed, index, size).picture
                              : retinue::draw_faces(seed, index, size).picture;
    return taken_picture{"scene-" + std::to_string(index + 1) + ".png", std::move(picture), {}};
  }
  bool is_ready() { return true; }
  [[nodiscard]] std::optional<std::size_t> count() const { return scenes; }
  [[nodiscard]] std::vector<std::filesystem::path> files() const { return {}; }
  [[nodiscard]] double rate() const { return 0; }

 private:
  bool shapes_;
  std::size_t at_ = 0;
};

namespace video_detail {

[[nodiscard]] inline std::string ending_of(const std::filesystem::path& file)
{
  std::string ending = file.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending;
}

/// The same for the backends of videos as quiet_decoding for pictures.
inline void be_quiet()
{
  ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);  // AV_LOG_QUIET, which OpenCV has no function for
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
}

}  // namespace video_detail

/// Whether a file's name ends as videos do, in letters of either case.
[[nodiscard]] inline bool is_video_name(const std::filesystem::path& file)
{
  static constexpr std::array<std::string_view, 10> endings{
      ".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv"};
  return std::ranges::find(endings, video_detail::ending_of(file)) != endings.end();
}

/// The frames of a video, or of a camera, which has no end.
class video_frames {
 public:
  explicit video_frames(const std::filesystem::path& file) : from_(file), is_file_(true)
  {
    // OpenCV does not say why it opens no file.
    const auto status = retinue::detail::status_of(file);
    if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status))
      static_cast<void>(retinue::detail::opened_file(file));
    open([&] { return video_.open(file.string()); });
    if (const double said = video_.get(cv::CAP_PROP_FRAME_COUNT); said >= 1 && said < 1e9)
      promised_ = static_cast<std::size_t>(said);
  }
  explicit video_frames(int camera) : from_("camera " + std::to_string(camera))
  {
    open([&] { return video_.open(camera); });
  }

  std::optional<taken_picture> next()
  {
    cv::Mat read;
    try {
      if (!video_.read(read) || read.empty()) return {};
    } catch (const cv::Exception& e) {
      video_.release();  // or the next call would try it again, for ever
      retinue::fail(from_.string(), ": frame ", frames_, " cannot be read, for OpenCV wants ",
                    e.err);
    }
    if (read.type() != CV_8UC3)
      retinue::fail(from_.string(), ": frame ", frames_, " is not of three channels of 8 bits");
    // A backend may read the next frame into the memory of this one.
    taken_picture taken{from_, read.clone(), picture_moment{frames_, seconds()}};
    ++frames_;
    return taken;
  }
  bool is_ready() { return true; }
  [[nodiscard]] std::optional<std::size_t> count() const
  {
    return is_file_ ? promised_ : std::nullopt;
  }
  [[nodiscard]] std::vector<std::filesystem::path> files() const
  {
    if (!is_file_) return {};
    return {from_};
  }
  [[nodiscard]] double rate() const { return rate_; }

 private:
  using clock = std::chrono::steady_clock;

  template <class Open>
  void open(const Open& open_it)
  {
    video_detail::be_quiet();
    bool opened = false;
    try {
      opened = open_it();
    } catch (const cv::Exception&) {
    }
    if (!opened)
      retinue::fail(from_.string(),
                    is_file_ ? ": not a video that this OpenCV can read" : " cannot be opened");
    const double said = video_.get(cv::CAP_PROP_FPS);
    rate_ = said > 0 && said < 1e4 ? said : 0;
  }

  /// When the frame that was read was: a file says it, or it follows from the rate.
  double seconds()
  {
    if (frames_ == 0) {
      began_ = clock::now();
      return 0;
    }
    if (!is_file_) return std::chrono::duration<double>(clock::now() - began_).count();
    const double said = video_.get(cv::CAP_PROP_POS_MSEC) / 1e3;
    seconds_ = said > seconds_ || rate_ <= 0 ? said : static_cast<double>(frames_) / rate_;
    return seconds_;
  }

  std::filesystem::path from_;
  bool is_file_ = false;
  cv::VideoCapture video_;
  double rate_ = 0, seconds_ = 0;
  std::optional<std::size_t> promised_;
  std::size_t frames_ = 0;
  clock::time_point began_{};
};

/// A video that could not be opened: refused when its turn comes, for others wait behind it.
class unread_video {
 public:
  unread_video(std::filesystem::path file, std::string why)
      : file_(std::move(file)), why_(std::move(why))
  {
  }

  std::optional<taken_picture> next()
  {
    if (std::exchange(told_, true)) return {};
    retinue::fail(why_);
  }
  bool is_ready() { return true; }
  [[nodiscard]] std::optional<std::size_t> count() const { return 1; }
  [[nodiscard]] std::vector<std::filesystem::path> files() const { return {file_}; }
  [[nodiscard]] double rate() const { return 0; }

 private:
  std::filesystem::path file_;
  std::string why_;
  bool told_ = false;
};

/// What comes into folders, and what is there, until a signal stops it or the folders are gone. A
/// file is taken when two looks at it find the same: it may be that somebody is still writing. It
/// is taken again when its size or its time of change is another: it was not whole, or was
/// replaced.
class watched_folders {
 public:
  static constexpr std::chrono::milliseconds between_looks{200};

  /// `stop` must outlive this.
  watched_folders(const std::vector<std::filesystem::path>& folders,
                  const retinue::stop_signal& stop)
      : folders_(folders.begin(), folders.end()), stop_(&stop)
  {
  }

  /// Throws unread_picture for a picture that may come again, and source_trouble for a folder.
  std::optional<taken_picture> next()
  {
    while (!is_ready()) {
      if (stop_->came() != 0) return {};
      std::this_thread::sleep_for(between_looks / 4);
    }
    if (!ready_.empty()) return take();
    if (!told_.empty()) {
      const std::string sentence = std::move(told_.front());
      told_.pop_front();
      throw source_trouble(sentence);
    }
    return {};  // no folder is left
  }
  bool is_ready()
  {
    const auto is_at_hand = [&] { return !ready_.empty() || !told_.empty() || folders_.empty(); };
    if (!is_at_hand() && clock::now() - looked_ >= pause_) look();
    return is_at_hand();
  }
  [[nodiscard]] std::optional<std::size_t> count() const { return {}; }
  [[nodiscard]] std::vector<std::filesystem::path> files() const { return {}; }
  [[nodiscard]] double rate() const { return 0; }

 private:
  using clock = std::chrono::steady_clock;
  using state = std::pair<std::uintmax_t, std::filesystem::file_time_type>;

  struct watched_folder {
    std::filesystem::path path;
    bool is_troubled = false;  ///< it was said that it cannot be listed
    bool is_missing = false;   ///< it was not there at the last look

    explicit watched_folder(std::filesystem::path named) : path(std::move(named)) {}
  };
  struct watched_file {
    state last;                  ///< at the last look
    std::optional<state> taken;  ///< when it was read, or could not be
    bool waits = false;          ///< among those that are ready
    std::size_t look = 0;        ///< the number of the last look that found it
  };

  /// Of a link to nothing, or of a pipe, the same each time: it is taken, refused, and taken again
  /// when something else has its name.
  [[nodiscard]] static state state_of(const std::filesystem::path& file)
  {
    std::error_code none;
    const auto size = std::filesystem::file_size(file, none);
    return {size, std::filesystem::last_write_time(file, none)};
  }

  taken_picture take()
  {
    const std::filesystem::path file = ready_.front();
    ready_.pop_front();
    watched_file& known = files_.at(file);
    known.waits = false;
    known.taken = state_of(file);  // before it is read: what changes meanwhile is seen later
    try {
      const quiet_decoding quiet;
      return {file, retinue::read_image(file), {}, true};
    } catch (const retinue::error& e) {
      throw unread_picture(file, e.what());
    }
  }

  void look()
  {
    looked_ = clock::now();
    ++looks_;
    bool all_listed = true;
    std::erase_if(folders_, [&](watched_folder& folder) {
      std::error_code trouble;
      const auto status = std::filesystem::status(folder.path, trouble);
      if (std::filesystem::exists(status) && !std::filesystem::is_directory(status))
        trouble = std::make_error_code(std::errc::not_a_directory);
      // Between two looks it may have been replaced.
      if (status.type() != std::filesystem::file_type::none && trouble) {
        all_listed = false;
        if (!std::exchange(folder.is_missing, true)) return false;
        told_.push_back(folder.path.string() + ": the folder is gone, and is watched no longer");
        return true;
      }
      folder.is_missing = false;
      try {
        for (const auto& file : retinue::images_in(folder.path)) look_at(file);
        folder.is_troubled = false;
      } catch (const retinue::error& e) {
        all_listed = false;
        if (!std::exchange(folder.is_troubled, true)) told_.push_back(e.what());
      }
      return false;
    });
    // What left the folders is forgotten: a program may watch for months.
    if (all_listed)
      std::erase_if(files_, [&](const auto& each) {
        return each.second.look != looks_ && !each.second.waits;
      });
    // To look at many files takes long, and is not all that this process does.
    pause_ = std::max<clock::duration>(between_looks, 4 * (clock::now() - looked_));
  }

  void look_at(const std::filesystem::path& file)
  {
    const state now = state_of(file);
    const auto [at, fresh] = files_.try_emplace(file, watched_file{.last = now, .taken = {}});
    watched_file& known = at->second;
    if (std::exchange(known.look, looks_) == looks_ || known.waits) return;
    const bool is_still = !fresh && known.last == now;
    known.last = now;
    if (!is_still || known.taken == now) return;
    ready_.push_back(file);
    known.waits = true;
  }

  std::vector<watched_folder> folders_;
  const retinue::stop_signal* stop_;
  std::deque<std::filesystem::path> ready_;
  std::deque<std::string> told_;
  std::map<std::filesystem::path, watched_file> files_;
  std::size_t looks_ = 0;
  clock::time_point looked_{};
  clock::duration pause_ = between_looks;
};

/// Sources one after the other.
class sources_in_turn {
 public:
  using any =
      std::variant<picture_files, drawn_pictures, video_frames, unread_video, watched_folders>;

  explicit sources_in_turn(std::vector<any> sources) : sources_(std::move(sources)) {}

  std::optional<taken_picture> next()
  {
    for (; at_ < sources_.size(); ++at_)
      if (auto taken = std::visit([](auto& source) { return source.next(); }, sources_[at_]))
        return taken;
    return {};
  }
  bool is_ready()
  {
    return at_ == sources_.size() ||
           std::visit([](auto& source) { return source.is_ready(); }, sources_[at_]);
  }
  [[nodiscard]] std::optional<std::size_t> count() const
  {
    std::size_t all = 0;
    for (const any& one : sources_) {
      const auto some = std::visit([](const auto& source) { return source.count(); }, one);
      if (!some) return {};
      all += *some;
    }
    return all;
  }
  [[nodiscard]] std::vector<std::filesystem::path> files() const
  {
    std::vector<std::filesystem::path> all;
    for (const any& one : sources_) {
      const auto some = std::visit([](const auto& source) { return source.files(); }, one);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  /// Of the first that has one.
  [[nodiscard]] double rate() const
  {
    for (const any& one : sources_)
      if (const double r = std::visit([](const auto& source) { return source.rate(); }, one); r > 0)
        return r;
    return 0;
  }

 private:
  std::vector<any> sources_;
  std::size_t at_ = 0;
};

static_assert(picture_source<picture_files> && picture_source<drawn_pictures> &&
              picture_source<video_frames> && picture_source<unread_video> &&
              picture_source<watched_folders> && picture_source<sources_in_turn>);
