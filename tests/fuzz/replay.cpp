// SPDX-License-Identifier: Apache-2.0
// Runs a target without libFuzzer, over the files of its corpus:
//
//   fuzz_zip CORPUS.zip              each file as it is, under a limit of memory
//   fuzz_zip --damage N CORPUS.zip   N damaged copies of each, the same ones in every run
//   fuzz_zip --starve CORPUS.zip     file by file as often as one makes requests of memory, with
//                                    another refused each time: the target must end in
//                                    std::bad_alloc or in a sentence, and lose nothing
//
// In place of an archive there may be a plain file, such as one that libFuzzer has found.
#include "../damage.hpp"
#include "../starve.hpp"
#include "target.hpp"

#include <retinue/weights/zip.hpp>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <new>
#include <random>
#include <utility>

using namespace retinue;

namespace {

struct input {
  std::string name, bytes;
};

std::vector<input> inputs_of(const std::string& file)
{
  const auto bytes = detail::read_file(file);
  if (!file.ends_with(".zip")) return {{file, std::string(detail::characters(bytes))}};
  const zip_archive archive(file, bytes);
  std::vector<input> found;
  for (const auto& [name, member] : archive.all())
    found.push_back({std::string(name), std::string(detail::characters(archive[name]))});
  return found;
}

void run(const std::string& bytes)
{
  // Of its own size, so that a sanitizer sees who reads beyond its end.
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

/// Whether it took no more memory than its size allows.
bool modest(const input& in)
{
  test::watch_memory();
  const auto before = test::memory_so_far();
  run(in.bytes);
  const auto after = test::memory_so_far();
  const std::size_t took = after.peak - before.live;
  const std::size_t most = (std::size_t{4} << 20) + fuzz::memory_per_byte * in.bytes.size();
  if (took <= most) return true;
  std::fprintf(stderr, "%s: %zu bytes took %zu of memory, expected at most %zu\n", in.name.c_str(),
               in.bytes.size(), took, most);
  return false;
}

/// Whose request of memory is refused.
struct standing {
  const char* input = "";
  std::size_t request = 0;
};
standing at;

[[noreturn]] void give_up(const char* what)
{
  test::feed();
  std::fprintf(stderr, "%s: %s where its request %zu of memory is refused\n", at.input, what,
               at.request);
  std::_Exit(1);
}

/// How many refusals there were; no further file is begun after 20,000 of them. Ends the process
/// where one ends in a destructor, or loses memory.
std::size_t starve(const std::vector<input>& all, test::hunger how)
{
  fuzz::starving = true;
  std::set_terminate([] { give_up("std::terminate is called"); });
  std::size_t refusals = 0;
  for (std::size_t i = 0; i < all.size() && refusals < 20'000; ++i) {
    at = {all[i].name.c_str(), 0};
    const std::vector<std::uint8_t> copy(all[i].bytes.begin(), all[i].bytes.end());
    // Once for what is made once, and kept.
    LLVMFuzzerTestOneInput(copy.data(), copy.size());
    for (;; ++at.request, ++refusals) {
      const auto before = test::memory_so_far();
      test::starve_after(at.request, how);
      try {
        LLVMFuzzerTestOneInput(copy.data(), copy.size());
      } catch (const std::bad_alloc&) {
      }
      const bool refused = test::feed();
      if (test::memory_so_far().blocks > before.blocks) give_up("memory is lost");
      if (!refused) break;
    }
  }
  fuzz::starving = false;
  return refusals;
}

}  // namespace

int main(int count, char** arguments)
{
  std::size_t damages = 0;
  bool starves = false;
  std::vector<input> all;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--starve") {
      starves = true;
    } else if (argument == "--damage" && i + 1 < count) {
      const std::string_view number = arguments[++i];
      std::from_chars(number.data(), number.data() + number.size(), damages);
    } else {
      for (auto& one : inputs_of(std::string(argument))) all.push_back(std::move(one));
    }
  }
  if (all.empty()) {
    std::fprintf(stderr, "usage: %s [--damage N] [--starve] CORPUS.zip|FILE...\n", arguments[0]);
    return 2;
  }
  bool good = true;
  for (const input& one : all) {
    std::fflush(stdout);
    good = modest(one) && good;
  }
  std::printf("%zu files", all.size());
  std::mt19937 random(1);
  for (const input& one : all)
    for (std::size_t i = 0; i < damages; ++i)
      good = modest({one.name + " damaged, " + std::to_string(i),
                     test::damaged(one.bytes, random, one.bytes.size())}) &&
             good;
  if (damages > 0) std::printf(", %zu damaged copies", damages * all.size());
  std::fflush(stdout);  // or a child writes it too
  if (starves && !test::sees_memory()) {
    std::printf(", none starved: skipped under a sanitizer or without glibc");
  } else if (starves) {
    for (const auto how : {test::hunger::once, test::hunger::lasting}) {
      std::printf(", %zu requests of memory refused %s", starve(all, how),
                  how == test::hunger::once ? "once" : "and all after them");
      std::fflush(stdout);
    }
  }
  std::printf("\n");
  return good ? 0 : 1;
}
