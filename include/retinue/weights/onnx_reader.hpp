// SPDX-License-Identifier: Apache-2.0
// What an ONNX file says of itself: its inputs and outputs, how scores are made, and the metadata.
// The network itself is a runtime's to read.
//
//   const onnx_signature file = read_onnx("faces.onnx");
#pragma once

#include <retinue/detail/file.hpp>       // read_file, characters
#include <retinue/error.hpp>             // fail
#include <retinue/weights/onnx.hpp>      // onnx_value
#include <retinue/weights/protobuf.hpp>  // for_each_field

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// What a file says beside its weights. An extent that it does not know is a name, or "?".
struct onnx_signature {
  std::vector<onnx_value> inputs;   ///< without those that the file itself has values for
  std::vector<onnx_value> outputs;  ///< what the network gives
  std::map<std::string, std::string> metadata;  ///< texts by key
  /// The operator that made each output, by its name: "Softmax" where only the shape changed since.
  std::map<std::string, std::string> made_by;
};

namespace detail {

/// Which operator makes which tensor; the texts lie in the file.
class onnx_makers {
 public:
  /// False where the message is none.
  [[nodiscard]] bool add(std::string_view message)
  {
    bool whole = true;
    node made;
    made.inputs = fields_of(message, 1, whole);
    for (const auto type : fields_of(message, 4, whole)) made.type = type;
    for (const auto output : fields_of(message, 2, whole)) nodes_[output] = made;
    return whole;
  }

  /// The operator behind all that only moves numbers; "" where there are several.
  [[nodiscard]] std::string of(std::string_view output) const
  {
    static constexpr std::array<std::string_view, 9> moving{"Concat",  "Flatten",   "Identity",
                                                            "Reshape", "Slice",     "Split",
                                                            "Squeeze", "Transpose", "Unsqueeze"};
    std::set<std::string_view> types, seen;  // a damaged file may go in circles
    std::vector<std::string_view> left{output};
    while (!left.empty()) {
      const std::string_view name = left.back();
      left.pop_back();
      if (!seen.insert(name).second) continue;
      const auto at = nodes_.find(name);
      if (at == nodes_.end()) return "";  // an input, or a constant
      const node& made = at->second;
      if (std::ranges::find(moving, made.type) == moving.end())
        types.insert(made.type);
      else if (made.type == "Concat")
        left.insert(left.end(), made.inputs.begin(), made.inputs.end());
      else if (!made.inputs.empty())
        left.push_back(made.inputs.front());  // the others are sizes
    }
    return types.size() == 1 ? std::string(*types.begin()) : "";
  }

 private:
  struct node {
    std::string_view type;
    std::vector<std::string_view> inputs;
  };
  std::map<std::string_view, node> nodes_;
};

/// A value of the graph: name, type { tensor { element, shape { extents } } }.
[[nodiscard]] inline onnx_value read_value(std::string_view message, bool& whole)
{
  onnx_value value;
  for (const auto name : fields_of(message, 1, whole)) value.name = name;
  for (const auto type : fields_of(message, 2, whole))
    for (const auto tensor : fields_of(type, 1, whole))
      for (const auto shape : fields_of(tensor, 2, whole))
        for (const auto extent : fields_of(shape, 1, whole)) {
          auto& read = value.shape.emplace_back("?");
          whole &= for_each_field(extent, [&](const protobuf_field& field) {
            if (field.number == 1 && field.value > 0 && field.value <= INT32_MAX)
              read = static_cast<std::int64_t>(field.value);
            if (field.number == 2 && !field.bytes.empty()) read = std::string(field.bytes);
          });
        }
  return value;
}

/// Whether one of the numbers, each as wide as Bits and little endian, is none: larger, without its
/// sign, than `infinity`.
template <std::unsigned_integral Bits>
[[nodiscard]] bool has_nan(std::string_view numbers, Bits infinity)
{
  bool found = false;
  for (std::size_t at = 0; at + sizeof(Bits) <= numbers.size(); at += sizeof(Bits)) {
    std::array<std::byte, sizeof(Bits)> bytes;
    std::memcpy(bytes.data(), numbers.data() + at, sizeof(Bits));
    reorder(bytes, sizeof(Bits));
    found |= static_cast<Bits>(std::bit_cast<Bits>(bytes) << 1) > static_cast<Bits>(infinity << 1);
  }
  return found;
}

/// Throws where a constant of the graph holds what is no number, as a training that diverged leaves
/// it, in raw or packed form, which exporters write. Infinity stands there for a reason, as the
/// least of a maximum.
inline void refuse_nan(std::string_view constant, const std::string& where, bool& whole)
{
  std::uint64_t type = 0;
  std::string_view name;
  std::vector<std::string_view> numbers;
  whole &= for_each_field(constant, [&](const protobuf_field& field) {
    if (field.number == 2) type = field.value;
    if (field.number == 8) name = field.bytes;
    if (field.number == 4 || field.number == 9 || field.number == 10)
      numbers.push_back(field.bytes);  // of one type alone
  });
  for (const std::string_view some : numbers)
    if ((type == 1 && has_nan<std::uint32_t>(some, 0x7f800000)) ||
        (type == 10 && has_nan<std::uint16_t>(some, 0x7c00)) ||
        (type == 11 && has_nan<std::uint64_t>(some, 0x7ff0000000000000)) ||
        (type == 16 && has_nan<std::uint16_t>(some, 0x7f80)))
      fail(where, ": the weights ", in_quotes(name), " are not all numbers");
}

}  // namespace detail

/// What the bytes of a file say. `where` begins a message. Throws where they are no network, and
/// where a weight is no number.
[[nodiscard]] inline onnx_signature onnx_signature_of(std::string_view bytes,
                                                      const std::string& where)
{
  onnx_signature file;
  detail::onnx_makers makers;
  std::set<std::string_view> constants;
  bool whole = true, network = false;
  const auto take_part = [&](const detail::protobuf_field& part) {
    if (part.number == 1) whole &= makers.add(part.bytes);
    if (part.number == 5) {
      for (const auto name : detail::fields_of(part.bytes, 8, whole)) constants.insert(name);
      detail::refuse_nan(part.bytes, where, whole);
    }
    if (part.number == 11) file.inputs.push_back(detail::read_value(part.bytes, whole));
    if (part.number == 12) file.outputs.push_back(detail::read_value(part.bytes, whole));
  };
  const auto take = [&](const detail::protobuf_field& field) {
    if (field.number == 7 && field.bytes.data()) {
      network = true;
      whole &= detail::for_each_field(field.bytes, take_part);
    }
    if (field.number != 14) return;
    std::string key, value;
    for (const auto text : detail::fields_of(field.bytes, 1, whole)) key = text;
    for (const auto text : detail::fields_of(field.bytes, 2, whole)) value = text;
    file.metadata[key] = value;
  };
  whole &= detail::for_each_field(bytes, take);
  if (!whole || !network) fail(where, ": not an ONNX network, or one that was cut off");
  std::erase_if(file.inputs, [&](const onnx_value& v) { return constants.contains(v.name); });
  for (const onnx_value& output : file.outputs) file.made_by[output.name] = makers.of(output.name);
  return file;
}

/// The same of a file. Throws, too, where it cannot be read.
[[nodiscard]] inline onnx_signature read_onnx(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return onnx_signature_of(detail::characters(bytes), file.string());
}

}  // namespace retinue
