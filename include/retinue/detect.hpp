// SPDX-License-Identifier: Apache-2.0
// From what a network says of an image to detections in the pixels of the original picture.
//
//   scores (P, classes) -> rows above a floor, the best few -> decode those rows alone
//     -> pixels of the original -> suppress within each class -> keep the best -> clip if asked
//
// One text for every backend, schema, anchor source, coder and suppressor. With eigen_backend
// nothing is allocated once the buffers have grown.
#pragma once

#include <retinue/anchors.hpp>          // anchor_source, make_anchors
#include <retinue/backend.hpp>          // tensor_backend
#include <retinue/detection.hpp>        // detection
#include <retinue/error.hpp>            // fail
#include <retinue/formulas/coders.hpp>  // coder, centre_size_coder
#include <retinue/frame.hpp>            // frame
#include <retinue/geometry.hpp>         // extent2, clip
#include <retinue/landmarks.hpp>        // landmarks
#include <retinue/suppress.hpp>         // greedy_suppressor, per_class_suppressor

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// What a network says of one image, row by row of its anchors. Scores are probabilities, class 0
/// the background.
template <tensor_backend Backend, landmark_schema Schema>
struct prediction {
  typename Backend::scores scores;                                               // (P, classes)
  typename Backend::template view<offsets<float>> boxes;                         // (P, 4)
  typename Backend::template view<landmark_offsets<float, Schema>> points = {};  // (P, count * dim)
};

/// The defaults are the reference's (seed 003).
struct detect_options {
  float score = 0.02f;            ///< rows that score no more are never decoded
  std::size_t candidates = 5000;  ///< at most so many rows are decoded, the best
  float overlap = 0.4f;           ///< boxes of one class overlapping by more are one object
  std::size_t keep = 750;         ///< at most so many detections
  bool clip = false;              ///< cut boxes off at the picture's edges; landmarks stay
};

namespace detail {
/// Decodes to fractions of the input, then to pixels of the picture.
template <class Coder>
struct decode_to_pixels {
  Coder coder;
  double x, y;  // pixels of the picture per width and height of the input

  template <class T>
  box<T> operator()(const offsets<T>& o, const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    const box<T> b = coder.decode(o, anchor);
    return {T(b.x1 * S(x)), T(b.y1 * S(y)), T(b.x2 * S(x)), T(b.y2 * S(y))};
  }

  template <class T, class Schema>
  landmarks<T, Schema> operator()(const landmark_offsets<T, Schema>& o,
                                  const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    landmarks<T, Schema> marks = coder.decode(o, anchor);
    for (auto& p : marks.points) {
      p[0] = p[0] * S(x);
      p[1] = p[1] * S(y);
      if constexpr (Schema::dimension == 3) p[2] = p[2] * S(x);
    }
    return marks;
  }
};
}  // namespace detail

/// Holds the anchors of the last image size and all buffers: one detector serves one thread at a
/// time.
template <landmark_schema Schema, tensor_backend Backend, anchor_source Anchors = square_anchors,
          coder<Schema> Coder = centre_size_coder, suppressor Suppressor = greedy_suppressor<>>
class detector {
 public:
  explicit detector(Anchors anchors, detect_options options = {}, Coder coder = {},
                    Backend backend = Backend())
      : source_(std::move(anchors)),
        options_(options),
        coder_(coder),
        backend_(std::move(backend)),
        suppress_(Suppressor(options.overlap, options.keep), options.keep)
  {
  }

  /// A suppressor that wants more than an overlap, such as a soft one.
  detector(Anchors anchors, detect_options options, Coder coder, Backend backend,
           Suppressor suppressor)
      : source_(std::move(anchors)),
        options_(options),
        coder_(coder),
        backend_(std::move(backend)),
        suppress_(std::move(suppressor), options.keep)
  {
  }

