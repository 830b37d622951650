// SPDX-License-Identifier: Apache-2.0
// The detector of backends whose device has a team: the same calls, by programs. Outputs stay where
// they are, and what is found comes to the host in one copy.
#pragma once

#include <retinue/backend/team_device.hpp>   // team_device, memory_layout
#include <retinue/backend/team_outputs.hpp>  // team_outputs
#include <retinue/detect.hpp>                // detector
#include <retinue/detect_programs.hpp>       // team_detect
#include <retinue/error.hpp>                 // fail
#include <retinue/suppress/greedy.hpp>       // greedy_suppressor

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// A backend whose outputs lie where a team is at work:
///
///   team()                   its device
///   team_view(said, visit)   calls visit(team_outputs<E>), a view of the outputs
template <class B>
concept team_backend = tensor_backend<B> && requires(B& b, const outputs<B>& said) {
  requires team_device<std::remove_cvref_t<decltype(b.team())>>;
  b.team_view(said, [](const auto&) {});
};

/// The rooms of a device grow with the first picture that needs them; after that, nothing is
/// allocated there.
template <landmark_schema Schema, team_backend Backend, anchor_source Anchors, coder<Schema> Coder,
          class Lengths, label_policy Labels>
class detector<Schema, Backend, Anchors, Coder, greedy_suppressor<Lengths>, Labels> {
 public:
  /// Throws where the options have more than 2^24 candidates, or keep more.
  explicit detector(Anchors anchors, detect_options options = {}, Coder coder = {},
                    Backend backend = Backend(), Labels labels = {})
      : placed_(std::move(anchors)),
        options_(options),
        coder_(std::move(coder)),
        labels_(std::move(labels)),
        device_(backend.team()),
        backend_(std::move(backend))
  {
    const std::size_t limit = std::size_t{1} << 24;
    if (options.candidates > limit || options.keep > limit)
      fail("a detector by programs decodes ", options.candidates, " candidates and keeps ",
           options.keep, ", expected no more than ", limit, " of each");
  }

  /// Detections of outputs of one image, best first; they lie in the detector until its next call.
  /// Throws as the one below.
  std::span<const detection<Schema>> operator()(const outputs<Backend>& said, const frame& image)
  {
    (*this)(said, std::span(&image, 1), found_);
    return found_[0];
  }

  /// Of a batch of images of one input size: detections of image i at result[i]. Throws where the
  /// outputs are of another number of images, where the images have not one size of input, and
  /// where a part has not a row for each anchor or not the numbers that the coder and the labels
  /// read.
  void operator()(const outputs<Backend>& said, std::span<const frame> images,
                  std::vector<std::vector<detection<Schema>>>& result)
  {
    if (said.scores.shape().images != images.size())
      fail("a network's outputs of ", said.scores.shape().images, " images came with ",
           images.size(), " frames");
    result.assign(images.size(), {});
    anchor_rows_.clear();
    if (images.empty()) return;
    for (const frame& image : images)
      if (!(image.input == images[0].input))
        fail("a batch has images of ", images[0].input.width, " x ", images[0].input.height,
             " and of ", image.input.width, " x ", image.input.height,
             " pixels, expected one size of input");
    placed_.place(images[0].input, said.maps, [&](auto anchors) { send(anchors); });
    placed_.expect(said, said.scores, "scores");
    placed_.expect(said, said.boxes, "boxes");
    if (detail::reads_quality(labels_)) placed_.expect(said, said.quality, "quality");
    if constexpr (Schema::count > 0) placed_.expect(said, said.points, "landmarks");
    const std::size_t classes = detail::classes_in(labels_, said.scores.numbers());
    backend_.team_view(said, [&](const auto& view) { find(view, classes, images, result); });
  }

  /// The rows of the anchors behind the last call's detections, in the same order, images one after
  /// the other.
  [[nodiscard]] std::span<const row_index> anchor_rows() const { return anchor_rows_; }
  [[nodiscard]] const detect_options& options() const { return options_; }

 private:
  using device_type = std::remove_cvref_t<decltype(std::declval<Backend&>().team())>;
  using memory = decltype(std::declval<device_type&>().memory(0));

  void send(std::span<const centre_box<float>> anchors)
  {
    anchors_.emplace(device_.memory(anchors.size_bytes()));
    put_values(device_, anchors, anchors_of_device());
  }
  [[nodiscard]] centre_box<float>* anchors_of_device() const
  {
    return reinterpret_cast<centre_box<float>*>(anchors_->data());
  }

  /// Where all of a batch lies: what is sent, what is cleared, and from among that on what comes
  /// back.
  template <class E>
  struct room {
    detection_view<Labels, Coder, E> view;
    found_view<Schema, E> found;
    picture_scale* scales = nullptr;

