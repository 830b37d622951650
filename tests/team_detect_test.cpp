// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "team_twins.hpp"

#include <retinue/backend/host.hpp>
#include <retinue/detect.hpp>
#include <retinue/detect_programs.hpp>
#include <retinue/detect_team.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/labels.hpp>

#include <random>
#include <vector>

using namespace retinue;

namespace {

/// Tables of the host, and a device with a team that sees them; it counts what comes back.
struct host_with_team : host_backend {
  struct counting : host_device {
    std::size_t* fetches;

    explicit counting(std::size_t* count) : fetches(count) {}
    void fetch(const std::byte* from, std::byte* to, std::size_t n) const
    {
      ++*fetches;
      host_device::fetch(from, to, n);
    }
  };
  std::size_t* fetches = nullptr;

  [[nodiscard]] counting team() const { return counting(fetches); }
  template <class Said, class Visit>
  void team_view(const Said& said, const Visit& visit) const
  {
    const auto part = [](const number_rows& of) {
      if (of.shape().size() * of.numbers() == 0) return output_view<>{};
      const auto block = of.find(0, 0);
      return output_view<>{block.at(0, 0), static_cast<std::uint32_t>(of.numbers()), block.strides};
    };
    visit(
        team_outputs<>{part(said.scores), part(said.boxes), part(said.points), part(said.quality)});
  }
};
static_assert(team_backend<host_with_team>);

/// A batch of outputs at random, its images of several sizes, found by the host's detector and by
/// the programs in five orders.
template <class Schema = schemas::none, class Labels, class Coder>
void check_detection(const Labels& labels, const Coder& coder, std::size_t classes,
                     const detect_options& options, bool with_quality, unsigned seed,
                     bool any = true)
{
  const square_anchors source = square_anchors::retinaface();
  const extent2 input{96, 128};
  const auto anchors = make_anchors(source, input);
  const std::vector<frame> frames{
      {input, {192, 256}, 0.5, 0.5}, {input, {90, 110}, 1, 1}, {input, {31, 77}, 1.7, 1.3}};
  const auto images = static_cast<std::uint32_t>(frames.size());
  const table_shape shape{images, anchors.size()};
  const std::size_t columns = labels.columns(classes);
  constexpr std::size_t point_width = Schema::count * Schema::dimension;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1.5f);
  const auto drawn = [&](std::size_t width) {
    std::vector<float> values(shape.size() * width);
    for (float& v : values) v = normal(random);
    return values;
  };
  auto scores = drawn(columns);
  for (std::size_t i = 0; i < scores.size(); i += 3) scores[i] = std::round(scores[i]);  // ties
  if constexpr (std::same_as<Labels, given_labels>)
    for (float& s : scores) s = std::abs(s) / 20;
  const auto boxes = drawn(4), quality = with_quality ? drawn(1) : std::vector<float>();
  const auto points = drawn(point_width);

  detector<Schema, host_backend, square_anchors, Coder, greedy_suppressor<>, Labels> host(
      source, options, coder, host_backend(), labels);
  const outputs<host_backend> said{
      .scores = {scores.data(), shape, columns},
      .boxes = {boxes.data(), shape, 4},
      .points = {points.data(), shape, point_width},
      .quality = with_quality ? number_rows(quality.data(), shape, 1) : number_rows()};
  std::vector<std::vector<detection<Schema>>> want;
  host(said, frames, want);

