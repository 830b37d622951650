// SPDX-License-Identifier: Apache-2.0
// The bytes of ONNX files by hand, and files that are damaged.
#include <retinue/weights/onnx.hpp>
#include <retinue/weights/onnx_extents.hpp>
#include <retinue/weights/onnx_reader.hpp>

#include "catch.hpp"
#include "torch_file.hpp"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace retinue;
using namespace retinue::test;
using namespace std::string_literals;

namespace {

/// y = LeakyRelu(x) + w
onnx_model small()
{
  onnx_model model;
  model.inputs = {{"x", {"n", 2}}};
  model.outputs = {{"y", {"n", 2}}};
  model.nodes = {{"LeakyRelu", {"x"}, {"r"}, {{"alpha", 0.5f}}}, {"Add", {"r", "w"}, {"y"}}};
  const std::vector<float> values{1, -2};
  model.weights.insert("w", tensor_of<float>(dtype::f32, {2}, values));
  model.weights.metadata = {{"k", "v"}, {"a", ""}};
  return model;
}

std::string refusal(std::string_view bytes)
{
  return sentence([&] { return onnx_signature_of(bytes, "made.onnx"); });
}

/// A field of kind 2.
std::string field(int number, const std::string& bytes)
{
  return static_cast<char>(8 * number + 2) + (static_cast<char>(bytes.size()) + bytes);
}

}  // namespace

TEST_CASE("numbers are written seven bits a byte")
{
  detail::protobuf_message m;
  m.number(1, std::int64_t(150));  // the example of protobuf.dev/programming-guides/encoding
  CHECK(m.written() == "\x08\x96\x01");
  detail::protobuf_message negative;
  negative.number(1, std::int64_t(-1));
  CHECK(negative.written() == "\x08" + std::string(9, '\xff') + "\x01");
  detail::protobuf_message others;
  others.number(20, std::int64_t(0));
  others.number(2, 1.0f);
  others.bytes(2, std::string(200, 'x'));
  CHECK(others.written() ==
        "\xa0\x01\x00"s + "\x15\x00\x00\x80\x3f"s + "\x12\xc8\x01" + std::string(200, 'x'));
}

TEST_CASE("an input takes another shape, and nothing else changes")
{
  onnx_model model = small();
  model.inputs.push_back({"w", {2}});  // old exporters list constants
  model.weights.insert("long", tensor_of<float>(dtype::f32, {100}, std::vector<float>(100, 0.5f)));
  const std::string open = onnx_bytes(model);
  model.inputs[0].shape = {3, 200};  // of two bytes
  CHECK(with_input_shape(open, "x", {3, 200}, "made.onnx") == onnx_bytes(model));
  CHECK(with_input_shape(onnx_bytes(model), "x", {3, 200}, "made.onnx") == onnx_bytes(model));
  CHECK(with_input_shape(open, "none", {3, 200}, "made.onnx") == open);
  CHECK(sentence([&] {
          return with_input_shape(std::string_view(open).substr(0, open.size() - 1), "x", {1},
                                  "made.onnx");
        }) == "made.onnx: not an ONNX network, or one that was cut off");
}

TEST_CASE("fields of all kinds are copied as they were")
{
  // Of kinds 0, 1, 5 and 2, and a number that takes more bytes than it need.
  const std::string all =
      "\x08\x80\x00"s + "\x11"s + std::string(8, 'e') + "\x1d" + "four" + field(4, "text");
  detail::protobuf_message copy;
  CHECK(detail::for_each_field(all, [&](const detail::protobuf_field& f) { copy.copy(f); }));
  CHECK(copy.written() == all);
}

TEST_CASE("a file is what onnx.proto says, byte by byte")
{
  const auto number = [](int field_number, int value) {
    return std::string{static_cast<char>(8 * field_number), static_cast<char>(value)};
  };
  const std::string alpha = field(1, "alpha") + "\x15\x00\x00\x00\x3f"s + "\xa0\x01\x01"s;
  const std::string leaky = field(1, "x") + field(2, "r") + field(3, "LeakyRelu_r") +
                            field(4, "LeakyRelu") + field(5, alpha);
  const std::string sum =
      field(1, "r") + field(1, "w") + field(2, "y") + field(3, "Add_y") + field(4, "Add");
  const std::string w =
      number(1, 2) + number(2, 1) + field(8, "w") + field(9, "\x00\x00\x80\x3f\x00\x00\x00\xc0"s);
  const std::string shape = field(1, field(2, "n")) + field(1, number(1, 2));
  const auto value = [&](const char* name) {
    return field(1, name) + field(2, field(1, number(1, 1) + field(2, shape)));
  };
  const std::string graph = field(1, leaky) + field(1, sum) + field(2, "network") + field(5, w) +
                            field(11, value("x")) + field(12, value("y"));
  REQUIRE(graph.size() > 127);
  const std::string length{static_cast<char>(0x80 | (graph.size() & 0x7f)),
                           static_cast<char>(graph.size() >> 7)};
  CHECK(onnx_bytes(small()) == number(1, 5) + field(2, "retinue") + "\x3a" + length + graph +
                                   field(8, field(1, "") + number(2, 10)) +
                                   field(14, field(1, "a") + field(2, "")) +
                                   field(14, field(1, "k") + field(2, "v")));
}