    /// Cleared is from `sent` to `cleared`, fetched from `counts` to `fetched`.
    struct places {
      std::size_t sent, counts, cleared, fetched;  ///< in bytes from the block's beginning
    };
    places lay(memory_layout& in)
    {
      auto& v = view;
      const std::size_t images = v.images, most = images * v.most, keep = images * v.keep;
      places at{};
      in.take(scales, images);
      v.scales = scales;
      at.sent = in.size();
      in.take(v.cells.begins, images * (std::size_t{v.cells.cells} + 1));
      at.counts = in.size();
      in.take(v.ticket, 1), in.take(v.found_counts, images);
      at.cleared = in.size();
      in.take(v.kept_counts, images);
      in.take(found.detections, keep), in.take(found.rows, keep);
      at.fetched = in.size();
      in.take(v.kept, keep), in.take(v.rows, most);
      in.take(v.words, images * v.room), in.take(v.best, images * v.best_room());
      in.take(v.counts, images);
      in.take(v.found, most), in.take(v.decoded, most), in.take(v.fates, most);
      in.take(v.cells.ranks, most), in.take(v.cells.boxes, most);
      return at;
    }
  };

  template <class E>
  void find(const team_outputs<E>& said, std::size_t classes, std::span<const frame> images,
            std::vector<std::vector<detection<Schema>>>& result)
  {
    expect_columns(said);
    room<E> r;
    auto& v = r.view;
    v.images = static_cast<std::uint32_t>(images.size());
    v.anchor_count = static_cast<std::uint32_t>(placed_.anchors().size());
    v.classes = static_cast<std::uint32_t>(classes);
    v.most = static_cast<std::uint32_t>(
        std::min(options_.candidates, placed_.anchors().size() * classes));
    v.keep = static_cast<std::uint32_t>(std::min<std::size_t>(options_.keep, v.most));
    v.cells.cells = cell_view::cells_for(v.most);
    v.score = options_.score, v.bound = labels_.least_logit(options_.score);
    v.overlap = options_.overlap, v.labels = labels_, v.code = coder_;
    v.anchors = anchors_of_device();
    v.scores = said.scores, v.boxes = said.boxes, v.quality = said.quality;
    r.found.points = said.points;
    if (v.keep == 0) return;
    for (;;) {
      v.room = std::max(room_, v.most);
      memory_layout size;
      const auto at = r.lay(size);
      if (block_size_ < size.size()) {
        block_.reset();
        block_.emplace(device_.memory(size.size()));
        block_size_ = size.size();
      }
      std::byte* const block = block_->data();
      memory_layout there(block);
      r.lay(there);
      scales_.clear();
      for (const frame& image : images) scales_.push_back(picture_scale::of(image, options_.clip));
      put_values(device_, std::span<const picture_scale>(scales_), r.scales);
      device_.clear(block + at.sent, at.cleared - at.sent);
      team_detect<Lengths>(device_, v, r.found);
      fetched_.resize(at.fetched);
      device_.fetch(block + at.counts, fetched_.data() + at.counts, at.fetched - at.counts);

      room<E> here;
      here.view = v;
      memory_layout in(fetched_.data());
      here.lay(in);
      const std::uint32_t found =
          *std::max_element(here.view.found_counts, here.view.found_counts + v.images);
      if (found > v.room) {  // once more, with room for all
        room_ = std::bit_ceil(found);
        continue;
      }
      for (std::size_t i = 0; i < images.size(); ++i) {
        const std::size_t count = here.view.kept_counts[i];
        const detection<Schema>* const first = here.found.detections + i * v.keep;
        result[i].assign(first, first + count);
        const row_index* const rows = here.found.rows + i * v.keep;
        anchor_rows_.insert(anchor_rows_.end(), rows, rows + count);
        if constexpr (std::same_as<Labels, given_labels>)
          if (count > 0) detail::check_given(result[i][0].score);
      }
      return;
    }
  }

  template <class E>
  static void expect_columns(const team_outputs<E>& said)
  {
    const auto check = [](std::size_t given, std::size_t wanted, const char* what) {
      if (given != wanted) fail("the ", what, " have ", given, " numbers a row, expected ", wanted);
    };
    check(said.boxes.columns, box_code_t<Coder>::width, "boxes");
    if constexpr (Schema::count > 0)
      check(said.points.columns, Schema::count * Schema::dimension, "landmarks");
  }

  detail::placed_anchors<Anchors> placed_;
  detect_options options_;
  Coder coder_;
  Labels labels_;
  device_type device_;
  Backend backend_;

  std::optional<memory> anchors_, block_;
  std::size_t block_size_ = 0;
  std::uint32_t room_ = 8192;
  std::vector<picture_scale> scales_;
  std::vector<std::byte> fetched_;
  std::vector<row_index> anchor_rows_;
  std::vector<std::vector<detection<Schema>>> found_;
};

}  // namespace retinue
