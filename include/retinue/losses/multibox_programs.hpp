// SPDX-License-Identifier: Apache-2.0
// Mining and the multibox loss as programs over a team, for where a batch's outputs lie in memory
// of a device: the rows, terms and gradients of losses/multibox.hpp, without a word to the host.
//
//   rank_rows      a block for some rows   what a row is, and how wrong it is as background
//   mine_images    a block an image        the negatives that are learnt from, by radix selection
//   add_terms      a block for some rows   sums of the terms
//   total_terms    one block               divisors and the total
//   write_slopes   a block for some rows   the gradient of the total, zeros and all
//
// Gradients are of the outputs' numbers: computed as floats, and rounded once.
//
// Sums go in an order that depends on the number of rows alone; the only atomic operations are
// those of whole numbers. So a batch gives the same bits each time.
#pragma once

#include <retinue/backend/lane.hpp>              // lanes_of
#include <retinue/backend/radix_select.hpp>      // bound_of_least
#include <retinue/backend/table.hpp>             // row_index
#include <retinue/compiler.hpp>                  // RETINUE_HD
#include <retinue/error.hpp>                     // fail
#include <retinue/formulas/coders.hpp>           // coder
#include <retinue/formulas/dual.hpp>             // as_inputs
#include <retinue/geometry.hpp>                  // centre_box
#include <retinue/losses/costs.hpp>              // box_cost, label_cost, landmark_cost, wanted
#include <retinue/losses/hard_negatives.hpp>     // mining_key
#include <retinue/losses/multibox.hpp>           // multibox_settings, batch_counts
#include <retinue/losses/quality.hpp>            // matched_quality
#include <retinue/losses/truths.hpp>             // truth_points
#include <retinue/matchers/overlap_program.hpp>  // truth_view

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace retinue {

/// What a network wrote, (images, rows, columns), of numbers E that turn into floats: float, or one
/// of half the size.
template <class E = float>
struct output_view {
  const E* data = nullptr;  ///< null: no such part
  std::uint32_t columns = 0;
  table_strides strides{};

  struct row {
    const E* data;
    std::uint32_t count;
    std::ptrdiff_t stride;

    [[nodiscard]] RETINUE_HD std::size_t size() const { return count; }
    [[nodiscard]] RETINUE_HD float operator[](std::size_t c) const
    {
      return static_cast<float>(data[static_cast<std::ptrdiff_t>(c) * stride]);
    }
  };
  [[nodiscard]] RETINUE_HD row operator()(std::size_t image, std::size_t r) const
  {
    return {data + static_cast<std::ptrdiff_t>(image) * strides.image +
                static_cast<std::ptrdiff_t>(r) * strides.row,
            columns, strides.number};
  }
};

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
  std::uint32_t positives = 0, negatives = 0, with_landmarks = 0;
};

/// The terms of a batch, divided; the total of all, weighed.
struct team_terms {
  part_sums sums;
  double divisor = 1, landmark_divisor = 1;
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
  part_sums* parts = nullptr;     ///< (loss_blocks(images, anchors))
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

/// How many rows of a batch a block has, of the programs that go over all.
inline constexpr std::size_t loss_rows_of_block = 1024;
/// How many blocks those programs have for so many rows.
[[nodiscard]] constexpr std::size_t loss_blocks(std::size_t rows)
{
  return (rows + loss_rows_of_block - 1) / loss_rows_of_block;
}

namespace detail {

/// The rows of one block.
struct some_rows {
  std::size_t first, count;

  RETINUE_HD some_rows(std::size_t block, std::size_t rows)
      : first(block * loss_rows_of_block),
        count(rows - first < loss_rows_of_block ? rows - first : loss_rows_of_block)
  {
  }
};

/// What settings hold but the mining, which is not plain data.
template <class Settings>
struct plain_settings {
  using schema = typename Settings::schema;
  using coder_type = decltype(Settings::code);
  using box_type = decltype(Settings::box);
  using landmark_type = decltype(Settings::landmark);
  using labels_type = decltype(Settings::labels);
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

