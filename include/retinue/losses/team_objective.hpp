// SPDX-License-Identifier: Apache-2.0
// Matching, mining and the loss of a batch by programs, on any device that has a team: what an
// objective does of outputs that lie there. Truths go there in one piece, and nothing comes back
// that is not asked for.
#pragma once

#include <retinue/anchors/layout.hpp>              // anchor_layout
#include <retinue/backend/team_device.hpp>         // team_device, memory_layout
#include <retinue/backend/team_outputs.hpp>        // team_outputs
#include <retinue/error.hpp>                       // fail
#include <retinue/losses/multibox_programs.hpp>    // team_loss
#include <retinue/losses/truths.hpp>               // truth_batch
#include <retinue/matchers/adaptive_program.hpp>   // team_match, claims_view
#include <retinue/matchers/aligned_program.hpp>    // team_match, aligned_view
#include <retinue/matchers/dynamic_k_program.hpp>  // team_match, bids_view
#include <retinue/matchers/overlap_matcher.hpp>    // overlap_matcher
#include <retinue/matchers/overlap_program.hpp>    // match_images

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

/// A matcher of which there are programs.
template <class M>
concept programmed_matcher =
    std::same_as<M, overlap_matcher> || std::same_as<M, adaptive_matcher> ||
    std::same_as<M, dynamic_k_matcher> || std::same_as<M, aligned_matcher>;

/// One copy serves one thread at a time, and the anchors of one image size.
template <team_device Device, class Settings, programmed_matcher Match = overlap_matcher>
class team_objective {
 public:
  using schema = typename Settings::schema;
  using memory = decltype(std::declval<Device&>().memory(0));  ///< what owns bytes of the device

  /// Throws what is wrong with the settings.
  team_objective(Device device, const Settings& settings, const Match& match,
                 const anchor_layout& layout)
      : device_(std::move(device)),
        settings_(settings),
        how_(match.how()),
        least_(layout.anchors()),
        anchor_memory_(put_anchors(layout))
  {
    settings_.check();
  }

  /// The truths of a batch where the device sees them, in a room for some more. A copy is of the
  /// same.
  struct sent_truths {
    std::shared_ptr<memory> block;  ///< all of it
    learnt_truths<schema> view;     ///< where it is on the device
    std::size_t images = 0;         ///< of so many, no more and no fewer
    std::size_t room = 0;           ///< for so many truths in all
  };

  /// What is kept of a batch until its gradient has been asked for.
  template <class E>
  struct batch {
    memory block;
    sent_truths truths;
    loss_view<Settings, E> view;
  };

  /// Room for the truths of so many images, and for so many truths in all.
  [[nodiscard]] sent_truths room_for(std::size_t images, std::size_t truths)
  {
    memory_layout size;
    truth_places().lay(size, images, truths);
    sent_truths to{std::make_shared<memory>(device_.memory(size.size())), {}, images, truths};
    memory_layout there(to.block->data());
    truth_places at;
    at.lay(there, images, truths);
    static_cast<truth_view&>(to.view) = {at.bounds, at.ignore, at.first, at.weights};
    to.view.points = at.points;
    return to;
  }

  /// Sends the truths of as many images as there is room for, in one piece; what was there before
  /// is gone. Throws where they are too many.
  void send(const truth_batch<schema>& truths, const sent_truths& to)
  {
    if (truths.images() != to.images || truths.size() > to.room)
      fail("there is room for ", to.room, " truths of ", to.images, " images, and there are ",
           truths.size(), " of ", truths.images());
    memory_layout size;
    truth_places().lay(size, to.images, to.room);
    staging_.resize(size.size());
    memory_layout in(staging_.data());
    truth_places here;
    here.lay(in, to.images, to.room);
    std::ranges::copy(truths.boxes(), here.bounds);
    std::ranges::copy(truths.points(), here.points);
    std::ranges::copy(truths.weights(), here.weights);
    for (std::size_t i = 0; i < truths.images(); ++i) {
      const std::size_t from = truths.first(i), count = truths.boxes(i).size();
      const auto marks = truths.ignore(i);
      for (std::size_t t = 0; t < count; ++t) here.ignore[from + t] = marks.empty() ? 0 : marks[t];
      here.first[i] = static_cast<std::uint32_t>(from);
    }
    here.first[truths.images()] = static_cast<std::uint32_t>(truths.size());
    device_.put(staging_.data(), to.block->data(), size.size());
  }

