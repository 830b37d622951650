// SPDX-License-Identifier: Apache-2.0
// Programs on a CUDA device against the same on the host. Compiled without CUDA: the kernels are
// those that programs.cu names.
#include "catch.hpp"
#include "operations.hpp"
#include "refusal.hpp"
#include "team_twins.hpp"

#include <retinue/backend/cuda_blocks.hpp>
#include <retinue/backend/cuda_device.hpp>
#include <retinue/backend/dlpack.hpp>
#include <retinue/detect_team.hpp>
#include <retinue/error.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/formulas/narrow.hpp>
#include <retinue/image/planes_program.hpp>
#include <retinue/image/resample_program.hpp>
#include <retinue/labels.hpp>
#include <retinue/losses.hpp>
#include <retinue/losses/every_negative.hpp>
#include <retinue/losses/multibox_programs.hpp>
#include <retinue/losses/team_objective.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

bool has_device()
{
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}
bool has_none()
{
  if (has_device()) return false;
  std::puts("skipped: there is no CUDA device");
  return true;
}

/// Whether the device computes as the host does, to the last bit: that of tests/cuda/fibres.
#if defined(RETINUE_ON_FIBRES)
constexpr bool exact = true;
#else
constexpr bool exact = false;
#endif
/// Of many, as many as fibres have time for.
constexpr std::size_t of_many(std::size_t n)
{
  return exact ? n / 8 : n;
}

void require_ok(cudaError_t said)
{
  REQUIRE(std::string(cudaGetErrorString(said)) == "no error");
}

