// SPDX-License-Identifier: Apache-2.0
// Detection as programs over a team, for outputs that lie in memory of a device: what detector does
// of a batch, without a word to the host until all is done.
//
//   find_candidates     a block for some rows    the (row, label) whose score is above the floor
//   sort_candidates     a block an image         the best of them, best first
//   decode_candidates   a block for some boxes   those alone, in pixels of the pictures
//   decide_fates, collect_kept   suppress/look_back.hpp
//   collect_detections    a block for some places  what is kept, with its landmarks
//
// Nothing is sorted but the best, so that many classes cost little. Rooms are of fixed size. Of an
// image in which more rows are above the floor than its room holds, `found_counts` says how many
// there were, and its result is not to be used.
#pragma once

#include <retinue/backend/lane.hpp>          // lane
#include <retinue/backend/radix_select.hpp>  // bound_of_least
#include <retinue/backend/table.hpp>         // row_index
#include <retinue/backend/team_outputs.hpp>  // output_view, some_rows
#include <retinue/candidate.hpp>             // candidate
#include <retinue/compiler.hpp>              // RETINUE_HD
#include <retinue/detection.hpp>             // detection
#include <retinue/formulas/coders.hpp>       // coder
#include <retinue/frame.hpp>                 // frame
#include <retinue/geometry.hpp>              // box, centre_box, clip
#include <retinue/landmarks.hpp>             // landmark_schema
#include <retinue/suppress/look_back.hpp>    // cell_view, decide_fates

#include <bit>
#include <cstddef>
#include <cstdint>

namespace retinue {

/// How boxes come to the pixels of a picture.
struct picture_scale {
  float x = 1, y = 1;           ///< pixels of the picture per width and height of the input
  float width = 0, height = 0;  ///< where boxes are cut off; 0: nowhere

  /// That of a frame; boxes are cut off at its edges where `clipped`. Throws where a scale of it is
  /// not above 0.
  [[nodiscard]] static picture_scale of(const frame& how, bool clipped = false)
  {
    detail::check_frame(how);
    picture_scale s{static_cast<float>(how.input.width / how.scale_x),
                    static_cast<float>(how.input.height / how.scale_y)};
    if (clipped) {
      s.width = static_cast<float>(how.original.width);
      s.height = static_cast<float>(how.original.height);
    }
    return s;
  }
};

/// All that the programs of one batch see. Pointers are to where they run.
template <class Labels, class Coder, class E = float>
struct detection_view {
  std::uint32_t images = 0, anchor_count = 0, classes = 1;
  std::uint32_t room = 0;  ///< candidates of an image that are found at most
  std::uint32_t most = 0;  ///< of those, how many are decoded at most; <= room
  std::uint32_t keep = 0;  ///< detections of an image at most
  float score = 0.02f;     ///< rows that score no more are never decoded
  float bound = 0;         ///< labels.least_logit(score)
  float overlap = 0.4f;
  Labels labels{};
  Coder code{};
  const centre_box<float>* anchors = nullptr;  ///< (anchors)
  const picture_scale* scales = nullptr;       ///< (images)
  output_view<E> scores, boxes, quality;

  std::uint64_t* words = nullptr;         ///< (images, room)
  std::uint64_t* best = nullptr;          ///< (images, best_room())
  std::uint32_t* found_counts = nullptr;  ///< (images), 0 before
  std::uint32_t* counts = nullptr;        ///< (images): how many are decoded
  row_index* rows = nullptr;              ///< (images, most): their anchors
  candidate<float>* found = nullptr;      ///< (images, most)
  box<float>* decoded = nullptr;          ///< (images, most): pixels of the pictures
  std::uint32_t* fates = nullptr;         ///< (images, most)
  std::uint32_t* ticket = nullptr;        ///< one, 0 before
  cell_view cells{};                      ///< of `most` boxes an image
  row_index* kept = nullptr;              ///< (images, keep): places in `found` and `decoded`
  std::uint32_t* kept_counts = nullptr;   ///< (images)

