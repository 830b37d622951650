// SPDX-License-Identifier: Apache-2.0
// Outputs of any framework, viewed where they lie: tensors as DLPack describes them (version 1.0,
// dmlc.github.io/dlpack), the struct that NumPy, PyTorch, JAX, ONNX Runtime and others hand over.
//
//   view_dlpack(tensor, "scores")     float32 on the host, (rows, numbers) or
//                                     (images, rows, numbers), spaced in any way, as what a
//                                     detector takes
//   view_dlpack_on_cuda<E>(tensor, {images, rows}, "scores")
//                                     float32, float16 or bfloat16 on a CUDA device, as what
//                                     programs there take
//   describe_dlpack(tensor)           "float32 (1, 16800, 4) on cuda:0", of a tensor anywhere
//
// Memory of a device is never touched here. DLPack's own header is not needed: any struct with the
// members of DLTensor will do, that of <dlpack/dlpack.h>, of <ATen/dlpack.h>, or the one here.
#pragma once

#include <retinue/backend/table.hpp>         // number_rows
#include <retinue/backend/team_outputs.hpp>  // output_view
#include <retinue/error.hpp>                 // fail
#include <retinue/formulas/narrow.hpp>       // float16, bfloat16

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace retinue {

/// The structs of DLPack's binary interface, for programs that have no other header of it.
namespace dlpack {

/// Where memory is: 1 the host, 2 CUDA, 3 host memory pinned for CUDA, 10 ROCm, ...
struct device {
  std::int32_t device_type;  ///< by DLPack's numbers
  std::int32_t device_id;    ///< which of several
};

/// What an element is.
struct data_type {
  std::uint8_t code;    ///< 0 int, 1 uint, 2 float, 4 bfloat, 5 complex, 6 bool
  std::uint8_t bits;    ///< of one lane
  std::uint16_t lanes;  ///< 1, but for vectors
};

/// A tensor: DLTensor.
struct tensor {
  void* data;                 ///< on the device
  dlpack::device device;      ///< where that is
  std::int32_t ndim;          ///< dimensions
  data_type dtype;            ///< of an element
  std::int64_t* shape;        ///< (ndim), on the host
  std::int64_t* strides;      ///< (ndim), in elements, on the host; null: row after row
  std::uint64_t byte_offset;  ///< of the first element from data
};

/// What a capsule "dltensor" of Python holds: DLManagedTensor.
struct managed_tensor {
  tensor dl_tensor;                     ///< the tensor
  void* manager_ctx;                    ///< its owner's
  void (*deleter)(managed_tensor* of);  ///< to be called by whoever took it over; may be null
};

}  // namespace dlpack

/// A struct with the members of DLTensor, by their names.
template <class T>
concept dlpack_tensor = requires(const T& t) {
  { t.data } -> std::convertible_to<const void*>;
  static_cast<std::int32_t>(t.device.device_type);
  { t.device.device_id } -> std::convertible_to<std::int32_t>;
  { t.ndim } -> std::convertible_to<std::int32_t>;
  { t.dtype.code } -> std::convertible_to<std::uint8_t>;
  { t.dtype.bits } -> std::convertible_to<std::uint8_t>;
  { t.dtype.lanes } -> std::convertible_to<std::uint16_t>;
  { t.shape } -> std::convertible_to<const std::int64_t*>;
  { t.strides } -> std::convertible_to<const std::int64_t*>;
  { t.byte_offset } -> std::convertible_to<std::uint64_t>;
};
static_assert(dlpack_tensor<dlpack::tensor>);

namespace detail {
[[nodiscard]] inline std::string dlpack_device(std::int32_t type, std::int32_t id)
{
  std::string_view name;
  switch (type) {
    case 1:
      return "cpu";
    case 2:
      name = "cuda";
      break;
    case 3:
      return "pinned host memory (cuda)";
    case 4:
      name = "opencl";
      break;
    case 7:
      name = "vulkan";
      break;
    case 8:
      name = "metal";
      break;
    case 10:
      name = "rocm";
      break;
    case 11:
      return "pinned host memory (rocm)";
    case 13:
      name = "cuda managed";
      break;
    case 14:
      name = "oneapi";
      break;
    case 15:
      name = "webgpu";
      break;
    default:
      return "device " + std::to_string(type) + ":" + std::to_string(id);
  }
  return std::string(name) + ":" + std::to_string(id);
}
}  // namespace detail

/// What a tensor is and where: its type, shape and device. Its data is not looked at.
template <dlpack_tensor T>
[[nodiscard]] std::string describe_dlpack(const T& t)
{
  std::string said;
  switch (t.dtype.code) {
    case 0:
      said = "int";
      break;
    case 1:
      said = "uint";
      break;
    case 2:
      said = "float";
      break;
    case 4:
      said = "bfloat";
      break;
    case 5:
      said = "complex";
      break;
    case 6:
      said = "bool";
      break;
    default:
      said = "type " + std::to_string(t.dtype.code) + " of bits ";
      break;
  }
  said += std::to_string(t.dtype.bits);
  if (t.dtype.lanes != 1) said += " x " + std::to_string(t.dtype.lanes);
  said += " (";
  for (std::int32_t d = 0; d < t.ndim; ++d)
    said += (d ? ", " : "") + std::to_string(t.shape ? t.shape[d] : -1);
  return said + ") on " +
         detail::dlpack_device(static_cast<std::int32_t>(t.device.device_type), t.device.device_id);
}

namespace detail {
/// Where the numbers of a tensor lie.
struct dlpack_view {
  const std::byte* first;
  table_shape shape;
  std::size_t numbers;
  table_strides strides;
};

/// Of (rows, numbers) or (images, rows, numbers). Throws where its elements have not that code and
/// so many bits, where sizes are none of a network's outputs, and where it is not aligned.
template <dlpack_tensor T>
[[nodiscard]] dlpack_view view_of_dlpack(const T& t, std::uint8_t code, std::uint8_t bits,
                                         std::string_view what)
{
  const auto refuse = [&](const auto&... expected) {
    fail(what, " are ", describe_dlpack(t), ", expected ", expected...);
  };
  if (t.dtype.code != code || t.dtype.bits != bits || t.dtype.lanes != 1)
    refuse(code == 4 ? "bfloat" : "float", static_cast<int>(bits));
  if ((t.ndim != 2 && t.ndim != 3) || !t.shape)
    refuse("(rows, numbers) or (images, rows, numbers)");
  const std::int64_t* const extent = t.shape + (t.ndim - 2);
  const std::int64_t images = t.ndim == 3 ? t.shape[0] : 1, rows = extent[0], numbers = extent[1];
  // So that no product of extents overflows, and rows of all images are numbered in 32 bits.
  constexpr std::int64_t most = std::int64_t{1} << 20, most_rows = std::int64_t{1} << 31;
  if (images < 0 || images > most || rows < 0 || rows > most_rows || numbers < 0 ||
      numbers > most || images * rows > most_rows)
    refuse("sizes that a network's outputs have");
  const table_shape shape{static_cast<std::size_t>(images), static_cast<std::size_t>(rows)};
  table_strides spaced = contiguous(shape, static_cast<std::size_t>(numbers));
  if (t.strides)
    spaced = {t.ndim == 3 ? t.strides[0] : 0, t.strides[t.ndim - 2], t.strides[t.ndim - 1]};
  const auto* const bytes = static_cast<const std::byte*>(t.data);
  const auto* const first = bytes ? bytes + t.byte_offset : nullptr;
  if (!first && images != 0 && rows != 0 && numbers != 0) refuse("an address");
  if (reinterpret_cast<std::uintptr_t>(first) % (bits / 8u) != 0) refuse("aligned numbers");
  return {first, shape, static_cast<std::size_t>(numbers), spaced};
}

template <dlpack_tensor T>
[[nodiscard]] bool dlpack_lies_on(const T& t, std::initializer_list<std::int32_t> places)
{
  return std::ranges::find(places, static_cast<std::int32_t>(t.device.device_type)) != places.end();
}
}  // namespace detail

/// A view of a tensor of float32 in host memory, (rows, numbers) of one image or (images, rows,
/// numbers); `what` is what it is called in a message. Nothing is copied: the tensor's memory must
/// outlive the view. Throws where it is of another type, shape or place, or not aligned.
template <dlpack_tensor T>
[[nodiscard]] number_rows view_dlpack(const T& t, std::string_view what)
{
  if (!detail::dlpack_lies_on(t, {1, 3, 11}))  // the host, or pinned there
    fail(what, " are ", describe_dlpack(t),
         ", expected memory of the host: memory of a device is never read here");
  const auto at = detail::view_of_dlpack(t, 2, 32, what);
  return {reinterpret_cast<const float*>(at.first), at.shape, at.numbers, at.strides};
}

/// A view of a tensor on a CUDA device, of numbers E: float, float16 or bfloat16. The stream that
/// the view is used on must come after what wrote the tensor. Throws as view_dlpack does, and where
/// it is not of so many images and rows.
template <class E = float, dlpack_tensor T>
[[nodiscard]] output_view<E> view_dlpack_on_cuda(const T& t, const table_shape& expected,
                                                 std::string_view what)
{
  if (!detail::dlpack_lies_on(t, {2, 13}))  // the device, or managed by it
    fail(what, " are ", describe_dlpack(t), ", expected memory of a CUDA device");
  constexpr bool brain = std::same_as<E, bfloat16>;
  static_assert(brain || std::same_as<E, float16> || std::same_as<E, float>);
  const auto at = detail::view_of_dlpack(t, brain ? 4 : 2, 8 * sizeof(E), what);
  if (!(at.shape == expected))
    fail(what, " are ", describe_dlpack(t), ", expected (", expected.images, ", ", expected.rows,
         ", numbers)");
  return {reinterpret_cast<const E*>(at.first), static_cast<std::uint32_t>(at.numbers), at.strides};
}

}  // namespace retinue
