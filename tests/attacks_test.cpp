// SPDX-License-Identifier: Apache-2.0
// Known attacks on readers of weights, each by its name. None of them is read, nor executed.
#include "catch.hpp"
#include "torch_file.hpp"

#include <retinue/weights/read_weights.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace retinue;
using namespace retinue::test;

namespace {

const named_bytes storage{{"0", std::string(48, '\1')}};

/// Of either form, with that object.
std::vector<std::string> files(const std::string& object, const named_bytes& storages = storage)
{
  return {legacy_file(object, storages), torch_zip(object, storages),
          torch_zip(object, storages, true)};
}

void refused(const std::vector<std::string>& all, const std::string& words)
{
  for (const auto& file : all)
    CHECK(says(sentence([&] { return read_pytorch(view(file), "made.pth"); }), words));
}

std::string weights(std::int64_t elements)
{
  return pickled::dictionary({{.name = "w", .shape = {12}, .strides = {1}, .elements = elements}});
}

}  // namespace

TEST_CASE("CVE-2026-24747: SETITEM and SETITEMS on what is no dictionary")
{
  using namespace pickled;
  const std::string tensor = pickled::tensor{"w", {12}, {1}}.rebuilt();
  // The opcodes store into a tensor, a list, a tuple, a number, a text and a global in turn.
  for (const auto& target : {tensor, "]"s, ")"s, integer(7), text("t"), "N"s,
                             global("torch", "FloatStorage"), "\x8f"s}) {
    CAPTURE(target);
    refused(files(target + text("k") + integer(1) + "s"), "as if that were a dictionary");
    refused(files(target + "("s + text("k") + integer(1) + "u"), "as if that were a dictionary");
    refused(files(target + "(u"s), "as if that were a dictionary");
  }
  // Nor do the others store into what is not theirs.
  refused(files("}"s + integer(1) + "a"), "as if that were a list");
  refused(files("}("s + integer(1) + "e"), "as if that were a list");
  refused(files("}("s + integer(1) + "\x90"), "as if that were a set");
  refused(files(tensor + "}b"s), "as if that were a dictionary");
}

TEST_CASE("CVE-2026-24747: a storage whose count of elements is not that of its data")
{
  constexpr std::int64_t large = std::int64_t{1} << 60;
  for (const std::int64_t said :
       {std::int64_t{0}, std::int64_t{11}, std::int64_t{13}, large, INT64_MAX})
    refused(files(weights(said)), "has 12 elements, but its tensors say " + std::to_string(said));
  refused(files(weights(-1)), "has -1 elements");

  // The count of the legacy form stands before the data, too: there both must lie.
  const std::string honest = legacy_file(weights(12), storage);
  const std::size_t count = honest.size() - 48 - 8;
  for (const std::int64_t lie :
       {std::int64_t{0}, std::int64_t{11}, large, std::int64_t{-1}, INT64_MIN}) {
    auto file = honest;
    file.replace(count, 8, bytes_of(lie));
    CHECK(says(sentence([&] { return read_pytorch(view(file), "made.pth"); }),
               "elements, but its tensors say 12"));
    auto both = legacy_file(weights(lie), storage);
    both.replace(count + both.size() - honest.size(), 8, bytes_of(lie));
    if (lie != 0 && lie != 11)
      CHECK(!sentence([&] { return read_pytorch(view(both), "made.pth"); }).empty());
  }
  // Two tensors that say different things of one storage.
  refused(
      files(pickled::dictionary({{.name = "a", .shape = {12}, .strides = {1}},
                                 {.name = "b", .shape = {13}, .strides = {1}, .elements = 13}})),
      "is said to be of 12");
}

TEST_CASE("a pickle that would run a program is refused by the name of what it calls")
{
  using namespace pickled;
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                        {"posix", "system"},
                                                        {"builtins", "eval"},
                                                        {"builtins", "exec"},
                                                        {"builtins", "getattr"},
                                                        {"subprocess", "Popen"},
                                                        {"torch.hub", "load"},
                                                        {"torch", "load"},
                                                        {"torch.storage", "_load_from_bytes"},
                                                        {"numpy.core.multiarray", "_reconstruct"},
                                                        {"runpy", "run_path"}}) {
    CAPTURE(module, name);
    const std::string full = "\"" + module + "." + name + "\"";
    refused(files(global(module, name) + "("s + text("true") + "tR"), full);  // REDUCE
    refused(files(text(module) + text(name) + "\x93("s + text("true") + "tR"),
            full);                                          // STACK_GLOBAL
    refused(files(global(module, name) + ")\x81"s), full);  // NEWOBJ
  }
  // Python's older ways to make an object are no opcodes of PyTorch's.
  refused(files("(S'true'\nios\nsystem\n"s), "is not one that PyTorch writes");
  refused(files("(cos\nsystem\nX\4\0\0\0trueo"s), "\"os.system\"");
  // What is admitted is noted, not called: with arguments that no callable takes, it is refused.
  refused(files(global("torch._utils", "_rebuild_tensor_v2") + ")R"s, {}),
          "not a dictionary of tensors");
}

TEST_CASE("names of members that lead out of an archive are names, and nothing is unpacked")
{
  const std::string object = pickled::stream(weights(12));
  const std::string file = zip_file({{"m/data.pkl", object},
                                     {"m/data/0", storage[0].second},
                                     {"../../../../etc/passwd", "x"},
                                     {"/etc/passwd", "y"}});
  CHECK(read_pytorch(view(file), "made.pth").size() == 1);
}

TEST_CASE("a bomb: few bytes that claim much memory are refused before it is asked for")
{
  using pickled::dictionary;
  // Strides of 0 repeat one element (as PyTorch's expand does).
  refused(files(dictionary({{.name = "w", .shape = {1 << 20, 1 << 20}, .strides = {0, 0}}})),
          "16 times");
  refused(files(dictionary({{.name = "w", .shape = {INT64_MAX, INT64_MAX}, .strides = {0, 0}}})),
          "beyond 63 bits");
  // safetensors: a header that claims more than the file, and shapes whose product wraps around.
  const auto safe = [](const std::string& header, std::uint64_t length) {
    const std::string file = bytes_of(length) + header;
    return sentence([&] { return read_safetensors(view(file), "made.pth"); });
  };
  CHECK(says(safe("{}", UINT64_MAX), "the header has 18446744073709551615 bytes"));
  CHECK(says(safe("{}", UINT64_MAX - 7), "bytes, but the file only"));
  const std::string wraps =
      R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})";
  CHECK(says(safe(wraps, wraps.size()), "does not take the 0 bytes"));
  // ZIP: one member that is many (as in "A better zip bomb", Fifield 2019) overlaps itself.
  const std::string deep(100'000, '[');
  CHECK(says(safe("{" + deep, 1 + deep.size()), "the header"));
}
