// SPDX-License-Identifier: Apache-2.0
// Writes networks as ONNX, the public form that other runtimes read.
//
// A file is one message of protocol buffers, whose fields have the numbers of onnx.proto
// (github.com/onnx/onnx). weights/onnx_reader.hpp reads what one says of itself.
#pragma once

#include <retinue/detail/file.hpp>         // replace_file, characters
#include <retinue/error.hpp>               // fail
#include <retinue/weights/protobuf.hpp>    // protobuf_message
#include <retinue/weights/state_dict.hpp>  // state_dict

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace retinue {

/// A setting of an operator.
struct onnx_attribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>> value;
};

/// An operator and the names of what it takes and gives; what each does: onnx.ai/onnx/operators.
struct onnx_node {
  std::string type;
  std::vector<std::string> inputs, outputs;
  std::vector<onnx_attribute> attributes = {};
};

/// An input or an output of floats: each extent a number, or the name of one that a caller chooses.
struct onnx_value {
  std::string name;
  std::vector<std::variant<std::int64_t, std::string>> shape;
};

/// A network. Nodes stand in an order in which each finds its inputs made.
struct onnx_model {
  std::vector<onnx_value> inputs, outputs;
  std::vector<onnx_node> nodes;
  state_dict weights;  ///< constants by name, and the file's metadata

  /// The set of operators: of 2019, since when nothing was added that detectors need. From the next
  /// set on the bounds of Clip are inputs, which OpenCV 4.6 does not read.
  static constexpr std::int64_t operators = 10, format = 5;
};

namespace detail {

/// In the order of dtype.
inline constexpr std::array<std::int64_t, 10> onnx_types{9, 2, 3, 5, 6, 7, 10, 16, 1, 11};

[[nodiscard]] inline protobuf_message onnx_message(const onnx_attribute& a)
{
  protobuf_message to;
  to.bytes(1, a.name);
  if (const auto* one = std::get_if<std::int64_t>(&a.value)) {
    to.number(3, *one);
    to.number(20, std::int64_t(2));
  } else if (const auto* real = std::get_if<float>(&a.value)) {
    to.number(2, *real);
    to.number(20, std::int64_t(1));
  } else if (const auto* text = std::get_if<std::string>(&a.value)) {
    to.bytes(4, *text);
    to.number(20, std::int64_t(3));
  } else {
    for (const std::int64_t each : std::get<std::vector<std::int64_t>>(a.value)) to.number(8, each);
    to.number(20, std::int64_t(7));
  }
  return to;
}

[[nodiscard]] inline protobuf_message onnx_message(const onnx_node& n)
{
  protobuf_message to;
  for (const std::string& name : n.inputs) to.bytes(1, name);
  for (const std::string& name : n.outputs) to.bytes(2, name);
  if (!n.outputs.empty()) to.bytes(3, n.type + "_" + n.outputs.front());
  to.bytes(4, n.type);
  for (const onnx_attribute& a : n.attributes) to.message(5, onnx_message(a));
  return to;
}

[[nodiscard]] inline protobuf_message onnx_message(const onnx_value& v)
{
  protobuf_message shape, tensor, type, to;
  for (const auto& extent : v.shape) {
    protobuf_message one;
    if (const auto* known = std::get_if<std::int64_t>(&extent))
      one.number(1, *known);
    else
      one.bytes(2, std::get<std::string>(extent));
    shape.message(1, one);
  }
  tensor.number(1, onnx_types[static_cast<std::size_t>(dtype::f32)]);
  tensor.message(2, shape);
  type.message(1, tensor);
  to.bytes(1, v.name);
  to.message(2, type);
  return to;
}

[[nodiscard]] inline protobuf_message onnx_message(const std::string& name, const host_tensor& t)
{
  protobuf_message to;
  for (const std::int64_t extent : t.shape) to.number(1, extent);
  to.number(2, onnx_types[static_cast<std::size_t>(t.type)]);
  to.bytes(8, name);
  std::vector<std::byte> turned;
  to.bytes(9, characters(in_little_endian(t.bytes, size_of(t.type), turned)));
  return to;
}

}  // namespace detail

/// The bytes of a file.
[[nodiscard]] inline std::string onnx_bytes(const onnx_model& model)
{
  using detail::onnx_message;
  detail::protobuf_message graph, set, to;
  for (const onnx_node& node : model.nodes) graph.message(1, onnx_message(node));
  graph.bytes(2, "network");
  for (const auto& [name, tensor] : model.weights) graph.message(5, onnx_message(name, tensor));
  for (const onnx_value& value : model.inputs) graph.message(11, onnx_message(value));
  for (const onnx_value& value : model.outputs) graph.message(12, onnx_message(value));
  to.number(1, onnx_model::format);
  to.bytes(2, "retinue");
  to.message(7, graph);
  set.bytes(1, "");  // the operators of ONNX itself
  set.number(2, onnx_model::operators);
  to.message(8, set);
  for (const auto& [key, value] : model.weights.metadata) {
    detail::protobuf_message entry;
    entry.bytes(1, key);
    entry.bytes(2, value);
    to.message(14, entry);
  }
  return to.written();
}

/// Writes a file, whole or not at all: see write_text. Throws where it would be larger than a
/// message of protocol buffers may be.
inline void write_onnx(const std::filesystem::path& file, const onnx_model& model)
{
  const std::string bytes = onnx_bytes(model);
  if (bytes.size() > INT32_MAX)
    fail(file.string(), ": the network takes ", bytes.size(),
         " bytes, expected less than 2 GB, which is the most that a file of ONNX can hold");
  write_text(file, bytes);
}

}  // namespace retinue
