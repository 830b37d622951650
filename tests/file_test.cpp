// SPDX-License-Identifier: Apache-2.0
#include <retinue/detail/file.hpp>
#include <retinue/detail/lines.hpp>
#include <retinue/detail/text.hpp>
#include <retinue/error.hpp>

#include "catch.hpp"
#include "refusal.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <thread>

using namespace retinue;
using retinue::test::refusal_of;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, which goes with the test.
struct scratch {
  fs::path path = fs::temp_directory_path() / ("retinue_file_" + std::to_string(::getpid()));
  scratch()
  {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { fs::remove_all(path); }

  /// Its names, in order, parted by spaces.
  [[nodiscard]] std::string names() const
  {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path))
      found.push_back(entry.path().lexically_relative(path).string());
    std::sort(found.begin(), found.end());
    std::string all;
    for (const auto& name : found) all += (all.empty() ? "" : " ") + name;
    return all;
  }
};

std::string text_in(const fs::path& file)
{
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string read_from(int descriptor, std::size_t most)
{
  std::string text(most, '\0');
  const auto got = ::read(descriptor, text.data(), text.size());
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

}  // namespace

TEST_CASE("a file is replaced whole, and nothing else is left in its folder")
{
  const scratch room;
  write_text(room.path / "a.txt", "one");
  write_text(room.path / "a.txt", "two");
  CHECK(text_in(room.path / "a.txt") == "two");
  CHECK(room.names() == "a.txt");
  CHECK(refusal_of([&] {
          write_text(room.path / "none" / "a.txt", "x");
        }).find("none/a.txt: cannot be created: ") != std::string::npos);
}

TEST_CASE("names that are taken are passed over, and what lies there stays")
{
  const scratch room;
  const auto file = room.path / "out";
  std::vector<std::filesystem::path> taken;
  for (int i = 0; i < 300; ++i) {
    taken.push_back(file.string() + "." + std::to_string(::getpid()) + "-" + std::to_string(i) +
                    ".unfinished");
    std::ofstream(taken.back()) << i;
  }
  write_text(file, "new");
  CHECK(text_in(file) == "new");
  for (int i = 0; i < 300; ++i)
    CHECK(text_in(taken[static_cast<std::size_t>(i)]) == std::to_string(i));
}

TEST_CASE("through a symbolic link its file is replaced, and the link stays")
{
  const scratch room;
  fs::create_directories(room.path / "inner");
  write_text(room.path / "inner" / "real", "old");
  fs::create_symlink("inner/second", room.path / "first");
  fs::create_symlink("real", room.path / "inner" / "second");
  write_text(room.path / "first", "new");
  CHECK(text_in(room.path / "inner" / "real") == "new");
  CHECK(fs::read_symlink(room.path / "first") == "inner/second");
  CHECK(fs::read_symlink(room.path / "inner" / "second") == "real");

  fs::create_symlink("inner/absent", room.path / "dangling");
  write_text(room.path / "dangling", "made");
  CHECK(fs::is_symlink(room.path / "dangling"));
  CHECK(text_in(room.path / "inner" / "absent") == "made");
  CHECK(room.names() == "dangling first inner inner/absent inner/real inner/second");

  fs::create_symlink("round", room.path / "round");
  CHECK(refusal_of([&] {
          write_text(room.path / "round", "x");
        }).ends_with("round: its symbolic links lead nowhere"));
}

TEST_CASE("a pipe is written to and stays a pipe")
{
  const scratch room;
  const auto pipe = room.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  fs::create_symlink("pipe", room.path / "link");
  for (const char* name : {"pipe", "link"}) {
    std::string got;
    std::thread reader([&] { got = text_in(pipe); });
    write_text(room.path / name, "through");
    CHECK(fs::is_fifo(pipe));
    if (!fs::is_fifo(pipe)) {  // or the reader would wait for ever
      const int other = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK);
      ::close(other);
      reader.detach();
      return;
    }
    reader.join();
    CHECK(got == "through");
  }
  CHECK(room.names() == "link pipe");
}

TEST_CASE("a character device is written to as it stands")
{
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0) return;  // a machine without terminals
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  const std::string terminal = ::ptsname(master);
  const int held = ::open(terminal.c_str(), O_RDWR | O_NOCTTY);  // or a read finds its end
  REQUIRE(held >= 0);
  write_text(terminal, "shown");
  CHECK(read_from(master, 5) == "shown");
  CHECK(fs::is_character_file(terminal));
  ::close(held);
  ::close(master);
}

