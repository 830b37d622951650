// SPDX-License-Identifier: Apache-2.0
// The formulas and the backend over at::Tensor, held to the same laws and to the Eigen backend.
#include "another_device.hpp"
#include "catch.hpp"
#include "detect_laws.hpp"
#include "family_laws.hpp"
#include "formula_laws.hpp"
#include "matcher_laws.hpp"
#include "values_torch.hpp"

#include <retinue/backend/eigen.hpp>
#include <retinue/backend/libtorch.hpp>
#include <retinue/error.hpp>

#include <torch/torch.h>

using namespace retinue;

namespace retinue::test {
at::Device device_under_test = at::kCPU;

template <>
struct backend_under_test<libtorch_backend> {
  static libtorch_backend make() { return libtorch_backend(device_under_test); }
  static tensor_output view(const std::vector<float>& of, table_shape shape, std::size_t numbers)
  {
    return at::tensor(of)
        .reshape({static_cast<std::int64_t>(shape.images), static_cast<std::int64_t>(shape.rows),
                  static_cast<std::int64_t>(numbers)})
        .to(device_under_test);
  }
};
}  // namespace retinue::test

TEMPLATE_TEST_CASE("a coder's decode inverts its encode, for tensor columns", "",
                   RETINUE_TEST_SCHEMAS)
{
  test::check_coder<at::Tensor, TestType>();
}

TEST_CASE("decode inverts encode for coders of distances, deltas and distributions of columns")
{
  test::check_other_coders<at::Tensor, schemas::face5>();
}

TEST_CASE("overlap is what its definition says, for tensor columns")
{
  test::check_overlap<at::Tensor>();
}

TEST_CASE("gradients flow through decode and overlap")
{
  const auto options = torch::TensorOptions(torch::kDouble).requires_grad(true);
  torch::manual_seed(3);
  const auto o = torch::randn({6, 4}, options);
  const auto anchors = torch::rand({6, 4}, torch::kDouble) + 0.2;
  const auto truth = torch::tensor({0.1, 0.2, 0.9, 0.8}, torch::kDouble).expand({6, 4});
  const libtorch_backend backend;
  const auto loss = [&](const at::Tensor& offsets_in) {
    tensor_table<box<float>> boxes;
    backend.map([](const auto& x, const auto& a) { return centre_size_coder().decode(x, a); },
                boxes, tensor_table<offsets<float>>{offsets_in},
                tensor_table<centre_box<float>>{anchors});
    tensor_table<number<float>> pairs;
    backend.map([]<class T>(const box<T>& a, const box<T>& b) { return number<T>{ciou(a, b)}; },
                pairs, backend.across(boxes), tensor_table<box<float>>{truth});
    return pairs.values.sum();
  };
  loss(o).backward();
  torch::NoGradGuard off;
  for (int i = 0; i < 6; ++i)
    for (int c = 0; c < 4; ++c) {
      const auto step = torch::zeros_like(o);
      step[i][c] = 1e-6;
      const double slope = ((loss(o + step) - loss(o - step)) / 2e-6).item<double>();
      CHECK(std::abs(slope - o.grad()[i][c].item<double>()) <
            1e-5 * std::max(1.0, std::abs(slope)));
    }
}

namespace {
template <class Schema>
outputs<libtorch_backend> tensors(const test::raw_outputs<Schema>& raw)
{
  const auto images = static_cast<std::int64_t>(raw.images);
  const auto rows = static_cast<std::int64_t>(raw.scores.size() / raw.classes) / images;
  const auto tensor = [&](const std::vector<float>& values, std::size_t width) {
    return tensor_output(
        torch::tensor(values).reshape({images, rows, static_cast<std::int64_t>(width)}));
  };
  return {tensor(raw.scores, raw.classes), tensor(raw.boxes, 4),
          tensor(raw.points, Schema::count * Schema::dimension)};
}

const auto as_tensors = [](const auto& raw) { return tensors(raw); };
}  // namespace

