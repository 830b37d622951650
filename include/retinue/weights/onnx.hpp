// SPDX-License-Identifier: Apache-2.0
// Writes networks as ONNX, the public form that other runtimes read, and reads the metadata back.
//
// A file is one message of protocol buffers: fields, each a tag = 8 * number / 8 + kind and a
// value.
//
//   kind 0   a whole number, seven bits a byte, the lowest first, 0x80 on all but the last
//   kind 1   eight bytes        kind 5   four bytes, both little endian
//   kind 2   a length, then as many bytes: a text, numbers, or a message in the message
//
// The numbers of the fields are those of onnx.proto (github.com/onnx/onnx). We write them
// ourselves: a program cannot hold LibTorch and libonnx, for each brings a copy of these messages
// to the one registry of libprotobuf.
#pragma once

#include <retinue/detail/file.hpp>         // read_file, replace_file, in_quotes
#include <retinue/error.hpp>               // fail
#include <retinue/weights/state_dict.hpp>  // state_dict

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

/// A message as it is written: fields one after another.
class protobuf_message {
 public:
  void number(std::uint64_t field, std::int64_t value)
  {
    plain(8 * field);
    plain(static_cast<std::uint64_t>(value));
  }
  void number(std::uint64_t field, float value)
  {
    plain(8 * field + 5);
    auto bits = std::bit_cast<std::array<std::byte, 4>>(value);
    reorder(bits, bits.size());
    bytes_ += characters(bits);
  }
  void bytes(std::uint64_t field, std::string_view value)
  {
    plain(8 * field + 2);
    plain(value.size());
    bytes_ += value;
  }
  void message(std::uint64_t field, const protobuf_message& value) { bytes(field, value.bytes_); }

  [[nodiscard]] const std::string& written() const { return bytes_; }

 private:
  void plain(std::uint64_t value)
  {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(0x80 | (value & 0x7f));
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

/// One field of a message that is read: its number, and the bytes of kind 2 or none.
struct protobuf_field {
  std::uint64_t number = 0;
  std::string_view bytes;
};

/// Calls visit(protobuf_field) for each field of a message; false where that is no message. Nothing
/// is read beyond its end, and nothing of it is copied.
template <class Visit>
[[nodiscard]] bool for_each_field(std::string_view message, const Visit& visit)
{
  std::size_t at = 0;
  const auto plain = [&](std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && at < message.size(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(message[at++]);
      value |= std::uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  };
  while (at < message.size()) {
    std::uint64_t tag = 0, length = 0;
    if (!plain(tag)) return false;
    protobuf_field field{tag / 8, {}};
    switch (tag % 8) {
      case 0:
        if (!plain(length)) return false;
        length = 0;
        break;
      case 1:
        length = 8;
        break;
      case 2:
        if (!plain(length)) return false;
        break;
      case 5:
        length = 4;
        break;
      default:
        return false;
    }
    if (field.number == 0 || length > message.size() - at) return false;
    const auto size = static_cast<std::size_t>(length);
    if (tag % 8 == 2) field.bytes = message.substr(at, size);
    at += size;
    visit(field);
  }
  return true;
}

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

/// What the bytes of a file say in plain words beside the network, by key. `where` begins a
/// message.
[[nodiscard]] inline std::map<std::string, std::string> onnx_metadata(std::string_view bytes,
                                                                      const std::string& where)
{
  std::map<std::string, std::string> metadata;
  bool whole = true, network = false;
  const auto take = [&](const detail::protobuf_field& field) {
    if (field.number == 7 && field.bytes.data()) network = true;
    if (field.number != 14) return;
    std::string key, value;
    whole &= detail::for_each_field(field.bytes, [&](const detail::protobuf_field& part) {
      if (part.number == 1) key = part.bytes;
      if (part.number == 2) value = part.bytes;
    });
    metadata[key] = value;
  };
  whole &= detail::for_each_field(bytes, take);
  if (!whole || !network) fail(where, ": not an ONNX network, or one that was cut off");
  return metadata;
}

/// The same of a file.
[[nodiscard]] inline std::map<std::string, std::string> onnx_metadata(
    const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return onnx_metadata(detail::characters(bytes), file.string());
}

}  // namespace retinue
