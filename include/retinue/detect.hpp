// SPDX-License-Identifier: Apache-2.0
// From what a network says of an image to detections in the pixels of the original picture.
//
//   scores (P, columns) -> rows above a floor, the best few -> decode those rows alone
//     -> pixels of the original -> suppress within each class -> keep the best -> clip if asked
//
// One text for every backend, schema, anchor source, coder, suppressor and label policy. In host
// memory nothing is allocated once the buffers have grown; elsewhere tables stay where they are,
// and only detections come to the host.
#pragma once

#include <retinue/anchors/grid.hpp>            // anchor_source, make_anchors
#include <retinue/anchors/square_anchors.hpp>  // square_anchors
#include <retinue/backend.hpp>                 // tensor_backend
#include <retinue/detection.hpp>               // detection
#include <retinue/error.hpp>                   // fail
#include <retinue/formulas/coders.hpp>         // coder, centre_size_coder
#include <retinue/frame.hpp>                   // frame
#include <retinue/geometry.hpp>                // extent2, clip
#include <retinue/labels/policy.hpp>           // label_policy
#include <retinue/labels/softmax.hpp>          // softmax_labels
#include <retinue/landmarks.hpp>               // landmarks
#include <retinue/outputs.hpp>                 // outputs
#include <retinue/select.hpp>                  // selector
#include <retinue/suppress/greedy.hpp>         // greedy_suppressor
#include <retinue/suppress/per_class.hpp>      // per_class_suppressor
#include <retinue/suppress/run.hpp>            // suppression

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

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
  float x, y;  // pixels of the picture per width and height of the input

  template <class Code, class T>
  RETINUE_HD auto operator()(const Code& code, const centre_box<T>& anchor) const
  {
    using S = scalar_of_t<T>;
    auto found = coder.decode(code, anchor);
    if constexpr (requires { found.points; }) {
      for (auto& p : found.points) {
        p[0] = p[0] * S(x);
        p[1] = p[1] * S(y);
        if constexpr (decltype(found)::dimension == 3) p[2] = p[2] * S(x);
      }
    } else {
      found = {T(found.x1 * S(x)), T(found.y1 * S(y)), T(found.x2 * S(x)), T(found.y2 * S(y))};
    }
    return found;
  }
};

/// The anchors of one size of input in host memory, kept until another is asked for.
template <class Anchors>
class placed_anchors {
 public:
  explicit placed_anchors(Anchors source) : source_(std::move(source)) {}

  /// Makes the anchors and gives them to put, unless that was done for this input and these maps.
  /// No maps: as the size of the input has them.
  template <class Put>
  void place(extent2 input, std::span<const extent2> maps, Put put)
  {
    if (maps.empty()) {
      source_maps_.resize(source_.levels());
      for (std::size_t level = 0; level < source_maps_.size(); ++level)
        source_maps_[level] = {source_.cells(level, input.height),
                               source_.cells(level, input.width)};
      maps = source_maps_;
    }
    if (input == input_ && std::equal(maps.begin(), maps.end(), maps_.begin(), maps_.end())) return;
    maps_.clear();  // none are placed until all is done, for memory may be refused on the way
    make_anchors(source_, input, maps, anchors_);
    put(anchors());
    input_ = input;
    maps_.assign(maps.begin(), maps.end());
  }

  /// Throws where a part of the outputs has other rows, or is of other images than the scores.
  template <class Backend>
  void expect(const outputs<Backend>& said, const typename Backend::output& part,
              const char* what) const
  {
    const table_shape given = part.shape();
    if (given.rows == 0 && !anchors_.empty())
      fail("the outputs have no ", what, ", which this detector reads");
    if (given.images != said.scores.shape().images)
      fail("the network gives ", what, " of ", given.images, " images, and scores of ",
           said.scores.shape().images);
    if (given.rows != anchors_.size())
      fail("the network gives ", given.rows, " rows of ", what, " for an input of ", input_.width,
           " x ", input_.height, " pixels, its anchors are ", anchors_.size(),
           ": the anchors' strides or sizes per cell, or the map sizes, are not the network's");
  }

  [[nodiscard]] std::span<const centre_box<float>> anchors() const { return anchors_; }

 private:
  Anchors source_;
  extent2 input_;
  std::vector<extent2> source_maps_, maps_;
  std::vector<centre_box<float>> anchors_;
};