TEST_CASE("detections equal the reference's: rows, order, boxes, landmarks (LibTorch)", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  test::check_against_reference<libtorch_backend>(as_tensors);
}

TEMPLATE_TEST_CASE("the pipeline is what its steps say (LibTorch)", "", RETINUE_TEST_SCHEMAS)
{
  test::check_against_definition<TestType, libtorch_backend>(as_tensors, 2);
  test::check_against_definition<TestType, libtorch_backend>(as_tensors, 4);
}

TEST_CASE("a batch gives what its images give alone (LibTorch)")
{
  test::check_batches<libtorch_backend>(as_tensors);
}

TEST_CASE("outputs that do not fit the anchors are refused (LibTorch)")
{
  test::check_mismatch<libtorch_backend>(as_tensors);
}

namespace {
void check_families()
{
  using backend = libtorch_backend;
  test::check_primitives<backend>();
  test::check_all_selections<backend>();
  test::check_suppression<backend>();
  test::check_matching<backend>();
  test::check_sampling<backend>();
  test::check_predictive_matching<backend>();
  test::check_adaptive_sampling<backend>();
}
}  // namespace

TEST_CASE("every family over tensors does what it does in host memory")
{
  test::device_under_test = at::kCPU;
  check_families();
}

TEST_CASE("every family over tensors of another device does what it does in host memory")
{
  test::device_under_test = test::another_device();
  check_families();
  test::device_under_test = at::kCPU;
}

TEST_CASE("matching over tensors equals the peers' golden assignments", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/families/assign.npz")),
      ultra(test::shared("golden/families/assign_ultra.npz"));
  for (const at::Device device : {at::Device(at::kCPU), test::another_device()}) {
    test::device_under_test = device;
    CHECK(test::check_dynamic_k<libtorch_backend>(golden) >= 6);
    CHECK(test::check_soft_label<libtorch_backend>(golden) >= 6);
    CHECK(test::check_tood<libtorch_backend>(golden) >= 6);
    CHECK(test::check_uniform<libtorch_backend>(golden) >= 6);
    CHECK(test::check_one_to_one<libtorch_backend>(golden) >= 6);
    if (!device.is_cpu()) continue;  // lazy tensors take a minute for the rest
    CHECK(test::check_golden_overlaps<libtorch_backend>(golden) >= 36);
    CHECK(test::check_torchvision_matcher<libtorch_backend>(golden) >= 20);
    CHECK(test::check_ultralytics<libtorch_backend>(ultra) >= 20);
  }
  test::device_under_test = at::kCPU;
}

TEST_CASE("a detection on another device brings nothing back but what was found")
{
  using face5 = schemas::face5;
  const at::Device device = test::another_device();
  const auto source = square_anchors::retinaface();
  const frame image = frame::unscaled({64, 96});
  const auto raw = test::random_outputs<face5>(make_anchors(source, image.input).size(), 2, 3);
  const auto on_host = tensors(raw);
  const outputs<libtorch_backend> said{on_host.scores.values.to(device),
                                       on_host.boxes.values.to(device),
                                       on_host.points.values.to(device)};
  detector<face5, libtorch_backend> expected(source, {.score = 0.5f}),
      detect(source, {.score = 0.5f}, {}, libtorch_backend(device));
  const auto want = expected(on_host, image);
  const test::tensors_that_leave leaving(device);
  const auto found = detect(said, image);
  // Boxes, scores and labels, landmarks, rows: of those found. And the best score, to be checked.
  CHECK(leaving.count() <= 5);
  REQUIRE(found.size() == want.size());
  REQUIRE(!found.empty());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].score == want[i].score);
    for (std::size_t c = 0; c < 4; ++c)
      CHECK(std::abs(found[i].bounds[c] - want[i].bounds[c]) < 1e-3f);
  }
}
