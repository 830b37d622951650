// SPDX-License-Identifier: Apache-2.0
// Mining and the multibox loss as programs over a team, for where a batch's outputs lie in memory
// of a device: the rows, terms and gradients of losses/multibox.hpp, without a word to the host.
//
//   rank_rows, mine_images                 losses/mining_programs.hpp
//   add_terms      a block for some rows   sums of the terms
//   total_terms    one block               divisors and the total
//   write_slopes   a block for some rows   the gradient of the total, zeros and all
//
// Gradients are of the outputs' numbers: computed as floats, and rounded once.
//
// Sums go in an order that depends on the number of rows alone; the only atomic operations are
// those of whole numbers. So a batch gives the same bits each time.
#pragma once

#include <retinue/backend/team_outputs.hpp>    // row_blocks, some_rows
#include <retinue/compiler.hpp>                // RETINUE_HD
#include <retinue/losses/costs.hpp>            // label_cost, wanted
#include <retinue/losses/loss_view.hpp>        // loss_view
#include <retinue/losses/mining_programs.hpp>  // rank_rows, mine_images
#include <retinue/losses/multibox.hpp>         // multibox_settings, batch_counts

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace retinue {

/// The sums of some rows.
template <class Settings, class E = float>
struct add_terms {
  static constexpr std::size_t threads = 384;
  struct shared {};
  using schema = typename Settings::schema;

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    const auto count_of = [&](const auto& counts) {
      return team.template sum<std::uint32_t>(own.count, [&](std::size_t i) -> std::uint32_t {
        return counts(at(own.first + i)) ? 1 : 0;
      });
    };
    const auto sum_of = [&](const auto& cost) {
      return team.template sum<double>(own.count, [&](std::size_t i) {
        const place p = at(own.first + i);
        return p.positive() || p.mined() ? cost(p) : 0.0;
      });
    };
    part_sums& sums = view.parts[team.block()];
    // Each at once, for those that wait would fill registers.
    const auto write = [&](auto part_sums::* member, auto value) {
      team.once([&] { sums.*member = value; });
    };
    write(&part_sums::positives, count_of([](const place& p) { return p.positive(); }));
    write(&part_sums::negatives, count_of([](const place& p) { return p.mined(); }));
    write(&part_sums::box, sum_of([&](const place& p) {
      std::array<float, detail::plain_settings<Settings>::box_width> slope;
      return p.positive() ? detail::box_with_slope(settings, view.boxes(p.image, p.anchor), slope,
                                                   p.truth(view), view.anchors.anchors[p.anchor],
                                                   p.want_of_box(view, settings))
                          : 0.0;
    }));
    double weights = 0;
    if constexpr (detail::plain_settings<Settings>::may_weigh)
      if (settings.weighs())
        weights = sum_of([&](const place& p) {
          return p.positive() ? static_cast<double>(p.want_of_box(view, settings).weight) : 0.0;
        });
    write(&part_sums::box_weights, weights);
    write(&part_sums::label, sum_of([&](const place& p) {
      const wanted<float> want = p.template want<false>(view, settings);
      const float cost =
          settings.labels.cost(view.scores(p.image, p.anchor), want.label, want.quality);
      return static_cast<double>(cost * want.weight);
    }));
    if constexpr (schema::count > 0) {
      write(&part_sums::with_landmarks,
            count_of([&](const place& p) { return p.shows_points(view); }));
      write(&part_sums::landmark, sum_of([&](const place& p) {
        double sum = 0;
        if (!p.shows_points(view)) return sum;
        std::array<float, schema::dimension> slope;
        for (std::size_t k = 0; k < schema::count; ++k)
          sum += detail::point_with_slope(settings, view.points(p.image, p.anchor), k, slope,
                                          p.points(view), view.anchors.anchors[p.anchor],
                                          p.want(view));
        return sum;
      }));
    } else {
      write(&part_sums::with_landmarks, std::uint32_t{0});
      write(&part_sums::landmark, 0.0);
    }
    if (view.quality.data)
      write(&part_sums::quality, sum_of([&](const place& p) {
        if (!p.rates_part(settings)) return 0.0;
        return static_cast<double>(detail::quality_cost{}(view.quality(p.image, p.anchor),
                                                          p.template want<true>(view, settings)));
      }));
    else
      write(&part_sums::quality, 0.0);
  }

  /// One row.
  struct place {
    std::size_t row, image, anchor;
    row_role role;

    [[nodiscard]] RETINUE_HD bool positive() const { return role == row_role::positive; }
    [[nodiscard]] RETINUE_HD bool mined() const { return role == row_role::mined; }
    [[nodiscard]] RETINUE_HD std::size_t truth_row(const loss_view<Settings, E>& in) const
    {
      return in.batch.first[image] + in.assigned.truths[row];
    }
    [[nodiscard]] RETINUE_HD const truth_bounds<float>& truth(
        const loss_view<Settings, E>& in) const
    {
      return in.batch.truths[truth_row(in)];
    }
    [[nodiscard]] RETINUE_HD const auto& points(const loss_view<Settings, E>& in) const
    {
      return in.batch.points[truth_row(in)];
    }
    [[nodiscard]] RETINUE_HD wanted<float> want(const loss_view<Settings, E>& in) const
    {
      return positive() ? in.want(row, truth_row(in)) : wanted<float>{0, 0, 1};
    }
    /// The same with the quality of the score, or of the part beside it.
    template <bool OfPart>
    [[nodiscard]] RETINUE_HD wanted<float> want(const loss_view<Settings, E>& in,
                                                const detail::plain_settings<Settings>& s) const
    {
      if (!positive()) return want(in);
      return detail::rated<OfPart>(s, in.boxes(image, anchor), truth(in),
                                   in.anchors.anchors[anchor], want(in));
    }
    /// The same with the weight of its box.
    [[nodiscard]] RETINUE_HD wanted<float> want_of_box(
        const loss_view<Settings, E>& in, const detail::plain_settings<Settings>& s) const
    {
      if constexpr (detail::plain_settings<Settings>::may_weigh)
        if (s.weighs()) return detail::weighed(s, in.scores(image, anchor), want<false>(in, s));
      return want(in);
    }
    /// Whether it is learnt from by the part beside the scores.
    [[nodiscard]] RETINUE_HD bool rates_part(const detail::plain_settings<Settings>& s) const
    {
      return positive() || (mined() && s.quality.of_negatives);
    }
    [[nodiscard]] RETINUE_HD bool shows_points(const loss_view<Settings, E>& in) const
    {
      if (!positive()) return false;
      const auto& visible = points(in).visible;
      for (std::size_t k = 0; k < schema::count; ++k)
        if (visible[k] > 0) return true;
      return false;
    }
  };
  [[nodiscard]] RETINUE_HD place at(std::size_t row) const
  {
    const std::size_t image = row / view.anchors.count;
    return {row, image, row - image * view.anchors.count, view.roles[row]};
  }
};

