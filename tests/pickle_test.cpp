// SPDX-License-Identifier: Apache-2.0
#include <retinue/weights/pickle.hpp>

#include "catch.hpp"
#include "torch_file.hpp"

#include <array>
#include <string>

using namespace retinue;
using namespace retinue::test;
using pickle::kind;

namespace {

constexpr std::array<pickle::admitted_global, 2> admitted{
    {{"collections", "OrderedDict"}, {"torch", "Size"}}};

/// The document points into `bytes`, which must outlive it.
pickle::document load(const std::string& bytes)
{
  return pickle::reader("made.pth", view(bytes), admitted).load(0);
}

std::string refusal(const std::string& bytes)
{
  return sentence([&] { return load(bytes); });
}

}  // namespace

TEST_CASE("numbers of every width are read")
{
  const std::string bytes =
      "\x80\x02(K\x07M\x34\x12J\xfe\xff\xff\xff\x8a\x02\x00\xff\x8a\x00I-5\nI01\nL"
      "123456789012L\n\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09G\xbf\xf8\0\0\0\0\0\0t."s;
  const auto d = load(bytes);
  const auto& items = d[d.root].items;
  REQUIRE(items.size() == 10);
  const std::array<std::int64_t, 7> expected{7, 0x1234, -2, -256, 0, -5, 1};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(d[items[i]].number == expected[i]);
  CHECK(d[items[6]].what == kind::boolean);
  CHECK(d[items[7]].number == 123456789012);
  CHECK(d[items[8]].what == kind::large);
  CHECK(d[items[9]].what == kind::real);
  CHECK(d[items[9]].real() == -1.5);
}

TEST_CASE("a long of four-byte length is read")
{
  const std::string bytes = "\x80\x02\x8b\x01\0\0\0\x80."s;
  CHECK(load(bytes)[0].number == -128);
}

TEST_CASE("containers keep their order, and the memo shares what it recalls")
{
  using namespace pickled;
  // {"a": [1, 2], "b": the same list}
  const std::string bytes = stream("}q\0("s + text("a") + "]q\x01("s + integer(1) + integer(2) +
                                   "e"s + text("b") + "h\x01u");
  const auto d = load(bytes);
  const auto& dict = d[d.root];
  REQUIRE(dict.what == kind::dict);
  REQUIRE(dict.items.size() == 4);
  CHECK(dict.items[1] == dict.items[3]);
  REQUIRE(d.find(dict, "b"));
  CHECK(d.find(dict, "b")->items.size() == 2);
  CHECK(d.find(dict, "c") == nullptr);
}

TEST_CASE("protocol 4's short strings, frames, sets and stacked globals are read")
{
  const std::string bytes =
      "\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x0b"
      "collections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8f("
      "K\1\x90\x86."s;
  const auto d = load(bytes);
  REQUIRE(d[d.root].items.size() == 2);
  CHECK(d[d[d.root].items[0]].what == kind::dict);
  CHECK(d[d[d.root].items[1]].what == kind::set);
}

TEST_CASE("Python 2's OrderedDict of pairs is a dictionary")
{
  using namespace pickled;
  const std::string called = global("collections", "OrderedDict");
  const std::string bytes = stream(called + "](](" + text("a") + integer(5) + "ee\x85R");
  const auto d = load(bytes);
  REQUIRE(d.find(d[d.root], "a"));
  CHECK(d.find(d[d.root], "a")->number == 5);
  CHECK(says(refusal(stream(called + "](" + text("a") + "e\x85R")), "not a pair"));
  CHECK(says(refusal(stream(called + "N\x85R")), "other than one list"));
}

TEST_CASE("an entry of an OrderedDict of other than two values is refused")
{
  using namespace pickled;
  const std::string called = global("collections", "OrderedDict");
  for (const char* entry : {"N\x85", "NNN\x87", ")", "NN\x86N\x86"}) {
    const bool pair = std::string(entry).ends_with("\x86N\x86");
    CHECK(refusal(stream(called + "]" + entry + "a\x85R")).empty() == pair);
  }
  CHECK(says(refusal(stream(called + "]}a\x85R")), "not a pair"));
  CHECK(says(refusal(stream(called + "]]\x86R")), "other than one list"));
}