  /// Detections, best first; they lie in the detector until its next call. `maps` are the sizes of
  /// the network's feature maps; without them they are taken from the image's size.
  std::span<const detection<Schema>> operator()(const prediction<Backend, Schema>& said,
                                                const frame& image,
                                                std::span<const extent2> maps = {})
  {
    place_anchors(image.input, maps);
    check_rows(said);
    backend_.select(said.scores, options_.score, options_.candidates, chosen_);

    const detail::decode_to_pixels<Coder> to_pixels{coder_, image.input.width / image.scale_x,
                                                    image.input.height / image.scale_y};
    const auto near = backend_.gather(anchors_, chosen_.rows);
    backend_.map(to_pixels, decoded_boxes_, backend_.gather(said.boxes, chosen_.rows), near);
    backend_.fetch(decoded_boxes_, boxes_);
    const kept_rows kept = suppress_(boxes_, chosen_.scores, chosen_.labels);

    // Landmarks are worth decoding only for what is kept.
    kept_anchors_.clear();
    for (const row_index k : kept.rows) kept_anchors_.push_back(chosen_.rows[k]);
    if constexpr (Schema::count > 0) {
      backend_.map(to_pixels, decoded_points_, backend_.gather(said.points, kept_anchors_),
                   backend_.gather(anchors_, kept_anchors_));
      backend_.fetch(decoded_points_, points_);
    }
    found_.clear();
    for (std::size_t k = 0; k < kept.rows.size(); ++k) {
      detection<Schema> d{boxes_[kept.rows[k]], kept.scores[k], chosen_.labels[kept.rows[k]], {}};
      if (options_.clip)
        d.bounds = retinue::clip(d.bounds, static_cast<float>(image.original.width),
                                 static_cast<float>(image.original.height));
      if constexpr (Schema::count > 0) d.points = points_[k];
      found_.push_back(d);
    }
    return found_;
  }

  /// A batch, whose images may differ in size: detections of image i at result[i].
  void operator()(std::span<const prediction<Backend, Schema>> said, std::span<const frame> images,
                  std::vector<std::vector<detection<Schema>>>& result)
  {
    if (said.size() != images.size())
      fail("a batch of ", said.size(), " predictions came with ", images.size(), " frames");
    result.resize(images.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto found = (*this)(said[i], images[i]);
      result[i].assign(found.begin(), found.end());
    }
  }

  /// The rows of the anchors behind the last call's detections, in the same order.
  [[nodiscard]] std::span<const row_index> anchor_rows() const { return kept_anchors_; }

  [[nodiscard]] const detect_options& options() const { return options_; }

 private:
  void place_anchors(extent2 input, std::span<const extent2> maps)
  {
    if (maps.empty()) {
      source_maps_.resize(source_.levels());
      for (std::size_t level = 0; level < source_maps_.size(); ++level)
        source_maps_[level] = {source_.cells(level, input.height),
                               source_.cells(level, input.width)};
      maps = source_maps_;
    }
    if (input == placed_for_ && std::ranges::equal(maps, placed_maps_)) return;
    make_anchors(source_, input, maps, host_anchors_);
    backend_.anchors(host_anchors_, anchors_);
    placed_for_ = input;
    placed_maps_.assign(maps.begin(), maps.end());
  }

  void check_rows(const prediction<Backend, Schema>& said) const
  {
    const auto expect = [&](std::size_t rows, const char* what) {
      if (rows != host_anchors_.size())
        fail("the network gives ", rows, " rows of ", what, " for an input of ", placed_for_.width,
             " x ", placed_for_.height, " pixels, its anchors are ", host_anchors_.size(),
             ": the anchors' strides or sizes per cell, or the map sizes, are not the network's");
    };
    expect(backend_.size(said.scores), "scores");
    expect(backend_.size(said.boxes), "boxes");
    if constexpr (Schema::count > 0) expect(backend_.size(said.points), "landmarks");
  }

  Anchors source_;
  detect_options options_;
  Coder coder_;
  Backend backend_;
  per_class_suppressor<Suppressor> suppress_;

  extent2 placed_for_;
  std::vector<extent2> source_maps_, placed_maps_;
  std::vector<centre_box<float>> host_anchors_;
  typename Backend::template table<centre_box<float>> anchors_;

  selection chosen_;
  typename Backend::template table<box<float>> decoded_boxes_;
  typename Backend::template table<landmarks<float, Schema>> decoded_points_;
  std::vector<box<float>> boxes_;
  std::vector<landmarks<float, Schema>> points_;
  std::vector<row_index> kept_anchors_;
  std::vector<detection<Schema>> found_;
};

/// Compatibility: the reference's pipeline as it is (seed 003): both pixels of a side count in
/// suppression, exp is not clamped.
template <landmark_schema Schema, tensor_backend Backend>
[[nodiscard]] auto reference_detector(square_anchors anchors, detect_options options = {},
                                      Backend backend = Backend())
{
  return detector<Schema, Backend, square_anchors, centre_size_coder,
                  greedy_suppressor<inclusive_pixels>>(
      std::move(anchors), options, centre_size_coder::unclamped(), std::move(backend));
}

}  // namespace retinue
