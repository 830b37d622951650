// SPDX-License-Identifier: Apache-2.0
#include <retinue/backend/dlpack.hpp>

#include "catch.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

using namespace retinue;

namespace {

// The members of DLTensor as another header may have them: its enumerations are no numbers.
enum class other_device { cpu = 1, cuda = 2 };
struct other_tensor {
  void* data;
  struct {
    other_device device_type;
    int device_id;
  } device;
  int ndim;
  dlpack::data_type dtype;
  std::int64_t *shape, *strides;
  std::uint64_t byte_offset;
};

struct made {
  std::vector<std::int64_t> shape, strides;
  dlpack::tensor tensor;

  made(float* data, std::vector<std::int64_t> of_shape, std::vector<std::int64_t> of_strides = {})
      : shape(std::move(of_shape)), strides(std::move(of_strides))
  {
    tensor = {data,       {1, 0},       static_cast<std::int32_t>(shape.size()),
              {2, 32, 1}, shape.data(), strides.empty() ? nullptr : strides.data(),
              0};
  }
};

std::string refusal(const dlpack::tensor& t)
{
  try {
    static_cast<void>(view_dlpack(t, "boxes"));
  } catch (const error& e) {
    return e.what();
  }
  return "not refused";
}

}  // namespace

TEST_CASE("a tensor of the host is viewed where it lies, however it is spaced")
{
  std::vector<float> data(2 * 3 * 4);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = float(i);
  const auto check = [&](const made& m, auto place) {
    const number_rows view = view_dlpack(m.tensor, "boxes");
    const std::size_t images = m.shape.size() == 3 ? std::size_t(m.shape[0]) : 1;
    REQUIRE(view.shape() == table_shape{images, std::size_t(m.shape[m.shape.size() - 2])});
    REQUIRE(view.numbers() == std::size_t(m.shape.back()));
    for (std::size_t b = 0; b < images; ++b)
      for (std::size_t r = 0; r < view.shape().rows; ++r)
        for (std::size_t c = 0; c < view.numbers(); ++c)
          CHECK(view(b, r)[c] == float(place(b, r, c)));
    CHECK(view(0, 0).data >= data.data());
    CHECK(view(0, 0).data < data.data() + data.size());
  };
  check({data.data(), {2, 3, 4}}, [](auto b, auto r, auto c) { return 12 * b + 4 * r + c; });
  check({data.data(), {6, 4}}, [](auto, auto r, auto c) { return 4 * r + c; });
  check({data.data(), {2, 4, 3}, {12, 1, 4}},  // transposed
        [](auto b, auto r, auto c) { return 12 * b + r + 4 * c; });
  check({data.data(), {2, 2, 2}, {12, 8, 2}},  // every second row and number
        [](auto b, auto r, auto c) { return 12 * b + 8 * r + 2 * c; });
  check({data.data() + 20, {6, 4}, {-4, 1}},  // backwards
        [](auto, auto r, auto c) { return 20 - 4 * r + c; });
  made later(data.data(), {3, 4});
  later.tensor.byte_offset = 12 * sizeof(float);
  check(later, [](auto, auto r, auto c) { return 12 + 4 * r + c; });

  std::array<std::int64_t, 2> shape{2, 3};
  const other_tensor other{
      data.data(), {other_device::cpu, 0}, 2, {2, 32, 1}, shape.data(), nullptr, 4};
  CHECK(view_dlpack(other, "scores")(0, 1)[2] == 6);
  CHECK(view_dlpack(made(nullptr, {0, 4}).tensor, "boxes").size() == 0);
}