  [[nodiscard]] RETINUE_HD std::uint32_t best_room() const { return std::bit_ceil(most); }
};

/// Where what is found goes, and the network's landmarks.
template <landmark_schema Schema, class E = float>
struct found_view {
  output_view<E> points;                    ///< read where the schema has any
  detection<Schema>* detections = nullptr;  ///< (images, keep), best first, kept_counts of each
  row_index* rows = nullptr;                ///< (images, keep): their anchors; null: not wanted
};

/// Finds what scores above the floor: a block for some rows.
template <class Labels, class Coder, class E = float>
struct find_candidates {
  static constexpr std::size_t threads = 256;
  struct shared {};

  detection_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), std::size_t{view.images} * view.anchor_count);
    team.each(own.count, [&](std::size_t i) {
      const std::size_t image = (own.first + i) / view.anchor_count,
                        row = own.first + i - image * view.anchor_count;
      const auto x = view.scores(image, row);
      for (std::uint32_t k = 0; k < view.classes; ++k) {
        if (!(view.labels.logit(x, k) > view.bound)) continue;
        float score = 0;
        if constexpr (requires { Labels::takes_quality; })
          score = view.labels.score(x, k, view.quality(image, row)[0]);
        else
          score = view.labels.score(x, k);
        if (!(score > view.score)) continue;
        const std::uint32_t at = Team::add(view.found_counts[image], 1);
        if (at < view.room)
          view.words[image * view.room + at] =
              falling_word(score, static_cast<std::uint32_t>(row) * view.classes + k);
      }
    });
  }
};

/// The best are found by radix, and sorted by a bitonic network, in which the pairs of a step are
/// apart.
template <class Labels, class Coder, class E = float>
struct sort_candidates {
  static constexpr std::size_t threads = 512;
  struct shared {
    radix_bins bins;
    std::uint32_t count;
  };

  detection_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    const std::size_t image = team.block();
    const std::uint32_t count = take_best(team, own);
    std::uint64_t* const words = view.best + image * view.best_room();
    std::uint32_t size = 1;
    while (size < count) size *= 2;
    team.each(size - count, [&](std::size_t i) { words[count + i] = no_word; });
    for (std::uint32_t run = 2; run <= size; run *= 2)
      for (std::uint32_t apart = run / 2; apart > 0; apart /= 2)
        team.each(size / 2, [&](std::size_t i) {
          const std::size_t low = i / apart * 2 * apart + i % apart, high = low + apart;
          const std::uint64_t a = words[low], b = words[high];
          if ((a > b) != ((low & run) != 0)) words[low] = b, words[high] = a;
        });
    team.each(count, [&](std::size_t i) {
      const auto place = static_cast<std::uint32_t>(words[i]);
      view.rows[image * view.most + i] = place / view.classes;
      view.found[image * view.most + i] = {value_of_word(words[i]),
                                           static_cast<float>(place % view.classes + 1)};
    });
    team.once([&] { view.counts[image] = count; });
  }

 private:
  /// In any order; returns how many.
  template <class Team>
  RETINUE_HD std::uint32_t take_best(Team& team, shared& own) const
  {
    const std::size_t image = team.block();
    const std::uint64_t* const words = view.words + image * view.room;
    std::uint64_t* const best = view.best + image * view.best_room();
    const std::uint32_t found = view.found_counts[image];
    const std::uint32_t n = found < view.room ? found : view.room;
    if (view.most == 0) return 0;
    const std::uint64_t bound =
        n <= view.most
            ? no_word
            : bound_of_least(team, own.bins, n, [&](std::size_t i) { return words[i]; }, view.most);
    team.once([&] { own.count = 0; });
    team.each(n, [&](std::size_t i) {
      if (words[i] <= bound) best[Team::add(own.count, 1)] = words[i];
    });
    return n < view.most ? n : view.most;
  }
};

/// As packets decode, to the bit where those fuse no products. Opens the fates.
template <class Labels, class Coder, class E = float>
struct decode_candidates {
  static constexpr std::size_t threads = 256;
  struct shared {};

  detection_view<Labels, Coder, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), std::size_t{view.images} * view.most);
    team.each(own.count, [&](std::size_t i) {
      const std::size_t at = own.first + i, image = at / view.most;
      view.fates[at] = static_cast<std::uint32_t>(box_fate::open);
      if (at - image * view.most >= view.counts[image]) return;
      const auto x = view.boxes(image, view.rows[at]);
      box_code_t<Coder, lane> code;
      for (std::size_t c = 0; c < code.width; ++c) code[c] = {x[c]};
      const centre_box<float>& a = view.anchors[view.rows[at]];
      const auto b = view.code.decode(code, centre_box<lane>{{a.cx}, {a.cy}, {a.w}, {a.h}});
      const picture_scale s = view.scales[image];
      view.decoded[at] = {(b.x1 * s.x).value, (b.y1 * s.y).value, (b.x2 * s.x).value,
                          (b.y2 * s.y).value};
    });
  }
};

