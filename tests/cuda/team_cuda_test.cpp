// SPDX-License-Identifier: Apache-2.0
// Programs on a CUDA device against the same on the host. Compiled without CUDA: the kernels are
// those that programs.cu names.
#include "catch.hpp"
#include "team_twins.hpp"

#include <retinue/backend/cuda_blocks.hpp>
#include <retinue/backend/cuda_device.hpp>
#include <retinue/error.hpp>
#include <retinue/losses.hpp>
#include <retinue/losses/multibox_programs.hpp>
#include <retinue/losses/team_objective.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

using namespace retinue;

namespace {

bool has_device()
{
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
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

TEST_CASE("a launch that CUDA refuses is said in one sentence")
{
  if (has_device()) return;
  std::string said;
  try {
    cuda_blocks().run(1, match_images{});
  } catch (const error& e) {
    said = e.what();
  }
  CHECK(said.starts_with("CUDA refused a program of 1 blocks of 512 threads: "));
}

TEST_CASE("a training step on the device is the twin's")
{
  if (!has_device()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
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

TEST_CASE("an objective on the device is that on the host")
{
  if (!has_device()) {
    std::puts("skipped: there is no CUDA device");
    return;
  }
  using settings = multibox_settings<schemas::face5>;
  const anchor_layout anchors(square_anchors::retinaface(), {320, 320});
  const auto batch = test::random_batch<schemas::face5>(anchors, 2, {12, 0, 512, 3});
  truth_batch<schemas::face5> truths;
  truths.read(batch.truths, 1, truth_reading::classes);
  const table_shape shape{batch.images(), anchors.size()};
  const auto view = [&](const float* scores, const float* boxes, const float* points) {
    return team_outputs<>{{scores, 2, contiguous(shape, 2)},
                          {boxes, 4, contiguous(shape, 4)},
                          {points, 10, contiguous(shape, 10)},
                          {}};
  };
  const on_device scores(batch.logits), boxes(batch.offsets), points(batch.landmarks);
  for (const overlap_matcher& match :
       {overlap_matcher::retinaface(), overlap_matcher::mmdetection(0.5f, 0.4f, 0)}) {
    team_objective<host_device, settings> here(host_device(), settings{}, match, anchors);
    team_objective<cuda_device, settings> there(cuda_device(), settings{}, match, anchors);
    const auto want =
        here(view(batch.logits.data(), batch.offsets.data(), batch.landmarks.data()), truths);
    const auto found = there(view(scores.data(), boxes.data(), points.data()), truths);
    const team_terms expected = here.fetch(want), terms = there.fetch(found);
    CHECK(terms.sums.positives == expected.sums.positives);
    CHECK(terms.sums.negatives == expected.sums.negatives);
    CHECK(std::abs(terms.total - expected.total) < 1e-5);
  }
}