TEST_CASE("the name of an open descriptor is written to where that stands")
{
  const scratch room;
  if (!fs::exists("/proc/self/fd")) return;  // no Linux
  const auto file = room.path / "log";
  const int log = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(::write(log, "before ", 7) == 7);
  for (const char* folder : {"/dev/fd/", "/proc/self/fd/"})
    write_text(folder + std::to_string(log), "now ");
  REQUIRE(::write(log, "after", 5) == 5);
  ::close(log);
  CHECK(text_in(file) == "before now now after");

  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  write_text("/dev/fd/" + std::to_string(ends[1]), "piped");
  CHECK(read_from(ends[0], 5) == "piped");
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(room.names() == "log");
}

TEST_CASE("folders and sockets are refused, and stay")
{
  const scratch room;
  fs::create_directories(room.path / "folder");
  CHECK(refusal_of([&] {
          write_text(room.path / "folder", "x");
        }).ends_with("folder: a folder, where a file was to be written"));
  CHECK(refusal_of([&] { write_text(room.path / "folder/", "x"); }).find("a folder") !=
        std::string::npos);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = (room.path / "s").string();
  if (name.size() < sizeof address.sun_path) {
    std::memcpy(address.sun_path, name.c_str(), name.size());
    REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(refusal_of([&] { write_text(name, "x"); }).find("s: neither a file nor a pipe") !=
          std::string::npos);
    CHECK(fs::is_socket(name));
  }
  ::close(socket);
  CHECK(room.names() == "folder s");
}