  /// Matches, mines and sums a batch, whose outputs must last as long as what is returned. Of a
  /// part of a batch, `whole` has the counts. Throws where a part of the outputs is of other
  /// columns.
  template <class E>
  [[nodiscard]] batch<E> operator()(const team_outputs<E>& said, const truth_batch<schema>& truths,
                                    const batch_counts* whole = nullptr)
  {
    const sent_truths sent = room_for(truths.images(), truths.size());
    send(truths, sent);
    return (*this)(said, sent, whole);
  }
  /// The same of truths that were sent. What is launched depends on their room, not on how many
  /// there are. Throws as the one above.
  template <class E>
  [[nodiscard]] batch<E> operator()(const team_outputs<E>& said, const sent_truths& truths,
                                    const batch_counts* whole = nullptr)
  {
    check(said);
    const auto images = static_cast<std::uint32_t>(truths.images);
    room<E> r;
    memory_layout size;
    r.lay(size, anchors_, images, truths.room);
    batch<E> all{device_.memory(size.size()), truths, {}};
    memory_layout there(all.block.data());
    r.lay(there, anchors_, images, truths.room);
    r.view.batch = truths.view;

    loss_view<Settings, E>& v = all.view;
    v = r.view;
    v.images = images, v.anchors = anchors_;
    v.scores = said.scores, v.boxes = said.boxes;
    v.points = said.points, v.quality = said.quality;
    if constexpr (by_overlap) {
      device_.run(images, match_images{how_, anchors_, v.batch, r.match});
      v.assigned = {r.match.verdicts, r.match.truths};
    } else if constexpr (by_threshold) {
      claims_view& claims = r.claims;
      claims.images = images, claims.anchors = anchors_;
      claims.truth_room = static_cast<std::uint32_t>(truths.room);
      claims.settings = how_, claims.batch = v.batch;
      team_match(device_, claims);
      v.assigned = {claims.verdicts, claims.truths};
    } else {
      auto& looks = r.looks;
      looks.images = images, looks.anchor_count = anchors_.count;
      looks.truth_room = static_cast<std::uint32_t>(truths.room);
      looks.settings = how_, looks.code = settings_.code;
      looks.labels = detail::plain_labels(settings_.labels);
      looks.anchors = anchors_.anchors, looks.batch = v.batch;
      looks.scores = said.scores, looks.boxes = said.boxes;
      if constexpr (by_alignment) looks.least = least_;
      team_match(device_, looks);
      v.assigned = {looks.verdicts, looks.truths, looks.qualities};
    }
    team_loss(device_, settings_, v, whole);
    return all;
  }

  /// Writes the gradient of a batch where the device sees it.
  template <class E>
  void slopes(const batch<E>& of, const gradient_view<std::type_identity_t<E>>& to)
  {
    team_slopes(device_, settings_, of.view, to);
  }

  /// The terms, on the host; waits.
  template <class E>
  [[nodiscard]] team_terms fetch(const batch<E>& of)
  {
    std::array<team_terms, 1> terms;
    fetch_values<Device, team_terms>(device_, of.view.terms, terms);
    return terms[0];
  }

