// SPDX-License-Identifier: Apache-2.0
// Somebody else's runtime, which runs a network from a file: the concept.
//
// runtimes/opencv.hpp, onnxruntime.hpp and openvino.hpp have one each, runtimes/installed.hpp is
// the list of those that this program is linked with, runtimes/onnx_network.hpp makes of what they
// give what the detector reads.
//
// A runtime of yours is a class with one function; nothing else knows who ran the network.
#pragma once

#include <retinue/geometry.hpp>  // extent2

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace retinue {

/// Images in host memory, one after the other: (images, 3, height, width), contiguous.
struct image_planes {
  const float* values = nullptr;  ///< of the first image
  std::size_t images = 1;         ///< how many there are
  extent2 size;                   ///< of each, in pixels
};

/// What a network says under one name: floats of a shape, contiguous, which stay as they are for as
/// long as somebody holds them.
struct runtime_array {
  std::string name;                     ///< as the file has it
  std::vector<std::int64_t> shape;      ///< its extents
  std::shared_ptr<const float> values;  ///< the first of them
};

/// A runtime of your own.
///   run(images)   all outputs of the network. Throws `error` where it cannot run on them
template <class R>
concept network_runtime = requires(R& run, const image_planes& images) {
  { run(images) } -> std::same_as<std::vector<runtime_array>>;
};

namespace detail {
/// A copy that its holders share.
[[nodiscard]] inline std::shared_ptr<const float> shared_copy(const float* from, std::size_t count)
{
  const auto copy = std::make_shared<std::vector<float>>(from, from + count);
  return {copy, copy->data()};
}
}  // namespace detail

}  // namespace retinue
