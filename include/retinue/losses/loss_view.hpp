// SPDX-License-Identifier: Apache-2.0
// What the programs of a loss see of a batch and leave behind, and what one row costs, by the
// formulas of the host.
#pragma once

#include <retinue/backend/lane.hpp>          // lanes_of
#include <retinue/backend/table.hpp>         // row_index
#include <retinue/backend/team_outputs.hpp>  // output_view
#include <retinue/compiler.hpp>              // RETINUE_HD
#include <retinue/error.hpp>                 // fail
#include <retinue/formulas/coders.hpp>       // coder
#include <retinue/formulas/dual.hpp>         // as_inputs
#include <retinue/geometry.hpp>              // centre_box
#include <retinue/landmarks.hpp>             // landmark_schema, one_point
#include <retinue/losses/costs.hpp>          // box_cost, landmark_cost, wanted
#include <retinue/losses/multibox.hpp>       // multibox_settings, multibox_weights
#include <retinue/losses/quality.hpp>        // matched_quality
#include <retinue/losses/truths.hpp>         // truth_points
#include <retinue/matchers/batch_view.hpp>   // anchor_view, truth_view

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace retinue {

/// What a row is to the loss.
enum class row_role : std::uint8_t { nothing, positive, negative, mined };

/// The truths' landmarks beside their boxes.
template <landmark_schema Schema>
struct learnt_truths : truth_view {
  const truth_points<float, Schema>* points = nullptr;
};

/// What a matcher said of all rows, (images, anchors). Null qualities or weights are 1.
struct assigned_view {
  const verdict* verdicts = nullptr;
  const row_index* truths = nullptr;
  const float *qualities = nullptr, *weights = nullptr;
};

/// The sums of a part of the rows, or of all.
struct part_sums {
  double box = 0, label = 0, landmark = 0, quality = 0;
  double box_weights = 0;  ///< where boxes are not weighed alike
  std::uint32_t positives = 0, negatives = 0, with_landmarks = 0;
};

/// The terms of a batch, divided; the total of all, weighed.
struct team_terms {
  part_sums sums;
  double divisor = 1, box_divisor = 1, landmark_divisor = 1;
  double box = 0, label = 0, landmark = 0, quality = 0, total = 0;
};

/// All that the programs of one batch see. Pointers are to where they run.
template <class Settings, class E = float>
struct loss_view {
  using schema = typename Settings::schema;

  std::uint32_t images = 0;
  anchor_view anchors;
  learnt_truths<schema> batch;
  assigned_view assigned;
  output_view<E> scores, boxes, points, quality;
  row_role* roles = nullptr;      ///< (images, anchors)
  std::uint32_t* keys = nullptr;  ///< (images, anchors)
  part_sums* parts = nullptr;     ///< (row_blocks(images, anchors))
  team_terms* terms = nullptr;    ///< one

  [[nodiscard]] RETINUE_HD std::size_t rows() const { return std::size_t{images} * anchors.count; }
  /// What a positive should say.
  [[nodiscard]] RETINUE_HD wanted<float> want(std::size_t row, std::size_t truth) const
  {
    return {batch.truths[truth].label, assigned.qualities ? assigned.qualities[row] : 1.0f,
            (assigned.weights ? assigned.weights[row] : 1.0f) *
                (batch.weights ? batch.weights[truth].value : 1.0f)};
  }
};

/// Where the gradients of a batch go: (images, anchors, columns) each, row after row, of numbers E
/// to which floats are rounded. Those of parts that are null are not written.
template <class E = float>
struct gradient_view {
  E *scores = nullptr, *boxes = nullptr, *points = nullptr, *quality = nullptr;
  /// By what the gradient of the total is multiplied; null: 1. It lies where the programs run.
  const float* incoming = nullptr;
  /// In place of that and of the weights, by what those of box, label, landmark and quality are,
  /// one by one; null: by the weights.
  const float* of_terms = nullptr;
  /// Room for as many numbers as scores has, where those are not floats: of the rows that are
  /// learnt from, a label policy's slopes before they are rounded.
  float* before_rounding = nullptr;
};

namespace detail {

/// What a program takes of labels: themselves, or what they say is plain data.
template <class Labels>
[[nodiscard]] auto plain_labels(const Labels& labels)
{
  if constexpr (requires { labels.plain(); })
    return labels.plain();
  else
    return labels;
}

/// Settings as plain data.
template <class Settings>
struct plain_settings {
  using schema = typename Settings::schema;
  using coder_type = decltype(Settings::code);
  using box_type = decltype(Settings::box);
  using landmark_type = decltype(Settings::landmark);
  using labels_type = decltype(plain_labels(std::declval<Settings>().labels));
  using quality_type = decltype(Settings::quality);
  using wanted_type = std::remove_cvref_t<decltype(std::declval<Settings>().mining.wanted())>;
  static constexpr std::size_t box_width = box_code_t<coder_type>::width;

  coder_type code;
  box_type box;
  landmark_type landmark;
  labels_type labels;
  quality_type quality;
  wanted_type negatives;
  multibox_weights weights;
  normalisation divide_by;
  box_weighing weigh_boxes;

  /// Throws where some of them are no plain data: see `learnt_by_programs`.
  explicit plain_settings(const Settings& s)
      : code(s.code),
        box(s.box),
        landmark(s.landmark),
        labels(plain_labels(s.labels)),
        quality(s.quality),
        negatives(s.mining.wanted()),
        weights(s.weights),
        divide_by(s.divide_by),
        weigh_boxes(s.weigh_boxes)
  {
    if (!may_weigh && weighs())
      fail("a loss of softmax labels by programs was to weigh boxes, expected alike");
  }

  /// Whether boxes are weighed. Programs of softmax_labels leave it out, for the registers.
  static constexpr bool may_weigh = !std::same_as<labels_type, softmax_labels>;
  [[nodiscard]] RETINUE_HD bool weighs() const { return weigh_boxes != box_weighing::alike; }
};

template <class Code, class Row>
[[nodiscard]] RETINUE_HD Code code_of(const Row& x)
{
  Code code;
  for (std::size_t c = 0; c < Code::width; ++c) code[c] = x[c];
  return code;
}

/// What a box costs, and its slopes.
template <class Settings, class Row>
RETINUE_HD double box_with_slope(const plain_settings<Settings>& s, const Row& x,
                                 std::span<float> slope, const truth_bounds<float>& truth,
                                 const centre_box<float>& anchor, const wanted<float>& want)
{
  using plain = plain_settings<Settings>;
  using code = box_code_t<typename plain::coder_type>;
  const box_cost<typename plain::coder_type, typename plain::box_type> cost{s.code, s.box};
  const code said = code_of<code>(x);
  if constexpr (residual_loss<typename plain::box_type>) {
    return cost.with_slope(said, slope, truth, anchor, want);
  } else {
    constexpr std::size_t n = code::width;
    const auto value = cost(as_inputs(said), as_constants<n>(truth), as_constants<n>(anchor),
                            as_constants<n>(want));
    for (std::size_t c = 0; c < n; ++c) slope[c] = value.slope[c];
    return static_cast<double>(value.value);
  }
}

/// What a positive should say, with the quality of the policy, of the score or of the part beside
/// it; as packets find it.
template <bool OfPart, class Settings, class Row>
[[nodiscard]] RETINUE_HD wanted<float> rated(const plain_settings<Settings>& s, const Row& x,
                                             const truth_bounds<float>& truth,
                                             const centre_box<float>& anchor,
                                             const wanted<float>& want)
{
  using plain = plain_settings<Settings>;
  if constexpr (std::same_as<typename plain::quality_type, matched_quality>) {
    return want;
  } else {
    using code = box_code_t<typename plain::coder_type, lane>;
    const rated_of<typename plain::coder_type, typename plain::quality_type, OfPart> rate{
        s.code, s.quality};
    const box<float>& b = truth.bounds;
    const wanted<lane> found =
        rate(code_of<code>(lanes_of<Row>{x}),
             truth_bounds<lane>{{{b.x1}, {b.y1}, {b.x2}, {b.y2}}, {truth.label}},
             centre_box<lane>{{anchor.cx}, {anchor.cy}, {anchor.w}, {anchor.h}},
             wanted<lane>{{want.label}, {want.quality}, {want.weight}});
    return {want.label, found.quality.value, want.weight};
  }
}

/// The same with the weight that its box has, by its quality or by its scores, as packets find it.
template <class Settings, class Row>
[[nodiscard]] RETINUE_HD wanted<float> weighed(const plain_settings<Settings>& s, const Row& x,
                                               const wanted<float>& want)
{
  const weigh_box<typename plain_settings<Settings>::labels_type> weigh{
      s.labels, s.weigh_boxes == box_weighing::by_score};
  const wanted<lane> found =
      weigh(lanes_of<Row>{x}, wanted<lane>{{want.label}, {want.quality}, {want.weight}});
  return {want.label, want.quality, found.weight.value};
}

/// What landmark k of a row costs, and its slopes, which are 0 where it is not learnt from.
template <class Settings, class Row>
RETINUE_HD double point_with_slope(const plain_settings<Settings>& s, const Row& x, std::size_t k,
                                   std::span<float> slope,
                                   const truth_points<float, typename Settings::schema>& truth,
                                   const centre_box<float>& anchor, const wanted<float>& want)
{
  using plain = plain_settings<Settings>;
  using coder_type = typename plain::coder_type;
  using one = one_point<typename Settings::schema>;
  static_assert(coder_type::point_by_point,
                "a program codes landmarks one by one: a coder must say that it does, by "
                "static constexpr bool point_by_point = true");
  static_assert(residual_loss<typename plain::landmark_type>,
                "a program learns landmarks number by number: its loss must be a residual_loss");
  constexpr std::size_t dimension = one::dimension;
  const landmark_cost<coder_type, typename plain::landmark_type> cost{s.code, s.landmark};
  landmark_code_t<coder_type, one> said;
  truth_points<float, one> want_point;
  for (std::size_t c = 0; c < dimension; ++c) {
    said[c] = x[k * dimension + c];
    want_point.points.points[0][c] = truth.points.points[k][c];
    slope[c] = 0;
  }
  want_point.visible[0] = truth.visible[k];
  return cost.with_slope(said, slope, want_point, truth_bounds<float>{}, anchor, want);
}

}  // namespace detail

/// Whether there are programs of these settings: of those that are chosen at run time, not where
/// classes have weights or negatives are drawn; of softmax_labels, not where boxes are weighed.
template <class Settings>
[[nodiscard]] bool learnt_by_programs(const Settings& s)
{
  using plain_type = detail::plain_settings<Settings>;
  bool plain = plain_type::may_weigh || s.weigh_boxes == box_weighing::alike;
  if constexpr (requires { s.labels.weighted(); }) plain = plain && !s.labels.weighted();
  if constexpr (requires { s.mining.draws(); }) plain = plain && !s.mining.draws();
  return plain;
}

}  // namespace retinue
