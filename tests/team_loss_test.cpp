// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "loss_batches.hpp"
#include "team_twins.hpp"

#include <retinue/backend/host_blocks.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/losses/multibox_programs.hpp>
#include <retinue/matchers.hpp>

#include <cmath>
#include <random>

using namespace retinue;

namespace {

/// What the host's matcher, sampler and loss make of a batch.
template <class Settings>
struct by_host {
  std::vector<row_index> positives, negatives;
  std::vector<float> scores, boxes, points, quality;
  double box = 0, label = 0, landmark = 0, of_quality = 0, total = 0;
  std::size_t with_landmarks = 0;

  by_host(const Settings& settings, const overlap_settings& matching, const anchor_layout& layout,
          const truth_batch<typename Settings::schema>& truths, const outputs<host_backend>& said)
  {
    host_backend b;
    columns<centre_box<float>> anchors;
    b.put(layout.anchors(), 1, anchors);
    typename Settings::template sampler_over<host_backend, overlap_matcher> sample(
        overlap_matcher(matching), settings.labels, settings.mining, settings.code);
    typename Settings::template loss_over<host_backend> loss(settings);
    samples<host_backend> chosen;
    sample(b, layout, anchors, said, truths, chosen);
    positives = chosen.positives, negatives = chosen.negatives;
    const auto& all = loss(b, anchors, said, truths, chosen);
    with_landmarks = all.with_landmarks;
    for (const auto& term : all.terms) {
      const double value = term.cost.sum / term.divisor;
      total += term.weight * value;
      auto [sum, to, part] =
          term.part == output_part::boxes    ? std::tuple(&box, &boxes, &said.boxes)
          : term.part == output_part::scores ? std::tuple(&label, &scores, &said.scores)
          : term.part == output_part::points ? std::tuple(&landmark, &points, &said.points)
                                             : std::tuple(&of_quality, &quality, &said.quality);
      *sum = value;
      to->assign(part->shape().size() * part->numbers(), 9.0f);
      if (!to->empty())
        term.cost.write(term.weight / term.divisor, to->data(), part->shape().size());
    }
  }
};

/// A batch's outputs at random, and where the programs work.
template <class Settings>
struct team_batch {
  using schema = typename Settings::schema;
  static constexpr std::size_t point_width = schema::count * schema::dimension;

  team_batch(const Settings& settings, const anchor_layout& anchors,
             const std::vector<std::size_t>& counts, bool with_quality, unsigned seed)
      : plain(anchors), images(counts.size())
  {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 2);
    auto drawn = test::random_batch<schema>(anchors, settings.classes + 1, counts,
                                            seed);  // its scores are not used
    for (auto& image : drawn.truths)
      for (std::size_t t = 0; t < image.size(); t += 3) image[t].weight = 0.25f;
    truths.read(drawn.truths, settings.classes, settings.reading);
    packed.truths.assign(truths.boxes().begin(), truths.boxes().end());
    packed.weights.assign(truths.weights().begin(), truths.weights().end());
    for (std::size_t i = 0; i < images; ++i) {
      for (const auto& truth : drawn.truths[i]) packed.ignore.push_back(truth.ignore);
      packed.first.push_back(static_cast<std::uint32_t>(truths.first(i) + drawn.truths[i].size()));
    }
    rows = images * anchors.size();
    columns = settings.labels.columns(settings.classes);
    const auto fill = [&](std::vector<float>& values, std::size_t width, bool whole) {
      values.resize(rows * width);
      for (float& v : values) v = whole ? std::round(normal(random)) : normal(random);
    };
    fill(scores, columns, seed % 2 == 0);  // many ties
    fill(boxes, 4, false);
    fill(points, point_width, false);
    if (with_quality) fill(quality, 1, false);
  }