TEST_CASE("a global that is not admitted is refused by its name")
{
  using namespace pickled;
  CHECK(says(refusal(stream(global("os", "system") + text("true") + "\x85R")), "\"os.system\""));
  CHECK(says(refusal(stream(text("posix") + text("system") + "\x93")), "\"posix.system\""));
  CHECK(says(refusal(stream(global("torch", "Siz"))), "\"torch.Siz\""));
  // What a terminal would obey is not repeated, however long it is.
  const auto spoken = refusal(stream(global("os\x1b[2J", std::string(5000, 'x'))));
  CHECK(spoken.find('\x1b') == std::string::npos);
  CHECK(spoken.size() < 500);
}

TEST_CASE("opcodes that PyTorch does not write are refused")
{
  for (const char opcode : "\x82\x83\x84\x92\x97\x98PioSVFdg"s)
    CHECK(says(refusal("\x80\x02N"s + opcode + "\1\1\1\1."), "is not one that PyTorch writes"));
  CHECK(says(refusal("\x80\x06N."), "protocol 6"));
}

TEST_CASE("a stack that does not hold what is taken from it is refused")
{
  for (const char* opcodes :
       {"0",  "2",    "a",     "s",      "\x85", "Na", "(a", "R",  "NNR",  "Q",     "b",
        "Nb", "q\1",  "N(q\1", "t",      "l",    "e",  "u",  "Ne", "N(Nu", "}(Nu",  "NNs",
        "1",  "\x90", "\x93",  "NN\x93", "h\1",  "(",  "NN", "",   "]N(e", "](Na1", "\x81"}) {
    CAPTURE(opcodes);
    CHECK(says(refusal(pickled::stream(opcodes)), "cannot be read at byte"));
  }
}

TEST_CASE("lengths beyond the file are refused before anything is allocated")
{
  for (const auto& opcodes :
       {"X\xff\xff\xff\xff"s, "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"s, "B\xff\xff\xff\x7f"s,
        "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"s, "\x96\0\0\0\0\0\0\0\x80"s, "\x8b\xff\xff\xff\xff"s,
        "T\xff\xff\xff\xff"s, "\x8a\xff"s, "U\x10"s, "\x8c\x10"s,
        "\x95\xff\xff\xff\xff\xff\xff\xff\xff"s, "G\1"s, "J\1"s, "cos"s, "I1"s})
    CHECK(says(refusal("\x80\x02"s + opcodes), "cut short"));
  CHECK(says(refusal(pickled::stream("Nr\xff\xff\xff\xff")), "out of order"));
  CHECK(says(refusal(pickled::stream("j\xff\xff\xff\xff")), "never made"));
  CHECK(says(refusal(pickled::stream("I12x\n")), "not a number"));
  CHECK(says(refusal(""), "cut short"));
}

TEST_CASE("nesting of any depth ends neither in a deep call nor in a deep destructor")
{
  const std::size_t deep = 1'000'000;
  std::string inwards(deep, ']'), tuples = "N"s + std::string(deep, '\x85');
  inwards += std::string(deep - 1, 'a');
  const std::string lists = pickled::stream(inwards), nested = pickled::stream(tuples);
  CHECK(load(lists).values.size() == deep);
  CHECK(load(nested).values.size() == deep + 1);
  const std::string marks = pickled::stream(std::string(deep, '('));
  CHECK(says(refusal(marks), "unfinished"));
  const std::string many = pickled::stream(std::string(3'000'000, 'N'));
  CHECK(says(refusal(many), "2 million"));
}

TEST_CASE("a list that holds itself is harmless")
{
  const std::string bytes = pickled::stream("]q\0h\0a"s);
  const auto d = load(bytes);
  REQUIRE(d[d.root].items.size() == 1);
  CHECK(d[d.root].items[0] == d.root);
}

TEST_CASE("copies of one long list cannot pile up")
{
  using namespace pickled;
  std::string opcodes = global("collections", "OrderedDict") + "q\0]q\1("s;
  for (int i = 0; i < 1000; ++i) opcodes += "NN\x86";
  opcodes += "e";
  for (int i = 0; i < 1000; ++i) opcodes += "h\0h\1\x85R0"s;
  CHECK(says(refusal(stream(opcodes)), "copies more entries"));
}