/// The boxes of an image and what they are, whatever landmarks belong to them: so that programs for
/// many schemas compile it once.
template <class Backend, class Anchors, class Coder, class Suppressor, class Labels>
class box_finder {
 public:
  box_finder(Anchors anchors, detect_options options, Coder coder, Backend backend,
             Suppressor suppressor, Labels labels)
      : placed_(std::move(anchors)),
        options_(options),
        coder_(std::move(coder)),
        labels_(std::move(labels)),
        backend_(std::move(backend)),
        suppress_(std::move(suppressor), options.keep)
  {
  }

  /// The anchors of an input of that size. Throws where the outputs have other rows.
  void place(const outputs<Backend>& said, extent2 input)
  {
    placed_.place(input, said.maps, [&](auto anchors) { backend_.put(anchors, 1, anchors_); });
    expect(said, said.scores, "scores");
    expect(said, said.boxes, "boxes");
    if (!reads_quality(labels_)) return;
    expect(said, said.quality, "quality");
    if (said.quality.numbers() != 1)
      fail("the quality has ", said.quality.numbers(), " numbers a row, expected 1");
  }
  void expect(const outputs<Backend>& said, const typename Backend::output& part,
              const char* what) const
  {
    placed_.expect(said, part, what);
  }

  /// Finds image i; what it found lies here until the next call. The anchors are placed.
  void operator()(const outputs<Backend>& said, std::size_t i, const frame& image)
  {
    select_(backend_, labels_, said.scores.image(i), quality_of(said, i), options_.score,
            options_.candidates, chosen_);
    const auto codes = backend_.template as<box_code_t<Coder>>(said.boxes.image(i), "boxes");
    backend_.map(to_pixels(image), boxes_, backend_.gather(codes, chosen_.rows),
                 backend_.gather(anchors_, chosen_.rows));
    const auto kept = suppress_(backend_, boxes_, chosen_.found, kept_);
    backend_.gather(chosen_.rows, kept_, kept_anchors_);
    backend_.fetch(kept_anchors_, anchor_rows_);
    backend_.fetch(backend_.gather(boxes_, kept_), host_boxes_);
    backend_.fetch(backend_.gather(chosen_.found, kept_), host_found_);
    for (std::size_t k = 0; k < host_boxes_.size(); ++k) {
      if (!kept.boxes.empty()) host_boxes_[k] = kept.boxes[k];
      if (!kept.scores.empty()) host_found_[k].score = kept.scores[k];
      if (options_.clip)
        host_boxes_[k] = clip(host_boxes_[k], static_cast<float>(image.original.width),
                              static_cast<float>(image.original.height));
    }
  }

  [[nodiscard]] decode_to_pixels<Coder> to_pixels(const frame& image) const
  {
    return {coder_, static_cast<float>(image.input.width / image.scale_x),
            static_cast<float>(image.input.height / image.scale_y)};
  }
  [[nodiscard]] const detect_options& options() const { return options_; }
  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] const auto& anchors() const { return anchors_; }

  // What was found, best first: the rows of the anchors where they live and on the host, boxes in
  // the picture's pixels, scores and labels.
  [[nodiscard]] const typename Backend::list& kept_anchors() const { return kept_anchors_; }
  [[nodiscard]] std::span<const row_index> anchor_rows() const { return anchor_rows_; }
  [[nodiscard]] std::span<const box<float>> boxes() const { return host_boxes_; }
  [[nodiscard]] std::span<const candidate<float>> found() const { return host_found_; }

 private:
  typename Backend::output quality_of(const outputs<Backend>& said, std::size_t i) const
  {
    if (reads_quality(labels_)) return said.quality.image(i);
    return {};
  }

  placed_anchors<Anchors> placed_;
  detect_options options_;
  Coder coder_;
  Labels labels_;
  Backend backend_;
  selector<Backend, Labels> select_;
  suppression<Backend, Suppressor> suppress_;

  typename Backend::template table<centre_box<float>> anchors_;

  selection<Backend> chosen_;
  typename Backend::template table<box<float>> boxes_;
  typename Backend::list kept_, kept_anchors_;
  std::vector<row_index> anchor_rows_;
  std::vector<box<float>> host_boxes_;
  std::vector<candidate<float>> host_found_;
};

}  // namespace detail

/// Holds the anchors of the last image size and all buffers: one detector serves one thread at a
/// time. Its parts are a tensor_backend, an anchor_source, a coder of the schema, a suppressor and
/// a label_policy.
template <landmark_schema Schema, class Backend, class Anchors = square_anchors,
          class Coder = centre_size_coder, class Suppressor = greedy_suppressor<>,
          class Labels = given_labels>
class detector {
  static_assert(detail::expect_backend<Backend>() && detail::expect_anchor_source<Anchors>() &&
                detail::expect_coder<Coder, Schema>() && detail::expect_suppressor<Suppressor>() &&
                detail::expect_label_policy<Labels>());
  static_assert(
      coder<Coder, Schema, packet<float>>,
      "a coder's functions must be templates over the coordinate T, for boxes are decoded "
      "in packets: write encode and decode for box<T>, centre_box<T> and its code of T");

