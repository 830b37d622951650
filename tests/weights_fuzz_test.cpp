// SPDX-License-Identifier: Apache-2.0
// Files of which each bit in turn is flipped, and public checkpoints that are damaged in hundreds
// of ways, the same ones in every run: each is read or refused with a sentence that names it, and
// none makes the readers ask for memory out of proportion to its size. Other damage is fuzz/'s.
#include <retinue/weights/read_weights.hpp>

#include "catch.hpp"
#include "damage.hpp"
#include "shared.hpp"
#include "torch_file.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {
std::size_t largest_request = 0, all_requests = 0;
}

// Counts what the readers ask for. Not inlined, or g++ sees a free() of what new gave.
[[gnu::noinline]] void* operator new(std::size_t size)
{
  largest_request = std::max(largest_request, size);
  all_requests += size;
  if (void* made = std::malloc(size ? size : 1)) return made;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
  largest_request = std::max(largest_request, size);
  all_requests += size;
  return std::malloc(size ? size : 1);
}
[[gnu::noinline]] void operator delete(void* made) noexcept
{
  std::free(made);
}
[[gnu::noinline]] void operator delete(void* made, std::size_t) noexcept
{
  std::free(made);
}

using namespace retinue;
using namespace retinue::test;

namespace {

using reader = state_dict (*)(detail::byte_view, const std::string&);

state_dict pytorch(detail::byte_view bytes, const std::string& name)
{
  return read_pytorch(bytes, name);
}

state_dict safetensors(detail::byte_view bytes, const std::string& name)
{
  return read_safetensors(bytes, name);
}

struct outcome {
  int read = 0, refused = 0, wrong = 0;
};

/// Reads the bytes; a sentence that is none, or memory out of proportion, counts as wrong.
void attempt(reader read, const std::string& bytes, outcome& all)
{
  largest_request = 0;
  const std::string said = sentence([&] { return read(view(bytes), "made.pth"); });
  const bool modest = largest_request <= 128 * bytes.size() + (2u << 20);
  const bool one_sentence = said.empty() || (said.starts_with("made.pth: ") && said.size() < 2000 &&
                                             said.find('\n') == std::string::npos);
  ++(said.empty() ? all.read : all.refused);
  if (!modest || !one_sentence) {
    ++all.wrong;
    UNSCOPED_INFO("refused with <" << said << ">, having asked for " << largest_request);
  }
}

void fuzz(reader read, const std::string& whole, int cases, std::size_t sensitive, unsigned seed)
{
  static const std::array<std::string, 6> opcodes{"(", ".", "R", "u", "\x85", "\x93"};
  std::mt19937 random(seed);
  outcome all;
  attempt(read, whole, all);
  REQUIRE(all.read == 1);
  for (int i = 0; i < cases; ++i) attempt(read, damaged(whole, random, sensitive, opcodes), all);
  CHECK(all.wrong == 0);
  CHECK(all.refused > cases / 10);  // or the damage would prove nothing
}

void flip_every_bit(reader read, const std::string& whole)
{
  outcome all;
  std::string file = whole;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    const char was = file[bit / 8];
    file[bit / 8] = static_cast<char>(was ^ (1 << bit % 8));
    attempt(read, file, all);
    file[bit / 8] = was;
  }
  CHECK(all.wrong == 0);
  CHECK(all.refused > all.read / 4);
}

std::string contents(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return std::string(detail::characters(bytes));
}

/// Twenty tensors of several layouts over two storages, beside an epoch.
std::pair<std::string, named_bytes> example()
{
  std::vector<pickled::tensor> tensors;
  for (int i = 0; i < 20; ++i) {
    pickled::tensor t{"module.layer"s + std::to_string(i), {3, 4}, {4, 1}};
    if (i % 4 == 1) t = {t.name, {4, 3}, {1, 4}};
    if (i % 4 == 2) t = {t.name, {2, 2}, {0, 3}, 5};
    if (i % 4 == 3) t = {t.name, {5}, {1}, 2, "1", "IntStorage", 7};
    tensors.push_back(t);
  }
  return {"}("s + pickled::text("epoch") + pickled::integer(3) + pickled::text("state_dict") +
              pickled::dictionary(tensors) + "u",
          {{"0", std::string(48, '\1')}, {"1", std::string(28, '\2')}}};
}

}  // namespace