  explicit plain_settings(const Settings& s)
      : code(s.code),
        box(s.box),
        landmark(s.landmark),
        labels(s.labels),
        quality(s.quality),
        negatives(s.mining.wanted()),
        weights(s.weights),
        divide_by(s.divide_by)
  {
    if (s.weigh_boxes != box_weighing::alike)
      fail("a loss by programs was to weigh boxes by their quality or score, expected alike");
  }
};

/// One of the points of a schema, as a schema of its own.
template <class Schema>
using one_point = schemas::points<1, Schema::dimension>;

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

/// Positives of background become negatives, those of a truth to be ignored nothing.
template <class Settings, class E = float>
struct rank_rows {
  static constexpr std::size_t threads = 256;
  struct shared {};

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared&) const
  {
    const detail::some_rows own(team.block(), view.rows());
    team.each(own.count, [&](std::size_t i) {
      const std::size_t row = own.first + i, image = row / view.anchors.count;
      const verdict said = view.assigned.verdicts[row];
      row_role role = said == verdict::negative ? row_role::negative : row_role::nothing;
      if (said == verdict::positive) {
        const float label =
            view.batch.truths[view.batch.first[image] + view.assigned.truths[row]].label;
        role = label > 0 ? row_role::positive : label == 0 ? row_role::negative : row_role::nothing;
      }
      view.roles[row] = role;
      view.keys[row] = detail::no_negative;
      if (role != row_role::negative) return;
      const auto x = view.scores(image, row - image * view.anchors.count);
      view.keys[row] = detail::mining_key(
          settings.labels.wrong(lanes_of<std::remove_const_t<decltype(x)>>{x}).value);
    });
  }
};

/// The first so many of (key, row), found digit by digit of their 64 bits.
template <class Settings, class E = float>
struct mine_images {
  static constexpr std::size_t threads = 512;
  using shared = radix_bins;

  detail::plain_settings<Settings> settings;
  loss_view<Settings, E> view;

  template <class Team>
  RETINUE_HD void operator()(Team& team, shared& own) const
  {
    const std::size_t n = view.anchors.count;
    row_role* const roles = view.roles + team.block() * n;
    const std::uint32_t* const keys = view.keys + team.block() * n;
    const auto count_of = [&](row_role role) {
      return team.template sum<std::uint32_t>(
          n, [&](std::size_t a) -> std::uint32_t { return roles[a] == role ? 1 : 0; });
    };
    const std::uint32_t positives = count_of(row_role::positive);
    const std::uint32_t negatives = count_of(row_role::negative);
    const std::size_t quota = settings.negatives(positives);
    const auto left = static_cast<std::uint32_t>(quota < negatives ? quota : negatives);
    if (left == 0) return;
    const auto word_of = [&](std::size_t a) {
      return keys[a] == detail::no_negative
                 ? no_word
                 : std::uint64_t{keys[a]} << 32 | static_cast<std::uint32_t>(a);
    };
    const std::uint64_t end =
        left == negatives ? no_word : bound_of_least(team, own, n, word_of, left);
    team.each(n, [&](std::size_t a) {
      if (roles[a] == row_role::negative && word_of(a) <= end) roles[a] = row_role::mined;
    });
  }
};

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
                                                   p.want(view))
                          : 0.0;
    }));
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
    /// Whether it is learnt from by the part beside the scores.
    [[nodiscard]] RETINUE_HD bool rates_part(const detail::plain_settings<Settings>&) const
    {
      return positive() ||
             (mined() && detail::plain_settings<Settings>::quality_type::of_negatives);
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
    const std::size_t n = loss_blocks(view.rows());
    part_sums s;
    const auto add = [&](auto part_sums::* member) {
      using number = std::remove_cvref_t<decltype(s.*member)>;
      s.*member =
          team.template sum<number>(n, [&](std::size_t b) { return view.parts[b].*member; });
    };
    add(&part_sums::box), add(&part_sums::label);
    add(&part_sums::landmark), add(&part_sums::quality);
    add(&part_sums::positives), add(&part_sums::negatives), add(&part_sums::with_landmarks);
    team.once([&] {
      team_terms& t = *view.terms;
      t.sums = s;
      t.divisor = divisor(of_whole ? whole.positives : s.positives);
      t.landmark_divisor = divisor(of_whole ? whole.with_landmarks : s.with_landmarks);
      t.box = s.box / t.divisor, t.label = s.label / t.divisor;
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
    if (to.boxes) write_boxes(team, own, scale(0, w.box, terms.divisor));
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
                               view.anchors.anchors[p.anchor], p.want(view));
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

/// The terms of a batch whose rows are assigned, on the blocks of any machine.
template <class Blocks, class Settings, class E>
void team_loss(Blocks& blocks, const Settings& settings, const loss_view<Settings, E>& view,
               const batch_counts* whole = nullptr)
{
  const detail::plain_settings<Settings> plain(settings);
  const std::size_t parts = loss_blocks(view.rows());
  blocks.run(parts, rank_rows<Settings, E>{plain, view});
  blocks.run(view.images, mine_images<Settings, E>{plain, view});
  blocks.run(parts, add_terms<Settings, E>{plain, view});
  blocks.run(
      1, total_terms<Settings, E>{plain, view, whole ? *whole : batch_counts{}, whole != nullptr});
}

/// The gradient of their total, after team_loss.
template <class Blocks, class Settings, class E>
void team_slopes(Blocks& blocks, const Settings& settings, const loss_view<Settings, E>& view,
                 const gradient_view<std::type_identity_t<E>>& to)
{
  blocks.run(loss_blocks(view.rows()),
             write_slopes<Settings, E>{detail::plain_settings<Settings>(settings), view, to});
}

}  // namespace retinue
