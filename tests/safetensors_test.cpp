// SPDX-License-Identifier: Apache-2.0
#include <retinue/weights/safetensors.hpp>

#include "catch.hpp"
#include "torch_file.hpp"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace retinue;
using namespace retinue::test;

namespace {

std::string file_of(const std::string& header, const std::string& data)
{
  return bytes_of(static_cast<std::uint64_t>(header.size())) + header + data;
}

std::string refusal(const std::string& header, const std::string& data)
{
  return sentence([&] { return read_safetensors(view(file_of(header, data)), "made.pth"); });
}

/// A folder that is gone when the test is over.
struct scratch {
  std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                 ("retinue-safetensors-" + std::to_string(::getpid()));
  scratch() { std::filesystem::create_directory(folder); }
  ~scratch() { std::filesystem::remove_all(folder); }
};

const std::string f32 = R"("dtype":"F32","shape":[1],)";

}  // namespace

TEST_CASE("what is written is read again, order and metadata too")
{
  const scratch place;
  const auto file = place.folder / "weights.safetensors";
  state_dict weights;
  const std::vector<float> floats{1.5f, -2, 3, 4, 5, 6};
  const std::vector<std::int64_t> longs{-7};
  const std::vector<std::uint8_t> bytes{1, 0, 1};
  weights.insert("flags \"é\"", tensor_of<std::uint8_t>(dtype::boolean, {3}, bytes));
  weights.insert("w", tensor_of<float>(dtype::f32, {2, 3}, floats));
  weights.insert("count", tensor_of<std::int64_t>(dtype::i64, {}, longs));
  weights.insert("nothing", {dtype::bf16, {0, 4}, {}});
  weights.metadata["epoch"] = "12";
  for (int twice = 0; twice < 2; ++twice) write_safetensors(file, weights);

  const auto again = read_safetensors(file);
  REQUIRE(again.size() == weights.size());
  auto expected = weights.begin();
  for (const auto& [name, tensor] : again) {
    CHECK(name == expected->first);
    CHECK(tensor.type == expected->second.type);
    CHECK(tensor.shape == expected->second.shape);
    CHECK(tensor.bytes == expected->second.bytes);
    ++expected;
  }
  CHECK(again.metadata == weights.metadata);
  CHECK(again.find("w")->values<float>()[5] == 6);
  CHECK(std::distance(std::filesystem::directory_iterator(place.folder), {}) == 1);

  // Its form: the header is padded to 8 bytes, and wide elements come first.
  std::ifstream in(file, std::ios::binary);
  const std::string raw((std::istreambuf_iterator<char>(in)), {});
  CHECK(detail::little_endian<std::uint64_t>(view(raw), 0) % 8 == 0);
  CHECK(raw.find(R"("count":{"dtype":"I64","shape":[],"data_offsets":[0,8]})") != raw.npos);
}

TEST_CASE("what cannot be written leaves the old file as it was")
{
  const scratch place;
  const auto file = place.folder / "weights.safetensors";
  state_dict good, bad, broken;
  good.insert("w", {dtype::u8, {1}, std::vector<std::byte>(1)});
  write_safetensors(file, good);
  bad.insert("w", {dtype::f32, {2}, std::vector<std::byte>(7)});
  CHECK(sentence([&] {
          write_safetensors(file, bad);
          return 0;
        }).find("holds 7 bytes") != std::string::npos);
  broken.insert("\xff", {dtype::u8, {1}, std::vector<std::byte>(1)});
  CHECK(sentence([&] {
          write_safetensors(file, broken);
          return 0;
        }).find("not UTF-8") != std::string::npos);
  CHECK(read_safetensors(file).size() == 1);
  CHECK(sentence([&] {
          write_safetensors(place.folder / "no" / "w", good);
          return 0;
        }).find("cannot be created") != std::string::npos);
  CHECK(sentence([&] {
          write_safetensors(place.folder, good);
          return 0;
        }).find("a folder, where a file") != std::string::npos);
  CHECK(std::distance(std::filesystem::directory_iterator(place.folder), {}) == 1);
}