/// The sums of all rows, and what they are divided by. Of a part of a batch, `whole` has the
/// counts.
template <class Settings, class E = float>
struct total_terms {
  static constexpr std::size_t threads = 256;
  struct shared {};

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;
  batch_counts whole{};
  bool of_whole = false;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const std::size_t n = row_blocks(view.rows());
    part_sums s;
    const auto add = [&](auto part_sums::* member) {
      using number = std::remove_cvref_t<decltype(s.*member)>;
      s.*member =
          team.template sum<number>(n, [&](std::size_t b) { return view.parts[b].*member; });
    };
    add(&part_sums::box), add(&part_sums::label);
    add(&part_sums::landmark), add(&part_sums::quality), add(&part_sums::box_weights);
    add(&part_sums::positives), add(&part_sums::negatives), add(&part_sums::with_landmarks);
    team.once([&] {
      team_terms& t = *view.terms;
      t.sums = s;
      t.divisor = divisor(of_whole ? whole.positives : s.positives);
      t.landmark_divisor = divisor(of_whole ? whole.with_landmarks : s.with_landmarks);
      const double weights = s.box_weights > 1 ? s.box_weights : 1.0;
      t.box_divisor = settings.weighs() ? weights : t.divisor;
      t.box = s.box / t.box_divisor, t.label = s.label / t.divisor;
      t.landmark = s.landmark / t.landmark_divisor, t.quality = s.quality / t.divisor;
      const multibox_weights& w = settings.weights;
      t.total = w.box * t.box + w.label * t.label + w.landmark * t.landmark + w.quality * t.quality;
    });
  }

 private:
  [[nodiscard]] RETINUE_HD double divisor(std::size_t anchors) const
  {
    const std::size_t images = of_whole ? whole.images : view.images;
    const std::size_t count = settings.divide_by == normalisation::images ? images : anchors;
    return static_cast<double>(count > 1 ? count : 1);
  }
};

