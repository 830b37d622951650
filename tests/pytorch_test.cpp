// SPDX-License-Identifier: Apache-2.0
#include <retinue/weights/pytorch.hpp>

#include "catch.hpp"
#include "torch_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace retinue;
using namespace retinue::test;
using namespace retinue::test::pickled;

namespace {

const std::vector<float> twelve{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
const named_bytes storage{{"0", bytes_of(twelve)}};

state_dict read(const std::string& bytes)
{
  return read_pytorch(view(bytes), "made.pth");
}

std::string refusal(const std::string& bytes)
{
  return sentence([&] { return read(bytes); });
}

std::string refusal(const tensor& hostile)
{
  return refusal(legacy_file(pickled::dictionary({hostile}), storage));
}

/// The values of a tensor of that layout over `twelve`.
std::vector<float> gathered(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                            std::int64_t offset = 0)
{
  const tensor t{"w", std::move(shape), std::move(strides), offset};
  const auto weights = read(legacy_file(pickled::dictionary({t}), storage));
  const auto values = weights.find("w")->values<float>();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("both forms give names in their order, shapes and values")
{
  const auto object = pickled::dictionary({{"b.weight", {3, 4}, {4, 1}}, {"a.bias", {2}, {1}, 5}});
  for (const auto& file : {legacy_file(object, storage), torch_zip(object, storage),
                           torch_zip(object, storage, true)}) {
    const auto weights = read(file);
    REQUIRE(weights.size() == 2);
    CHECK(weights.begin()->first == "b.weight");
    CHECK(weights.begin()->second.type == dtype::f32);
    CHECK(weights.begin()->second.shape == std::vector<std::int64_t>{3, 4});
    const auto bias = weights.find("a.bias")->values<float>();
    CHECK(std::vector(bias.begin(), bias.end()) == std::vector<float>{5, 6});
    CHECK(weights.find("b.bias") == nullptr);
  }
}

TEST_CASE("strided tensors come out in C order")
{
  CHECK(gathered({3, 4}, {4, 1}) == twelve);
  CHECK(gathered({4, 3}, {1, 4}) == std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(gathered({2, 2}, {8, 3}, 0) == std::vector<float>{0, 3, 8, 11});
  CHECK(gathered({2, 2}, {4, 1}, 5) == std::vector<float>{5, 6, 9, 10});
  CHECK(gathered({2, 3}, {0, 1}, 9) == std::vector<float>{9, 10, 11, 9, 10, 11});
  CHECK(gathered({3, 2}, {1, 0}, 9) == std::vector<float>{9, 9, 10, 10, 11, 11});
  CHECK(gathered({2, 1, 2}, {6, INT64_MAX, 1}) == std::vector<float>{0, 1, 6, 7});
  CHECK(gathered({1, 1}, {INT64_MAX, INT64_MAX}, 11) == std::vector<float>{11});
  CHECK(gathered({2, 1, 3, 2}, {6, 3, 1, 3}) ==
        std::vector<float>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11});
  CHECK(gathered({}, {}, 7) == std::vector<float>{7});
  CHECK(gathered({0, 5}, {5, 1}).empty());
  CHECK(gathered({INT64_MAX, 0, INT64_MAX}, {1, 1, 1}, 12).empty());
}

TEST_CASE("a storage's part is where offsets count from")
{
  tensor t{"w", {2}, {1}, 1};
  t.part = "("s + text("part") + integer(6) + integer(4) + "t";
  const auto weights = read(legacy_file(pickled::dictionary({t}), storage));
  CHECK(weights.find("w")->values<float>()[0] == 7);
  t.offset = 3;
  CHECK(says(refusal(t), "reaches outside of its storage of 4"));
  t.part = "("s + text("part") + integer(6) + integer(7) + "t";
  CHECK(says(refusal(t), "lies outside of it"));
  t.part = "("s + text("part") + integer(-1) + integer(2) + "t";
  CHECK(says(refusal(t), "lies outside of it"));
}

TEST_CASE("the network is found beside an optimizer, and module. goes where all names have it")
{
  const auto net = pickled::dictionary({{"module.w", {2}, {1}}, {"module.v", {2}, {1}, 2}});
  const auto other = pickled::dictionary({{"momentum", {3}, {1}}});
  const auto entry = [](const std::string& name, const std::string& v) { return text(name) + v; };
  const auto file = [&](const std::string& entries) {
    return legacy_file("}("s + entries + "u", storage);
  };
  for (const char* name : {"state_dict", "model", "net", "model_state_dict"}) {
    const auto weights = read(file(entry("optimizer", other) + entry("epoch", integer(7)) +
                                   entry("arch", text("mobile")) + entry(name, net) +
                                   entry("best", tensor{"", {1}, {1}}.rebuilt())));
    REQUIRE(weights.size() == 2);
    CHECK(weights.begin()->first == "w");
    CHECK(weights.find("v")->values<float>()[1] == 3);
    CHECK(weights.metadata.at("epoch") == "7");
    CHECK(weights.metadata.at("arch") == "mobile");
  }
  CHECK(read(file(entry("model", "}"s + entry("state_dict", net) + "s"))).size() == 2);
  const auto mixed = pickled::dictionary({{"module.w", {2}, {1}}, {"v", {2}, {1}}});
  CHECK(read(legacy_file(mixed, storage)).find("module.w"));
  CHECK(says(refusal(file(entry("optimizer", other) + entry("lr", integer(1)))),
             "entries are \"optimizer\", \"lr\""));
  CHECK(says(refusal(legacy_file("}q\0("s + entry("state_dict", "h\0"s) + "u", {})),
             "holds no tensors"));
}

TEST_CASE("parameters are their tensors, without end they are refused")
{
  const auto parameter = [](const std::string& of) {
    return global("torch._utils", "_rebuild_parameter") + "("s + of + "\x88"s + ordered_dict + "tR";
  };
  const auto once = parameter(tensor{"", {2}, {1}, 4}.rebuilt());
  auto often = once;
  for (int i = 0; i < 10; ++i) often = parameter(often);
  const auto file = [](const std::string& v) {
    return legacy_file("}"s + text("w") + v + "s", storage);
  };
  CHECK(read(file(once)).find("w")->values<float>()[0] == 4);
  CHECK(says(refusal(file(often)), "without end"));
  CHECK(says(refusal(legacy_file("}"s + text("w") + parameter("N") + "s", {})),
             "item 0 of a tuple is None"));
}

TEST_CASE("layouts that leave their storage are refused")
{
  const std::string outside = "reaches outside of its storage of 12";
  CHECK(says(refusal(tensor{"w", {3, 5}, {5, 1}}), outside));
  CHECK(says(refusal(tensor{"w", {13}, {1}}), outside));
  CHECK(says(refusal(tensor{"w", {1}, {1}, 12}), outside));
  CHECK(says(refusal(tensor{"w", {1}, {1}, -1}), outside));
  CHECK(says(refusal(tensor{"w", {1}, {1}, INT64_MAX}), outside));
  CHECK(says(refusal(tensor{"w", {1}, {1}, INT64_MIN}), outside));
  CHECK(says(refusal(tensor{"w", {2}, {INT64_MAX}}), outside));
  CHECK(says(refusal(tensor{"w", {3, 3}, {INT64_MAX / 2, INT64_MAX / 2}}), outside));
  CHECK(says(refusal(tensor{"w", {INT64_MAX}, {1}}), outside));
  CHECK(says(refusal(tensor{"w", {INT64_MAX, 1}, {INT64_MAX, 1}}), outside));
  CHECK(says(refusal(tensor{"w", {2}, {-1}, 5}), "negative stride"));
  CHECK(says(refusal(tensor{"w", {-2}, {1}}), "negative extent"));
  CHECK(says(refusal(tensor{"w", {2, 2}, {1}}), "2 extents and 1 strides"));
  CHECK(says(refusal(tensor{"w", {INT64_MAX, 3}, {0, 0}}), "beyond 63 bits"));
  CHECK(
      says(refusal(tensor{"w", std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1)}),
           "65 dimensions"));
}

TEST_CASE("strides of 0 cannot claim more than a file of that size may come to")
{
  CHECK(gathered({1000}, {0}, 3) == std::vector<float>(1000, 3));
  CHECK(says(refusal(tensor{"w", {INT64_MAX}, {0}}), "16 times its size"));
  CHECK(says(refusal(tensor{"w", {1 << 19}, {0}}), "16 times its size"));
  std::vector<tensor> many;
  for (int i = 0; i < 5; ++i) many.push_back({"w"s + std::to_string(i), {1 << 16}, {0}});
  CHECK(
      says(refusal(legacy_file(pickled::dictionary(many), storage)), "\"w3\" takes 262144 bytes"));
}

TEST_CASE("storages that contradict the file or each other are refused")
{
  const auto with = [](const tensor& a, const tensor& b) {
    return legacy_file(pickled::dictionary({a, b}), storage);
  };
  tensor a{"a", {2}, {1}}, b{"b", {2}, {1}};
  b.elements = 13;
  CHECK(says(refusal(with(a, b)), "is said to be of 12 f32 and of 13 f32"));
  b.elements = 12;
  b.type = "IntStorage";
  CHECK(says(refusal(with(a, b)), "is said to be of 12 f32 and of 12 i32"));
  b.type = "OrderedStorage";
  CHECK(says(refusal(with(a, b)), "torch.OrderedStorage"));
  b.type = "Size";
  CHECK(says(refusal(with(a, b)), "no type of storage"));
  b = a;
  CHECK(says(refusal(with(a, b)), "two tensors have the name \"a\""));
  for (const std::int64_t elements : {std::int64_t{13}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
    a.elements = elements;
    CHECK(says(refusal(a), "elements"));
    CHECK(says(refusal(torch_zip(pickled::dictionary({a}), storage)), "elements"));
  }
  a.elements = 12;
  a.storage = std::string(129, '1');  // each is compared with others, as often as it is recalled
  CHECK(says(refusal(a), "a storage is named by 129 bytes, expected at most 128"));
  a.storage = "1";
  CHECK(says(refusal(a), "none or listed twice"));
  CHECK(says(refusal(legacy_file(pickled::dictionary({a}), {})), "storage \"1\" is missing"));
  CHECK(says(refusal(torch_zip(pickled::dictionary({a}), storage)), "no member \"made/data/1\""));
  const auto object = pickled::dictionary({{"w", {2}, {1}}});
  CHECK(says(refusal(legacy_file(object, {storage[0], storage[0]})), "listed twice"));
  auto longer = legacy_file(object, storage);
  const std::string count = bytes_of(INT64_MAX);
  longer.replace(longer.size() - 56, 8, count);
  CHECK(says(refusal(longer), "has 9223372036854775807 elements"));
  // Both places agree on a size that is not there; times 4 bytes, the second is 48 again.
  for (const std::int64_t elements : {INT64_MAX, (std::int64_t{1} << 62) + 12}) {
    a = {"w", {2}, {1}};
    a.elements = elements;
    longer = legacy_file(pickled::dictionary({a}), storage);
    longer.replace(longer.size() - 56, 8, bytes_of(elements));
    CHECK(says(refusal(longer), "reaches past the end"));
  }
}

TEST_CASE("a protocol of torch.save other than the one that is known is refused")
{
  const std::string whole = legacy_head() + pickled::stream("}"), number = "\x80\x02M\xe9\x03."s;
  const auto at = whole.find(number);
  REQUIRE(at != whole.npos);
  for (const auto& other : {pickled::stream("M\xea\x03"), pickled::stream("\x88"),
                            pickled::stream(pickled::text("1001")), pickled::stream("N")}) {
    auto file = whole;
    file.replace(at, number.size(), other);
    CHECK(says(sentence([&] { return read_pytorch(view(file), "made.pth"); }), "other than 1001"));
  }
}

TEST_CASE("what is not a dictionary of tensors is named")
{
  CHECK(says(refusal(legacy_file("N", {})), "holds None"));
  CHECK(says(refusal(legacy_file(tensor{"", {2}, {1}}.rebuilt(), storage)), "holds a tensor"));
  CHECK(says(refusal(legacy_file("}", {})), "entries are none"));
  CHECK(
      says(refusal(legacy_file("}"s + integer(1) + tensor{"", {2}, {1}}.rebuilt() + "s", storage)),
           "name is an integer"));
  CHECK(says(refusal(stream("N")), "not one that torch.save wrote"));
  CHECK(says(refusal(zip_file({{"word/document.xml", "<"}})), "no data.pkl"));
  CHECK(says(refusal(zip_file({{"a/data.pkl", "N."}, {"a/constants.pkl", "N."}})), "TorchScript"));
  CHECK(says(refusal(zip_file({{"a/data.pkl", "N."}, {"b/data.pkl", "N."}})), "two objects"));
  CHECK(says(refusal(zip_file({{"a/data.pkl", "N."}, {"a/byteorder", "big"}})), "little endian"));
  CHECK(says(refusal(legacy_head() + stream(global("os", "system") + ")R")), "\"os.system\""));
}

TEST_CASE("a file cut at any byte is refused")
{
  const auto object = pickled::dictionary({{"w", {3, 4}, {4, 1}}});
  for (const auto& file : {legacy_file(object, storage), torch_zip(object, storage)}) {
    REQUIRE(read(file).size() == 1);
    for (std::size_t size = 0; size < file.size(); ++size)
      CHECK(says(refusal(file.substr(0, size)), "made.pth: "));
  }
}

TEST_CASE("what stands beside the weights is kept as text, and only the first names are listed")
{
  const auto net = pickled::dictionary({{"w", {2}, {1}}});
  const auto entry = [](const std::string& name, const std::string& v) { return text(name) + v; };
  const auto weights = read(legacy_file(
      "}("s + entry("state_dict", net) + entry("best", "\x88"s) + entry("frozen", "\x89"s) +
          entry("loss", "G\x3f\xe0\0\0\0\0\0\0"s) + entry("none", "N") + integer(5) + integer(6) +
          entry("model", integer(7)) + "u",
      storage));
  CHECK(weights.metadata.at("best") == "true");
  CHECK(weights.metadata.at("frozen") == "false");
  CHECK(weights.metadata.at("loss") == "0.5");
  CHECK(weights.metadata.at("model") == "7");
  CHECK(weights.metadata.size() == 4);
  std::string many = "}(";
  for (int i = 0; i < 12; ++i) many += entry("n" + std::to_string(i), "N");
  const auto said = refusal(legacy_file(many + "u", {}));
  CHECK(says(said, "its entries are \"n0\", \"n1\""));
  CHECK(said.ends_with("\"n7\""));
}

TEST_CASE("calls that come near a tensor are refused")
{
  const auto file = [](const std::string& v) {
    return legacy_file("}"s + text("w") + v + "s", storage);
  };
  const auto call = [](const std::string& name, const std::string& arguments) {
    return global("torch._utils", name) + "(" + arguments + "tR";
  };
  const std::string device = call("_rebuild_parameter", global("torch", "device") + ")R");
  CHECK(says(refusal(legacy_file("}"s + text("w") + device + "s", {})),
             "is a parameter that holds no tensor"));
  const std::string stored = "("s + text("storage") + global("torch", "FloatStorage") + text("0") +
                             text("cpu") + integer(12) + "tQ";
  CHECK(
      says(refusal(file(call("_rebuild_tensor", stored + integer(0)))), "a tuple lacks its item"));
  const std::string plain = stored + integer(0) + pickled::integers({2}) + pickled::integers({1});
  CHECK(read(file(call("_rebuild_tensor", plain))).size() == 1);
  const std::string flags = plain + "\x89" + pickled::ordered_dict;
  CHECK(read(file(call("_rebuild_tensor_v2", flags + "N"))).size() == 1);
  CHECK(read(file(call("_rebuild_tensor_v2", flags + "}"))).size() == 1);
  const std::string conjugated = "}"s + text("conj") + "\x88s";
  for (const std::string& extra : {conjugated, integer(1)})
    CHECK(says(refusal(file(call("_rebuild_tensor_v2", flags + extra))),
               "is a negated or conjugated view"));
  // torch.Size in place of a tuple, and something else.
  const auto sized = stored + integer(0) + global("torch", "Size") + "(" + pickled::integers({2}) +
                     "tR" + pickled::integers({1});
  CHECK(read(file(call("_rebuild_tensor", sized))).find("w")->shape ==
        std::vector<std::int64_t>{2});
  CHECK(says(
      refusal(file(call("_rebuild_tensor", stored + integer(0) + "N" + pickled::integers({1})))),
      "a shape is None"));
}

TEST_CASE("both forms: what else a file may say of itself")
{
  const auto object = pickled::dictionary({{"w", {2}, {1}}});
  // The magic number of protocol 1 is digits; another number is none.
  const std::string digits = "L119547037146038801333356L\n.";
  const auto head = legacy_head();
  const auto rest = head.substr(head.find('.') + 1) + pickled::stream(object) +
                    pickled::stream("]"s + text("0") + "a") + bytes_of(std::int64_t{12}) +
                    bytes_of(twelve);
  CHECK(read(digits + rest).size() == 1);
  CHECK(says(refusal("L119547037146038801333357L\n." + rest), "not one that torch.save wrote"));
  CHECK(says(refusal("L119547037146038801333356\n." + rest.substr(0, 9)), "made.pth: "));
  const named_bytes good{{"a/data.pkl", pickled::stream(object)}, {"a/data/0", bytes_of(twelve)}};
  auto little = good, deep = good;
  little.emplace_back("a/byteorder", "little");
  CHECK(read(zip_file(little)).size() == 1);
  deep.emplace_back("a/b/data.pkl", "N.");  // another program's, further down
  CHECK(read(zip_file(deep)).size() == 1);
  tensor t{"w", {1}, {1}};
  t.part = "("s + text("part") + integer(0) + integer(-1) + "t";
  CHECK(says(refusal(t), "lies outside of it"));
  t.part = "("s + text("part") + integer(12) + integer(0) + "t";
  CHECK(says(refusal(t), "reaches outside of its storage of 0"));
}