  [[nodiscard]] Device& device() { return device_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  static constexpr bool by_overlap = std::same_as<Match, overlap_matcher>;
  static constexpr bool by_threshold = std::same_as<Match, adaptive_matcher>;
  static constexpr bool by_alignment = std::same_as<Match, aligned_matcher>;
  using labels_type = typename detail::plain_settings<Settings>::labels_type;
  using coder_type = decltype(Settings::code);

  /// Where the truths of a batch lie.
  struct truth_places {
    truth_bounds<float>* bounds = nullptr;
    truth_points<float, schema>* points = nullptr;
    number<float>* weights = nullptr;
    std::uint8_t* ignore = nullptr;
    std::uint32_t* first = nullptr;

    void lay(memory_layout& in, std::size_t images, std::size_t truths)
    {
      in.take(bounds, truths), in.take(points, truths);
      in.take(weights, truths), in.take(ignore, truths);
      in.take(first, images + 1);
    }
  };

  /// Where all else of a batch lies.
  template <class E>
  struct room {
    loss_view<Settings, E> view;
    match_room match;
    claims_view claims;
    std::conditional_t<by_alignment, aligned_view<labels_type, coder_type, E>,
                       bids_view<labels_type, coder_type, E>>
        looks;

    void lay(memory_layout& in, const anchor_view& of, std::size_t images, std::size_t truths)
    {
      const std::size_t rows = of.count * images;
      if constexpr (by_overlap) {
        in.take(match.best, rows), in.take(match.owner, rows);
        in.take(match.truth_best, truths), in.take(match.asks, truths);
        in.take(match.searching, truths);
        in.take(match.verdicts, rows), in.take(match.truths, rows);
      } else if constexpr (by_threshold) {
        in.take(claims.bounds, truths * of.level_count), in.take(claims.claims, rows);
        in.take(claims.covered, rows);
        in.take(claims.verdicts, rows), in.take(claims.truths, rows);
      } else {
        in.take(looks.said, rows);
        in.take(looks.verdicts, rows), in.take(looks.truths, rows);
        in.take(looks.qualities, rows);
        if constexpr (by_alignment) {
          in.take(looks.chosen, rows), in.take(looks.best, rows);
          in.take(looks.most_metric, truths), in.take(looks.most_overlap, truths);
        } else {
          in.take(looks.bidder_counts, images), in.take(looks.bidders, rows);
          in.take(looks.backgrounds, rows);
          in.take(looks.wanted, rows), in.take(looks.last, rows);
        }
      }
      in.take(view.roles, rows), in.take(view.keys, rows);
      in.take(view.parts, row_blocks(rows)), in.take(view.terms, 1);
    }
  };

  memory put_anchors(const anchor_layout& layout)
  {
    std::vector<level_grid> levels;
    for (const level_layout& level : layout.levels()) levels.push_back(level);
    centre_box<float>* anchors = nullptr;
    level_grid* grids = nullptr;
    const auto lay = [&](memory_layout& in) {
      in.take(anchors, layout.size()), in.take(grids, levels.size());
    };
    memory_layout size;
    lay(size);
    memory block = device_.memory(size.size());
    memory_layout there(block.data());
    lay(there);
    put_values(device_, layout.anchors(), anchors);
    put_values(device_, std::span<const level_grid>(levels), grids);
    anchors_ = {anchors, grids, static_cast<std::uint32_t>(layout.size()),
                static_cast<std::uint32_t>(levels.size())};
    return block;
  }

  template <class E>
  void check(const team_outputs<E>& said) const
  {
    const auto expect = [](const output_view<E>& part, const char* what, std::size_t numbers) {
      if (part.columns != numbers)
        fail("the ", what, " of a loss have ", part.columns, " columns, expected ", numbers);
    };
    expect(said.boxes, "boxes", box_code_t<coder_type>::width);
    expect(said.scores, "scores", settings_.labels.columns(settings_.classes));
    if constexpr (schema::count > 0)
      expect(said.points, "landmarks", schema::count * schema::dimension);
    if (said.quality.data) expect(said.quality, "quality", 1);
  }

  Device device_;
  Settings settings_;
  std::remove_cvref_t<decltype(std::declval<const Match&>().how())> how_;
  least_sides least_;
  anchor_view anchors_;
  memory anchor_memory_;
  std::vector<std::byte> staging_;
};

}  // namespace retinue