/// What is kept, as detections; landmarks point by point, as packets decode them.
template <landmark_schema Schema, class Labels, class Coder, class E = float>
struct collect_detections {
  static constexpr std::size_t threads = 256;
  struct shared {};

  detection_view<Labels, Coder, E> view;
  found_view<Schema, E> to;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), std::size_t{view.images} * view.keep);
    team.each(own.count, [&](std::size_t i) {
      const std::size_t place = own.first + i, image = place / view.keep;
      if (place - image * view.keep >= view.kept_counts[image]) return;
      const std::size_t at = image * view.most + view.kept[place];
      const picture_scale s = view.scales[image];
      detection<Schema>& d = to.detections[place];
      d.bounds = s.width > 0 ? clip(view.decoded[at], s.width, s.height) : view.decoded[at];
      d.score = view.found[at].score;
      d.label = static_cast<std::int32_t>(view.found[at].label);
      if (to.rows) to.rows[place] = view.rows[at];
    });
    if constexpr (Schema::count > 0)
      team.each(own.count * Schema::count, [&](std::size_t i) {
        const std::size_t place = own.first + i / Schema::count, image = place / view.keep;
        if (place - image * view.keep < view.kept_counts[image])
          write_point(place, image, i % Schema::count);
      });
  }

 private:
  RETINUE_HD void write_point(std::size_t place, std::size_t image, std::size_t k) const
  {
    using one = detail::one_point<Schema>;
    static_assert(Coder::point_by_point,
                  "a program decodes landmarks one by one: a coder must say that it does, by "
                  "static constexpr bool point_by_point = true");
    constexpr std::size_t dimension = Schema::dimension;
    const row_index row = view.rows[image * view.most + view.kept[place]];
    const auto x = to.points(image, row);
    landmark_code_t<Coder, one, lane> code;
    for (std::size_t c = 0; c < dimension; ++c) code[c] = {x[k * dimension + c]};
    const centre_box<float>& a = view.anchors[row];
    const auto marks = view.code.decode(code, centre_box<lane>{{a.cx}, {a.cy}, {a.w}, {a.h}});
    const picture_scale s = view.scales[image];
    for (std::size_t c = 0; c < dimension; ++c)
      to.detections[place].points.points[k][c] = (marks[c] * (c == 1 ? s.y : s.x)).value;
  }
};

/// What is kept of a batch: `kept` and what it points to. found_counts, ticket and the beginnings
/// of the cells are 0 before.
template <class Lengths = continuous, class Blocks, class Labels, class Coder, class E>
void team_detect(Blocks& blocks, const detection_view<Labels, Coder, E>& view)
{
  blocks.run(row_blocks(std::size_t{view.images} * view.anchor_count),
             find_candidates<Labels, Coder, E>{view});
  blocks.run(view.images, sort_candidates<Labels, Coder, E>{view});
  blocks.run(row_blocks(std::size_t{view.images} * view.most),
             decode_candidates<Labels, Coder, E>{view});
  decide_fates<Lengths>(blocks, {view.decoded, view.found, view.counts, view.cells, view.fates,
                                 view.ticket, view.images, view.most, view.overlap});
  blocks.run(view.images, collect_kept{view.fates, view.counts, view.kept, view.kept_counts,
                                       view.most, view.keep});
}

/// The detections of a batch, whatever landmarks they have.
template <class Lengths = continuous, class Blocks, class Labels, class Coder, class E,
          landmark_schema Schema>
void team_detect(Blocks& blocks, const detection_view<Labels, Coder, E>& view,
                 const found_view<Schema, E>& to)
{
  team_detect<Lengths>(blocks, view);
  blocks.run(row_blocks(std::size_t{view.images} * view.keep),
             collect_detections<Schema, Labels, Coder, E>{view, to});
}

}  // namespace retinue
