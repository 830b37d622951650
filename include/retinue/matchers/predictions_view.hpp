// SPDX-License-Identifier: Apache-2.0
// What a program that matches by what the network says sees of a batch, and what it writes.
#pragma once

#include <retinue/backend/lane.hpp>          // lane, lanes_of
#include <retinue/backend/table.hpp>         // row_index
#include <retinue/backend/team_outputs.hpp>  // output_view
#include <retinue/compiler.hpp>              // RETINUE_HD
#include <retinue/formulas/coders.hpp>       // box_code_t
#include <retinue/geometry.hpp>              // box, centre_box
#include <retinue/matchers/assignment.hpp>   // rival, verdict
#include <retinue/matchers/batch_view.hpp>   // truth_view

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace retinue {

/// Pointers are to where programs run. Numbers are those of packets, lane by lane.
template <class Labels, class Coder, class E = float>
struct predictions_view {
  std::uint32_t images = 0, anchor_count = 0;
  std::uint32_t truth_room = 0;  ///< of all images: so many, or fewer
  Labels labels{};
  Coder code{};
  const centre_box<float>* anchors = nullptr;  ///< (anchors), fractions of the image's sides
  truth_view batch;
  output_view<E> scores, boxes;

  box<float>* said = nullptr;  ///< (images, anchors): the network's boxes

  verdict* verdicts = nullptr;  ///< (images, anchors)
  row_index* truths = nullptr;  ///< (images, anchors), within the image
  float* qualities = nullptr;   ///< (images, anchors)

  [[nodiscard]] RETINUE_HD std::size_t rows() const { return std::size_t{images} * anchor_count; }
  /// Truth t of the batch, as the formulas see it.
  [[nodiscard]] RETINUE_HD rival<lane> truth(std::size_t t) const
  {
    const truth_bounds<float>& of = batch.truths[t];
    const box<float>& b = of.bounds;
    const float ignored = batch.ignore && batch.ignore[t] ? 1.0f : of.label < 0 ? 2.0f : 0.0f;
    return {{{b.x1}, {b.y1}, {b.x2}, {b.y2}}, {of.label}, {ignored}};
  }
  [[nodiscard]] RETINUE_HD centre_box<lane> anchor(std::size_t a) const
  {
    const centre_box<float>& of = anchors[a];
    return {{of.cx}, {of.cy}, {of.w}, {of.h}};
  }
  [[nodiscard]] RETINUE_HD auto scores_of(std::size_t image, std::size_t a) const
  {
    const auto x = scores(image, a);
    return lanes_of<std::remove_const_t<decltype(x)>>{x};
  }
  /// What the network says of an anchor, decoded; and kept in `said`.
  RETINUE_HD box<lane> decode(std::size_t image, std::size_t a) const
  {
    const auto x = boxes(image, a);
    box_code_t<Coder, lane> numbers;
    for (std::size_t c = 0; c < numbers.width; ++c) numbers[c] = {x[c]};
    const box<lane> b = code.decode(numbers, anchor(a));
    said[image * anchor_count + a] = {b.x1.value, b.y1.value, b.x2.value, b.y2.value};
    return b;
  }
  /// The box that was kept of a row of the batch.
  [[nodiscard]] RETINUE_HD box<lane> said_of(std::size_t row) const
  {
    const box<float>& b = said[row];
    return {{b.x1}, {b.y1}, {b.x2}, {b.y2}};
  }
};

}  // namespace retinue
