// SPDX-License-Identifier: Apache-2.0
// What a detector is trained for: anchors laid out as the network's maps are, truths matched to
// them, and the loss of both.
//
// Outputs in host memory are viewed there, matched, mined and summed by host_backend; those of
// another device by libtorch_backend, from which nothing but the lengths of lists comes back. Where
// an objective has blocks, outputs of their device go through programs, and nothing comes back.
// Settings of which there are no programs go by tables there, too.
#pragma once

#include <retinue/anchors/layout.hpp>            // anchor_layout
#include <retinue/anchors/square_anchors.hpp>    // the anchors by default
#include <retinue/error.hpp>                     // fail
#include <retinue/losses/libtorch.hpp>           // tensor_terms
#include <retinue/losses/loss_view.hpp>          // learnt_by_programs
#include <retinue/losses/multibox.hpp>           // multibox_loss
#include <retinue/losses/samples.hpp>            // sampler
#include <retinue/matchers/overlap_matcher.hpp>  // overlap_matcher
#include <retinue/models/network.hpp>            // network_outputs

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace retinue {

/// An objective without programs.
struct no_blocks {};

template <class Settings, class Match, class Blocks>
class torch_team_loss;  // losses/libtorch_team.hpp: to be included where there are blocks

/// Settings are a multibox_settings of the schema, coder, label policy and so on; Anchors are an
/// anchor_source. Blocks are those of programs: torch_cuda_blocks, of whom your .cu names the
/// programs, or host_blocks.
template <class Settings, class Match = overlap_matcher, class Anchors = square_anchors,
          class Blocks = no_blocks>
class objective {
  static_assert(detail::expect_anchor_source<Anchors>());
  static constexpr bool has_programs = !std::same_as<Blocks, no_blocks>;

 public:
  using schema = typename Settings::schema;

  explicit objective(Anchors anchors, const Settings& settings = {},
                     Match match = Match::retinaface())
      : anchors_(std::move(anchors)), settings_(settings), match_(std::move(match))
  {
    settings_.check();
  }

  /// The truths of each image, in fractions of its sides; all images are of one size. Of a part of
  /// a batch, whose counts are those of `whole`: what it adds to the terms of the whole. Throws
  /// where the maps are not those of the anchors, where a part of the outputs is of another shape,
  /// and where a truth cannot be learnt from.
  [[nodiscard]] tensor_terms operator()(const network_outputs& said, extent2 image,
                                        std::span<const std::vector<instance<schema>>> truths,
                                        const batch_counts* whole = nullptr)
  {
    lay_out(image, said.maps);
    truths_.read(truths, settings_.classes, settings_.reading);
    if constexpr (has_programs)
      if (by_programs() && said.scores.values.defined() &&
          torch_team_loss<Settings, Match, Blocks>::serves(said.scores.values.device())) {
        if (!by_programs_)
          by_programs_.emplace(said.scores.values.device(), settings_, match_, layout_);
        return (*by_programs_)(said, truths_, whole);
      }
    if (said.scores.values.defined() && !said.scores.values.is_cpu()) {
      if (!on_device_) on_device_.emplace(*this, libtorch_backend(said.scores.values.device()));
      return as_tensors((*on_device_)(*this, said, whole), said);
    }
    if (!on_host_) on_host_.emplace(*this, host_backend());
    const host_outputs<> view(said);
    return as_tensors((*on_host_)(*this, view.said, whole), said);
  }

  /// Whether outputs of the blocks' device go through programs: where there are blocks, and
  /// programs of the settings (`learnt_by_programs`).
  [[nodiscard]] bool by_programs() const
  {
    if constexpr (has_programs)
      return learnt_by_programs(settings_);
    else
      return false;
  }
  /// Whether truths may be sent ahead: to where programs are, of images and maps of the sizes of
  /// the last batch that was learnt from there.
  [[nodiscard]] bool sends() const
  {
    if constexpr (has_programs)
      return by_programs_.has_value();
    else
      return false;
  }
  /// Sends them, to where they lie until others are sent. Returns for how many there is room: what
  /// was recorded of learning from them holds while that stays. Throws where no batch was learnt
  /// from by programs, and where a truth cannot be learnt from.
  std::size_t send(std::span<const std::vector<instance<schema>>> truths)
    requires has_programs
  {
    if (!sends()) fail("truths were sent before a batch was learnt from by programs");
    truths_.read(truths, settings_.classes, settings_.reading);
    return by_programs_->send(truths_);
  }
  /// Learns from those that were sent. Throws where none were, or for other maps.
  [[nodiscard]] tensor_terms operator()(const network_outputs& said)
    requires has_programs
  {
    if (!sends() || said.maps != maps_) fail("outputs of other maps than truths were sent for");
    return (*by_programs_)(said);
  }

  /// What is drawn from here on is drawn for this update, so that a run that goes on draws what it
  /// would have drawn.
  void turn(std::uint64_t update) { update_ = update; }

  /// Whether counts are known before the network has said anything: a matcher that looks at it
  /// cannot tell, nor can mining that leaves positives out, nor are boxes weighed before.
  [[nodiscard]] bool counts_ahead() const
  {
    bool known = settings_.weigh_boxes == box_weighing::alike;
    if constexpr (requires { match_.looks(); }) known = known && !match_.looks();
    if constexpr (requires(Settings& s, std::vector<row_index>& kept) {
                    s.mining.keep(std::size_t{}, kept);
                  }) {
      if constexpr (requires { settings_.mining.draws(); })
        known = known && !settings_.mining.draws();
      else
        known = false;
    }
    return known;
  }

  /// The counts of a batch, where they are known ahead; `maps` are those that the network says of
  /// any part of it. Throws where they are not those of the anchors, and where a truth cannot be
  /// learnt from.
  [[nodiscard]] batch_counts count(extent2 image, const std::vector<extent2>& maps,
                                   std::span<const std::vector<instance<schema>>> truths)
    requires matcher<Match>
  {
    lay_out(image, maps);
    truths_.read(truths, settings_.classes, settings_.reading);
    batch_counts counts{truths.size(), 0, 0};
    assignment assigned;
    for (std::size_t i = 0; i < truths.size(); ++i) {
      match_(layout_, truths_.bounds(i), truths_.ignore(i), assigned);
      each_positive(assigned.verdicts, [&](std::size_t anchor) {
        const std::size_t truth = truths_.first(i) + assigned.truths[anchor];
        if (!(truths_.boxes()[truth].label > 0)) return;
        ++counts.positives;
        counts.with_landmarks += std::ranges::count(truths_.points()[truth].visible, 0.0f) <
                                 std::ptrdiff_t(schema::count);
      });
    }
    return counts;
  }

 private:
  /// What there is of programs: an optional loss, or nothing.
  template <class Of>
  struct programs_of {
    using type = std::optional<torch_team_loss<Settings, Match, Of>>;
  };
  template <std::same_as<no_blocks> Of>
  struct programs_of<Of> {
    struct type {
      void reset() const {}  ///< does nothing
    };
  };

  /// The same steps where the tables of a backend lie.
  template <class B>
  class steps {
   public:
    steps(const objective& of, B backend)
        : backend_(std::move(backend)),
          sample_(of.match_, of.settings_.labels, of.settings_.mining, of.settings_.code),
          loss_(of.settings_)
    {
      backend_.put(of.layout_.anchors(), 1, anchors_);
    }

    const loss_terms<B>& operator()(const objective& of, const outputs<B>& said,
                                    const batch_counts* whole)
    {
      sample_.turn(of.update_);
      sample_(backend_, of.layout_, anchors_, said, of.truths_, chosen_);
      return loss_(backend_, anchors_, said, of.truths_, chosen_, whole);
    }

   private:
    B backend_;
    typename B::template table<centre_box<float>> anchors_;
    typename Settings::template sampler_over<B, Match> sample_;
    typename Settings::template loss_over<B> loss_;
    samples<B> chosen_;
  };

  void lay_out(extent2 image, const std::vector<extent2>& maps)
  {
    if (image == image_ && maps == maps_ && layout_.size() > 0) return;
    layout_ = anchor_layout(anchors_, image, maps);
    image_ = image;
    maps_ = maps;
    on_host_.reset(), on_device_.reset(), by_programs_.reset();
  }

  Anchors anchors_;
  Settings settings_;
  Match match_;
  std::uint64_t update_ = 0;
  extent2 image_{};
  std::vector<extent2> maps_;
  anchor_layout layout_;
  truth_batch<schema> truths_;
  std::optional<steps<host_backend>> on_host_;
  std::optional<steps<libtorch_backend>> on_device_;
  typename programs_of<Blocks>::type by_programs_;
};

}  // namespace retinue