  std::size_t fetches = 0;
  detector<Schema, host_with_team, square_anchors, Coder, greedy_suppressor<>, Labels> by_programs(
      source, options, coder, host_with_team{{}, &fetches}, labels);
  const outputs<host_with_team> seen{
      .scores = said.scores, .boxes = said.boxes, .points = said.points, .quality = said.quality};
  std::vector<std::vector<detection<Schema>>> all;
  by_programs(seen, frames, all);
  CHECK(fetches == (classes > 20 ? 2 : 1));  // once more where more were found than there was room
  fetches = 0;
  by_programs(seen, frames, all);
  CHECK(fetches == 1);
  REQUIRE(all.size() == want.size());
  std::size_t place = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    REQUIRE(all[i].size() == want[i].size());
    host(outputs<host_backend>{.scores = said.scores.image(i),
                               .boxes = said.boxes.image(i),
                               .points = said.points.image(i),
                               .quality = with_quality ? said.quality.image(i) : number_rows()},
         frames[i]);
    for (std::size_t k = 0; k < want[i].size(); ++k) {
      REQUIRE(all[i][k].score == want[i][k].score);
      REQUIRE(by_programs.anchor_rows()[place++] == host.anchor_rows()[k]);
#if !defined(__FMA__)
      REQUIRE(all[i][k].bounds == want[i][k].bounds);
      REQUIRE(all[i][k].points == want[i][k].points);
#endif
    }
  }

  detection_view<Labels, Coder> view;
  view.images = images, view.anchor_count = static_cast<std::uint32_t>(anchors.size());
  view.classes = static_cast<std::uint32_t>(classes);
  view.room = 32768, view.most = static_cast<std::uint32_t>(options.candidates);
  view.keep = static_cast<std::uint32_t>(options.keep);
  view.score = options.score, view.bound = labels.least_logit(options.score);
  view.overlap = options.overlap, view.labels = labels, view.code = coder;
  view.anchors = anchors.data();
  std::vector<picture_scale> scales;
  for (const frame& f : frames) scales.push_back(picture_scale::of(f, options.clip));
  view.scales = scales.data();
  const auto part = [&](const std::vector<float>& values, std::size_t width) {
    return output_view<>{values.data(), static_cast<std::uint32_t>(width),
                         contiguous(shape, width)};
  };
  view.scores = part(scores, columns), view.boxes = part(boxes, 4), view.quality = part(quality, 1);
  std::size_t found = 0;
  for (const item_order order : test::five_orders()) {
    std::vector<std::uint64_t> words(images * view.room), best(images * view.best_room());
    std::vector<detection<Schema>> detections(images * view.keep);
    std::vector<std::uint32_t> found_counts(images), counts(images), fates(images * view.most),
        kept_counts(images);
    std::vector<row_index> rows(images * view.most), kept(images * view.keep);
    std::vector<candidate<float>> candidates(images * view.most);
    std::vector<box<float>> decoded(images * view.most);
    std::uint32_t ticket = 0;
    view.cells.cells = cell_view::cells_for(view.most);
    std::vector<std::uint32_t> begins(images * (view.cells.cells + 1)), ranks(images * view.most);
    std::vector<cell_box> sorted(images * view.most);
    view.cells.begins = begins.data(), view.cells.ranks = ranks.data();
    view.cells.boxes = sorted.data();
    view.words = words.data(), view.best = best.data(), view.found_counts = found_counts.data();
    view.counts = counts.data(), view.rows = rows.data(), view.found = candidates.data();
    view.decoded = decoded.data(), view.fates = fates.data(), view.ticket = &ticket;
    view.kept = kept.data(), view.kept_counts = kept_counts.data();
    host_blocks blocks(order);
    team_detect(blocks, view, found_view<Schema>{part(points, point_width), detections.data()});
    for (std::size_t i = 0; i < images; ++i) {
      CAPTURE(i, columns, int(order));
      REQUIRE(found_counts[i] <= view.room);
      REQUIRE(kept_counts[i] == want[i].size());
      for (std::size_t k = 0; k < want[i].size(); ++k) {
        const detection<Schema>& d = detections[i * view.keep + k];
        REQUIRE(d.score == want[i][k].score);
        REQUIRE(d.label == want[i][k].label);
#if defined(__FMA__)
        REQUIRE(iou(d.bounds, want[i][k].bounds) > 0.9999f);
        for (std::size_t c = 0; c < point_width; ++c)
          REQUIRE(std::abs(d.points[c] - want[i][k].points[c]) < 1e-3f);
#else
        REQUIRE(d.bounds == want[i][k].bounds);
        REQUIRE(d.points == want[i][k].points);
#endif
      }
      found += want[i].size();
    }
  }
  CHECK((found > 0) == any);
}

}  // namespace