/// A copy of host memory on the device.
template <class T>
class on_device {
 public:
  explicit on_device(const std::vector<T>& from) : count_(from.size())
  {
    void* at = nullptr;
    require_ok(cudaMalloc(&at, std::max<std::size_t>(count_, 1) * sizeof(T)));
    data_.reset(static_cast<T*>(at));
    require_ok(cudaMemcpy(at, from.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  [[nodiscard]] T* data() const { return data_.get(); }
  [[nodiscard]] std::vector<T> fetched() const
  {
    std::vector<T> to(count_);
    require_ok(cudaMemcpy(to.data(), data(), count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
  }

 private:
  struct give_back {
    void operator()(T* at) const { cudaFree(at); }
  };
  std::unique_ptr<T, give_back> data_;
  std::size_t count_;
};

}  // namespace

TEST_CASE("a launch that CUDA refuses is said in one sentence, and no more of it later")
{
  for (const std::size_t blocks : {std::size_t{1} << 31, (std::size_t{1} << 32) + 1}) {
    const std::string said = test::refusal_of([&] { cuda_blocks().run(blocks, match_images{}); });
    CHECK(said.starts_with("CUDA refused a program of " + std::to_string(blocks) +
                           " blocks of 512 threads: "));
    if (has_device()) CHECK(said.ends_with(": invalid configuration argument"));
    CHECK(cudaGetLastError() == cudaSuccess);
  }
}

TEST_CASE("every operation of a team does on the device what it does on the host")
{
  if (has_none()) return;
  std::vector<test::operation_notes> notes(5);
  const on_device there(notes);
  host_blocks().run(notes.size(), test::every_operation{notes.data()});
  cuda_blocks().run(notes.size(), test::every_operation{there.data()});
  require_ok(cudaDeviceSynchronize());
  CHECK(there.fetched() == notes);
}

TEST_CASE("a training step on the device is the twin's")
{
  if (has_none()) return;
  using settings = multibox_settings<schemas::face5>;
  const anchor_layout anchors(square_anchors::retinaface(), {320, 320});
  const test::laid_out plain(anchors);
  const auto batch = test::random_batch<schemas::face5>(anchors, 2, {12, 0, 512, 3});
  truth_batch<schemas::face5> read;
  read.read(batch.truths, 1, truth_reading::classes);
  std::vector<std::uint32_t> first{0};
  std::vector<std::uint8_t> ignore;
  for (const auto& image : batch.truths) {
    for (const auto& truth : image) ignore.push_back(truth.ignore);
    first.push_back(static_cast<std::uint32_t>(ignore.size()));
  }
  const std::vector<truth_bounds<float>> bounds(read.boxes().begin(), read.boxes().end());
  const std::vector<truth_points<float, schemas::face5>> points(read.points().begin(),
                                                                read.points().end());
  const std::vector<centre_box<float>> places(anchors.anchors().begin(), anchors.anchors().end());
  const std::size_t rows = batch.images() * anchors.size();
  const table_shape shape{batch.images(), anchors.size()};
  const auto fill = [&](loss_view<settings>& view, const float* scores, const float* boxes,
                        const float* marks) {
    view.images = static_cast<std::uint32_t>(batch.images());
    view.scores = {scores, 2, contiguous(shape, 2)};
    view.boxes = {boxes, 4, contiguous(shape, 4)};
    view.points = {marks, 10, contiguous(shape, 10)};
  };

  for (const overlap_settings& matching :
       {overlap_settings{},
        overlap_settings{.positive = 0.7f, .negative = 0.3f, .force = forcing::ties, .floor = 0},
        overlap_settings{.force = forcing::reference}}) {
    loss_view<settings> here;
    fill(here, batch.logits.data(), batch.offsets.data(), batch.landmarks.data());
    here.anchors = plain.view();
    static_cast<truth_view&>(here.batch) = {bounds.data(), ignore.data(), first.data()};
    here.batch.points = points.data();
    test::matched match(batch.images(), anchors.size(), ignore.size());
    host_blocks host;
    host.run(batch.images(), match_images{matching, here.anchors, here.batch, match.room()});
    here.assigned = {match.verdicts.data(), match.truths.data()};
    std::vector<row_role> roles(rows);
    std::vector<std::uint32_t> keys(rows);
    std::vector<part_sums> parts(row_blocks(rows));
    std::vector<team_terms> terms(1);
    std::vector<float> scores(rows * 2), boxes(rows * 4), marks(rows * 10);
    here.roles = roles.data(), here.keys = keys.data(), here.parts = parts.data();
    here.terms = terms.data();
    team_loss(host, settings{}, here);
    team_slopes(host, settings{}, here,
                {.scores = scores.data(), .boxes = boxes.data(), .points = marks.data()});

    const on_device there_logits(batch.logits), there_offsets(batch.offsets),
        there_marks(batch.landmarks), to_scores(scores), to_boxes(boxes), to_marks(marks);
    const on_device there_places(places);
    const on_device there_levels(plain.levels);
    const on_device there_bounds(bounds);
    const on_device there_points(points);
    const on_device there_ignore(ignore);
    const on_device there_first(first), searching(match.searching), there_keys(keys);
    const on_device best(match.best), owner(match.owner), truth_best(match.truth_best),
        asks(match.asks);
    const std::vector<verdict> unsaid(rows, verdict::ignored);
    const std::vector<row_index> untold(rows, 9);
    const std::vector<row_role> unknown(rows, row_role::nothing);
    const std::vector<part_sums> no_parts(parts.size());
    const std::vector<team_terms> no_terms(1);
    const on_device verdicts(unsaid);
    const on_device truths(untold);
    const on_device there_roles(unknown);
    const on_device there_parts(no_parts);
    const on_device there_terms(no_terms);
    loss_view<settings> there;
    fill(there, there_logits.data(), there_offsets.data(), there_marks.data());
    there.anchors = {there_places.data(), there_levels.data(), here.anchors.count,
                     here.anchors.level_count};
    static_cast<truth_view&>(there.batch) = {there_bounds.data(), there_ignore.data(),
                                             there_first.data()};
    there.batch.points = there_points.data();
    cuda_blocks device;
    device.run(batch.images(),
               match_images{matching, there.anchors, there.batch,
                            match_room{best.data(), owner.data(), truth_best.data(), asks.data(),
                                       searching.data(), verdicts.data(), truths.data()}});
    there.assigned = {verdicts.data(), truths.data()};
    there.roles = there_roles.data(), there.keys = there_keys.data();
    there.parts = there_parts.data(), there.terms = there_terms.data();
    team_loss(device, settings{}, there);
    team_slopes(device, settings{}, there,
                {.scores = to_scores.data(), .boxes = to_boxes.data(), .points = to_marks.data()});
    require_ok(cudaDeviceSynchronize());

    CHECK(verdicts.fetched() == match.verdicts);
    CHECK(truths.fetched() == match.truths);
    CHECK(there_roles.fetched() == roles);
    // The device's exp and log differ from the host's in the last bits.
    CHECK(std::abs(there_terms.fetched()[0].total - terms[0].total) < 1e-5);
    CHECK(test::furthest(to_scores.fetched(), scores) < 1e-6);
    CHECK(test::furthest(to_boxes.fetched(), boxes) < 1e-6);
    CHECK(test::furthest(to_marks.fetched(), marks) < 1e-6);
  }
}

namespace {

/// A batch's outputs on the host and on the device, of numbers of any width.
template <class E>
struct said_twice {
  table_shape shape;
  std::vector<E> scores, boxes, points;
  on_device<E> scores_there, boxes_there, points_there;

  said_twice(const table_shape& of, std::size_t columns, std::size_t point_width, unsigned seed)
      : said_twice(of, drawn(of, columns, seed), drawn(of, 4, seed + 1),
                   drawn(of, point_width, seed + 2))
  {
  }

  [[nodiscard]] team_outputs<E> here() const
  {
    return of(scores.data(), boxes.data(), points.data());
  }
  [[nodiscard]] team_outputs<E> there() const
  {
    return of(scores_there.data(), boxes_there.data(), points_there.data());
  }

 private:
  said_twice(const table_shape& of, std::vector<E> s, std::vector<E> b, std::vector<E> p)
      : shape(of),
        scores(std::move(s)),
        boxes(std::move(b)),
        points(std::move(p)),
        scores_there(scores),
        boxes_there(boxes),
        points_there(points)
  {
  }
  static std::vector<E> drawn(const table_shape& of, std::size_t width, unsigned seed)
  {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 1.5f);
    std::vector<E> values;
    for (std::size_t i = 0; i < of.size() * width; ++i) values.push_back(E(normal(random)));
    return values;
  }
  [[nodiscard]] team_outputs<E> of(const E* s, const E* b, const E* p) const
  {
    const auto part = [&](const E* at, const std::vector<E>& values) {
      const std::size_t width = values.size() / shape.size();
      return width == 0
                 ? output_view<E>{}
                 : output_view<E>{at, static_cast<std::uint32_t>(width), contiguous(shape, width)};
    };
    return {part(s, scores), part(b, boxes), part(p, points), {}};
  }
};

template <class E>
std::vector<float> floats(const std::vector<E>& values)
{
  return {values.begin(), values.end()};
}

/// Terms and gradients of a batch, by the device and by the host. Where a matcher weighs
/// predictions, near ties may fall otherwise on a device.
template <class E = float, class Settings, class Match>
void check_objective(const Settings& settings, const Match& match, const anchor_layout& anchors,
                     const std::vector<std::size_t>& counts, bool weighs_predictions = false)
{
  using schema = typename Settings::schema;
  const auto batch = test::random_batch<schema>(anchors, settings.classes + 1, counts);
  truth_batch<schema> truths;
  truths.read(batch.truths, settings.classes, settings.reading);
  const said_twice<E> said({counts.size(), anchors.size()},
                           settings.labels.columns(settings.classes),
                           schema::count * schema::dimension, 3);
  team_objective<host_device, Settings, Match> here(host_device(), settings, match, anchors);
  team_objective<cuda_device, Settings, Match> there(cuda_device(), settings, match, anchors);
  const auto want = here(said.here(), truths);
  const auto found = there(said.there(), truths);
  const team_terms expected = here.fetch(want), terms = there.fetch(found);
  const double loose = exact || !weighs_predictions ? 0 : 0.02;
  CHECK(std::abs(1.0 * terms.sums.positives - expected.sums.positives) <=
        loose * expected.sums.positives);
  CHECK((terms.sums.positives > 0) == (truths.size() > 0));
  CHECK(std::abs(1.0 * terms.sums.negatives - expected.sums.negatives) <=
        loose * expected.sums.negatives);
  CHECK(std::abs(terms.total - expected.total) <= (1e-5 + loose) * std::abs(expected.total));

  const auto slopes = [&](auto& objective, const auto& kept, auto& scores, auto& boxes,
                          auto& points, float* rounding) {
    objective.slopes(kept, {.scores = scores.data(),
                            .boxes = boxes.data(),
                            .points = points.data(),
                            .before_rounding = rounding});
  };
  std::vector<E> scores(said.scores.size(), E(9.0f)), boxes(said.boxes.size(), E(9.0f)),
      points(said.points.size(), E(9.0f));
  const on_device scores_there(scores), boxes_there(boxes), points_there(points);
  std::vector<float> room(scores.size());
  const on_device room_there(room);
  slopes(here, want, scores, boxes, points, room.data());
  slopes(there, found, scores_there, boxes_there, points_there, room_there.data());
  require_ok(cudaDeviceSynchronize());
  if (loose > 0) return;
  const float step = std::same_as<E, float> ? 1e-6f : 1e-2f;  // halves may round otherwise
  const auto near = [&](const std::vector<E>& a, const std::vector<E>& b) {
    return test::furthest(floats(a), floats(b)) <= (exact ? 1e-7f : step);
  };
  CHECK(near(scores_there.fetched(), scores));
  CHECK(near(boxes_there.fetched(), boxes));
  CHECK(near(points_there.fetched(), points));
}

}  // namespace

TEMPLATE_TEST_CASE("objectives on the device are those on the host, for outputs of any width", "",
                   float, float16, bfloat16)
{
  if (has_none()) return;
  using face5 = multibox_settings<schemas::face5>;
  const anchor_layout anchors(square_anchors::retinaface(), {160, 160});
  const std::vector<std::size_t> counts{12, 0, of_many(512)};
  for (const overlap_matcher& match :
       {overlap_matcher::retinaface(), overlap_matcher::mmdetection(0.5f, 0.4f, 0)})
    check_objective<TestType>(face5{}, match, anchors, counts);
  check_objective<TestType>(face5{}, adaptive_matcher::atss(), anchors, counts);
  check_objective<TestType>(face5{}, overlap_matcher::retinaface(), anchors, {0});
  check_objective<TestType>(
      multibox_settings<schemas::none>{.classes = 20, .mining = hard_negatives::ssd()},
      overlap_matcher::retinaface(), anchors, {6});
}

TEST_CASE("objectives on the device of many landmarks, of many images, and by predictions")
{
  if (has_none()) return;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  check_objective(multibox_settings<schemas::wflw98>{}, overlap_matcher::retinaface(), anchors,
                  {2, 5});
  std::vector<std::size_t> many(of_many(256));
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i % 5;
  check_objective(multibox_settings<schemas::face5>{}, overlap_matcher::retinaface(),
                  anchor_layout(square_anchors::retinaface(), {32, 64}), many);
  using overlapping = multibox_settings<schemas::none, distance_coder, every_negative, ciou_loss,
                                        smooth_l1, sigmoid_labels<>>;
  const anchor_layout places(point_anchors{.strides = {8, 16, 32}}, {96, 128});
  const overlapping settings{.classes = 3};
  const std::vector<std::size_t> counts{7, 0, 60};
  check_objective(settings, dynamic_k_matcher::sim_ota(), places, counts, true);
  check_objective(settings, dynamic_k_matcher::soft_label(), places, counts, true);
  check_objective(settings, aligned_matcher::tood(), places, counts, true);
  check_objective(settings, aligned_matcher::ultralytics(2), places, counts, true);
}

TEST_CASE("objectives on the device of parts chosen at run time, by each matcher")
{
  if (has_none()) return;
  using chosen = any_multibox_settings<schemas::face5>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128}),
      places(point_anchors{.strides = {8, 16, 32}}, {96, 128});
  const std::vector<std::size_t> counts{7, 0, 12};
  const chosen of_papers{.box = {smooth_l1{}}};
  check_objective(of_papers, overlap_matcher::retinaface(), anchors, counts);
  const chosen of_deltas{.classes = 4,
                         .code = delta_coder{.stds = {0.1, 0.2, 0.3, 0.4}},
                         .box = {siou_loss{}},
                         .landmark = {wing{}}};
  check_objective(of_deltas, adaptive_matcher::atss(), anchors, counts);
  const chosen of_points{.classes = 3,
                         .code = distance_coder{.logarithmic = true},
                         .mining = any_negatives(every_negative{}),
                         .box = {giou_loss{}},
                         .weigh_boxes = box_weighing::by_score,
                         .labels = {{{sigmoid_labels<any_binary_cost>{{quality_focal{}}}}}},
                         .quality = any_quality(rated_by::overlap)};
  check_objective(of_points, dynamic_k_matcher::sim_ota(), places, counts, true);
  check_objective(of_points, aligned_matcher::tood(), places, counts, true);
}

namespace {

/// Tables whose numbers lie on the device, of which the host knows the shapes alone.
template <class E>
struct tables_there : host_backend {
  [[nodiscard]] static cuda_device team() { return cuda_device(); }
  template <class Said, class Visit>
  void team_view(const Said& said, const Visit& visit) const
  {
    const auto part = [](const number_rows& of) {
      if (of.shape().size() * of.numbers() == 0) return output_view<E>{};
      return output_view<E>{reinterpret_cast<const E*>(of.find(0, 0).at(0, 0)),
                            static_cast<std::uint32_t>(of.numbers()),
                            contiguous(of.shape(), of.numbers())};
    };
    visit(team_outputs<E>{part(said.scores), part(said.boxes), part(said.points), {}});
  }
};

template <class Schema, class Backend>
using find_by = detector<Schema, Backend, square_anchors, centre_size_coder, greedy_suppressor<>,
                         softmax_labels>;

template <class E, class Schema>
void check_detector(extent2 size, const detect_options& options)
{
  const square_anchors source = square_anchors::retinaface();
  const std::vector<frame> frames{{size, {2 * size.height, 2 * size.width}, 0.5, 0.5},
                                  frame::unscaled(size),
                                  {size, {31, 77}, 1.7, 1.3}};
  const table_shape shape{frames.size(), make_anchors(source, size).size()};
  const said_twice<E> said(shape, 2, Schema::count * Schema::dimension, 7);
  const auto scores = floats(said.scores), boxes = floats(said.boxes), points = floats(said.points);
  const auto rows = [&](const auto& values, const float* data) {
    return number_rows(data, shape, values.size() / shape.size());
  };
  find_by<Schema, host_backend> here(source, options);
  std::vector<std::vector<detection<Schema>>> want, found;
  here({.scores = rows(scores, scores.data()),
        .boxes = rows(boxes, boxes.data()),
        .points = rows(points, points.data())},
       frames, want);
  using over = tables_there<E>;
  const auto seen = [](const auto& there) { return reinterpret_cast<const float*>(there.data()); };
  find_by<Schema, over> there(source, options);
  for (int again = 0; again < 2; ++again) {  // in room that was there before
    there(outputs<over>{.scores = rows(scores, seen(said.scores_there)),
                        .boxes = rows(boxes, seen(said.boxes_there)),
                        .points = rows(points, seen(said.points_there))},
          frames, found);
    REQUIRE(found.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      REQUIRE(found[i].size() == want[i].size());
      REQUIRE(!found[i].empty());
      double worst = 0;
      for (std::size_t k = 0; k < want[i].size(); ++k) {
        const auto &a = found[i][k], &b = want[i][k];
        const auto differ = [&](float x, float y) {
          worst = std::max(worst, 1.0 * std::abs(x - y));
        };
        CHECK(a.label == b.label);
        differ(a.score, b.score);
        differ(a.bounds.x1, b.bounds.x1), differ(a.bounds.y1, b.bounds.y1);
        differ(a.bounds.x2, b.bounds.x2), differ(a.bounds.y2, b.bounds.y2);
        for (std::size_t c = 0; c < Schema::count * Schema::dimension; ++c)
          differ(a.points[c], b.points[c]);
      }
      CHECK(worst <= 1e-3);
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a detector on the device finds what the host's finds", "", float, float16,
                   bfloat16)
{
  if (has_none()) return;
  check_detector<TestType, schemas::face5>({160, 160}, {.score = 0.5f});
}

TEST_CASE("a detector on the device finds thousands, and any number of landmarks")
{
  if (has_none()) return;
  check_detector<float, schemas::none>(
      {exact ? 160 : 640, 320}, {.score = 0.05f, .candidates = 8000, .keep = 8000, .clip = true});
  check_detector<float, schemas::wflw98>({96, 128}, {.score = 0.3f, .overlap = 0.2f, .keep = 20});
}

TEST_CASE("tensors of a framework's on the device are learnt from where they lie, by DLPack")
{
  if (has_none()) return;
  using settings = multibox_settings<schemas::face5>;
  const anchor_layout anchors(square_anchors::retinaface(), {96, 128});
  const auto batch = test::random_batch<schemas::face5>(anchors, 2, {3, 5});
  truth_batch<schemas::face5> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  const table_shape shape{2, anchors.size()};
  const said_twice<float16> said(shape, 2, 10, 3);
  const auto part = [&](const auto& there, std::int64_t width) {
    std::array<std::int64_t, 3> sizes{2, static_cast<std::int64_t>(anchors.size()), width};
    const dlpack::tensor tensor{there.data(), {2, 0}, 3, {2, 16, 1}, sizes.data(), nullptr, 0};
    return view_dlpack_on_cuda<float16>(tensor, shape, "outputs");
  };
  team_objective<cuda_device, settings> learn(cuda_device(), settings{},
                                              overlap_matcher::retinaface(), anchors);
  const auto by_views = learn(said.there(), truths);
  const auto by_tensors = learn(
      team_outputs<float16>{
          part(said.scores_there, 2), part(said.boxes_there, 4), part(said.points_there, 10), {}},
      truths);
  CHECK(learn.fetch(by_tensors).total == learn.fetch(by_views).total);
}

TEST_CASE("pictures become planes on the device as on the host, scaled and recoloured")
{
  if (has_none()) return;
  std::mt19937 random(5);
  const extent2 from{90, 64}, to{48, 64};
  std::vector<std::uint8_t> pixels(3 * 90 * 64);
  for (auto& b : pixels) b = static_cast<std::uint8_t>(random());
  const on_device pixels_there(pixels);
  const frame how{to, from, 34. / 64, 48. / 90};
  const auto plans = [&](const std::uint8_t* at) {
    std::vector<picture_plan> all(3, picture_plan::of(how, at, 3 * from.width));
    all[1].to_picture = {-0.8f, 0.1f, 30, 0.2f, 0.9f, -3}, all[1].shown = {};
    all[2].colours = colour_plan({.brightness = 30, .contrast = 0.7, .saturation = 1.5, .hue = 18});
    return all;
  };
  const auto here = plans(pixels.data());
  const on_device there(plans(pixels_there.data()));
  const auto check = [&]<class Out>(Out) {
    std::vector<Out> planes(3 * 3 * 48 * 64, Out(9.0f));
    const on_device planes_there(planes);
    write_planes<Out> program;
    program.images = 3, program.height = 48, program.width = 64;
    program.plans = here.data(), program.planes = planes.data();
    host_blocks().run(program.blocks(), program);
    program.plans = there.data(), program.planes = planes_there.data();
    cuda_blocks().run(program.blocks(), program);
    require_ok(cudaDeviceSynchronize());
    // Half a step of what lies near 128 in a half.
    const float step = std::same_as<Out, float> ? 0.01f : 0.07f;
    CHECK(test::furthest(floats(planes_there.fetched()), floats(planes)) <= (exact ? 0 : step));
  };
  check(0.0f);
  check(float16());

  const extent2 small{33, 40};
  const auto across = detail::taps_of(resize_kernel::lanczos4, from.width, small.width),
             down = detail::taps_of(resize_kernel::lanczos4, from.height, small.height);
  const on_device first(across.first), first_down(down.first);
  const on_device across_weights(across.weights), down_weights(down.weights);
  std::vector<std::uint8_t> want(3 * 33 * 40), unwritten(want.size(), 9);
  const on_device found(unwritten);
  const on_device notes(std::vector<std::int16_t>(90 * 40 * 3));
  detail::resample(resize_kernel::lanczos4, pixels.data(), from, 3 * 64, want.data(), small,
                   3 * 40);
  const on_device resampling(
      std::vector<resample_plan>{{.from = pixels_there.data(),
                                  .from_bytes = 3 * from.width,
                                  .from_size = from,
                                  .to = found.data(),
                                  .to_bytes = 3 * small.width,
                                  .to_size = small,
                                  .across = {first.data(), across_weights.data(), across.count},
                                  .down = {first_down.data(), down_weights.data(), down.count},
                                  .rows = notes.data()}});
  const resample_across pass{resampling.data(), 1, 90 * 40};
  cuda_blocks().run(pass.blocks(), pass);
  const resample_down second{resampling.data(), 1, 33 * 40};
  cuda_blocks().run(second.blocks(), second);
  require_ok(cudaDeviceSynchronize());
  CHECK(found.fetched() == want);
}