 public:
  /// By the suppressor that these options make. Throws where they make none: greedy suppression
  /// wants an overlap of 0 to 1.
  explicit detector(Anchors anchors, detect_options options = {}, Coder coder = {},
                    Backend backend = Backend(), Labels labels = {})
    requires std::constructible_from<Suppressor, float, std::size_t>
      : detector(std::move(anchors), options, std::move(coder), std::move(backend),
                 Suppressor(options.overlap, options.keep), std::move(labels))
  {
  }

  /// A suppressor that wants more than an overlap, such as a soft one.
  detector(Anchors anchors, detect_options options, Coder coder, Backend backend,
           Suppressor suppressor, Labels labels = {})
      : find_boxes_(std::move(anchors), options, std::move(coder), std::move(backend),
                    std::move(suppressor), std::move(labels))
  {
  }

  /// Detections of outputs of one image, best first; they lie in the detector until its next call.
  /// Landmarks are those of the row that was kept, whatever a vote or a fusion makes of its box:
  /// for landmarks that are fused, too, see merger. Throws where the outputs are of another number
  /// of images, where a part has not a row for each anchor or not the numbers that the coder and
  /// the labels read, where labels are given and a score is no probability, and where a scale of
  /// the frame is not above 0.
  std::span<const detection<Schema>> operator()(const outputs<Backend>& said, const frame& image)
  {
    expect_images(said, 1);
    return find(said, 0, image);
  }

  /// Of a batch of images of one input size: detections of image i at result[i]. Throws as the one
  /// above.
  void operator()(const outputs<Backend>& said, std::span<const frame> images,
                  std::vector<std::vector<detection<Schema>>>& result)
  {
    expect_images(said, images.size());
    result.resize(images.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto found = find(said, i, images[i]);
      result[i].assign(found.begin(), found.end());
    }
  }

  /// The rows of the anchors behind the last call's detections, in the same order.
  [[nodiscard]] std::span<const row_index> anchor_rows() const { return find_boxes_.anchor_rows(); }

  [[nodiscard]] const detect_options& options() const { return find_boxes_.options(); }

 private:
  std::span<const detection<Schema>> find(const outputs<Backend>& said, std::size_t i,
                                          const frame& image)
  {
    auto& boxes = find_boxes_;
    detail::check_frame(image);
    boxes.place(said, image.input);
    if constexpr (Schema::count > 0) boxes.expect(said, said.points, "landmarks");
    boxes(said, i, image);
    if constexpr (Schema::count > 0) {  // worth decoding only for what is kept
      Backend& b = boxes.backend();
      const auto codes =
          b.template as<landmark_code_t<Coder, Schema>>(said.points.image(i), "landmarks");
      b.map(boxes.to_pixels(image), points_, b.gather(codes, boxes.kept_anchors()),
            b.gather(boxes.anchors(), boxes.kept_anchors()));
      b.fetch(points_, host_points_);
    }
    found_.clear();
    for (std::size_t k = 0; k < boxes.boxes().size(); ++k) {
      const candidate<float> c = boxes.found()[k];
      detection<Schema> d{boxes.boxes()[k], c.score, static_cast<std::int32_t>(c.label), {}};
      if constexpr (Schema::count > 0) d.points = host_points_[k];
      found_.push_back(d);
    }
    return found_;
  }

  static void expect_images(const outputs<Backend>& said, std::size_t images)
  {
    if (said.scores.shape().images != images)
      fail("a network's outputs of ", said.scores.shape().images, " images came with ", images,
           " frames");
  }

  detail::box_finder<Backend, Anchors, Coder, Suppressor, Labels> find_boxes_;
  typename Backend::template table<landmarks<float, Schema>> points_;
  std::vector<landmarks<float, Schema>> host_points_;
  std::vector<detection<Schema>> found_;
};

/// Compatibility: the reference's pipeline as it is (seed 003): both pixels of a side count in
/// suppression, exp is not clamped. Throws where the overlap is not 0 to 1.
template <landmark_schema Schema, tensor_backend Backend>
[[nodiscard]] auto reference_detector(square_anchors anchors, detect_options options = {},
                                      Backend backend = Backend())
{
  return detector<Schema, Backend, square_anchors, centre_size_coder,
                  greedy_suppressor<inclusive_pixels>>(
      std::move(anchors), options, centre_size_coder::unclamped(), std::move(backend));
}

}  // namespace retinue