TEST_CASE("detection over a team finds what the host's detector finds")
{
  const detect_options plain{.score = 0.3f, .candidates = 1000, .keep = 750};
  const detect_options few{.score = 0.1f, .candidates = 50, .overlap = 0.2f, .keep = 7};
  const centre_size_coder boxes;
  check_detection(softmax_labels{}, boxes, 1, plain, false, 1);
  check_detection(softmax_labels{}, boxes, 1, few, false, 2);
  check_detection(softmax_labels{}, boxes, 5, plain, false, 3);
  check_detection(sigmoid_labels<>{}, boxes, 3, {.score = 0.6f, .candidates = 1000}, false, 4);
  check_detection(times_quality<>{}, boxes, 2, plain, true, 5);
  check_detection(given_labels{}, boxes, 2, {.score = 0.1f, .candidates = 1000}, false, 6);
  check_detection(softmax_labels{}, distance_coder{.logarithmic = true}, 1, plain, false, 7);
  check_detection(softmax_labels{}, boxes, 1, {.score = 0.9999f, .candidates = 1000}, false, 8,
                  false);
  check_detection(softmax_labels{}, boxes, 1,
                  {.score = 0.3f, .candidates = 1000, .keep = 750, .clip = true}, false, 9);
}

TEMPLATE_TEST_CASE("detection over a team finds the host's landmarks, however many there are", "",
                   schemas::points<1>, schemas::plate4, schemas::face5, schemas::face68,
                   schemas::wflw98, (schemas::points<3, 3>))
{
  const detect_options plain{.score = 0.5f, .candidates = 500, .keep = 100, .clip = true};
  check_detection<TestType>(softmax_labels{}, centre_size_coder{}, 1, plain, false, 11);
  check_detection<TestType>(times_quality<>{}, distance_coder{}, 3, plain, true, 12);
}

TEST_CASE("detection over a team of many classes sorts the best alone")
{
  const detect_options few{.score = 0.3f, .candidates = 300, .keep = 200};
  check_detection<schemas::face5>(sigmoid_labels<>{}, centre_size_coder{}, 80, few, false, 21);
  check_detection(sigmoid_labels<>{}, centre_size_coder{}, 80,
                  {.score = 0.6f, .candidates = 5000, .keep = 750}, false, 22);
  check_detection(softmax_labels{}, centre_size_coder{}, 20, {.score = 0.05f, .candidates = 1},
                  false, 23);
}

TEST_CASE("a detector by programs refuses what it does not fit")
{
  std::size_t fetches = 0;
  detector<schemas::none, host_with_team> find(square_anchors::retinaface(), {},
                                               centre_size_coder(), host_with_team{{}, &fetches});
  const std::vector<float> scores(2 * 100), boxes(4 * 100);
  outputs<host_with_team> said{.scores = {scores.data(), 100, 2}, .boxes = {boxes.data(), 100, 4}};
  CHECK_THROWS_WITH(find(said, frame::unscaled({96, 128})),
                    Catch::ContainsSubstring("its anchors are 504: the anchors' strides"));
  std::vector<std::vector<detection<schemas::none>>> found;
  CHECK_THROWS_WITH(find(said, std::vector<frame>(2), found),
                    "a network's outputs of 1 images came with 2 frames");
  CHECK_THROWS_WITH((detector<schemas::none, host_with_team>(square_anchors::retinaface(),
                                                             {.keep = std::size_t{1} << 30})),
                    Catch::ContainsSubstring("expected no more than 16777216 of each"));
}

TEST_CASE("a detector by programs says where scores are no probabilities")
{
  std::size_t fetches = 0;
  detector<schemas::none, host_with_team> find(square_anchors::retinaface(), {},
                                               centre_size_coder(), host_with_team{{}, &fetches});
  std::vector<float> scores(2 * 504), boxes(4 * 504);
  scores[7] = 7.2f;
  const outputs<host_with_team> said{.scores = {scores.data(), 504, 2},
                                     .boxes = {boxes.data(), 504, 4}};
  CHECK_THROWS_WITH(find(said, frame::unscaled({96, 128})),
                    Catch::ContainsSubstring("a score is 7.2, where a probability was expected"));
  scores[7] = 0.7f;
  CHECK(find(said, frame::unscaled({96, 128})).size() == 1);
  CHECK(find.anchor_rows()[0] == 3);
}