/// The dense gradients of the total, each number once.
template <class Settings, class E = float>
struct write_slopes {
  static constexpr std::size_t threads = 512;
  struct shared {};
  using schema = typename Settings::schema;
  using of_row = typename add_terms<Settings, E>::place;

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;
  gradient_view<E> to;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    const multibox_weights& w = settings.weights;
    const team_terms& terms = *view.terms;
    if (to.boxes) write_boxes(team, own, scale(0, w.box, terms.box_divisor));
    if (to.scores) write_scores(team, own, scale(1, w.label, terms.divisor));
    if constexpr (schema::count > 0)
      if (to.points) write_points(team, own, scale(2, w.landmark, terms.landmark_divisor));
    if (to.quality && view.quality.data)
      write_quality(team, own, scale(3, w.quality, terms.divisor));
  }

 private:
  [[nodiscard]] RETINUE_HD float scale(int term, double weight, double divisor) const
  {
    if (to.of_terms) return static_cast<float>(1 / divisor) * to.of_terms[term];
    return static_cast<float>(weight / divisor) * (to.incoming ? *to.incoming : 1.0f);
  }
  [[nodiscard]] RETINUE_HD of_row at(std::size_t row) const
  {
    const std::size_t image = row / view.anchors.count;
    return {row, image, row - image * view.anchors.count, view.roles[row]};
  }

  template <class Team>
  RETINUE_HD void write_boxes(Team& team, const detail::some_rows& own, float factor) const
  {
    constexpr std::size_t width = detail::plain_settings<Settings>::box_width;
    team.each(own.count, [&](std::size_t i) {
      const of_row p = at(own.first + i);
      std::array<float, width> slope{};
      if (p.positive())
        detail::box_with_slope(settings, view.boxes(p.image, p.anchor), slope, p.truth(view),
                               view.anchors.anchors[p.anchor], p.want_of_box(view, settings));
      E* const out = to.boxes + p.row * width;
      for (std::size_t c = 0; c < width; ++c) out[c] = static_cast<E>(factor * slope[c]);
    });
  }

  template <class Team>
  RETINUE_HD void write_scores(Team& team, const detail::some_rows& own, float factor) const
  {
    const std::size_t columns = view.scores.columns;
    team.each(own.count * columns,
              [&](std::size_t i) { to.scores[own.first * columns + i] = static_cast<E>(0.0f); });
    team.each(own.count, [&](std::size_t i) {
      const of_row p = at(own.first + i);
      if (!p.positive() && !p.mined()) return;
      E* const out = to.scores + p.row * columns;
      float* slopes = nullptr;
      if constexpr (std::same_as<E, float>)
        slopes = out;
      else
        slopes = to.before_rounding + p.row * columns;
      const wanted<float> want = p.template want<false>(view, settings);
      static_cast<void>(settings.labels.with_slope(view.scores(p.image, p.anchor),
                                                   std::span<float>(slopes, columns), want.label,
                                                   want.quality));
      for (std::size_t c = 0; c < columns; ++c)
        out[c] = static_cast<E>(factor * (slopes[c] * want.weight));
    });
  }

  /// Point by point.
  template <class Team>
  RETINUE_HD void write_points(Team& team, const detail::some_rows& own, float factor) const
  {
    constexpr std::size_t dimension = schema::dimension, count = schema::count;
    team.each(own.count * count, [&](std::size_t i) {
      const std::size_t k = i % count;
      const of_row p = at(own.first + i / count);
      std::array<float, dimension> slope{};
      if (p.positive())
        detail::point_with_slope(settings, view.points(p.image, p.anchor), k, slope, p.points(view),
                                 view.anchors.anchors[p.anchor], p.want(view));
      E* const out = to.points + (p.row * count + k) * dimension;
      for (std::size_t c = 0; c < dimension; ++c) out[c] = static_cast<E>(factor * slope[c]);
    });
  }

  template <class Team>
  RETINUE_HD void write_quality(Team& team, const detail::some_rows& own, float factor) const
  {
    team.each(own.count, [&](std::size_t i) {
      const of_row p = at(own.first + i);
      std::array<float, 1> slope{};
      if (p.rates_part(settings))
        detail::quality_cost{}.with_slope(view.quality(p.image, p.anchor), slope,
                                          p.template want<true>(view, settings));
      to.quality[p.row] = static_cast<E>(factor * slope[0]);
    });
  }
};

/// The terms of a batch whose rows are assigned, on the blocks of any machine. Throws of a part of
/// a batch whose boxes are to be weighed, which are divided by the sum of the weights.
template <class Blocks, class Settings, class E>
void team_loss(Blocks& blocks, const Settings& settings, const loss_view<Settings, E>& view,
               const batch_counts* whole = nullptr)
{
  if (whole && settings.weigh_boxes != box_weighing::alike)
    fail("the boxes of a part of a batch were to be weighed, whose divisor is the whole's");
  const detail::plain_settings<Settings> plain(settings);
  const std::size_t parts = row_blocks(view.rows());
  blocks.run(parts, rank_rows<Settings, E>{plain, view});
  blocks.run(view.images, mine_images<Settings, E>{plain, view});
  blocks.run(parts, add_terms<Settings, E>{plain, view});
  blocks.run(
      1, total_terms<Settings, E>{plain, view, whole ? *whole : batch_counts{}, whole != nullptr});
}

/// The gradient of their total, after team_loss. Throws as that does.
template <class Blocks, class Settings, class E>
void team_slopes(Blocks& blocks, const Settings& settings, const loss_view<Settings, E>& view,
                 const gradient_view<std::type_identity_t<E>>& to)
{
  blocks.run(row_blocks(view.rows()),
             write_slopes<Settings, E>{detail::plain_settings<Settings>(settings), view, to});
}

}  // namespace retinue