  [[nodiscard]] outputs<host_backend> said() const
  {
    const table_shape shape{images, rows / std::max<std::size_t>(images, 1)};
    return {.scores = {scores.data(), shape, columns},
            .boxes = {boxes.data(), shape, 4},
            .points = {points.data(), shape, point_width},
            .quality = quality.empty() ? number_rows() : number_rows(quality.data(), shape, 1)};
  }

  test::laid_out plain;
  test::packed_truths packed;
  truth_batch<schema> truths;
  std::size_t images, rows = 0, columns = 0;
  std::vector<float> scores, boxes, points, quality;
};

/// What the programs make of it.
template <class Settings>
struct by_team {
  std::vector<row_role> roles;
  std::vector<float> scores, boxes, points, quality;
  team_terms terms;

  template <class Blocks>
  by_team(Blocks blocks, const Settings& settings, const overlap_settings& matching,
          const team_batch<Settings>& batch)
      : roles(batch.rows),
        scores(batch.scores.size(), 9.0f),
        boxes(batch.boxes.size(), 9.0f),
        points(batch.points.size(), 9.0f),
        quality(batch.quality.size(), 9.0f)
  {
    test::matched match(batch.images, batch.plain.of->size(), batch.packed.truths.size());
    blocks.run(batch.images,
               match_images{matching, batch.plain.view(), batch.packed.view(), match.room()});
    std::vector<std::uint32_t> keys(batch.rows);
    std::vector<part_sums> parts(row_blocks(batch.rows));
    loss_view<Settings> view;
    view.images = static_cast<std::uint32_t>(batch.images);
    view.anchors = batch.plain.view();
    static_cast<truth_view&>(view.batch) = batch.packed.view();
    view.batch.points = batch.truths.points().data();
    view.assigned = {match.verdicts.data(), match.truths.data()};
    const table_shape shape{batch.images, batch.plain.of->size()};
    const auto part = [&](const std::vector<float>& values, std::size_t width) {
      return output_view<>{values.empty() ? nullptr : values.data(),
                           static_cast<std::uint32_t>(width), contiguous(shape, width)};
    };
    view.scores = part(batch.scores, batch.columns);
    view.boxes = part(batch.boxes, 4);
    view.points = part(batch.points, batch.point_width);
    view.quality = part(batch.quality, 1);
    view.roles = roles.data(), view.keys = keys.data();
    view.parts = parts.data(), view.terms = &terms;
    team_loss(blocks, settings, view);
    team_slopes(blocks, settings, view,
                {.scores = scores.data(),
                 .boxes = boxes.data(),
                 .points = points.data(),
                 .quality = quality.data()});
  }

  [[nodiscard]] std::vector<row_index> rows_of(row_role role) const
  {
    std::vector<row_index> rows;
    for (std::size_t r = 0; r < roles.size(); ++r)
      if (roles[r] == role) rows.push_back(static_cast<row_index>(r));
    return rows;
  }
};

template <class Settings>
void check_twins(const Settings& settings, const overlap_settings& matching,
                 const anchor_layout& anchors, const std::vector<std::size_t>& counts,
                 bool with_quality = false, std::size_t orders = 5)
{
  for (const unsigned seed : {1u, 2u}) {
    const team_batch<Settings> batch(settings, anchors, counts, with_quality, seed);
    const by_host<Settings> host(settings, matching, anchors, batch.truths, batch.said());
    for (std::size_t k = 0; k < orders; ++k) {
      const by_team<Settings> twin(host_blocks(test::five_orders()[k]), settings, matching, batch);
      CAPTURE(counts.size(), batch.columns, seed, k);
      REQUIRE(twin.rows_of(row_role::positive) == host.positives);
      REQUIRE(twin.rows_of(row_role::mined) == host.negatives);
      REQUIRE(twin.terms.sums.positives == host.positives.size());
      REQUIRE(twin.terms.sums.negatives == host.negatives.size());
      REQUIRE(twin.terms.sums.with_landmarks == host.with_landmarks);
      const auto near = [](double a, double b) {
        return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b));
      };
      REQUIRE(near(twin.terms.box, host.box));
      REQUIRE(near(twin.terms.label, host.label));
      REQUIRE(near(twin.terms.landmark, host.landmark));
      REQUIRE(near(twin.terms.quality, host.of_quality));
      REQUIRE(near(twin.terms.total, host.total));
      REQUIRE(test::furthest(twin.scores, host.scores) <= 1e-7);
      REQUIRE(test::furthest(twin.boxes, host.boxes) <= 1e-7);
      REQUIRE(test::furthest(twin.points, host.points) <= 1e-7);
      REQUIRE(test::furthest(twin.quality, host.quality) <= 1e-7);
    }
  }
}

