// SPDX-License-Identifier: Apache-2.0
// An ONNX file whose input has another shape, and all else as it was: for runtimes that settle the
// shapes of all layers while they read.
//
//   const std::string fixed = with_input_shape(bytes, "images", {1, 3, 480, 640}, "faces.onnx");
#pragma once

#include <retinue/error.hpp>             // fail
#include <retinue/weights/protobuf.hpp>  // for_each_field, protobuf_message

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

namespace detail {

/// The message with `change(bytes)` in place of the bytes of each field of one number; `whole`
/// becomes false where it is none.
template <class Change>
[[nodiscard]] std::string with_changed(std::string_view message, std::uint64_t number, bool& whole,
                                       const Change& change)
{
  protobuf_message to;
  whole &= for_each_field(message, [&](const protobuf_field& field) {
    if (field.number == number && field.bytes.data())
      to.bytes(number, change(field.bytes));
    else
      to.copy(field);
  });
  return to.written();
}

}  // namespace detail

/// The bytes of a file in which the input of that name has that shape. What the file says of its
/// element type, of outputs and between stays. `where` begins a message. Throws where the bytes are
/// no network.
[[nodiscard]] inline std::string with_input_shape(std::string_view bytes, std::string_view input,
                                                  const std::vector<std::int64_t>& shape,
                                                  const std::string& where)
{
  detail::protobuf_message extents;
  for (const std::int64_t extent : shape) {
    detail::protobuf_message one;
    one.number(1, extent);
    extents.message(1, one);
  }
  bool whole = true;
  // model { graph { input { name, type { tensor { shape } } } } }
  const auto in_tensor = [&](std::string_view tensor) {
    return detail::with_changed(tensor, 2, whole,
                                [&](std::string_view) { return extents.written(); });
  };
  const auto in_type = [&](std::string_view type) {
    return detail::with_changed(type, 1, whole, in_tensor);
  };
  const auto in_value = [&](std::string_view value) {
    for (const auto name : detail::fields_of(value, 1, whole))
      if (name != input) return std::string(value);
    return detail::with_changed(value, 2, whole, in_type);
  };
  const auto in_graph = [&](std::string_view graph) {
    return detail::with_changed(graph, 11, whole, in_value);
  };
  std::string changed = detail::with_changed(bytes, 7, whole, in_graph);
  if (!whole) fail(where, ": not an ONNX network, or one that was cut off");
  return changed;
}

}  // namespace retinue