TEST_CASE("what is no view of float32 on the host is refused, and memory of a device never read")
{
  std::vector<float> data(24);
  made on_device(reinterpret_cast<float*>(0x10), {1, 16800, 4});  // whoever reads it is killed
  on_device.tensor.device = {2, 1};
  CHECK(describe_dlpack(on_device.tensor) == "float32 (1, 16800, 4) on cuda:1");
  CHECK(
      refusal(on_device.tensor) ==
      "boxes are float32 (1, 16800, 4) on cuda:1, expected memory of the host: memory of a device "
      "is never read here");
  const auto changed = [&](auto change) {
    made m(data.data(), {6, 4});
    change(m);
    return refusal(m.tensor);
  };
  CHECK(changed([](made& m) { m.tensor.dtype.bits = 64; }) ==
        "boxes are float64 (6, 4) on cpu, expected float32");
  CHECK(changed([](made& m) { m.tensor.dtype = {0, 32, 1}; }) ==
        "boxes are int32 (6, 4) on cpu, expected float32");
  CHECK(changed([](made& m) { m.tensor.dtype.lanes = 4; }) ==
        "boxes are float32 x 4 (6, 4) on cpu, expected float32");
  CHECK(changed([](made& m) { m.tensor.ndim = 1; }) ==
        "boxes are float32 (6) on cpu, expected (rows, numbers) or (images, rows, numbers)");
  CHECK(changed([](made& m) { m.shape[1] = -4; }) ==
        "boxes are float32 (6, -4) on cpu, expected sizes that a network's outputs have");
  CHECK(changed([](made& m) { m.shape[0] = INT64_MAX; }) != "not refused");
  for (float* const at : {data.data(), static_cast<float*>(nullptr)}) {
    const made vast(at, {1 << 20, std::int64_t{1} << 31, 1 << 20});  // 2^71 numbers
    CHECK(
        refusal(vast.tensor) ==
        "boxes are float32 (1048576, 2147483648, 1048576) on cpu, expected sizes that a network's "
        "outputs have");
  }
  CHECK(changed([](made& m) { m.tensor.data = nullptr; }) ==
        "boxes are float32 (6, 4) on cpu, expected an address");
  CHECK(changed([](made& m) { m.tensor.byte_offset = 2; }) ==
        "boxes are float32 (6, 4) on cpu, expected aligned numbers");
  CHECK(changed([](made& m) { m.tensor.device.device_type = 99; }) != "not refused");
  CHECK(changed([](made& m) { m.tensor.device.device_type = 3; }) == "not refused");
}

TEST_CASE("a tensor of a CUDA device is viewed there, of any width, and never read")
{
  // Whoever reads that is killed.
  made there(reinterpret_cast<float*>(0x1000), {2, 300, 4}, {2400, 8, 2});
  there.tensor.device = {2, 0};
  const auto view = view_dlpack_on_cuda(there.tensor, {2, 300}, "boxes");
  CHECK(view.data == reinterpret_cast<const float*>(0x1000));
  CHECK(view.columns == 4);
  CHECK(view.strides == table_strides{2400, 8, 2});

  const auto refusal_there = [&]<class E>(E) {
    try {
      static_cast<void>(view_dlpack_on_cuda<E>(there.tensor, {2, 300}, "boxes"));
    } catch (const error& e) {
      return std::string(e.what());
    }
    return std::string("not refused");
  };
  CHECK(refusal_there(float16()) == "boxes are float32 (2, 300, 4) on cuda:0, expected float16");
  CHECK(refusal_there(bfloat16()) == "boxes are float32 (2, 300, 4) on cuda:0, expected bfloat16");
  there.tensor.dtype = {2, 16, 1};
  there.tensor.byte_offset = 2;
  CHECK(refusal_there(float16()) == "not refused");
  there.tensor.byte_offset = 1;
  CHECK(refusal_there(float16()) ==
        "boxes are float16 (2, 300, 4) on cuda:0, expected aligned numbers");
  there.tensor.dtype = {4, 16, 1};
  there.tensor.byte_offset = 0;
  CHECK(refusal_there(bfloat16()) == "not refused");
  there.shape[1] = 299;
  CHECK(refusal_there(bfloat16()) ==
        "boxes are bfloat16 (2, 299, 4) on cuda:0, expected (2, 300, numbers)");
  there.tensor.device = {1, 0};
  CHECK(refusal_there(bfloat16()) ==
        "boxes are bfloat16 (2, 299, 4) on cpu, expected memory of a CUDA device");
}
