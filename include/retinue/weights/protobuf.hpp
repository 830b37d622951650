// SPDX-License-Identifier: Apache-2.0
// Messages of protocol buffers: fields, each a tag = 8 * number + kind and a value.
//
//   kind 0   a whole number, seven bits a byte, the lowest first, 0x80 on all but the last
//   kind 1   eight bytes        kind 5   four bytes, both little endian
//   kind 2   a length, then as many bytes: a text, numbers, or a message in the message
//
// We write and read them ourselves: a program cannot hold LibTorch and libonnx, for each brings a
// copy of ONNX's messages to the one registry of libprotobuf.
#pragma once

#include <retinue/detail/file.hpp>  // reorder, characters

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retinue::detail {

/// One field of a message that is read: its number, and the value of kind 0 or the bytes of kind 2.
struct protobuf_field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  std::string_view bytes;  ///< of another kind they have no address
  std::string_view whole;  ///< all that it is, with its tag
};

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
  /// A field that was read, as it was.
  void copy(const protobuf_field& field) { bytes_ += field.whole; }

  [[nodiscard]] const std::string& written() const { return bytes_; }

 private:
  void plain(std::uint64_t value)
  {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(0x80 | (value & 0x7f));
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
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
    const std::size_t begin = at;
    std::uint64_t tag = 0, length = 0;
    if (!plain(tag)) return false;
    protobuf_field field;
    field.number = tag / 8;
    switch (tag % 8) {
      case 0:
        if (!plain(field.value)) return false;
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
    if (tag % 8 == 2) field.bytes = message.substr(at, static_cast<std::size_t>(length));
    at += static_cast<std::size_t>(length);
    field.whole = message.substr(begin, at - begin);
    visit(field);
  }
  return true;
}

/// The texts and messages in the fields of one number; `whole` becomes false where the message is
/// none.
[[nodiscard]] inline std::vector<std::string_view> fields_of(std::string_view message,
                                                             std::uint64_t number, bool& whole)
{
  std::vector<std::string_view> found;
  whole &= for_each_field(message, [&](const protobuf_field& field) {
    if (field.number == number) found.push_back(field.bytes);
  });
  return found;
}

}  // namespace retinue::detail