TEST_CASE("metadata is read again, and a file that is there is replaced")
{
  const auto file = std::filesystem::temp_directory_path() /
                    ("retinue-onnx-" + std::to_string(::getpid()) + ".onnx");
  for (int twice = 0; twice < 2; ++twice) write_onnx(file, small());
  CHECK((read_onnx(file).metadata == std::map<std::string, std::string>{{"k", "v"}, {"a", ""}}));
  std::filesystem::remove(file);
  CHECK(sentence([&] { return read_onnx(file); }) == file.string() + ": no such file");
}

TEST_CASE("attributes are written by their kinds, and nodes without outputs have no names")
{
  const auto of = [](decltype(onnx_attribute::value) value) {
    return detail::onnx_message(onnx_attribute{"a", std::move(value)}).written();
  };
  CHECK(of(std::int64_t{300}) == field(1, "a") + "\x18\xac\x02\xa0\x01\x02"s);
  CHECK(of(-1.0f) == field(1, "a") + "\x15\x00\x00\x80\xbf\xa0\x01\x01"s);
  CHECK(of("text"s) == field(1, "a") + field(4, "text") + "\xa0\x01\x03"s);
  CHECK(of(std::vector<std::int64_t>{3, 0}) == field(1, "a") + "\x40\x03\x40\x00\xa0\x01\x07"s);
  CHECK(of(std::vector<std::int64_t>{}) == field(1, "a") + "\xa0\x01\x07"s);
  CHECK(detail::onnx_message(onnx_node{"Op", {"x"}, {}}).written() ==
        field(1, "x") + field(4, "Op"));
  const std::vector<std::int64_t> numbers{-2};
  const auto tensor = detail::onnx_message("w", tensor_of<std::int64_t>(dtype::i64, {1}, numbers));
  CHECK(tensor.written() ==
        "\x08\x01\x10\x07"s + field(8, "w") + field(9, "\xfe" + std::string(7, '\xff')));
}

TEST_CASE("what is no network is refused")
{
  const std::string refused = "made.onnx: not an ONNX network, or one that was cut off";
  CHECK(refusal("") == refused);
  CHECK(refusal("PK\x03\x04") == refused);
  CHECK(refusal("\x08\x06") == refused);                   // no graph
  CHECK(refusal("\x3a\x00\x00"s) == refused);              // a field of number 0
  CHECK(refusal("\x3a\x00\x72\x02\x0a\x01"s) == refused);  // an entry that is cut off
  CHECK(refusal("\x3a\x00\x3b"s) == refused);              // a kind that is no more
  CHECK(refusal("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s) == refused);  // a length of 2^63 - 1
  CHECK(refusal("\x3a\x00\x08" + std::string(11, '\xff') + "\x01"s) == refused);
  CHECK(onnx_signature_of("\x3a\x00"s, "made.onnx").metadata.empty());

  // Cut anywhere it is refused, or what was not cut off is read.
  const std::string whole = onnx_bytes(small());
  std::size_t read = 0;
  for (std::size_t end = 0; end < whole.size(); ++end) {
    INFO(end);
    try {
      const auto metadata =
          onnx_signature_of(std::string_view(whole).substr(0, end), "made.onnx").metadata;
      CHECK(metadata.size() < 2);
      ++read;
    } catch (const error& e) {
      CHECK(e.what() == refused);
    }
  }
  CHECK(read == 3);  // behind the graph, the operators, and the first entry
}

TEST_CASE("weights that are no numbers are refused by their name, in every type")
{
  const auto of = [](char type, const std::string& numbers, char as) {
    const std::string tensor = "\x10"s + type + field(8, "w") + field(as, numbers);
    return onnx_signature_of(field(7, field(5, tensor)), "made.onnx");
  };
  const std::string refused = "made.onnx: the weights \"w\" are not all numbers";
  const auto refusal_of = [&](auto... how) { return sentence([&] { return of(how...); }); };
  const std::string one("\x00\x00\x80\x3f", 4), nan("\x01\x00\x80\x7f", 4);
  const std::string infinite("\x00\x00\x80\xff", 4);
  CHECK(refusal_of('\x01', one + nan, '\x09') == refused);
  CHECK(refusal_of('\x01', one + nan, '\x04') == refused);
  CHECK(refusal_of('\x0a', std::string("\x00\x3c\x01\xfc", 4), '\x09') == refused);
  CHECK(refusal_of('\x10', std::string("\x80\x3f\xc0\x7f", 4), '\x09') == refused);
  CHECK(refusal_of('\x0b', std::string(6, '\0') + "\xf8\x7f", '\x0a') == refused);
  CHECK_NOTHROW(of('\x01', one + infinite, '\x09'));
  CHECK_NOTHROW(of('\x0a', std::string("\x00\x3c\x00\xfc", 4), '\x09'));
  CHECK_NOTHROW(of('\x10', std::string("\x80\x3f\x80\x7f", 4), '\x09'));
  CHECK_NOTHROW(of('\x0b', std::string(6, '\0') + "\xf0\x7f", '\x09'));
  CHECK_NOTHROW(of('\x07', nan + nan, '\x09'));  // whole numbers
}

TEST_CASE("damaged files are read or refused, and nothing else")
{
  const std::string whole = onnx_bytes(small());
  std::mt19937 random(5);
  std::size_t read = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    // On the heap and of this size exactly, so that a sanitizer sees a byte too many.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    try {
      static_cast<void>(
          onnx_signature_of(std::string_view(exact.data(), exact.size()), "made.onnx"));
      ++read;
    } catch (const error&) {
      ++refused;
    }
  }
  CHECK(read > 1000);
  CHECK(refused > 1000);
}