TEST_CASE("a tensor gives its values only as what they are")
{
  const std::vector<float> floats{1, 2};
  const auto t = tensor_of<float>(dtype::f32, {2}, floats);
  CHECK_THROWS_AS(t.values<double>(), error);
  CHECK_THROWS_AS(t.values<std::int32_t>(), error);
  CHECK_THROWS_AS((host_tensor{dtype::f32, {3}, t.bytes}).values<float>(), error);
  CHECK_THROWS_AS((host_tensor{dtype::f32, {-2}, t.bytes}).values<float>(), error);
  CHECK_THROWS_AS(tensor_of<float>(dtype::f64, {2}, floats), error);
  CHECK_THROWS_AS(tensor_of<float>(dtype::f32, {INT64_MAX, 4}, floats), error);
  state_dict weights;
  weights.insert("w", t);
  CHECK_THROWS_AS(weights.insert("w", t), error);
  CHECK(weights.strip_prefix("w"));
  CHECK(weights.find(""));
  CHECK_FALSE(weights.strip_prefix("w"));
}

TEST_CASE("elements are read as what they are, and as nothing else")
{
  for (int i = 0; i <= static_cast<int>(dtype::f64); ++i) {
    const auto type = static_cast<dtype>(i);
    CAPTURE(name_of(type));
    CHECK(is_read_as<std::uint8_t>(type) == (type == dtype::boolean || type == dtype::u8));
    CHECK(is_read_as<std::int8_t>(type) == (type == dtype::i8));
    CHECK(is_read_as<std::uint16_t>(type) == (type == dtype::f16 || type == dtype::bf16));
    CHECK(is_read_as<std::int16_t>(type) == (type == dtype::i16));
    CHECK(is_read_as<std::int32_t>(type) == (type == dtype::i32));
    CHECK(is_read_as<std::int64_t>(type) == (type == dtype::i64));
    CHECK(is_read_as<float>(type) == (type == dtype::f32));
    CHECK(is_read_as<double>(type) == (type == dtype::f64));
    CHECK(!is_read_as<std::uint32_t>(type));
  }
}

