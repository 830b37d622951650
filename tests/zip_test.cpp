// SPDX-License-Identifier: Apache-2.0
#include <retinue/weights/zip.hpp>

#include "catch.hpp"
#include "torch_file.hpp"

#include <string>

using namespace retinue;
using namespace retinue::test;

namespace {

std::string refusal(const std::string& bytes)
{
  return sentence([&] {
    const zip_archive archive("made.pth", view(bytes));
    for (const auto& [name, member] : archive.all()) static_cast<void>(archive[name]);
    return 0;
  });
}

/// The file with other bytes at the nth place where `mark` stands, `after` bytes on.
std::string changed(std::string file, const std::string& mark, std::size_t after,
                    const std::string& bytes, int nth = 1)
{
  std::size_t at = file.find(mark);
  while (--nth > 0) at = file.find(mark, at + 1);
  return file.replace(at + after, bytes.size(), bytes);
}

const named_bytes two{{"a/first", "one"}, {"a/second", "longer"}};
const std::string entry = "PK\1\2", header = "PK\3\4", end = "PK\5\6", wide_end = "PK\6\6",
                  locator = "PK\6\7";

}  // namespace

TEST_CASE("CRC-32 has its published check value")
{
  CHECK(detail::crc32(view("123456789")) == 0xcbf43926);
  CHECK(detail::crc32({}) == 0);
}

TEST_CASE("stored members are found, with and without ZIP64")
{
  for (const bool wide : {false, true}) {
    const std::string file = zip_file(two, wide);
    const zip_archive archive("made.pth", view(file));
    REQUIRE(archive.all().size() == 2);
    CHECK(detail::characters(archive["a/first"]) == "one");
    CHECK(detail::characters(archive["a/second"]) == "longer");
    CHECK(says(sentence([&] { return archive["a/third"]; }), "no member \"a/third\""));
  }
  const std::string commented = changed(zip_file(two), end, 20, "\4\0"s) + "talk";
  CHECK(zip_archive("made.pth", view(commented)).all().size() == 2);
}

TEST_CASE("members that are damaged, compressed or encrypted are refused")
{
  CHECK(says(refusal(changed(zip_file(two), "longer", 0, "L")), "CRC-32"));
  CHECK(says(refusal(changed(zip_file(two), entry, 10, "\x08")), "compressed (method 8)"));
  CHECK(says(refusal(changed(zip_file(two), entry, 8, "\x01")), "encrypted"));
}

TEST_CASE("members that overlap or share a name are refused")
{
  const auto same = zip_file({{"a", "one"}, {"a", "two"}});
  CHECK(says(refusal(same), "two members have the name \"a\""));
  // The second entry points to the first member's bytes, under that member's name.
  auto shared = zip_file({{"a", "one"}, {"b", "one"}});
  shared = changed(shared, entry, 42, "\0\0\0\0"s, 2);
  CHECK(says(refusal(shared), "another name"));
  // The first member claims to reach into the second.
  const auto reaching = changed(zip_file(two), entry, 20, "\x09\0\0\0\x09\0\0\0"s);
  CHECK(says(refusal(reaching), "overlap"));
}

TEST_CASE("sizes and places outside of the file are refused")
{
  const auto file = zip_file(two), wide = zip_file(two, true);
  const std::string huge = "\xff\xff\xff\x7f", ones(8, '\xff');
  CHECK(says(refusal(changed(file, entry, 20, huge + huge)), "more than the file"));
  CHECK(says(refusal(changed(file, entry, 20, huge)), "is stored, yet of"));
  CHECK(says(refusal(changed(file, entry, 42, huge)), "does not begin"));
  CHECK(says(refusal(changed(file, entry, 42, "\xff\xff\xff\xff")), "ZIP64 record is missing"));
  CHECK(says(refusal(changed(file, entry, 28, "\xff\xff")), "past the end of its directory"));
  CHECK(says(refusal(changed(file, header, 26, "\xff\xff")), "more than the file"));
  CHECK(says(refusal(changed(file, header, 28, "\xff\xff")), "more than the file"));
  CHECK(says(refusal(changed(file, end, 16, huge)), "directory lies outside"));
  CHECK(says(refusal(changed(file, end, 12, huge)), "directory lies outside"));
  CHECK(says(refusal(changed(file, end, 10, "\xfe\xff")), "no entry at byte"));
  CHECK(says(refusal(changed(file, end, 4, "\1")), "several parts"));
  CHECK(says(refusal(changed(file, end, 10, "\xff\xff")), "ZIP64 record is missing"));
  CHECK(says(refusal(changed(wide, locator, 8, ones)), "not where it should be"));
  CHECK(says(refusal(changed(wide, wide_end, 48, ones)), "directory lies outside"));
  CHECK(says(refusal(changed(wide, wide_end, 40, ones)), "directory lies outside"));
  CHECK(says(refusal(changed(wide, wide_end, 32, ones)), "no entry at byte"));
  CHECK(
      says(refusal(changed(wide, "a/first\1\0\x18\0"s, 11, ones + ones, 1)), "more than the file"));
  CHECK(says(refusal(changed(wide, "a/first\1\0\x18\0"s, 27, ones, 1)), "does not begin"));
  CHECK(says(refusal(changed(wide, "a/first\1\0\x18\0"s, 9, "\x10", 1)), "too short"));
}

TEST_CASE("an archive cut at any byte is refused")
{
  for (const bool wide : {false, true}) {
    const auto file = zip_file(two, wide);
    for (std::size_t size = 0; size < file.size(); ++size)
      CHECK(says(refusal(file.substr(0, size)), "not a ZIP archive that can be read"));
  }
}

TEST_CASE("numbers that point beyond the file are refused wherever they stand")
{
  const auto file = zip_file(two);
  const std::uint64_t begin = file.find(entry);
  // The directory begins in its own last bytes: no entry fits there.
  const auto late = bytes_of(static_cast<std::uint32_t>(file.find(end) - 40));
  CHECK(says(refusal(changed(changed(file, end, 16, late), end, 12, "\x28\0\0\0"s)),
             "no entry at byte "));
  // A member's header in the last bytes before the directory, where no name of it is left.
  auto odd = zip_file({{"a", "PK\3\4"}});
  odd = changed(odd, entry, 42, bytes_of(static_cast<std::uint32_t>(odd.find(entry) - 4)));
  CHECK(says(refusal(odd), "more than the file"));
  // ZIP64: the record lies before its locator, and has nothing behind its first bytes.
  const auto wide = zip_file(two, true);
  const auto at = bytes_of(static_cast<std::uint64_t>(wide.find(locator)));
  CHECK(says(refusal(changed(wide, locator, 8, at)), "not where it should be"));
  CHECK(says(refusal("PK\6\7"s + std::string(16, '\0') + "PK\5\6" + std::string(4, '\0') +
                     std::string(12, '\xff') + "\0\0"s),
             "not where it should be"));
  REQUIRE(begin > 0);
}