TEST_CASE("files of torch.save with a flipped bit, legacy form")
{
  const auto [object, storages] = example();
  const auto file = legacy_file(object, storages);
  flip_every_bit(pytorch, file);
}

TEST_CASE("a long text that is recalled over and over is not copied each time")
{
  constexpr int times = 20'000;
  const std::string name(8192, 'n'), weights = pickled::dictionary({{"w", {12}, {1}}});
  const named_bytes storage{{"0", std::string(48, '\1')}};
  std::string numbers, tensors;
  for (int i = 0; i < times; ++i) numbers += "h\1K\7";  // 4 bytes: the name, and 7
  for (int i = 0; i < times; ++i) tensors += "h\1h\2";  // 4 bytes: the name, and a tensor
  const std::string first = "}(" + pickled::text(name) + "q\1";
  for (const std::string& object :
       {first + "K\7" + numbers + pickled::text("state_dict") + weights + "u",
        first + pickled::tensor{"", {2}, {1}}.rebuilt() + "q\2" + tensors + "u"}) {
    const auto file = legacy_file(object, storage);
    all_requests = 0;
    const std::string said = sentence([&] { return read_pytorch(view(file), "made.pth"); });
    CHECK(!said.empty());
    CHECK(all_requests < 300 * file.size());  // 8192 / 4 times as much, if each were copied
  }
}

TEST_CASE("files of torch.save with a flipped bit, ZIP form")
{
  const auto [object, storages] = example();
  for (const bool wide : {false, true}) {
    const auto file = torch_zip(object, storages, wide);
    flip_every_bit(pytorch, file);
  }
}

TEST_CASE("safetensors with a flipped bit")
{
  std::string header = R"({"__metadata__":{"epoch":"3"})", data;
  for (int i = 0; i < 20; ++i) {
    header += ",\"layer"s + std::to_string(i) +
              R"(":{"dtype":"F32","shape":[2,3],"data_offsets":[)" + std::to_string(data.size()) +
              ","s + std::to_string(data.size() + 24) + "]}";
    data += std::string(24, '\1');
  }
  header += "}";
  const std::string file = bytes_of(static_cast<std::uint64_t>(header.size())) + header + data;
  flip_every_bit(safetensors, file);
}

TEST_CASE("damaged public checkpoints", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  // Opcodes come first in the legacy form and in ZIP's; ZIP's directory comes last.
  for (const char* name : {"retinaface_mobilenet0.25_Final.pth", "mobilenetV1X0.25_pretrain.tar"})
    fuzz(pytorch, contents(shared("weights") / name), 300, 60'000, 5);
  fuzz(pytorch, contents(shared("weights/yunet_s.pth")), 300, 60'000, 6);
}

TEST_CASE("public checkpoints that are cut short", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  for (const char* name : {"retinaface_slim_Final.pth", "yunet_s.pth"}) {
    const auto whole = contents(shared("weights") / name);
    outcome all;
    std::vector<std::size_t> sizes;
    for (std::size_t size = 0; size < whole.size(); size += 9973) sizes.push_back(size);
    for (std::size_t size = 0; size < 300; ++size) sizes.push_back(size);
    for (std::size_t back = 1; back <= 100; ++back) sizes.push_back(whole.size() - back);
    for (const auto size : sizes) attempt(pytorch, whole.substr(0, size), all);
    CHECK(all.wrong == 0);
    CHECK(all.read == 0);
  }
}