TEST_CASE("what a killed process left unfinished goes, what a living one writes stays")
{
  const scratch room;
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    detail::unfinished_file theirs;
    if (!theirs.make(room.path / "theirs")) ::_exit(1);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  REQUIRE(read_from(ready[0], 1) == "x");
  const std::string kept = room.names();
  CHECK(kept.starts_with("theirs." + std::to_string(child)));
  detail::remove_abandoned(room.path);
  CHECK(room.names() == kept);
  {
    detail::unfinished_file ours;
    REQUIRE(ours.make(room.path / "ours"));
    detail::remove_abandoned(room.path);
    CHECK(fs::exists(ours.name));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  std::ofstream(room.path / "other") << "stays";
  detail::remove_abandoned(room.path);
  CHECK(room.names() == "other");
  detail::remove_abandoned(room.path / "absent");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a file is opened once, and read as far as it is needed")
{
  const scratch room;
  const fs::path file = room.path / "data";
  std::ofstream(file) << "0123456789";
  detail::opened_file opened(file);
  CHECK(opened.size() == 10);
  CHECK(detail::characters(opened.first(4)) == "0123");
  CHECK(detail::characters(opened.first(2)) == "01");
  std::ofstream(room.path / "other") << "another, and longer";
  fs::rename(room.path / "other", file);
  CHECK(detail::characters(opened.first(100)) == "0123456789");
  CHECK(detail::characters(std::move(opened).all()) == "0123456789");
  CHECK(detail::characters(detail::read_file(file)) == "another, and longer");
  std::ofstream(file, std::ios::trunc).flush();
  CHECK(detail::opened_file(file).first(5).empty());
  CHECK(detail::read_file(file).empty());
}

TEST_CASE("a file that cannot be opened is refused with the reason")
{
  const scratch room;
  const auto said = [&](const char* name) {
    return refusal_of([&] { return detail::read_file(room.path / name); })
        .substr(room.path.string().size() + 1);
  };
  fs::create_symlink("absent", room.path / "link");
  fs::create_symlink("round", room.path / "round");
  fs::create_directories(room.path / "closed");
  write_text(room.path / "secret", "x");
  fs::permissions(room.path / "secret", fs::perms::none);
  fs::permissions(room.path / "closed", fs::perms::none);
  CHECK(said("absent") == "absent: no such file");
  CHECK(said("link") == "link: a symbolic link to nothing");
  CHECK(said("round") == "round: its symbolic links lead nowhere");
  const bool was_root = ::geteuid() == 0;
  if (was_root) REQUIRE(::seteuid(65534) == 0);
  const std::string absent = said("absent"), secret = said("secret"), closed = said("closed/a");
  if (was_root) REQUIRE(::seteuid(0) == 0);
  fs::permissions(room.path / "closed", fs::perms::owner_all);  // or it could not be removed
  if (absent != "absent: no such file") {
    WARN("skipped: files without permissions, for the folder of temporary files is root's alone");
    return;
  }
  CHECK(secret == "secret: cannot be opened for reading: Permission denied");
  CHECK(closed == "closed/a: cannot be looked at: Permission denied");
}

TEST_CASE("a message holds nothing that a terminal would obey, and words of any language")
{
  using detail::printable;
  CHECK(printable("Gesichter/Größe 顔 🙂.jpg") == "Gesichter/Größe 顔 🙂.jpg");
  CHECK(printable("\x1b[2J\x07 a\x7f") == "?[2J? a?");
  CHECK(printable("one\ntwo\r\n\tthree") == "one two   three");
  CHECK(printable("\u009b31m") == "?31m");  // a control character of two bytes
  CHECK(printable("\x9b"
                  "31m") == "?31m");                           // and of one, which is no UTF-8
  CHECK(printable("gpj.\u202egnp") == "gpj.?gnp");             // writes backwards
  CHECK(printable("\xc0\xaf") == "??");                        // "/" spelt longer than need be
  CHECK(printable("\xe0\x80\xaf|\xed\xa0\x80") == "???|???");  // the same, half of a pair
  CHECK(printable("\xf4\x90\x80\x80|\xf5") == "????|?");       // past the last character
  CHECK(printable("cut \xe9\xa1") == "cut ??");
  CHECK(printable(std::string_view("a\0b", 3)) == "a?b");
  CHECK(refusal_of([] { fail("\x1b]0;owned\x07.jpg", ": no\nsuch file"); }) ==
        "?]0;owned?.jpg: no such file");
  const scratch room;
  CHECK(refusal_of([&] {
          (void)detail::read_file(room.path / "\x1b[31mred");
        }).ends_with("/?[31mred: no such file"));
}

namespace {
/// UTF-8 of a number, by its definition (RFC 3629, section 3), whether or not that is a character.
std::string encoded(std::uint32_t number, std::size_t length)
{
  if (length == 1) return {static_cast<char>(number)};
  std::string bytes;
  for (std::size_t i = 1; i < length; ++i, number >>= 6)
    bytes.insert(bytes.begin(), static_cast<char>(0x80 | (number & 0x3F)));
  const std::uint32_t lead = 0xF00u >> length & 0xFFu;  // as many ones as there are bytes
  return bytes.insert(0, 1, static_cast<char>(lead | number));
}
constexpr std::uint32_t last_character = 0x10FFFF;
bool is_character(std::uint32_t number)
{
  return number <= last_character && (number < 0xD800 || number > 0xDFFF);
}
std::size_t shortest(std::uint32_t number)
{
  return number < 0x80 ? 1 : number < 0x800 ? 2 : number < 0x10000 ? 3 : 4;
}
}  // namespace

TEST_CASE("every character is shown as it is, or is one that turns, erases or rings")
{
  for (std::uint32_t c = 0; c <= last_character; ++c) {
    const std::string one = encoded(c, shortest(c));
    if (detail::utf8_length(one) != (is_character(c) ? one.size() : 0))
      FAIL_CHECK("length of " << c);
    if (!is_character(c)) continue;
    const bool blank = c == '\t' || c == '\n' || c == '\r',
               hidden = c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F ||
                        (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    if (detail::printable(one) != (blank ? " " : hidden ? "?" : one)) FAIL_CHECK("shown of " << c);
  }
}

TEST_CASE("what is no character is found out byte by byte")
{
  // Spelt longer than need be.
  for (std::size_t length = 2; length <= 4; ++length)
    for (std::uint32_t c = 0; c <= last_character; c += c < 0x10000 ? 1 : 251)
      if (shortest(c) < length && detail::utf8_length(encoded(c, length)) != 0)
        FAIL_CHECK(c << " in " << length << " bytes");
  // Each lead byte before bytes that may follow it or not, and cut short.
  for (unsigned lead = 0; lead < 256; ++lead)
    for (const unsigned follows :
         {0x00u, 0x41u, 0x7Fu, 0x80u, 0x8Fu, 0x90u, 0x9Fu, 0xA0u, 0xBFu, 0xC0u, 0xFFu})
      for (std::size_t at = 1; at < 4; ++at) {
        std::string text(4, '\x80');
        text[0] = static_cast<char>(lead), text[1] = '\x90', text[at] = static_cast<char>(follows);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        std::uint32_t number = lead < 0x80 ? lead : lead & (0x7Fu >> length);
        bool right = lead < 0x80 || (lead >= 0xC0 && lead < 0xF8);
        for (std::size_t i = 1; i < length; ++i) {
          const auto byte = static_cast<unsigned char>(text[i]);
          right = right && (byte & 0xC0) == 0x80;
          number = number << 6 | (byte & 0x3Fu);
        }
        right = right && is_character(number) && shortest(number) == length;
        INFO(lead << " " << follows << " at " << at);
        CHECK(detail::utf8_length(text) == (right ? length : 0));
        if (right && length > 1) CHECK(detail::utf8_length(text.substr(0, length - 1)) == 0);
        if (right) CHECK(detail::utf8_length(text.substr(0, length)) == length);
      }
}

TEST_CASE("what a file says is quoted short, in whole characters")
{
  const auto in_quotes = [](std::string_view text) { return detail::in_quotes(text); };
  CHECK(in_quotes("Größe\x1b") == "\"Größe?\"");
  CHECK(in_quotes(std::string(100, 'a')) == '"' + std::string(100, 'a') + '"');
  CHECK(in_quotes(std::string(101, 'a')) == '"' + std::string(100, 'a') + "...\"");
  CHECK(in_quotes(std::string(99, 'a') + "ö") == '"' + std::string(99, 'a') + "...\"");
  CHECK(in_quotes(std::string(98, 'a') + "öö") == '"' + std::string(98, 'a') + "ö...\"");
  CHECK(in_quotes(std::string(99, 'a') + "å") == '"' + std::string(99, 'a') + "...\"");
  CHECK(in_quotes(std::string(300, '\x80')) == '"' + std::string(97, '?') + "...\"");
}

TEST_CASE("fields of a line are read one by one, and what is wrong is said with its line")
{
  const std::string text = "1 2.5\tword \r\n\n7x\n 1e999 nan 1e39\nleft over\n";
  detail::line_reader lines(text, "f.txt");
  REQUIRE(lines.next());
  CHECK(lines.line() == "1 2.5\tword ");
  CHECK(lines.number<int>("a count") == 1);
  CHECK(lines.number<double>("a score") == 2.5);
  CHECK_FALSE(lines.done());
  CHECK(lines.word("a name") == "word");
  lines.end_of_line();
  CHECK(refusal_of([&] { static_cast<void>(lines.word("a score")); }) ==
        "f.txt:1: the line ends where a score was expected");
  REQUIRE(lines.next());
  CHECK(lines.done());
  REQUIRE(lines.next());
  CHECK(refusal_of([&] { static_cast<void>(lines.number<int>("a count")); }) ==
        "f.txt:3: \"7x\" stands where a count was expected, a whole number");
  REQUIRE(lines.next());
  for (const char* const number : {"1e999", "nan", "1e39"})
    CHECK(refusal_of([&] { static_cast<void>(lines.number<float>("a score")); }) ==
          "f.txt:4: \"" + std::string(number) +
              "\" stands where a score was expected, a finite number");
  REQUIRE(lines.next());
  CHECK(lines.word("a name") == "left");
  CHECK(refusal_of([&] { lines.end_of_line(); }) ==
        "f.txt:5: nothing was expected after the last field, but \"over\"");
  CHECK_FALSE(lines.next());
  CHECK_FALSE(detail::line_reader("", "f.txt").next());
}

TEST_CASE("a text is a file as it stands, unless it begins as gzip does")
{
  const scratch room;
  const auto file = room.path / "text";
  const auto unpacked = [](detail::byte_view, std::string_view) { return std::string("unpacked"); };
  for (const std::string_view plain :
       {"", "\x1f", "\x1f ", "\x1e\x8b", " \x8b", "\x1f\x8a", "words"}) {
    write_text(file, plain);
    CHECK(detail::read_text(file, unpacked) == plain);
  }
  for (const std::string_view packed : {"\x1f\x8b", "\x1f\x8b\x08"}) {
    write_text(file, packed);
    CHECK(detail::read_text(file, unpacked) == "unpacked");
    CHECK(refusal_of([&] { static_cast<void>(detail::read_text(file)); }) ==
          file.string() +
              ": compressed by gzip, which is not read here: unpack it first, or pass gunzip of "
              "<retinue/data/gzip.hpp> (retinue::zlib)");
  }
}

TEST_CASE("a sentence is joined of text, letters and numbers, whatever the locale says of commas")
{
  const std::string word = "a word";
  const auto said = [&](const auto&... parts) {
    try {
      fail(parts...);
    } catch (const error& e) {
      return std::string(e.what());
    }
  };
  CHECK(said(word, ", ", std::string_view("a view"), ':', ' ', -3, ", ", std::size_t{7}) ==
        "a word, a view: -3, 7");
  CHECK(said(std::numeric_limits<std::int64_t>::min(), " ", ~std::uint64_t{0}, " ", true) ==
        "-9223372036854775808 18446744073709551615 1");
  CHECK(said(0.1f, " ", 1.0, " ", 1e-7, " ", 123456789.0, " ", 2.0 / 3) ==
        "0.1 1 1e-07 1.23457e+08 0.666667");
  CHECK(said(std::numeric_limits<float>::infinity(), " ", -0.0) == "inf -0");
}