const anchor_layout& small()
{
  static const anchor_layout layout(square_anchors::retinaface(), {96, 128});
  return layout;
}
constexpr overlap_settings retinaface{};
}  // namespace

TEMPLATE_TEST_CASE("the loss over a team is the host's, however many landmarks there are", "",
                   schemas::none, schemas::points<1>, schemas::face5, schemas::face68,
                   schemas::wflw98, (schemas::points<3, 3>))
{
  using settings = multibox_settings<TestType>;
  check_twins(settings{}, retinaface, small(), {0, 3, 20, 1});
  check_twins(settings{.classes = 20, .mining = hard_negatives::ssd(), .weights = {.box = 1}},
              {.positive = 0.5f, .negative = 0.5f, .floor = 0}, small(), {6, 0});
}

TEST_CASE("the loss over a team is the host's, whatever boxes and labels cost and how truths force")
{
  using face5 = schemas::face5;
  const std::vector<std::size_t> counts{5, 0, 30};
  check_twins(multibox_settings<face5, centre_size_coder, hard_negatives, giou_loss>{}, retinaface,
              small(), counts);
  check_twins(multibox_settings<face5, centre_size_coder, hard_negatives, ciou_loss, wing>{},
              retinaface, small(), counts);
  check_twins(multibox_settings<face5, distance_coder>{}, {.force = forcing::none}, small(),
              counts);
  check_twins(multibox_settings<face5, centre_size_coder, every_negative, smooth_l1, smooth_l1,
                                sigmoid_labels<>>{.classes = 3},
              {.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .floor = 0}, small(),
              counts);
  check_twins(multibox_settings<schemas::none, centre_size_coder, hard_negatives, smooth_l1,
                                smooth_l1, sigmoid_labels<quality_focal>>{.classes = 11},
              retinaface, small(), counts);
  check_twins(multibox_settings<schemas::none, centre_size_coder, hard_negatives, giou_loss,
                                smooth_l1, times_quality<>>{.classes = 2},
              retinaface, small(), counts, true);
  check_twins(multibox_settings<face5>{.divide_by = normalisation::images}, retinaface, small(),
              counts);
  using measured = multibox_settings<schemas::none, centre_size_coder, hard_negatives, giou_loss,
                                     smooth_l1, times_quality<>, overlap_quality<>>;
  check_twins(measured{.classes = 2}, retinaface, small(), counts, true);
  check_twins(measured{.classes = 2, .quality = {.objectness = true}}, retinaface, small(), counts,
              true);
  check_twins(multibox_settings<schemas::none, distance_coder, every_negative, giou_loss, smooth_l1,
                                times_quality<>, centre_quality>{},
              retinaface, small(), counts, true);
  auto reference = multibox_settings<face5>::reference();
  check_twins(reference, {.force = forcing::reference}, small(), counts);
}

TEST_CASE("the loss over a team is the host's for batches of one image to 256, and for 512 truths")
{
  using settings = multibox_settings<schemas::face5>;
  check_twins(settings{}, retinaface, small(), {4});
  std::vector<std::size_t> many(256);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i % 5;
  check_twins(settings{}, retinaface, anchor_layout(square_anchors::retinaface(), {32, 64}), many,
              false, 2);
  check_twins(settings{}, retinaface, anchor_layout(square_anchors::retinaface(), {320, 320}),
              {512, 64}, false, 2);
}