TEST_CASE("headers that lie are refused")
{
  const std::string four(4, '\0'), eight(8, '\0');
  CHECK(refusal("{\"a\":{" + f32 + "\"data_offsets\":[0,4]}}   ", four).empty());
  CHECK(refusal("{}", "").empty());
  const auto a = [](const std::string& fields) { return "{\"a\":{" + fields + "}}"; };
  CHECK(says(refusal(a(f32 + R"("data_offsets":[0,4])"), eight), "cover 4 of the 8 bytes"));
  CHECK(says(refusal(a(f32 + R"("data_offsets":[4,8])"), eight), "\"a\" has the bytes 4 to 8"));
  CHECK(says(refusal(a(f32 + R"("data_offsets":[0,8])"), eight), "does not take the 8 bytes"));
  CHECK(says(refusal(a(f32 + R"("data_offsets":[0,8])"), four), "has the bytes 0 to 8"));
  CHECK(
      says(refusal(a(f32 + R"("data_offsets":[0,18446744073709551615])"), four), "has the bytes"));
  CHECK(says(refusal(a(f32 + R"("data_offsets":[4,0])"), four), "has the bytes 4 to 0"));
  CHECK(says(refusal(a(f32 + R"("data_offsets":[0])"), four), "two data_offsets"));
  CHECK(says(refusal(a(f32 + R"("data_offsets":[0,4,4])"), four), "two data_offsets"));
  CHECK(
      says(refusal(a(R"("dtype":"F32","data_offsets":[0,4])"), four), "without its dtype, shape"));
  CHECK(says(refusal(a(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"), four), "F8_E4M3"));
  for (const char* shape : {"[18446744073709551615,18446744073709551615]",
                            "[4294967296,4294967296]", "[9223372036854775807,2]", "[2]", "[0]"})
    CHECK(says(
        refusal(a(R"("dtype":"F32","data_offsets":[0,4],"shape":)" + std::string(shape)), four),
        "does not take the 4 bytes"));
  CHECK(says(refusal(a(R"("dtype":"F32","data_offsets":[0,4],"shape":[-1])"), four), "negative"));
  CHECK(says(refusal(a(R"("dtype":"F32","data_offsets":[0,4],"shape":[1.0])"), four), "fraction"));
  const std::string overlap =
      "{\"a\":{" + f32 + "\"data_offsets\":[0,4]},\"b\":{" + f32 + "\"data_offsets\":[0,4]}}";
  CHECK(says(refusal(overlap, four), "\"b\" has the bytes 0 to 4"));
  const std::string twice =
      "{\"a\":{" + f32 + "\"data_offsets\":[0,4]},\"a\":{" + f32 + "\"data_offsets\":[4,8]}}";
  CHECK(says(refusal(twice, eight), "the name \"a\" twice"));
  CHECK(says(refusal(a(f32 + f32 + R"("data_offsets":[0,4])"), four), "the key \"dtype\" twice"));
  CHECK(says(refusal(a(f32 + R"("more":1,"data_offsets":[0,4])"), four), "number where none"));
  for (const char* header :
       {"{\"a\":5}", "{\"a\":\"x\"}", "{\"a\":[1]}", "{\"a\":{\"b\":{}}}",
        "{\"a\":{\"shape\":[[1]]}}", "{\"a\":null}", "{\"a\":{\"dtype\":true}}",
        "{\"__metadata__\":{\"k\":1}}", "{\"__metadata__\":{\"k\":[]}}", "{\"a\":{}} x",
        "{\"a\":", "{", "{\"a\xff\":{}}"}) {
    CAPTURE(header);
    CHECK(says(refusal(header, ""), "the header "));
  }
  CHECK(says(refusal("[]", ""), "does not begin with {"));
  // The parser ends at a zero byte, and would not see that the rest is no JSON.
  CHECK(says(refusal(std::string("{}\0{\"a\":5}", 10), ""), "not JSON, as byte 2 of it shows"));
  CHECK(says(refusal("{\"a\":" + std::string(1'000'000, '['), ""), "list where none belongs"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  CHECK(says(refusal(deep, ""), "deeper than"));
}

TEST_CASE("a file of this form cut at any byte is refused")
{
  const auto file = file_of("{\"a\":{" + f32 + "\"data_offsets\":[0,4]}}", "1234");
  REQUIRE(read_safetensors(view(file), "made.pth").size() == 1);
  for (std::size_t size = 0; size < file.size(); ++size)
    CHECK(says(sentence([&] { return read_safetensors(view(file.substr(0, size)), "made.pth"); }),
               "made.pth: "));
  CHECK(says(sentence([&] { return read_safetensors(view(std::string(64, '\xff')), "made.pth"); }),
             "the header has 18446744073709551615 bytes"));
}

TEST_CASE("headers: the most dimensions, names that are taken, lists where none belong")
{
  const auto shape = [](std::size_t n) {
    std::string list = "[1";
    for (std::size_t i = 1; i < n; ++i) list += ",1";
    return R"({"a":{"dtype":"U8","data_offsets":[0,1],"shape":)" + list + "]}}";
  };
  CHECK(refusal(shape(64), "x").empty());
  CHECK(says(refusal(shape(65), "x"), "\"a\" with more than 64 dimensions"));
  CHECK(says(refusal("{\"a\":{\"shape\":[{}]}}", ""), "deeper than"));
  CHECK(says(refusal("{\"a\":{\"dtype\":[]}}", ""), "a list under \"dtype\""));
  CHECK(says(refusal("{\"a\":{\"shape\":[\"x\"]}}", ""), "a string where none belongs"));
  CHECK(says(refusal("{\"a\":{\"shape\":\"x\"}}", ""), "a string where none belongs"));
  state_dict taken;
  taken.insert("__metadata__", {dtype::u8, {1}, std::vector<std::byte>(1)});
  const scratch place;
  CHECK(sentence([&] {
          write_safetensors(place.folder / "w", taken);
          return 0;
        }).ends_with("no tensor may be called __metadata__"));
  state_dict none;
  CHECK_FALSE(none.strip_prefix("a"));
  none.insert("a", {dtype::u8, {1}, std::vector<std::byte>(1)});
  CHECK_FALSE(none.strip_prefix(""));
  CHECK(none.strip_prefix("a"));
}
